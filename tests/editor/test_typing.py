"""What is offered, shown and underlined at a place: everywhere, in texts that are right and in those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from speczoo.compiler.layer import Layer
from speczoo.editor import reader, symbols, tree
from speczoo.editor.analysis import Analysis
from speczoo.editor.completion import complete
from speczoo.editor.fixes import fixes
from speczoo.editor.hover import hover
from speczoo.editor.names import TextNames, entry_at
from speczoo.editor.navigation import definition
from speczoo.editor.offers import OfferedItem
from speczoo.editor.signature import signature
from speczoo.editor.tree import Mapping, TextScalar
from speczoo.editor.wire import without_stops
from speczoo.specs import expression
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.entry import Entry
from speczoo.specs.expression.reference import FUNCTIONS
from speczoo.specs.keys import keys, model_at
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from tests.editor.texts import NET, ZOO, edited, found, texts


@cache
def known(path: Path) -> Analysis:
    return found(path.read_text(encoding="utf-8"), path)


def everything(text: str, at: int, analysis: Analysis) -> None:
    """Ask all that can be asked of a place."""
    source, names = Source("x", text), TextNames(reader.read(text))
    hover(names, source, at, analysis, analysis.diagnostics)
    complete(text, at, analysis)
    signature(text, at, analysis)
    definition(names, at, analysis)
    if (there := names.at(at)) is not None:
        assert names.of(there.symbol)


def test_every_place_can_be_asked() -> None:
    analysis = found(NET)
    for at in range(0, len(NET) + 1, 3):
        everything(NET, at, analysis)


def test_every_place_of_every_file_can_be_asked() -> None:
    random = Random(1)
    for path in ZOO:
        text, analysis = path.read_text(encoding="utf-8"), known(path)
        for at in random.sample(range(len(text) + 1), 2):
            everything(text, at, analysis)


def test_every_place_of_a_wrong_text_can_be_asked() -> None:
    random, all_texts, analysis = Random(2), [text for _, text in texts()], found(NET)
    for _ in range(120):
        text = edited(edited(random.choice([*all_texts, NET]), random), random)[:5_000]
        at = random.randrange(len(text) + 1)
        everything(text, at, analysis)
        root = reader.read(text)
        symbols.outline(root)
        symbols.folds(root, Source("x", text))


# -- completion ---------------------------------------------------------------------------------------------------


def labels(text: str, at: int, analysis: Analysis) -> set[str]:
    return {item.label for item in complete(text, at, analysis).items}


def named(root: tree.TextNode) -> Iterator[tuple[str, TextScalar, str]]:
    """The words of a spec that a person would want offered: keys of the language, ops, arguments, ids, and choices."""
    data = tree.plain(root)
    for loc, node in tree.walk(root):
        if isinstance(node, Mapping):
            model, entry = model_at(Spec, loc, data), entry_at(loc) == loc and bool(loc)
            op = node.get("op")
            layer = Layer.registry.get(op.text) if isinstance(op, TextScalar) else None
            for pair in node.pairs:
                known_key = model is not None and pair.key.text in keys(model)
                argument = entry and layer is not None and pair.key.text in layer.model_fields
                if known_key or argument or loc == ("defaults",):
                    yield "key", pair.key, pair.key.text
        elif isinstance(node, TextScalar) and "$" not in node.text and node.text:
            if loc[-1:] == ("op",) and entry_at(loc) == loc[:-1]:
                yield "op", node, node.text
            elif (
                entry_at(loc) is not None
                and ("from" in loc[-2:])
                and not node.text.lstrip("-").replace(".", "").isdigit()
            ):
                yield "id", node, node.text
            elif node.text in ("true", "false") and entry_at(loc) is not None:
                yield "bool", node, node.text


def test_what_stands_somewhere_is_offered_there() -> None:
    """Where a word is taken out, it is among what is offered: in every file of the zoo, some of each kind."""
    random, count = Random(3), 0
    for path in ZOO:
        text = path.read_text(encoding="utf-8")
        words = list(named(reader.read(text)))
        for kind in ("key", "op", "id", "bool"):
            of_kind = [(scalar, word) for each, scalar, word in words if each == kind]
            for scalar, word in random.sample(of_kind, min(1, len(of_kind))):
                start, end = scalar.inner
                without = text[:start] + text[end:]
                for there, at in (
                    (without, start),
                    (text, start),
                    (text, end),
                    (text[:end], end),
                    (text[:start], start),
                ):
                    if kind == "op" and word not in Layer.registry and f"  {word}:" not in there:
                        continue  # its block is cut off
                    offered = labels(there, at, known(path))
                    templates = {label for label in offered if "$" in label}
                    assert word in offered or (kind == "id" and templates), (path.name, kind, word, at, there == text)
                    count += 1
    assert count > 250


def accepted(text: str, item: OfferedItem, start: int, end: int) -> str:
    return text[:start] + without_stops(item.insert) + text[end:]


def test_what_is_accepted_leaves_a_text_that_can_be_read() -> None:
    """After a comma, a brace, a blank or a dash of a spec that is right."""
    random, count = Random(4), 0
    for path in [*ZOO, None]:
        text, analysis = (NET, found(NET)) if path is None else (path.read_text(encoding="utf-8"), known(path))
        root = reader.read(text)
        ends = [node.end - 1 for loc, node in tree.walk(root) if isinstance(node, Mapping) and node.flow and node.pairs]
        for at in random.sample(ends, min(2, len(ends))):
            for before in (", ", ","):
                typed = text[:at] + before + text[at:]
                offer = complete(typed, at + len(before), analysis)
                for item in random.sample(offer.items, min(2, len(offer.items))):
                    new = accepted(typed, item, *offer.replaces)
                    report = Report()
                    document = parse(Source("x", new), report)
                    assert document is not None, (path, new[at - 40 : at + 60], list(report))
                    assert not any(d.code in ("yaml-syntax", "duplicate-key") for d in report), new[at - 40 : at + 60]
                    count += 1
    assert count > 200


def at_mark(text: str) -> tuple[set[str], list[OfferedItem]]:
    """What is offered at the `|` of a text that goes on NET's sections before `layers`."""
    head = NET[: NET.index("layers:\n  - {id: stem")]
    whole = head + text
    at = whole.index("|", len(head))
    offer = complete(whole.replace("|", "", 1) if "|" not in head else whole[:at] + whole[at + 1 :], at, found(NET))
    return {item.label for item in offer.items}, list(offer.items)


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("layers:\n  - {op: |", {"Conv2d", "add", "Block", "$act"}, {"kernel_size"}),
        ("layers:\n  - {op: Con|}\n  - {op: ReLU}\n", {"Conv2d"}, set()),
        ("layers:\n  - {op: Conv2d, |}\n", {"kernel_size", "out_channels", "id", "from"}, {"op", "layers", "share"}),
        ("layers:\n  - {op: Conv2d, kernel_size: 3,|}\n", {"out_channels"}, {"kernel_size"}),
        ("layers:\n  - op: Conv2d\n    |\n", {"kernel_size", "id"}, {"op"}),
        ("layers:\n  - op: Conv2d\n    ker|\n  - {op: ReLU}\n", {"kernel_size"}, set()),
        ("layers:\n  - |\n", {"op", "layers", "for", "share", "Conv2d"}, {"blocks"}),
        ("layers:\n  - {|\n", {"op", "id"}, {"blocks"}),
        ("layers:\n  - {op: Block, |}\n", {"channels", "stride"}, {"kernel_size"}),
        ("layers:\n  - {id: a, op: ReLU}\n  - {id: b, op: GELU}\n  - {op: add, from: [|]}\n", {"a", "input"}, {"op"}),
        ("layers:\n  - {id: a, op: ReLU}\n  - {id: b, op: ReLU, from: |}\n  - {id: c}\n", {"a", "input"}, {"b", "c"}),
        ("layers:\n  - {id: a, op: ReLU}\n  - {share: |}\n", {"a"}, {"input"}),
        ("layers:\n  - {op: interpolate, like: |}\n", {"input"}, {"true"}),
        ("layers:\n  - {op: Conv2d, padding_mode: |}\n", {"zeros", "reflect", "circular"}, {"fan_in"}),
        ("layers:\n  - {op: ReLU, inplace: |}\n", {"true", "false"}, {"zeros"}),
        ("layers:\n  - {op: Conv2d, out_channels: $|}\n", {"widths", "in_channels", "input"}, {"min", "channels"}),
        ("layers:\n  - {op: Conv2d, out_channels: $(|)}\n", {"widths", "in_channels", "min"}, {"channels"}),
        ("layers:\n  - {op: Conv2d, out_channels: $(max(2, wid|\n", {"widths", "max"}, set()),
        ('layers:\n  - {op: Conv2d, out_channels: "$(widths[0] + |)"}\n', {"widths", "len"}, set()),
        ("layers:\n  - {op: Conv2d, out_channels: $(input.|)}\n", {"input.channels", "input.height"}, {"widths"}),
        ("layers:\n  - {for: {i: 1..3}, op: Conv2d, out_channels: $(i * |)}\n", {"i", "widths"}, set()),
        ("layers: [{op: ReLU}]\ndefaults:\n  |\n", {"Conv2d", "Block"}, {"op"}),
        ("layers: [{op: ReLU}]\ndefaults: {Conv2d: {|}}\n", {"bias", "kernel_size"}, {"op"}),
        ("layers: [{op: ReLU}]\nvariants:\n  a: {|}\n", {"params", "expect", "title"}, {"layers"}),
        ("layers: [{op: ReLU}]\nvariants:\n  a: {params: {|}}\n", {"widths", "act"}, {"channels"}),
        ("layers: [{op: ReLU}]\nvariants:\n  a: {params: {act: |}}\n", {"ReLU", "GELU", "Block"}, set()),
        ("layers: [{op: ReLU}]\nexpect: {|}\n", {"params", "macs", "output", "memory"}, set()),
        ("layers: [{op: ReLU}]\ninit:\n  - {match: |}\n", {"Conv2d"}, set()),
        ("layers: [{op: ReLU}]\ninit:\n  - {match: Conv2d, |}\n", {"weight", "bias"}, {"match"}),
        ("layers: [{op: ReLU}]\ninit:\n  - {match: Conv2d, weight: {|}}\n", {"kaiming_normal", "normal"}, set()),
        ("layers: [{op: ReLU}]\ninit:\n  - {match: Conv2d, weight: {kaiming_normal: {|}}}\n", {"mode", "a"}, set()),
        ("layers: [{op: ReLU}]\ninit:\n  - {match: Conv2d, weight: {kaiming_normal: {mode: |}}}\n", {"fan_in"}, set()),
        ("layers: [{op: ReLU}]\nuse: {Encoder: |}\n", {"resnet18", "vgg16"}, {"Conv2d"}),
        ("layers: [{id: a, op: ReLU}]\noutputs: [{id: x, from: |}]\n", {"a"}, {"x"}),
        ("layers: [{op: ReLU}]\n|\n", {"expect", "variants", "outputs"}, {"layers", "blocks", "name"}),
        ("lay|\n", {"layers"}, {"name"}),
        ("layers: [{op: ReLU}] # a |\n", set(), {"op", "layers"}),
    ],
)  # fmt: skip
def test_what_is_offered(text: str, wanted: set[str], unwanted: set[str]) -> None:
    offered, _ = at_mark(text)
    assert wanted <= offered, wanted - offered
    assert not unwanted & offered


def test_nothing_in_an_empty_text_but_the_keys_of_a_spec_and_what_makes_it_a_recipe() -> None:
    assert labels("", 0, found("")) == {*keys(Spec), "recipe"}


def test_arguments_say_what_they_are() -> None:
    _, items = at_mark("layers:\n  - {op: Conv2d, |}\n")
    stride = next(item for item in items if item.label == "stride")
    assert stride.insert == "stride: ${1:1}"
    assert stride.detail == "default 1"
    assert "integer" in stride.doc
    required = [item.label for item in items if item.detail == "required"]
    assert required == ["out_channels", "kernel_size"]


def test_functions_are_those_of_expressions() -> None:
    assert FUNCTIONS.keys() == expression.FUNCTIONS.keys()
    for name, (least, _) in expression.FUNCTIONS.items():
        assert FUNCTIONS[name].call.startswith(f"{name}(")
        assert len(FUNCTIONS[name].parameters) >= least


# -- the others ---------------------------------------------------------------------------------------------------


def stated(text: str, word: str, nth: int = 0) -> str:
    """The hover at a word, the nth of its kind."""
    at = -1
    for _ in range(nth + 1):
        at = text.index(word, at + 1)
    got = hover(
        TextNames(reader.read(text)), Source("<unsaved>", text), at + 1, analysis := found(text), analysis.diagnostics
    )
    assert got is not None
    return got.text


def test_hover_shows_the_arithmetic_of_the_shape() -> None:
    text = stated(NET, "Conv2d", 0)
    assert "`conv`: 16x32x32 → **16x16x16**" in text
    assert "height: `floor((32 + 2 * 1 - 3) / 2) + 1 = 16`" in text
    assert "parameters: 2,320 (weight 16x16x3x3, bias 16)" in text
    assert "MACs: 589,824" in text  # 16 * 16 * 16 * 16 * 9


@pytest.mark.parametrize(
    ("word", "nth", "wanted"),
    [
        ("kernel_size", 0, "of Conv2d"),
        ("out_channels: $channels", 0, "Here: `16`, `32`"),
        ("$channels", 0, "Here: `16`, `32`"),
        ("Block,", 0, "A convolution and what follows."),
        ("widths:", 0, "parameter"),
        ("from:", 0, "What it takes"),
        ("layers:", 1, "What the network is made of"),
        ("small:", 0, "variant"),
        ("chunks:", 0, "How many parts."),
    ],
)
def test_hover_says_what_something_is(word: str, nth: int, wanted: str) -> None:
    assert wanted in stated(NET, word, nth)


def test_hover_at_what_is_wrong_says_how_it_is_mended() -> None:
    assert "help: did you mean `kernel_size`?" in stated(
        NET.replace("kernel_size: 3, padding: 1}\n  - {for", "kernal_size: 3, padding: 1}\n  - {for"), "kernal_size"
    )


def test_a_signature_has_its_active_argument() -> None:
    at = NET.index("kernel_size: 3, stride") + len("kernel_size: ")
    got = signature(NET, at, found(NET))
    assert got is not None
    start, end, doc = got.parameters[got.active or 0]
    assert got.label[start:end] == "kernel_size"
    assert doc
    half = NET.replace("padding: 1}\n  - {for", "}\n  - {for").replace("16, kernel_size: 3, }", "16, }")
    missing = signature(half, half.index("16, }") + len("16, "), found(NET))
    assert missing is not None
    assert missing.active is not None
    start, end, _ = missing.parameters[missing.active]
    assert missing.label[start:end] == "kernel_size"
    text = NET.replace("$channels, kernel", "$(make_divisible(channels, ), kernel")
    called = signature(text, text.index("channels, )") + len("channels, "), found(NET))
    assert called is not None
    assert called.label.startswith("make_divisible(")
    assert called.active == 1


def test_fixes_are_those_of_check() -> None:
    text = NET.replace("out_features", "out_featuers").replace("chunks: 2", "chnks: 2")
    analysis = found(text)
    at = text.index("out_featuers")
    one, everything_ = fixes(analysis, at, at)
    assert [(text[start:end], new) for (start, end), new in one.edits] == [("out_featuers", "out_features")]
    ((start, end), whole), = everything_.edits  # fmt: skip
    assert (start, end, whole) == (0, len(text), NET)
    assert fixes(analysis, 0, 0) == ()


def test_the_outline_and_what_folds() -> None:
    root = reader.read(NET)
    outline = symbols.outline(root)
    assert [part.name for part in outline] == [*tree.plain(root)]
    layers = next(part for part in outline if part.name == "layers")
    assert [part.name for part in layers.inside] == ["stem", "stage$i", "cut", "sum", "flat", "fc"]
    for path in ZOO:
        text = path.read_text(encoding="utf-8")
        stack = list(symbols.outline(reader.read(text)))
        while stack:
            part = stack.pop()
            assert part.whole.start <= part.at.start <= part.at.end <= part.whole.end
            assert all(part.whole.start <= i.whole.start and i.whole.end <= part.whole.end for i in part.inside)
            stack += part.inside
        lines = len(Source("x", text).lines)
        assert all(1 <= fold.first < fold.last <= lines for fold in symbols.folds(reader.read(text), Source("x", text)))


def test_kinds_of_entries_are_offered_once() -> None:
    offered, items = at_mark("layers:\n  - {|}\n")
    assert set(Entry.KINDS) <= offered
    assert len(items) == len(offered)
