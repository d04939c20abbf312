"""What ends the reading of a text that is to be data."""

from __future__ import annotations

from speczoo.specs.problem import Mark, Problem, ProblemError


class Unreadable(ProblemError):
    """What ends the reading of a text, from `start` to `end` in it, and the place that explains it."""

    def __init__(
        self, code: str, message: str, start: int, end: int, help: str = "", label: tuple[int, int, str] | None = None
    ) -> None:
        marks = [Mark((), label[2], extent=label[:2])] if label is not None else []
        super().__init__(Problem(code, message, extent=(start, end), marks=marks, help=(help,) if help else ()))


class Colon(Unreadable):
    """libyaml refuses `a:b` without a space in flow style, which YAML 1.2 has as a text."""
