"""The weights of a network for evaluation, computed of those of the network that it was made of."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from speczoo.compiler.emit import module as emitted
from speczoo.compiler.graph import Graph
from speczoo.compiler.optimize import Optimized, optimize
from speczoo.compiler.optimize.folding import FoldedNorm
from speczoo.exporting.proof import CLOSE, SPREAD, difference, rounded, tensors
from speczoo.exporting.tracing import inputs
from speczoo.module_mode import in_mode
from speczoo.verify import Finding, fits
from speczoo.weights.assembling import assembled, tie

#: About so many numbers of a weight are folded or laid out anew at a time: all would be as much memory again, or twice.
AT_A_TIME = 1 << 16


def optimized(graph: Graph, state: Mapping[str, Tensor]) -> tuple[Graph, nn.Module]:
    """Return the graph for evaluation, and the module of it, in evaluation mode, that gives what the module with this
    state_dict gives in that mode. These tensors are its own from now on, and are written over: there is hardly more in
    memory at any time than the weights.
    """
    made = optimize(graph)
    first = next((value for value in state.values() if value.is_floating_point()), torch.empty(0))
    built = assembled(emitted.class_of(made.graph), frozenset(), first.device).to(dtype=first.dtype)
    taker = WeightTaker(made, state)
    with torch.no_grad():
        for key in list(built.state_dict()):  # what is replaced is gone at once
            taker.give(built, key)
    tie(built, made.graph.ties)
    return made.graph, built.eval()


def agreement(graph: Graph, whole: nn.Module, module: nn.Module) -> Finding:
    """Return the outputs of a network for evaluation, beside those of the one that it was made of."""
    same = "as without --optimize"
    if not fits(graph):
        return Finding("outputs", same, same)
    given = inputs(graph, 1)
    with torch.no_grad(), in_mode(whole, training=False):
        wanted = tensors(whole(*given))
        apart = max(map(difference, wanted, tensors(module(*(x.clone() for x in given)))))
    close = apart <= CLOSE or apart <= SPREAD * rounded(whole, given)
    return Finding("outputs", same, same if close else f"{apart:.1e} of the largest apart")


class WeightTaker:
    """Makes the weights of a network for evaluation, each in the memory of the one that it is made of."""

    def __init__(self, made: Optimized, state: Mapping[str, Tensor]) -> None:
        self.made, self.state = made, state
        self.values: dict[tuple[int, int], Tensor] = {}

    def give(self, built: nn.Module, key: str) -> None:
        """Put what a key holds where the module has another tensor."""
        path, _, name = key.rpartition(".")
        module = built.get_submodule(path)
        own = getattr(module, name)
        value = self.value(key, own)
        setattr(module, name, nn.Parameter(value, own.requires_grad) if isinstance(own, nn.Parameter) else value)

    def value(self, key: str, like: Tensor) -> Tensor:
        """Return what is held by a key, laid out as another tensor is; of tied ones the same again."""
        path = key if key in self.made.origins else key.rpartition(".")[0]
        while path not in self.made.origins:  # a parameter inside its module: in_proj.weight
            path = path.rpartition(".")[0]
        old = self.made.origins[path] + key[len(path) :]
        value, fold = self.state.get(old), self.made.folds.get(path)
        if value is None:  # a layer that has none gets its bias from the norm
            assert fold is not None
            return _shifted(fold, None, self.state)
        place = value.untyped_storage()._cdata, int(value.storage_offset())
        if place not in self.values:
            if fold is not None:
                value = (_scaled if key.endswith(".weight") else _shifted)(fold, value, self.state)
            self.values[place] = _laid_out(value, like)
        return self.values[place]


def _scaled(fold: FoldedNorm, weight: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """Return a weight that does a norm's work, too, in its memory: computed in double precision, and rounded once."""
    scale = _along(_scale(fold, state), weight, fold)
    for part, by in zip(_parts(weight), torch.split(scale, _rows(weight)), strict=True):
        part.copy_(part.double() * by)
    return weight


def _shifted(fold: FoldedNorm, bias: Tensor | None, state: Mapping[str, Tensor]) -> Tensor:
    """Return a bias that does a norm's work, too: computed in double precision, and rounded once."""
    mean, added = state[f"{fold.norm}.running_mean"], state.get(f"{fold.norm}.bias")
    shift = (0.0 if bias is None else bias.double()) - mean.double()
    return (shift * _scale(fold, state) + (0.0 if added is None else added.double())).to(mean.dtype)


def _scale(fold: FoldedNorm, state: Mapping[str, Tensor]) -> Tensor:
    """Return what a norm multiplies each channel with."""
    scale = (state[f"{fold.norm}.running_var"].double() + fold.eps).rsqrt()
    weight = state.get(f"{fold.norm}.weight")
    return scale if weight is None else scale * weight.double()


def _laid_out(value: Tensor, like: Tensor) -> Tensor:
    """Return a tensor in its memory, but in the order of another, and as numbers of its type."""
    if value.dtype != like.dtype:
        value = value.to(like.dtype)
    laid = value.as_strided(like.shape, like.stride(), value.storage_offset())
    if _order(value) == _order(like):
        return laid
    if not value.dim() or {value.stride(0), laid.stride(0)} != {value[0].numel()}:  # rows leave their places
        return laid.copy_(value.clone())
    for new, old in zip(_parts(laid), _parts(value), strict=True):
        new.copy_(old.clone())
    return laid


def _parts(value: Tensor) -> tuple[Tensor, ...]:
    """Return a tensor in parts along its first axis."""
    return torch.split(value, _rows(value))


def _rows(value: Tensor) -> int:
    """Return how many places of the first axis a part has."""
    return max(1, AT_A_TIME * len(value) // max(1, value.numel()))


def _order(value: Tensor) -> list[tuple[int, int]]:
    """Return how long each axis is that has more than one place, and how far apart its places lie."""
    return [pair for pair in zip(value.shape, value.stride(), strict=True) if pair[0] > 1]


def _along(scale: Tensor, weight: Tensor, fold: FoldedNorm) -> Tensor:
    """Return a number for each channel so that it meets the channels of a weight, which may be cut into groups."""
    if not fold.axis:
        return scale.reshape(-1, *[1] * (weight.dim() - 1))
    rows = scale.reshape(fold.groups, 1, -1).expand(-1, weight.shape[0] // fold.groups, -1)
    return rows.reshape(weight.shape[0], weight.shape[1], *[1] * (weight.dim() - 2))
