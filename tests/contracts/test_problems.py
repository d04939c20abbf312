"""What is wrong is carried by one class, `Problem`, up to where it is reported, as one class, `Diagnostic`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What a carrier of problems holds, whatever else.
CARRIED = {"message", "help"}


def attributes(cls: ast.ClassDef) -> Iterator[str]:
    """The fields of a class, and what its methods set on `self`."""
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
    for node in ast.walk(cls):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def carriers(text: str) -> set[str]:
    """The classes of a module that hold a message and the help with it."""
    classes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef))
    return {cls.name for cls in classes if set(attributes(cls)) >= CARRIED}


def makers(text: str, name: str) -> bool:
    """Whether a module makes an instance of the class."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(ast.parse(text))
    )


def texts() -> dict[str, str]:
    paths = (path for package in ("specs", "compiler") for path in (ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_problems_are_carried_by_one_class() -> None:
    assert {name for text in texts().values() for name in carriers(text)} == {"Problem", "Diagnostic"}


def test_diagnostics_are_made_where_problems_are_placed() -> None:
    found = {name for name, text in texts().items() if makers(text, "Diagnostic")}
    assert found == {"specs/problem.py"}


def test_carriers_are_found() -> None:
    text = """
class Field(NamedTuple):
    message: str
    help: str = ""
class Set(Exception):
    def __init__(self, message, help):
        self.message, self.help = message, help
class Passing(Exception):
    def __init__(self, message, help):
        super().__init__(Problem(message, help=help))
"""
    assert carriers(text) == {"Field", "Set"}
