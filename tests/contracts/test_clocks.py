"""No verdict hangs on a clock: what a test promises of cost is counted (`tests/steps.py`), what it waits for shows when
it is there, and times stand in benchmarks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
#: Benchmarks measure. The fuzzer that runs for a night tells how far it is, and the guard of the hostile files ends
#: what never ends.
ALLOWED = {"fuzz/fuzz_spec.py": {"time"}, "hostile/child.py": {"alarm", "RLIMIT_CPU"}}
MODULES = {"time", "timeit", "sched"}
NAMES = {"alarm", "setitimer", "RLIMIT_CPU", "times"}
KEYWORDS = {"timeout", "deadline"}
FILES = sorted(path for path in TESTS.rglob("*.py") if "benchmarks" not in path.parts)


def clocks(tree: ast.AST) -> Iterator[str]:
    """What of a module asks for the time, or gives up after some."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from MODULES & {name.name for name in names}
            case ast.ImportFrom(module=module):
                yield from MODULES & {module}
            case ast.Attribute(value=ast.Name(id="signal" | "resource" | "os"), attr=name) if name in NAMES:
                yield name
            case ast.Call(keywords=keywords):
                yield from (
                    word.arg
                    for word in keywords
                    if word.arg in KEYWORDS and not (isinstance(word.value, ast.Constant) and word.value.value is None)
                )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_test_asks_a_clock(path: Path) -> None:
    name = path.relative_to(TESTS).as_posix()
    assert set(clocks(ast.parse(path.read_text(encoding="utf-8")))) <= ALLOWED.get(name, set())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import time", "time"),
        ("from time import monotonic", "time"),
        ("process.wait(timeout=20)", "timeout"),
        ("signal.alarm(3)", "alarm"),
        ("@settings(deadline=200)\ndef f(): ...", "deadline"),
    ],
)
def test_one_would_be_noticed(text: str, found: str) -> None:
    assert list(clocks(ast.parse(text))) == [found]
    assert not list(clocks(ast.parse("@settings(deadline=None)\ndef f(): process.wait()")))
