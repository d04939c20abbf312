"""A network with everything resolved, as text: what `zoo show --resolved` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from speczoo import specialize
from speczoo.compiler.emit.resolved import resolved
from speczoo.compiler.graph import Graph
from speczoo.specs.flow_style import flow
from speczoo.specs.keys import keys
from speczoo.specs.origin import Words
from speczoo.specs.spec import Spec

STEP = "  "


def data(graph: Graph, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the resolved spec of a graph with its words, its weights and the numbers that it comes out as.

    `overrides` are the parameters that were set from outside.
    """
    original = specialize.specialised(graph, graph.name, overrides or {})
    weights = original.get("weights")
    if isinstance(weights, Mapping) and "params" in weights:
        brings = weights["params"].items() <= graph.settings.params.items()
        original["weights"] = {k: v for k, v in weights.items() if k != "params"} if brings else None
    kept = {key: original[key] for key in (*keys(Words), "weights", "expect") if original.get(key) is not None}
    made = {**kept, **resolved(graph)}
    return {key: made[key] for key in keys(Spec) if key in made}


def written(data: Mapping[str, Any]) -> str:
    """Return a resolved spec as YAML, an entry a line and nothing aligned, so that the texts of two networks differ in
    the lines of what differs.
    """
    return "\n".join(_mapping(data, "")) + "\n"


def _mapping(values: Mapping[str, Any], pad: str) -> Iterator[str]:
    """Yield the lines of a mapping in block style, whose lists of mappings have an item a line."""
    for key, value in values.items():
        if key in ("blocks", "layers", "inputs", "outputs", "init") and value and not _plain(value):
            yield f"{pad}{key}:"
            yield from _mapping(value, pad + STEP) if isinstance(value, Mapping) else _items(value, pad + STEP)
        elif key not in Spec.model_fields and isinstance(value, Mapping) and "layers" in value:
            yield f"{pad}{key}:"
            yield from _mapping(value, pad + STEP)
        else:
            yield f"{pad}{key}: {flow(value)}"


def _plain(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(item, Mapping) for item in value)


def _items(values: list[Any], pad: str) -> Iterator[str]:
    for item in values:
        if "layers" not in item:
            yield f"{pad}- {flow(item)}"
            continue
        first, *rest = _mapping(item, pad + STEP)
        yield f"{pad}- {first.lstrip()}"
        yield from rest
