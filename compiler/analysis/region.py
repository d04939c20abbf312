"""Which sizes of several axes go together: unions of boxes, each a set of sizes for every axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from speczoo.compiler.analysis.size_set import ALL, NoShortRule, SizeSet
from speczoo.compiler.cached import cached_property

SizeBox: TypeAlias = tuple[SizeSet, ...]

#: Boxes of one region above which there is no short rule.
LIMIT = 256


@dataclass(frozen=True)
class Region:
    """A union of boxes of which none is empty; no two of them have a size in common."""

    boxes: tuple[SizeBox, ...]

    @classmethod
    def everything(cls, axes: int) -> Region:
        return cls(((ALL,) * axes,))

    def __contains__(self, sizes: Sequence[int]) -> bool:
        return any(all(n in members for n, members in zip(sizes, box, strict=True)) for box in self.boxes)

    def __bool__(self) -> bool:
        return bool(self.boxes)

    def __and__(self, other: Region) -> Region:
        return _region(_meet(a, b) for a in self.boxes for b in other.boxes)

    def __sub__(self, other: Region) -> Region:
        left = self.boxes
        for box in other.boxes:
            left = _few(tuple(piece for mine in left for piece in _pieces(mine, box)))
        return Region(left)

    def __or__(self, other: Region) -> Region:
        return Region(_few(_joined([*self.boxes, *(other - self).boxes])))

    def within(self, axis: int, sizes: SizeSet) -> Region:
        """Return the part whose sizes on one axis are among these."""
        return _region((*box[:axis], box[axis] & sizes, *box[axis + 1 :]) for box in self.boxes)

    def on(self, axis: int) -> SizeSet:
        """Return the sizes on one axis, whatever the others are."""
        first, *rest = (box[axis] for box in self.boxes)
        for sizes in rest:
            first = first | sizes
        return first

    @cached_property
    def least(self) -> tuple[int, ...]:
        """The smallest size on each axis."""
        return tuple(min(sizes.least for sizes in column) for column in zip(*self.boxes, strict=True))

    @cached_property
    def greatest(self) -> tuple[int | None, ...]:
        """The largest size on each axis; None where there is none."""
        columns = ([sizes.greatest for sizes in column] for column in zip(*self.boxes, strict=True))
        return tuple(None if None in column else max(filter(None, column)) for column in columns)


def _region(boxes: Iterable[SizeBox]) -> Region:
    return Region(_few(tuple(box for box in boxes if all(box))))


def _few(boxes: tuple[SizeBox, ...]) -> tuple[SizeBox, ...]:
    if len(boxes) > LIMIT:
        raise NoShortRule(f"{len(boxes):,} boxes")
    return boxes


def _meet(a: SizeBox, b: SizeBox) -> SizeBox:
    return tuple(mine & yours for mine, yours in zip(a, b, strict=True))


def _pieces(box: SizeBox, taken: SizeBox) -> Iterator[SizeBox]:
    """Yield what is left of a box, in boxes that have nothing in common."""
    if not all(_meet(box, taken)):
        yield box
        return
    for i, (mine, gone) in enumerate(zip(box, taken, strict=True)):
        if rest := mine - gone:
            yield (*box[:i], rest, *box[i + 1 :])
        box = (*box[:i], mine & gone, *box[i + 1 :])


def _joined(boxes: list[SizeBox]) -> tuple[SizeBox, ...]:
    """Return the same sizes in fewer boxes: those that differ on one axis alone are one."""
    done: list[SizeBox] = []
    while boxes:
        box = boxes.pop()
        for i, other in enumerate(done):
            unequal = [axis for axis, (a, b) in enumerate(zip(box, other, strict=True)) if a != b]
            if len(unequal) <= 1:
                axis = unequal[0] if unequal else 0
                del done[i]
                boxes.append((*box[:axis], box[axis] | other[axis], *box[axis + 1 :]))
                break
        else:
            done.append(box)
    return tuple(reversed(done))
