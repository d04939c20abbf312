"""Fixes: what is offered as a repair repairs. Misspelt specs of the zoo are mended by what is reported of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

import speczoo
from speczoo import catalogue
from speczoo.compiler.compile import compile
from speczoo.specs import edit
from speczoo.specs.diagnostics import Diagnostic, Edit, Report, Span
from speczoo.specs.document import parse
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.source import Source
from tests.error_cases import CASES, name

SPECS = {path.name: Source.read(path, Report()) for path in catalogue.files()}
SMALL = [name for name in SPECS if name in ("lenet.yaml", "resnet.yaml", "unet.yaml", "cifar_resnet.yaml", "vgg.yaml")]
#: Names of all kinds: keys, ops, ids, parameters.
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{3,}")


def reported(source: Source) -> list[Diagnostic]:
    """What is wrong with the first network of a spec."""
    report = Report()
    document = parse(source, report)
    spec = load(document, report) if document else None
    if document and spec:
        first = next(iter(spec.variants), None)
        compile(LoadedSpec(spec, document), report, variant=first, lookup=catalogue.lookup)
    return report.errors


def mended(source: Source, rounds: int = 5) -> Source:
    for _ in range(rounds):
        text = edit.mended(source, reported(source))
        if text == source.text:
            break
        source = Source(source.name, text, source.path)
    return source


@st.composite
def misspelt(draw: st.DrawFn) -> Source:
    """A spec of the zoo with one word of its blocks or layers misspelt."""
    name = draw(st.sampled_from(SMALL))
    source = SPECS[name]
    assert source is not None
    text = source.text
    body = [
        m
        for m in WORD.finditer(text, text.index("\nlayers:"))
        if "#" not in text[text.rfind("\n", 0, m.start()) : m.start()]
    ]
    word = draw(st.sampled_from(body))
    at = draw(st.integers(1, len(word[0]) - 2))
    slip = draw(st.sampled_from(["swap", "drop", "double", "case"]))
    old = word[0]
    new = {
        "swap": old[:at] + old[at + 1] + old[at] + old[at + 2 :],
        "drop": old[:at] + old[at + 1 :],
        "double": old[:at] + old[at] + old[at:],
        "case": old[:at] + old[at].swapcase() + old[at + 1 :],
    }[slip]
    assume(new != old)
    return Source(source.name, text[: word.start()] + new + text[word.end() :], source.path)


@given(misspelt())
def test_offered_fixes_mend(source: Source) -> None:
    wrong = reported(source)
    assume(wrong and all(d.fix for d in wrong))
    event(wrong[0].code)
    assert reported(mended(source)) == []


@given(st.integers(-5, 5), st.integers(0, 5), st.booleans(), st.lists(st.integers(-5, 5), max_size=2))
def test_a_range_in_brackets_is_reported_and_mended(first: int, more: int, named: bool, others: list[int]) -> None:
    """A list with a range in it is refused; a range that is alone there is what is intended."""
    span = f"{first}..{'$n' if named else first + more}"
    loop = f"{{i: [{', '.join([*map(str, others), span])}]}}"
    head = f"spec: 1\nname: n\ninput: [3, 8, 8]\nparams: {{n: {first + more}}}\nlayers:\n"
    source = Source("n", f"{head}  - {{for: {loop}, op: ReLU}}\n")
    assert [d.code for d in reported(source)] == ["bad-value"]
    if others:
        assert mended(source).text == source.text
        return
    whole = mended(source)
    assert reported(whole) == []
    assert len(speczoo.graph(whole.text).rows) == more + 1


def refused(source: Source, diagnostic: Diagnostic) -> list[Diagnostic]:
    """What is reported, once this fix alone is applied, of what it wrote; not what is missing beside it."""
    after = Source(source.name, edit.mended(source, [diagnostic]), source.path)
    written, moved = [], 0
    for each in sorted(diagnostic.fix, key=lambda one: (one.span.line, one.span.column)):
        start, end = (
            source.index(each.span.line, each.span.column),
            source.index(each.span.end_line, each.span.end_column),
        )
        written.append((start + moved, start + moved + len(each.text)))
        moved += len(each.text) - (end - start)
    stated = []
    for found in reported(after):
        if found.code != "missing-argument" and found.span is not None and found.file in (None, source.name):
            start = after.index(found.span.line, found.span.column)
            end = after.index(found.span.end_line, found.span.end_column)
            stated += [found for first, last in written if start < last and first < end]
    return stated


@pytest.mark.parametrize("path", CASES, ids=name)
def test_a_fix_of_any_code_is_accepted(path: Path) -> None:
    """Applied alone it leaves nothing to say of what it wrote."""
    source = Source.read(path, Report())
    assert source is not None
    for diagnostic in reported(source):
        assert not diagnostic.fix or refused(source, diagnostic) == []


@given(misspelt())
def test_a_fix_of_a_slip_is_accepted(source: Source) -> None:
    for diagnostic in reported(source):
        assert not diagnostic.fix or refused(source, diagnostic) == []


@given(misspelt())
def test_fixes_touch_nothing_else(source: Source) -> None:
    """Every line that no fix speaks of is as it was, comments included."""
    wrong = reported(source)
    spoken = {e.span.line for d in wrong for e in d.fix}
    after = edit.mended(source, wrong).split("\n")
    before = source.text.split("\n")
    assert len(after) == len(before)
    assert all(a == b for n, (a, b) in enumerate(zip(before, after, strict=True), 1) if n not in spoken)


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("{op: Conv2d, out_channels: 3, kernal_size: 1}", "{op: Conv2d, out_channels: 3, kernel_size: 1}"),
        ("{op: conv2d, out_channels: 3, kernel_size: 1}", "{op: Conv2d, out_channels: 3, kernel_size: 1}"),
        ("{op: nn.Conv2d, out_channels: 3, kernel_size: 1}", "{op: Conv2d, out_channels: 3, kernel_size: 1}"),
        ("{op: Conv2d, filters: 3, kernel_size: 1}", "{op: Conv2d, out_channels: 3, kernel_size: 1}"),
        ("{op: Conv2d, out_channels: '3', kernel_size: 1}", "{op: Conv2d, out_channels: 3, kernel_size: 1}"),
        ("{op: Conv2d, out_channels: 3.0, kernel_size: 1}", "{op: Conv2d, out_channels: 3, kernel_size: 1}"),
        (
            "{op: Conv2d, out_channels: 3, kernel_size: 1, bias: no}",
            "{op: Conv2d, out_channels: 3, kernel_size: 1, bias: false}",
        ),
        (
            "{op: Conv2d, out_channels: $(max(3, 1)), kernel_size: 1}",
            '{op: Conv2d, out_channels: "$(max(3, 1))", kernel_size: 1}',
        ),
        (
            "{op: Conv2d, out_channels: 3, kernel_size: 3, stride: 2, padding: same}",
            "{op: Conv2d, out_channels: 3, kernel_size: 3, stride: 2, padding: 1}",
        ),
        ("{op: Conv2d, out_channels: $widht, kernel_size: 1}", "{op: Conv2d, out_channels: $width, kernel_size: 1}"),
        (
            "{op: Conv2d, out_channels: $(2 * widht), kernel_size: 1}",
            "{op: Conv2d, out_channels: $(2 * width), kernel_size: 1}",
        ),
        ("{id: sum, op: add, from: [first, inptu]}", "{id: sum, op: add, from: [first, input]}"),
        ("{share: frist}", "{share: first}"),
        ("{op:ReLU}", "{op: ReLU}"),
        ("{type: ReLU}", "{op: ReLU}"),
        ("{op: ReLU, form: first}", "{op: ReLU, from: first}"),
    ],
)
def test_what_is_certain_is_mended(line: str, fixed: str) -> None:
    head = "spec: 1\nname: t\ninput: [3, 8, 8]\nparams: {width: 3}\nlayers:\n  - {id: first, op: ReLU} # héllo 🎉\n  - "
    source = Source.of(f"{head}{line} # and why\n")
    assert reported(source)
    assert mended(source).text == f"{head}{fixed} # and why\n"
    assert reported(mended(source)) == []


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("title: no", 'title: "no"'),
        ("source: 1_000", 'source: "1_000"'),
        ("reference: [a, 1:30]", 'reference: [a, "1:30"]'),
        ("outputs: [{id: first, from: first, training_only: no}]", None),
        ("params: {way: {default: a, choices: [a, no]}}", ""),
        ("params: {way: no}", ""),
        ("published: {aux: no}", ""),
        ("freeze: [no]", 'freeze: ["no"]'),
        ("blocks: {E: {params: {way: str}, layers: [{op: E, way: no}]}}", ""),
        ("blocks: {E: {layers: [{op: ReLU, inplace: no, id: no, when: no}]}}", None),
    ],
)
def test_a_refused_word_is_what_its_place_takes(line: str, fixed: str | None) -> None:
    """Only a text, only a switch (None: as `false`), or either: then nothing is certain."""
    text = f"spec: 1\nname: t\ninput: [3]\nlayers: [{{id: first, op: ReLU}}]\n{line}\n"
    wanted = line.replace("id: no", 'id: "no"').replace(" no", " false") if fixed is None else fixed or line
    refused = [d for d in reported(Source.of(text)) if "to some readers of YAML" in d.message]
    assert refused
    assert edit.mended(Source.of(text), refused) == text.replace(line, wanted)


@pytest.mark.parametrize(
    "line",
    [
        "{op: ReLU, from: x}",  # one letter of one may be any
        "{op: Dropout, q: 0.5}",
        "{op: E, foo: 3}",  # no loop runs over a number
        "{op: Conv2d, out_channels: 3, kernel_size: 1, out_chanels: 3}",  # it is there
    ],
)
def test_a_fix_fits(line: str) -> None:
    head = "spec: 1\nname: t\ninput: [3, 32, 32]\nuse: {E: lenet}\nlayers:\n  - {id: a, op: ReLU}\n  - "
    wrong = reported(Source.of(f"{head}{line}\n"))
    assert len(wrong) == 1
    assert not wrong[0].fix


def test_what_is_not_certain_is_left() -> None:
    """Two ids are equally near: either may have been intended."""
    two = "{id: conv1, op: ReLU}, {id: conv2, op: ReLU}"
    text = f"spec: 1\nname: t\ninput: [3]\nlayers: [{two}, {{id: s, op: add, from: [conv, conv1]}}]\n"
    wrong = reported(Source.of(text))
    assert [d.code for d in wrong] == ["unknown-reference"]
    assert wrong[0].help
    assert not wrong[0].fix


def test_edits_that_meet_are_not_both_applied() -> None:
    source = Source.of("abcdef\n")

    def fix(start: int, end: int, text: str) -> Diagnostic:
        return Diagnostic("bad-value", "", fix=(Edit(Span(1, start, 1, end), text),))

    assert edit.mended(source, [fix(1, 3, "X"), fix(2, 4, "Y"), fix(5, 6, "Z")]) == "XcdZf\n"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(b"\xef\xbb\xbfold")
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic link"):
        edit.replace(link, "new")
    edit.replace(path, "new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b"\xef\xbb\xbfnew", 0o640, True)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        edit.replace(path, "newer")
    assert path.read_bytes() == b"\xef\xbb\xbfnew"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.yaml", "net.yaml"]


@given(misspelt(), st.booleans())
def test_a_mended_json_file_is_json(source: Source, compact: bool) -> None:
    """What is put in place of a text stands in its quotes."""
    document = parse(source, Report())
    assume(document is not None)
    assert document is not None
    separators = (",", ":") if compact else (", ", ": ")
    file = Source("net.json", json.dumps(document.data, separators=separators))
    wrong = reported(file)
    assume(any(d.fix for d in wrong))
    after = edit.mended(file, wrong)
    json.loads(after)
    if all(d.fix for d in wrong):
        assert reported(mended(file)) == []


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ('{"op":"conv2d","out_channels":3,"kernel_size":1}', '{"op":"Conv2d","out_channels":3,"kernel_size":1}'),
        ('{"op":"Conv2d","out_chanels":3,"kernel_size":1}', '{"op":"Conv2d","out_channels":3,"kernel_size":1}'),
        ('{"op":"Conv2d","out_channels":"3","kernel_size":1}', '{"op":"Conv2d","out_channels":3,"kernel_size":1}'),
        (
            '{"op":"Conv2d","out_channels":3,"kernel_size":1,"padding":"SAME"}',
            '{"op":"Conv2d","out_channels":3,"kernel_size":1,"padding":"same"}',
        ),
        ('{"id":"s","op":"add","form":["input","input"]}', '{"id":"s","op":"add","from":["input","input"]}'),
        ('{"op":"Dropout","p":"0.5"}', '{"op":"Dropout","p":0.5}'),
        ('{"op":"ReLU","inplace":"True"}', '{"op":"ReLU","inplace":true}'),
        (
            '{"op":"Conv2d","out_channels":"$c * 2","kernel_size":1}',
            '{"op":"Conv2d","out_channels":"$(c * 2)","kernel_size":1}',
        ),
    ],
)
def test_quotes_stay_in_json(line: str, fixed: str) -> None:
    before, after = '{"spec":1,"name":"t","input":[3,8,8],"params":{"c":2},"layers":[', "]}"
    source = Source("t.json", before + line + after)
    assert edit.mended(source, reported(source)) == before + fixed + after


@pytest.mark.parametrize(
    ("entry", "fixed"),
    [
        ("{op: Conv2d, out_channels=4, kernel_size: 3}", "{op: Conv2d, out_channels: 4, kernel_size: 3}"),
        ("{op: Conv2d, out_channels = 4, kernel_size: 3}", "{op: Conv2d, out_channels: 4, kernel_size: 3}"),
        ("{op: Conv2d, out_channels： 4, kernel_size: 3}", "{op: Conv2d, out_channels: 4, kernel_size: 3}"),
        ("{op: Conv2d, out_channels: 1,024, kernel_size: 3}", "{op: Conv2d, out_channels: 1024, kernel_size: 3}"),
        ("{op: Conv2d, out_channels: $c * 2, kernel_size: 3}", "{op: Conv2d, out_channels: $(c * 2), kernel_size: 3}"),
    ],
)
def test_what_is_nearly_a_value_becomes_one_and_nothing_is_lost(entry: str, fixed: str) -> None:
    before = "spec: 1\nname: t\ninput: [3, 8, 8]\nparams: {c: 2}\nlayers:\n  - "
    source = Source("t.yaml", before + entry + "\n")
    assert edit.mended(source, reported(source)) == before + fixed + "\n"


@pytest.mark.parametrize(
    "entry",
    [
        "{op: Linear, out_features=#3, bias: true}",
        "{id=&b, op: ReLU}",
        "{id=*x, op: ReLU}",
        "{op=!ReLU, id: a}",
        "{id=@b, op: ReLU}",
        "{id='b, op: ReLU}",
        '{id="b", op: ReLU}',
        "{op: Conv2d, kernel_size: 1, out_channels: $(c * 0.5)}",
        "{op: Conv2d, kernel_size: 1, out_channels: $(c - 2)}",
        "{op: Conv2d, kernel_size: 1, out_channels: $text}",
        "{op: Conv2d, kernel_size: $(c + 1), out_channels: 3, padding: same, stride: 2}",
        "{op: Conv2d, kernel_size: [1, $text], out_channels: 3}",
    ],
)
def test_what_is_not_certain_is_left_alone(entry: str) -> None:
    before = 'spec: 1\nname: t\ninput: [3, 8, 8]\nparams: {c: 2, text: "8"}\nlayers:\n  - '
    source = Source("t.yaml", before + entry + "\n")
    wrong = reported(source)
    assert wrong
    assert edit.mended(source, wrong) == source.text


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("tail", ['"]}\n  - {op: Conv2d', "it's", "\\", "a\tb", "#", "é\u2028"])
def test_what_stands_in_quotes_stays_in_them(quote: str, tail: str) -> None:
    """However odd the text is of which one word is mended."""
    before = "spec: 1\nname: t\ninput: [3, 8, 8]\nlayers:\n  - {id: conva, op: ReLU}\n  - {op: add, from: ["
    stated = json.dumps(f"convaa.{tail}") if quote == '"' else "'" + f"convaa.{tail}".replace("'", "''") + "'"
    source = Source("t.yaml", f"{before}{stated}, input]}}\n")
    document = parse(source, Report())
    if document is None:  # between single quotes, what does not print cannot be written
        return
    after = parse(Source("t.yaml", edit.mended(source, reported(source))), Report())
    assert after is not None
    changed = str(document.data).replace("convaa.", "conva.")
    assert str(after.data) in (changed, str(document.data))
