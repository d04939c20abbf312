"""Which other input would mend all refusals of sizes at once: by the rules of the network's layers where one size is
found that works, and else by trying; offered only where compiling again for it works."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from speczoo.compiler.analysis.size_set import NoShortRule
from speczoo.compiler.composite import Settings
from speczoo.compiler.explain.exact_sizes import AXES, ExactSizes
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, Value, show
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.problem import Problem

BUDGET = 10_000  # layers walked in search of a size
LARGEST = 4_096
REACH = 64  # how far from the size at hand one that fits exactly is looked for
REPEATS = 8  # multiples in a row that have to work before a rule is reported
FEW = 4  # channels of a picture, transparency among them

#: An error as it is met again with another input: its code, its file, and its place in the data, which may be no text.
Error = tuple[str, str | None, str | None]
Errors = set[Error]
#: What compiling for an input gives: its errors, and the graph where there are none. None is the declared input.
CompileAgain = Callable[[Shape | None], tuple[Errors, Graph | None]]


def error(diagnostic: Diagnostic) -> Error:
    """Return what distinguishes an error from others."""
    return diagnostic.code, diagnostic.file, diagnostic.pointer


def add_sizes(
    resizable: Sequence[tuple[Problem, Diagnostic]], report: Report, settings: Settings, steps: int, again: CompileAgain
) -> None:
    """Add the input that works to the help of problems, as they stand in the report: one answer, which mends all of
    them, or all of one kind where no input mends the others as well.
    """
    places = {id(d): i for i, d in enumerate(report.diagnostics)}
    resizable = [(problem, d) for problem, d in resizable if id(d) in places]
    search = _search([d for _, d in resizable], report, settings, steps, again)
    if search is None or not (answer := search.answer()):
        return
    for problem, diagnostic in resizable:
        if error(diagnostic) in search.mended:
            report.diagnostics[places[id(diagnostic)]] = replace(diagnostic, help=problem.advice(answer))


def _search(
    reported: Sequence[Diagnostic], report: Report, settings: Settings, steps: int, again: CompileAgain
) -> _Search | None:
    """Return a search for sizes of a network's one input; None where it has several, or no size."""
    shapes = [value.shape for _, value in settings.inputs if isinstance(value, Value)]  # and not UNKNOWN
    if not reported or len(settings.inputs) != 1 or len(shapes) != 1 or len(shapes[0]) < 2:
        return None
    mended = {error(d) for d in reported}
    base = {error(d) for d in report.errors}
    return _Search(shapes[0], mended, base, again, BUDGET // (steps + 10))


class _Search:
    """Tries sizes: of a square input the same number on every axis, of another one all axes by the same factor."""

    def __init__(self, shape: Shape, mended: Errors, base: Errors, again: CompileAgain, left: int) -> None:
        self.shape, self.mended, self.base, self.again, self.left = shape, mended, base, again, left
        self._known: dict[Shape | None, Errors] = {}
        self._working: Graph | None = None

    def answer(self) -> str:
        """Return the input that mends the errors in `mended`, in words; empty where none was found.

        Where none mends them all, those of one code are left there.
        """
        sized = self.mended
        for kind in ("", "empty-output", "shape-mismatch", "assertion-failed"):
            self.mended = {one for one in sized if kind in ("", one[0])}
            if self.mended and (kind == "" or self.mended != sized) and (found := self._mending()):
                return found
        self.mended = sized
        return self._last_axis_of_channels()

    def _mending(self) -> str:
        codes = {code for code, *_ in self.mended}
        ways: list[Callable[[], str]] = [self.channels_first, partial(self.exact, codes)]
        if "shape-mismatch" in codes:
            ways.append(self.multiples)
        if "empty-output" in codes:
            ways.append(self.smallest)
        if codes - {"shape-mismatch", "empty-output"}:
            ways.append(self.nearest)
        return next(filter(None, (way() for way in ways)), "")

    @property
    def square(self) -> bool:
        return len(set(self.shape[1:])) == 1

    def takes(self, shape: Shape | None) -> bool:
        """Return whether such an input mends these errors and is refused for no other reason than the present one
        is.
        """
        if shape not in self._known:
            if self.left <= 0:
                return False
            self.left -= 1
            self._known[shape], graph = self.again(shape)
            self._working = self._working or graph
        return not self._known[shape] - (self.base - self.mended)

    def works(self, sizes: Shape) -> bool:
        return self.takes((self.shape[0], *sizes))

    def all(self, n: int) -> Shape:
        return (n,) * (len(self.shape) - 1)

    def channels_first(self) -> str:
        """Return `do the channels come first? `input: [3, 224, 224]` works`: the last axis is as short as channels
        are.
        """
        *sizes, last = self.shape
        first = (last, *sizes)
        if last > FEW or last >= min(sizes) or not self.takes(first):
            return ""
        return f"do the channels come first? `input: [{', '.join(map(str, first))}]` works"

    def _last_axis_of_channels(self) -> str:
        """Return a question where the shape is a square with few channels last, and turning it mends not all."""
        *sizes, last = self.shape
        square = last <= FEW and len(sizes) > 1 and len(set(sizes)) == 1 and last < sizes[0]
        return f"do the channels come first? there are {sizes[0]} of them here" if square else ""

    def exact(self, codes: set[str]) -> str:
        """Return what the layers' rules say of inputs that work, the network being known for one of them; nothing where
        it rather looks as if the channels came last.
        """
        if self._last_axis_of_channels():
            return ""
        if self._working is None:
            self.takes(None)
        for factor in (2, 4, 8, 16, 32, 64, 128):
            sizes = tuple(n * factor for n in self.shape[1:])
            if self._working is not None or max(sizes) > LARGEST:
                break
            self.works(sizes)
        exact = ExactSizes.of(self._working) if self._working is not None else None
        answers = exact.answers(self.shape[1:], codes) if exact is not None else ()
        try:
            return next((text for sizes, text in answers if self.works(sizes)), "")
        except NoShortRule:
            return ""

    def smallest(self) -> str:
        """Return `the smallest input that works is 63 x 63`."""
        if not self.square:
            tried = (tuple(n * factor for n in self.shape[1:]) for factor in (2, 4, 8, 16))
            return next((f"an input of {show(sizes)} works" for sizes in tried if self.works(sizes)), "")
        low = self.shape[1]
        high = low
        while not self.works(self.all(high)):
            low, high = high, high * 2
            if high > LARGEST:
                return ""
        while high - low > 1 and self.left > 0:
            middle = (low + high) // 2
            low, high = (low, middle) if self.works(self.all(middle)) else (middle, high)
        others = self.base - self.mended
        refused = {code for errors in (*self._known.values(), self.mended) for code, *_ in errors - others}
        if high - low == 1 and refused == {"empty-output"}:  # where a window fits, it fits into what is larger
            return f"the smallest input that works is {show(self.all(high))}"
        return f"an input of {show(self.all(high))} works"

    def multiples(self) -> str:
        """Return `this network takes heights and widths that are multiples of 16: 96 x 96 or 112 x 112`."""
        for m in (2, 4, 8, 16, 32, 64, 128):
            above = [tuple(m * (math.ceil(n / m) + k) for n in self.shape[1:]) for k in range(REPEATS)]
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
        """Return the sizes next to the one at hand that fit exactly."""
        if not self.square:
            return ""
        n = self.shape[1]
        for away in range(1, REACH):
            for size in (n - away, n + away):
                if size > 0 and self.works(self.all(size)):
                    return f"an input of {show(self.all(size))} would make it so"
        return ""
