"""Weights in several files, and the index that says in which of them each tensor is: `model.safetensors.index.json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from speczoo.limits import current
from speczoo.specs import files
from speczoo.weights.report import WeightsError, listed

ENDING = ".index.json"


def state_of_shards(path: Path, read: Callable[[Path], Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    """Return what an index names, of the files beside it, each read once. Raises WeightsError, and OSError and
    ValueError where one of them is not there or lies elsewhere.
    """
    places = _places(path)
    state: dict[str, Tensor] = {}
    for shard in dict.fromkeys(places.values()):
        held = read(files.inside(path.parent, shard))
        named = [key for key, place in places.items() if place == shard]
        if absent := [key for key in named if key not in held]:
            raise WeightsError(f"{shard} has not all that {path.name} names", *listed("missing", absent))
        state |= {key: held[key] for key in named}
    return state


def _places(path: Path) -> dict[str, str]:
    """Return the file of each tensor."""
    data = files.read(path, current().json + 1)
    current().hold("json", len(data), f"{path} takes", "bytes")
    try:
        index = json.loads(data)
    except (ValueError, RecursionError):
        index = None
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(place, str) for place in places.values()):
        raise WeightsError(f"{path} is no index of weights: `weight_map` has a file for the name of each tensor")
    return places
