"""The exception that carries a finished report out of the Python face."""

from __future__ import annotations

from collections.abc import Iterable

from speczoo.specs.diagnostics import Diagnostic, Report


class SpecError(ValueError):
    """A spec is wrong. `diagnostics` says all that is wrong with it; `str()` is the text a terminal would show."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from speczoo.specs.render import text

        return text(self.diagnostics)

    def __reduce__(self) -> tuple[object, ...]:
        return (SpecError, (self.diagnostics,))


def raise_if_wrong(report: Report) -> None:
    """Raise SpecError when there is an error among the diagnostics."""
    if not report.ok:
        raise SpecError(report.diagnostics)
