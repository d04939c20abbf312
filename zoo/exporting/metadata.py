"""What an exported file says of itself: its spec, what was chosen of it, which versions wrote it, and a hash of what it
computes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from speczoo import catalogue, embedded, resolved, specialize
from speczoo.compiler.analysis.fingerprint import fingerprint
from speczoo.compiler.compile import compile
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Report

#: What a file may depend on.
PACKAGES = ("speczoo", "torch", "onnx", "onnxscript")


def texts_of(graph: Graph, overrides: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the texts by their names in a file's metadata. `overrides` are the parameters that were set from outside.

    The spec is one that stands alone: with all its parameters at the chosen values, and where it uses others resolved.
    """
    settings = graph.settings
    chosen = {
        "variant": settings.variant,
        "params": settings.params,
        "inputs": {name: value.shape for name, value in settings.inputs},
        "taps": settings.taps,
    }
    return {
        embedded.SPEC: _alone(graph, overrides or {}),
        embedded.SETTINGS: json.dumps(chosen, sort_keys=True, default=dict),
        embedded.VERSIONS: json.dumps({name: found for name in PACKAGES if (found := _version(name))}),
        embedded.FINGERPRINT: fingerprint(graph),
    }


def _alone(graph: Graph, overrides: Mapping[str, Any]) -> str:
    whole = _untapped(graph)
    if graph.spec.use:
        return resolved.written(resolved.data(whole, overrides))
    return specialize.text(whole, graph.name, overrides)


def _untapped(graph: Graph) -> Graph:
    """Return the network with the outputs of its spec."""
    settings = graph.settings
    if not settings.taps:
        return graph
    shapes = {name: value.shape for name, value in settings.inputs}
    input = shapes if graph.spec.inputs is not None else shapes["input"]
    whole = compile(
        graph.unit,
        Report(),
        variant=settings.variant,
        params=settings.params,
        input=input,
        lookup=catalogue.lookup,
        expect=False,
    )
    assert whole is not None
    return whole


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
