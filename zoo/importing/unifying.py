"""Lists that are the same but for arguments, as one list that holds for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.columns import Column, Scope, key
from speczoo.importing.entries import Entry, List, Source, Turns
from speczoo.importing.leaves import plain

INPUT = "input.channels"


def skeleton(made: List) -> Any:
    """Return what lists share that differ in arguments alone."""
    places = {entry: place for place, entry in enumerate(made.entries)}

    def of(operand: Any) -> Any:
        return (
            (places[operand.entry] if operand.entry else -1, operand.port)
            if isinstance(operand, Source)
            else key([operand])
        )

    entries = tuple(
        (
            entry.name if entry.named else "",
            entry.op if entry.body is None or not entry.body.sequential else "",
            places.get(entry.share) if entry.share else None,
            tuple(map(of, entry.inputs)),
            tuple((name, of(source)) for name, source in entry.references.items()),
            entry.ports,
            tuple(entry.loop),
            tuple(signature(entry)),
            skeleton(entry.body) if entry.body is not None else None,
        )
        for entry in made.entries
    )
    return len(made.inputs), entries, tuple(map(of, made.outputs))


def unify(lists: list[List], scope: Scope, defaults: Mapping[str, Mapping[str, Any]]) -> None:
    """Say every argument of the first list so that it holds for all of them, in the words of a scope."""
    for entries in zip(*(made.entries for made in lists), strict=True):
        first = entries[0]
        for name, column in columns(entries, defaults):
            if name.startswith("for "):
                variable = name.removeprefix("for ")
                first.loop[variable] = _turns(scope, variable, column)
                continue
            text = scope.say(column, _wanted(first, name), _here(entries))
            if key([text]) == key([default(first, name, defaults)]):
                first.args.pop(name, None)
            else:
                first.args[name] = text
        bodies = [entry.body for entry in entries if entry.body is not None]
        if bodies:
            outside = dict(scope.words)
            scope.words.pop(INPUT, None)
            scope.words |= flowing_in(bodies)
            unify(bodies, scope, defaults)
            scope.words = outside


def signature(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield the arguments that are no plain numbers: expressions, and what one parameter has no type for."""
    for name, value in sorted(entry.args.items()):
        if isinstance(value, str) and "$" in value:
            yield name, value
        elif isinstance(value, list) and (len(value) != 2 or any(type(each) is not int for each in value)):
            yield name, f"{len(value)} values"
        elif value is None or (isinstance(value, str) and entry.op in Layer.registry):
            yield name, key([value])


def flowing_in(lists: Sequence[List]) -> dict[str, Column]:
    """Return the word for the channels that flow into lists with one input; none where that has no axes."""
    firsts = [made.channels[0] if len(made.channels) == 1 else () for made in lists]
    return {INPUT: tuple(shape[0] for shape in firsts)} if all(firsts) else {}


def _turns(scope: Scope, variable: str, column: Column) -> Any:
    """Return what a loop runs over in all lists: as many turns as a parameter says, or lists of values."""
    if all(isinstance(each, Turns) for each in column):
        return Turns(column[0].first, scope.say(tuple(each.last for each in column), "depth", {}))
    return scope.say(column, variable, {})


def columns(entries: tuple[Entry, ...], defaults: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Column]]:
    """Yield the arguments that any of like entries has, with the value of each."""
    for name in entries[0].loop:
        yield f"for {name}", tuple(entry.loop[name] for entry in entries)
    for name in dict.fromkeys(name for entry in entries for name in entry.args):
        yield name, tuple(entry.args.get(name, default(entry, name, defaults)) for entry in entries)


def default(entry: Entry, name: str, defaults: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return what an argument is that an entry does not say."""
    if entry.op in defaults:
        return defaults[entry.op].get(name)
    layer = Layer.registry.get(entry.op)
    return plain(layer.model_fields[name].default) if layer is not None else None


def _here(entries: tuple[Entry, ...]) -> dict[str, Column]:
    """Return the words of what flows into an entry."""
    flowing = [entry.flowing[0] if entry.flowing else () for entry in entries]
    if not all(flowing):
        return {}
    return {"in_channels": tuple(s[0] for s in flowing), "in_features": tuple(s[-1] for s in flowing)}


def _wanted(entry: Entry, name: str) -> str:
    """Return a good name for a parameter that is an argument of an entry."""
    short = {"out_channels": "channels", "out_features": "features", "kernel_size": "kernel", "num_heads": "heads"}
    return short.get(name, name)
