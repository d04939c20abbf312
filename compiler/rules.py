"""Init rules: which initialiser each parameter gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from compiler.graph import Graph, matches
from compiler.initialisers import BadInit, Initialiser, initialiser
from compiler.layer import Layer
from compiler.names import ALIASES
from compiler.scope import Poisoned, Scope, judged
from specs.expression import METER, ExpressionError, evaluate
from specs.spec import Loc, Spec
from specs.suggest import did_you_mean


class Rule(NamedTuple):
    """Parameters of what `match` names (an op, or a path glob) and their initialisers."""

    match: str
    by_op: bool
    initialisers: tuple[tuple[str, Initialiser], ...]

    def meets(self, path: str, op: str) -> bool:
        """Whether it speaks of the layer at this path."""
        return op == self.match if self.by_op else matches(self.match, path)


def rules(graph: Graph) -> tuple[Rule, ...]:
    """The network's own init rules, computed. Only for graphs whose rules `init_problems` has passed."""
    out = []
    for rule in graph.spec.init:
        said = evaluate(dict(rule.model_extra or {}), Scope(graph.settings.params))
        out.append(Rule(rule.match, is_op(rule.match), tuple((k, initialiser(v)) for k, v in said.items())))
    return tuple(out)


def is_op(match: str) -> bool:
    return match in Layer.registry


class Problem(NamedTuple):
    """What is wrong with a part of a spec that is no layer; `key`: with the key that stands at `loc`."""

    code: str
    message: str
    loc: Loc
    help: tuple[str, ...] = ()
    key: bool = False


def init_problems(spec: Spec, params: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the spec's init rules, whatever they meet."""
    for i, rule in enumerate(spec.init):
        METER.spent += 10 * (1 + len(rule.model_extra or {}))
        at: Loc = ("init", i)
        plain = rule.match.replace("_", "").isalnum() and rule.match[:1].isupper()
        if plain and not is_op(rule.match):
            known = [name for name in Layer.registry if name[0].isupper()]
            help = did_you_mean(rule.match, known, aliases=ALIASES, limit=0)
            yield Problem("unknown-op", f"there is no op `{rule.match}`", (*at, "match"), help)
        if not rule.model_extra and at not in spec.holes:
            yield Problem("missing-argument", "an init rule says what a parameter starts as: `weight: 1`", at)
        for name, value in (rule.model_extra or {}).items():
            try:
                initialiser(evaluate(value, Scope(params)))
                if is_op(rule.match) and not _can_have(Layer.registry[rule.match], name):
                    message = f"{rule.match} has no parameter `{name}`"
                    help = did_you_mean(name, Layer.registry[rule.match].parameters)
                    yield Problem("unknown-argument", message, (*at, name), help, key=True)
            except BadInit as error:
                yield Problem(error.code, str(error), (*at, name, *error.path), error.help, error.key)
            except ExpressionError as error:
                code, help, _ = judged(error)
                yield Problem(code, str(error), (*at, name, *error.path), help)
            except Poisoned:
                continue


def _can_have(layer: type[Layer], name: str) -> bool:
    """Whether a layer of this type can have a parameter of this name."""
    return layer.can_have_weights() and (not layer.parameters or name in layer.parameters)
