"""The diagram of what changed from one network to another: the second one's, with what it has no more beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from speczoo.compiler.analysis.changes import Change
from speczoo.compiler.analysis.diff import Diff
from speczoo.compiler.graph import Graph
from speczoo.drawing.diagram import READABLE, Box, Diagram, depth_of
from speczoo.drawing.layout import BoxLink
from speczoo.drawing.network import Apart, NetworkPart, diagram
from speczoo.drawing.palette import CHANGES, SIGNS

#: Kinds of changes, as they are drawn: what only has another size is what it was.
DRAWN = {
    "added": "added",
    "wrapped": "added",
    "removed": "removed",
    "changed": "changed",
    "renamed": "renamed",
}
#: Where links of what was removed enter a box: after all others.
LAST = 1000


def changes(old: Graph, new: Graph, found: Diff, part: NetworkPart | None = None) -> Diagram:
    """Return the diagram of a network, or of a part of it, with the kinds of boxes saying what became of them."""
    marks = _Marks(found)
    before = diagram(old, apart=marks.apart(old=True))
    lists = {box.path: box.inside for box in before.walk() if box.inside is not None}
    lists[""] = before
    boxes = {box.path: box for box in before.walk() if box.kind != "terminal"}
    after = diagram(new, part, marks.apart(old=False))
    return _Merge(marks, lists, boxes).list(after, part.path.removesuffix(".") if part else "", ends=part is None)


def focused(whole: Diagram, depth: int | None = None) -> Diagram:
    """Return the diagram unfolded where something changed, so many levels deep, or as deep as it is readable."""
    if depth is not None:
        return _focused(whole, depth)
    found = (_focused(whole, n) for n in range(depth_of(whole), 1, -1))
    return next((made for made in found if made.size <= READABLE), _focused(whole, 1))


def _focused(diagram: Diagram, depth: int) -> Diagram:
    boxes = []
    for box in diagram.boxes:
        changed = box.inside is not None and any(each.kind in SIGNS for each in box.inside.walk())
        if box.inside is None or (changed and depth > 1 and box.kind not in ("added", "removed")):
            boxes.append(replace(box, inside=_focused(box.inside, depth - 1)) if box.inside else box)
        elif box.kind in CHANGES or not changed:
            boxes.append(replace(box, inside=None, kind="same" if box.kind == "block" else box.kind))
        else:
            boxes.append(replace(_marked(box, "changed"), inside=None))
    return replace(diagram, boxes=tuple(boxes))


def _marked(box: Box, kind: str) -> Box:
    return replace(box, kind=kind, name=" ".join(filter(None, (SIGNS.get(kind, ""), box.name))))


@dataclass(frozen=True)
class _Marks:
    """What became of entries, by their paths."""

    found: Diff

    @cached_property
    def old(self) -> Mapping[str, Change]:
        return {change.before.path: change for change in self.found.changes if change.before and not change.after}

    @cached_property
    def new(self) -> Mapping[str, Change]:
        return {change.after.path: change for change in self.found.changes if change.after and change.kind in DRAWN}

    def apart(self, *, old: bool) -> Apart:
        """Return what tells entries of one of the networks apart: all that changed in them."""
        inside: dict[str, set[Hashable]] = defaultdict(set)
        there = {one: other for other, one in self.found.paths.items()}
        for path, change in (self.old if old else {**self.old, **self.new}).items():
            at = (change.after or change.before) if not old else change.before
            assert at is not None
            for outer in _around(path):
                here = outer if old or change.after else there.get(outer, outer)
                inside[here].add((path[len(outer) :], change.kind, str(change.details)))
        return lambda path: frozenset(inside.get(path, ()))


def _around(path: str) -> Iterator[str]:
    """Yield a path, and those of the lists that it is in."""
    while path:
        yield path
        path = path.rpartition(".")[0]


@dataclass(frozen=True)
class _Merge:
    """Lists of one network into those of the other."""

    marks: _Marks
    lists: Mapping[str, Diagram]  # of the old network, by the path of what holds them
    boxes: Mapping[str, Box]  # of the old network

    def list(self, new: Diagram, path: str, outer: str = "", *, ends: bool = True) -> Diagram:
        """Return a list with its changes, of the network or of a block at this path. What is in something that was
        added was so too: `outer` says it. Without `ends`, those of the old list are others.
        """
        held = self.lists.get(self.marks.found.paths.get(path, path if not path else "\0"))
        if held is None or outer:
            return replace(new, boxes=tuple(self.box(box, outer) for box in new.boxes))
        kept = [
            self.end(box, held, i, new) if ends and box.kind == "terminal" else self.box(box)
            for i, box in enumerate(new.boxes)
        ]
        return _with(new, kept, self.gone(held), held, self.places(new, held, ends=ends))

    def end(self, box: Box, held: Diagram, i: int, new: Diagram) -> Box:
        """Return an end of a list, with the shape that it had before."""
        j = i if i < new.inputs else i - len(new.boxes) + len(held.boxes)
        before = held.boxes[j] if 0 <= j < len(held.boxes) and held.boxes[j].kind == "terminal" else box
        return box if before.detail == box.detail else replace(box, detail=f"{before.detail} \u2192 {box.detail}")

    def box(self, box: Box, outer: str = "") -> Box:
        change = self.marks.new.get(box.path)
        kind = outer or (DRAWN[change.kind] if change else "")
        inside = self.list(box.inside, box.path, kind if kind == "added" else "") if box.inside is not None else None
        if box.kind == "terminal":
            return box
        if not kind:
            plain = "block" if inside is not None else "function" if box.symbol else "same"
            return replace(box, inside=inside, kind=plain)
        if change is not None and kind != "added":
            box = self.compared(box, change)
        return replace(_marked(box, kind), inside=inside)

    def compared(self, box: Box, change: Change) -> Box:
        """Return a box that says what it was before."""
        before = self.boxes.get(change.before.path) if change.before else None
        lines = tuple(f"{d.what}: {_shown(d.before)} \u2192 {_shown(d.after)}" for d in change.details)
        if before is None:
            return replace(box, facts=(*lines, *box.facts))
        name = (
            (f"{before.name} \u2192 {box.name}",)
            if before.name != box.name and before.name and box.name
            else (box.name,)
        )
        op = box.op if before.op == box.op else f"{before.op} \u2192 {box.op}"
        detail = box.detail if before.detail == box.detail else f"{before.detail} \u2192 {box.detail}".strip()
        return replace(box, name=name[0], op=op, detail=detail, facts=(*lines, *box.facts))

    def gone(self, held: Diagram) -> dict[int, Box]:
        """Return the boxes of an old list that are there no more, by their numbers in it."""
        return {
            i: replace(_marked(box, "removed"), inside=None)
            for i, box in enumerate(held.boxes)
            if (change := self.marks.old.get(box.path)) is not None
            and change.kind == "removed"
            and box.kind != "terminal"
        }

    def places(self, new: Diagram, held: Diagram, *, ends: bool) -> dict[int, int]:
        """Return which box of a list is which of the old one, by their numbers there."""
        known = self.marks.found.paths
        mine = {known.get(box.path): i for i, box in enumerate(new.boxes) if box.kind != "terminal"}
        places = {j: mine[box.path] for j, box in enumerate(held.boxes) if box.path in mine and box.kind != "terminal"}
        if not ends:
            return places
        places |= {i: i for i in range(min(new.inputs, held.inputs))}
        return places | {len(held.boxes) - k: len(new.boxes) - k for k in range(1, min(new.outputs, held.outputs) + 1)}


def _with(new: Diagram, kept: list[Box], gone: Mapping[int, Box], held: Diagram, places: Mapping[int, int]) -> Diagram:
    """Return a list with boxes of an old one, each after the one that it stood behind there."""
    after: dict[int, list[int]] = defaultdict(list)  # the old boxes behind each of the new ones
    at = new.inputs - 1
    for j in range(len(held.boxes) - held.outputs):
        if j in gone:
            after[at].append(j)
        elif j in places:
            at = places[j]
    boxes = [gone[j] for j in after[-1]]
    now: dict[int, int] = {}  # the new boxes by their numbers before
    then = {j: k for k, j in enumerate(after[-1])}  # the old ones
    for i, box in enumerate(kept):
        now[i] = len(boxes)
        boxes.append(box)
        for j in after[i]:
            then[j] = len(boxes)
            boxes.append(gone[j])
    links = [link._replace(source=now[link.source], target=now[link.target]) for link in new.links]
    then |= {j: now[i] for j, i in places.items() if j not in then}
    for link in held.links:
        source, target = then.get(link.source, len(boxes)), then.get(link.target, 0)
        if (link.source in gone or link.target in gone) and source < target:
            links.append(BoxLink(source, target, 0, LAST))
    return replace(new, boxes=tuple(boxes), links=tuple(links))


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
