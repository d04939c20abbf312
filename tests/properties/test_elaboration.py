"""What elaboration finds once and uses again changes nothing: the network, what is reported of it, nor what it is
charged for. Held against an elaboration that finds everything anew, step by step."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo import catalogue
from speczoo.checking import check_into, check_unit
from speczoo.compiler import application, wiring
from speczoo.compiler.checks import aliasing, inplace
from speczoo.compiler.compile import compile
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.elaborate import Context, Shared, block, elaborator, entry, layer
from speczoo.compiler.elaborate.values import Values
from speczoo.compiler.graph import Graph
from speczoo.compiler.parameters import bind
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.expression import METER, evaluate
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.source import Source
from tests.fuzz.mutations import mutated, seeds, small_seeds, text
from tests.properties.test_mutations import MANY, SMALL

FAMILIES = ["cifar_shortcuts", "densenet", "googlenet", "mobilenet_v3", "resnet", "swin_v2", "unet_resnet34"]


class Forgetful(dict[Any, Any]):
    """Holds nothing that is put into it."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


@contextmanager
def everything_anew() -> Iterator[None]:
    """No list, layer or expression is told from another that was met before, no entry goes straight, and who reads what
    is written over is asked of the memories.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "INTERNED", Forgetful())
        patch.setattr(application, "INTERNED", Forgetful())
        patch.setattr(layer, "INTERNED", Forgetful())
        patch.setattr(entry, "straight_node", lambda *_: None)
        patch.setattr(elaborator, "fill_straight", lambda *_: 0)
        patch.setattr(aliasing, "writers_alone_read", lambda _: False)
        patch.setattr(inplace, "writers_alone_read", lambda _: False)
        patch.setattr(Values, "of", lambda self, value, scope: evaluate(value, scope))
        patch.setattr(
            block,
            "_bound",
            lambda ctx, op, declared, given, _: (
                *bind(declared.params, given, ctx.settings.params, op, ctx.wrong_params(op, given)),
                0,
            ),
        )
        yield


def elaborated(unit: LoadedSpec, limits: Limits, shared: Shared) -> tuple[list[Any], list[Diagnostic], int, int]:
    """The networks of a text, as data; what is reported of it; and what was charged for: layers, and work."""
    report, before = Report(), METER.spent
    graphs = [
        compile(unit, report, variant=variant, lookup=catalogue.lookup, limits=limits, shared=shared)
        for variant in list(unit.spec.variants)[:4] or [None]
    ]
    return [as_data(graph) for graph in graphs], report.diagnostics, shared.entries, METER.spent - before


def as_data(graph: Graph | None, *, scopes: bool = True) -> Any:
    known: dict[int, Any] = {}

    def read(scope: Mapping[str, Any]) -> dict[str, Any]:
        return dict(scope) if scopes else {}

    def of_list(composite: Composite) -> Any:
        if id(composite) not in known:
            ports = (composite.kind, composite.name, composite.loc, composite.inputs, composite.outputs)
            names = (dict(composite.arguments), read(composite.scope))
            known[id(composite)] = (*ports, *names, [of_node(node) for node in composite.nodes])
        return known[id(composite)]

    def of_node(node: Node) -> Any:
        found = {field.name: getattr(node, field.name) for field in fields(Node)}
        body = of_list(node.body) if isinstance(node.body, Composite) else node.body
        derived = (node.params, node.macs, node.weights, node.buffers)
        return {**found, "body": body, "written": dict(node.written), "scope": read(node.scope)}, derived

    return of_list(graph.root) if graph is not None else None


def loaded(source: str) -> LoadedSpec | None:
    report = Report()
    document = parse(Source.of(source, "net.yaml"), report)
    spec = load(document, report) if document is not None else None
    return LoadedSpec(spec, document) if document is not None and spec is not None else None


def same_either_way(source: str, limits: Limits = DEFAULT) -> None:
    if (unit := loaded(source)) is None:
        return
    elaborated(unit, limits, Shared())  # reading an expression is charged for once, whoever reads it
    forgetful = {name: Forgetful() for name in ("chosen", "applied", "computed", "again", "prepared")}
    anew = Shared(**forgetful)
    with everything_anew():
        wanted = elaborated(unit, limits, anew)
    assert elaborated(unit, limits, Shared()) == wanted


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_the_zoo(family: str) -> None:
    same_either_way((catalogue.NETWORKS / f"{family}.yaml").read_text(encoding="utf-8"))


def test_entries_of_one_id_of_which_one_is_left_out() -> None:
    """A block that is met in both ways, each of them twice on sizes of its own."""
    same_either_way(
        """
spec: 1
name: either
input: [3, 16, 16]
blocks:
  Either:
    params: {first: bool}
    layers:
      - {id: same, op: Conv2d, out_channels: 4, kernel_size: 1, when: $first}
      - {id: same, op: MaxPool2d, kernel_size: 2, when: $(not first)}
layers:
  - {for: {first: [true, false, true, false, true]}, op: Either, first: $first}
"""
    )


MOMENTA = st.sampled_from([None, 0.1, 0.5])


@given(
    st.lists(st.sampled_from(["a", "b", "a.b", "a.c", "b.a", "a.b.c"]), min_size=2, max_size=6),
    st.fixed_dictionaries({}, optional={"momentum": MOMENTA}),
    st.fixed_dictionaries({}, optional={"momentum": MOMENTA}),
)
def test_later_turns_of_a_loop(ids: list[str], defaults: dict[str, Any], own: dict[str, Any]) -> None:
    """Its entries may be containers of one another, and null takes a default of the spec back."""
    entry = {"for": {"n": ids}, "id": "$n", "op": "BatchNorm2d", "eps": "$(len(n) / 8)", **own}
    spec = {"spec": 1, "name": "turns", "input": [3, 8, 8], "defaults": {"BatchNorm2d": defaults}, "layers": [entry]}
    same_either_way(json.dumps(spec))


@MANY
@given(st.sampled_from(sorted(seeds())), st.integers(0, 2**32), st.integers(1, 4))
def test_a_changed_spec(name: str, seed: int, times: int) -> None:
    source = random.Random(seed)
    same_either_way(text(mutated(seeds()[name], source, times), source))


@SMALL
@given(st.integers(0, 2**32), st.integers(0, 4), st.integers(1, 60), st.integers(1, 60))
def test_a_changed_small_spec_and_its_limits(seed: int, times: int, nodes: int, entries: int) -> None:
    source = random.Random(seed)
    data = source.choice(small_seeds())
    changed = text(mutated(data, source, times), source) if times else text(data, source)
    same_either_way(changed)
    same_either_way(changed, Limits(nodes=nodes, entries=entries, file_entries=2 * entries))


def checked(unit: LoadedSpec) -> tuple[list[Any], list[Diagnostic]]:
    """The networks of a text, as data without the names that their lists could read; and what is reported of it."""
    report, shared = Report(), Shared()
    graphs = [
        compile(unit, report, variant=variant, lookup=catalogue.lookup, shared=shared)
        for variant in list(unit.spec.variants)[:4] or [None]
    ]
    return [as_data(graph, scopes=False) for graph in graphs], report.diagnostics


def each_variant(unit: LoadedSpec, shared: Callable[[], Shared]) -> list[Any]:
    """The networks of all variants as data, without the names that their lists could read."""
    found = [
        compile(unit, Report(), variant=variant, lookup=catalogue.lookup, shared=shared())
        for variant in [None, *unit.spec.variants][:14]
    ]
    return [as_data(graph, scopes=False) for graph in found]


def same_alone(source: str) -> None:
    if (unit := loaded(source)) is not None:
        together = Shared()
        assert each_variant(unit, lambda: together) == each_variant(unit, Shared)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_variant_is_alone_what_it_is_beside_the_others(family: str) -> None:
    same_alone((catalogue.NETWORKS / f"{family}.yaml").read_text(encoding="utf-8"))


@MANY
@given(st.sampled_from(sorted(seeds())), st.integers(0, 2**32), st.integers(0, 2))
def test_a_changed_variant_is_alone_what_it_is_beside_the_others(name: str, seed: int, times: int) -> None:
    source = random.Random(seed)
    same_alone(text(mutated(seeds()[name], source, times), source))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_defaults_that_read_the_network_are_those_of_each_variant(widths: list[int]) -> None:
    variants = "\n".join(f"  v{i}: {{params: {{width: {width}}}}}" for i, width in enumerate(widths))
    same_alone(
        f"""
spec: 1
name: wide
input: [3, 8, 8]
params: {{width: 4}}
blocks:
  Wide: {{params: {{channels: {{type: int, default: $(2 * width)}}}}, layers: [
    {{op: Conv2d, out_channels: $channels, kernel_size: 1}}]}}
layers: [{{op: Wide}}]
variants:
{variants}
"""
    )


@MANY
@given(st.sampled_from(sorted(seeds())), st.integers(0, 2**32), st.integers(0, 2))
def test_a_list_is_one_for_equal_values_of_what_it_reads(name: str, seed: int, times: int) -> None:
    source = random.Random(seed)
    unit = loaded(text(mutated(seeds()[name], source, times), source))
    if unit is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "outer", lambda *_: object())  # of which the keys of blocks and groups are made
        wanted = checked(unit)
    assert checked(unit) == wanted


@pytest.mark.parametrize("inner", ["op: Conv2d, out_channels: $channels", "op: Inner", "op: $kind"])
def test_a_block_reads_what_stands_around_it(inner: str) -> None:
    """By itself, in a block that it holds, and in one that only its parameters name."""
    source = f"""
spec: 1
name: reads
input: [3, 8, 8]
params: {{channels: 4, kind: op, size: 1}}
defaults: {{Conv2d: {{kernel_size: $size, padding: $(size // 2)}}}}
blocks:
  Inner: {{layers: [{{op: Conv2d, out_channels: $(2 * channels)}}]}}
  Outer: {{layers: [{{{inner}}}]}}
layers: [{{op: Outer}}, {{op: Outer}}]
variants:
  a: {{params: {{kind: Inner}}}}
  b: {{params: {{kind: Inner, channels: 5}}}}
  c: {{params: {{kind: Inner, channels: 5, size: 3}}}}
"""
    unit = loaded(source)
    assert unit is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "outer", lambda *_: object())
        wanted = checked(unit)
    assert None not in wanted[0]
    assert checked(unit) == wanted


WRONG = {
    "A": {"layers": [{"op": "Relu"}]},
    "B": {"layers": [{"op": "Conv2d", "kernel_size": 3}]},
    "C": {"layers": [{"op": "Linear", "out_features": "$missing"}]},
}


@given(st.lists(st.sampled_from([*WRONG]), min_size=1, max_size=4), st.booleans())
def test_a_wrong_block_is_reported_once_whichever_variants_use_it(used: list[str], whole: bool) -> None:
    variants = {f"v{i}": {"params": {"block": name}} for i, name in enumerate(used)}
    params = {"block": {"type": "op", "default": used[0]}}
    layers = [{"op": "$block"}]
    data = {"spec": 1, "name": "net", "input": [3, 8, 8], "params": params, "blocks": WRONG, "layers": layers}
    unit = loaded(json.dumps(data | {"variants": variants}))
    assert unit is not None
    report = Report()
    check_unit(report, unit, None if whole else "v0")
    found = sorted((d.code, d.span.line, d.span.column) for d in report.errors if d.span is not None)
    assert [code for code, *_ in sorted(found)] == ["missing-argument", "unknown-op", "unknown-param"]
    by_itself = {d.path[:1] for d in report.errors} & {*WRONG}  # what nothing uses has no place in the network
    assert by_itself == {*WRONG} - {*(used if whole else used[:1])}


@pytest.mark.parametrize("variants", [{}, {"a": {}, "b": {}}])
def test_a_block_that_nothing_uses_answers_for_the_specs_in_it(tmp_path: Path, variants: dict[str, Any]) -> None:
    """What a spec in use is not wrong about alone is reported where the block uses it."""
    inner = {"params": {"width": 8}, "layers": [{"op": "Linear", "out_features": "$(8 // width)"}]}
    outer = {"use": {"Inner": "./inner.json"}, "blocks": {"B": {"layers": [{"op": "Inner", "width": 0}]}}}
    outer |= {"layers": [{"op": "ReLU"}]} | ({"variants": variants} if variants else {})
    for name, data in (("inner", inner), ("outer", outer)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"spec": 1, "name": name, "input": [4]} | data))
    report = Report()
    check_into(report, str(tmp_path / "outer.json"))
    assert [(d.code, Path(d.file).name, d.path) for d in report] == [("bad-expression", "outer.json", "B.0.0")]
