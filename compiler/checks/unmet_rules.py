"""Patterns of `init` and `freeze` that meet nothing: what was probably intended, and whether other parameters of the
spec would give them something to meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import divided
from speczoo.compiler.graph import Graph
from speczoo.compiler.id_template import IdTemplate, parts_of_id
from speczoo.compiler.init_rules import ComputedInitRule
from speczoo.compiler.layer import Layer
from speczoo.compiler.path_patterns import fits, matches, parts_of
from speczoo.specs.entry import Entry, variables
from speczoo.specs.expression import ExpressionError, Template
from speczoo.specs.problem import Mark
from speczoo.specs.spec import Spec
from speczoo.specs.suggestions import MOST, did_you_mean, nearest

STATES = 10_000  # of entries under what is left of a pattern that are looked at


# -- what was intended ------------------------------------------------------------------------------------------------


def advice(graph: Graph, pattern: str, names: Sequence[str]) -> tuple[tuple[str, ...], list[Mark]]:
    """Return the help for a pattern that meets none of these names, and the place that explains it."""
    omitted = _omitted(graph.root, pattern)
    if omitted is not None:
        return (), [Mark((*omitted.loc, "when"), f"`{omitted.name}` is left out here")]
    deeper = f"{pattern}*" if pattern.endswith(".*") else f"{pattern}.**"
    wider = [deeper, f"**.{pattern}"]
    found = next((each for each in wider if any(matches(each, name) for name in names)), None)
    if found is not None:
        return (f"did you mean `{found}`? A `*` stands for one part of a path, `**` for any number of them",), []
    return _near(graph.root, pattern, names), []


def _omitted(composite: Composite, pattern: str) -> Node | None:
    """Return the node that `when` leaves out, where a pattern leads to it by names."""
    node, rest = _entry(composite, pattern)
    if node is None or (node.body is not None and not isinstance(node.body, Composite)):
        return None
    if node.body is None:
        return node if node.entry.when is not None else None
    return _omitted(node.body, rest)


def _entry(composite: Composite, pattern: str) -> tuple[Node | None, str]:
    """Return the entry of a list that a pattern leads to by names, and what is behind it."""
    named = {node.name: node for node in reversed(composite.nodes)}
    head, rest = divided(pattern, named)
    return named.get(head), rest


def _near(root: Composite, pattern: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the help with the name that is nearest: of a whole path, else of the first part that leads nowhere."""
    if suggested := nearest(pattern, islice(names, MOST)):
        return (f"did you mean `{suggested}`?",)
    inside, left = root, pattern
    while left:
        before = pattern[: len(pattern) - len(left)]
        node, rest = _entry(inside, left)
        if node is None or not isinstance(node.body, Composite):
            known = (
                [*node.weights] if node is not None else [each.name for each in inside.nodes if each.body is not None]
            )
            part, dot, behind = left.partition(".")
            word = nearest(part, known) if node is None else None
            changed = f"{before}{word}{dot}{behind}" if word else ""
            if any(changed and matches(changed, name) for name in names):
                return (f"did you mean `{changed}`?",)
            where = f" in `{before.rstrip('.')}`" if before else ""
            return tuple(f"{line}{where}" for line in did_you_mean("", dict.fromkeys(known)))
        inside, left = node.body, rest
    return ()


def rule_advice(
    graph: Graph, rule: ComputedInitRule, leaves: Iterable[tuple[str, Node]]
) -> tuple[tuple[str, ...], list[Mark]]:
    """Return the help for an init rule that meets nothing, and the place that explains it."""
    weighted = [(path, node) for path, node in leaves if node.weights]
    ops = list(dict.fromkeys(node.op for _, node in weighted))
    if rule.by_op:
        return did_you_mean(rule.match, ops) or (), []
    layer, _, parameter = rule.match.rpartition(".")
    if any(parameter in node.weights and matches(layer, path) for path, node in weighted):
        return (f"a rule names layers, and their parameters as its keys: `match: {layer}`, `{parameter}: ...`",), []
    return advice(graph, rule.match, [path for path, _ in weighted])


# -- what other parameters may give -----------------------------------------------------------------------------------


def could_meet(spec: Spec, rule: ComputedInitRule) -> bool:
    """Return whether a rule may speak of something under other parameters of the spec: of what a condition, a loop, an
    id or an op of theirs brings.
    """
    if rule.by_op:
        return any(rule.match == op or "$" in op for op in _ops(spec))
    parts = parts_of(rule.match)
    return _Search(spec, parts).meets(spec.layers, _closed({0}, parts), frozenset(), varying=False)


def _ops(spec: Spec) -> Iterable[str]:
    """Yield the ops of all entries as they are written."""
    left = [*spec.layers, *(entry for block in spec.blocks.values() for entry in block.layers)]
    while left:
        entry = left.pop()
        left += [*(entry.layers or ()), *(entry.do or ())]
        if entry.op is not None:
            yield entry.op
            yield from ("$" for name in (entry.op,) if name in spec.use and _reads(entry.arguments))


PatternPart = tuple[str, ...] | None


@dataclass
class _Search:
    """A walk over a spec's entries with a pattern: the positions in its parts that a path has reached."""

    spec: Spec
    parts: tuple[PatternPart, ...]
    visited: set[Any] = field(default_factory=set)

    def meets(self, entries: Sequence[Entry], reach: frozenset[int], fixed: frozenset[str], *, varying: bool) -> bool:
        """Return whether an entry that the spec's parameters bring may be met. `fixed` are the variables of loops whose
        turns are as written.
        """
        key = (id(entries), reach, fixed, varying)
        if key in self.visited or not reach:
            return False
        self.visited.add(key)
        return len(self.visited) > STATES or any(self._meets(entry, reach, fixed, varying) for entry in entries)

    def _meets(self, entry: Entry, reach: frozenset[int], fixed: frozenset[str], varying: bool) -> bool:
        loop = entry.for_ or {}
        constant = not _reads(loop)
        names = frozenset(name for key in loop for name in variables(key)) if constant else frozenset[str]()
        fixed = fixed | names
        varying = varying or not constant or isinstance(entry.when, str)
        if entry.do is not None:
            return self.meets(entry.do, reach, fixed, varying=varying)
        id = str(entry.id) if entry.id is not None else None
        varying = varying or (id is not None and not _reads_only(id, fixed))
        inside = self._after(reach, id)
        if entry.layers is not None:
            return self.meets(entry.layers, inside, fixed, varying=varying)
        op = entry.op
        if op is None or not inside:
            return False
        if "$" in op:
            return True
        if op in self.spec.blocks:
            return self.meets(self.spec.blocks[op].layers, inside, frozenset(), varying=varying)
        if op in self.spec.use:
            return varying or _reads(entry.arguments)
        return varying and op in Layer.registry and len(self.parts) in inside

    def _after(self, reach: frozenset[int], id: str | None) -> frozenset[int]:
        """Return the positions behind one more name of a path: an id, or a number where there is none."""
        for name in [None] if id is None else parts_of_id(id):
            found = set[int]()
            for at in reach:
                if at == len(self.parts):
                    continue
                part = self.parts[at]
                if part is None:
                    found.add(at)
                elif _could_fit(part, name):
                    found.add(at + 1)
            reach = _closed(found, self.parts)
        return reach


def _closed(reach: set[int], parts: tuple[PatternPart, ...]) -> frozenset[int]:
    """Return the positions with those behind a `**`, which may stand for nothing."""
    left = list(reach)
    while left:
        at = left.pop()
        if at < len(parts) and parts[at] is None and at + 1 not in reach:
            reach.add(at + 1)
            left.append(at + 1)
    return frozenset(reach)


def _could_fit(part: tuple[str, ...], id: str | None) -> bool:
    if id is None:
        return len(part) > 1 or part[0].isdigit()
    if "$" in id:
        return len(part) > 1 or IdTemplate.of(id).could_read(part[0])
    return fits(part, id)


def _reads(value: Any) -> bool:
    """Return whether something in the data is an expression."""
    if isinstance(value, str):
        return "$" in value
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return any(map(_reads, inside))


def _reads_only(text: str, names: frozenset[str]) -> bool:
    try:
        return Template.of(text).names <= names
    except ExpressionError:
        return False
