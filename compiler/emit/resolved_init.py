"""The init rules of a network with all specs that it uses, as few that give every parameter what it starts as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from speczoo.compiler.analysis.computation import initial
from speczoo.compiler.graph import Graph
from speczoo.compiler.initialisers import Initialiser
from speczoo.compiler.path_patterns import matches
from speczoo.specs.limits import DEFAULT


class _Parameter(NamedTuple):
    path: str  # of its layer
    op: str
    name: str
    start: Initialiser | None  # None: as torch has it


def init_rules(graph: Graph) -> list[dict[str, Any]]:
    """Return rules as data of a spec: of ops where a rule speaks of every layer of one, as most of them start; then of
    paths, with stars where these meet no parameter that starts otherwise.
    """
    starts = initial(graph)
    parameters = [
        _Parameter(path, node.op, name, starts.get(f"{path}.{name}"))
        for path, node, _ in graph.walk()
        for name in (node.weights if starts else ())
        if name
    ]
    rules: dict[str, dict[str, Any]] = {}
    left: list[_Parameter] = []
    kinds: dict[tuple[str, str], list[_Parameter]] = {}
    for parameter in parameters:
        kinds.setdefault((parameter.op, parameter.name), []).append(parameter)
    for (op, name), own in kinds.items():
        counted = Counter(parameter.start for parameter in own)
        most = counted.most_common(1)[0][0] if None not in counted else None
        if most is not None:
            rules.setdefault(op, {})[name] = _data(most)
        left += [p for p in own if p.start is not None and p.start != most]
    for pattern, name, start in _patterns(left, parameters):
        rules.setdefault(pattern, {})[name] = _data(start)
    return [{"match": match, **stated} for match, stated in rules.items()]


def _patterns(wanted: list[_Parameter], present: list[_Parameter]) -> Iterator[tuple[str, str, Initialiser]]:
    """Yield patterns that together meet the wanted parameters, and none of those that are present and start otherwise.

    Stars are looked for while that takes no longer than checking the patterns of a spec may.
    """
    by_name: dict[str, dict[str, Initialiser | None]] = {}
    for parameter in present:
        by_name.setdefault(parameter.name, {})[parameter.path] = parameter.start
    done: set[tuple[str, str]] = set()
    left = DEFAULT.matches
    for path, _, name, start in wanted:
        if (path, name) in done:
            continue
        assert start is not None
        pattern, met = path, [path]
        for wider in _wider(path) if left > 0 else ():
            left -= len(by_name[name])
            found = [other for other in by_name[name] if matches(wider, other)]
            if len(found) > 1 and all(by_name[name][other] == start for other in found):
                pattern, met = wider, found
                break
        done |= {(other, name) for other in met}
        yield pattern, name, start


def _wider(path: str) -> Iterator[str]:
    """Yield patterns that meet a path and others like it, the widest first."""
    parts = path.split(".")
    for tail in range(1, len(parts)):
        yield f"{parts[0]}.**.{'.'.join(parts[-tail:])}"


def _data(start: Initialiser) -> Any:
    arguments: Mapping[str, Any] = dict(start.arguments)
    if start.name == "constant":
        return arguments["val"]
    return {start.name: arguments} if arguments else start.name
