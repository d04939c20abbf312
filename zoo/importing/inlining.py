"""Blocks that are called once stand where they are called, as groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from speczoo.importing.columns import Led, inner
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Turns, is_chain
from speczoo.importing.looping import VARIABLES, by_position, copied_list, starts, unhidden, width
from speczoo.importing.reading import changed, earlier, mentions, name_in, read_by, read_in, values_of
from speczoo.specs.expression import ExpressionError, Template, evaluate, substituted

#: Words for what flows into a call, and what it is called in the group that stands for it.
FLOWING = {"in_channels": "input.channels", "in_features": "input.features"}

#: How many characters the name of a block takes.
BLOCK = 30


def inlined(root: ImportedList, blocks: dict[str, Any], containers: Collection[str] = ()) -> None:
    """Put the lists of blocks that are called once, with what they are called with, in the places of their calls; those
    of containers where that is shorter, too.
    """
    for name in reversed([*blocks]):
        lists = {"": root, **{each: block.made for each, block in blocks.items()}}
        calls = [(place, entry) for place, made in lists.items() for entry in _entries(made) if _calls(entry, name)]
        given = [values_of(entry) for made in lists.values() for entry in _entries(made)]
        given += [block.params for block in blocks.values()]
        made = blocks[name].made
        often = len(calls) > 1 and not (name in containers and _shorter(made, [entry for _, entry in calls]))
        if not calls or often or mentions(given, name):
            continue
        visible = [_visible(lists[at], entry) | {*(blocks[at].params if at else ())} for at, entry in calls]
        copies = [made, *(copied_list(made) for _ in calls[1:])]
        places = zip(calls, copies, visible, strict=True)
        stand = [_inline(entry, replace(blocks[name], made=copy), names) for (_, entry), copy, names in places]
        if all(stand):
            del blocks[name]


def _shorter(made: ImportedList, calls: Sequence[ImportedEntry]) -> bool:
    """Return whether a list in the places of its calls takes less than a block and these."""
    whole = sum(map(width, made.entries))
    return 5 * len(calls) * whole <= 6 * (BLOCK + whole + sum(map(width, calls)))


def dotted(made: ImportedList) -> None:
    """Put the entries of groups with weights in one of them alone in the groups' places, that one under both names."""
    shared = {id(entry.share) for entry in made.entries}
    for group in [*made.entries]:
        if group.body is None:
            continue
        dotted(group.body)
        if id(group) not in shared and (turns := _turns(made, group, group.body)):
            _numbered(made, group, group.body.entries[0], turns)
            continue
        if id(group) in shared or not _can_be_dotted(group, group.body):
            continue
        entries = group.body.entries
        _filled(entries[0], {"input.channels": "$in_channels", "input.features": "$in_features"})
        for entry in entries:
            entry.name = f"{group.name}.{entry.name or entries.index(entry)}" if entry.named else ""
            entry.when = entry.when or group.when
        entries[0].inputs = group.inputs
        place = made.entries.index(group)
        made.entries[place : place + 1] = entries
        made.replace({Feed(group): Feed(entries[-1])})


def _turns(made: ImportedList, group: ImportedEntry, body: ImportedList) -> int:
    """Return how many turns the counting loop has that a group is alone, behind what it takes; else 0."""
    entry = body.entries[0]
    alone = len(body.entries) == 1 and entry.named and not (entry.spliced or entry.when or group.loop or group.spliced)
    named = (
        bool(group.name) and not group.name.isdigit() and by_position(entry) and starts(made, made.entries.index(group))
    )
    turns = next((each for each in entry.loop.values() if isinstance(each, Turns)), None)
    counts = turns is not None and turns.first == 1 and isinstance(turns.last, int)
    return turns.last if turns is not None and alone and named and counts else 0


def _numbered(made: ImportedList, group: ImportedEntry, entry: ImportedEntry, turns: int) -> None:
    """Put a loop in the place of the group that holds nothing else: its turns are members of a container, from 0 on."""
    variable = next(name for name, each in entry.loop.items() if isinstance(each, Turns))
    for each in [entry, *(_entries(entry.body) if entry.body is not None else ())]:
        _shifted(each, variable)
    entry.loop |= {variable: Turns(0, turns - 1)}
    entry.name, entry.last_name = f"{group.name}.${variable}", f"{group.name}.{turns - 1}"
    entry.inputs, entry.when = group.inputs, group.when
    made.entries[made.entries.index(group)] = entry
    made.replace({Feed(group): Feed(entry)})


def _shifted(entry: ImportedEntry, variable: str) -> None:
    """Say what an entry does at some turns by turns that are counted from 0; the places that the value of a buffer
    reads are its own.
    """

    def now(value: Any) -> Any:
        if isinstance(value, list):
            return [*map(now, value)]
        text = str(value) if isinstance(value, Led) else value
        return changed(text, lambda each: earlier(each, variable))

    own = ("value",) if variable in entry.args.get("at", ()) else ()
    entry.args = {name: value if name in own else now(value) for name, value in entry.args.items()}
    entry.loop = {name: now(value) for name, value in entry.loop.items()}
    entry.when = now(entry.when)


def _can_be_dotted(group: ImportedEntry, body: ImportedList) -> bool:
    """Return whether the entries of a group mean the same in the list around it."""
    learned = [entry for entry in body.entries if entry.named]
    named = len(learned) == 1 and group.name != "" and not group.name.isdigit() and not (group.loop or group.spliced)
    plain = all(
        not (entry.loop or entry.spliced or entry.when) and (entry.named or entry.body is None)
        for entry in body.entries
    )
    read = any("input" in read_by(entry) for entry in body.entries[1:])
    return named and plain and is_chain(body) and not read and (len(body.entries) == 1 or not group.when)


def _calls(entry: ImportedEntry, name: str) -> bool:
    """Return whether an entry is a call of a block; a group has the name of its class."""
    return entry.op == name and entry.body is None


def _entries(made: ImportedList) -> Iterator[ImportedEntry]:
    return (entry for each in made.walk() for entry in each.entries)


def _visible(made: ImportedList, entry: ImportedEntry) -> set[str]:
    """Return the variables of the loops around an entry, and of its own."""
    for each in made.entries:
        if each is entry:
            return {*each.loop}
        if each.body is not None and any(inside is entry for inside in _entries(each.body)):
            return {*each.loop} | _visible(each.body, entry)
    return set()


def _inline(call: ImportedEntry, block: Any, visible: set[str]) -> bool:
    """Make a group of a call; return whether it can be one, else nothing is changed."""
    made: ImportedList = block.made
    loops = {name for entry in _entries(made) for name in entry.loop} - {*VARIABLES}
    if len(made.inputs) != 1 or len(made.outputs) != 1 or call.share is not None or loops & visible:
        return False
    values = {param: call.args.get(param, block.defaults.get(param)) for param in block.params}
    if not all(_can_stand(param, value, made) for param, value in values.items()):
        return False
    unhidden(made, visible)
    for entry in _entries(made):
        _filled(entry, values)
    call.op, call.args, call.body, call.takes = "", {}, made, ()
    return True


def _can_stand(param: str, value: Any, made: ImportedList) -> bool:
    """Return whether a value of a call means the same wherever the block reads its parameter."""
    readers = [entry for entry in _entries(made) if param in read_by(entry)]
    if any(param in read_in(entry.when) for entry in readers) and isinstance(value, bool):
        return False
    read = read_in(value)
    if "input" in read:  # of the list around it, whose input a turn of a loop need not take
        return False
    return read.isdisjoint(FLOWING) or all(entry in made.entries for entry in readers)


def _filled(entry: ImportedEntry, values: Mapping[str, Any]) -> None:
    """Say the values of parameters in an entry in place of their names."""

    def now(value: Any) -> Any:
        return changed(value, filled)

    def filled(text: str) -> Any:
        return own[name] if (name := name_in(text)) in own else _computed(substituted(text, words))

    own = {param: _flowing(value) for param, value in values.items()}
    words = {param: inner(value) for param, value in own.items()}
    entry.args = {each: now(value) for each, value in entry.args.items()}
    entry.loop = {each: now(value) for each, value in entry.loop.items()}
    entry.inputs = [operand if isinstance(operand, Feed) else now(operand) for operand in entry.inputs]
    entry.name, entry.op, entry.when = now(entry.name), now(entry.op), _led(entry.when, values) or now(entry.when)


def _computed(text: str) -> Any:
    """Return the number that an expression of numbers alone is, and any other as it is."""
    if Template.of(text).expression is None or read_in(text):
        return text
    with suppress(ExpressionError):
        value = evaluate(text, {})
        return value if type(value) is int else text
    return text


def _led(when: str, values: Mapping[str, Any]) -> str:
    """Return a condition over a value that the first turn of a loop alone has, as one over the turns; else nothing."""
    led = next((each for each in values.values() if isinstance(each, Led)), None)
    read = [value for name, value in values.items() if name in read_in(when)]
    if led is None or any(isinstance(each, str) for value in read for each in _parts(value)):
        return ""
    try:
        first, rest = (evaluate(when, {k: _turned(v, led, n) for k, v in values.items()}) for n in (1, 2))
    except ExpressionError:
        return ""
    return f"$({led.variable} {'==' if first else '!='} 1)" if first != rest else ""


def _parts(value: Any) -> tuple[Any, ...]:
    return value[1:] if isinstance(value, Led) else (value,)


def _turned(value: Any, led: Led, part: int) -> Any:
    """Return a value in the first turn of a loop (1), or in the others (2)."""
    return value[part] if isinstance(value, Led) and value.variable == led.variable else value


def _flowing(value: Any) -> Any:
    """Return a value of a call as the group says it: what flowed into the call is the group's input."""
    if isinstance(value, list):
        return [*map(_flowing, value)]
    text = str(value) if isinstance(value, Led) else value
    if not isinstance(text, str) or "$" not in text:
        return text
    return substituted(text, FLOWING)
