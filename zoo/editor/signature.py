"""What the op of an entry takes, or a function in an expression, while its arguments are typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from speczoo.editor import cursor
from speczoo.editor.analysis import Analysis
from speczoo.editor.names import TextNames, entry_at
from speczoo.editor.ops import Op, Taken, op_of
from speczoo.editor.recipe_help import op_around
from speczoo.editor.recipe_words import is_recipe
from speczoo.editor.tree import Mapping, TextScalar, find
from speczoo.specs.expression.reference import FUNCTIONS


@dataclass(frozen=True, slots=True)
class Signature:
    """A line, the stretches of it that are parameters with what there is to say of each, and which of them is typed."""

    label: str
    doc: str
    parameters: tuple[tuple[int, int, str], ...]
    active: int | None


def signature(text: str, offset: int, analysis: Analysis) -> Signature | None:
    """Return what is taken by what is being typed; None where that is nothing that takes arguments."""
    typing = cursor.typing(text, offset)
    if typing is None:
        return None
    expression = cursor.expression(typing.before) if typing.place.part == "value" else None
    if expression is not None and expression.computes and (called := _called(typing.before)) is not None:
        return called
    around = (
        op_around(typing.root, typing.place.loc, analysis)
        if is_recipe(typing.root)
        else _entry_around(typing, analysis)
    )
    if around is None or not around[0].arguments:
        return None
    op, key = around
    key = typing.before if typing.place.part == "key" else key
    return _of(op.name, op.summary, op.arguments, _active(op, key, _given(typing)))


def _given(typing: cursor.Typing) -> set[str]:
    """Return the keys of the mapping that a key is typed in."""
    around = find(typing.root, typing.place.loc[:-1]) if typing.place.part == "key" else None
    return {pair.key.text for pair in around.pairs if pair.colon} if isinstance(around, Mapping) else set()


def _active(op: Op, key: str, given: set[str]) -> int | None:
    """Return the argument that is typed, else the first that is missing; None where that is none."""
    names = [each.name for each in op.arguments]
    missing = (each.name for each in op.arguments if each.required and each.name not in given)
    return names.index(key) if key in names else next(map(names.index, missing), None)


def _entry_around(typing: cursor.Typing, analysis: Analysis) -> tuple[Op, str] | None:
    """Return the op of the entry around a place, and the key of it that the place belongs to."""
    loc = typing.place.loc
    entry = entry_at(loc)
    name = find(typing.root, (*entry, "op")) if entry is not None else None
    op = op_of(name.text, TextNames(typing.root), analysis.unit) if isinstance(name, TextScalar) else None
    if op is None or entry is None:
        return None
    return op, str(loc[len(entry)]) if len(loc) > len(entry) else ""


def _of(name: str, summary: str, arguments: tuple[Taken, ...], active: int | None) -> Signature:
    label, parameters = f"{name}(", []
    for i, argument in enumerate(arguments):
        label += ", " * bool(i)
        parameters.append((len(label), len(label) + len(argument.label), f"{argument.doc} {argument.line}".strip()))
        label += argument.label
    return Signature(f"{label})", summary, tuple(parameters), active)


def _called(before: str) -> Signature | None:
    """Return the function whose arguments are open at the end of a text."""
    depth, commas = 0, 0
    for at in range(len(before) - 1, -1, -1):
        char = before[at]
        if char == "," and depth == 0:
            commas += 1
        elif char in ")]":
            depth += 1
        elif char in "([":
            depth -= 1
            if depth < 0:
                name = re.search(r"([a-z_]+)\Z", before[:at])
                if char == "(" and name and name[1] in FUNCTIONS:
                    return _function(name[1], commas)
                depth, commas = 0, 0
    return None


def _function(name: str, active: int) -> Signature:
    function = FUNCTIONS[name]
    at, parameters = len(name) + 1, []
    for word in function.parameters:
        start = function.call.index(word, at)
        parameters.append((start, start + len(word), ""))
        at = start + len(word)
    return Signature(function.call, function.doc, tuple(parameters), min(active, len(parameters) - 1))
