"""The best setting as a variant: every spec of the zoo takes one more, and is else what it was."""

from __future__ import annotations

import json

import pytest

import speczoo
from speczoo import catalogue
from speczoo.exploration.winner import with_variant
from speczoo.specialize import read
from speczoo.specs.loaded_spec import LoadedSpec

FILES = catalogue.files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ["found", ""])
def test_a_variant_more(path: object, name: str) -> None:
    unit = catalogue.own(path)  # type: ignore[arg-type]
    name = name or next(iter(unit.spec.variants), "found")  # of one that is there, in its place
    variant = {"params": dict.fromkeys(list(unit.spec.params)[:1], 7), "expect": {"params": 3}}
    text = with_variant(unit, name, variant)
    wanted = {**unit.document.data, "variants": {**unit.document.data.get("variants", {}), name: variant}}
    assert read(text) == read(json.dumps(wanted))
    if text.startswith("{"):  # others refer to what the one that goes has anchored
        assert name in unit.spec.variants
        assert "&" in unit.document.source.text
        return
    before, after = unit.document.source.text.splitlines(), text.splitlines()
    if not unit.spec.variants:
        assert after[:-3] == before
        return
    at = next(i for i, line in enumerate(after) if line.strip().startswith(f"{name}: {{params: "))
    behind = after[at + 1 :]
    assert after[:at] == before[:at]
    assert behind == before[len(before) - len(behind) :]
    assert len(after) == len(before) + 1 or name in unit.spec.variants


def test_of_a_spec_in_json_and_one_in_flow_style() -> None:
    text = '{"spec": 1, "name": "n", "input": [3], "params": {"w": 3}, "layers": [{"op": "ReLU"}]}'
    made = json.loads(with_variant(_loaded(text), "found", {"params": {"w": 4}}))
    assert made == {**json.loads(text), "variants": {"found": {"params": {"w": 4}}}}
    flow = "spec: 1\nname: n\ninput: [3]\nparams: {w: 3}\nlayers: [{op: ReLU}]\nvariants: {a: {params: {w: 5}}}\n"
    made = with_variant(_loaded(flow), "found", {"params": {"w": 4}})
    assert speczoo.check(made) == ()
    assert set(read(made).variants) == {"a", "found"}  # type: ignore[union-attr]


def _loaded(text: str) -> LoadedSpec:
    from speczoo.specs.diagnostics import Report

    found = catalogue.find(text, Report())
    assert found is not None
    return found[0]
