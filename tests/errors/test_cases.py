"""Wrong specs, each line marked with the codes that it must earn: `#! unknown-op`. Nothing else may be said.

Beside a case stands what a terminal shows for it, `CASE.txt`, written by `python -m tests.regenerate`.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from speczoo.api import check_into
from speczoo.specs.codes import CODES
from speczoo.specs.diagnostics import Report
from tests.error_cases import CASES, name, reported

MARK = re.compile(r"#! *([a-z -]+)$")


def marked(text: str) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for number, line in enumerate(text.split("\n"), 1):
        if match := MARK.search(line):
            found.update((code, number) for code in match[1].split())
    return found


@pytest.mark.parametrize("path", CASES, ids=name)
def test_code_and_line(path: Path) -> None:
    wanted = marked(path.read_text(encoding="utf-8"))
    assert wanted
    assert {code for code, _ in wanted} <= set(CODES)
    assert Counter((d.code, d.span.line if d.span else 0) for d in reported(path)) == wanted


def test_every_code_has_a_case() -> None:
    found = {code for path in CASES for code, _ in marked(path.read_text(encoding="utf-8"))}
    assert found == set(CODES) - {"unreadable"}


def test_what_a_full_report_did_not_hear_of_is_not_taken_for_right() -> None:
    path = next(path for path in CASES if name(path) == "unknown-key/layers-misspelt")
    alone, crowded = reported(path), Report()
    for other in [*CASES, path]:
        check_into(crowded, other)
    assert reported(path) == alone
