"""What is generated and kept is what would be generated now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regenerate import ROOT, generated


@pytest.mark.parametrize(
    ("path", "make"), [pytest.param(*each, id=str(each[0].relative_to(ROOT))) for each in generated()]
)
def test_it_is_as_it_would_be_written_now(path: Path, make: Callable[[], str]) -> None:
    there = path.read_text(encoding="utf-8") if path.is_file() else ""
    assert there == make(), "run `python -m tests.regenerate`, and read what it changed"
