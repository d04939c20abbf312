"""Every code is explained, and what its explanation shows is so: the bad example earns the code and no other, the
mended one earns nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

import speczoo
from speczoo.specs.codes import CODES, EXPLANATIONS

ROOT = Path(__file__).parents[2]


def reported(path: Path) -> list[str]:
    try:
        return [d.code for d in speczoo.check(path)]
    except speczoo.SpecError as error:
        return [d.code for d in error.diagnostics]


@pytest.mark.parametrize("name", CODES)
def test_examples_run(name: str, tmp_path: Path) -> None:
    code = CODES[name]
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    bad.write_bytes(code.bad.encode("latin-1" if name == "unreadable" else "utf-8"))
    good.write_text(code.good, encoding="utf-8")
    assert set(reported(bad)) == {name}
    assert reported(good) == []


@pytest.mark.parametrize("name", CODES)
def test_explanation_is_headed_by_its_code(name: str) -> None:
    assert CODES[name].explanation.startswith(f"# {name}\n")


def test_no_explanation_without_a_code() -> None:
    assert {path.stem for path in EXPLANATIONS.glob("*.md")} == set(CODES)


def literals(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression can be, where it is made of texts alone."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from (*literals(body), *literals(other))


def makers(trees: Iterable[ast.AST]) -> dict[str, int]:
    """What makes a problem of a `code`, or passes one on: its name, and the position of the code."""
    found = {"Problem": 0, "Diagnostic": 0}
    for node in (node for tree in trees for node in ast.walk(tree)):
        functions = node.body if isinstance(node, ast.ClassDef) else [node]
        for each in functions:
            if isinstance(each, ast.FunctionDef):
                names = [arg.arg for arg in each.args.args if arg.arg not in ("self", "cls")]
                if {"code", "message"} <= set(names):
                    name = node.name if isinstance(node, ast.ClassDef) and each.name == "__init__" else each.name
                    found[name] = names.index("code")
    return found


def codes(tree: ast.AST, makers: Mapping[str, int]) -> Iterator[str]:
    """The codes that a module gives to problems: as arguments, as defaults and as values of the name `code`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="partial"), args=[ast.Name(id=name), *given]) if name in makers:
                yield from literals(next(iter(given[makers[name] :]), None))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=given) if name in makers:
                yield from literals(next(iter(given[makers[name] :]), None))
            case ast.Assign(targets=[ast.Name(id="code")], value=value):
                yield from literals(value)
            case ast.keyword(arg="code", value=value):
                yield from literals(value)
            case ast.FunctionDef(args=ast.arguments(args=args, defaults=defaults)):
                given = zip(reversed(args), reversed(defaults), strict=False)
                yield from (code for arg, value in given if arg.arg == "code" for code in literals(value))


@pytest.fixture(scope="module")
def parsed() -> dict[str, ast.Module]:
    """Every module of the project, by its path."""
    paths = [path for package in ("specs", "compiler", "zoo") for path in (ROOT / package).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def test_every_code_in_use_is_explained_and_every_explained_code_is_in_use(parsed: dict[str, ast.Module]) -> None:
    known = makers(parsed.values())
    assert {code for tree in parsed.values() for code in codes(tree, known)} == set(CODES)


def test_only_a_problem_makes_a_diagnostic(parsed: dict[str, ast.Module]) -> None:
    """All else says what is wrong as a Problem, and where; its place in the text is found in one way."""
    making = {
        path
        for path, tree in parsed.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("diagnostics.") == "Diagnostic"
    }
    assert making == {"specs/problem.py"}


def test_codes_in_use_are_found() -> None:
    text = """
class WrongError(ProblemError):
    code = "a-class"
    def __init__(self, message: str, code: str = "a-default") -> None: ...
class Reader:
    def add(self, message: str, code: str) -> None: ...
Problem("a-problem" if x else "another"); WrongError("text", "an-error"); self.add("text", "an-addition")
f(Problem, code="a-keyword"); partial(Problem, "a-partial"); Problem(code, "a-message"); other("no-code")
"""
    found = set(codes(tree := ast.parse(text), makers([tree])))
    assert found == {
        "a-class", "a-default", "a-problem", "another", "an-error", "an-addition", "a-keyword", "a-partial"
    }  # fmt: skip
