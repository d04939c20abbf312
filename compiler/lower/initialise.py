"""Init rules and `freeze` as loops over a network's modules and parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from speczoo.compiler.composite import Composite, Node, Settings
from speczoo.compiler.containers import holding
from speczoo.compiler.graph import Graph
from speczoo.compiler.identifiers import called
from speczoo.compiler.init_rules import ComputedInitRule, rules
from speczoo.compiler.initialisers import Initialiser
from speczoo.compiler.layer import Layer
from speczoo.compiler.lower.parameterize import literal
from speczoo.compiler.path_patterns import matches
from speczoo.compiler.program import EVERY, InitLoop


def init_loops(composite: Composite, settings: Settings) -> tuple[InitLoop, ...]:
    """Return the spec's init rules, in order, without those that meet nothing in this network."""
    graph = Graph(composite.unit, composite, settings)
    if not graph.spec.init:
        return ()
    leaves = [(path, node) for path, node, _ in graph.walk()]
    modules = {*_modules(composite, "")}
    kin = {op for _, node in leaves for op in Layer.registry[node.op].kin}
    out: list[InitLoop] = []
    for rule in rules(graph):
        reached = [(path, node) for path, node in leaves if rule.meets(path, node.op)]
        met = [(path, node) for path, node in reached if any(name in node.weights for name, _ in rule.initialisers)]
        if met:
            out += _by_op(rule, reached, kin) if rule.by_op else _by_name(rule, met, modules)
    return tuple(out)


def _by_op(rule: ComputedInitRule, reached: Sequence[tuple[str, Node]], kin: Collection[str]) -> list[InitLoop]:
    """Return a loop over the modules of one class, some of which may lack a parameter."""
    target = called(Layer.registry[rule.match].torch or f"nn.{rule.match}")
    test = f"type(m) is {target}" if rule.match in kin else f"isinstance(m, {target})"
    calls = []
    for name, initialiser in rule.initialisers:
        owners = [node for _, node in reached if name in node.weights]
        if owners:
            call = _call(f"m.{name}", initialiser)
            calls.append(call if len(owners) == len(reached) else f"if m.{name} is not None:\n    {call}")
    return [InitLoop(test, tuple(calls), by_name=False)]


def _by_name(rule: ComputedInitRule, met: Sequence[tuple[str, Node]], modules: Collection[str]) -> list[InitLoop]:
    """Return loops over modules of any class, one for all parameters that the same modules have: another class may know
    nothing of them.
    """
    calls: dict[tuple[str, ...], list[str]] = {}
    for name, initialiser in rule.initialisers:
        owners = tuple(sorted({path for path, node in met if name in node.weights}))
        if owners:
            calls.setdefault(owners, []).append(_call(f"m.{name}", initialiser))
    return [
        InitLoop(_name_test(rule.match, [*owners], {*modules} - {*owners}), tuple(lines), by_name=True)
        for owners, lines in calls.items()
    ]


def _modules(composite: Composite, prefix: str) -> Iterator[str]:
    """Yield the names of all modules, as `named_modules` has them."""
    for node in composite.nodes:
        if node.body is not None:
            path = prefix + node.name
            yield path
            yield from (prefix + container for container in holding(node.name))
            yield from (f"{path}.{key.rpartition('.')[0]}" for key in node.weights if "." in key)
            if isinstance(node.body, Composite):
                yield from _modules(node.body, path + ".")


def _name_test(pattern: str, names: list[str], others: Collection[str]) -> str:
    """Return a test on `name` that these names pass and no others: exact where they are few, else the end or the start
    of them if that tells them apart.
    """
    if len(names) <= 3:
        return f"name == {literal(names[0])}" if len(names) == 1 else f"name in {literal(tuple(names))}"
    tail = pattern.removeprefix("**.")
    if pattern.startswith("**.") and "*" not in tail and not any(name.endswith("." + tail) for name in others):
        dotted = f"name.endswith({literal('.' + tail)})"
        return dotted if tail not in names else f"name == {literal(tail)} or {dotted}"
    start = pattern[:-2]
    if re.fullmatch(r"[\w.-]+\.\*\*", pattern) and not any(name.startswith(start) for name in others):
        return f"name.startswith({literal(start)})"
    return f"name in {literal(tuple(names))}"


def _call(target: str, initialiser: Initialiser) -> str:
    name, arguments = initialiser
    if name == "constant":
        value = dict(arguments)["val"]
        if value == 0:
            return f"nn.init.zeros_({target})"
        if value == 1:
            return f"nn.init.ones_({target})"
        return f"nn.init.constant_({target}, {literal(value)})"
    shown = "".join(f", {key}={literal(value)}" for key, value in arguments)
    return f"nn.init.{name}_({target}{shown})"


def freezing(composite: Composite) -> tuple[str, ...]:
    """Return tests on a parameter's `name` that say which do not train: EVERY where none does."""
    graph_keys = _keys(composite)
    out = []
    own: set[str] = set()
    for pattern in composite.unit.spec.freeze:
        keys = [k for k in graph_keys if matches(pattern, k)]
        own |= {*keys}
        if keys:
            out.append(_name_test(pattern, keys, {*graph_keys} - {*keys}))
    if with_them := sorted(frozen_with_others(composite) - own):
        out.append(_name_test("", with_them, ()))
    return (EVERY,) if out and own.issuperset(graph_keys) else tuple(out)


def frozen_with_others(composite: Composite) -> frozenset[str]:
    """Return the parameters that are tied and do not train, one of two by the other."""
    assert composite.settings is not None
    graph = Graph(composite.unit, composite, composite.settings)
    if not composite.unit.spec.tie:
        return frozenset()
    return graph.frozen_keys & graph.one.keys()


def _keys(composite: Composite) -> list[str]:
    assert composite.settings is not None
    graph = Graph(composite.unit, composite, composite.settings)
    return [f"{path}.{w}" if w else path for path, node, _ in graph.walk() for w in node.weights]
