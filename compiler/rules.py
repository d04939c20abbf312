"""Init rules: which initialiser each parameter gets, checked against torch.nn.init's signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from compiler.graph import Graph
from compiler.layer import Layer
from compiler.names import ALIASES
from compiler.scope import Poisoned, Scope, judged
from specs.expression import ExpressionError, evaluate
from specs.spec import Loc, Spec
from specs.suggest import did_you_mean

NUMBER: tuple[type, ...] = (int, float)

#: torch.nn.init's functions, without their underscore, and the arguments that a spec may give them.
INITIALISERS: dict[str, dict[str, tuple[type, ...]]] = {
    "zeros": {},
    "ones": {},
    "constant": {"val": NUMBER},
    "uniform": {"a": NUMBER, "b": NUMBER},
    "normal": {"mean": NUMBER, "std": NUMBER},
    "trunc_normal": {"mean": NUMBER, "std": NUMBER, "a": NUMBER, "b": NUMBER},
    "xavier_uniform": {"gain": NUMBER},
    "xavier_normal": {"gain": NUMBER},
    "kaiming_uniform": {"a": NUMBER, "mode": (str,), "nonlinearity": (str,)},
    "kaiming_normal": {"a": NUMBER, "mode": (str,), "nonlinearity": (str,)},
    "orthogonal": {"gain": NUMBER},
    "sparse": {"sparsity": NUMBER, "std": NUMBER},
    "eye": {},
    "dirac": {"groups": (int,)},
}

WORDS = {
    "mode": ("fan_in", "fan_out"),
    "nonlinearity": (
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ),
}


class Initialiser(NamedTuple):
    """`kaiming_normal` with its arguments."""

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()


class Rule(NamedTuple):
    """Parameters of what `match` names (an op, or a path glob) and their initialisers."""

    match: str
    by_op: bool
    initialisers: tuple[tuple[str, Initialiser], ...]


class BadInit(Exception):
    """An initialiser that is none. `help` mends; `path` leads to what is wrong inside it."""

    def __init__(self, message: str, help: tuple[str, ...] = (), code: str = "bad-value", path: Loc = ()) -> None:
        super().__init__(message)
        self.help, self.code, self.path = help, code, path


def initialiser(value: Any) -> Initialiser:
    """A number, a name, or `{name: {argument: value}}`. Raises BadInit."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Initialiser("constant", (("val", value),))
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise BadInit("an initialiser is a number, or one name with its arguments: `{kaiming_normal: {mode: fan_out}}`")
    name, arguments = next(iter(value.items()))
    if name not in INITIALISERS:
        raise BadInit(f"there is no initialiser `{name}`", did_you_mean(str(name), INITIALISERS, limit=20))
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        raise BadInit(f"the arguments of `{name}` are a mapping")
    known = INITIALISERS[name]
    for key, given in arguments.items():
        if key not in known:
            raise BadInit(f"`{name}` takes no `{key}`", did_you_mean(str(key), known), "unknown-argument", (name, key))
        if not isinstance(given, known[key]) or isinstance(given, bool):
            raise BadInit(
                f"`{key}` of `{name}` must be {'text' if known[key] == (str,) else 'a number'}, not {given!r}",
                path=(name, key),
            )
        if key in WORDS and given not in WORDS[key]:
            raise BadInit(
                f"`{key}` of `{name}` is one of {', '.join(WORDS[key])}, not `{given}`",
                did_you_mean(str(given), WORDS[key]),
                path=(name, key),
            )
    return Initialiser(name, tuple(arguments.items()))


def rules(graph: Graph) -> tuple[Rule, ...]:
    """The network's own init rules, computed. Only for graphs whose rules `init_problems` has passed."""
    out = []
    for rule in graph.spec.init:
        said = evaluate(dict(rule.model_extra or {}), Scope(graph.settings.params))
        out.append(Rule(rule.match, is_op(rule.match), tuple((k, initialiser(v)) for k, v in said.items())))
    return tuple(out)


def is_op(match: str) -> bool:
    return match in Layer.registry


def init_problems(spec: Spec, params: Mapping[str, Any]) -> Iterator[tuple[str, str, Loc, tuple[str, ...]]]:
    """What is wrong with the spec's init rules: (code, message, place, help)."""
    for i, rule in enumerate(spec.init):
        plain = rule.match.replace("_", "").isalnum() and rule.match[:1].isupper()
        if plain and not is_op(rule.match):
            known = [name for name in Layer.registry if name[0].isupper()]
            yield (
                "unknown-op",
                f"there is no op `{rule.match}`",
                ("init", i, "match"),
                did_you_mean(rule.match, known, aliases=ALIASES, limit=0),
            )
        if not rule.model_extra and ("init", i) not in spec.holes:
            yield "missing-argument", "an init rule says what a parameter starts as: `weight: 1`", ("init", i), ()
        for key, value in (rule.model_extra or {}).items():
            try:
                initialiser(evaluate(value, Scope(params)))
            except BadInit as error:
                yield error.code, str(error), ("init", i, key, *error.path), error.help
            except ExpressionError as error:
                code, help, _ = judged(error)
                yield code, str(error), ("init", i, key, *error.path), help
            except Poisoned:
                continue
