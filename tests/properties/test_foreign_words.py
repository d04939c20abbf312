"""What people bring from other libraries: `--fix` writes what means the same, and asks about all else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.checking import check_into
from speczoo.compiler.layer import Layer
from speczoo.specs.diagnostics import Diagnostic, Report

CODES = {
    "op": "unknown-op",
    "layers": "unknown-key",
    "id": "unknown-reference",
    "param": "unknown-param",
    "init": "bad-value",
}
VALUES: tuple[Any, ...] = (2, 0.5, True, [2], [2, 2], "same")


class Row(NamedTuple):
    """A line of the table."""

    place: str
    written: str
    wanted: str
    verdict: str


def rows() -> Iterator[Row]:
    text = Path(__file__).with_name("foreign_words.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield Row(*line.split(" "))


def arguments(op: str, name: str) -> tuple[dict[str, Any], Any]:
    """The arguments that an op needs beside the one of this name, and a value that this takes."""
    layer = Layer.registry[op]
    needed: dict[str, Any] = {
        field: 2 for field, info in layer.model_fields.items() if info.is_required() and field != name
    }
    for value in VALUES:
        try:
            layer.model_validate({**needed, name: value})
        except ValidationError:
            continue
        return needed, value
    return needed, 2


def spec(row: Row) -> dict[str, Any]:
    """A spec in which the word stands where it should."""
    entries: list[dict[str, Any]]
    params: dict[str, Any] = {}
    if row.place == "op":
        entries = [{"op": row.written}]
    elif row.place == "layers":
        return {"spec": 1, "name": "t", "input": [4, 16, 16], row.written: [{"op": "ReLU"}]}
    elif row.place == "init":
        rules = [{"match": "Linear", "weight": row.written}]
        return {"spec": 1, "name": "t", "input": [4], "layers": [{"op": "Linear", "out_features": 4}], "init": rules}
    elif row.place == "id":
        entries = [{"id": row.wanted, "op": "ReLU"}, {"op": "ReLU"}, {"op": "ReLU", "from": row.written}]
    elif row.place == "param":
        params = {row.wanted: 3}
        entries = [{"op": "Conv2d", "out_channels": f"${row.written}", "kernel_size": 1}]
    else:
        needed, value = arguments(row.place, row.wanted)
        entries = [{"op": row.place, **needed, row.written: value}]
    return {"spec": 1, "name": "t", "input": [4, 16, 16], "params": params, "layers": entries}


def reported(row: Row, folder: Path) -> list[Diagnostic]:
    path = folder / "net.json"
    path.write_text(json.dumps(spec(row)), encoding="utf-8")
    report = Report()
    check_into(report, path)
    code = CODES.get(row.place, "unknown-argument")
    return [found for found in report if found.code == code]


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.place}-{row.written}")
def test_a_foreign_word(row: Row, tmp_path: Path) -> None:
    found = reported(row, tmp_path)
    if row.verdict == "here":
        assert not found
        return
    assert len(found) == 1
    (problem,) = found
    fixes = [edit.text.strip('"$') for edit in problem.fix]
    if row.verdict == "apply":
        assert fixes == [row.wanted]
        return
    assert fixes == []
    if row.verdict in ("ask", "how"):
        offered = f"`{row.wanted}`" if row.verdict == "ask" else row.wanted
        assert offered in " ".join(problem.help)


def test_the_table_has_several_hundred_rows_of_every_verdict() -> None:
    table = list(rows())
    assert len(table) == len({(row.place, row.written, row.wanted) for row in table}) >= 300
    assert {row.verdict for row in table} == {"apply", "ask", "how", "no", "here"}
