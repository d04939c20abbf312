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


def optimized(graph: Graph, state: Mapping[str, Tensor]) -> tuple[Graph, nn.Module]:
    """Return the graph for evaluation, and the module of it, in evaluation mode, that gives what the module with this
    state_dict gives in that mode.
    """
    made = optimize(graph)
    first = next((value for value in state.values() if value.is_floating_point()), None)
    built = emitted.build(made.graph)
    if first is not None:
        built.to(first.device, first.dtype)
    with torch.no_grad():
        for key, value in built.state_dict().items():  # one at a time: all at once are as much again
            value.copy_(folded(made, key, state))
    return made.graph, built.eval()


def in_one_piece(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the tensors of a state_dict that lie side by side, those of a type and device. They are what is
    left of a module that goes before the one for evaluation is built, and are freed as one: between thousands of small
    tensors that are freed while others stay, a heap keeps megabytes that nothing uses.
    """
    kinds: dict[tuple[torch.dtype, torch.device], list[str]] = {}
    for key, value in state.items():
        kinds.setdefault((value.dtype, value.device), []).append(key)
    found: dict[str, Tensor] = {}
    for keys in kinds.values():
        whole = torch.cat([state[key].flatten() for key in keys])
        parts = torch.split(whole, [state[key].numel() for key in keys])
        found |= {key: part.view(state[key].shape) for key, part in zip(keys, parts, strict=True)}
    return found


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


def folded(made: Optimized, key: str, state: Mapping[str, Tensor]) -> Tensor:
    """Return what a network for evaluation holds by a key, of the state_dict of the network that it was made of."""
    path = key if key in made.origins else key.rpartition(".")[0]
    while path not in made.origins:  # a parameter inside its module: in_proj.weight
        path = path.rpartition(".")[0]
    old = made.origins[path] + key[len(path) :]
    fold = made.folds.get(path)
    return state[old] if fold is None else _folded(fold, old, state)


def _folded(fold: FoldedNorm, key: str, state: Mapping[str, Tensor]) -> Tensor:
    """Return a weight or bias that does a norm's work, too: computed in double precision, and rounded once."""
    norm = {name: state.get(f"{fold.norm}.{name}") for name in ("weight", "bias", "running_mean", "running_var")}
    mean, variance = norm["running_mean"], norm["running_var"]
    assert mean is not None
    assert variance is not None
    scale = (variance.double() + fold.eps).rsqrt()
    if norm["weight"] is not None:
        scale = scale * norm["weight"].double()
    layer, _, name = key.rpartition(".")
    if name == "weight":
        weight = state[key]
        return (weight.double() * _along(scale, weight, fold)).to(weight.dtype)
    bias = state.get(key)
    shift = (0.0 if bias is None else bias.double()) - mean.double()
    added = 0.0 if norm["bias"] is None else norm["bias"].double()
    return (shift * scale + added).to(state[f"{layer}.weight"].dtype)


def _along(scale: Tensor, weight: Tensor, fold: FoldedNorm) -> Tensor:
    """Return a number for each channel so that it meets the channels of a weight, which may be cut into groups."""
    if not fold.axis:
        return scale.reshape(-1, *[1] * (weight.dim() - 1))
    rows = scale.reshape(fold.groups, 1, -1).expand(-1, weight.shape[0] // fold.groups, -1)
    return rows.reshape(weight.shape[0], weight.shape[1], *[1] * (weight.dim() - 2))
