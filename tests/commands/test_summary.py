"""`zoo summary` in its columns, blocks and formats: what is printed is what the Python face says."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

import speczoo as face
from speczoo.commands import summary as command
from speczoo.compiler.analysis import cost
from speczoo.compiler.emit import summary_columns
from tests.commands.zoo_command import data, zoo


def test_json_has_memory_and_receptive_fields() -> None:
    summary, layers = data("summary", "resnet18"), face.summary("resnet18").layers
    assert list(summary["memory"]) == ["weights", "buffers", "inference", "training"]
    assert summary["memory"]["weights"] == 4 * summary["params"]
    assert summary["layers"][0]["receptive_field"] == {"size": [7, 7], "stride": [2, 2], "offset": [-3, -3]}
    assert [layer.receptive_field.to_json() for layer in layers] == [
        layer["receptive_field"] for layer in summary["layers"]
    ]
    doubled = data("summary", "resnet18", "--dtype", "float64", "--batch", "3")["memory"]
    assert doubled["weights"] == 2 * summary["memory"]["weights"]
    assert doubled["inference"] == 6 * summary["memory"]["inference"]


def test_blocks_are_folded_with_their_sums() -> None:
    """resnet152 fits a screen, and says of each stage how many blocks it has."""
    shown = [line.split() for line in zoo("summary", "resnet152", "--depth", "2").stdout.splitlines()]
    assert len(shown) < 40
    for stage, count in zip(("layer1", "layer2", "layer3", "layer4"), (3, 8, 36, 3), strict=True):
        assert any(line[:4] == [stage, str(count), "x", "Bottleneck"] for line in shown)
    rows = data("summary", "resnet152")["layers"]
    blocks = data("summary", "resnet152", "--depth", "2")["blocks"]
    for block in blocks:
        inside = [row for row in rows if f"{row['path']}.".startswith(f"{block['path']}.")]
        for key in ("params", "macs", "trainable"):
            assert block[key] == sum(row[key] for row in inside)
            assert not block["blocks"] or block[key] == sum(each[key] for each in block["blocks"])
        assert block["output"] == inside[-1]["output"]
    assert sum(block["macs"] for block in blocks) == face.summary("resnet152").macs


def test_the_sums_of_blocks_leave_out_what_only_training_computes() -> None:
    summary = face.summary("googlenet")
    assert sum(part.cost.params for part in summary.outline) == summary.params
    trained = [part for part in summary.outline if part.name.startswith("aux")]
    assert sum(part.cost.macs for part in summary.outline if part not in trained) == summary.macs


def columns(*arguments: str) -> list[dict[str, str]]:
    return [*csv.DictReader(zoo("summary", *arguments, "--format", "csv").stdout.splitlines())]


@pytest.mark.parametrize("key", command.NAMES)
def test_every_column_is_shown_and_sorts(key: str) -> None:
    rows = columns("mnist_resnet", "--columns", f"type,{key}")
    assert list(rows[0]) == list(dict.fromkeys(["layer", "type", key]))
    assert len(rows) == len(face.summary("mnist_resnet").layers)
    rising = [row[key] for row in columns("mnist_resnet", "--columns", key, "--sort", key)]
    falling = [row[key] for row in columns("mnist_resnet", "--columns", key, "--sort", f"-{key}")]
    assert sorted(rising) == sorted(falling) == sorted(row[key] for row in rows)
    if all(value.isdigit() for value in rising):
        assert [*map(int, rising)] == sorted(map(int, rising))
        assert [*map(int, falling)] == sorted(map(int, falling), reverse=True)


def test_the_columns_of_the_command_are_those_that_there_are() -> None:
    assert tuple(summary_columns.COLUMNS) == command.NAMES
    assert command.DTYPES == cost.FLOATS


def test_a_column_that_there_is_not() -> None:
    assert "did you mean `params`" in zoo("summary", "lenet5", "--columns", "parms", code=2).stderr
    assert "--sort" in zoo("summary", "lenet5", "--sort", "-nothing", code=2).stderr


def test_csv_and_markdown_say_what_json_does() -> None:
    wanted = data("summary", "resnet18")["layers"]
    rows = columns("resnet18")
    assert [(row["layer"], row["type"], int(row["params"]), int(row["macs"])) for row in rows] == [
        (row["path"], row["op"], row["params"], row["macs"]) for row in wanted
    ]
    assert [row["output"] for row in rows] == ["x".join(map(str, row["output"])) for row in wanted]
    lines = zoo("summary", "resnet18", "--format", "markdown").stdout.splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert [row[0].replace("\\", "") for row in table[2:]] == [row["path"] for row in wanted]
    assert {len(row) for row in table} == {6}
    assert {row["network"] for row in columns("lenet5", "mnist_cnn")} == {"lenet5", "mnist_cnn"}


class Rows(HTMLParser):
    """How many rows and foldings a page has, and whether all that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.visited: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.visited[tag] += 1
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["lenet5", "resnet152", "vit_b_16"])
def test_html_folds(name: str) -> None:
    """A block is a row that opens; printed and shown in a notebook alike."""
    shown, page = zoo("summary", name, "--format", "html").stdout, Rows()
    page.feed(shown)
    assert not page.open
    assert shown.isascii()
    assert "for 1 input in float32" in shown
    assert page.visited["details"] == page.visited["summary"] == sum(1 for _ in _blocks(face.summary(name).outline))
    assert page.visited["tr"] >= len(face.summary(name).outline)
    assert face.summary(name)._repr_html_().count("<details") == page.visited["details"]


def _blocks(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if part.parts:
            yield part
        yield from _blocks(part.parts)
