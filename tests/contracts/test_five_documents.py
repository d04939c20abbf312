"""zoo/documents.md, row by row: what is printed stands in the document, what the page says is what the command says."""

from __future__ import annotations

import math
import re
import shlex
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from speczoo import catalogue
from speczoo.__main__ import cli

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "zoo/documents.md"
RESULTS = ROOT / "zoo/training/README.md"
ORIGINALS = ROOT.parent / "shared" / "documents"
HEAD = "| there | printed | command | says | who is right, and why |"
#: Commands that train, need the data, or read what training left: they are shown, and what they say is in the results.
LONG = ("train", "data", "evaluate", "predict", "curves", "lr-find", "landscape")


class Row(NamedTuple):
    """A row of the tables: of which document, where in it, what it prints, the command, what that says, why."""

    document: str
    there: str
    printed: list[str]
    command: str
    says: list[str]
    why: str


def pieces(cell: str) -> list[str]:
    return [part.replace("\\", "") for part in cell.split("; ") if part]


def rows() -> list[Row]:
    found = []
    text = PAGE.read_text(encoding="utf-8")
    for number, section in re.findall(r"^## Document (\d+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        table = section.split(HEAD)[1].strip().splitlines()
        for line in table[1:]:
            if not line.startswith("|"):
                break
            there, printed, command, says, why = (cell.strip() for cell in line.strip("|").split("|"))
            found.append(Row(number, there, pieces(printed), command.strip("`"), pieces(says), why))
    return found


ROWS = rows()
every = pytest.mark.parametrize("row", ROWS, ids=[f"{row.document}-{row.there}" for row in ROWS])


@lru_cache(maxsize=256)
def stated(command: str) -> str:
    """What a command prints, or what the arithmetic in its place comes to."""
    program, *arguments = shlex.split(command)
    if program != "zoo":
        value = eval(command, {"math": math})
        return f"{value:,}" if type(value) is int else str(value) if isinstance(value, bool) else f"{value:,.6g}"
    if arguments[0] in LONG:
        return RESULTS.read_text(encoding="utf-8").partition("## Results")[2]
    return CliRunner().invoke(cli, arguments, prog_name="zoo").output


def holds(piece: str, text: str) -> bool:
    """Whether a text has these words and numbers, and not as part of longer ones."""
    words = r"\s+".join(map(re.escape, piece.split()))
    return re.search(rf"(?<![\w.,])(?<!\w-){words}(?![\w]|[.,]\d)", text) is not None


@every
def test_the_command_says_what_the_page_says(row: Row) -> None:
    output = stated(row.command)
    assert "Traceback" not in output
    assert [piece for piece in row.says if not holds(piece, output)] == [], output


@every
def test_the_command_has_those_options(row: Row) -> None:
    program, *arguments = shlex.split(row.command)
    if program == "zoo":
        command = cli.get_command(click.Context(cli), arguments[0])
        assert command is not None
        command.make_parser(click.Context(command)).parse_args(arguments[1:])


@every
def test_the_document_prints_what_the_page_says(row: Row) -> None:
    (original,) = ORIGINALS.glob(f"{row.document}_*.txt") if ORIGINALS.is_dir() else [None]
    if original is None:
        pytest.skip("the documents are not at hand")
    text = " ".join(original.read_text(encoding="utf-8").split()).replace("\\", "")
    assert [piece for piece in row.printed if piece not in text] == []


def test_all_documents_have_their_rows_and_their_networks() -> None:
    assert {row.document for row in ROWS} == {"000", "001", "002", "003", "004"}
    assert sum(bool(row.says) for row in ROWS) > 80
    commands = " ".join(row.command for row in ROWS)
    text = PAGE.read_text(encoding="utf-8")
    for line in re.findall(r"^\| document \d+ \| .* \| (.+) \|$", text, re.MULTILINE):
        for name in re.findall(r"`([\w*]+)`", line):
            assert catalogue.names(name), name
            assert name in commands or name == "autoencoder", name


@pytest.mark.parametrize(
    ("piece", "text", "held"),
    [
        ("12,126", "Parameters       12,126\n", True),
        ("12,126", "112,126", False),
        ("126", "12,126", False),
        ("28", "28.5", False),
        ("28", "it is 28.", True),
        ("1.5B", "11.5B", False),
        ("8x14x14", "18x14x14", False),
        ("fail (> 20)", "2016  fail (> 20)   1", True),
        ("10 entries", "state_dict  10 entries", True),
    ],
)
def test_numbers_are_found_whole(piece: str, text: str, held: bool) -> None:
    assert holds(piece, text) == held


def test_documents_have_one_name() -> None:
    """Specs, recipes and pages speak of them by their numbers."""
    other = re.compile(r"\b(?:write-?ups?|laborator\w+|the lab(?:'s)?|convolutional lab|notebook)\b", re.IGNORECASE)
    kept = [*catalogue.files(), *sorted((ROOT / "zoo/recipes").glob("*.yaml")), RESULTS, ROOT / "zoo/README.md"]
    for path in kept:
        assert other.findall(path.read_text(encoding="utf-8")) == [], path.name
