"""What every start of `zoo` pays for, counted: no clock is asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import speczoo.compiler.layers
import speczoo.specs.spec  # noqa: F401  (the models of the grammar)
from speczoo.compiler.layer import Layer
from speczoo.specs.grammar import Grammar


def family(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all that derive from it in the package."""
    if model.__module__.startswith("speczoo."):
        yield model
    for derived in model.__subclasses__():
        yield from family(derived)


def compiled_anew(model: type[BaseModel]) -> list[str]:
    """The annotations of a class that are texts, which pydantic compiles for it and for each that derives from it."""
    return [name for name, annotation in vars(model).get("__annotations__", {}).items() if isinstance(annotation, str)]


@pytest.mark.parametrize("base", [Layer, Grammar])
def test_no_annotation_of_a_model_is_compiled_at_import(base: type[BaseModel]) -> None:
    models = list(family(base))
    assert len(models) > 10
    assert {f"{m.__module__}.{m.__name__}": texts for m in models if (texts := compiled_anew(m))} == {}


def test_an_annotation_that_is_a_text_would_be_noticed() -> None:
    class Textual(BaseModel):
        size: int  # a text, by this module's `annotations`

    assert compiled_anew(Textual) == ["size"]


COLLECTIONS = """
import gc, sys
from speczoo.__main__ import main
before = gc.get_stats()[0]["collections"]
try:
    main()
finally:
    print("COLLECTIONS", gc.get_stats()[0]["collections"] - before, gc.get_threshold()[0], file=sys.stderr)
"""


def collections(*words: str) -> list[int]:
    """How often a command had its objects searched for cycles, and how many new ones its next search would wait for."""
    done = subprocess.run([sys.executable, "-c", COLLECTIONS, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stderr.rpartition("COLLECTIONS")[2].split()]


def test_a_check_hardly_searches_for_cycles() -> None:
    assert collections("check", "resnet34")[0] < 10


def test_training_searches_as_often_as_python_does() -> None:
    assert collections("train", "--help")[1] < 10_000


def test_a_list_of_names_waits_for_no_models() -> None:
    code = (
        "import sys; from speczoo.__main__ import cli; cli(['list'], standalone_mode=False); assert {!r} in sys.modules"
    )
    for module, loaded in (("ruamel.yaml", 0), ("pydantic", 1), ("speczoo.specs.spec", 1)):
        done = subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, check=False)
        assert done.returncode == loaded, module
