"""Torch as the oracle: a `Call` made and applied for real, on the CPU, in training mode, with a batch of 2."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from speczoo.compiler.layer import Call, Layer, Shape, Value
from speczoo.testing.cases import NUMBER, Case

BATCH = 2


class Result(NamedTuple):
    outputs: list[torch.Tensor]
    state: dict[str, Shape]
    parameters: set[str]
    macs: float
    aliases: bool  # whether an output lives in an input's memory
    module: nn.Module | None  # what was made, if it is a module


class Refused(Exception):
    """Torch cannot run the case, or its output has lost the batch or an axis."""


def tensor(value: Value, case: Case) -> Any:
    """Random values of the value's shape behind a batch axis; without both a number, where the op takes numbers."""
    if not value.batched:
        return NUMBER if not value.shape and Layer.registry[case.op].numbers else torch.randn(value.shape)
    if value.dtype == "int64":
        return torch.randint(case.arguments.get("num_embeddings", 3), (BATCH, *value.shape))
    return torch.randn(BATCH, *value.shape)


def printed(call: Call) -> str:
    """Return the constructor as the emitter prints it: some arguments by place, torch's defaults left out."""
    given = {k: v for k, v in call.args.items() if k not in call.defaults or call.defaults[k] != v}
    places = list(call.args)[: call.positional]
    parts = [repr(v) if k in places else f"{k}={v!r}" for k, v in given.items()]
    return (
        call.construct.format(**{k: repr(v) for k, v in call.args.items()})
        if call.construct
        else f"{call.target}({', '.join(parts)})"
    )


def names(support: tuple[str, ...]) -> dict[str, Any]:
    """Return what a constructor or an expression reads, as at the top of an emitted text."""
    known: dict[str, Any] = {"torch": torch, "Tensor": torch.Tensor, "nn": nn, "F": F}
    for text in support:
        exec(text, known)
    return known


def prepared(call: Call, given: list[Any], *, training: bool = True) -> tuple[dict[str, Any], str]:
    """Return the expression that applies a layer to values, and what it reads: these, `x0` first, and `module`."""
    arriving = [f"x{i}" for i in range(len(given))]
    scope = names(call.support) | dict(zip(arriving, given, strict=True))
    scope["module"] = module = eval(printed(call), scope) if call.target else None
    if isinstance(module, nn.Module):
        module.train(training)
    words = {name: repr(value) for name, value in call.args.items()}
    return scope, call.apply.format(*arriving, self="module", inputs=", ".join(arriving), **words)


def run(layer: Layer, case: Case, *, training: bool = True) -> Result:
    """Return what torch makes of it. Raises Refused."""
    call = layer.call(*case.inputs)
    stated = {name: case.arguments[name] for name in layer.derives if case.arguments.get(name) is not None}
    call = replace(call, args=call.args | stated)
    given = [tensor(value, case) for value in case.inputs]
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")
        try:
            scope, expression = prepared(call, given, training=training)
            with FlopCounterMode(display=False) as counter:
                made = eval(expression, scope)
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
    module = scope["module"]
    outputs = list(made) if isinstance(made, (tuple, list)) else [made]
    if not call.parameter and any(t.dim() == 0 or t.shape[0] != BATCH for t in outputs):
        raise Refused("the batch is gone")
    if any(0 in t.shape for t in outputs):
        raise Refused("an axis is empty")
    if call.parameter:
        return Result(outputs, {"": tuple(module.shape)}, {""}, 0, False, None)
    memory = {x.untyped_storage().data_ptr() for x in given if isinstance(x, torch.Tensor)}
    aliases = any(t.untyped_storage().data_ptr() in memory for t in outputs)
    state = {k: tuple(v.shape) for k, v in module.state_dict().items()} if module is not None else {}
    parameters = {k for k, _ in module.named_parameters()} if module is not None else set()
    return Result(outputs, state, parameters, counter.get_total_flops() / 2 / BATCH, aliases, module)
