"""Specs of every style typed from nothing: each keystroke leaves a text that all can be asked of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.compiler.layer import Layer
from speczoo.editor import lenses, reader, symbols, tree
from speczoo.editor.analysis import Analysis
from speczoo.editor.completion import complete
from speczoo.editor.desk import Sheet
from speczoo.editor.names import TextNames, entry_at
from speczoo.editor.navigation import definition
from speczoo.editor.offers import COMMON
from speczoo.editor.rename import RenameRefused, rename
from speczoo.editor.tree import Mapping, TextScalar
from speczoo.editor.wire import without_stops
from speczoo.specs import edit
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.source import Source
from tests.editor.test_recipes import RECIPE
from tests.editor.test_typing import everything
from tests.editor.texts import NET, ZOO, found

STYLES = {
    "flow": NET,
    "recipe": RECIPE,
    "block": """\
spec: 1
name: blocky
input:
  - 3
  - 16
  - 16
layers:
- id: stem
  op: Conv2d
  out_channels: 8
  kernel_size: [3, 3]
  padding_mode: reflect
  padding: 1
# a comment
- id: act
  op: GELU
  approximate: tanh
- id: sum
  op: add
  from:
    - act
    - stem
""",
    "json": """\
{
  "spec": 1,
  "name": "jay",
  "input": [3, 8, 8],
  "params": {"width": 8},
  "layers": [
    {"id": "one", "op": "Conv2d", "out_channels": "$width", "kernel_size": 1, "padding_mode": "zeros"},
    {"id": "two", "op": "ReLU", "inplace": false},
    {"id": "sum", "op": "add", "from": ["one", "two"]}
  ]
}
""",
    "inputs": """\
spec: 1
name: multi
inputs:
  - {id: image, shape: [3, 8, 8]}
  - {id: words, shape: [12], dtype: int64}
params: {dim: {type: int, default: 16, min: 4, doc: "Größe \U0001f600"}}
layers:
  - {id: seen, op: Conv2d, from: image, out_channels: $dim, kernel_size: 8} # \U0001f600
  - {id: flat, op: Flatten}
  - {id: read, op: Embedding, from: words, num_embeddings: 100, embedding_dim: $dim}
  - {id: pooled, op: mean, dim: 1}
  - {id: both, op: concat, from: [flat, pooled]}
outputs:
  - {id: joint, from: both}
  - {id: alone, from: flat}
""",
    "nested": """\
spec: 1
name: nested
input: [8, 8, 8]
use: {Encoder: resnet18}
params: {base: 6}
let: {half: "$(base // 2)"}
blocks:
  Inner:
    params: {channels: int, act: {type: op, default: ReLU}}
    layers:
      - {id: conv, op: Conv2d, out_channels: $channels, kernel_size: 1}
      - {id: act, op: $act}
  Outer:
    params: {channels: int, depth: 2}
    layers:
      - {for: {i: 1..$depth}, id: inner$i, op: Inner, channels: "$(channels * i)"}
      - {id: last, op: Inner, channels: $channels, act: GELU}
layers:
  - {id: first, op: Outer, channels: 8}
  - id: group
    layers:
      - {id: a, op: Outer, channels: $half, depth: 1}
      - {id: again, share: a, when: false}
  - {id: colours, op: Inner, channels: 3}
  - {id: encoder, op: Encoder, num_classes: 0, taps: [layer1]}
  - {id: end, op: Inner, channels: 4, from: encoder.layer1}
init:
  - {match: Conv2d, weight: {kaiming_normal: {mode: fan_out}}}
variants:
  wide: {params: {base: 12}}
""",
}


@cache
def whole(style: str) -> Analysis:
    return found(STYLES[style])


@pytest.mark.parametrize("style", STYLES)
def test_what_is_typed_is_right(style: str) -> None:
    assert not [d for d in whole(style).diagnostics if d.severity == "error"]


@pytest.mark.parametrize("style", STYLES)
def test_every_keystroke_can_be_asked_of(style: str) -> None:
    """And at the end all is as if the text had been there from the start."""
    text, random = STYLES[style], Random(style)
    sheet = Sheet(Source("<unsaved>", ""), 0)
    for at in range(1, len(text) + 1):
        sheet.edit(Source("<unsaved>", text[:at]), at)
        if at == len(text) or random.random() < 0.1:
            for analysis in sheet.steps():
                sheet.take(analysis)
            everything(text[:at], at, sheet.known)
            symbols.folds(sheet.names.root, sheet.source)
            symbols.outline(sheet.names.root)
            lenses.lenses(sheet.analysis)
            assert all(1 <= hint.line <= len(sheet.source.lines) for hint in sheet.hints())
    assert sheet.analysis.diagnostics == whole(style).diagnostics


def wanted(text: str) -> Iterator[TextScalar]:
    """The words of a text that a person would want offered before they are typed."""
    named = ("params", "let", "for", "blocks", "use", "variants")
    free = ("name", "title", "doc", "id", "spec", "recipe", "shape", "default", "type", "batch_size")
    for loc, node in tree.walk(reader.read(text)):
        if isinstance(node, Mapping):
            yield from (pair.key for pair in node.pairs if not loc or loc[-1] not in named)
        elif isinstance(node, TextScalar) and loc and str(loc[-1]) not in free and "inputs" not in loc[:-1]:
            yield from [node] * bool(re.fullmatch(r"[A-Za-z][\w.]*", node.text))


@pytest.mark.parametrize("style", STYLES)
def test_every_word_is_offered_before_it_is_typed(style: str) -> None:
    """From nothing on, with nothing known but what could be read before; each word at its first and second letter."""
    text, sheet = STYLES[style], Sheet(Source("<unsaved>", ""), 0)
    spots = {
        at: scalar for scalar in wanted(text) for at in {scalar.inner[0], min(scalar.inner[0] + 1, scalar.inner[1])}
    }
    for at in sorted({*spots, *(line.start() for line in re.finditer("\n", text))}):
        sheet.edit(Source("<unsaved>", text[:at]), at)
        for analysis in sheet.steps():
            sheet.take(analysis)
        if at in spots and (word := spots[at].text) not in ("spec", "recipe"):
            offer = {item.label for item in complete(text[:at], at, sheet.known).items}
            assert word in offer, (text[max(0, at - 40) : at], word)


def accepted(text: str, at: int, style: str, random: Random) -> Iterator[tuple[str, str]]:
    """What a text becomes where each of some items is accepted at a place."""
    offer = complete(text, at, whole(style))
    for item in random.sample(offer.items, min(5, len(offer.items))):
        yield item.label, text[: offer.replaces.start] + without_stops(item.insert) + text[offer.replaces.end :]


@pytest.mark.parametrize("style", STYLES)
def test_what_is_accepted_in_place_of_a_word_can_be_read(style: str) -> None:
    text, random, count = STYLES[style], Random(style), 0
    for scalar in wanted(text):
        start, end = scalar.inner
        for label, new in accepted(text[:start] + text[end:], start, style, random):
            report = Report()
            assert parse(Source("x", new), report) is not None, (scalar, label, list(report))
            assert not {d.code for d in report} & {"yaml-syntax", "duplicate-key"}, (scalar, label)
            if style == "json":
                json.loads(re.sub(r": (?=[,}\]])", ": null", new))
            count += 1
    assert count > 50


def test_json_gets_json_where_nothing_stands_in_quotes_yet() -> None:
    text, random, count = STYLES["json"], Random(1), 0
    for loc, node in tree.walk(reader.read(text)):
        if isinstance(node, Mapping) and node.flow:
            for behind, blank in ((", ", ""), (",", ""), (', "', '"')):
                at = node.end - 1
                typed = text[:at] + behind + blank + text[at:]
                for label, new in accepted(typed, at + len(behind), "json", random):
                    filled = re.sub(r":\s*(?=[,}\]])", ": null", new)
                    json.loads(filled if not blank else filled.replace(f'"{label}"}}', f'"{label}": null}}'))
                    count += 1
        elif (
            isinstance(node, TextScalar)
            and node.quote
            and entry_at(loc) is not None
            and loc[-1] in ("op", "padding_mode")
        ):
            for label, new in accepted(text[: node.start] + text[node.end :], node.start, "json", random):
                assert parse(Source("x", new), Report()) is not None, label
                json.loads(new)
                count += 1
    assert count > 40


@pytest.mark.parametrize("style", STYLES)
def test_names_that_are_changed_and_changed_back_leave_the_text(style: str) -> None:
    text = STYLES[style]
    names = TextNames(reader.read(text))
    for symbol in names.symbols:
        new = re.sub(r"^[A-Za-z]+", "anew" if symbol.kind not in ("block", "use") else "Anew", symbol.name)
        after = _renamed(text, symbol.at.start, new)
        assert [d.code for d in found(after).diagnostics] == [d.code for d in whole(style).diagnostics], symbol
        again = next(s for s in TextNames(reader.read(after)).symbols if (s.kind, s.name) == (symbol.kind, new))
        assert _renamed(after, again.at.start, symbol.name) == text
    for each in names.occurrences:
        goals = definition(names, each.at.start, whole(style))
        given_at = {there.at for there in names.of(each.symbol) if there.given}
        assert goals
        assert all(goal.path is not None or goal.at in given_at for goal in goals)


def _renamed(text: str, at: int, new: str) -> str:
    edits = rename(TextNames(reader.read(text)), text, at, new).edits
    return edit.replaced(text, ((start, end, word) for (start, end), word in edits))


def test_a_parameter_that_a_layer_may_take_instead_keeps_its_name() -> None:
    text = NET.replace("{id: act, op: $act}", "{id: act, op: $act, inplace: true}").replace(
        "blocks:\n", "blocks:\n  Act:\n    params: {inplace: false}\n    layers: [{op: ReLU}]\n"
    )
    with pytest.raises(RenameRefused, match="may be a layer"):
        rename(TextNames(reader.read(text)), text, text.index("inplace: false"), "anew")


def test_common_ops_come_first() -> None:
    assert COMMON[0] == "Conv2d"
    assert {*COMMON} <= Layer.registry.keys()
    texts = [path.read_text(encoding="utf-8") for path in ZOO]
    uses = {op: sum(f"op: {op}" in text for text in texts) for op in Layer.registry}
    assert min(uses[op] for op in COMMON) >= sorted(uses.values())[-2 * len(COMMON)]
    at = NET.index("Conv2d, out_channels: 16")
    ops = [item for item in complete(NET[:at], at, whole("flow")).items if item.sort == "op"]
    assert [item.label for item in sorted(ops, key=lambda item: item.rank)][: len(COMMON)] == [*COMMON]


@given(st.sampled_from([*STYLES]), st.data())
def test_any_edits_leave_a_text_that_can_be_asked(style: str, data: st.DataObject) -> None:
    """Several slips one after another, in one session."""
    text, sheet = STYLES[style], Sheet(Source("<unsaved>", STYLES[style]), 0)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        end = min(len(text), at + data.draw(st.sampled_from([0, 0, 1, 3, 30])))
        text = text[:at] + data.draw(st.text("{}[]:,- \n#'\"$()&*|>ab1", max_size=4)) + text[end:]
        sheet.edit(Source("<unsaved>", text), 0)
        for analysis in sheet.steps():
            sheet.take(analysis)
        assert sheet.analysis.diagnostics == found(text).diagnostics
        everything(text, min(at + 2, len(text)), sheet.known)
        assert all(1 <= hint.line <= len(sheet.source.lines) for hint in sheet.hints())
        lenses.lenses(sheet.analysis)


def test_a_path_beside_a_text_is_no_other_text(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("spec: 1\nname: part\ninput: [3]\nlayers: [{id: a, op: ReLU}]\n")
    (tmp_path / "notes.yaml").write_text("a: 1\n")
    text = "spec: 1\nname: n\ninput: [3]\nuse: {P: }\nlayers: [{op: ReLU}]\n"
    offer = complete(text, text.index("}"), found(text, tmp_path / "mine.yaml"))
    labels = {item.label for item in offer.items}
    assert "./part.yaml" in labels
    assert not labels & {"./notes.yaml", "./mine.yaml"}
