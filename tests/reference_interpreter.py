"""A graph applied entry by entry, each layer made and applied by its own `call`: what the code that is written for
whole networks, with its classes, arguments, loops and names, is held to."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import torch
from torch import nn

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.emit import module
from speczoo.compiler.graph import Graph
from speczoo.compiler.init_rules import rules
from speczoo.compiler.layer import Call, Layer
from speczoo.testing.oracle import names, printed

#: What a layer gives: of its node, the name and the owner of its module, and what arrives.
Apply: TypeAlias = Callable[[Node, str, nn.Module, list[Any]], list[Any]]

#: A float may be given as an integer: 2.0 and 2 are the same to a module.
_WHOLE = re.compile(r"(?<=\d)\.0(?!\d)")


def holds(graph: Graph, *, device: str | None = None) -> nn.Module:
    """Builds the network and asserts of it what the graph says of every module and parameter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = module.build(graph, device=device)
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == graph.state
    made_alone(graph.root, model)
    trains = {key: parameter.requires_grad for key, parameter in model.named_parameters()}
    assert trains == {key: not graph.is_frozen(key) for key in trains}
    if device is None:
        _starts(graph, model)
    return model


def made_alone(composite: Composite, owner: nn.Module) -> None:
    """Every module is the one that its entry alone makes, and has the numbers that its entry says."""
    for node in composite.nodes:
        if node.shared is not None or node.body is None:
            continue
        if isinstance(node.body, Composite):
            made_alone(node.body, owner.get_submodule(node.name))
            continue
        call = node.body.call(*node.arrived)
        if _is_module(call, owner, node.name):
            found, alone = owner.get_submodule(node.name), _alone(printed(call), call.support)
            assert _WHOLE.sub("", repr(found)) == _WHOLE.sub("", alone), node.name
            for name, stated in node.body:
                actual = getattr(found, name, stated)
                if (
                    stated is not None
                    and isinstance(actual, (int, float, bool))
                    and not isinstance(stated, (list, tuple))
                ):
                    assert actual == stated, (node.op, name)


def _starts(graph: Graph, model: nn.Module) -> None:
    """A parameter starts as the last rule that speaks of it says, where that is a constant; no other weight does."""
    parameters = dict(model.named_parameters())
    spoken = [(rule, name, made) for rule in rules(graph) for name, made in rule.initialisers]
    constants = {dict(made.arguments)["val"] for _, _, made in spoken if made.name == "constant"}
    for path, node, _ in graph.walk():
        for name in node.weights:
            parameter = parameters[f"{path}.{name}" if name else path]
            stated = [made for rule, named, made in spoken if named == name and rule.meets(path, node.op)]
            if stated and stated[-1].name == "constant":
                assert bool((parameter == dict(stated[-1].arguments)["val"]).all()), path
            elif not stated and name.endswith("weight") and "Norm" not in node.op and parameter.dim() > 1:
                assert not any(bool((parameter == value).all()) for value in constants), path


def applied(composite: Composite, owner: nn.Module, given: Sequence[Any], layer: Apply) -> list[Any]:
    """What the list's outputs are, training or not as its modules are; `layer` applies one layer."""
    values: list[list[Any]] = []

    def value(source: Any) -> Any:
        if not isinstance(source, Edge):
            return source
        return given[source.port] if source.node < 0 else values[source.node][source.port]

    for index, node in enumerate(composite.nodes):
        if index not in composite.wiring.needed:
            values.append([None] * len(node.outputs))
            continue
        arriving = [value(source) for source in node.inputs]
        name = (node if node.shared is None else composite.nodes[node.shared]).name
        if node.body is None:
            values.append(arriving[:1])
        elif isinstance(node.body, Composite):
            values.append(applied(node.body, owner.get_submodule(name), arriving, layer))
        else:
            values.append(layer(node, name, owner, arriving))
    return [value(port.edge) for port in composite.outputs]


def child(owner: nn.Module, name: str) -> nn.Module | None:
    """The module that an entry has by its name; None where it has none."""
    found: nn.Module | None = owner
    for part in name.split("."):
        found = dict(found.named_children()).get(part) if found is not None else None
    return found


def by_call(node: Node, name: str, owner: nn.Module, x: list[Any]) -> list[Any]:
    """What a layer's own call gives."""
    assert isinstance(node.body, Layer)
    call = node.body.call(*node.arrived)
    if call.parameter:
        return [owner.get_parameter(name)]
    values = {f"x{i}": value for i, value in enumerate(x)}
    arguments = {key: repr(stated) for key, stated in call.args.items()}
    template = call.inline or call.apply
    if _is_module(call, owner, name):
        template, arguments["self"] = call.apply, "self"
    text = template.format(*values, inputs=", ".join(values), **arguments)
    out = eval(text, {**_names(call.support), **values, "self": child(owner, name) or owner})
    return list(out) if isinstance(out, (tuple, list)) else [out]


def _is_module(call: Call, owner: nn.Module, name: str) -> bool:
    """Whether a module stands for the layer: a function has none, nor what a written-out forward says inline."""
    there = child(owner, name) is not None
    return call.target is not None and not call.parameter and (there or call.inline is None)


@lru_cache(maxsize=4_096)
def _alone(text: str, support: tuple[str, ...]) -> str:
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return repr(eval(text, _names(support)))


_names = lru_cache(maxsize=64)(names)
