"""The picture of a mistake: strokes under what is wrong, whatever stands before it; nothing that a terminal obeys."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.checking import check_into
from speczoo.specs import machine_formats, render
from speczoo.specs.codes import CODES
from speczoo.specs.diagnostics import Diagnostic, Edit, Label, Report, Span
from speczoo.specs.source import Source


def shown(line: str, start: int, end: int, **more: object) -> list[str]:
    d = Diagnostic("bad-value", "wrong", Span(1, start, 1, end), file="net.yaml", **more)  # type: ignore[arg-type]
    return render.text([d], lines=lambda file: [line]).split("\n")


def columns(text: str) -> int:
    """How wide a terminal shows a text."""
    marks = sum(unicodedata.category(c)[0] == "M" for c in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


@pytest.mark.parametrize(
    "before", ["", "id: a, ", "id: 日本, ", "\t", "é: 1, ", "e\u0301: 1, ", "🎉: ", "\u202e: ", "\x1b[31m: "]
)
def test_strokes_stand_under_the_word(before: str) -> None:
    _, place, source, strokes, *_ = shown(f"{before}here, after", len(before) + 1, len(before) + 5)
    assert place == f"  --> net.yaml:1:{len(before) + 1}"
    assert strokes.lstrip(" |") == "^^^^"
    assert columns(source[: source.index("here")]) == strokes.index("^")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60), st.data())
def test_strokes_stand_under_any_word(before: str, data: st.DataObject) -> None:
    after = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=300))
    line = f"{before}<here>{after}"
    _, _, source, strokes, *_ = shown(line, len(before) + 1, len(before) + 7)
    at = source.index("<here>") if before.count("<here>") == 0 else None
    if at is not None:
        assert strokes.lstrip(" |") == "^^^^^^"
        assert columns(source[:at]) == strokes.index("^")


def test_long_lines_are_cut_around_the_word() -> None:
    line = "x" * 5000 + "here" + "y" * 5000
    _, _, source, strokes, *_ = shown(line, 5001, 5005)
    assert len(source) < 200
    assert source.index("here") == strokes.index("^")


def test_labels_stand_under_each_other() -> None:
    label = Label(Span(1, 13, 1, 18), "64 x 56 x 56")
    out = shown("from: [conv2, input]", 8, 13, text="128 x 56 x 56", labels=(label,))
    assert out[2:] == [
        "   1 | from: [conv2, input]",
        "     |        ^^^^^----- 64 x 56 x 56",
        "     |        128 x 56 x 56",
    ]


HOSTILE = "[/red] \x1b[31mred\x1b[0m \x07 \u202e \u2028 \x9b ::error:: %0A"


@pytest.mark.parametrize("form", [render.text, machine_formats.concise, machine_formats.github])
def test_nothing_that_a_terminal_obeys_is_printed(form: object) -> None:
    d = Diagnostic(
        "bad-value",
        HOSTILE,
        Span(1, 1, 1, 4),
        file=f"{HOSTILE}.yaml",
        path=HOSTILE,
        text=HOSTILE,
        labels=(Label(Span(1, 5, 1, 6), HOSTILE),),
        notes=(HOSTILE,),
        help=(HOSTILE,),
    )
    extra = {"lines": lambda file: [HOSTILE]} if form is render.text else {}
    out: str = form([d], **extra)  # type: ignore[operator]
    assert all(c.isprintable() or c == "\n" for c in out)
    assert "[/red]" in out  # shown as it is, for nothing reads it as markup
    if form is machine_formats.github:
        assert out.count("\n") == 0
        assert out.startswith("::error file=")


def test_colour_is_only_around_our_own_words() -> None:
    d = Diagnostic("bad-value", "wrong", Span(1, 1, 1, 3), file="a.yaml", help=("mend it",))
    plain = render.text([d], lines=lambda file: ["ab"])
    coloured = render.text([d], lines=lambda file: ["ab"], color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_json_is_as_documented() -> None:
    d = Diagnostic("bad-value", "wrong", Span(2, 3, 2, 5), file="a.yaml", path="layer1.0", help=("mend it",))
    d = replace(d, pointer="/layers/0")
    warning = Diagnostic("unused-layer", "idle", severity="warning", file="b.yaml")
    got = json.loads(
        machine_formats.as_json([machine_formats.Checked("a.yaml", [d]), machine_formats.Checked("b.yaml", [warning])])
    )
    first = {"code": "bad-value", "severity": "error", "message": "wrong", "line": 2, "column": 3, "end_line": 2}
    first |= {"end_column": 5, "path": "layer1.0", "pointer": "/layers/0", "help": ["mend it"]}
    second = {"code": "unused-layer", "severity": "warning", "message": "idle", "line": None, "column": None}
    second |= {"end_line": None, "end_column": None, "path": None, "pointer": None, "help": []}
    assert got == {
        "ok": False,
        "files": [
            {"file": "a.yaml", "ok": False, "diagnostics": [first]},
            {"file": "b.yaml", "ok": True, "diagnostics": [second]},
        ],
    }


#: The published schema of SARIF 2.1.0 (OASIS; revision rtm.5, as the npm package @microsoft/jest-sarif carries it).
SARIF = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text(encoding="utf-8"))


def test_sarif_is_sarif() -> None:
    import jsonschema

    report = Report()
    from tests.errors.test_cases import CASES

    for path in CASES[::7]:
        check_into(report, path)
    report.add(Diagnostic("unreadable", "no place", file="a folder/ü%.yaml"))
    report.add(Diagnostic("unknown-reference", "no file"))
    log = json.loads(machine_formats.sarif(report, "0.1.0"))
    jsonschema.Draft4Validator(SARIF).validate(log)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == list(CODES)
    assert [rules[r["ruleIndex"]] for r in run["results"]] == [d.code for d in report]
    assert any("fixes" in r for r in run["results"])
    assert any("relatedLocations" in r for r in run["results"])


def test_the_demands_on_sarif_can_fail() -> None:
    import jsonschema

    for spoil in ({"version": "2.0.0"}, {"colour": 1}, {"runs": [{}]}):
        log = json.loads(machine_formats.sarif([], "0.1.0"))
        assert not jsonschema.Draft4Validator(SARIF).is_valid({**log, **spoil})


def test_fixes_in_sarif_are_the_edits() -> None:
    d = Diagnostic("unknown-op", "no", Span(1, 1, 1, 3), file="a.yaml", fix=(Edit(Span(1, 1, 1, 3), "ReLU"),))
    (result,) = json.loads(machine_formats.sarif([d], "0.1.0"))["runs"][0]["results"]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 3},
            "insertedContent": {"text": "ReLU"},
        }
    ]


def test_a_spec_error_reads_as_a_terminal_shows_it(tmp_path: object) -> None:
    import speczoo

    with pytest.raises(speczoo.SpecError) as caught:
        speczoo.check({"spec": 1, "name": "t", "input": [3], "layers": [{"op": "Relu"}]})
    assert str(caught.value).startswith("error[unknown-op]: there is no op `Relu`\n")
    assert str(caught.value).endswith("= help: did you mean `ReLU`?")


def test_lines_are_those_of_the_source() -> None:
    assert render.lines_of("<text>") is None
    assert Source.of("a\r\nb\rc\nd").lines == ["a", "b", "c", "d"]
