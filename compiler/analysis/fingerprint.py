"""The fingerprint of a network: one line that is equal where two compute the same, and else is not.

It is `v1:` and the SHA-256 of a JSON text, written with sorted keys, without blanks, in ASCII. The text is an object of

- `inputs`: a list of `[name, shape, dtype]`, in order,
- `steps`: for each layer, after those that it takes, `{"op", "arguments", "module", "sources"}`: the arguments that are
  not torch's defaults, with those that follow from the input, and a list of equal numbers for all axes as one number;
  the path of the module whose weights or buffers it applies, `null` where there are none; what it takes:
  `[step, output]`, where inputs are the steps -1, -2, ..., or a number,
- `outputs`: a list of `[name, source, training_only]`, in order,
- `frozen`: the parameters that do not train, sorted,
- `tied`: pairs of parameters that are one, each sorted, and all; there only where some are,
- `initial`: by parameter, `[initialiser, arguments]` where a rule says what it starts as.

The order of steps is that of a depth-first search from the outputs, then from the layers with weights that no output
needs, by path: it does not hang on the order in which they are written. Numbers are written by their value: whole ones
in decimal, others as `{"float": "0x1.5p-3"}`, which every version of Python reads and writes alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from speczoo.compiler.analysis.computation import AppliedLayer, computation, initial
from speczoo.compiler.graph import Graph

VERSION = "v1"


def fingerprint(graph: Graph) -> str:
    """Return `v1:` and 64 hexadecimal digits, the same for networks that compute the same.

    Whatever is computed or stands in the state_dict counts: inputs, layers with their arguments, the paths of those
    with weights or buffers, what each takes, outputs, which parameters train and what they start as. Layout, comments,
    blocks and groups, names of parameters and of what has no weights do not.
    """
    digest = hashlib.sha256(canonical(graph).encode("ascii")).hexdigest()
    return f"{VERSION}:{digest}"


def canonical(graph: Graph) -> str:
    """Return the text whose hash the fingerprint is."""
    steps, outputs = computation(graph)
    data = {
        "inputs": [[name, value.shape, value.dtype] for name, value in graph.settings.inputs],
        "steps": [_step(step) for step in steps],
        "outputs": [[end.name, end.source, end.training_only] for end in outputs],
        "frozen": sorted(graph.frozen_keys),
        "initial": {key: [made.name, dict(made.arguments)] for key, made in initial(graph).items()},
    }
    if graph.ties:
        data["tied"] = sorted(map(sorted, graph.ties.items()))
    return json.dumps(_plain(data), sort_keys=True, separators=(",", ":"))


def _step(step: AppliedLayer) -> dict[str, Any]:
    return {
        "op": step.op,
        "arguments": step.chosen,
        "module": step.owner,
        "sources": step.sources,
    }


def _plain(value: Any) -> Any:
    """Return a value with its numbers as they are written: equal ones alike, whatever their type."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else {"float": value.hex()}
    return value
