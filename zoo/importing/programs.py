"""Files of torch.export as models: what a program calls, in modules of the names that the original had.

Such a file is read by torch itself, which may run pickles in it: it is for files of one's own.
"""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from speczoo.compiler.layer import Shape
from speczoo.importing.rebuilt import RebuiltModule, ResultPlace, rebuilt
from speczoo.importing.recording import leaves

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


@dataclass(frozen=True)
class ProgramSteps:
    """What one call of a module does: its inputs by name, its steps, and what it gives."""

    inputs: Sequence[str]
    lines: Sequence[ProgramLine]
    result: Any


class ProgramModule(nn.Module):
    """A module of a program, with the steps of each of its calls. Subclasses have the originals' names."""

    def __init__(self, calls: dict[str, ProgramSteps]) -> None:
        super().__init__()
        self.calls = calls

    def forward(self, *args: Any, call: str = "") -> Any:
        steps = self.calls[call]
        known = dict(zip(steps.inputs, args, strict=False))

        def value(thing: Any) -> Any:
            if isinstance(thing, ValueName):
                return known[thing.name] if thing.name in known else _of(self, thing.name)
            if isinstance(thing, list | tuple):
                return [*map(value, thing)]
            return thing

        for step in steps.lines:
            function = _of(self, step.function) if isinstance(step.function, str) else step.function
            known[step.name] = function(*map(value, step.args), **{k: value(v) for k, v in step.kwargs.items()})
        return value(steps.result)


def _of(module: nn.Module, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name)
    return found


class LoadedProgram(NamedTuple):
    """The model that a file of torch.export holds; what flows into it, by name, with shapes without the batch and
    kinds; and for how many samples alone it was made, where it was.
    """

    model: nn.Module
    inputs: dict[str, tuple[Shape, str]]
    samples: int | None


def program(path: Path) -> LoadedProgram:
    """Return the model that a file of torch.export holds, and what flows into it. Raises ProgramError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, about itself
            found = torch.export.load(path)
            whole = torch.export.unflatten(found)
    except Exception as error:  # whatever torch finds wrong
        raise ProgramError(f"{path}: {type(error).__name__}: {error}".partition("\n")[0]) from error
    nodes = {node.name: node for node in found.graph.nodes if node.op == "placeholder"}
    inputs, samples = {}, None
    for name in found.graph_signature.user_inputs:
        value = nodes[name].meta.get("val") if isinstance(name, str) else None
        if not isinstance(value, Tensor) or not value.dim():
            raise ProgramError(f"{path}: it takes {name!a}, which is no tensor with a batch")
        samples = value.shape[0] if isinstance(value.shape[0], int) else samples
        inputs[name] = (tuple(int(n) for n in value.shape[1:]), KINDS.get(value.dtype, "float32"))
    made = _part({"": whole})
    _fill(made, {**found.state_dict, **found.constants}, set(found.graph_signature.parameters), {*found.state_dict})
    return LoadedProgram(made.eval(), inputs, samples)


def name_of(file: Path) -> str:
    """Return what a spec of a file is called."""
    plain = re.sub(r"\W", "_", file.stem).strip("_").lower()
    return plain if re.match("[a-z]", plain) else f"program_{plain}".rstrip("_")


def _part(calls: dict[str, Any]) -> nn.Module:
    """Return a module of a program, of which there is a graph for each of its calls, as one that can be copied and
    hooked.
    """
    first = next(iter(calls.values()))
    kind = str(getattr(first, "_ty", "") or "Net").rpartition(".")[2]
    children: dict[str, dict[str, Any]] = {}
    for module in calls.values():
        for target, child in module.named_children():
            if hasattr(child, "graph"):
                name, _, number = target.partition("@")
                children.setdefault(name, {}).setdefault(number, child)
    again = {name: found for name, each in children.items() if (found := _again(each)) is not None}
    steps = {number: _steps(module, again) for number, module in calls.items()}
    made = {name: _part(each) if name not in again else again[name][""].module for name, each in children.items()}
    if kind == "Sequential" and (chained := _chained([*steps.values()], made)) is not None:
        return nn.Sequential(chained)
    part: nn.Module = type(kind, (ProgramModule,), {})(steps)
    for name, child in made.items():
        part.add_module(name, child)
    return part


def _again(calls: dict[str, Any]) -> dict[str, RebuiltModule] | None:
    """Return a module of torch's with each of its calls; None where a program's module is none of these in all."""
    found = {number: rebuilt(module) for number, module in calls.items()}
    known = {number: each for number, each in found.items() if each is not None}
    return known if len(known) == len(found) and "" in known else None


def _chained(calls: Sequence[ProgramSteps], children: dict[str, nn.Module]) -> OrderedDict[str, nn.Module] | None:
    """Return the modules that one value goes through; None where they do something else."""
    for steps in calls:
        before = [*map(ValueName, steps.inputs[:1]), *(ValueName(line.name) for line in steps.lines)]
        through = all(line.args == (last,) for line, last in zip(steps.lines, before, strict=False))
        if not through or [line.function for line in steps.lines] != [*children] or len(steps.inputs) != 1:
            return None
    return OrderedDict(children)


def _steps(module: Any, again: dict[str, dict[str, RebuiltModule]]) -> ProgramSteps:
    """Return what a graph does; `again` are the modules of torch's that it calls."""
    lines: list[ProgramLine] = []
    inputs, result = [], None
    for node in module.graph.nodes:
        if node.op == "placeholder":
            inputs.append(node.name)
        elif node.op == "output":
            result = _plain(node.args[0])
        elif node.op == "call_module" and (name := node.target.partition("@")[0]) in again:
            lines += _torch_call(node, name, again[name][node.target[len(name) + 1 :]], getattr(module, node.target))
        elif node.op == "call_module":
            name, _, number = node.target.partition("@")
            more = {"call": number} if number else {}
            lines.append(ProgramLine(node.name, name, _plain(node.args), _plain(dict(node.kwargs)) | more))
        elif node.op == "call_function":
            lines.append(ProgramLine(node.name, node.target, _plain(node.args), _plain(dict(node.kwargs))))
        elif node.op == "get_attr":
            lines.append(ProgramLine(node.name, _same, (ValueName(str(node.target)),), {}))
    return ProgramSteps(inputs, _needed(lines, result), result)


def _needed(lines: Sequence[ProgramLine], result: Any) -> list[ProgramLine]:
    """Return the lines without those whose value nothing takes, as of weights that a module of torch's has itself."""
    taken = {*_names(result)}
    out: list[ProgramLine] = []
    for line in reversed(lines):
        schema = getattr(line.function, "_schema", None)
        if line.name in taken or isinstance(line.function, str) or (schema is not None and schema.is_mutable):
            out.append(line)
            taken |= {*_names([*line.args, *line.kwargs.values()])}
    return out[::-1]


def _names(thing: Any) -> Iterator[str]:
    """Yield what nested values name."""
    return (each.name for each in leaves(ValueName, thing))


def _torch_call(node: fx.Node, name: str, call: RebuiltModule, program: Any) -> Iterator[ProgramLine]:
    """Yield the steps of a call of a module of torch's, with what its program takes and gives."""
    flowing = [each.name for each in program.graph.nodes if each.op == "placeholder"]
    given: dict[str, Any] = dict(zip(flowing, _plain(node.args), strict=True))

    def here(thing: Any) -> Any:
        return fx.map_arg(thing, lambda each: given.get(each.name, ValueName(f"{node.name}.{each.name}")))

    for size in call.sizes:
        yield ProgramLine(f"{node.name}.{size.name}", size.target, here(size.args), here(dict(size.kwargs)))
    takes = dict(here(call.takes))
    if call.looks_back:
        takes["attn_mask"] = ValueName(f"{node.name}.mask")
        yield ProgramLine(f"{node.name}.mask", _looking_back, (takes["query"], call.module.batch_first), {})
    yield ProgramLine(f"{node.name}.called", name, (), takes)
    yield ProgramLine(node.name, _picked, (ValueName(f"{node.name}.called"), here(call.gives)), {})


def _picked(result: Any, places: Any) -> Any:
    """Return what stands at places of what a module gave."""
    if isinstance(places, list):
        return [_picked(result, each) for each in places]
    return places.of(result) if isinstance(places, ResultPlace) else places


def _looking_back(query: Tensor, first: bool) -> Tensor:
    """Return the mask of tokens each of which looks back alone, with the batch `first` in what asks or second."""
    count = query.shape[1 if first else 0]
    return torch.ones(count, count, dtype=torch.bool).triu(1)


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
            setattr(module, name, nn.Parameter(tensor.detach().clone(), tensor.requires_grad))
        else:
            module.register_buffer(name, tensor.detach().clone(), persistent=key in kept)
