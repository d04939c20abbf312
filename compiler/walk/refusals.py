"""What is said when a layer does not take what flows in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.arguments import printed
from compiler.graph import INPUT, Edge, Node, Source
from compiler.layer import Layer, Shape, ShapeError, Windowed, show
from compiler.scope import Scope
from compiler.walk.loops import variables
from compiler.walk.session import Item, Sized, Stop
from compiler.walk.tracing import Chain, keeping, name_of, trace
from compiler.walk.wires import Wires
from specs.diagnostics import Label, Span
from specs.expression import ExpressionError, Name, Template
from specs.spec import Loc

#: Arguments that set a layer's channels or features.
WIDTHS = ("out_channels", "out_features", "channels")


class Refusals(Wires):
    """Places a layer's refusal at the argument or the inputs that it speaks of, with the arithmetic that led there."""

    def refused(self, item: Item, node: Node, body: Layer, error: ShapeError) -> None:
        walk = self.walk
        written = item.entry.from_
        labels: list[Label] = []
        apart: Span | None = None
        loc: Loc = (*item.loc, "op") if item.entry.op is not None else (*item.loc, "share")
        placed = False
        if error.argument is not None and (
            error.argument in item.entry.arguments or (error.argument == "from" and written is not None)
        ):
            loc, placed = (*item.loc, error.argument), True
            raw = item.entry.arguments.get(error.argument)
            labels, apart = self.given(item, raw, getattr(body, error.argument, None))
        elif error.argument is not None and error.argument in walk.unit.spec.defaults.get(node.op, {}):
            at = walk.span(("defaults", node.op, error.argument))
            labels += [Label(at, "set here")] if at else []
        text = ""
        for position, said in error.inputs.items():
            if isinstance(written, list) and position < len(written):
                place: Loc = (*item.loc, "from", position)
            elif written is not None and position == 0:
                place = (*item.loc, "from")
            else:
                continue
            if not placed:
                loc, placed, text = place, True, said
            elif (span := walk.span(place)) is not None:
                labels.append(Label(span, said))
        labels += self.origins(node, error)
        chains = self.chains(node, body, error)
        notes = [chain.text for chain in chains] or list(error.notes)
        sized, otherwise = bool(chains), ""
        help = list(error.help)
        if error.code == "empty-output" and chains:
            otherwise = f"or drop `{node.name}`" if node.named else "or drop this layer"
        elif error.code == "shape-mismatch" and chains:
            kept = [f"`{s.keeps}` lets `{s.name}` keep the size" for chain in chains for s in chain.steps if s.keeps]
            all_kept = kept if len(kept) == sum(len(chain.steps) for chain in chains) else []
            crop = "" if help or node.op == "matmul" else self.cropped(item, node)
            otherwise = "; ".join(filter(None, (", and ".join(all_kept), crop)))
        elif error.code == "shape-mismatch" and not help:
            help = self.widths(item, node, list(error.inputs))
        elif error.code == "assertion-failed":
            sized = "in_features" in (error.argument or "")
            notes += self.flattened(node)
        told = walk.tell(
            error.code,
            error.message,
            loc,
            path=node.name,
            labels=labels,
            notes=notes,
            help=help,
            text=text,
            meant=self.replacement(item, error),
            apart=apart,
        )
        if sized:
            walk.session.sized.append(Sized(told, otherwise))

    def count_differs(self, item: Item, blank: Node, op: str, wanted: Sequence[str]) -> Stop:
        """Tells that a list takes another number of inputs."""
        takes = f"`{op}` takes {len(wanted)} input{'s' * (len(wanted) > 1)} ({', '.join(wanted)})"
        if item.entry.from_ is None:
            message = f"{takes}: say which in `from`"
            key = "op" if item.entry.op is not None else "share"
            return self.walk.stop("missing-argument", message, (*item.loc, key), path=blank.name)
        return self.walk.stop("bad-value", f"{takes}, not {len(blank.inputs)}", (*item.loc, "from"), path=blank.name)

    @staticmethod
    def replacement(item: Item, error: ShapeError) -> str | None:
        """The value to write in place of the argument's, where the help says just one."""
        if len(error.help) != 1 or error.argument not in item.entry.arguments or "$" in repr(item.entry.arguments):
            return None
        said = re.match(rf"write `{error.argument}: ([^`]+)`", error.help[0])
        return said[1] if said else None

    # -- the arithmetic -----------------------------------------------------------------------------------------

    def chains(self, node: Node, body: Layer, error: ShapeError) -> list[Chain]:
        """How the sizes that do not fit came about."""
        places = self.walk.session.places
        shapes = node.shapes if None not in node.arriving else ()
        if not shapes:
            return []
        if error.code == "empty-output" and isinstance(body, Windowed):
            window, n = body.window(), body.spatial
            for i, size in enumerate(shapes[0][-n:]):
                if (got := window.places(i, size)) < 1 and (chain := trace(places, node.inputs[0], i - n)):
                    return [chain.then(node.name, got, window.arithmetic(i, size))]
        if error.code == "shape-mismatch" and len(error.inputs) > 1:
            first, other, *_ = error.inputs
            if other < len(shapes) and len(shapes[first]) == len(shapes[other]):
                return list(self._apart(node, first, other))
        return []

    def _apart(self, node: Node, first: int, other: int) -> Iterator[Chain]:
        """The chains of two inputs from where they parted, on the first spatial axis that differs."""
        places = self.walk.session.places
        a, b = node.shapes[first], node.shapes[other]
        axis = next((i - len(a) for i in range(1, len(a)) if a[i] != b[i]), None)
        if axis is None:
            return
        for source, beside in ((node.inputs[first], node.inputs[other]), (node.inputs[other], node.inputs[first])):
            stop = beside if isinstance(beside, Edge) else None
            chain = trace(places, source, axis, stop)
            if chain is not None and chain.steps:
                yield chain

    def flattened(self, node: Node) -> list[str]:
        """Where the features come from, of a layer behind a Flatten: `16 x 6 x 6 = 576`, and how high the map is."""
        source: Source = node.inputs[0] if node.inputs else 0
        while isinstance(source, Edge) and source.node != INPUT:
            maker = self.nodes[source.node]
            if maker.op == "Flatten" and maker.shapes and len(maker.shapes[0]) > 1:
                shape = maker.shapes[0]
                told = [f"`{maker.name}` makes {show(shape)} into {math.prod(shape)}"]
                if len(shape) == 3 and (chain := trace(self.walk.session.places, maker.inputs[0], -2)) and chain.steps:
                    told.append(chain.text)
                return told
            if len(maker.inputs) != 1 or not maker.shapes or maker.outputs != (maker.arriving[0],):
                break
            source = maker.inputs[0]
        return []

    # -- what would mend it -------------------------------------------------------------------------------------

    def cropped(self, item: Item, node: Node) -> str:
        """`or crop enc1 to up1`, where one input is larger than the other on every axis."""
        written = item.entry.from_
        if not isinstance(written, list) or len(written) != 2 or len(node.shapes) != 2:
            return ""
        if node.op != "concat" and node.shapes[0][0] != node.shapes[1][0]:
            return ""
        a, b = (shape[1:] for shape in node.shapes)
        if all(x >= y for x, y in zip(a, b, strict=True)):
            large, small = written
        elif all(x <= y for x, y in zip(a, b, strict=True)):
            small, large = written
        else:
            return ""
        return f"or crop `{large}` to `{small}`: `{{op: crop, from: {large}, like: {small}}}`"

    def widths(self, item: Item, node: Node, apart: list[int]) -> list[str]:
        """For inputs that differ in channels alone, one from all others: the number that would fit, and a
        projection."""
        written = item.entry.from_
        if len(apart) < 2 or len({node.shapes[position] for position in apart[1:]}) > 1:
            return []
        shapes = [node.shapes[position] for position in apart[:2]]
        if len(shapes[0]) != len(shapes[1]) or shapes[0][1:] != shapes[1][1:]:
            return []
        names = ["the first", "the second"]
        if isinstance(written, list):
            names = [str(written[position]) for position in apart[:2]]
        makers = [self.maker(node.inputs[position]) for position in apart[:2]]
        help = []
        for mine, its in ((0, 1), (1, 0)):
            if (found := makers[mine]) is not None and isinstance(found[0].entry.arguments.get(found[1]), int):
                help.append(
                    f"set `{found[1]}: {shapes[its][0]}`" + (f" of `{found[0].name}`" if found[0].named else "")
                )
                break
        if len(shapes[0]) == 3:
            from_, to = (1, 0) if makers[0] is not None and len(apart) == 2 else (0, 1)
            help.append(f"project `{names[from_]}` with a 1x1 convolution to {shapes[to][0]} channels")
        return [", or ".join(help)] if help else []

    def origins(self, node: Node, error: ShapeError) -> list[Label]:
        """Where the channels that clash were set: the `out_channels` (or features) of the layers they come from."""
        out: list[Label] = []
        if error.code not in ("shape-mismatch", "indivisible", "assertion-failed"):
            return out
        if error.code == "shape-mismatch" and not self._channels_differ(node, error):
            return out
        for position in error.inputs:
            if position < len(node.inputs) and (found := self.maker(node.inputs[position])) is not None:
                maker, key, value = found
                span = self.walk.span((*maker.loc, key))
                label = Label(span, f"{value[-1 if key == 'out_features' else 0]} is set here") if span else None
                if label is not None and label not in out:
                    out.append(label)
        return out

    def given(self, item: Item, said: Any, value: Any) -> tuple[list[Label], Span | None]:
        """Where a value was given that is said here by a name alone, `$c`: in a loop, to a block, or to the spec. And
        that place again where it is none of a loop's: each user of a block is told of its own mistake."""
        loc = self.given_at(item, said, value)
        span = self.walk.span(loc) if loc else None
        shown = ascii(value) if isinstance(value, str) else printed(value)
        if span is None:
            return [], None
        label = Label(span, f"{shown} is given here" if len(shown) <= 20 else "given here")
        return [label], None if "for" in loc[len(self.loc) :] else span  # type: ignore[index]

    def given_at(self, item: Item, said: Any, value: Any) -> Loc | None:
        """The place where a value was given that is said here by a name alone; None where a caller laid another over
        it."""
        try:
            expression = Template.of(said).expression if isinstance(said, str) else None
        except ExpressionError:
            return None
        if not isinstance(expression, Name):
            return None
        loc = self._turn(item, expression.name) or self._parameter(expression.name)
        there = self.walk.written(loc) if loc else None
        if isinstance(there, dict) and loc is not None:
            loc, there = (*loc, "default") if "default" in there else loc, there.get("default")
        computed = isinstance(there, str) and ("$" in there or ".." in there)
        return loc if computed or there == value else None

    def _turn(self, item: Item, name: str) -> Loc | None:
        """The place in a `for` around this entry where a loop variable has its value of this turn."""
        turns = list(item.turns)
        for depth in range(len(self.loc) + 1, len(item.loc) + 1, 2):
            for key in self.walk.written((*item.loc[:depth], "for")) or ():
                if name in (names := variables(key)):
                    loc = (*item.loc[:depth], "for", key)
                    row = (*loc, *turns[:1])
                    place = (*row, names.index(name)) if len(names) > 1 else row
                    return place if self.walk.written(place) is not None else loc
            turns = turns[1:] if self.walk.written((*item.loc[:depth], "for")) else turns
        return None

    def _parameter(self, name: str) -> Loc | None:
        """Where the block around this list is given a parameter, or the spec."""
        walk = self.walk
        at, op = next(((at, op) for _, at, op in reversed(walk.trail) if at is not None), (None, ""))
        if op in walk.unit.spec.blocks and name in walk.unit.spec.blocks[op].params:
            given = (*at[:-1], name) if isinstance(at, tuple) else None
            return given if given and walk.written(given) is not None else ("blocks", op, "params", name)
        chosen = ("variants", str(walk.settings.variant), "params", name)
        return chosen if walk.written(chosen) is not None else ("params", name)

    @staticmethod
    def _channels_differ(node: Node, error: ShapeError) -> bool:
        shapes = [node.shapes[p] for p in error.inputs if p < len(node.shapes)]
        return len({len(s) for s in shapes}) == 1 and len({s[0] for s in shapes if s}) > 1

    def maker(self, source: Source) -> tuple[Node, str, Shape] | None:
        """The entry that says how wide a value is, the argument that says it, and the value's shape."""
        for _ in range(len(self.nodes)):
            if not isinstance(source, Edge) or source.node == INPUT:
                return None
            node = self.nodes[source.node]
            value = node.outputs[source.port]
            if value is None or not value.shape:
                return None
            for key in WIDTHS:
                if key in node.entry.arguments:
                    return node, key, value.shape
            if len(node.inputs) != 1 or (node.shapes and node.shapes[0][:1] != value.shape[:1]):
                return None
            source = node.inputs[0]
        return None

    def asserted(self, item: Item, node: Node, scope: Scope) -> None:
        walk = self.walk
        wanted = walk.evaluate(item.entry.shape, scope, (*item.loc, "shape"), node.name)
        if not isinstance(wanted, list) or not all(map(_is_size, wanted)):
            odd = [i for i, n in enumerate(wanted) if not _is_size(n)] if isinstance(wanted, list) else []
            at = (*item.loc, "shape", *odd[:1])
            message = f"`shape` is a list of sizes, not {wanted!r}: sizes are integers of at least 1"
            raise walk.stop("bad-value", message, at, path=node.name)
        if len(node.outputs) != 1:
            raise walk.stop(
                "bad-value",
                f"`shape` speaks of one output, and `{node.name}` has {len(node.outputs)}",
                (*item.loc, "shape"),
                path=node.name,
            )
        got = node.outputs[0]
        if got is None or tuple(wanted) == got.shape:
            return
        notes = []
        if len(wanted) == len(got.shape):
            for i, (says, has) in enumerate(zip(wanted, got.shape, strict=True)):
                how = node.body.arithmetic(i, *node.shapes) if isinstance(node.body, Layer) and node.shapes else ""
                if says != has and how:
                    notes.append(f"{name_of(got.shape, i - len(got.shape))}: {how} = {has}")
        sizes = ", ".join(map(str, got.shape))
        keeps = keeping(node.body, -1) if node.shapes and tuple(wanted[1:]) == node.shapes[0][1:] else ""
        walk.tell(
            "assertion-failed",
            f"the output is {show(got.shape)}, and `shape` says {show(wanted)}",
            (*item.loc, "shape"),
            path=node.name,
            notes=notes[:1],
            help=[*([f"`{keeps}` keeps the size"] if keeps else []), f"write `shape: [{sizes}]`, or change the layer"],
        )


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 1
