"""Which entries of two networks are each other's: lists against lists, by what their entries are and where they stand.

A list that is in one network alone may hold entries that stand without it in the other: then it was put around them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from speczoo.compiler.analysis.canonical_arguments import hashable, stated
from speczoo.compiler.analysis.sequence_alignment import aligned
from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge, Operand
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer

#: How much of two lists has to be alike for them to be one that was changed; where they are blocks of two names, more.
ALIKE, ALIKE_UNDER_OTHER_NAMES = 0.3, 0.75
#: An entry by its number in its list, or by that of a list there and its number in it.
_Place: TypeAlias = tuple[int, ...]
_Pair: TypeAlias = tuple[_Place | None, _Place | None]


class Contents(NamedTuple):
    """What a list holds: a number for all of it, equal for equal lists; its layers by what they state, and its entries,
    by their numbers.
    """

    number: int
    layers: Counter[int]
    entries: frozenset[int]


class Kinds:
    """Numbers for what entries are: equal ones have equal numbers, whichever network they stand in."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._contents: dict[Composite, Contents] = {}

    def number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def contents(self, composite: Composite) -> Contents:
        """Return what a list holds, found once for all places where it stands."""
        if composite not in self._contents:
            items = {i: LocatedEntry(node, "", self) for i, node in enumerate(composite.nodes) if node.body is not None}
            place = {index: i for i, index in enumerate(items)}

            def taken(operand: Operand) -> Hashable:
                behind = composite.wiring.resolve(operand)
                return (place.get(behind.node, -1), behind.port) if isinstance(behind, Edge) else repr(behind)

            entries = [
                (
                    item.node.name,
                    item.number,
                    *map(taken, item.node.inputs),
                    None if item.node.shared is None else place[item.node.shared],
                )
                for item in items.values()
            ]
            outputs = [taken(port.edge) for port in composite.outputs]
            layers: Counter[int] = Counter()
            for item in items.values():
                layers.update(item.layers)
            number = self.number((tuple(entries), tuple(outputs)))
            self._contents[composite] = Contents(number, layers, frozenset(i.number for i in items.values()))
        return self._contents[composite]


@dataclass(eq=False)
class LocatedEntry:
    """An entry where it stands. `around` is the list that it is in; None in that of the network."""

    node: Node
    prefix: str
    kinds: Kinds = field(repr=False)
    around: LocatedEntry | None = field(default=None, repr=False)

    @cached_property
    def path(self) -> str:
        return self.prefix + self.node.name

    @property
    def body(self) -> Layer | Composite:
        assert self.node.body is not None
        return self.node.body

    @property
    def is_list(self) -> bool:
        return isinstance(self.body, Composite)

    @cached_property
    def shared(self) -> bool:
        """Whether the modules that it applies are others'."""
        return self.node.shared is not None or (self.around is not None and self.around.shared)

    @cached_property
    def children(self) -> list[LocatedEntry]:
        """The entries of a list but for those that `when` left out; none of a layer."""
        nodes = self.body.nodes if isinstance(self.body, Composite) else ()
        return [LocatedEntry(node, f"{self.path}.", self.kinds, self) for node in nodes if node.body is not None]

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a layer that do not follow from what flows in."""
        return stated(self.body) if isinstance(self.body, Layer) else {}

    @cached_property
    def stated(self) -> int:
        """The number of a layer by its op and its arguments."""
        return self.kinds.number((self.node.op, hashable(self.arguments)))

    @cached_property
    def number(self) -> int:
        """The number of an entry by all that it is, but for its name and what it takes."""
        if isinstance(self.body, Composite):
            return self.kinds.contents(self.body).number
        return self.kinds.number((self.stated, self.node.arriving, self.node.outputs))

    @property
    def entries(self) -> frozenset[int]:
        """The entries of a list, by their numbers; none of a layer."""
        return self.kinds.contents(self.body).entries if isinstance(self.body, Composite) else frozenset()

    @property
    def layers(self) -> Counter[int]:
        """The layers that it is, near and far, by what they state."""
        return self.kinds.contents(self.body).layers if isinstance(self.body, Composite) else Counter([self.stated])


class Match(NamedTuple):
    """An entry of both networks, or of one alone; then `inside` are those of the other, which it was put around."""

    before: LocatedEntry | None
    after: LocatedEntry | None
    inside: tuple[LocatedEntry, ...] = ()


def align(first: Graph, second: Graph) -> list[Match]:
    """Return what stands in both networks and what stands in one alone, a list before what it holds. Of what stands in
    one alone it is the whole list, and what it holds only where other entries of it stand in both.

    The other way round it is the same: of alignments that are as good, the one that is taken hangs on neither's place.
    """
    if _order(first, second) > _order(second, first):
        return [Match(match.after, match.before, match.inside) for match in align(second, first)]
    kinds = Kinds()
    before, after = (
        [LocatedEntry(node, "", kinds) for node in g.root.nodes if node.body is not None] for g in (first, second)
    )
    return [*_Aligner().lists(before, after, (first.root, second.root))]


def _order(graph: Graph, other: Graph) -> tuple[Any, ...]:
    """Return what says which of two networks comes first: their numbers, and where these are equal, their layers."""
    numbers = graph.root.leaves, graph.params, graph.macs
    if numbers != (other.root.leaves, other.params, other.macs):
        return numbers
    return numbers, [(path, repr(node.body), repr(node.inputs)) for path, node, _ in graph.walk()]


class _Aligner:
    """Aligns lists against lists; two that stand in several places once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Composite, Composite], list[_Pair]] = {}

    def lists(
        self, before: Sequence[LocatedEntry], after: Sequence[LocatedEntry], of: tuple[Composite, Composite]
    ) -> Iterator[Match]:
        if of not in self._known:
            self._known[of] = _with_moved(before, after, _with_opened(before, after))
        pairs = self._known[of]
        inside: dict[
            tuple[int, int], list[LocatedEntry]
        ] = {}  # by a list of one network alone: what of the other it holds
        for here, there in pairs:
            if here and there and len(here) > 1:
                inside.setdefault((0, here[0]), []).append(_at(after, there))
            elif here and there and len(there) > 1:
                inside.setdefault((1, there[0]), []).append(_at(before, here))
        for here, there in pairs:
            if here and (0, here[0]) in inside:
                yield Match(before[here[0]], None, tuple(inside.pop((0, here[0]))))
            if there and (1, there[0]) in inside:
                yield Match(None, after[there[0]], tuple(inside.pop((1, there[0]))))
            one, other = _at(before, here) if here else None, _at(after, there) if there else None
            yield Match(one, other)
            if one and other and isinstance(one.body, Composite) and isinstance(other.body, Composite):
                yield from self.lists(one.children, other.children, (one.body, other.body))


def _at(items: Sequence[LocatedEntry], place: _Place) -> LocatedEntry:
    return items[place[0]] if len(place) == 1 else items[place[0]].children[place[1]]


def _with_opened(before: Sequence[LocatedEntry], after: Sequence[LocatedEntry]) -> list[_Pair]:
    """Return the alignment of two lists in which a list of one alone may hold entries of the other: most of what it
    holds, or it is not looked into.
    """
    none: frozenset[int] = frozenset()
    pairs = _aligned(before, after, none, none)
    removed = [here[0] for here, there in pairs if here and not there]
    added = [there[0] for here, there in pairs if there and not here]
    held = _held(before, removed), _held(after, added)  # what was put into a list of the other is left whole
    left = frozenset(i for i in removed if added and before[i].is_list and before[i].number not in held[1])
    right = frozenset(i for i in added if removed and after[i].is_list and after[i].number not in held[0])
    while left or right:
        found = _aligned(before, after, left, right)
        pairs_found = [(here, there) for here, there in found if here and there]
        met = [Counter(pair[side][0] for pair in pairs_found if len(pair[side]) > 1) for side in (0, 1)]
        most = [
            frozenset(i for i in opened if 2 * counted[i] > len(items[i].children))
            for opened, counted, items in ((left, met[0], before), (right, met[1], after))
        ]
        if most == [left, right]:
            return found
        left, right = most
    return pairs


def _held(items: Sequence[LocatedEntry], numbers: Iterable[int]) -> frozenset[int]:
    """Return the numbers of all that lists hold."""
    return frozenset[int]().union(*(items[i].entries for i in numbers))


def _with_moved(before: Sequence[LocatedEntry], after: Sequence[LocatedEntry], pairs: list[_Pair]) -> list[_Pair]:
    """Return the pairs with those of what stands elsewhere in the list under the same id, and is of the same kind."""
    alone = [(here, _at(before, here)) for here, there in pairs if here and not there and len(here) == 1]
    left = {_key(item): place for place, item in alone if item.node.named}
    found: dict[_Place | None, _Place] = {}
    for here, there in pairs:
        if there and not here and len(there) == 1 and after[there[0]].node.named:
            key = _key(after[there[0]])
            found |= {there: left[key]} if key in left else {}
    gone = set(found.values())
    return [(found.get(there, here), there) for here, there in pairs if there or here not in gone]


def _key(item: LocatedEntry) -> tuple[str, str]:
    return item.node.name, "" if item.is_list else item.node.op


def _aligned(
    before: Sequence[LocatedEntry], after: Sequence[LocatedEntry], left: Collection[int], right: Collection[int]
) -> list[_Pair]:
    """Return the best alignment of two lists; of those with the numbers `left` and `right` of what they hold."""
    first, second = _laid_out(before, left), _laid_out(after, right)
    known: dict[tuple[int, int, float], float] = {}

    def score(one: tuple[_Place, LocatedEntry], other: tuple[_Place, LocatedEntry]) -> float:
        if len(one[0]) > 1 and len(other[0]) > 1:
            return 0  # an entry of two lists is found where these are each other's
        key = (one[1].number, other[1].number, _name(one[1], other[1]))
        if key not in known:
            known[key] = likeness(one[1], other[1])
        return known[key]

    def same(one: tuple[_Place, LocatedEntry], other: tuple[_Place, LocatedEntry]) -> bool:
        return one[1].number == other[1].number and one[1].node.name == other[1].node.name

    pairs = aligned(first, second, score, same)
    return [(None if i is None else first[i][0], None if j is None else second[j][0]) for i, j in pairs]


def _laid_out(items: Sequence[LocatedEntry], opened: Collection[int]) -> list[tuple[_Place, LocatedEntry]]:
    out: list[tuple[_Place, LocatedEntry]] = []
    for i, item in enumerate(items):
        out += [((i, k), child) for k, child in enumerate(item.children)] if i in opened else [((i,), item)]
    return out


# -- how alike two entries are ----------------------------------------------------------------------------------------


def likeness(one: LocatedEntry, other: LocatedEntry) -> float:
    """Return how much speaks for two entries being one that was changed; 0 where nothing does."""
    if one.is_list != other.is_list:
        return 0
    if one.is_list:
        share = _common(one, other)
        return (
            (6 * share + (one.number == other.number)) * (1 + math.log2(1 + _size(one) + _size(other)))
            + _name(one, other)
            if share
            else 0
        )
    return _of_layers(one, other)


def _name(one: LocatedEntry, other: LocatedEntry) -> float:
    """Return what their names speak for: ids that are written more than positions that happen to be the same."""
    if one.node.name != other.node.name:
        return 0
    return 1.5 if one.node.named and other.node.named else 0.25


def _of_layers(one: LocatedEntry, other: LocatedEntry) -> float:
    name = _name(one, other)
    shapes = 0.25 * (one.node.outputs == other.node.outputs) + 0.25 * (one.node.arriving == other.node.arriving)
    if one.node.op == other.node.op:
        equal = [other.arguments.get(key) == value for key, value in one.arguments.items()]
        return 3 + 2 * (sum(equal) / len(equal) if equal else 1) + (one.stated == other.stated) + shapes + name
    if type(one.body).__module__ == type(other.body).__module__ or name > 1:  # another activation, another norm
        return 1 + shapes + name
    return 0


def _common(one: LocatedEntry, other: LocatedEntry) -> float:
    """Return the share of their layers that two lists have in common; 0 where they are not one list."""
    if one.number == other.number:
        return 1
    if one.number in other.entries or other.number in one.entries:
        return 0  # the one was put around the other
    total = one.layers.total() + other.layers.total()
    share = 2 * (one.layers & other.layers).total() / total if total else 1.0
    if one.node.named and other.node.named and one.node.name == other.node.name:
        return max(share, ALIKE)
    blocks = one.node.op != other.node.op
    return share if share >= (ALIKE_UNDER_OTHER_NAMES if blocks else ALIKE) else 0


def _size(item: LocatedEntry) -> int:
    return item.layers.total()
