"""The JSON Schema against the checker: what is whole is accepted, what is wrong in its structure is refused by both."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.catalogue import NETWORKS
from speczoo.compiler.emit.schema import schema, text
from speczoo.compiler.layer import Layer
from speczoo.compiler.reference import reference
from speczoo.specs.codes import CODES
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import Document, parse
from speczoo.specs.entry import Entry
from speczoo.specs.keys import keys
from speczoo.specs.load import load
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from speczoo.training import recipe_loader
from speczoo.training.recipe_schema import recipe_schema

ROOT = Path(__file__).parents[2]
SCHEMA = schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
CASES = sorted((ROOT / "tests" / "errors" / "cases").rglob("*.yaml"))
GOOD = sorted(NETWORKS.rglob("*.yaml"))
#: To JSON Schema 1.0 is an integer, and equal to 1.
FLOATS = {"spec-1-0"}


def read(path: Path) -> Document | None:
    report = Report()
    source = Source.read(path, report)
    document = parse(source, report) if source else None
    return document if report.ok else None


def loads(data: Any) -> bool:
    report = Report()
    load(Document.of(data), report)
    return report.ok


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert json.loads(text()) == SCHEMA


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_good_specs_validate(path: Path) -> None:
    document = read(path)
    assert document is not None
    VALIDATOR.validate(document.data)


@pytest.mark.parametrize("name", CODES)
def test_mended_examples_validate(name: str) -> None:
    document = parse(Source.of(CODES[name].good), Report())
    assert document is not None
    VALIDATOR.validate(document.data)


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_structurally_bad_specs_are_refused(path: Path) -> None:
    """All that `load` refuses. What only the walk can know (names, shapes, values) is not the schema's to say."""
    document = read(path)
    if document is not None and not loads(document.data) and path.stem not in FLOATS:
        assert not VALIDATOR.is_valid(document.data)


@pytest.mark.parametrize(
    "entry",
    [
        {"op": "Conv2d", "out_channels": 8, "kernel_size": 3, "kernal": 3},
        {"op": "Conv2d", "out_channels": 8},
        {"op": "Conv2d", "out_channels": "8", "kernel_size": 3},
        {"op": "Conv2d", "out_channels": 0, "kernel_size": 3},
        {"op": "Conv2d", "out_channels": 8, "kernel_size": [3, 3, 3]},
        {"op": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": "full"},
        {"op": "Dropout", "p": 1.5},
        {"op": "ReLU", "inplace": 1},
    ],
)
def test_wrong_arguments_are_refused(entry: dict[str, Any]) -> None:
    spec = {"spec": 1, "name": "t", "input": [3, 8, 8], "layers": [entry]}
    assert not VALIDATOR.is_valid(spec)
    inner = {**spec, "blocks": {"B": {"layers": [entry]}}, "layers": [{"op": "B"}]}
    assert not VALIDATOR.is_valid(inner)


def test_expressions_stand_for_any_value() -> None:
    entry = {"op": "Conv2d", "out_channels": "$n", "kernel_size": ["$(k + 1)", 3], "bias": "$b", "stride": None}
    VALIDATOR.validate({"spec": 1, "name": "t", "input": "$shape", "layers": [entry]})


def test_defaults_may_give_what_is_required() -> None:
    spec = {"spec": 1, "name": "t", "input": [3, 8, 8], "layers": [{"op": "Conv2d", "out_channels": 8}]}
    VALIDATOR.validate({**spec, "defaults": {"Conv2d": {"kernel_size": 3}}})
    assert not VALIDATOR.is_valid({**spec, "defaults": {"Conv2d": {"kernal_size": 3}}})


def test_every_argument_of_a_layer_is_known() -> None:
    for name, layer in Layer.registry.items():
        assert set(layer.model_fields) <= set(SCHEMA["definitions"][f"op.{name}"]["properties"])


def mappings(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if isinstance(data, dict) else []
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return found + [p for key, value in items for p in mappings(value, (*path, key))]


@given(st.data())
def test_a_change_is_judged_alike(data: st.DataObject) -> None:
    """A value of another type at a key of the grammar, or a key more at the root: both refuse, or neither."""
    path = data.draw(st.sampled_from(GOOD))
    document = read(path)
    assert document is not None
    changed = copy.deepcopy(document.data)
    key = data.draw(st.sampled_from([*keys(Spec), "colour"]))
    values = [3, 0.5, True, "text", [], {}, [1], {"a": 1}, ["a"], [{}]]
    # a text in a shape may be an expression to the loader, which computes none
    changed[key] = data.draw(st.sampled_from([value for value in values if (key, value) != ("input", ["a"])]))
    changed.pop("inputs", None)
    changed.setdefault("input", [3, 8, 8])
    assert VALIDATOR.is_valid(changed) == loads(changed)


def test_every_argument_says_what_it_does_and_what_it_is_where_it_is_left_out() -> None:
    for op in Layer.registry:
        properties = SCHEMA["definitions"][f"op.{op}"]["properties"]
        for argument in reference(op).arguments:
            if argument.name == "shape" and argument.name in Entry.model_fields and "anyOf" not in properties["shape"]:
                continue
            stated = properties[argument.name]["description"]
            assert argument.description in stated
            required = "Required." in stated
            assert argument.derived or argument.reference or required == argument.required, (op, argument)


@pytest.mark.parametrize("op", ["conv2d", "Conv2D", "relu", "Relu", "BATCHNORM2D", "maxpool2d"])
def test_an_op_in_other_capitals_is_refused_where_no_block_has_its_name(op: str) -> None:
    spec = {"spec": 1, "name": "t", "input": [3], "layers": [{"layers": [{"op": op}]}]}
    assert not VALIDATOR.is_valid(spec)
    assert VALIDATOR.is_valid({**spec, "blocks": {op: {"layers": [{"op": "Identity"}]}}})
    assert VALIDATOR.is_valid({**spec, "layers": [{"op": f"{op}_of_mine"}]})


def test_the_schema_of_recipes_accepts_those_of_the_zoo_and_refuses_what_the_loader_does() -> None:
    validator = jsonschema.Draft7Validator(recipe_schema())
    validator.check_schema(recipe_schema())
    for name in recipe_loader.names():
        document = read(recipe_loader.find(name))
        assert document is not None
        validator.validate(document.data)
        assert not validator.is_valid({**document.data, "optimiser": {}})
        assert not validator.is_valid({**document.data, "optimizer": {"op": "SGDM"}})
        assert not validator.is_valid({key: value for key, value in document.data.items() if key != "data"})


def test_there_is_one_title_at_most() -> None:
    """A reader shows it above every key."""
    assert not any(
        "title" in part and isinstance(part["title"], str) for part in [SCHEMA, *SCHEMA["definitions"].values()]
    )
