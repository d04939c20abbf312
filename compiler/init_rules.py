"""Init rules: which initialiser each parameter gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from speczoo.compiler.cached import once
from speczoo.compiler.graph import Graph
from speczoo.compiler.initialisers import Initialiser, initialiser
from speczoo.compiler.layer import Layer
from speczoo.compiler.path_patterns import matches
from speczoo.compiler.scope import Scope
from speczoo.specs.expression import evaluate
from speczoo.specs.spec import Spec


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
    spec = graph.spec
    return _computed(spec, graph.settings.params) if spec.read_by_init else _constant(spec)


@once
def _constant(spec: Spec) -> tuple[ComputedInitRule, ...]:
    """Return the init rules of a spec in which they read nothing."""
    return _computed(spec, {})


def _computed(spec: Spec, params: Mapping[str, Any]) -> tuple[ComputedInitRule, ...]:
    out = []
    for rule in spec.init:
        stated = evaluate(dict(rule.model_extra or {}), Scope(params))
        initialisers = tuple((name, initialiser(value)) for name, value in stated.items())
        out.append(ComputedInitRule(rule.match, is_op(rule.match), initialisers))
    return tuple(out)


def is_op(match: str) -> bool:
    return match in Layer.registry
