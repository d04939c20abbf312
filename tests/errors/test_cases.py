"""Wrong specs, each line marked with the codes that it must earn: `#! unknown-op`. Nothing else may be said.

Beside a case stands what a terminal shows for it, `CASE.txt`; `ZOO_WRITE=1` writes these texts anew, to be read before
they are committed.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from speczoo.api import check_into
from speczoo.specs import render
from speczoo.specs.codes import CODES
from speczoo.specs.diagnostics import Diagnostic, Report

HERE = Path(__file__).parent / "cases"
CASES = sorted(HERE.rglob("*.yaml"))
MARK = re.compile(r"#! *([a-z -]+)$")


def told(path: Path) -> list[Diagnostic]:
    report = Report()
    check_into(report, path)
    return report.diagnostics


def marked(text: str) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for number, line in enumerate(text.split("\n"), 1):
        if match := MARK.search(line):
            found.update((code, number) for code in match[1].split())
    return found


def name(path: Path) -> str:
    return path.relative_to(HERE).with_suffix("").as_posix()


@pytest.mark.parametrize("path", CASES, ids=name)
def test_code_and_line(path: Path) -> None:
    wanted = marked(path.read_text(encoding="utf-8"))
    assert wanted
    assert {code for code, _ in wanted} <= set(CODES)
    assert Counter((d.code, d.span.line if d.span else 0) for d in told(path)) == wanted


@pytest.mark.parametrize("path", CASES, ids=name)
def test_text(path: Path) -> None:
    shown = render.text(told(path)).replace(f"{path.parent}/", "") + "\n"
    beside = path.with_suffix(".txt")
    if os.environ.get("ZOO_WRITE"):
        beside.write_text(shown, encoding="utf-8")
    assert shown == beside.read_text(encoding="utf-8")


def test_every_code_has_a_case() -> None:
    found = {code for path in CASES for code, _ in marked(path.read_text(encoding="utf-8"))}
    assert found == set(CODES) - {"unreadable"}
