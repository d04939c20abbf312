"""Where weights are: torchvision's published ones, files, state_dicts; and what their keys are called here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speczoo import tensors
from speczoo.compiler.graph import Graph
from speczoo.key_map import SUFFIXES
from speczoo.limits import LimitExceeded
from speczoo.rename import renamed
from speczoo.specs.origin import Weights
from speczoo.specs.suggestions import did_you_mean
from speczoo.tensors import SHOWN
from speczoo.torchvision import published_weights
from speczoo.weights.report import WeightsError, listed
from speczoo.weights.shards import ENDING, state_of_shards

#: What wrappers put before every name: DataParallel, torch.compile, and modules of Lightning and of one's own.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
NESTED = ("state_dict", "model", "model_state_dict")  # where checkpoints keep a state_dict among other things


@dataclass(frozen=True)
class FoundWeights:
    """A state_dict and where it is from."""

    source: str
    state: Mapping[str, Tensor]
    meta: Mapping[str, Any] = field(default_factory=dict)
    enum: str | None = None
    prefix: str = ""
    left: tuple[str, ...] | None = None  # what a map of keys leaves aside, where there is one


def find(
    graph: Graph, weights: Any, rename: Mapping[str, str], keys: Mapping[str, str | None] | None = None
) -> FoundWeights:
    """Return the state_dict that `weights` names, see `build_with`, by the names that it has here. Raises
    WeightsError.
    """
    if isinstance(weights, Mapping):
        found = _found(weights, "a state_dict", "the state_dict")
    elif isinstance(weights, str) and "://" in weights:
        raise WeightsError(f"{weights} is no file: fetch it, and name the file")
    elif is_path(weights):
        found = found_in(Path(weights))
    else:
        found = _published(graph, weights)
    if rename:
        found = replace(found, state=_renamed(found, rename))
    if keys is None:
        return without_prefix(graph, found)
    return _mapped(found if any(key in found.state for key in keys) else without_prefix(graph, found), keys)


def _mapped(found: FoundWeights, keys: Mapping[str, str | None]) -> FoundWeights:
    """Return the state with the names that a map of keys gives, without what it leaves aside. Raises WeightsError."""
    if absent := [key for key in keys if key not in found.state]:
        raise WeightsError(f"{found.source} has not all that the map names", *listed("missing", absent))
    state: dict[str, Tensor] = {}
    for key, value in found.state.items():
        name = keys.get(key, key)
        if name is not None and name in state:
            raise WeightsError(f"{found.source} cannot be renamed: the map gives more than one key the name {name}")
        state |= {} if name is None else {name: value}
    return replace(found, state=state, left=tuple(key for key, name in keys.items() if name is None))


def _renamed(found: FoundWeights, rename: Mapping[str, str]) -> Mapping[str, Tensor]:
    """Return the state with other names, one after the other: a pattern without stars is a key, or a module with all
    that is in it.
    """
    state = found.state
    for left, right in rename.items():
        inside = {} if "*" in left else {f"{left}.**": f"{right}.**" if right else "**"}
        try:
            made = renamed(state, {**({left: right} if right else {}), **inside})
        except ValueError as error:
            raise WeightsError(f"{found.source} cannot be renamed: {error}") from None
        if list(made) == list(state):
            raise WeightsError(f"{found.source} has no key {left}", "--rename takes OLD=NEW: a key, or a module")
        state = made
    return state


def without_prefix(graph: Graph, found: FoundWeights) -> FoundWeights:
    """Return the state without what wrappers put before every name, where that is what keeps it from fitting."""
    state, prefix = found.state, ""
    while state and not any(key in graph.state for key in state):
        first = next(iter(state)).partition(".")[0] + "."
        if first not in PREFIXES or not all(key.startswith(first) for key in state):
            return found
        state, prefix = {key.removeprefix(first): value for key, value in state.items()}, prefix + first
    return replace(found, state=state, prefix=prefix)


def is_path(weights: Any) -> bool:
    """Return whether `weights` names a file, and no published weights."""
    if not isinstance(weights, str):
        return isinstance(weights, os.PathLike)
    return weights.endswith(SUFFIXES) or "/" in weights or os.sep in weights or os.path.exists(weights)


def found_in(path: Path) -> FoundWeights:
    """Return the state_dict in a file, or in those that an index names. Raises WeightsError."""
    if path.is_dir():
        raise WeightsError(f"{path} is a folder: name a file in it")
    if not path.is_file():
        raise WeightsError(f"there is no file {path}")
    try:
        if path.name.endswith(ENDING):
            return FoundWeights(str(path), state_of_shards(path, lambda shard: _in_file(shard).state))
        return _in_file(path)
    except ModuleNotFoundError as error:
        raise WeightsError(f"{path} needs {error.name}: pip install {error.name}") from error
    except (tensors.TensorsError, LimitExceeded) as error:
        help = [error.help] if error.help else []
        raise WeightsError(f"{path} cannot be read as weights: {error.message}", *help) from error
    except WeightsError:
        raise
    except Exception as error:  # what a broken file makes of safetensors is not documented
        raise WeightsError(f"{path} cannot be read as weights: {_first_line(error)}") from error


def _in_file(path: Path) -> FoundWeights:
    reader = tensors.read_safetensors if path.suffix == ".safetensors" else tensors.read
    return _found(reader(path), str(path), str(path))


def _found(data: Any, source: str, where: str) -> FoundWeights:
    """Return the state_dict that a file holds, itself or as the one among other things; the source names it where it is
    not where checkpoints keep theirs, or not alone.
    """
    if not isinstance(data, Mapping):
        raise WeightsError(f"{where} is no state_dict: it holds {type(data).__name__}")
    inner = [key for key, value in data.items() if isinstance(key, str) and _wrong(value) is None]
    chosen = next((key for key in NESTED if key in inner), None)
    if chosen is None and len(inner) > 1:
        shown = ", ".join(f"`{key[:SHOWN]}`" for key in inner)
        raise WeightsError(f"{where} holds several state_dicts: {shown}", "save the one that is intended by itself")
    broken = (key for key in NESTED if isinstance(data.get(key), Mapping))
    chosen = chosen or next(iter(inner), None) or next(broken, None)
    state = data if chosen is None else data[chosen]
    if why := _wrong(state):
        raise WeightsError(f"{where} is no state_dict: names and tensors are wanted, and {why}")
    usual = chosen is None or (chosen in NESTED and len(inner) == 1)
    return FoundWeights(source if usual else f"`{str(chosen)[:SHOWN]}` of {source}", state)


def _wrong(data: Any) -> str | None:
    """Return why something is no state_dict; None of one that is."""
    if not isinstance(data, Mapping):
        return f"it is {type(data).__name__}"
    kinds = {key: odd(value) for key, value in data.items()}
    others = (f"`{str(key)[:SHOWN]}` is {kind}" for key, kind in kinds.items() if kind is not None)
    if not data or not all(isinstance(key, str) for key in data):
        return next(others, "it is empty" if not data else "a name is no text")
    return next(others, None)


def odd(value: Any) -> str | None:
    """Return what something is that is no tensor of numbers, each in its place; None of one that is."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.is_meta:
        return "a tensor of the device `meta`, which has no values"
    if value.is_sparse or value.layout != torch.strided:
        return "a sparse tensor: .to_dense() makes it a dense one"
    if value.is_nested:
        return "a nested tensor: .unbind() gives its parts"
    if value.is_quantized:
        return "a quantized tensor: .dequantize() makes it one of fractions"
    return None


def published_entry(graph: Graph) -> Weights | None:
    """Return what the spec says about published weights."""
    variant = graph.spec.variants.get(graph.settings.variant or "")
    return (variant.weights if variant else None) or graph.spec.weights


def _published(graph: Graph, weights: Any) -> FoundWeights:
    """Return weights of torchvision's: from its cache, or fetched there and held against their hash."""
    entry = published_entry(graph)
    if entry is None:
        words = "`weights` is a path to .safetensors or .pt, or a state_dict"
        raise WeightsError(f"nobody published weights for {graph.name}: {words}, not {weights!r}")
    name = entry.source.removeprefix("torchvision:")
    try:
        enum = published_weights(name)
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"{name} is torchvision's, and torchvision is not installed: pip install torchvision"
        ) from error
    except LookupError as error:
        raise WeightsError(f"this torchvision has no {name}: it is too old for {graph.name}'s weights") from error
    wanted = str(weights)
    member = enum.__members__.get(wanted.removeprefix(f"{name}."))
    if member is None:
        raise WeightsError(f"{name} has no {wanted!r}: {' '.join(did_you_mean(wanted, enum.__members__))}")
    label = f"{name}.{member.name}"
    try:
        with redirect_stdout(sys.stderr):  # stdout is for data, and torch.hub prints there what it fetches
            state = member.get_state_dict(
                progress=sys.stderr.isatty(), check_hash=True, map_location="cpu", weights_only=True
            )
    except Exception as error:  # from DNS to a damaged archive
        target = Path(torch.hub.get_dir()) / "checkpoints" / member.url.rpartition("/")[2]
        raise WeightsError(
            f"{label} could not be had: {_first_line(error)}",
            f"wanted: {member.url}",
            f"without a network, put that file at {target}",
        ) from error
    try:
        state = renamed(_found(state, label, label).state, entry.rename)
    except ValueError as error:
        raise WeightsError(f"{label} cannot be renamed: {error}") from None
    return FoundWeights(label, state, dict(member.meta), label)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
