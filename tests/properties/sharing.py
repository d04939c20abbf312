"""The oracle of sharing: modules that are applied again by hand, as a spec that shares them must."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from hypothesis import HealthCheck, note, settings
from torch import Tensor, nn

import speczoo
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer, Value
from speczoo.specs.errors import SpecError

Data = dict[str, Any]
Entries = list[Data]
EACH = settings(max_examples=max(2, settings().max_examples // 10), suppress_health_check=list(HealthCheck))


class Form(NamedTuple):
    """A list that takes several inputs, as a block has it."""

    inputs: tuple[str, ...]
    layers: Entries
    blocks: Data = {}


#: Functions whose text counts the axes of what they take.
WRITTEN_FOR_AXES = {"select", "subsample", "crop", "pad_channels"}


def network(form: Form, *uses: Sequence[Value]) -> Data:
    """The form as a block, made for the first of these inputs and shared onto each of the others."""
    inputs, layers = [], []
    for k, values in enumerate(uses):
        names = []
        for i, value in enumerate(values):
            names.append(f"in{k}_{i}")
            if value.batched:
                inputs.append({"id": names[-1], "shape": list(value.shape), "dtype": value.dtype})
            else:
                layers.append({"id": names[-1], "op": "Parameter", "shape": list(value.shape)})
        layers.append({"id": f"use{k}", "from": names, **({"share": "use0"} if k else {"op": "Form"})})
    blocks = {**form.blocks, "Form": {"inputs": list(form.inputs), "layers": form.layers}}
    return {"spec": 1, "name": "net", "inputs": inputs, "blocks": blocks, "layers": layers}


def numbered(composite: Composite) -> Entries:
    """A list as it came out, in entries that compute nothing: every argument a number, what was derived too."""
    names = [f"n{i}" for i in range(len(composite.nodes))]

    def name(source: Any) -> Any:
        if not isinstance(source, Edge):
            return source
        if source.node < 0:
            return composite.inputs[source.port][0]
        node = composite.nodes[source.node]
        return f"{names[source.node]}.{source.port}" if len(node.outputs) > 1 else names[source.node]

    out: Entries = []
    for i, node in enumerate(composite.nodes):
        entry: Data = {"id": names[i]}
        taken = [name(source) for source in node.inputs]
        if node.shared is not None:
            entry["share"] = names[node.shared]
        elif isinstance(node.body, Composite):
            entry["layers"] = numbered(node.body)
        elif node.body is None:
            entry["op"] = "Identity"
        else:
            entry |= stated(node, node.body)
            for reference in reversed(node.body.referred(len(taken))):
                entry[reference] = taken.pop()
        if taken:
            entry["from"] = taken if len(taken) > 1 else taken[0]
        out.append(entry)
    return out or [{"op": "Identity"}]


def stated(node: Node, body: Layer) -> Data:
    """A layer's arguments as numbers: what torch is called with, for those that the layer has."""
    call = {} if node.op == "Parameter" else body.call(*node.arrived).args
    found = {key: call.get(key, value) for key, value in body}
    return {"op": node.op, **{key: value for key, value in found.items() if value != default(body, key)}}


def default(body: Layer, key: str) -> Any:
    field = type(body).model_fields[key]
    return object() if field.is_required() else field.default


def made_for(form: Form, values: Sequence[Value]) -> tuple[Composite, nn.Module] | None:
    """The list and the module of the form alone, made for these; None where it is refused."""
    spec = network(form, values)
    try:
        graph, model = speczoo.graph(spec), speczoo.build(spec, seed=1).eval()
    except SpecError as error:
        note(f"alone it is refused: {error}")
        return None
    node = next(node for node in graph.root.nodes if node.name == "use0")
    assert isinstance(node.body, Composite)
    return node.body, model.get_submodule("use0")


def drawn(values: Sequence[Value]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(len(values))
    out = []
    for value in values:
        lead = (2,) if value.batched else ()
        made = torch.rand((*lead, *value.shape), generator=generator)
        out.append(made if value.dtype == "float32" else torch.zeros_like(made, dtype=getattr(torch, value.dtype)))
    return out


def given_out(module: nn.Module, x: Sequence[Tensor]) -> list[Tensor] | None:
    """What torch gives; None where it refuses, or where a batch or an axis is gone."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = module(*(value.clone() for value in x))
    except Exception as error:  # whatever torch and the emitted code raise
        note(f"torch refuses: {error}")
        return None
    return [out] if isinstance(out, Tensor) else list(out)


def same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) == len(b) and all(
        x.shape == y.shape and torch.allclose(x.double(), y.double(), equal_nan=True) for x, y in zip(a, b, strict=True)
    )


def computed(form: Form, first: Sequence[Value], second: Sequence[Value]) -> tuple[nn.Module, list[Tensor]] | None:
    """The module that the form makes for the first, and what it computes for the second; None where that is not what
    its entries mean there."""
    made = made_for(form, first)
    if made is None:
        return None
    composite, module = made
    found = given_out(module, drawn(second))
    if found is None:
        return None
    written = made_for(Form(tuple(name for name, _ in composite.inputs), numbered(composite)), second)
    if written is None:
        return None
    alike = written[1]
    weights = list(module.state_dict().values())
    if [w.shape for w in weights] != [w.shape for w in alike.state_dict().values()]:
        return None
    alike.load_state_dict(dict(zip(alike.state_dict(), weights, strict=True)))
    intended = given_out(alike, drawn(second))
    return (module, found) if intended is not None and same(found, intended) else None


def happens_to_fit(form: Form, first: Sequence[Value], second: Sequence[Value]) -> bool:
    """Whether what is written for a number of axes comes out the same for another, as padding by nothing does."""
    ranks = [[len(value.shape) for value in values] for values in (first, second)]
    return ranks[0] != ranks[1] and not WRITTEN_FOR_AXES.isdisjoint(
        re.findall(r'"op": "(\w+)"', json.dumps(form.layers))
    )


def agrees(form: Form, first: Sequence[Value], second: Sequence[Value]) -> bool:
    """Sharing is accepted where it is right, and then computes that. Returns whether it was."""
    right = computed(form, first, second)
    spec = network(form, first, second)
    note(json.dumps(spec))
    try:
        graph = speczoo.graph(spec)
    except SpecError as error:
        note(str(error))
        assert right is None or happens_to_fit(form, first, second), "refused, and the module does it"
        return False
    assert right is not None, "accepted, and another module would be needed"
    module, found = right
    model = speczoo.build(spec).eval()
    model.get_submodule("use0").load_state_dict(module.state_dict())
    out = as_predicted(graph, model, first, second)
    assert not all(value.batched for value in second) or same(out, found)
    return True


def as_predicted(graph: Graph, model: nn.Module, first: Sequence[Value], second: Sequence[Value]) -> list[Tensor]:
    """What the network gives, which has the keys and the shapes that the graph says."""
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == graph.state
    flowing = zip((*first, *second), (*drawn(first), *drawn(second)), strict=True)
    out = given_out(model, [x for value, x in flowing if value.batched])
    assert out is not None
    predicted = [(*(2,) * value.batched, *value.shape) for value in graph.root.values if value is not None]
    assert [tuple(x.shape) for x in out] == predicted
    return out
