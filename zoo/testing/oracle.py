"""Torch as the oracle of one layer: its `Call` made and applied for real, on the CPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

from speczoo.compiler.layer import Call, Layer, Shape, Value
from speczoo.testing.cases import NUMBER, Case

BATCH = 2


class TorchRefused(Exception):
    """Torch cannot run the case, or its output has lost the batch or an axis."""


class TorchResult(NamedTuple):
    """What torch makes of a case: `state` and `parameters` are those of the module before it ran."""

    given: list[Any]
    outputs: list[Tensor]
    state: dict[str, Shape]
    parameters: set[str]
    macs: float
    changed: set[int]  # inputs that were written over
    module: nn.Module | None  # what was made, if it is a module

    @property
    def aliases(self) -> bool:
        """Whether an output lives in an input's memory."""
        memory = {x.untyped_storage().data_ptr() for x in self.given if isinstance(x, Tensor)}
        return any(out.untyped_storage().data_ptr() in memory for out in self.outputs)


def tensor(layer: Layer, value: Value, most: int, batch: int = BATCH) -> Any:
    """Return random values of the value's shape behind a batch axis, whole ones below `most`; without both a number,
    where the op takes numbers.
    """
    if not value.batched and not value.shape and layer.numbers:
        return NUMBER
    shape = (batch, *value.shape) if value.batched else value.shape
    if value.is_float:
        return torch.randn(shape)
    return torch.rand(shape) < 0.5 if value.dtype == "bool" else torch.randint(most, shape)


def tensors(layer: Layer, case: Case, batch: int = BATCH) -> list[Any]:
    """Return what flows in; whole numbers are indices into every table that the layer has."""
    most = 2
    if any(value.dtype == "int64" and (value.batched or value.shape) for value in case.inputs):
        shapes = layer.weights(*(value.shape for value in case.inputs)).values()
        most = min((shape[0] for shape in shapes if shape), default=most)
    return [tensor(layer, value, most, batch) for value in case.inputs]


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


def names(support: tuple[str, ...], target: str | None = None) -> dict[str, Any]:
    """Return what a constructor or an expression reads, as at the top of an emitted text."""
    known: dict[str, Any] = {"torch": torch, "Tensor": Tensor, "nn": nn, "F": F}
    for text in support:
        exec(text, known)
    package = (target or "").partition(".")[0]
    if "." in (target or "") and package not in known:
        import_module(str(target).rpartition(".")[0])
        known[package] = import_module(package)
    return known


def prepared(call: Call, given: Sequence[Any], *, training: bool = True) -> tuple[dict[str, Any], str]:
    """Return the expression that applies a layer to values, and what it reads: these, `x0` first, and `module`."""
    arriving = [f"x{i}" for i in range(len(given))]
    scope = names(call.support, call.target) | dict(zip(arriving, given, strict=True))
    if call.before is not None:
        exec(call.before.format(**{name: repr(value) for name, value in call.args.items()}), scope)
    scope["module"] = module = eval(printed(call), scope) if call.target else None
    if call.wrap is not None:
        scope["module"] = module = eval(f"{call.wrap}(module)", scope | {"parametrizations": parametrizations})
    scope["self"] = nn.Module().train(training)  # in whose forward the expression stands
    if isinstance(module, nn.Module):
        module.train(training)
    words = {name: repr(value) for name, value in call.args.items()}
    return scope, call.apply.format(*arriving, self="module", inputs=", ".join(arriving), **words)


def evaluated(scope: dict[str, Any], expression: str) -> list[Any]:
    """Return what an expression of `prepared` gives, one output or several."""
    made = eval(expression, scope)
    return list(made) if isinstance(made, tuple | list) else [made]


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Draw from a seed, on the CPU, and leave torch's generator as it was."""
    generator = torch.default_generator  # torch.manual_seed asks every other device, too, which takes its time
    before = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Compute attention and recurrent layers as products that the flop counter sees, without warnings."""
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def run(layer: Layer, case: Case, *, training: bool = True, batch: int = BATCH) -> TorchResult:
    """Return what torch makes of a case. Raises TorchRefused."""
    call = layer.call(*case.inputs)
    stated = {name: case.arguments[name] for name in layer.derives if case.arguments.get(name) is not None}
    call = replace(call, args=call.args | stated)
    given = tensors(layer, case, batch)
    before = [x.clone() if isinstance(x, Tensor) else x for x in given]
    with quiet():
        try:
            scope, expression = prepared(call, given, training=training)
            module = scope["module"]
            state = _state(module)
            parameters = {k for k, _ in module.named_parameters()} if isinstance(module, nn.Module) else set()
            with FlopCounterMode(display=False) as counter:
                outputs = evaluated(scope, expression)
        except Exception as error:  # whatever torch and a custom layer's module raise
            raise TorchRefused(f"{type(error).__name__}: {error}") from error
    if not all(isinstance(out, Tensor) for out in outputs):
        raise TorchRefused(f"what comes out is no tensor: {outputs}")
    if _batched(layer, case) and any(out.dim() == 0 or out.shape[0] != batch for out in outputs):
        raise TorchRefused("the batch is gone")
    if any(0 in out.shape for out in outputs):
        raise TorchRefused("an axis is empty")
    if call.parameter:
        saved = {"": tuple(module.shape)} if getattr(module, "persistent", True) else {}
        return TorchResult(given, outputs, saved, {""} if isinstance(module, nn.Parameter) else set(), 0, set(), None)
    changed = {i for i, x in enumerate(given) if isinstance(x, Tensor) and not torch.equal(x, before[i])}
    return TorchResult(given, outputs, state, parameters, counter.get_total_flops() / 2 / batch, changed, module)


def _batched(layer: Layer, case: Case) -> bool:
    """Return whether what comes out has a batch axis; of a case that is refused, whether anything that flows in has."""
    try:
        return any(value.batched for value in layer.apply(*case.inputs))
    except Exception:  # whatever arguments that are wrong lead to
        return any(value.batched for value in case.inputs)


def _state(module: Any) -> dict[str, Shape]:
    if not isinstance(module, nn.Module):
        return {}
    return {k: () if is_lazy(v) else tuple(v.shape) for k, v in module.state_dict().items()}
