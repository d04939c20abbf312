"""Receptive fields: which places of a network's input reach a place of a layer's output.

Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill 2019, whose arithmetic
`compiler/reach.py` extends to whatever repeats, upsampling and transposed convolutions among it. Of several ways to a
place, as in residual networks, all are taken together. Networks are looked at in evaluation mode: batch norm sees its
own place, a norm over the map sees all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from speczoo.compiler.cached import once
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.compiler.reach import SAME, Link, PlaceSpan, Reach, hull
from speczoo.compiler.unknown import Unknown


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What a place of a layer's output sees, a number for each spatial axis of the network's input.

    `size` is how many places of the input lie under it: of those between the first and the last that reach it, the most
    that any place has. From a place to the next it moves on by `stride`, below 1 after upsampling, below 0 where the
    axis is flipped. `offset` is the first place under the output's first: negative where it begins in the padding. Size
    and offset are those of an input without end: over a small one they hang over.

    An axis whose places are gone, after global pooling or flattening, is seen as the whole of what flows in: `stride`
    is 0 there, and size and offset lie within the input.
    """

    size: tuple[int, ...]
    stride: tuple[int | float, ...]
    offset: tuple[int, ...]

    def to_json(self) -> dict[str, list[int | float]]:
        """Return lists by name."""
        return {"size": [*self.size], "stride": [*self.stride], "offset": [*self.offset]}


class Field(NamedTuple):
    """How an axis of the input reaches a value: along one of its axes, or, None, all places alike. `visible` is what
    the places that are there see together, `length` how many there are.
    """

    axis: int | None
    reach: Reach
    visible: PlaceSpan
    length: int


#: What reaches a value, for each spatial axis of the inputs; None where nothing does.
Fields: TypeAlias = tuple[Field | None, ...]


@once
def receptive_fields(graph: Graph) -> tuple[ReceptiveField, ...]:
    """Return what each layer of `graph.rows` sees, in their order; its first output, where it has several.

    The axes are those after the channels, and all of an input of whole numbers. Of several inputs, those that have as
    many are taken together, place upon place; of those that have others, a layer shows the first that it sees.
    """
    own = [_input_fields(value) for _, value in graph.root.inputs]
    groups = _groups(own)
    nothing: Fields = (None,) * sum(part.stop - part.start for part in groups.values())
    arriving = [
        (*nothing[: part.start], *fields, *nothing[part.stop :]) if (part := groups.get(len(fields))) else nothing
        for fields in own
    ]
    found: list[Fields] = []
    _Walk(nothing, found).list(graph.root, arriving)
    return tuple(_shown(fields, [*groups.values()]) for fields in found)


def _groups(own: Iterable[Fields]) -> dict[int, slice]:
    """Return where the axes of the inputs that have as many stand among all, by how many they are."""
    groups: dict[int, slice] = {}
    start = 0
    for axes in dict.fromkeys(len(fields) for fields in own if fields):
        groups[axes] = slice(start, start + axes)
        start += axes
    return groups


def _input_fields(value: Value | Unknown) -> Fields:
    assert isinstance(value, Value)
    first = 1 if value.is_float else 0
    sizes = value.shape[first:]
    return tuple(Field(first + i, SAME, (0, size - 1), size) for i, size in enumerate(sizes))


class _Walk:
    """One look at a network in the order of execution."""

    def __init__(self, nothing: Fields, found: list[Fields]) -> None:
        self.nothing, self.found = nothing, found
        self.known: dict[tuple[Field, Link, int, int], Field | None] = {}

    def list(self, composite: Composite, arriving: Sequence[Fields]) -> list[Fields]:
        """Return what reaches each output of a list, after what reaches each of its layers was noted."""
        values = {Edge(INPUT, port): fields for port, fields in enumerate(arriving)}
        for index in composite.wiring.order:
            node = composite.nodes[index]
            given = [values[edge] if isinstance(edge, Edge) else self.nothing for edge in node.inputs]
            if node.body is None:
                values[Edge(index)] = given[0]
            elif isinstance(node.body, Composite):
                outputs = self.list(node.body, given)
                values |= {Edge(index, port): fields for port, fields in enumerate(outputs)}
            else:
                for port, value in enumerate(node.outputs):
                    assert isinstance(value, Value)
                    values[Edge(index, port)] = self.layer(node, node.body, port, value.shape, given)
                self.found.append(values[Edge(index)])
        return [values[port.edge] for port in composite.outputs]

    def layer(self, node: Node, layer: Layer, port: int, out: Shape, given: Sequence[Fields]) -> Fields:
        sights = layer.sees(port, out, *node.shapes)
        ways = [
            [field and self.through(field, sight, shape, out) for field in fields]
            for fields, sight, shape in zip(given, sights, node.shapes, strict=True)
            if sight is not None
        ]
        return tuple(_together(each, out) for each in zip(*ways, strict=True)) if ways else self.nothing

    def through(self, field: Field, sight: tuple[Link, ...], shape: Shape, out: Shape) -> Field | None:
        """Return what of a field is seen through a layer."""
        if field.axis is None:
            return field
        link = sight[field.axis]
        if link == (field.axis, SAME):
            return field
        length = 1 if link.axis is None else out[link.axis]
        key = (field, link, shape[field.axis], length)
        if key not in self.known:
            self.known[key] = _through_link(field, link, length)
        return self.known[key]


def _through_link(field: Field, link: Link, length: int) -> Field | None:
    touched = link.reach.between(0, length - 1)
    there = touched and (max(0, touched[0]), min(field.length - 1, touched[1]))
    spans = field.reach.between(*there) if there and there[0] <= there[1] else None
    if spans is None:
        return None
    visible = max(spans[0], field.visible[0]), min(spans[1], field.visible[1])
    if visible[0] > visible[1]:
        return None
    reach = None if link.axis is None else field.reach.through(link.reach)
    return _everywhere(visible) if reach is None else Field(link.axis, reach, visible, length)


def _everywhere(visible: PlaceSpan) -> Field:
    return Field(None, Reach(0, (visible,)), visible, 1)


def _together(fields: Iterable[Field | None], out: Shape) -> Field | None:
    """Return what reaches a value on several ways: where some move along one axis and others do not, all of it."""
    found = iter(dict.fromkeys(field for field in fields if field is not None))
    first = next(found, None)
    if first is None:
        return None
    for other in found:
        visible = hull((first.visible, other.visible))
        assert visible is not None
        moving = first.axis is not None and first.axis == other.axis
        reach = first.reach.together(other.reach, first.length) if moving else None
        first = _everywhere(visible) if reach is None else Field(first.axis, reach, visible, first.length)
    return first


def _shown(fields: Fields, groups: Sequence[slice]) -> ReceptiveField:
    """Return the numbers of the first group of axes that anything comes from, else of the first group."""
    reached = (part for part in groups if any(field is not None for field in fields[part]))
    chosen = next(reached, groups[0] if groups else slice(0))
    shown = [_numbers(field) for field in fields[chosen]]
    return ReceptiveField(*zip(*shown, strict=True)) if shown else ReceptiveField((), (), ())


def _numbers(field: Field | None) -> tuple[int, int | float, int]:
    """Return size, stride and offset."""
    if field is None:
        return 0, 0, 0
    shift, spans = field.reach.shift, field.reach.spans
    period = len(spans)
    there = [(phase, span) for phase, span in enumerate(spans) if span is not None]
    phase, (low, _) = there[0]
    stride = shift // period if shift % period == 0 else shift / period
    return max(high - low + 1 for _, (low, high) in there), stride, low - phase * shift // period
