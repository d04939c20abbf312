"""The front door: whatever comes in, a document with true places comes out, or diagnostics; never anything else."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from speczoo.specs.diagnostics import Diagnostic, Report, Span
from speczoo.specs.document import Document, parse
from speczoo.specs.errors import SpecError
from speczoo.specs.limits import Limits
from speczoo.specs.source import Source

ROOT = Path(__file__).parents[2]


def read(text: str, name: str = "spec.yaml", limits: Limits | None = None) -> tuple[Document | None, Report]:
    report = Report()
    return parse(Source.of(text, name), report, limits or Limits()), report


def good(text: str) -> Document:
    document, report = read(text)
    assert document is not None, list(report)
    assert not list(report)
    assert not document.placeholders
    return document


def cut(text: str, span: Span) -> str:
    lines = Source.of(text).lines
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    inner = lines[span.line : span.end_line - 1]
    return "\n".join([lines[span.line - 1][span.column - 1 :], *inner, lines[span.end_line - 1][: span.end_column - 1]])


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict | list):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for step, inner in steps for leaf in leaves(inner, (*path, step))]
    return [(path, value)]


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types: 1, 1.0 and True differ."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["no", "010", "1_000", "<<", "", " ", "a: b", "# c", "- d", "$(max(1, 2))", "\U0001d518", "\n", '"', "'", "{", "!x"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
mappings = st.dictionaries(texts, values, max_size=5)


comments = st.sampled_from(["", "  ", " # \U0001d518: {"])


@st.composite
def yaml_text(draw: st.DrawFn, data: dict[str, Any]) -> str:
    """YAML that says `data`, in block or flow style at every level, with comments and odd spaces."""

    def word(text: str) -> str:
        if (
            text.isascii()
            and text.isalpha()
            and text.lower() not in ("null", "true", "false", "yes", "no", "on", "off")
        ):
            assume(text not in ("NaN", "Infinity"))
            return text
        if text.isprintable() and draw(st.booleans()):
            return "'" + text.replace("'", "''") + "'"
        return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'

    def flow(value: Any) -> str:
        gap = draw(st.sampled_from(["", " ", "\t", "  "]))
        if isinstance(value, dict):
            return "{" + f",{gap}".join(f"{word(key)}: {gap}{flow(inner)}" for key, inner in value.items()) + gap + "}"
        if isinstance(value, list):
            return f"[{gap}" + f"{gap}, ".join(map(flow, value)) + "]"
        return word(value) if isinstance(value, str) else "null" if value is None else json.dumps(value)

    def block(value: Any, indent: str) -> str:
        if not isinstance(value, dict | list) or not value or draw(st.booleans()):
            return f" {flow(value)}{draw(comments)}\n"
        deeper = indent + " " * draw(st.integers(1, 3))
        if isinstance(value, dict):
            return "\n" + "".join(f"{deeper}{word(key)}:{block(inner, deeper)}" for key, inner in value.items())
        return "\n" + "".join(f"{deeper}-{block(inner, deeper)}" for inner in value)

    assume(data)
    return "".join(f"{word(key)}:{block(inner, '')}" for key, inner in data.items())


@given(mappings, st.sampled_from([None, 1, "\t"]), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\n:")]))
def test_json_is_the_language(data: dict[str, Any], indent: Any, separators: tuple[str, str]) -> None:
    text = json.dumps(data, indent=indent, separators=separators)
    document = good(text)
    assert same(document.data, data)
    for path, value in leaves(data):
        span = document.span(path)
        assert span is not None
        if isinstance(value, dict | list) or not path:
            continue
        assert same(json.loads(cut(text, span)), value)


@given(st.data(), mappings)
def test_yaml_says_what_was_intended_and_where(choose: st.DataObject, data: dict[str, Any]) -> None:
    text = choose.draw(yaml_text(data))
    document = good(text)
    assert same(document.data, data)
    for path, value in leaves(data):
        span = document.span(path)
        assert span is not None
        assert same(good(f"v: {cut(text, span)}\n").data["v"], value)
        if isinstance(path[-1], str):
            key = document.span(path, key=True)
            assert key is not None
            assert list(good(f"{cut(text, key)}: 1\n").data) == [path[-1]]
    assert document.span((next(iter(data), "none"), "nothing", 3)) is not None


_YAML = "a b : , - \\n { } [ ] \" ' # *a !x !!str ---\\n ...\\n ? | > << no 010 .nan 1:3 a:1 $( ) $$ 0x 1e999 ~"
_ODD = [
    "%TAG ! x\n",
    "$(max(a, b))",
    "\t",
    "\r\n",
    "\0",
    "\ufeff",
    "\u2028",
    "\x85",
    "\ud800",
    "\U000f0000",
    "\\",
    "\\ud83d",
]
pieces = st.sampled_from(
    [*_YAML.replace("\\n", "\n").split(" "), ": ", ", ", "- ", "\n  ", "\n    ", " # ", "&a ", *_ODD]
)


@settings(max_examples=300)
@given(
    st.lists(pieces | texts, max_size=30).map("".join) | st.lists(pieces, max_size=20).map(lambda x: "{" + "".join(x))
)
@example('{"a": "\\ud800"}')
@example("{a:,")
@example("a: {b: $$$(c, d: $(e, f:g}")
def test_any_text_gives_a_document_or_diagnostics(text: str) -> None:
    for name in ("spec.yaml", "spec.json"):
        document, report = read(text, name)
        assert document is not None or not report.ok
        lines = Source.of(text).lines
        for diagnostic in report:
            span = diagnostic.span
            assert span is not None
            assert (1, 1) <= span[:2] <= span[2:] <= (len(lines), len(lines[-1]) + 2)
        if document is not None:
            json.dumps(document.data, allow_nan=False)
            for path, _ in leaves(document.data):
                assert document.span(path) is not None


REFUSED = {
    **dict.fromkeys(("no", "off", "yes", "on", "No", "OFF", "Yes"), "bad-value"),
    **dict.fromkeys(("010", "-007", "1_000", "1:30", "0b11", "-0x1F", "00.5"), "bad-value"),
    **dict.fromkeys((".nan", ".inf", "-.INF", "1e400", "NaN", "Infinity", "-Infinity", "9" * 5000), "bad-value"),
    "!!python/object/apply:os.system": "unsafe-yaml",
    "!Foo": "unsafe-yaml",
    "*nowhere": "yaml-syntax",
    "&r [*r]": "unsafe-yaml",
}


@pytest.mark.parametrize("word", REFUSED)
@pytest.mark.parametrize("around", ["a: 1\nb: {0} # c\nd: 2\n", "a: [\U0001d518, {{x: {0} }}]\n", "k: [\t{0}\t]\n"])
def test_refused_words_are_reported_where_they_stand(word: str, around: str) -> None:
    text = around.format(word)
    document, report = read(text)
    (found,) = report
    assert found.code == REFUSED[word]
    at = text.index("*r]") if word == "&r [*r]" else text.index(word)
    assert found.span is not None
    assert found.span[:2] == Source.of(text).position(at)
    assert document is not None
    assert found.help or word == "*nowhere" or word == "&r [*r]"
    assert len(document.placeholders) == 1
    for edit in found.fix:
        assert edit.span == found.span
        good(text.replace(word, edit.text))
    if REFUSED[word] == "bad-value":
        assert word in leaves(good(around.format(f'"{word}"')).data)[-2 if "d:" in text else -1]


@pytest.mark.parametrize("word", ["y", "n", "N", "1..4", "5b", "~a", "nan", "inf", "on_", "2015-01-01", "layer$n"])
def test_words_that_nobody_misreads_are_texts(word: str) -> None:
    assert good(f"v: {word}").data == {"v": word}


@pytest.mark.parametrize("key", ["no", "on", "5b", "1_000", "1:30", "NaN", '"010"', "'1'", '"<<"', '"true"'])
def test_texts_are_keys(key: str) -> None:
    assert good(f"{key}: 1\nx: {{{key}: 2}}\n".replace("1:30: 2", '"1:30": 2')).span(("x", key.strip("\"'")), key=True)


@pytest.mark.parametrize(
    "key", ["1", "010", "true", "null", "~", ".nan", "1.5", "? [a]\n", "? {a: b}\n", "1e400", "0x1F"]
)
def test_other_keys_are_refused(key: str) -> None:
    _, report = read(f"a: 1\n{key}: 2\n")
    (found,) = report
    assert (found.code, found.span and found.span.line) == ("bad-value", 2)


@given(st.from_regex(r"[-+]?(0[xob])?[0-9_.eE:+-]{1,6}|[yYnNoO~]?[A-Za-z.]{0,5}", fullmatch=True))
def test_words_mean_what_yaml_1_2_says(word: str) -> None:
    """What is not refused is what another reader of YAML 1.2 finds."""
    assume(not word.startswith(("---", "...")))
    try:
        other = YAML(typ="safe", pure=True).load(f"v: {word}")["v"]
    except (YAMLError, ValueError, TypeError):
        assume(False)
    assume(not isinstance(other, date))
    document, report = read(f"v: {word}")
    assert document is not None
    if report.ok:
        assert same(document.data["v"], other)


@given(
    st.from_regex(
        r"[-+]?(0[xob])?[0-9][0-9_]{0,3}(:[0-9]{1,2}){0,2}(\.[0-9_]{0,3})?([eE][-+]?[0-9]{1,4})?", fullmatch=True
    )
)
@example("1_0e999")
def test_what_is_read_or_guessed_is_finite(word: str) -> None:
    """Refused or not, a number is one that the rest can compute with."""
    document, report = read(f"v: {word}")
    assert document is not None
    value = document.data["v"]
    assert not isinstance(value, float) or math.isfinite(value)
    assert isinstance(value, int | float) or word in str(value)
    assert report.ok or "v" in {step for path in document.placeholders for step in path}


@given(
    st.lists(st.sampled_from(["ok: 1", "a: no", "b: 010", "c: !x y", "ok: 2", "d: {e: $(max(1, 2)), f: 1}", "7: x"]))
)
def test_independent_mistakes_are_all_reported(lines: list[str]) -> None:
    codes = {"a": "bad-value", "b": "bad-value", "c": "unsafe-yaml", "d": "bad-expression", "7": "bad-value"}
    expected, keys = [], set()
    for number, line in enumerate(lines, 1):
        key = line.split(":")[0]
        expected += [(number, "duplicate-key")] if key in keys else []
        expected += [(number, codes[key])] if key in codes else []
        keys.add(key)
    _, report = read("\n".join(["first: 0", *lines]))
    assert sorted((d.span.line - 1, d.code) for d in report if d.span) == sorted(expected)


def test_a_repeated_key_shows_both_places() -> None:
    _, report = read("a: 1\nb:\n  c: 1\n  d: {c: 1}\n  c: 2\n")
    (found,) = report
    assert (found.code, found.span) == ("duplicate-key", Span(5, 3, 5, 4))
    assert [label.span for label in found.labels] == [Span(3, 3, 3, 4)]


inner = st.sampled_from(
    ["max(8, c // 4)", "depths[0]", "make_divisible(c, 8)", "depths[1:3]", "(1, 2)[n]", "a if b else [c, d]"]
)


@given(
    inner,
    st.sampled_from(["x: {{a: {}, b: no}}", "x: [{}, no]", "x: {{b: no, a: {} }}", "x:\n- {{k: 1, a: {}, b: no }}"]),
)
def test_a_torn_expression_is_one_mistake(expression: str, around: str) -> None:
    whole = f"$({expression})"
    text = around.format(whole)
    document, report = read(text)
    found = [d for d in report if d.code == "bad-expression"]
    assert sorted(d.code for d in report) == ["bad-expression", "bad-value"]
    assert "unbalanced $(" in found[0].message.replace("`", "")
    assert found[0].span is not None
    assert cut(text, found[0].span) == whole
    assert document is not None
    (edit,) = found[0].fix
    mended = good(text.replace(whole, edit.text).replace(" no", " 0"))
    assert [v for _, v in leaves(document.data) if v is not False] == [v for _, v in leaves(mended.data) if v != 0]


def test_an_expression_without_its_end_does_not_spoil_the_line() -> None:
    document, report = read("x: {a: $(max(8, c // 4, stride: 1}\ny: $(a\n")
    assert [d.code for d in report] == ["bad-expression"]
    assert document is not None
    assert document.data["x"]["stride"] == 1


def test_part_points_into_an_expression() -> None:
    text = "a: \U0001d518\nb: {x: $(c + dd), y: '$(e)', z: \"\\n$(e)\"}\n"
    document = good(text)
    assert document.part(("b", "x"), 6, 8) == Span(2, 14, 2, 16)
    assert cut(text, document.part(("b", "x"), 6, 8) or Span(1, 1, 1, 1)) == "dd"
    assert cut(text, document.part(("b", "y"), 2, 3) or Span(1, 1, 1, 1)) == "e"
    assert document.part(("b", "z"), 3, 4) == document.span(("b", "z"))


SYNTAX = {  # text: the line to mend
    "": 1,
    "# nothing\n": 1,
    "word\n": 1,
    "- a\n": 1,
    "a: 1\n---\nb: 2\n": 2,
    "a: 1\nb: [1, 2\n": 2,
    "a:\n- {op: x\n- {op: y}\n": 2,
    'a: 1\nb: "x\nc: 1\n': 2,
    "a:\n\tb: 1\n": 2,
    "a: 1\nb: @x\n": 2,
    "a: 1\nb 2\nc: 3\n": 2,
    "a: 1\n  b: 2\n": 2,
    "a: 1\nb: c: d\n": 2,
    "a: {b 1, c: 2}\nd: {e:f}\n": 2,
    "a: 1\nb: \x1b[31m\n": 2,
    "a: 1\n\x00": 2,
    "%YAML 1.1\n---\na: 1\n": 1,
    '{"a": 1,\n "b": 2\n "c": 3}': 3,
}


@pytest.mark.parametrize("text", SYNTAX)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_broken_yaml_points_at_the_line_to_mend(text: str, ends: str) -> None:
    _, report = read(text.replace("\n", ends))
    assert [(d.code, d.span and d.span.line) for d in report] == [("yaml-syntax", SYNTAX[text])]


def test_aliases_repeat_within_limits() -> None:
    document = good("a: &a {x: 1}\nb: [*a, *a]\n")
    assert document.data == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}
    assert document.span(("b", 1)) == Span(2, 9, 2, 11)
    assert document.span(("b", 1, "x")) == Span(1, 11, 1, 12)
    _, report = read("a: &a {x: 1}\nb: [*a, *a]\n", limits=Limits(alias_values=3))
    assert [d.code for d in report] == ["unsafe-yaml"]


HOSTILE = """
import sys
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.source import Source
from tests.steps import counted, highest
many, mega = 100_000, 1 << 20
bomb = lambda form: "a0: &a0 {k: x}\\n" + "".join(
    f"a{i}: &a{i} {form % ', '.join([f'*a{i - 1}'] * 9)}\\n" for i in range(1, 12))
rows = {
    "limit-exceeded": ["a: " + "[" * many, "[" * many, "{a: " * many, '{"a":' * many, "- " * many,
        "a:\\n " + "- " * many,
        "".join(f"%TAG !x{i}! tag:x:\\n" for i in range(60_000)) + "a: 1", "a: [" + "1," * many * 4 + "]",
        '{"a": [' + "1," * many * 4 + "1]}", "a: " + "x" * (mega - 3),
        "\\n".join(" " * i + "a:" for i in range(1400)), "".join(f"a{i}: 1\\n" for i in range(80_000))],
    "unsafe-yaml": [bomb("[%s]"), bomb("{<<: [%s]}"), "a: &a [*a]", "a: &a x\\nb: [" + "*a," * many + "]",
        "a: !!python/object/apply:os.system [x]", "a: [" + "!x 1," * many + "]"],
    "duplicate-key": ["a: 1\\n" * (mega // 5)],
    "bad-value": ["a: [" + "no, " * many * 2 + "]", "a: " + "9" * 5000, "? " * many],
    "bad-expression": ["a: {b: " + "$(," * (mega // 3 - 9),
        "a: {b: $(max(1, 2)),\\n" + "c: $(max(1, 2)),\\n" * 50_000 + "}"],
    "yaml-syntax": ["a: {b:" + ":a" * (mega // 2 - 9), "a: 1\\n...\\n" + "#\\n" * (mega // 2 - 9) + "x",
        'a: "' + "x\\n" * (mega // 2 - 9), "\\n" * mega, " " * mega,
        "a: {b:c} #" + "".join(map(chr, range(0xF0000, 0xFFFFE)))],
}
before = highest()
for code, texts in rows.items():
    for text in texts:
        report = Report()
        _, calls = counted(lambda: parse(Source.of(text), report))
        codes = {d.code for d in report}
        assert code in codes, (text[:40], codes)
        assert calls < 1_000 + 3 * len(text), (text[:40], calls)  # an honest text takes 5 for a character
added = highest() - before
assert added < 100, added
print("survived")
"""


def test_hostile_texts_cost_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", HOSTILE], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "survived\n", "")


def diagnosed(path: Path) -> Diagnostic:
    report = Report()
    source = Source.read(path, report)
    if source is not None:
        assert parse(source, report) is None
    (found,) = report
    assert found.file == str(path)
    return found


def test_files_that_are_no_text_are_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    rows: dict[bytes, tuple[str, int]] = {
        "a: 1\ntitle: caf\xe9\n".encode("latin-1"): ("unreadable", 2),
        "a: 1\n".encode("utf-16"): ("unreadable", 1),
        "a: 1\n".encode("utf-16-le"): ("unreadable", 1),
        "a: 1\n".encode("utf-32"): ("unreadable", 1),
        b"a: 1\nb: \x00\n": ("yaml-syntax", 2),
        b"a: 1\nb: \x1b[31m\n": ("yaml-syntax", 2),
    }
    for data, expected in rows.items():
        file.write_bytes(data)
        found = diagnosed(file)
        assert (found.code, found.span and found.span.line) == expected
    assert diagnosed(tmp_path).code == "unreadable"
    assert diagnosed(tmp_path / "missing.yaml").code == "unreadable"
    os.mkfifo(tmp_path / "pipe")
    assert diagnosed(tmp_path / "pipe").code == "unreadable"
    with file.open("wb") as sparse:
        sparse.truncate(50 << 20)
    assert diagnosed(file).code == "limit-exceeded"


def test_a_byte_order_mark_shifts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: \xf0\x9d\x94\x98\r\n")
    report = Report()
    source = Source.read(file, report)
    assert source is not None
    document = parse(source, report)
    assert document is not None
    assert document.data == {"a": 1, "b": "\U0001d518"}
    assert document.span(("a",), key=True) == Span(1, 1, 1, 2)
    assert document.span(("b",)) == Span(2, 4, 2, 5)


@given(mappings)
def test_python_data_is_a_document_too(data: dict[str, Any]) -> None:
    document = Document.of(data)
    assert same(document.data, data)
    assert same(document.data, good(json.dumps(data)).data)
    assert document.span(("a",)) is None
    data["new"] = 1
    assert "new" not in document.data


def test_python_data_that_a_text_could_not_say_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(40):
        deep = [deep]
    wide: Any = 1
    for _ in range(20):
        wide = [wide, wide]

    rows: list[tuple[Any, str]] = [
        (float("nan"), "bad-value"),
        (10**100, "bad-value"),
        (b"x", "bad-value"),
        ({1: 2}, "bad-value"),
        (object(), "bad-value"),
        ("\ud800", "bad-value"),
        (loop, "unsafe-yaml"),
        (deep, "limit-exceeded"),
        (wide, "limit-exceeded"),
        ("x" * 10**6, "limit-exceeded"),
    ]
    for value, code in rows:
        with pytest.raises(SpecError) as refused:
            Document.of({"a": {"b": value}})
        assert {d.code for d in refused.value.diagnostics} == {code}
        assert "a.b" in refused.value.diagnostics[0].message
    with pytest.raises(SpecError) as refused:
        Document.of({"a": float("inf"), "b": {2: 3}})
    assert len(refused.value.diagnostics) == 2
    with pytest.raises(SpecError):
        Document.of([1])
    assert Document.of({"a": (1, 2)}).data == {"a": [1, 2]}
