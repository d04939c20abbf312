"""Init rules that meet nothing are reported, and none that another choice of parameters gives something to."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo import catalogue
from speczoo.compiler.checks.unmet_rules import could_meet
from speczoo.compiler.init_rules import ComputedInitRule
from speczoo.compiler.path_patterns import matches
from speczoo.specs.diagnostics import Report
from speczoo.testing import networks

#: Families whose variants have layers that others have not.
FAMILIES = ("resnet", "vgg", "densenet", "cifar_resnet")


def family(name: str) -> tuple[Any, list[speczoo.Graph]]:
    """A spec of the zoo, and the graphs of some of its variants."""
    found = catalogue.find(next(path for path in catalogue.files() if path.stem == name), Report())
    assert found is not None
    unit = found[0]
    return unit.spec, [speczoo.graph(variant) for variant in list(unit.spec.variants)[:4]]


@pytest.mark.parametrize("name", FAMILIES)
@given(st.data())
def test_what_another_variant_has_may_be_met(name: str, data: st.DataObject) -> None:
    spec, graphs = KNOWN.setdefault(name, family(name))
    one, other = data.draw(st.sampled_from(graphs)), data.draw(st.sampled_from(graphs))
    paths, there = [path for path, _, _ in one.walk()], {path for path, _, _ in other.walk()}
    parts = data.draw(st.sampled_from(paths)).split(".")
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(parts) - 1))
        parts[at] = data.draw(st.sampled_from(["*", "**", f"{parts[at][:1]}*"]))
    pattern = ".".join(parts)
    assert any(matches(pattern, path) for path in there) or could_meet(spec, ComputedInitRule(pattern, False, ()))


KNOWN: dict[str, Any] = {}


def warned(spec: dict[str, Any]) -> list[str]:
    return [found.code for found in speczoo.check(spec) if found.code == "unused-rule"]


@given(networks(), st.data())
def test_a_rule_that_meets_a_layer_is_used(spec: dict[str, Any], data: st.DataObject) -> None:
    made = copy.deepcopy(spec)
    weighted = [(path, node) for path, node, _ in speczoo.graph(spec).walk() if any(node.weights)]
    if not weighted:
        return
    path, node = data.draw(st.sampled_from(weighted))
    name = next(iter(node.weights))
    before = warned(made)
    made["init"] = [*made.get("init", []), {"match": path, name: 0}, {"match": node.op, name: 0}]
    assert warned(made) == before
    made["init"] += [{"match": f"{path}.nowhere", name: 0}, {"match": f"nowhere.{path}", name: 0}]
    assert len(warned(made)) == len(before) + 2
