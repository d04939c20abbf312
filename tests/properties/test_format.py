"""`zoo fmt`: keys in any order come out in that of the models, and nothing else changes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from ruamel.yaml import YAML

from speczoo import catalogue
from speczoo.argument_order import argument_order as arguments
from speczoo.compiler.layer import Layer
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.entry import Entry
from speczoo.specs.format import WIDTH, formatted
from speczoo.specs.keys import keys, models
from speczoo.specs.load import load
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from speczoo.testing import networks
from tests.contracts.test_grammar import WHOLE

ZOO = [json.loads(json.dumps(catalogue.own(path).document.data)) for path in catalogue.files()]
#: Every key of every model that may stand beside the others.
FULL: dict[str, Any] = {
    **{"title": "a net", "reference": ["a", "b"], "year": 2000, "source": "a", "published": {"params": "1M"}},
    **{
        "notes": {"params": "about"},
        "defaults": {"Linear": {"bias": False}},
        "tie": {"fc.weight": "embedding.weight"},
        "freeze": ["fc"],
        "let": {"z": "$n", "a": 1},
        "use": {"Net": "resnet18"},
    },
    **WHOLE,
    "params": {"n": {"type": "int", "default": 1, "min": 1, "max": 3, "choices": [1, 2], "doc": "how many"}},
    "inputs": [{"for": {"i": "1..1"}, "id": "x", "shape": [8], "dtype": "float32"}],
    "blocks": {
        "B": {
            **{
                "doc": "a block",
                "params": {"k": 1},
                "inputs": ["x", "y"],
                "let": {"b": 1},
                "layers": [{"id": "sum", "op": "add"}],
            },
            "outputs": [{"for": {"i": "1..1"}, "id": "out", "from": "sum", "training_only": False, "when": True}],
        }
    },
    "layers": [
        {"id": "fc", "op": "Linear", "from": "input", "out_features": 8, "bias": True, "shape": [8], "when": True},
        {"for": {"i": "1..2"}, "do": [{"id": "act$i", "op": "ReLU", "inplace": False}]},
        {"id": "again", "share": "fc", "from": ["fc", {"for": {"i": "1..2"}, "id": "act$i"}]},
        {"id": "group", "from": "fc", "taps": ["a"], "layers": [{"id": "a", "op": "ReLU"}]},
        {"id": "b", "op": "B", "taps": [{"for": {"i": "1..1"}, "id": "tap", "from": "sum"}]},
    ],
    "expect": {
        "params": {"min": 1, "max": 2},
        "trainable_params": 1,
        "macs": 1,
        "memory": {"weights": 1, "buffers": 1, "inference": 1, "training": 1},
        "receptive_field": 1,
        "output": [8],
    },
    "weights": {"from": "torchvision:VGG11_Weights", "rename": {"a": "b"}, "params": {"n": 2}},
    "variants": {
        "small": {
            **{"title": "small", "reference": "a", "year": 2001, "source": "b", "published": {"params": "1M"}},
            **{"notes": {"params": "about"}, "params": {"n": 2}, "input": [4], "expect": {"macs": 2, "params": 1}},
            "weights": "torchvision:VGG13_Weights",
        },
        "large": {"weights": {"rename": {"a": "b"}, "from": "torchvision:VGG11_Weights"}, "params": {"n": 3}},
    },
}


def spec_of(data: Any) -> Spec:
    report = Report()
    document = parse(Source.of(json.dumps(data)), report)
    spec = load(document, report) if document else None
    assert spec is not None
    assert report.ok, list(report)
    return spec


Path = tuple[str | int, ...]


def mappings(held: Any, data: Any, path: Path = ()) -> Iterator[tuple[Path, type[BaseModel] | None, dict[str, Any]]]:
    """Every mapping that is written, with the model that pydantic made of it; without one, its keys are names."""
    fields: dict[str, Any] = {}
    if isinstance(held, BaseModel):
        names = {field.alias or name: name for name, field in type(held).model_fields.items()}
        fields = {key: getattr(held, name) for key, name in names.items()}
    elif isinstance(held, dict):
        fields = held
    if isinstance(data, dict):
        yield path, type(held) if isinstance(held, BaseModel) else None, data
        for key, value in data.items():
            yield from mappings(fields.get(key), value, (*path, key))
    elif isinstance(data, list):
        inside = held if isinstance(held, list) else [None] * len(data)
        for i, (each, item) in enumerate(zip(inside, data, strict=True)):
            yield from mappings(each, item, (*path, i))


def written(data: Any, style: str) -> str:
    """The text of a spec: JSON; or YAML, a key a line, its brackets over lines, only the inmost of them, or none."""
    if style == "json":
        return json.dumps(data)
    if style == "lines":
        return "".join(f"{key}: {json.dumps(value)}\n" for key, value in data.items())
    if style == "wrapped":
        wrapped = {key: json.dumps(value, indent=2).replace("\n", "\n  ") for key, value in data.items()}
        return "".join(f"{key}: {text}\n" for key, text in wrapped.items())
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = {"leaves": None, "blocks": False}[style]
    yaml.width = 1_000_000
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    page = io.StringIO()
    yaml.dump(data, page)
    return page.getvalue()


def shuffled(data: st.DataObject, whole: dict[str, Any]) -> dict[str, Any]:
    """The spec with the keys of each mapping that has a model in any order."""
    made: dict[str, Any] = json.loads(json.dumps(whole))  # nothing in it twice, which YAML would write as an anchor
    for _, model, mapping in list(mappings(spec_of(whole), made)):
        for key in data.draw(st.permutations(list(mapping))) if model else ():
            mapping[key] = mapping.pop(key)
    return made


def in_order(model: type[BaseModel], mapping: dict[str, Any]) -> bool:
    """Whether the keys stand as on the model; the arguments of an entry before those that say what it must be."""
    order = [key for key in keys(model) if key in mapping]
    found = [key for key in mapping if key in order]
    if model is Entry:
        arguments = [key for key in mapping if key not in order]
        if "shape" in getattr(Layer.registry.get(str(mapping.get("op"))), "model_fields", ()):  # an argument of the op
            order, found = ([key for key in each if key != "shape"] for each in (order, found))
        before = list(keys(Entry)).index(Entry.ARGUMENTS_BEFORE)
        first = [key for key in order if key in list(keys(Entry))[:before]]
        order = [*first, *arguments, *order[len(first) :]]
        found = [key for key in mapping if key in order]
    return order == found


@pytest.mark.parametrize("style", ["json", "lines", "wrapped", "leaves", "blocks"])
@given(st.data(), st.one_of(st.just(FULL), st.sampled_from(ZOO), networks()))
def test_keys_in_any_order_come_out_in_that_of_their_models(
    style: str, data: st.DataObject, whole: dict[str, Any]
) -> None:
    mixed = shuffled(data, whole)
    source = Source.of(written(mixed, style))
    once = formatted(source, arguments(source))
    assert once is not None
    document = parse(Source.of(once), Report())
    assert document is not None
    assert document.data == whole
    spec = spec_of(document.data)
    assert spec == spec_of(whole)
    names = {path: list(mapping) for path, model, mapping in mappings(spec, mixed) if model is None}
    for path, model, mapping in mappings(spec, document.data):
        assert in_order(model, mapping) if model else list(mapping) == names[path], path
    assert formatted(Source.of(once), arguments(source)) == once


def test_every_key_is_in_the_full_spec() -> None:
    """But `input`, beside which `inputs` may not stand."""
    met = {(model, key) for _, model, mapping in mappings(spec_of(FULL), FULL) if model for key in mapping}
    assert {(model, key) for model in models(Spec) for key in keys(model)} - met == {(Spec, "input")}


@pytest.mark.parametrize("before", ["layers: ", "for: {i: 1..2}, do: "])
@pytest.mark.parametrize("count", [1, 9])
def test_entries_in_entries_take_lines_of_their_own_where_one_is_too_short(before: str, count: int) -> None:
    """As long as they fit into one, they stay as they were written."""
    line = "  - {" + before + "[" + ", ".join(["{op: Linear, out_features: 8}"] * count) + "]}"
    text = f"spec: 1\nname: t\ninput: [8]\nlayers:\n{line}\n"
    once = formatted(source := Source("net.yaml", text), arguments(source))
    assert once is not None
    assert (once == text) == (count == 1)
    assert max(map(len, once.split("\n"))) <= WIDTH
