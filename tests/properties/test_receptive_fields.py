"""Receptive fields of random networks are what a NaN in the input reaches in the built ones."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.compiler.analysis.receptive_field import ReceptiveField, receptive_fields
from speczoo.testing.random_networks import networks

SIDE = 23


def reached(spec: dict[str, Any], shape: Any, paths: list[str]) -> list[list[torch.Tensor]]:
    """For each axis of the input: by layer, place of the input and number of the layer's output, whether the one
    reaches the other.
    """
    model = speczoo.build(spec, input=shape, taps={f"t{i}": path for i, path in enumerate(paths)}, seed=0).eval()
    shapes = list(shape.values()) if isinstance(shape, dict) else [shape]
    found = []
    for axis in (1, 2):
        given = [torch.rand(SIDE, *each) for each in shapes]
        for x in given:
            for place in range(SIDE):
                x[place].select(axis, place).fill_(torch.nan)
        with torch.no_grad():
            made = model(*given)
        found.append([out.isnan() for out in ([made] if isinstance(made, torch.Tensor) else made)])
    return found


def held(field: ReceptiveField, axis: int, visited: torch.Tensor) -> None:
    """Hold one axis of what a layer sees to the numbers that each place of the input reaches."""
    size, stride, offset = (numbers[axis] for numbers in (field.size, field.stride, field.offset))
    if stride == 0:
        there = visited.flatten(1).any(1).nonzero()
        assert (int(there.min()), int(there.max())) == (offset, offset + size - 1)
        return
    for place in range(visited.shape[axis + 2]):
        there = visited.select(axis + 2, place).flatten(1).any(1).nonzero()
        first, last = offset + place * stride, offset + place * stride + size - 1
        assert (int(there.min()), int(there.max())) == (max(0, first), min(SIDE - 1, last))


@given(networks())
def test_of_any_network(spec: dict[str, Any]) -> None:
    sizes = [[each["shape"][0], SIDE, SIDE] for each in spec.get("inputs", [])]
    shape = dict(zip(["left", "right"], sizes, strict=True)) if sizes else [spec["input"][0], SIDE, SIDE]
    graph = speczoo.graph(spec, input=shape)
    found = dict(zip((row.path for row in graph.rows), receptive_fields(graph), strict=True))
    several = {row.path for row in graph.rows if row.op == "chunk"}  # of which a path names no value
    paths = [row.path for row in graph.rows if row.op != "Parameter" and row.path not in several]
    for axis, layers in enumerate(reached(spec, shape, paths)):
        for path, visited in zip(paths, layers, strict=True):
            held(found[path], axis, visited)


FLIPS = st.sampled_from([[2], [3], [2, 3]]).map(lambda dims: {"op": "flip", "dims": dims})


@st.composite
def kernels(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(1, 4))
    return {"op": "Conv2d", "out_channels": 1, "kernel_size": size, "padding": draw(st.integers(0, size - 1))}


@given(st.lists(FLIPS | kernels(), max_size=4), kernels(), st.integers(1, 2), st.lists(FLIPS, max_size=1))
def test_of_axes_that_are_flipped(
    layers: list[dict[str, Any]], last: dict[str, Any], stride: int, end: list[dict[str, Any]]
) -> None:
    layers = [{"id": f"t{i}", **layer} for i, layer in enumerate([*layers, {**last, "stride": stride}, *end])]
    spec = {"spec": 1, "name": "flipped", "input": [1, SIDE, SIDE], "layers": layers}
    fields = receptive_fields(speczoo.graph(spec))
    for axis, visited in enumerate(reached(spec, [1, SIDE, SIDE], [layer["id"] for layer in layers])):
        for field, values in zip(fields, visited, strict=True):
            held(field, axis, values)


def chain(axes: int, steps: list[tuple[int, int, int]]) -> list[dict[str, Any]]:
    return [
        {"op": f"Conv{axes}d", "out_channels": 2, "kernel_size": size, "stride": stride, "padding": padding}
        for size, stride, padding in steps
    ]


STEPS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=3)


@given(st.dictionaries(st.sampled_from([1, 2, 3]), STEPS, min_size=2))
def test_inputs_of_other_ranks_are_noticed_as_they_are_alone(chains: dict[int, list[tuple[int, int, int]]]) -> None:
    """Beside inputs of other ranks each layer sees what it sees in a network of its input alone."""
    inputs, layers, alone = [], [], []
    for axes, steps in chains.items():
        shape = [2, *[SIDE] * axes]
        inputs.append({"id": f"x{axes}", "shape": shape})
        layers.append({"id": f"chain{axes}", "from": f"x{axes}", "layers": chain(axes, steps)})
        alone += receptive_fields(
            speczoo.graph({"spec": 1, "name": "one", "input": shape, "layers": chain(axes, steps)})
        )
    names = [f"chain{axes}" for axes in chains]
    spec = {
        "spec": 1,
        "name": "all",
        "inputs": inputs,
        "layers": layers,
        "outputs": [{"id": n, "from": n} for n in names],
    }
    assert [*receptive_fields(speczoo.graph(spec))] == alone
    assert [len(field.size) for field in alone] == [axes for axes, steps in chains.items() for _ in steps]
