"""Wrong specs, each line marked with the codes that it must earn: `#! unknown-op`. Nothing else may be reported.

Beside a case stands what a terminal shows for it, `CASE.txt`, written by `python -m tests.regenerate`.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import speczoo
from speczoo.checking import check_into
from speczoo.specs.codes import CODES
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.errors import SpecError
from speczoo.specs.source import Source
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


@pytest.mark.parametrize("path", CASES, ids=name)
def test_a_pointer_leads_to_what_is_wrong(path: Path) -> None:
    """To the value or the key whose place in the text is shown, or to what is around it."""
    for diagnostic in reported(path):
        file = Path(diagnostic.file or path)
        document = parse(Source.read(file, Report()) or Source.of(""), Report())
        if diagnostic.pointer is None or document is None or diagnostic.span is None:
            continue
        loc = _resolved(document.data, diagnostic.pointer)
        places = [document.span(loc, key=key) for key in (False, True)]
        assert any(
            (p.line, p.column) <= (diagnostic.span.line, diagnostic.span.column) <= (p.end_line, p.end_column)
            for p in places
            if p is not None
        ), (diagnostic, places)


def _resolved(data: Any, pointer: str) -> tuple[str | int, ...]:
    """The path that a JSON Pointer is, each of whose steps leads to what is there."""
    loc: list[str | int] = []
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        loc.append(int(key) if isinstance(data, list) else key)
        data = data[loc[-1]]
    return tuple(loc)


def test_a_spec_as_data_gets_pointers_too() -> None:
    spec = {"spec": 1, "name": "n", "input": [3], "layers": [{"op": "ReLU"}, {"op": "add", "from": [0, "~/x"]}]}
    with pytest.raises(SpecError) as caught:
        speczoo.check(spec)
    assert "/layers/1/from/1" in {d.pointer for d in caught.value.diagnostics}


def test_every_code_has_a_case() -> None:
    found = {code for path in CASES for code, _ in marked(path.read_text(encoding="utf-8"))}
    assert found == set(CODES) - {"unreadable"}


def test_what_a_full_report_did_not_hear_of_is_not_taken_for_right() -> None:
    path = next(path for path in CASES if name(path) == "unknown-key/layers-misspelt")
    alone, crowded = reported(path), Report()
    for other in [*CASES, path]:
        check_into(crowded, other)
    assert reported(path) == alone
