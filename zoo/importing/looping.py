"""What repeats in a list, as one entry with a `for`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from speczoo.importing.columns import Scope, key
from speczoo.importing.entries import Entry, List, Operand, Source, Turns
from speczoo.importing.unifying import skeleton, unify

WIDTH = 110
#: How many values of a `for` stand on a line.
NAME = re.compile(r"(.*?)(\d+)\Z")


def repeats(made: List, defaults: Mapping[str, Mapping[str, Any]]) -> None:
    """Make one entry of each run of entries that follow each other and are the same."""
    for entry in made.entries:
        if entry.body is not None:
            repeats(entry.body, defaults)
    for place in range(len(made.entries)):
        if place < len(made.entries) and len(same := _equal(_run(made, place))) > 1:
            _loop(made, place, same, defaults)


def rows(made: List, defaults: Mapping[str, Mapping[str, Any]], taken: Collection[str] = ()) -> None:
    """Make one entry of each run of entries that are the same but for a few numbers, where that is shorter.

    `taken` are names that the list can read, which no loop may hide.
    """
    for place in range(len(made.entries)):
        if place < len(made.entries) and len(run := _run(made, place)) > 1:
            _loop(made, place, run, defaults, taken)
    for entry in made.entries:
        if entry.body is not None:
            rows(entry.body, defaults, {*taken, *entry.loop})


def _run(made: List, place: int) -> list[Entry]:
    """Return the longest run of entries from a place that are alike, in names that count up or by position."""
    first = made.entries[place]
    run = [first]
    before = Source(made.entries[place - 1]) if place else Source(None)
    if not _can_repeat(first) or first.inputs != [before] or (place and made.entries[place - 1].ports > 1):
        return run
    shared = {id(entry.share) for entry in made.entries}
    for entry in made.entries[place + 1 :]:
        last = run[-1]
        follows = entry.inputs == [Source(last)] and made.readers(Source(last)) == 1
        if not follows or not _can_repeat(entry) or _shape(entry) != _shape(first) or not _counts_up(last, entry):
            break
        run.append(entry)
    return run if not any(id(entry) in shared for entry in run) else [first]


def _can_repeat(entry: Entry) -> bool:
    return entry.ports == 1 and len(entry.inputs) == 1 and not entry.references and not entry.share and not entry.loop


def _shape(entry: Entry) -> Any:
    """Return what entries share that differ in arguments alone."""
    inside = skeleton(entry.body) if entry.body is not None else None
    return entry.op if entry.body is None else "", inside, entry.named, bool(entry.name)


def _counts_up(before: Entry, entry: Entry) -> bool:
    """Return whether the second name is the next after the first."""
    if not before.name and not entry.name:
        return True
    one, other = NAME.match(before.name), NAME.match(entry.name)
    return bool(one and other and one[1] == other[1] and int(one[2]) + 1 == int(other[2]))


def _equal(run: Sequence[Entry]) -> list[Entry]:
    """Return the entries at the start of a run that are the same but for their names."""
    first = run[0]
    count = next((i for i, entry in enumerate(run) if _content(entry) != _content(first)), len(run))
    return list(run[:count])


def _content(entry: Entry) -> str:
    inside = [_content(each) for each in entry.body.entries] if entry.body is not None else []
    return key([entry.op, sorted(entry.args.items(), key=str), [*entry.loop.items()], inside])


def _loop(
    made: List,
    place: int,
    run: list[Entry],
    defaults: Mapping[str, Mapping[str, Any]],
    taken: Collection[str] = (),
) -> None:
    """Put one entry with a `for` in the place of a run."""
    first = run[0]
    name = NAME.match(first.name)
    start = int(name[2]) if name else 1
    by_position = first.name.isdigit() or not first.name
    inside = {name for made in (first.body.walk() if first.body else ()) for e in made.entries for name in e.loop}
    variable = next(name for name in "ijklmnopq" if name not in inside and name not in taken)
    numbers = (1, len(run)) if by_position else (start, start + len(run) - 1)
    scope = Scope(taken={*inside, *taken, variable})
    if not by_position:
        scope.words[variable] = tuple(range(numbers[0], numbers[1] + 1))
    one = _merged(run, scope, defaults)
    if one is None:
        return
    names = scope.params
    one.loop = {variable: Turns(*numbers)} if not by_position or not names else {}
    one.loop |= {param: [*column] for param, column in names.items()}
    if not by_position and name:
        one.name, one.last_name = f"{name[1]}${variable}", run[-1].name
    made.entries[place : place + len(run)] = [one]
    last: dict[Source, Operand] = {Source(run[-1]): Source(one)}
    made.replace(last)


def _merged(run: list[Entry], scope: Scope, defaults: Mapping[str, Mapping[str, Any]]) -> Entry | None:
    """Return one entry that says all of a run; None where the entries by themselves are shorter."""
    copies = [_copied(entry) for entry in run]
    unify([List("", entries=[entry]) for entry in copies], scope, defaults)
    if any(isinstance(each, str) and "$" in each for column in scope.params.values() for each in column):
        return None
    lists = sum(len(f"{name}: {[*column]}, ") for name, column in scope.params.items())
    long = lists + _width(copies[0]) > WIDTH and len(run) < 2 * len(scope.params) + 4
    return copies[0] if 4 * (lists + _width(copies[0])) < 3 * sum(map(_width, run)) and not long else None


def _width(entry: Entry) -> int:
    """Return about how many characters an entry takes, an even share for each line."""
    inside = sum(map(_width, entry.body.entries)) if entry.body is not None else 0
    return 20 + len(entry.name) + sum(len(f"{name}: {value}, ") for name, value in entry.args.items()) + inside


def _copied(entry: Entry) -> Entry:
    """Return an entry that can be changed, with all that is in it."""
    copy = replace(entry, args=dict(entry.args), loop=dict(entry.loop))
    if entry.body is not None:
        fresh = {each: _copied(each) for each in entry.body.entries}

        def now(operand: Operand) -> Operand:
            if isinstance(operand, Source) and operand.entry is not None:
                return Source(fresh[operand.entry], operand.port)
            return operand

        for each in fresh.values():
            each.inputs = [now(operand) for operand in each.inputs]
            each.references = {name: now(source) for name, source in each.references.items()}  # type: ignore[misc]
            each.share = fresh.get(each.share) if each.share else None
        outputs = [now(source) for source in entry.body.outputs]
        copy.body = replace(entry.body, entries=[*fresh.values()], outputs=outputs)  # type: ignore[arg-type]
    return copy
