"""The page about testing says what is so: its files are tested as it shows, and its tests pass."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from speczoo.testing import CHECKS
from tests.contracts.test_documents import agrees, blocks, commands

pytest_plugins = ["pytester"]
PAGE = Path(__file__).parents[2] / "zoo" / "testing" / "README.md"


@pytest.fixture
def desk(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.Pytester]:
    """A folder with the files that the page shows, and its other Python as tests; ten examples in place of the hundred
    of those who read the page."""
    for number, block in enumerate(blocks(PAGE, "yaml", "python")):
        path = pytester.path / (block.word or f"test_page_{number}.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "80")
    profile = settings.get_current_profile_name()
    settings.register_profile("few", max_examples=10, derandomize=True)
    settings.load_profile("few")
    yield pytester
    settings.load_profile(profile)


def run(desk: pytest.Pytester, *arguments: str) -> str:
    return desk.runpytest_inprocess("-p", "no:cacheprovider", *arguments).stdout.str()


@pytest.mark.parametrize("number", range(len(blocks(PAGE, "console"))))
def test_the_page_shows_what_is_printed(desk: pytest.Pytester, number: int) -> None:
    ((command, shown),) = commands(blocks(PAGE, "console")[number])
    program, *arguments = shlex.split(command)
    assert program == "pytest"
    printed = run(desk, *arguments)
    assert agrees(shown, printed), printed


def test_the_tests_of_the_page_pass(desk: pytest.Pytester) -> None:
    path = desk.path / "test_gain.py"
    path.write_text(path.read_text(encoding="utf-8").replace("    positional = 1\n", '    saves = "input"\n'))
    printed = run(desk, "-q", "-W", "ignore", *(str(each) for each in sorted(desk.path.glob("test_*.py"))))
    assert re.search(r"^5 passed in", printed, re.MULTILINE), printed


def test_every_check_is_on_the_page() -> None:
    rows = PAGE.read_text(encoding="utf-8").partition("| check | asks whether |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == list(CHECKS)
