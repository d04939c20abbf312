"""How a size came about: an axis followed back from a value to where it was given, as a line of arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from speczoo.compiler.composite import Composite
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.explain.interface import OpenList
from speczoo.compiler.layer import Layer, Shape
from speczoo.compiler.unknown import UNKNOWN
from speczoo.compiler.window import AXES, Windowed

MANY = 8  # steps that are shown
FEW = 3  # up to so many are shown with how each comes about


class SizeStep(NamedTuple):
    """What one entry makes of the size, or passes on where it `changes` nothing; `place` is the number of its list and
    its own.
    """

    name: str
    size: int
    how: str = ""
    keeps: str = ""  # what would keep the size: `padding: 1`
    place: tuple[int, int] = (-1, -1)
    changes: bool = True


class Chain(NamedTuple):
    """`start` is where the size was given: `height: ` of the input, or the name of a layer; `way` what it came
    through.
    """

    start: str
    size: int
    way: tuple[SizeStep, ...]

    @property
    def steps(self) -> tuple[SizeStep, ...]:
        """What changed the size."""
        return tuple(step for step in self.way if step.changes)

    @property
    def text(self) -> str:
        """`32 --conv1--> 7 --pool1: floor((7 - 3) / 2) + 1--> 3`."""
        out = [f"{self.start}{self.size}"]
        steps: list[SizeStep | None] = list(self.steps)
        if len(steps) > MANY:
            steps[3 : 4 - MANY] = [None]
        for i, step in enumerate(steps):
            if step is None:
                out.append("--...-->")
                continue
            how = f": {step.how}" if step.how and (len(self.steps) <= FEW or i == len(steps) - 1) else ""
            out.append(f"--{step.name}{how}--> {step.size}")
        return " ".join(out)

    def then(self, name: str, size: int, how: str) -> Chain:
        return self._replace(way=(*self.way, SizeStep(name, size, how)))


def parted(one: Chain, other: Chain) -> tuple[Chain, Chain]:
    """Return two chains from where they parted: without the entries that both came through first."""
    pairs = zip(one.way, other.way, strict=False)
    common = [step for step, _ in takewhile(lambda pair: pair[0].place == pair[1].place, pairs)]
    if not common or one.start != other.start:
        return one, other
    start, size = f"{common[-1].name} ", common[-1].size
    return Chain(start, size, one.way[len(common) :]), Chain(start, size, other.way[len(common) :])


def trace(lists: Sequence[OpenList], source: Operand, axis: int) -> Chain | None:
    """Return how the size of `source` on `axis` (from the end, -1 is the width) came about; None where it has no such
    axis.

    `lists` are those that are open, the innermost last; `source` is of that one. Ends at the network's input, or where
    a layer makes the axis anew.
    """
    level = len(lists) - 1
    way: list[SizeStep] = []
    start = lists[level].value(source)
    if start is UNKNOWN or len(start.shape) < -axis or not isinstance(source, Edge):
        return None
    label = name_of(start.shape, axis) + ": "
    size = start.shape[axis]
    while isinstance(source, Edge):
        inner = lists[level]
        value = inner.value(source)
        assert value is not UNKNOWN
        size = value.shape[axis]
        if source.node == INPUT:
            if level == 0 or source.port >= len(lists[level - 1].sources):
                break
            level -= 1
            source = lists[level].sources[source.port]
            continue
        node = inner.nodes[source.node]
        before = inner.value(node.inputs[0]) if node.inputs else UNKNOWN
        if before is UNKNOWN or len(before.shape) != len(value.shape):
            label = f"{node.name} "
            break
        step = SizeStep(node.name, size, place=(level, source.node))
        if before.shape[axis] != size and node.body is not None:
            how, keeps = _how(node.body, axis, node.shapes), keeping(node.body, axis, node.shapes[0])
            way.append(step._replace(how=how, keeps=keeps))
        else:
            way.append(step._replace(changes=False))
        source = node.inputs[0]
    return Chain(label, size, tuple(reversed(way)))


def _how(body: Layer | Composite, axis: int, shapes: tuple[Shape, ...]) -> str:
    return body.arithmetic(len(shapes[0]) + axis, *shapes) if isinstance(body, Layer) else ""


def keeping(body: Layer | Composite | None, axis: int, x: Shape) -> str:
    """Return the argument that would let a layer keep the size of its input; empty where none does."""
    if not isinstance(body, Windowed) or axis < -body.spatial:
        return ""
    window = body.window()
    same = all(s == 1 and reach % 2 and after == before < reach // 2 for s, reach, before, after in zip(
        window.stride, window.reach, window.before, window.after, strict=True
    ))  # fmt: skip
    sizes = tuple(reach // 2 for reach in window.reach)
    padding = sizes[0] if len(set(sizes)) == 1 else sizes
    if not same or (body.padded(padding, x) or ())[1:] != x[1:]:
        return ""
    return f"padding: {padding if isinstance(padding, int) else [*padding]}"


def name_of(shape: Shape, axis: int) -> str:
    """Return what an axis, counted from the end, is called."""
    names = AXES.get(len(shape) - 1, ())
    return names[axis] if len(names) >= -axis else "features" if len(shape) == 1 else "channels"
