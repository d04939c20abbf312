"""Init rules: which initialiser each parameter gets."""

from __future__ import annotations

from typing import NamedTuple

from speczoo.compiler.graph import Graph
from speczoo.compiler.initialisers import Initialiser, initialiser
from speczoo.compiler.layer import Layer
from speczoo.compiler.path_patterns import matches
from speczoo.compiler.scope import Scope
from speczoo.specs.expression import evaluate


class ComputedInitRule(NamedTuple):
    """Parameters of what `match` names (an op, or a path glob) and their initialisers."""

    match: str
    by_op: bool
    initialisers: tuple[tuple[str, Initialiser], ...]

    def meets(self, path: str, op: str) -> bool:
        """Return whether it speaks of the layer at this path."""
        return op == self.match if self.by_op else matches(self.match, path)


def rules(graph: Graph) -> tuple[ComputedInitRule, ...]:
    """Return the network's own init rules, computed. Only for graphs whose rules are right."""
    out = []
    for rule in graph.spec.init:
        stated = evaluate(dict(rule.model_extra or {}), Scope(graph.settings.params))
        out.append(
            ComputedInitRule(rule.match, is_op(rule.match), tuple((k, initialiser(v)) for k, v in stated.items()))
        )
    return tuple(out)


def is_op(match: str) -> bool:
    return match in Layer.registry
