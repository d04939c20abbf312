"""The page about testing says what is so: its files are tested as it shows, and its tests pass."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from speczoo.testing import CHECKS
from tests.contracts.test_documents import agrees, blocks, commands

#: Examples in place of the hundred of those who read the page.
FEW = """
from hypothesis import settings

settings.register_profile("few", max_examples=10)
settings.load_profile("few")
"""
PAGE = Path(__file__).parents[2] / "zoo" / "testing" / "README.md"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files that the page shows, and its other Python as tests."""
    for number, block in enumerate(blocks(PAGE, "yaml", "python")):
        path = tmp_path / (block.word or f"test_page_{number}.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(FEW, encoding="utf-8")
    return tmp_path


def run(desk: Path, *arguments: str) -> str:
    environment = {**os.environ, "COLUMNS": "80"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=desk, capture_output=True, text=True, env=environment, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("number", range(len(blocks(PAGE, "console"))))
def test_the_page_shows_what_is_printed(desk: Path, number: int) -> None:
    ((command, shown),) = commands(blocks(PAGE, "console")[number])
    program, *arguments = shlex.split(command)
    assert program == "pytest"
    printed = run(desk, *arguments)
    assert agrees(shown, printed), printed


def test_the_tests_of_the_page_pass(desk: Path) -> None:
    path = desk / "test_gain.py"
    path.write_text(path.read_text(encoding="utf-8").replace("    positional = 1\n", '    saves = "input"\n'))
    printed = run(desk, "-q", "-W", "ignore", *(str(each) for each in sorted(desk.glob("test_*.py"))))
    assert re.search(r"^5 passed in", printed, re.MULTILINE), printed


def test_every_check_is_on_the_page() -> None:
    rows = PAGE.read_text(encoding="utf-8").partition("| check | asks whether |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == list(CHECKS)
