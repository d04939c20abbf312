"""What is found of an unsaved text is what `zoo check` finds of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from speczoo.commands import check
from speczoo.editor import hints
from speczoo.editor.analysis import Analysis, analyses, source_of
from speczoo.editor.desk import Sheet
from speczoo.specs.diagnostics import Report
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.source import Source
from speczoo.specs.wording import by_axis
from tests.editor.texts import NET, RECIPES, ZOO, found
from tests.error_cases import CASES


def of(path: Path) -> Analysis | None:
    source = Source.read(path, Report())
    if source is None:
        return None
    *_, last = analyses(source)
    return last


SOME = {"wrong": CASES[::4], "recipes": RECIPES, "zoo": ZOO[::6]}
REST = {"more-wrong": [path for path in CASES if path not in SOME["wrong"]], "all-zoo": ZOO}


@pytest.mark.parametrize(
    "paths", [*SOME.values(), *(pytest.param(more, marks=pytest.mark.alike) for more in REST.values())]
)
def test_it_is_what_check_finds(paths: list[Path]) -> None:
    for path in paths:
        analysis = of(path)
        if analysis is not None:
            expected = check._check(str(path), {}, None, DEFAULT).diagnostics
            assert list(analysis.diagnostics) == expected, path
            assert analysis.complete


def test_every_variant_in_view_finds_the_same() -> None:
    text = NET.replace("widths: [8, 8]", "widths: [8, 9.5]")
    for view in (None, "small", "wide", "none"):
        *steps, last = analyses(source_of(text, None, "x"), view)
        assert [d.code for d in last.diagnostics] == [d.code for d in found(text).diagnostics] == ["bad-value"]
        assert steps[0].variant == (view if view in ("small", "wide") else None)


def test_what_is_too_large_is_refused_as_check_refuses_it() -> None:
    text = NET.replace("i: 0..1, w: $widths", "i: 0..99999").replace("channels: $w", "channels: $(i + 1)")
    assert [d.code for d in found(text).diagnostics] == ["limit-exceeded"]
    *_, last = analyses(source_of(NET, None, "x"), limits=Limits(nodes=3))
    assert {d.code for d in last.diagnostics} == {"limit-exceeded"}


# -- hints --------------------------------------------------------------------------------------------------------


def shown(analysis: Analysis) -> dict[int, str]:
    return {hint.line: hint.text for hint in hints.hints(analysis)}


def test_hints_stand_beside_the_lines() -> None:
    lines = NET.split("\n")
    got = {lines[line - 1].split(",")[0].strip(): text for line, text in shown(found(NET)).items()}
    assert got == {
        "Block:": "2 uses  2,320 ... 4,640 parameters",
        "- {id: conv": "16x16x16, 32x8x8",
        "- {id: act": "16x16x16, 32x8x8",
        "- {id: stem": "16x32x32",
        "- {for: {i: 0..1": "16x16x16, 32x8x8  2,320 ... 4,640 parameters",
        "- {id: cut": "2 of 16x8x8",
        "- {id: sum": "16x8x8",
        "- {id: flat": "1024",
        "- {id: fc": "10",
    }


@pytest.mark.parametrize("path", ZOO[::5], ids=lambda path: path.stem)
def test_every_layer_has_its_shape_beside_its_line(path: Path) -> None:
    analysis = next(analyses(source_of(path.read_text(encoding="utf-8"), path, "")))
    assert analysis.graph is not None
    assert analysis.unit is not None
    got = shown(analysis)
    for row in analysis.graph.rows:
        span = analysis.unit.document.span(row.node.loc)
        if row.node.loc not in analysis.entries or analysis.entries[row.node.loc][0].node.op != row.node.op:
            continue  # of a spec in use
        assert span is not None
        text = got[span.line]
        assert "..." in text or by_axis(row.output) in text, (row.path, text)


def typed(sheet: Sheet, text: str) -> dict[str, str]:
    """What stands beside each line after an edit."""
    sheet.edit(source_of(text, None, "x"), 0)
    for analysis in sheet.steps():
        sheet.take(analysis)
    return {text.split("\n")[hint.line - 1].strip(): hint.text for hint in sheet.hints()}


@pytest.mark.parametrize(
    "wrong", ["{op: Conv2d, ", "{op: Conv2d, out_channels: }", "{op: Nothing}", "- : [", "{op: Conv2d}"]
)
def test_what_is_half_typed_leaves_the_hints_of_the_other_lines(wrong: str) -> None:
    sheet = Sheet(source_of(NET, None, "x"), 0)
    right = typed(sheet, NET)
    broken = NET.replace("  - {id: cut,", f"  - {wrong}\n  - {{id: cut,")
    got = typed(sheet, broken)
    assert {line: text for line, text in got.items() if wrong not in line} == right
    assert typed(sheet, NET) == right


def test_what_costs_are_not_known_keeps_those_that_were() -> None:
    """A block behind an entry that is wrong has the parameters it had, not none."""
    sheet = Sheet(source_of(NET, None, "x"), 0)
    before = typed(sheet, NET)["Block:"]
    after = typed(sheet, NET.replace("kernel_size: 3, padding: 1}\n  - {for", "kernel_size: 3, pading: 1}\n  - {for"))
    assert after["Block:"] == before == "2 uses  2,320 ... 4,640 parameters"


def test_what_is_wrong_has_no_hint_of_what_it_was() -> None:
    sheet = Sheet(source_of(NET, None, "x"), 0)
    typed(sheet, NET)
    got = typed(sheet, NET.replace("chunks: 2", "chunks: 3").replace("cut.1]", "stem]"))
    assert not any(line.startswith("- {id: sum") for line in got)
