"""The rules of a network's layers walked once, with ints or with a symbol for every free axis of its input.

Where a layer refuses some sizes, these are left out of the region from there on: each function of sizes is right
wherever all layers before it accept, so that the first layer that refuses a size is the one that a check of that size
would report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias, cast

from speczoo.compiler.analysis.region import Region
from speczoo.compiler.analysis.size_set import NoShortRule, SizeSet
from speczoo.compiler.analysis.staircase import IDENTITY, Staircase
from speczoo.compiler.analysis.symbolic import DependentAxis, Outcome, Paths, Size, is_size
from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Composite, Node, constant
from speczoo.compiler.dataflow import INPUT, Edge
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, ShapeError, Value
from speczoo.compiler.reapply import outputs_again

#: What a layer raises where it does not take a size.
REFUSALS = (ShapeError, OverflowError)

NodeValues: TypeAlias = tuple[Value, ...]
Apply: TypeAlias = Callable[[str, Node, NodeValues], NodeValues]


#: What comes out of a layer where these flow in; raises one of REFUSALS.
ApplyAgain: TypeAlias = Callable[[Node, NodeValues], NodeValues]


def inputs(graph: Graph) -> list[tuple[str, Value]]:
    """Return what flows into a network, by name."""
    return [(name, cast(Value, value)) for name, value in graph.root.inputs]


def at(shape: Sequence[Any], symbols: tuple[int, ...]) -> Shape:
    """Return a shape for values of the symbols in it."""
    return tuple(n(symbols) if is_size(n) else n for n in shape)


#: The symbol and the function that an axis of the input is.
AxisSize: TypeAlias = tuple[int, Staircase]


class Bound(NamedTuple):
    """A layer that refuses sizes: `refuses` are those that it does, some of which others refuse as well."""

    path: str
    op: str
    refuses: Region


class Map(NamedTuple):
    """What a layer makes of what flows in, where that has symbols in it."""

    path: str
    node: Node
    arriving: NodeValues
    outputs: NodeValues


@dataclass(frozen=True)
class SizeRule:
    """What holds for every size. An axis of the input is a function of a symbol: its own, or that of another axis on
    which it depends, by the layers `ties`.
    """

    region: Region
    places: tuple[AxisSize, ...]
    outputs: NodeValues
    bounds: tuple[Bound, ...]
    maps: tuple[Map, ...]
    ties: tuple[str, ...] = ()

    @cached_property
    def needed(self) -> tuple[Bound, ...]:
        """The bounds that say it all: those left out refuse nothing that later ones do not."""
        kept: list[Bound] = []
        for bound in reversed(self.bounds):
            left = bound.refuses
            with suppress(NoShortRule):
                for later in kept:
                    left = left - later.refuses
            if left:
                kept.insert(0, bound)
        return tuple(kept)

    def symbols(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """Return the symbols' values where the axes have these sizes; None where axes do not agree that have to."""
        found = {symbol: size for size, (symbol, f) in zip(sizes, self.places, strict=True) if f == IDENTITY}
        if any(f(found[symbol]) != size for size, (symbol, f) in zip(sizes, self.places, strict=True)):
            return None
        return tuple(found[symbol] for symbol in range(len(found)))


# -- the walk ---------------------------------------------------------------------------------------------------------


def walk(graph: Graph, values: NodeValues, apply: Apply) -> NodeValues:
    """Return what comes out where these flow in. `apply` gives what comes out of a layer; a list that is met again with
    equal values is not walked again.
    """
    done: dict[Any, NodeValues] = {}

    def through(composite: Composite, arriving: NodeValues, prefix: str) -> NodeValues:
        key = (id(composite), *map(_key, arriving))
        if key not in done:
            given: list[NodeValues] = []
            for node in composite.nodes:
                flowing = tuple(_flowing(source, arriving, given) for source in node.inputs)
                path = prefix + node.name
                if isinstance(node.body, Composite):
                    given.append(through(node.body, flowing, f"{path}."))
                elif node.body is None:
                    given.append(flowing[:1])
                else:
                    given.append(apply(path, node, flowing))
            done[key] = tuple(_flowing(port.edge, arriving, given) for port in composite.outputs)
        return done[key]

    return through(graph.root, values, "")


def _alike(body: Any) -> tuple[Any, ...]:
    """Return what layers that do the same have in common."""
    key = (type(body), *body.__dict__.values())
    try:
        hash(key)
    except TypeError:  # an argument of a custom layer
        return (id(body),)
    return key


def _flowing(source: Edge | float, arriving: NodeValues, given: Sequence[NodeValues]) -> Value:
    if not isinstance(source, Edge):
        return constant(source)
    return arriving[source.port] if source.node == INPUT else given[source.node][source.port]


def _key(value: Value) -> Any:
    return (*[n if isinstance(n, int) else id(n) for n in value.shape], value.dtype, value.batched)


def rule_of(graph: Graph, dims: Mapping[str, Sequence[int]], again: ApplyAgain = outputs_again) -> SizeRule | None:
    """Return what holds for every size of these axes, places in the shape of each input; None where no short rule
    exists. `again` says what comes out of a layer: as it was made, unless stated otherwise.
    """
    places = [(i, IDENTITY) for i in range(sum(map(len, dims.values())))]
    ties: list[str] = []
    try:
        while True:
            symbolic = _Symbolic(graph, dims, places, again)
            try:
                return replace(symbolic.rule(), ties=tuple(ties))
            except DependentAxis as dependent:
                places = _substituted(places, dependent)
                ties += [path for path in [symbolic.path] if path not in ties]
    except NoShortRule:
        return None


def _substituted(places: Sequence[AxisSize], dependent: DependentAxis) -> list[AxisSize]:
    """Return the axes' places without a symbol that is a function of another. Raises NoShortRule."""

    def place(symbol: int, f: Staircase) -> AxisSize:
        if symbol == dependent.gone:
            if not f.slope_one:
                raise NoShortRule("a function of a function")
            symbol, f = dependent.kept, dependent.function.plus(f.values[0])
        return symbol - (symbol > dependent.gone), f

    return [place(*at) for at in places]


class _Symbolic:
    """One walk with a symbol for every free axis."""

    def __init__(
        self, graph: Graph, dims: Mapping[str, Sequence[int]], places: Sequence[AxisSize], again: ApplyAgain
    ) -> None:
        self.graph, self.dims, self.places, self.again = graph, dims, tuple(places), again
        symbols = max((symbol for symbol, _ in places), default=-1) + 1
        region = Region.everything(symbols)
        for symbol, f in places:
            region = region.within(symbol, f.at_least(1))
        self.paths = Paths(region)
        self.path = ""  # of the layer at hand
        self.bounds: list[Bound] = []
        self.maps: list[Map] = []
        self._done: dict[Any, NodeValues] = {}

    def rule(self) -> SizeRule:
        """Raise NoShortRule, and DependentAxis where two axes have to agree."""
        outputs = walk(self.graph, tuple(self._symbols()), self._apply)
        for symbol, _ in self.places:
            self.paths.region.on(symbol)  # which has to be short, too
        return SizeRule(self.paths.region, self.places, outputs, tuple(self.bounds), tuple(self.maps))

    def _symbols(self) -> Iterator[Value]:
        left = iter(self.places)
        for name, value in inputs(self.graph):
            shape: list[Any] = list(value.shape)
            for dim in self.dims[name]:
                shape[dim] = self.paths.along(*next(left))
            yield value._replace(shape=tuple(shape))

    def _apply(self, path: str, node: Node, arriving: NodeValues) -> NodeValues:
        """Return what comes out of a layer, and leave out of the region what it refuses."""
        if all(isinstance(n, int) for value in arriving for n in value.shape):
            return cast(NodeValues, node.outputs)
        self.path = path
        key = (*_alike(node.body), *map(_key, arriving))
        if key not in self._done:
            outcomes = self.paths.explore(lambda: self.again(node, arriving), REFUSALS)
            accepted = [outcome for outcome in outcomes if outcome.given is not None]
            refused = [outcome for outcome in outcomes if outcome.given is None]
            if refused:
                self._refuse(path, node, arriving, accepted, refused)
            outputs = _agreeing(accepted) if len(accepted) > 1 else cast(NodeValues, accepted[0].given)
            if refused:
                outputs = self._simpler(outputs, arriving)
            self._done[key] = outputs
        self.maps.append(Map(path, node, arriving, self._done[key]))
        return self._done[key]

    def _refuse(
        self,
        path: str,
        node: Node,
        arriving: NodeValues,
        accepted: Sequence[Outcome[Any]],
        refused: Sequence[Outcome[Any]],
    ) -> None:
        if not accepted:
            raise NoShortRule("a layer that takes nothing")
        for outcome in refused:
            least = tuple(sizes.least for sizes in outcome.region.boxes[0])
            there = tuple(value._replace(shape=at(value.shape, least)) for value in arriving)
            try:
                self.again(node, there)
            except REFUSALS:
                continue
            raise NoShortRule("a rule that asks which sizes it takes")
        reason = refused[0].reason
        for outcome in refused[1:]:
            reason = reason | outcome.reason
        self.bounds.append(Bound(path, node.op, reason))
        region = accepted[0].region
        for outcome in accepted[1:]:
            region = region | outcome.region
        self.paths.region = region

    def _simpler(self, outputs: NodeValues, arriving: NodeValues) -> NodeValues:
        """Return what comes out, a size as the simplest of those that flow in and are equal for all accepted sizes."""
        known = [n for value in arriving for n in value.shape if is_size(n)]
        return tuple(
            value._replace(shape=tuple(self._simplest(n, known) if is_size(n) else n for n in value.shape))
            for value in outputs
        )

    def _simplest(self, size: Size, known: Sequence[Size]) -> Any:
        if (value := self.paths.constant(size)) is not None:
            return value
        best = size
        for other in known:
            mine, yours = best.single, other.single
            if (
                mine is not None
                and yours is not None
                and mine[0] == yours[0]
                and (yours[1].period, len(yours[1].places)) < (mine[1].period, len(mine[1].places))
                and agree(mine[1], yours[1], self.paths.region.on(mine[0]))
            ):
                best = other
        return best


def agree(f: Staircase, g: Staircase, sizes: SizeSet) -> bool:
    """Return whether two functions have the same values on a set of sizes."""
    rest = f.minus(g)
    return rest == 0 if isinstance(rest, int) else sizes <= rest.equal_to(0)


def _agreeing(outcomes: Sequence[Outcome[NodeValues]]) -> NodeValues:
    """Return the outputs of one way through a rule that are right on all ways. Raises NoShortRule."""
    for outcome in outcomes:
        assert outcome.given is not None
        if all(_same(outcome.given, other) for other in outcomes):
            return outcome.given
    raise NoShortRule("a rule with several results")


def _same(values: NodeValues, outcome: Outcome[NodeValues]) -> bool:
    assert outcome.given is not None
    if len(values) != len(outcome.given):
        return False
    return all(
        len(value.shape) == len(other.shape)
        and (value.dtype, value.batched) == (other.dtype, other.batched)
        and all(_equal_on(a, b, outcome.region) for a, b in zip(value.shape, other.shape, strict=True))
        for value, other in zip(values, outcome.given, strict=True)
    )


def _equal_on(a: Any, b: Any, region: Region) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    if a is b:
        return True
    rest = a - b
    if isinstance(rest, int) or rest.single is None:
        return isinstance(rest, int) and rest == 0
    axis, f = rest.single
    equal: SizeSet = f.equal_to(0)
    return region.on(axis) <= equal
