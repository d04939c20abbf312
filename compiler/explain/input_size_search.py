"""Which other sizes of the input would mend a refusal: found by compiling again, and offered only where that
worked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from speczoo.compiler.explain.interface import Sized
from speczoo.compiler.graph import Settings
from speczoo.compiler.layer import Shape, Value, show
from speczoo.specs.diagnostics import Diagnostic, Report, Span
from speczoo.specs.problem import Fix

BUDGET = 10_000  # layers walked in search of a size
LARGEST = 4_096
REACH = 64  # how far from the size at hand one that fits exactly is looked for
AXES = {1: "lengths", 2: "heights and widths", 3: "depths, heights and widths"}

#: The errors that an input of these sizes gives, as (code, place).
Errors = set[tuple[str, Span | None]]
Again = Callable[[Shape], Errors]


def add_sizes(sized: Sequence[Sized], report: Report, settings: Settings, steps: int, again: Again) -> None:
    """Adds the sizes that work to the help of what is reported."""
    search = _search(report, settings, steps, again)
    for error in sized:
        index = next((i for i, d in enumerate(report.diagnostics) if d is error.diagnostic), None)
        if index is None:
            continue
        found = search.sizes(error.diagnostic) if search is not None else ""
        ways = _alternatives(found, error.fixes)
        help = (*filter(None, (ways,)), *error.diagnostic.help, *(() if found else error.size_help))
        report.diagnostics[index] = replace(error.diagnostic, help=help)


def _alternatives(found: str, fixes: Sequence[Fix]) -> str:
    """The sizes that were found, or nothing, and the other ways to mend it, in one line."""
    ways = [found] if found else []
    for fix in fixes:
        ways.append(f"or {fix.text}" if ways and fix.kind != "keep" else fix.text)
    return "; ".join(ways)


def _search(report: Report, settings: Settings, steps: int, again: Again) -> _Search | None:
    """A search for sizes of a network's one input; None where it has several, or no size."""
    shapes = [value.shape for _, value in settings.inputs if isinstance(value, Value)]  # and not UNKNOWN
    if len(settings.inputs) != 1 or len(shapes) != 1 or len(shapes[0]) < 2:
        return None
    base = {(d.code, d.span) for d in report.errors}
    return _Search(shapes[0], base, again, BUDGET // (steps + 10))


class _Search:
    """Tries sizes: of a square input the same number on every axis, of another one all axes by the same factor."""

    def __init__(self, shape: Shape, base: Errors, again: Again, left: int) -> None:
        self.shape, self.base, self.again, self.left = shape, base, again, left
        self.mended: tuple[str, Span | None] = ("", None)
        self._known: dict[Shape, Errors] = {}

    def sizes(self, error: Diagnostic) -> str:
        """Which sizes mend an error, in words; empty where none was found."""
        self.mended = (error.code, error.span)
        find = {"empty-output": self.smallest, "shape-mismatch": self.multiples}.get(error.code, self.nearest)
        return find()

    @property
    def square(self) -> bool:
        return len(set(self.shape[1:])) == 1

    def works(self, sizes: Shape) -> bool:
        """Whether an input of these sizes is refused for no other reason than the one at hand was, and not for that."""
        if sizes not in self._known:
            if self.left <= 0:
                return False
            self.left -= 1
            self._known[sizes] = self.again((self.shape[0], *sizes))
        return not self._known[sizes] - (self.base - {self.mended})

    def all(self, n: int) -> Shape:
        return (n,) * (len(self.shape) - 1)

    def smallest(self) -> str:
        """`the smallest input that works is 63 x 63`."""
        if not self.square:
            for factor in (2, 4, 8, 16):
                sizes = tuple(n * factor for n in self.shape[1:])
                if self.works(sizes):
                    return f"an input of {show(sizes)} works"
            return ""
        low = self.shape[1]
        high = low
        while not self.works(self.all(high)):
            low, high = high, high * 2
            if high > LARGEST:
                return ""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.works(self.all(middle)) else (middle, high)
        return f"the smallest input that works is {show(self.all(high))}" if self.left > 0 else ""

    def multiples(self) -> str:
        """`heights and widths that are multiples of 16 work: 96 x 96, 112 x 112`."""
        for m in (2, 4, 8, 16, 32, 64, 128):
            above = [tuple(m * (math.ceil(n / m) + k) for n in self.shape[1:]) for k in range(3)]
            if not all(self.works(sizes) for sizes in above):
                continue
            below = tuple(m * (n // m) for n in self.shape[1:])
            near = [
                sizes for sizes in (below, *above) if 0 not in sizes and sizes != self.shape[1:] and self.works(sizes)
            ]
            known = AXES.get(len(self.shape) - 1, "sizes")
            return f"this network takes {known} that are multiples of {m}: {show(near[0])} or {show(near[1])}"
        return ""

    def nearest(self) -> str:
        """The sizes next to the one at hand that fit exactly."""
        if not self.square:
            return ""
        n = self.shape[1]
        for away in range(1, REACH):
            for size in (n - away, n + away):
                if size > 0 and self.works(self.all(size)):
                    return f"an input of {show(self.all(size))} would make it so"
        return ""
