"""Layers whose weights something else takes, too: these become Parameters, and the layers functions of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from speczoo.importing.leaves import op_of
from speczoo.importing.norms import norm_of
from speczoo.importing.recording import RecordedCall, RecordedFrame, RunValue, values

#: Arguments of layers that functions have not, where they are others than usual.
ALONE = ("padding_mode", "padding_idx", "max_norm", "scale_grad_by_freq", "sparse")


@dataclass(frozen=True)
class TakenApart:
    """The layers whose weights something else takes, by their paths. Of those in `starts`, which says how each
    parameter begins, there is a function; of those in `kept` there is none, for the reason that stands there. `known`
    are the parameters that functions take, by the identities of their tensors.
    """

    starts: Mapping[str, Mapping[str, Any]]
    kept: Mapping[str, str]
    known: dict[int, RunValue]

    def start(self, key: str) -> Any:
        """Return how a parameter of such a layer begins; None for another one."""
        path, _, name = key.rpartition(".")
        return self.starts.get(path, {}).get(name)

    def weights(self, call: RecordedCall) -> dict[str, RunValue]:
        """Return the weights of the module that a call is of, by their names there."""
        assert call.module is not None
        return {
            name: self.known.setdefault(id(tensor), RunValue(tensor, f"{call.path}.{name}", True))
            for name, tensor in call.module.named_parameters(recurse=False)
        }


def find(
    root: RecordedFrame, layers: Collection[str], learned: Collection[str], functions: Collection[str]
) -> TakenApart:
    """Return what of a run's modules is taken apart: `layers` are the paths of those that layers stand for, `learned`
    names functions that are a layer beside its own weights, `functions` the ops of which there is a function.
    """
    starts: dict[str, Mapping[str, Any]] = {}
    kept: dict[str, str] = {}
    known: dict[int, RunValue] = {}
    readers: dict[str, set[tuple[str, int]]] = {}
    own = Counter[str]()
    for frame, number, call, value in _reads(root):
        known[id(value.tensor)] = value
        owner = value.key.rpartition(".")[0]
        readers.setdefault(owner, set()).add((frame.path, number))
        own[owner] += call.name in learned and value not in values(call.args[:1])
    for owner, places in readers.items():
        if owner in layers or (own[owner] and len(places) > 1):
            module = root.module.get_submodule(owner)
            why = _no_function(module, functions)
            if why is None:
                starts[owner] = _starts(module)
            elif owner in layers:
                kept[owner] = why
    return TakenApart(starts, kept, known)


def _reads(root: RecordedFrame) -> Iterator[tuple[RecordedFrame, int, RecordedCall, RunValue]]:
    """Yield the parameters that functions take, each with its call, that one's frame and number there."""
    frames = {id(frame): frame for frame, _ in root.walk()}
    for frame in frames.values():
        for number, call in enumerate(frame.calls):
            if call.module is None:
                yield from ((frame, number, call, value) for value in values(call.args, call.kwargs) if value.parameter)


def _no_function(module: nn.Module, functions: Collection[str]) -> str | None:
    """Return why there is no function of the weights of a module that does what it does; None where there is one."""
    op = op_of(module)
    if op is None or op not in functions:
        return f"there is no function of the weights of `{type(module).__name__}`"
    if norm_of(module, op) is not None:
        return "a norm computes its weight"
    given = {name: getattr(module, name, None) for name in ALONE}
    odd = [name for name, each in given.items() if each is not None and each is not False and each != "zeros"]
    odd += ["padding"] if isinstance(getattr(module, "padding", None), str) else []
    return f"no function has its `{odd[0]}`" if odd else None


def _starts(module: Any) -> dict[str, Any]:
    """Return how torch starts the parameters of a layer."""
    if isinstance(module, nn.Embedding):
        return {"weight": {"normal": {"std": 1.0}}}
    bound = 1 / math.sqrt(math.prod(module.weight.shape[1:]))
    return {name: {"uniform": {"a": -bound, "b": bound}} for name, _ in module.named_parameters(recurse=False)}
