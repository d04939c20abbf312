"""What a spec means, and what the files of a folder say, as plain data that can be kept and compared."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from speczoo import checking
from speczoo.argument_order import argument_order as arguments
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.format import formatted
from speczoo.specs.load import load
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec

WHOLE = 40  # a longer state_dict is kept as a digest


def meaning(graph: Graph) -> dict[str, Any]:
    """The numbers of a network, what comes out of it, and the names and shapes of its state_dict."""
    ports = zip(graph.root.outputs, graph.root.values, strict=True)
    state = [f"{key} {'x'.join(map(str, shape))}" for key, shape in graph.state.items()]
    return {
        "params": graph.params,
        "macs": graph.macs,
        "outputs": {port.name: list(value.shape) for port, value in ports if value is not None},
        "state": state if len(state) <= WHOLE else hashlib.sha256("\n".join(state).encode()).hexdigest(),
    }


def meanings(path: Path) -> dict[str, Any] | None:
    """Of a file, by variant; None where it is wrong."""
    report = Report()
    graphs = checking.check_into(report, path)
    return {graph.settings.variant or "": meaning(graph) for graph in graphs} if report.ok else None


def spec_of(text: str) -> Spec | None:
    """A text as the language reads it."""
    report = Report()
    document = parse(Source.of(text), report)
    return load(document, report) if document else None


def fmt(text: str) -> str | None:
    source = Source.of(text)
    return formatted(source, arguments(source))


def shape_of(value: Any) -> Any:
    """The keys of JSON and the types below them; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape_of(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape_of(inner) for inner in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def lacks(old: Any, new: Any, place: str = "") -> list[str]:
    """Where `new` has not what `old` had: keys may come, none may go, and none may change its type."""
    if isinstance(old, dict) and isinstance(new, dict):
        gone = [f"{place}.{key}" for key in old.keys() - new.keys()]
        return gone + [
            found for key in old.keys() & new.keys() for found in lacks(old[key], new[key], f"{place}.{key}")
        ]
    if isinstance(old, list) and isinstance(new, list):
        return [found for a, b in zip(old, new, strict=False) for found in lacks(a, b, f"{place}[]")]
    return [] if old == new else [f"{place}: {old} became {new}"]


def stated(old: Any, new: Any) -> bool:
    """Whether `new` says all that `old` said; it may say more, for keys that are newer."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and stated(value, new[key]) for key, value in old.items())
    return bool(old == new)


def examples(document: str) -> list[str]:
    """The examples of the language's reference that stand for whole and right specs, or parts of one."""
    found = re.findall(r"^```(?:yaml|json)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    return list(dict.fromkeys(found))
