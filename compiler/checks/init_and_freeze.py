"""`init` and `freeze`: whether their rules can be computed, and speak of parameters that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from speczoo.compiler.checks.unmet_rules import advice, could_meet, rule_advice
from speczoo.compiler.composite import Node
from speczoo.compiler.graph import Graph
from speczoo.compiler.init_rules import ComputedInitRule, is_op, rules
from speczoo.compiler.initialisers import Initialiser, initialiser, unfit
from speczoo.compiler.layer import Layer, show
from speczoo.compiler.layers.weight_norms import ORIGINALS
from speczoo.compiler.path_patterns import matches
from speczoo.compiler.scope import Scope, expression_problem
from speczoo.compiler.synonyms import OPS, OPS_ASKED
from speczoo.compiler.unknown import UnknownRead
from speczoo.specs.expression import METER, ExpressionError, evaluate
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.spec import Spec
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.wording import listed


def init_problems(spec: Spec, params: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the spec's init rules, whatever they meet."""
    for i, rule in enumerate(spec.init):
        METER.spent += 10 * (1 + len(rule.model_extra or {}))
        at: Loc = ("init", i)
        plain = rule.match.replace("_", "").isalnum() and rule.match[:1].isupper()
        if plain and not is_op(rule.match):
            known = [name for name in Layer.registry if name[0].isupper()]
            help = did_you_mean(rule.match, known, aliases=OPS_ASKED | OPS, limit=0)
            yield Problem("unknown-op", f"there is no op `{rule.match}`", (*at, "match"), help=help)
        if not rule.model_extra and at not in spec.placeholders:
            yield Problem("missing-argument", "an init rule says what a parameter starts as: `weight: 1`", at)
        for name, value in (rule.model_extra or {}).items():
            if not name:
                message = "an init rule names a parameter: `weight: 1`; a `Parameter` has `init` for what it starts as"
                yield Problem("unknown-argument", message, (*at, name), key=True)
            try:
                initialiser(evaluate(value, Scope(params)))
                if is_op(rule.match) and not _can_have(Layer.registry[rule.match], name):
                    message = f"{rule.match} has no parameter `{name}`"
                    help = did_you_mean(name, Layer.registry[rule.match].parameters)
                    yield Problem("unknown-argument", message, (*at, name), help=help, key=True)
            except ProblemError as error:
                yield error.problem.below((*at, name))
            except ExpressionError as error:
                yield expression_problem(error, (*at, name), Scope(params))
            except UnknownRead:
                continue


def _can_have(layer: type[Layer], name: str) -> bool:
    """Return whether a layer of this type can have a parameter of this name."""
    return layer.can_have_weights() and (not layer.parameters or name in layer.parameters)


def pattern_problem(parts: Sequence[Graph], limits: Limits) -> tuple[Graph, Problem] | None:
    """Return the first spec whose patterns would take too long to hold against every name, in the network and in all
    specs that it uses.
    """
    held = dict.fromkeys(("freeze", "init"), 0)
    for part in parts:
        for key, patterns in (("freeze", part.spec.freeze), ("init", [rule.match for rule in part.spec.init])):
            held[key] += sum(1 + len(p.split(".")) + len(p) // 16 for p in patterns) * part.root.size
            if held[key] > limits.matches:
                message = f"the patterns of `{key}` are too many for a network of {part.root.size:,} layers"
                return part, Problem("limit-exceeded", message, (key,), key=True)
    return None


def rule_problems(graph: Graph, *, init: bool) -> Iterator[Problem]:
    """Yield rules that meet nothing, or what cannot start so; those of `init` if they can be computed."""
    if graph.settings.taps:
        return
    if init and graph.spec.init:
        computed, placeholders = rules(graph), graph.spec.placeholders
        walked = [(path, node) for path, node, _ in graph.walk()] if not all(rule.by_op for rule in computed) else []
        for i, rule in enumerate(computed):
            if ("init", i) not in placeholders and not (rule.by_op and _fits(rule, graph)):
                leaves = [*graph.made()] if rule.by_op else walked
                met = [(path, node) for path, node in leaves if rule.meets(path, node.op)]
                yield from _rule(rule, met, i) if met else _unmet(graph, rule, leaves, i)
    keys = list(graph.state) if graph.spec.freeze else []
    for i, pattern in enumerate(graph.spec.freeze):
        if ("freeze", i) not in graph.spec.placeholders and not any(matches(pattern, key) for key in keys):
            message = f"`freeze` names nothing: no parameter matches `{pattern}`"
            help, marks = advice(graph, pattern, keys)
            yield Problem("unknown-reference", message, ("freeze", i), help=help, marks=marks)


def _unmet(graph: Graph, rule: ComputedInitRule, leaves: Iterable[tuple[str, Node]], i: int) -> Iterator[Problem]:
    """Yield a rule that meets nothing, whatever the spec's parameters are."""
    if could_meet(graph.spec, rule):
        return
    help, marks = rule_advice(graph, rule, leaves)
    message = f"this rule meets nothing: no layer is `{rule.match}`"
    yield Problem("unused-rule", message, ("init", i, "match"), help=help, marks=marks, severity="warning")


def _fits(rule: ComputedInitRule, graph: Graph) -> bool:
    """Return whether an op's rule meets something, and all of that can start so, and has what it names."""
    layer = Layer.registry[rule.match]
    weights = [application.weights for application in graph.root.applications if type(application.body) is layer]
    for name, initial in rule.initialisers:
        shapes = {having[name] for having in weights if name in having}
        if not shapes and name not in ("weight", "bias"):
            return False
        if any(unfit(initial, shape) is not None for shape in shapes):
            return False
    return bool(weights)


def _rule(rule: ComputedInitRule, met: list[tuple[str, Node]], i: int) -> Iterator[Problem]:
    known = list(dict.fromkeys(key for _, node in met for key in node.weights))
    for name, initial in islice(rule.initialisers, DEFAULT.mistakes):
        if name not in (*known, "weight", "bias"):  # those are there for other choices of the parameters
            message = f"nothing that `{rule.match}` names has a parameter `{name}`"
            help = did_you_mean(name, known)
            yield Problem("unknown-argument", message, ("init", i, name), key=True, help=help)
        originals = [key for key in known if key in ORIGINALS] if name == "weight" else []
        if originals and name not in known:
            message = f"`{name}` of what `{rule.match}` names is computed: its parameters are {listed(originals)}"
            yield Problem("unknown-argument", message, ("init", i, name), key=True)
        problem = _unfit(met, name, initial)
        if problem is not None:
            yield Problem("shape-mismatch", problem, ("init", i, name))


def _unfit(met: list[tuple[str, Node]], name: str, initial: Initialiser) -> str | None:
    """Return why the first parameter of this name that cannot start so cannot."""
    for path, node in met:
        if name in node.weights and (why := unfit(initial, shape := node.weights[name])) is not None:
            return f"{why}, and `{name}` of `{path}` is {show(shape)}"
    return None
