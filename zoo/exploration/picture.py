"""The picture of a sweep: two columns, and what no other candidate beats in both."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.ticker import EngFormatter

from speczoo.exploration.candidates import Candidate
from speczoo.exploration.pareto import front
from speczoo.figures import BLUE, ORANGE, QuietFigure, shown


def scatter(candidates: Sequence[Candidate], x: str, y: str) -> QuietFigure:
    """Return the picture of two columns of numbers. Less is better; in a column with `-` before its name, more is."""
    names = [name.removeprefix("-") for name in (x, y)]
    signs = [-1 if name.startswith("-") else 1 for name in (x, y)]
    xs, ys = ([float(candidate.row[name]) for candidate in candidates] for name in names)
    best = front([(signs[0] * a, signs[1] * b) for a, b in zip(xs, ys, strict=True)])
    figure = QuietFigure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.scatter(xs, ys, s=12, color=BLUE, alpha=0.5, linewidths=0, label=f"{len(xs):,} settings")
    unbeaten = [xs[i] for i in best], [ys[i] for i in best]
    axes.plot(*unbeaten, "o-", ms=4, lw=1, color=ORANGE, label="no other is better in both")
    axes.set_xlabel(shown(names[0]), parse_math=False)
    axes.set_ylabel(shown(names[1]), parse_math=False)
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.yaxis.set_major_formatter(EngFormatter())
    axes.legend(frameon=False)
    return figure
