"""What is drawn of a network: boxes for its layers, boxes with boxes in them for its blocks, and links between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from speczoo.drawing.layout import BoxLink

#: What a function that brings values together is drawn as.
SYMBOLS = {"add": "+", "mul": "\u00d7", "sub": "\u2212", "div": "\u00f7"}


@dataclass(frozen=True, eq=False)
class Box:
    """A layer or a block, or `count` equal ones in a row.

    `name` is its id, empty where its position names it; `kind` the family of layers that it is of, `block` where it has
    an inside, `terminal` where it is an input or an output. `shape` is what comes out, empty where that is what flows
    in. `inside` is None of a layer, and of a block that is not unfolded.
    """

    path: str
    name: str
    op: str
    detail: str = ""
    kind: str = "block"
    shape: str = ""
    count: int = 1
    inside: Diagram | None = None
    facts: tuple[str, ...] = ()
    place: str = ""  # the file and the line of its entry
    training: bool = False  # whether training alone computes it
    outputs: tuple[tuple[int, ...], ...] = ()  # the shapes of what comes out, by port

    @property
    def symbol(self) -> str:
        """The sign that stands for it; empty where it has none."""
        return SYMBOLS.get(self.op, "") if self.kind == "function" else ""

    @property
    def label(self) -> str:
        """What it is, in a line."""
        words = [f"{self.count} \u00d7 {self.op}" if self.count > 1 else self.op, self.detail]
        return " ".join(filter(None, words))

    @property
    def line(self) -> str:
        """Its name and what it is, in a line of text; an end of a list has its name alone."""
        return " ".join(filter(None, ("" if self.kind == "terminal" else self.name, self.symbol or self.label)))

    @cached_property
    def beside(self) -> str:
        """The shape that is written at the line that leaves it: not of an end of a list, nor where the last box inside
        has it already, or lines of several leave.
        """
        inside = self.inside
        if self.kind == "terminal" or (inside is not None and inside.outputs > 1):
            return ""
        last = (link.source for link in inside.links if link.target == len(inside.boxes) - 1) if inside else ()
        return "" if inside and any(inside.boxes[i].shape == self.shape for i in last) else self.shape


@dataclass(frozen=True, eq=False)
class Diagram:
    """The boxes of one list in the order of execution, its inputs first and its outputs last, and links from earlier to
    later ones.
    """

    boxes: tuple[Box, ...]
    links: tuple[BoxLink, ...]
    inputs: int
    outputs: int

    @cached_property
    def size(self) -> int:
        """How many boxes it has, near and far."""
        return sum(1 + (box.inside.size if box.inside else 0) for box in self.boxes)

    def walk(self) -> Iterator[Box]:
        """Yield its boxes, and theirs."""
        for box in self.boxes:
            yield box
            if box.inside is not None:
                yield from box.inside.walk()


class Arrow(NamedTuple):
    """A value that flows from a layer, a block that is not unfolded, or an end of the network into another."""

    source: Box
    target: Box


def dashed(source: Box, target: Box) -> bool:
    """Return whether the line between two boxes is dashed: training alone computes it, or it is there no more."""
    return target.training or "removed" in (source.kind, target.kind)


def connections(diagram: Diagram) -> tuple[Arrow, ...]:
    """Return how the boxes without an inside are connected, through the blocks that they stand in."""
    found: list[Arrow] = []
    _connect(diagram, [], found)
    return tuple(found)


def _connect(diagram: Diagram, arriving: Sequence[Box | None], found: list[Arrow]) -> list[Box | None]:
    """Add the connections in a list that these flow into, or the network; return what flows out of it."""
    nested = bool(arriving)
    given: dict[int, list[BoxLink]] = defaultdict(list)
    for link in diagram.links:
        given[link.target].append(link)
    ends: list[list[Box | None]] = []  # what each box gives, by its outputs; a layer itself, for all of them
    leaving = []
    for i, box in enumerate(diagram.boxes):
        taken = sorted(given[i], key=lambda link: link.position)
        sources = [ends[link.source][min(link.port, len(ends[link.source]) - 1)] for link in taken]
        if i >= len(diagram.boxes) - diagram.outputs:
            leaving += sources[:1]
        end = nested and box.kind == "terminal"
        if end:
            ends.append([arriving[i] if i < len(arriving) else None])
        elif box.inside is not None:
            ends.append(_connect(box.inside, sources or [None], found))
        else:
            found += [Arrow(source, box) for source in sources if source is not None]
            ends.append([box])
    return leaving


def depth_of(diagram: Diagram) -> int:
    """Return how many lists stand inside each other."""
    return 1 + max((depth_of(box.inside) for box in diagram.boxes if box.inside is not None), default=0)


def folded(diagram: Diagram, depth: int) -> Diagram:
    """Return the diagram with the insides of what is deeper left out."""
    boxes = (
        replace(box, inside=folded(box.inside, depth - 1) if depth > 1 else None) if box.inside is not None else box
        for box in diagram.boxes
    )
    return replace(diagram, boxes=tuple(boxes))


#: Where nothing says how deep to unfold, as deep as a picture has at most so many boxes.
READABLE = 90


def readable(diagram: Diagram) -> Diagram:
    """Return the diagram unfolded as deep as it is readable, one level at least."""
    deepest = depth_of(diagram)
    return next((d for n in range(deepest, 1, -1) if (d := folded(diagram, n)).size <= READABLE), folded(diagram, 1))


def without_shapes(diagram: Diagram) -> Diagram:
    """Return the diagram without the shapes of what flows between boxes."""
    boxes = (
        replace(box, shape="", inside=without_shapes(box.inside) if box.inside is not None else None)
        for box in diagram.boxes
    )
    return replace(diagram, boxes=tuple(boxes))
