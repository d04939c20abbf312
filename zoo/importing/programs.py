"""Files of torch.export as models: what a program calls, in modules of the names that the original had.

Such a file is read by torch itself, which may run pickles in it: it is for files of one's own.
"""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from speczoo.compiler.layer import Shape

#: Kinds of numbers that flow into networks.
KINDS = {torch.int64: "int64", torch.bool: "bool"}


class ProgramError(Exception):
    """A file holds no program that a spec can be made of: reported in a line."""


@dataclass(frozen=True)
class ValueName:
    """What a step takes: what an earlier one gave, or a weight."""

    name: str


@dataclass(frozen=True)
class ProgramLine:
    """One line of a program: a function, or a module of its own, and what it takes."""

    name: str
    function: Callable[..., Any] | str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class ProgramModule(nn.Module):
    """A module of a program: its inputs by name, its steps, and what it gives. Subclasses have the originals' names."""

    def __init__(self, inputs: Sequence[str], steps: Sequence[ProgramLine], result: Any) -> None:
        super().__init__()
        self.inputs, self.steps, self.result = inputs, steps, result

    def forward(self, *args: Any) -> Any:
        known = dict(zip(self.inputs, args, strict=False))

        def value(thing: Any) -> Any:
            if isinstance(thing, ValueName):
                return known[thing.name] if thing.name in known else _of(self, thing.name)
            if isinstance(thing, list | tuple):
                return [*map(value, thing)]
            return thing

        for step in self.steps:
            function = _of(self, step.function) if isinstance(step.function, str) else step.function
            known[step.name] = function(*map(value, step.args), **{k: value(v) for k, v in step.kwargs.items()})
        return value(self.result)


def _of(module: nn.Module, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name)
    return found


def program(path: Path) -> tuple[nn.Module, dict[str, tuple[Shape, str]]]:
    """Return the model that a file of torch.export holds, and what flows into it: names with shapes, without the batch,
    and kinds. Raises ProgramError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, about itself
            found = torch.export.load(path)
            whole = torch.export.unflatten(found)
    except Exception as error:  # whatever torch finds wrong
        raise ProgramError(f"{path}: {type(error).__name__}: {error}".partition("\n")[0]) from error
    nodes = {node.name: node for node in found.graph.nodes if node.op == "placeholder"}
    inputs = {}
    for name in found.graph_signature.user_inputs:
        value = nodes[name].meta.get("val") if isinstance(name, str) else None
        if not isinstance(value, Tensor) or not value.dim():
            raise ProgramError(f"{path}: it takes {name!a}, which is no tensor with a batch")
        inputs[name] = (tuple(int(n) for n in value.shape[1:]), KINDS.get(value.dtype, "float32"))
    made = _part(whole)
    _fill(made, {**found.state_dict, **found.constants}, set(found.graph_signature.parameters), {*found.state_dict})
    return made.eval(), inputs


def name_of(file: Path) -> str:
    """Return what a spec of a file is called."""
    plain = re.sub(r"\W", "_", file.stem).strip("_").lower()
    return plain if re.match("[a-z]", plain) else f"program_{plain}".rstrip("_")


def _part(module: Any) -> nn.Module:
    """Return a module of a program as one that can be copied and hooked."""
    steps, inputs, result = [], [], None
    for node in module.graph.nodes:
        if node.op == "placeholder":
            inputs.append(node.name)
        elif node.op == "output":
            result = _plain(node.args[0])
        elif node.op in ("call_function", "call_module"):
            steps.append(ProgramLine(node.name, node.target, _plain(node.args), _plain(dict(node.kwargs))))
        elif node.op == "get_attr":
            steps.append(ProgramLine(node.name, _same, (ValueName(str(node.target)),), {}))
    kind = str(getattr(module, "_ty", "") or "Net").rpartition(".")[2]
    children = {name: _part(child) for name, child in module.named_children() if hasattr(child, "graph")}
    chained = all(step.args == (before,) for step, before in zip(steps, _names(inputs, steps), strict=False))
    if kind == "Sequential" and chained and [step.function for step in steps] == [*children] and len(inputs) == 1:
        return nn.Sequential(OrderedDict(children))
    made: nn.Module = type(kind, (ProgramModule,), {})(inputs, steps, result)
    for name, child in children.items():
        made.add_module(name, child)
    return made


def _names(inputs: Sequence[str], steps: Sequence[ProgramLine]) -> list[ValueName]:
    return [*map(ValueName, inputs[:1]), *(ValueName(step.name) for step in steps)]


def _same(value: Any) -> Any:
    return value


def _plain(thing: Any) -> Any:
    if isinstance(thing, fx.Node):
        return ValueName(thing.name)
    if isinstance(thing, list | tuple):
        return tuple(map(_plain, thing))
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    return thing


def _fill(model: nn.Module, tensors: dict[str, Any], learned: set[str], kept: set[str]) -> None:
    """Give modules their weights and constants, under the names that these have."""
    for key, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            continue
        path, _, name = key.rpartition(".")
        module = model
        for each in path.split(".") if path else ():
            if not isinstance(getattr(module, each, None), nn.Module):
                module.add_module(each, nn.Module())
            module = getattr(module, each)
        if key in learned:
            module.register_parameter(name, nn.Parameter(tensor.detach().clone(), tensor.requires_grad))
        else:
            module.register_buffer(name, tensor.detach().clone(), persistent=key in kept)
