"""Names are the field's words: what is written, reported, known or visited is called so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Words that need a story.
OPAQUE = {"told", "tell", "said", "unsaid", "seen", "unseen", "sure", "room", "hole", "holes", "meant"}
#: What the libraries call theirs: `file.tell()`.
THEIRS = {"tell"}


def names(tree: ast.AST) -> Iterator[str]:
    """Whatever has a name in a module: variables, attributes, functions, classes, arguments and keywords."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)):
                yield name
            case ast.Attribute(attr=name) if name not in THEIRS:
                yield name


def opaque(text: str) -> set[str]:
    return {name for name in names(ast.parse(text)) if OPAQUE & set(name.lower().split("_"))}


@pytest.mark.parametrize("package", ["specs", "compiler", "zoo", "tests"])
def test_names_need_no_story(package: str) -> None:
    root = ROOT / package
    kept = root / "compatibility"  # what a version wrote stays as it is
    paths = [path for path in root.rglob("*.py") if not (path.is_relative_to(kept) and path.parent != kept)]
    found = {str(path.relative_to(root)): opaque(path.read_text(encoding="utf-8")) for path in paths}
    assert {name: words for name, words in found.items() if words} == {}


def test_opaque_names_are_found() -> None:
    text = "def tell(said, *, room=0):\n    self._seen = f(sure=1)\n    return file.tell(), f'{what_is_meant}', whole\n"
    assert opaque(text) == {"tell", "said", "room", "_seen", "sure", "what_is_meant"}


#: Names that each mean one thing in all packages, whatever it is that they name.
ONCE = {"Found", "Loc", "Parameter", "Place", "Scope", "Shape", "Source", "Step", "Template", "Value"}
#: Classes that are called as what others made: torch's modules and transforms.
LAYERS = ROOT / "compiler" / "layers"
TRANSFORMS = ROOT / "zoo" / "training" / "transforms.py"


def defined(tree: ast.Module) -> Iterator[str]:
    """The classes that a module makes, and its aliases that have a name of those."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]) if name in ONCE:
                yield name


def test_a_name_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for package in ("specs", "compiler", "zoo"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path == TRANSFORMS or path.is_relative_to(LAYERS):
                continue
            for name in defined(ast.parse(path.read_text(encoding="utf-8"))):
                places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_definitions_are_found() -> None:
    text = (
        "from a import Place\nclass Value: Step = 1\nShape: TypeAlias = int\nFound = TypeVar('Found')\nclass _A: ...\n"
    )
    assert [*defined(ast.parse(text))] == ["Value", "Shape", "Found"]
