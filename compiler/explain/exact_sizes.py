"""Which sizes of its input a network takes, from the rules of its layers, where it is known for one that works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from speczoo.compiler.analysis.rule import inputs, rule_of
from speczoo.compiler.analysis.size_set import SizeSet
from speczoo.compiler.analysis.staircase import IDENTITY
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, show
from speczoo.compiler.reapply import outputs_anew

AXES = {1: "lengths", 2: "heights and widths", 3: "depths, heights and widths"}
#: How far from the size at hand another is looked for.
REACH = 10_000


class ExactSizes:
    """The sizes of the axes after the channels that layers take, whatever weights follow from them."""

    def __init__(self, boxes: Sequence[Sequence[SizeSet]]) -> None:
        self.boxes = boxes

    @classmethod
    def of(cls, graph: Graph) -> ExactSizes | None:
        """Return those of a network with one input; None where no short rule exists."""
        ((name, value),) = inputs(graph)
        dims = {name: range(1, len(value.shape))}
        rule = rule_of(graph, dims, outputs_anew)
        if rule is None or any(f != IDENTITY for _, f in rule.places) or len(set(rule.places)) < len(rule.places):
            return None
        return cls(rule.region.boxes)

    def answers(self, sizes: Shape, codes: set[str]) -> Iterator[tuple[Shape, str]]:
        """Yield inputs that work in words, each with the sizes that it rests on, the most general first: for an input
        of these sizes, refused with these codes.
        """
        square = len(set(sizes)) == 1
        diagonal = _diagonal(self.boxes)
        if "shape-mismatch" in codes:
            yield from self._multiples(sizes)
        if square and codes == {"empty-output"} and diagonal and diagonal.least > sizes[0]:
            best = (diagonal.least,) * len(sizes)
            yield best, f"the smallest input that works is {show(best)}"
        near = [_near(diagonal, sizes[0])] if square else []
        for fitting in [*((n,) * len(sizes) for n in near if n), *self._beside(sizes)]:
            would = "works" if codes & {"empty-output", "shape-mismatch"} else "would make it so"
            yield fitting, f"an input of {show(fitting)} {would}"

    def _multiples(self, sizes: Shape) -> Iterator[tuple[Shape, str]]:
        first, *others = self.boxes[0]
        if len(self.boxes) > 1 or any(own != first for own in others):
            return
        m = first.period
        if first.early or first.cycle != 1 or m == 1:
            return
        below = tuple(m * (n // m) for n in sizes)
        above = [tuple(m * (-(-n // m) + k) for n in sizes) for k in (0, 1)]
        fitting = [at for at in (below, *above) if at != sizes and all(n in first for n in at)]
        known = AXES.get(len(sizes), "sizes")
        since = f" from {first.least}" if first.least > m else ""
        two = f"{show(fitting[0])} or {show(fitting[1])}"
        yield fitting[0], f"this network takes {known} that are multiples of {m}{since}: {two}"

    def _beside(self, sizes: Shape) -> list[Shape]:
        """Return the sizes next to these in each box, the nearest first."""
        near = [[_near(own, n) for own, n in zip(box, sizes, strict=True)] for box in self.boxes]
        found = [tuple(n for n in at if n is not None) for at in near if None not in at]
        return sorted(found, key=lambda at: sum(abs(n - wanted) for n, wanted in zip(at, sizes, strict=True)))


def _diagonal(boxes: Sequence[Sequence[SizeSet]]) -> SizeSet:
    """Return the sizes that all axes may have at once."""
    found = SizeSet.interval(1, 0)
    for first, *others in boxes:
        for own in others:
            first = first & own
        found = found | first
    return found


def _near(sizes: SizeSet, n: int) -> int | None:
    """Return the member next to a size, the larger one of two; None where there is none nearby."""
    for away in range(REACH):
        for near in (n + away, n - away):
            if near in sizes:
                return near
    return None
