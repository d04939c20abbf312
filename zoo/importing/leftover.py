"""Weights that stand in the state_dict and that nothing in the forward uses: entries that say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from speczoo.compiler.containers import holding
from speczoo.importing.entries import ImportedEntry, ImportedList


def add_leftover(made: ImportedList, model: nn.Module) -> None:
    """Add what of the model's state_dict no entry has, each in the innermost list whose module holds it."""
    present = {*_present(made, "")}
    for key, tensor in model.state_dict(keep_vars=True).items():
        if key not in present and not any(holder in present for holder in ("", *holding(key))):
            _placed(made, key, _entry(tensor))


def _present(made: ImportedList, prefix: str) -> Iterator[str]:
    """Yield the keys of Parameters and Buffers, and the paths of the other entries that have weights."""
    for entry in made.entries:
        path = ".".join(filter(None, (prefix, entry.name)))
        if entry.body is not None:
            yield from _present(entry.body, path)
        elif entry.named and entry.share is None:
            yield path


def _entry(tensor: Tensor) -> ImportedEntry:
    shape = [*tensor.shape]
    if isinstance(tensor, nn.Parameter):
        return ImportedEntry("Parameter", {"shape": shape, "unused": True}, named=True, module=True)
    zero: Any = 0.0 if tensor.is_floating_point() else tensor.dtype != torch.bool and 0
    return ImportedEntry("Buffer", {"shape": shape, "value": zero, "unused": True}, named=True, module=True)


def _placed(made: ImportedList, key: str, entry: ImportedEntry) -> None:
    for inner in made.entries:
        if inner.body is not None and inner.name and key.startswith(f"{inner.name}."):
            return _placed(inner.body, key.removeprefix(f"{inner.name}."), entry)
    entry.name = key
    made.entries.insert(sum(each.args.get("unused", False) for each in made.entries), entry)
