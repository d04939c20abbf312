"""What the op of an entry takes, or a function in an expression, while its arguments are typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from speczoo.editor import cursor
from speczoo.editor.analysis import Analysis
from speczoo.editor.functions import FUNCTIONS
from speczoo.editor.names import Names, entry_at
from speczoo.editor.ops import Taken, op_of
from speczoo.editor.tree import Scalar, find


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
    entry = entry_at(typing.place.loc)
    op = find(typing.root, (*entry, "op")) if entry is not None else None
    names = Names(typing.root)
    found = op_of(op.text, names, analysis.unit) if isinstance(op, Scalar) else None
    if found is None or entry is None or not found.arguments:
        return None
    key = str(typing.place.loc[len(entry)]) if len(typing.place.loc) > len(entry) else ""
    key = typing.before if typing.place.part == "key" else key
    active = next((i for i, each in enumerate(found.arguments) if each.name == key), None)
    return _of(found.name, found.summary, found.arguments, active)


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
