"""What callers from Python give beside a network, as plain data: any numbers, sequences and mappings are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speczoo.specs.copying import plain_copy
from speczoo.specs.diagnostics import Report
from speczoo.specs.limits import Limits
from speczoo.specs.problem import Problem


@dataclass(frozen=True)
class Arguments:
    """Parameters of a spec, the shape of its input or of each of several, and taps: as elaboration takes them."""

    params: dict[str, Any]
    input: list[int] | dict[str, list[int]] | None
    taps: list[str] | dict[str, str] | None

    @classmethod
    def read(cls, report: Report, params: Mapping[str, Any], input: Any, taps: Any, limits: Limits) -> Arguments | None:
        """Return them as plain data; None, with the reasons in the report, where something cannot be taken."""
        before = len(report.diagnostics)
        given, problems = plain_copy({"input": input, "taps": taps, **params}, limits)
        for problem in problems:
            report.add(problem.at())
        if problems:
            return None
        shape, names = given.pop("input"), given.pop("taps")
        shapes = shape.values() if isinstance(shape, dict) else [] if shape is None else [shape]
        if not all(isinstance(each, list) and all(map(_is_size, each)) for each in shapes):
            help = "input=[3, 64, 64]", "several inputs are named: input={'left': [1, 28, 28], 'right': [1, 28, 28]}"
            message = f"input is a shape without the batch axis, not {input!r:.80}"
            report.add(Problem("bad-value", message, help=help).at())
        tapped = names.values() if isinstance(names, dict) else names
        if names is not None and not (isinstance(names, list | dict) and all(isinstance(n, str) for n in tapped)):
            help = ("taps=['layer1', 'layer2.0']", "with names of one's own: taps={'early': 'layer1'}")
            report.add(Problem("bad-value", f"taps are names of layers, not {taps!r:.80}", help=help).at())
        return cls(given, shape, names) if len(report.diagnostics) == before else None


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
