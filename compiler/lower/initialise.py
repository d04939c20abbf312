"""Init rules and `freeze` as loops over a network's modules and parameters."""

from __future__ import annotations

import re

from compiler.graph import Composite, Graph, Settings, matches
from compiler.initialisers import Initialiser
from compiler.layer import Layer
from compiler.lower.columns import literal
from compiler.program import InitLoop
from compiler.rules import rules


def init_loops(composite: Composite, settings: Settings) -> tuple[InitLoop, ...]:
    """The spec's init rules, in order, without those that meet nothing in this network."""
    graph = Graph(composite.unit, composite, settings)
    leaves = list(graph.walk())
    out = []
    for rule in rules(graph):
        met = [
            (path, node)
            for path, node, _ in leaves
            if rule.meets(path, node.op) and any(name in node.weights for name, _ in rule.initialisers)
        ]
        if not met:
            continue
        calls = []
        for name, initialiser in rule.initialisers:
            owners = [node for _, node in met if name in node.weights]
            if not owners:
                continue
            call = _call(f"m.{name}", initialiser)
            calls.append(call if len(owners) == len(met) else f"if m.{name} is not None:\n    {call}")
        if rule.by_op:
            layer = Layer.registry[rule.match]
            target = layer.torch or f"nn.{layer.op}"
            out.append(InitLoop(f"isinstance(m, {target})", tuple(calls)))
        else:
            paths = sorted({path for path, _ in met})
            out.append(InitLoop(_name_test(rule.match, paths), tuple(calls), by_name=True))
    return tuple(out)


def _name_test(pattern: str, paths: list[str]) -> str:
    """A test on a module's `name`: exact names where they are few, the end of the path, or its parts."""
    if len(paths) <= 3:
        return f"name == {literal(paths[0])}" if len(paths) == 1 else f"name in {literal(tuple(paths))}"
    tail = pattern.removeprefix("**.")
    if pattern.startswith("**.") and "*" not in tail:
        dotted = "." + tail
        return (
            f"name.endswith({literal(dotted)})"
            if tail not in paths
            else f"name == {literal(tail)} or name.endswith({literal(dotted)})"
        )
    if re.fullmatch(r"[\w.-]+\.\*\*", pattern):
        return f"name.startswith({literal(pattern[:-2])})"
    return f"name in {literal(tuple(paths))}"


def _call(target: str, initialiser: Initialiser) -> str:
    name, arguments = initialiser
    if name == "constant":
        value = dict(arguments)["val"]
        if value == 0:
            return f"nn.init.zeros_({target})"
        if value == 1:
            return f"nn.init.ones_({target})"
        return f"nn.init.constant_({target}, {literal(value)})"
    said = "".join(f", {key}={literal(value)}" for key, value in arguments)
    return f"nn.init.{name}_({target}{said})"


def freezing(composite: Composite) -> tuple[str, ...]:
    """Tests on a parameter's `name` that say which do not train."""
    graph_keys = _keys(composite)
    out = []
    for pattern in composite.unit.spec.freeze:
        keys = [k for k in graph_keys if matches(pattern, k)]
        if keys:
            out.append(_name_test(pattern, keys))
    return tuple(out)


def _keys(composite: Composite) -> list[str]:
    assert composite.settings is not None
    graph = Graph(composite.unit, composite, composite.settings)
    return [f"{path}.{w}" if w else path for path, node, _ in graph.walk() for w in node.weights]
