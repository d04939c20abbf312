"""Lists that are the same but for arguments, and for entries that some are without, as one list that holds for all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.aligning import Aligned, Members, aligned, is_activation, joined
from speczoo.importing.columns import ABSENT, DEPTH, Column, ColumnWords, Led, key
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Turns
from speczoo.importing.leaves import plain

#: What expressions read of what flows into a list, and which axis it is: of maps, and of all else.
MAP = {"input.channels": 0, "input.height": -2, "input.width": -1}
FEATURES = {"input.channels": 0, "input.features": -1}
#: What a number among values is called as a parameter.
NUMBERS = {"mul": "scale", "div": "divisor", "add": "shift"}


def unify(lists: Sequence[ImportedList], scope: ColumnWords, defaults: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say all lists by the first, in the words of a scope; return whether they are one list at all."""
    found = aligned(lists)
    if found is None:
        return False
    _unify([*lists], found, scope, defaults)
    scope.conclude()
    return True


def _unify(
    lists: Sequence[ImportedList | None], found: Aligned, scope: ColumnWords, defaults: Mapping[str, Mapping[str, Any]]
) -> None:
    """Say lists that are lined up; None stands for one that its entry is left out of."""
    there = [number for number, made in enumerate(lists) if made is not None]
    made = joined([each for each in lists if each is not None], found)
    assert made is not None
    for row in found.rows:
        members: list[ImportedEntry | None] = [None] * len(lists)
        for number, entry in zip(there, row.members, strict=True):
            members[number] = entry
        _say(row.first, tuple(members), scope, defaults)
        if row.optional:
            truths = tuple(ABSENT if each is None else members[number] is not None for number, each in enumerate(lists))
            scope.whens.append((row.first, _presence(row.first), truths, dict(scope.words)))
        bodies = [entry.body if entry is not None else None for entry in members]
        present = [body for body in bodies if body is not None]
        if present and (inside := aligned(present)) is not None:
            outside = dict(scope.words)
            scope.words = {name: each for name, each in outside.items() if name not in MAP | FEATURES} | flowing_in(
                bodies
            )
            _unify(bodies, inside, scope, defaults)
            scope.words = outside


def _say(first: ImportedEntry, entries: Members, scope: ColumnWords, defaults: Mapping[str, Mapping[str, Any]]) -> None:
    """Give an entry the arguments of all that it stands for."""
    kinds = tuple(ABSENT if entry is None else entry.op for entry in entries)
    if len({*kinds} - {ABSENT}) > 1:  # whose defaults may be others
        for entry in entries:
            if entry is not None:
                entry.args = {name: default(entry, name, defaults) for name in entry.takes} | entry.args
    for name, column in columns(entries, defaults):
        if name.startswith("for "):
            variable = name.removeprefix("for ")
            first.loop[variable] = _turns(scope, variable, column)
            continue
        text = scope.say(column, _wanted(first, name), _here(entries))
        if len({*kinds} - {ABSENT}) == 1 and key([text]) == key([default(first, name, defaults)]):
            first.args.pop(name, None)
        else:
            first.args[name] = text
    for port, operand in enumerate(first.inputs):
        if not isinstance(operand, Feed):
            numbers = tuple(ABSENT if entry is None else entry.inputs[port] for entry in entries)
            first.inputs[port] = scope.say(numbers, NUMBERS.get(first.op, "number"), {})
    if first.body is None and first.share is None and len({*kinds} - {ABSENT}) > 1:
        first.op = scope.say(kinds, re.sub(r"\d+$", "", first.name) or _family(first.op), {})


def _presence(entry: ImportedEntry) -> str:
    """Return a name for the parameter that says whether an entry is there."""
    name = re.sub(r"\W", "_", entry.name).strip("_0123456789")
    if _family(entry.op) == "act" or entry.op.startswith("$"):
        return "activated"
    return name or {"add": "residual"}.get(entry.op) or entry.op.lower() or "more"


def _family(op: str) -> str:
    """Return what a parameter is called that says which layer of a family an entry is."""
    return "act" if is_activation(op) else "layer" if op in Layer.registry else "block"


def flowing_in(lists: Sequence[ImportedList | None]) -> dict[str, Column]:
    """Return the words for the sizes that flow into lists with one input; none where that has no axes."""
    firsts = [made.channels[0] if made is not None and len(made.channels) == 1 else () for made in lists]
    there = [first for first, made in zip(firsts, lists, strict=True) if made is not None]
    if not there or not all(there):
        return {}
    words = MAP if all(len(shape) == 3 and shape[1] == shape[2] for shape in there) else FEATURES
    return {name: tuple(shape[axis] if shape else ABSENT for shape in firsts) for name, axis in words.items()}


def _turns(scope: ColumnWords, variable: str, column: Column) -> Any:
    """Return what a loop runs over in all lists: as many turns as a parameter says, or lists of values."""
    there = next(each for each in column if each is not ABSENT)
    if isinstance(there, Turns):
        lasts = tuple(ABSENT if each is ABSENT else each.last for each in column)
        return Turns(there.first, scope.say(lasts, DEPTH, {}))
    return scope.say(column, variable, {})


def columns(entries: Members, defaults: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Column]]:
    """Yield the arguments that any of like entries has, with the value of each."""
    there = [entry for entry in entries if entry is not None]
    loop = next((entry.loop for entry in there if entry.loop), {})
    for name in loop:
        yield f"for {name}", tuple(ABSENT if e is None else e.loop.get(name, Turns(1, 1)) for e in entries)
    for name in dict.fromkeys(name for entry in there for name in entry.args):
        column = [ABSENT if e is None else e.args.get(name, default(e, name, defaults)) for e in entries]
        variable = next(iter(loop), "")
        yield name, tuple(_once(value, e, variable) for value, e in zip(column, entries, strict=True))


def _once(value: Any, entry: ImportedEntry | None, variable: str) -> Any:
    """Return an argument beside those of a loop: one turn has no others than its first."""
    return value if entry is None or entry.loop or not variable else Led(variable, value, ABSENT)


def default(entry: ImportedEntry, name: str, defaults: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return what an argument is that an entry does not say."""
    if entry.op in defaults:
        return defaults[entry.op].get(name)
    layer = Layer.registry.get(entry.op)
    return plain(layer.model_fields[name].default) if layer is not None else None


def _here(entries: Members) -> dict[str, Column]:
    """Return the words of what flows into an entry."""
    flowing = [ABSENT if entry is None else entry.flowing[0] if entry.flowing else () for entry in entries]
    if not all(flowing):
        return {}
    there = [(ABSENT, ABSENT) if shape is ABSENT else (shape[0], shape[-1]) for shape in flowing]
    return {"in_channels": tuple(a for a, _ in there), "in_features": tuple(b for _, b in there)}


def _wanted(entry: ImportedEntry, name: str) -> str:
    """Return a good name for a parameter that is an argument of an entry."""
    short = {"out_channels": "channels", "out_features": "features", "kernel_size": "kernel", "num_heads": "heads"}
    return short.get(name, name)
