"""Markdown is wrapped at 100 columns, but for what cannot be: tables, code, headings, what is generated, long links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLUMNS = 100
PAGES = [
    path
    for folder in ("specs", "compiler", "zoo", "tests")
    for path in sorted((ROOT / folder).rglob("*.md"))
    if not path.relative_to(ROOT / folder).parts[0].startswith("0.")  # what a version wrote stays as it is
]
PAGES += sorted(ROOT.glob("*.md"))


def prose(text: str) -> Iterator[str]:
    """The lines that can be wrapped."""
    fence, generated = "", False
    for line in text.splitlines():
        mark = re.match(r"\s*(```+|~~~+)", line)
        if re.match(r"<!-- .*(begin|written by)", line):
            generated = True
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip() == fence:
            fence = ""
        elif not fence and not generated and not re.match(r"\s*([|#<]|\[!\[)|    ", line):
            yield line
        if re.match(r"<!-- .*end", line):
            generated = False


def too_long(text: str) -> list[str]:
    return [line for line in prose(text) if len(line) > COLUMNS and " " in re.sub(r"\]\(\S+\)|`[^`]+`", "", line[40:])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_wrapped(page: Path) -> None:
    assert too_long(page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_ends_in_a_blank(page: Path) -> None:
    """One that does was cut off in the middle."""
    assert [line for line in prose(page.read_text(encoding="utf-8")) if line.endswith(" ")] == []


def test_what_is_not_wrapped_is_found() -> None:
    long = "word " * 30
    assert too_long(f"{long}\n\n```\n{long}\n```\n| {long} |\n") == [long]


def test_the_changelog_says_each_thing_once() -> None:
    lines = [line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:1] in "-#"]
    assert [line for line, count in Counter(lines).items() if line and count > 1] == []
