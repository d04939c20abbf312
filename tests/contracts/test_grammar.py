"""A key of the grammar is stated once, on its model: from there it is in the schema, in the order of `zoo fmt`, in the
reference and in the texts about wrong keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, create_model
from ruamel.yaml import YAML

from speczoo.checking import check_into
from speczoo.compiler.emit import schema
from speczoo.specs import entry, expected, format, load, origin, schema_errors, schema_help, spec
from speczoo.specs.diagnostics import Report
from speczoo.specs.entry import Entry
from speczoo.specs.format import formatted
from speczoo.specs.keys import Holds, Instead, Key, Model, keys, model_at, models
from speczoo.specs.parameter import Param
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from speczoo.specs.value_kinds import could_be
from tests.language_tables import keys_table

MODELS = models(Spec)
LANGUAGE = [(model, key) for model in MODELS for key in keys(model).values()]
#: A spec where each model has its place, and the way to it.
WHOLE: dict[str, Any] = {
    "spec": 1,
    "name": "net",
    "inputs": [{"id": "x", "shape": [8]}],
    "params": {"n": {"type": "int", "default": 1}},
    "blocks": {"B": {"layers": [{"op": "ReLU"}]}},
    "layers": [
        {"id": "fc", "op": "ReLU"},
        {"id": "g", "op": "B", "taps": [{"id": "near", "from": "0"}]},
        {"op": "add", "from": [{"for": {"i": "1..1"}, "id": "fc"}, "g.near"]},
    ],
    "outputs": [{"id": "out", "from": "fc"}],
    "init": [{"match": "Linear", "bias": 0}],
    "expect": {"params": 0, "macs": {"max": 1}, "memory": {"weights": 1}},
    "weights": {"from": "torchvision:VGG11_Weights"},
    "variants": {"small": {"title": "small"}},
}
PLACES: dict[Model, tuple[str | int, ...]] = {
    spec.Spec: (), spec.Input: ("inputs", 0), Param: ("params", "n"), spec.Block: ("blocks", "B"),
    entry.Entry: ("layers", 0), entry.Comprehension: ("layers", 2, "from", 0), entry.Tap: ("layers", 1, "taps", 0),
    spec.Output: ("outputs", 0), spec.InitRule: ("init", 0), expected.Expect: ("expect",),
    expected.Bounds: ("expect", "macs"), expected.ExpectedMemory: ("expect", "memory"),
    origin.Weights: ("weights",), spec.Variant: ("variants", "small"),
}  # fmt: skip
#: Values of every kind that a key takes.
VALUES: list[Any] = [
    *(1, "int", "float32", True, "a", "fc", [1], ["a"], [], {"a": "1"}, {"a": 1}, {"a": ["b"]}, {"a": {}}),
    *([{"op": "ReLU"}], [{"id": "a", "shape": [1]}], [{"id": "a", "from": "fc"}], [{"match": "Conv2d", "bias": 0}]),
    *({"a": {"layers": [{"op": "ReLU"}]}}, {"params": 1}, "torchvision:VGG11_Weights"),
]


def name(case: tuple[Any, ...]) -> str:
    return ".".join(part.name if isinstance(part, Key) else getattr(part, "__name__", part) for part in case)


def at(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def reported(data: Any) -> str:
    """What is reported of a spec: codes, texts and help."""
    report = Report()
    check_into(report, data)
    return "\n".join(f"{d.code}: {d.message} {' '.join(d.help)}" for d in report)


def value_for(model: Model, key: str) -> Any:
    return next(value for value in VALUES if could_be(model, key, value))


@pytest.mark.parametrize("case", LANGUAGE, ids=name)
def test_a_key_says_what_it_is(case: tuple[Model, Key]) -> None:
    _, key = case
    assert key.description.endswith(".")
    assert key.holds
    assert not key.holds.endswith(".")


def test_every_model_has_its_place() -> None:
    assert PLACES.keys() == set(MODELS)
    for model, path in PLACES.items():
        assert model_at(Spec, path) is model
        assert model.model_validate(at(WHOLE, path))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_the_schema_has_the_keys_in_their_order(model: Model) -> None:
    whole = schema.schema()
    part = whole if model is Spec else whole["definitions"][model.__name__]
    properties = next(found for found in properties_of(part) if found)
    assert list(properties) == list(keys(model))
    for key in keys(model).values():
        assert key.description in properties[key.name]["description"]
        assert key.holds[1:] in properties[key.name]["description"]


def properties_of(part: Any) -> Iterator[dict[str, Any]]:
    yield part.get("properties", {})
    for inner in (*part.get("anyOf", ()), part.get("then", {})):
        yield inner.get("properties", {})


@given(st.permutations([key for key in keys(Spec) if key != "input"]))
def test_fmt_writes_a_spec_in_the_order_of_the_model(order: list[str]) -> None:
    data = {"title": "a", "year": 2000, "defaults": {"Linear": {"bias": False}}, "freeze": ["fc.*"]} | WHOLE
    text = "".join(f"{key}: {json.dumps(data[key])}\n" for key in order if key in data)
    written = formatted(Source.of(text))
    assert written is not None
    assert re.findall(r"^\w+", written, re.MULTILINE) == [key for key in keys(Spec) if key in data]


@given(st.permutations(["inplace", *(key for key in keys(Entry) if key not in ("layers", "do", "share"))]))
def test_fmt_writes_an_entry_in_the_order_of_the_model(order: list[str]) -> None:
    entry = {
        "for": {"i": "1..2"},
        "id": "a$i",
        "op": "ReLU",
        "from": "input",
        "inplace": True,
        "shape": [8],
        "when": True,
    }
    given = json.dumps({key: entry[key] for key in order if key in entry})
    written = formatted(Source.of(f"spec: 1\nname: a\ninput: [8]\nlayers:\n  - {given}\n"))
    assert written is not None
    found = list(YAML(typ="safe").load(written)["layers"][0])
    before = list(keys(Entry)).index(Entry.ARGUMENTS_BEFORE)
    expected = [*list(keys(Entry))[:before], "inplace", *list(keys(Entry))[before:]]
    assert found == [key for key in expected if key in entry]


WORDS = [(model, key, word) for model, key in LANGUAGE for word in key.instead]


def test_a_foreign_word_is_no_key_of_its_model() -> None:
    assert not [(model, word) for model, _, word in WORDS if word in keys(model)]


@pytest.mark.parametrize("case", WORDS, ids=name)
def test_a_foreign_word_gives_the_key(case: tuple[Model, Key, str]) -> None:
    """With nothing but that key missing, the word is answered with it."""
    model, key, word = case
    data = json.loads(json.dumps(WHOLE))
    part = at(data, PLACES[model])
    value = part.pop(key.name, None) or value_for(model, key.name)
    if model is Spec and key.name == "input":
        del part["inputs"]
    if model is Entry and key.name in Entry.KINDS:
        part.pop("op", None)
        if key.name == "do":
            part["when"] = True
            del part["id"]
    part[word] = value
    stated = reported(data)
    assert re.search(rf"unknown-(key|argument): .*`{word}`.* did you mean `{key.name}`", stated), stated


ATTRIBUTES = [(model, name) for model in MODELS for name in model.model_fields if name not in keys(model)]


@pytest.mark.parametrize("case", ATTRIBUTES, ids=name)
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_the_attribute_of_a_key_is_no_key(case: tuple[Model, str], value: Any) -> None:
    """What Python calls it (`from_`) is no word of the language, whatever stands there and with the key or without."""
    model, attribute = case
    key = model.model_fields[attribute].alias
    for without in (False, True):
        data = json.loads(json.dumps(WHOLE))
        part = at(data, PLACES[model])
        if without:
            part.pop(key, None)
        part[attribute] = value
        stated = reported(data)
        assert re.search(rf"unknown-(key|argument): .*`{attribute}`|bad-value: .*a parameter has", stated), stated


def test_a_new_key_of_a_model_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    licence = (
        Annotated[str | None, Holds("a text such as `MIT`"), Instead("copyright")],
        Field(default=None, description="Who may use it."),
    )
    new = create_model("Spec", __base__=Spec, licence=licence)
    for module in (load, schema_errors, schema_help, schema, format):
        monkeypatch.setattr(module, "Spec", new)
    monkeypatch.setattr(schema, "_BEYOND_TYPES", {})
    assert schema.schema()["properties"]["licence"]["description"] == "Who may use it. A text such as `MIT`."
    assert "| `licence` | a text such as `MIT` | Who may use it. |" in keys_table(new, "a spec")
    assert "`licence` is a text such as `MIT`; not 3" in reported(WHOLE | {"licence": 3})
    assert "did you mean `licence`?" in reported(WHOLE | {"copyright": "MIT"})
    assert "did you mean `licence`?" in reported(WHOLE | {"licens": "MIT"})
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in ({"licence": "MIT"} | WHOLE).items())
    assert (formatted(Source.of(text)) or "").endswith('licence: "MIT"\n')
