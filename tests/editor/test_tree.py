"""The tree of a text: what `specs.document` reads of one that can be read, and something of every other."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from speczoo.editor import reader, tree
from speczoo.editor.cursor import place_at, typing
from speczoo.editor.tree import Listing, Mapping, TextNode
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import Document, parse
from speczoo.specs.problem import Loc
from speczoo.specs.source import Source
from tests.editor.texts import NET, edited, texts

Where = tuple[Loc, str, int, int]


def marked(mark: Any, loc: Loc = ()) -> Iterator[Where]:
    """Where keys and values stand, as the document has it."""
    if len(mark) == 2:
        yield loc, "value", mark[0], mark[1]
    elif isinstance(mark[2], dict):
        yield loc, "mapping", mark[0], mark[1]
        for key, (start, end, inner) in mark[2].items():
            yield (*loc, key), "key", start, end
            yield from marked(inner, (*loc, key))
    else:
        yield loc, "list", mark[0], mark[1]
        for i, inner in enumerate(mark[2]):
            yield from marked(inner, (*loc, i))


def places(node: TextNode, loc: Loc = ()) -> Iterator[Where]:
    """The same, as the tree has it."""
    if isinstance(node, Mapping):
        yield loc, "mapping", node.start, node.end
        for pair in node.pairs:
            yield (*loc, pair.key.text), "key", pair.key.start, pair.key.end
            yield from places(pair.value, (*loc, pair.key.text))
    elif isinstance(node, Listing):
        yield loc, "list", node.start, node.end
        for i, item in enumerate(node.items):
            yield from places(item, (*loc, i))
    else:
        yield loc, "value", node.start, node.end


def read(text: str, name: str) -> Document | None:
    """The document of a text against which there is nothing to say; aliases stand for values elsewhere."""
    report = Report()
    document = parse(Source(name, text), report)
    return document if not report.diagnostics and "*" not in text.replace("**", "").replace(".*", "") else None


def folded(value: Any) -> Any:
    """The data with texts of several lines as one."""
    if isinstance(value, dict):
        return {key: folded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [folded(inner) for inner in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def test_a_text_that_can_be_read_has_the_tree_of_its_document() -> None:
    count = 0
    for path, text in texts():
        document = read(text.removeprefix("\ufeff"), str(path))
        if document is None:
            continue
        expected = {where for where in marked(document.mark) if where[2] < where[3]}
        got = {where for where in places(reader.read(document.source.text)) if where[2] < where[3]}
        lone = {loc for loc, kind, *_ in expected ^ got if kind == "value"}
        assert not lone, (path, sorted(expected ^ got, key=lambda where: where[2])[:4])
        assert folded(tree.plain(reader.read(document.source.text))) == folded(document.data), path
        count += 1
    assert count > 300


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_lines_may_end_otherwise(ending: str) -> None:
    text = NET.replace("\n", ending)
    assert tree.plain(reader.read(text)) == tree.plain(reader.read(NET))


def test_every_beginning_of_a_text_has_a_tree() -> None:
    for end in range(len(NET) + 1):
        root = reader.read(NET[:end])
        for _, _, start, stop in places(root):
            assert 0 <= start <= stop <= end
        typing(NET[:end], end)


def test_every_text_has_a_tree() -> None:
    random, all_texts = Random(0), [text for _, text in texts()]
    for _ in range(600):
        text = random.choice(all_texts)[:6_000]
        for _ in range(random.randrange(1, 4)):
            text = edited(text, random)
        root = reader.read(text)
        for _, _, start, stop in places(root):
            assert 0 <= start <= stop <= len(text)
        for at in random.sample(range(len(text) + 1), 3):
            place_at(root, at)
            typing(text, at)


@pytest.mark.parametrize(
    "text", ["", "\n", "#", "- ", "{", "[[[" * 500, "a: " * 200, "- " * 500, "? a\n: b", "--- a", "'", "&a", "!"]
)
def test_odd_texts_have_a_tree(text: str) -> None:
    reader.read(text)


WHOLE = "layers:\n  - {op: Conv2d, out_channels: 8%s\n  - {op: ReLU}\nexpect: {params: 1}\n"


@pytest.mark.parametrize(
    "rest", ["", ", ", ", kernel_size", ", kernel_size:", ", kernel_size: [3", ", kernel_size: $(max(1", ", a: 'b"]
)
def test_brackets_that_are_not_closed_end_with_their_entry(rest: str) -> None:
    data = tree.plain(reader.read(WHOLE % rest))
    assert data["layers"][0]["out_channels"] == 8
    assert data["layers"][1:] == [{"op": "ReLU"}]
    assert data["expect"] == {"params": 1}
