"""Where a value of a wrong entry was given: to the block around it, in a loop, or at the layer that made it so wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from speczoo.compiler.composite import Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.explain.interface import ElaboratedText, EntryPosition, OpenList
from speczoo.compiler.layer import Shape
from speczoo.compiler.unknown import UNKNOWN
from speczoo.specs.entry import variables
from speczoo.specs.expression import ExpressionError, Name, Template
from speczoo.specs.problem import Loc, Mark
from speczoo.specs.wording import printed

#: Arguments that set a layer's channels or features.
WIDTHS = ("out_channels", "out_features", "channels")


def given(
    text: ElaboratedText, frame: OpenList, item: EntryPosition, written: Any, value: Any
) -> tuple[list[Mark], Loc | None]:
    """Return where a value was given that is written here by a name alone, `$c`: in a loop, to a block, or to the spec.
    And that place again where it is none of a loop's: each user of a block hears of its own problem.
    """
    loc = given_at(text, frame, item, written, value)
    if loc is None:
        return [], None
    shown = ascii(value) if isinstance(value, str) else printed(value)
    mark = Mark(loc, f"{shown} is given here" if len(shown) <= 20 else "given here")
    return [mark], None if "for" in loc[len(frame.loc) :] else loc


def given_at(text: ElaboratedText, frame: OpenList, item: EntryPosition, written: Any, value: Any) -> Loc | None:
    """Return the place where a value was given that is written here by a name alone; None where a caller laid another
    over it.
    """
    try:
        expression = Template.of(written).expression if isinstance(written, str) else None
    except ExpressionError:
        return None
    if not isinstance(expression, Name):
        return None
    loc = _turn(text, frame, item, expression.name) or _parameter(text, expression.name)
    there = text.written(loc)
    if isinstance(there, dict):
        loc, there = (*loc, "default") if "default" in there else loc, there.get("default")
    computed = isinstance(there, str) and ("$" in there or ".." in there)
    return loc if computed or there == value else None


def _turn(text: ElaboratedText, frame: OpenList, item: EntryPosition, name: str) -> Loc | None:
    """Return the place in a `for` around this entry where a loop variable has its value of this turn."""
    turns = list(item.turns)
    for depth in range(len(frame.loc) + 1, len(item.loc) + 1, 2):
        loop = text.written((*item.loc[:depth], "for"))
        for key in loop or ():
            if name in (names := variables(key)):
                loc = (*item.loc[:depth], "for", key)
                row = (*loc, *turns[:1])
                place = (*row, names.index(name)) if len(names) > 1 else row
                return place if text.written(place) is not None else loc
        turns = turns[1:] if loop else turns
    return None


def _parameter(text: ElaboratedText, name: str) -> Loc:
    """Return where the block around this list is given a parameter, or the spec."""
    at, op = next(((at, op) for _, at, op in reversed(text.trail) if at is not None), (None, ""))
    blocks = text.unit.spec.blocks
    if op in blocks and name in blocks[op].params:
        used = (*at[:-1], name) if isinstance(at, tuple) else None
        return used if used and text.written(used) is not None else ("blocks", op, "params", name)
    own = ("blocks", op, "let", name) if op in blocks and name in blocks[op].let else ("let", name)
    if text.written(own) is not None:
        return own
    chosen = ("variants", str(text.settings.variant), "params", name)
    return chosen if text.written(chosen) is not None else ("params", name)


def comes_of(nodes: Sequence[Node], source: Operand, made: Node) -> bool:
    """Return whether a value is made from what an entry of the same list gives."""
    left, visited = [source], set[Operand]()
    while left:
        edge = left.pop()
        if isinstance(edge, Edge) and edge.node != INPUT and edge not in visited:
            visited.add(edge)
            if nodes[edge.node] is made:
                return True
            left += nodes[edge.node].inputs
    return False


class Maker(NamedTuple):
    """The entry that sets how wide a value is, the argument that does it, and the value's shape."""

    node: Node
    argument: str
    shape: Shape


def maker(nodes: Sequence[Node], source: Operand) -> Maker | None:
    """Return the entry that sets how wide a value is; None where it is none of these."""
    for _ in range(len(nodes)):
        if not isinstance(source, Edge) or source.node == INPUT:
            return None
        node = nodes[source.node]
        value = node.outputs[source.port]
        if value is UNKNOWN or not value.shape:
            return None
        for key in WIDTHS:
            if key in node.entry.arguments:
                return Maker(node, key, value.shape)
        if len(node.inputs) != 1 or (node.shapes and node.shapes[0][:1] != value.shape[:1]):
            return None
        source = node.inputs[0]
    return None
