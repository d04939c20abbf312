"""Names: where each comes from, where it is read, and what another one in its place changes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from speczoo.compiler.graph import Graph
from speczoo.compiler.id_template import EXPRESSION
from speczoo.editor import reader
from speczoo.editor.names import Symbol, TextNames
from speczoo.editor.navigation import definition
from speczoo.editor.rename import RenameRefused, rename
from speczoo.specs.edit import replaced
from tests.editor.texts import NET, ZOO, found


def names(text: str) -> TextNames:
    return TextNames(reader.read(text))


def facts(graph: Graph | None) -> list[object]:
    """A network but for what things are called."""
    assert graph is not None
    rows = [(row.op if row.op in ROWS else "", row.inputs, row.output, row.params, row.macs) for row in graph.rows]
    return [rows, list(graph.state.values()), len(graph.frozen_keys), len(graph.ties), graph.trainable_params]


ROWS = frozenset({"Conv2d", "Linear", "add", "concat", "ReLU"})


def renamed(text: str, symbol: Symbol, new: str) -> str:
    edits = rename(names(text), text, symbol.at.start, new).edits
    return replaced(text, ((start, end, word) for (start, end), word in edits))


def fresh(symbol: Symbol) -> str:
    """Another name of the same kind."""
    if symbol.kind != "id":
        return "Anew7" if symbol.kind in ("block", "use") else "anew7"
    outer, dot, _ = symbol.name.rpartition(".")
    if "$" not in symbol.name:
        return f"{outer}{dot}anew7"
    parts = EXPRESSION.split(symbol.name)
    head = "anew7" if parts[0] and not dot else parts[0]
    return head + "".join(a + b for a, b in zip(EXPRESSION.findall(symbol.name), parts[1:], strict=True))


@pytest.mark.parametrize("path", ZOO[::4], ids=lambda path: path.stem)
def test_another_name_changes_nothing_but_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    before, random = found(text, path), Random(path.stem)
    symbols = [s for s in names(text).symbols if s.kind != "variant" and fresh(s) != s.name]
    for symbol in random.sample(symbols, min(4, len(symbols))):
        new = fresh(symbol)
        try:
            after = renamed(text, symbol, new)
        except RenameRefused:
            assert symbol.kind == "param" and "use:" in text  # noqa: PT018
            continue
        checked = found(after, path)
        assert not [d.message for d in checked.diagnostics if d.severity == "error"], (symbol, new)
        assert facts(checked.graph) == facts(before.graph), symbol
        again = next(s for s in names(after).symbols if (s.kind, s.name) == (symbol.kind, new))
        assert renamed(after, again, symbol.name) == text, symbol


def test_every_name_leads_to_where_it_is_given() -> None:
    for path in ZOO:
        text = path.read_text(encoding="utf-8")
        there = names(text)
        given = {(s.kind, s.name, s.home): s for s in there.symbols}
        for each in there.occurrences:
            assert (each.symbol.kind, each.symbol.name, each.symbol.home) in given
            word = text[each.at.start : each.at.end]
            assert word == each.symbol.name or "$" in each.symbol.name, (path.name, word, each.symbol)


def goal(text: str, word: str, nth: int) -> str:
    """The line that the definition of a word is on, the nth of its kind."""
    at = -1
    for _ in range(nth + 1):
        at = text.index(word, at + 1)
    (first, *_) = definition(names(text), at, found(text))
    if first.path is not None:
        return first.path.name
    return text[text.rfind("\n", 0, first.at.start) + 1 : text.find("\n", first.at.start)].strip()


@pytest.mark.parametrize(
    ("word", "nth", "line"),
    [
        ("Block,", 0, "Block:"),
        ("cut.1", 0, "- {id: cut, op: chunk, chunks: 2}"),
        ("channels,", 0, "params: {channels: int, stride: 1}"),
        ("w, stride", 0, "- {for: {i: 0..1, w: $widths}, id: stage$i, op: Block, channels: $w, stride: 2}"),
        ("widths: [8", 0, "params: {widths: [16, 32], act: {type: op, default: ReLU, choices: [ReLU, GELU]}}"),
        ("stage0.conv", 0, "- {for: {i: 0..1, w: $widths}, id: stage$i, op: Block, channels: $w, stride: 2}"),
        (
            'conv", bias',
            0,
            "- {id: conv, op: Conv2d, out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1}",
        ),
        ("Conv2d", 0, "conv.py"),
    ],
)
def test_definitions(word: str, nth: int, line: str) -> None:
    assert goal(NET, word, nth) == line


def test_a_spec_in_use_leads_to_its_file() -> None:
    text = "spec: 1\nname: n\ninput: [3, 64, 64]\nuse: {Encoder: resnet34}\nlayers:\n  - {op: Encoder}\n"
    assert goal(text, "Encoder}", 0) == goal(text, "resnet34", 0) == "resnet.yaml"
    text = text.replace("Encoder}", "Encoder, num_classes: 2}")
    (place, *_) = definition(names(text), text.index("num_classes"), found(text))
    assert place.path is not None
    assert place.path.read_text(encoding="utf-8")[place.at.start :].startswith("num_classes")


@pytest.mark.parametrize(
    ("word", "new"),
    [
        ("cut,", "sum"),
        ("cut,", "forward"),
        ("cut,", "a b"),
        ("cut,", "cut$i"),
        ("stage$i", "stage"),
        ("Block:", "Conv2d"),
        ("widths", "act"),
        ("widths", "in_channels"),
        ("widths", "1a"),
        ("small", "wide"),
        ("spec", "other"),
    ],
)
def test_names_that_cannot_be(word: str, new: str) -> None:
    with pytest.raises(RenameRefused):
        rename(names(NET), NET, NET.index(word), new)


def test_an_id_changes_keys_of_the_state_dict_and_says_so() -> None:
    got = rename(names(NET), NET, NET.index("stem"), "begin")
    assert "state_dict" in got.warning
    after = renamed(NET, names(NET).symbols[[s.name for s in names(NET).symbols].index("stage$i")], "part$i")
    assert 'match: "part0.conv"' in after
    assert not found(after).diagnostics
