"""Whether weights fit a network, by its graph alone: which load, which start afresh, and which have no place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from speczoo import catalogue
from speczoo.compiler.compile import compile
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, show
from speczoo.specs.diagnostics import Report
from speczoo.tensors import SHOWN
from speczoo.weights.report import LoadReport, WeightsError, listed
from speczoo.weights.sources import FoundWeights

COUNTER = ".num_batches_tracked"  # of batch norm; files older than it lack it everywhere, and torch reads that as 0


def compared(graph: Graph, found: FoundWeights) -> LoadReport:
    """Return what of it loads.

    Raises WeightsError where anything is left over or left out but what was asked to be other.
    """
    wanted, came = graph.state, {key: tuple(value.shape) for key, value in found.state.items()}
    counted = any(key.endswith(COUNTER) for key in came)
    missing = [key for key in wanted if key not in came and (counted or not key.endswith(COUNTER))]
    other = [key for key, shape in wanted.items() if came.get(key, shape) != shape]
    extra = [key for key in came if key not in wanted]
    problems: list[str] = []
    if missing or other:
        head = _head(graph)
        if found.left is None:  # whoever made a map of keys has seen what starts afresh
            problems += listed("missing", [key for key in missing if key not in head])
        misshapen = [f"{key} ({show(came[key])} for {show(wanted[key])})" for key in other if key not in head]
        problems += listed("of another shape", misshapen)
    if extra:
        whole = _whole(graph)
        problems += listed("with no place in the network", [key for key in extra if key not in whole])
    if problems:
        prefixes = {key.partition(".")[0] for key in extra}
        if missing and len(prefixes) == 1 and len(extra) == len(came):
            prefix = prefixes.pop()[:SHOWN]
            problems.append(f"every key starts with `{prefix}.`: --rename {prefix}= takes that off")
        raise WeightsError(f"{found.source} does not fit {graph.name}", *problems)
    fresh = {*missing, *other}
    loaded = tuple(key for key in wanted if key in came and key not in fresh)
    initialised = tuple(key for key in wanted if key in fresh)
    return LoadReport(
        found.source,
        loaded,
        initialised,
        (*extra, *(found.left or ())),
        found.meta,
        found.enum,
        found.prefix,
        len(wanted),
    )


def _head(graph: Graph) -> set[str]:
    """Return the keys whose shapes follow `num_classes`."""
    classes = graph.settings.params.get("num_classes")
    if not isinstance(classes, int) or isinstance(classes, bool):
        return set()
    other = _again(graph, {**graph.settings.params, "num_classes": classes + 1})
    return {key for key, shape in graph.state.items() if other.get(key) != shape} if other else set()


def _whole(graph: Graph) -> Collection[str]:
    """Return the keys of the network as it is when nobody changes it."""
    plain = compile(graph.unit, Report(), variant=graph.settings.variant, lookup=catalogue.lookup, expect=False)
    return plain.state if plain is not None else ()


def _again(graph: Graph, params: Mapping[str, Any]) -> Mapping[str, Shape]:
    settings = graph.settings
    made = compile(
        graph.unit,
        Report(),
        variant=settings.variant,
        params=params,
        input={name: value.shape for name, value in settings.inputs},
        taps=settings.taps,
        lookup=catalogue.lookup,
        expect=False,
    )
    return made.state if made is not None else {}
