"""Weights from elsewhere: torchvision's published ones, files, state_dicts. What does not fit is never passed over.

The names and shapes that a network wants are known from its graph, so what comes is held against them before any
module exists. The module is then made on the meta device and takes the tensors as they are; only what nothing came for
(a head with another number of classes) is initialised.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speczoo.compiler.emit.module import Seeded, class_of
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape
from speczoo.weights.assembling import assembled, tie
from speczoo.weights.fit import compared
from speczoo.weights.report import LoadReport, WeightsError, listed, report_of
from speczoo.weights.sources import FoundWeights, find, found_in, is_path, odd, published_entry, without_prefix

__all__ = ["LoadReport", "WeightsError", "build_with", "odd", "params_with", "report_of", "shapes_in"]

WHOLE = (
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.bool,
)


def build_with(
    graph: Graph,
    weights: Any,
    *,
    rename: Mapping[str, str] | None = None,
    keys: Mapping[str, str | None] | None = None,
    device: Any = None,
    dtype: Any = None,
    seed: int | None = None,
) -> nn.Module:
    """Return the network with `weights`, in training mode; its `load_report` is a LoadReport.

    `weights` is a member of torchvision's enum or its name (`"DEFAULT"`, `"IMAGENET1K_V1"`), a path to .safetensors or
    .pt, or a state_dict. All of it must fit, but for a head whose `num_classes` is another one, and for parts that
    this network was built without. What wrappers put before every name (`PREFIXES`) is taken off; `rename` gives keys,
    or modules with all that is in them, other names; so does `keys`, a map of keys one by one, which leaves aside what
    has None for a name, and lets start afresh what nothing came for. Raises WeightsError.
    """
    found = find(graph, weights, rename or {}, keys)
    found = replace(found, state=_under_all_names(graph, found)) if graph.ties else found
    report = compared(graph, found)
    target = torch.device(device) if device is not None else torch.get_default_device()
    with ExitStack() as stack:
        if seed is not None:
            stack.enter_context(Seeded(seed))
        module = assembled(class_of(graph), frozenset(report.missing), target)
    if dtype is not None:
        module.to(dtype=dtype)
    state = dict(module.state_dict())
    _refuse_kinds(graph, found, {key: state[key].dtype for key in report.loaded})
    for key in report.loaded:
        state[key] = found.state[key].detach().to(device=target, dtype=state[key].dtype, copy=True)
    for key in state.keys() - {*report.loaded, *report.missing}:
        state[key] = torch.zeros_like(state[key], device=target)  # counters that older files lack
    module.load_state_dict(state, strict=True, assign=True)
    tie(module, graph.ties)
    module.load_report = report  # type: ignore[assignment]
    return module


def _under_all_names(graph: Graph, found: FoundWeights) -> Mapping[str, Tensor]:
    """Return the tensors, those of tied parameters under all their names. Raises WeightsError where two differ."""
    state = dict(found.state)
    for key, names in graph.one.items():
        came = [found.state[name] for name in sorted(names) if name in found.state]
        if any(not torch.equal(one, came[0]) for one in came[1:]):
            raise WeightsError(
                f"{found.source} does not fit {graph.name}", *listed("tied, and not equal", sorted(names))
            )
        state |= {key: came[0]} if came else {}
    return state


def _refuse_kinds(graph: Graph, found: FoundWeights, wanted: Mapping[str, torch.dtype]) -> None:
    """Raise WeightsError for numbers that would lose something on the way into the network."""
    fractions = [key for key, dtype in wanted.items() if dtype.is_floating_point]
    whole = [key for key in fractions if found.state[key].dtype in WHOLE]
    problems = listed("of whole numbers where fractions are wanted, so that a scale is missing", whole)
    complex = [key for key in wanted if found.state[key].is_complex()]
    problems += listed("of complex numbers where real ones are wanted", complex)
    if problems:
        raise WeightsError(f"{found.source} does not fit {graph.name}", *problems)


def params_with(graph: Graph, weights: Any) -> dict[str, Any]:
    """Return values of the spec's parameters that torchvision's published weights bring along."""
    entry = published_entry(graph)
    return {} if entry is None or isinstance(weights, Mapping) or is_path(weights) else dict(entry.params)


def shapes_in(graph: Graph, path: Path) -> dict[str, Shape]:
    """Return the names and shapes of a file's tensors, without what wrappers put before every name. Raises
    WeightsError.
    """
    found = without_prefix(graph, found_in(path))
    return {key: tuple(value.shape) for key, value in found.state.items()}
