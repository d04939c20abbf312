"""Wrong specs, and what is shown for each: tests/errors/cases."""

from __future__ import annotations

from pathlib import Path

from speczoo.checking import check_into
from speczoo.specs import render
from speczoo.specs.diagnostics import Diagnostic, Report

HERE = Path(__file__).parent / "errors" / "cases"
CASES = sorted(HERE.rglob("*.yaml"))


def name(path: Path) -> str:
    return path.relative_to(HERE).with_suffix("").as_posix()


def reported(path: Path) -> list[Diagnostic]:
    report = Report()
    check_into(report, path)
    return report.diagnostics


def shown(path: Path) -> str:
    """What a terminal shows for a case."""
    return render.text(reported(path)).replace(f"{path.parent}/", "") + "\n"
