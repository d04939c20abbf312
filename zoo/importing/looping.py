"""What repeats in a list, as one entry with a `for`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from speczoo.importing.aligning import aligned, skeleton
from speczoo.importing.columns import Column, ColumnWords, Led, key
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Operand, Turns
from speczoo.importing.reading import read_in, reword
from speczoo.importing.unifying import default, unify

#: How many entries may take turns.
MOST_IN_TURN = 4
VARIABLES = "ijklmnopq"
NAME = re.compile(r"(.*?)(\d+)\Z")


def repeats(made: ImportedList, defaults: Mapping[str, Mapping[str, Any]]) -> None:
    """Make one entry of each run of entries that follow each other and are the same, but perhaps for the first, and of
    each run of a few that take turns.
    """
    for entry in made.entries:
        if entry.body is not None and not entry.spliced:  # whose turns are told apart
            repeats(entry.body, defaults)
    for place in range(len(made.entries)):
        if place >= len(made.entries):
            break
        run = _run(made, place)
        same, led = _equal(run), _led(run, defaults)
        led = led if len(led) > 2 or led == made.entries else []
        if len(same) > 1 and len(same) >= len(led):
            _loop(made, place, same, defaults)
        elif led:
            _lead(made, place, led, defaults)
        else:
            _take_turns(made, place)


def rows(
    made: ImportedList,
    defaults: Mapping[str, Mapping[str, Any]],
    settings: dict[str, Column] | None = None,
    taken: Collection[str] = (),
    calls: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Make one entry of each run of entries that are the same but for a few numbers, where that is shorter.

    `settings` are the network's parameters in each network; those of the entries of a run become one list. `taken` are
    other names that the list can read, which no loop may hide. `calls` is how often each block is called.
    """
    settings = {} if settings is None else settings
    for place in range(len(made.entries)):
        run = _run(made, place) if place < len(made.entries) else []
        while len(run) > 1 and not _loop(made, place, run, defaults, settings, taken, calls):
            run.pop()
    for entry in made.entries:
        if entry.body is not None:
            rows(entry.body, defaults, settings, {*taken, *entry.loop}, calls)


def unhidden(made: ImportedList, taken: Collection[str]) -> None:
    """Give loops another variable where theirs would hide a name that is read there."""
    for entry in made.entries:
        places = {name for part in _all(entry)[1:] for name in part.args.get("at", ())}
        for name in [*entry.loop]:
            if name in {*taken, *places} and name in VARIABLES:
                used = {*taken, *places, *(each for part in _all(entry) for each in part.loop)}
                _renamed(entry, name, next(each for each in VARIABLES if each not in used))
        if entry.body is not None:
            unhidden(entry.body, {*taken, *entry.loop})


def _renamed(entry: ImportedEntry, name: str, other: str) -> None:
    """Call the variable of an entry's loop otherwise, wherever it is read."""
    turns = {other if each == name else each: value for each, value in entry.loop.items()}
    for part in _all(entry):
        reword(part, {name: other})
    entry.loop = turns  # which is read outside of it


def _run(made: ImportedList, place: int) -> list[ImportedEntry]:
    """Return the longest run of entries from a place that are alike, in names that count up or by position."""
    first = made.entries[place]
    run = [first]
    if not starts(made, place):
        return run
    for entry in made.entries[place + 1 :]:
        if not _follows(made, run[-1], entry) or not _counts_up(run[-1], entry) or not _similar([*run, entry]):
            break
        run.append(entry)
    if len(run) > 1 and by_position(first) and _spoken_of(made, run[-1]):
        run.pop()  # which needs an id of its own
    return run if _unshared(made, run) else [first]


def _spoken_of(made: ImportedList, entry: ImportedEntry) -> bool:
    """Return whether another entry, or an output, has to name an entry."""
    after = made.entries[made.entries.index(entry) + 1 :]
    source = Feed(entry)
    follows = bool(after) and after[0].inputs == [source]
    return made.readers(source) > follows and not (not after and made.outputs == [source])


def starts(made: ImportedList, place: int) -> bool:
    """Return whether an entry takes what the one before it gives, as a loop does, and need not say so."""
    before = Feed(made.entries[place - 1]) if place else Feed(None)
    first = made.entries[place]
    alone = place > 0 or len(made.inputs) == 1
    return (
        alone and _can_repeat(first) and first.inputs == [before] and not (place and made.entries[place - 1].ports > 1)
    )


def _follows(made: ImportedList, last: ImportedEntry, entry: ImportedEntry) -> bool:
    """Return whether an entry takes what the last of a run gives, which nothing else takes."""
    return entry.inputs == [Feed(last)] and made.readers(Feed(last)) == 1 and _can_repeat(entry)


def _unshared(made: ImportedList, run: Sequence[ImportedEntry]) -> bool:
    shared = {id(entry.share) for entry in made.entries}
    return not any(id(entry) in shared for entry in run)


def _can_repeat(entry: ImportedEntry) -> bool:
    return entry.ports == 1 and len(entry.inputs) == 1 and not entry.references and not entry.share and not entry.loop


def _similar(run: Sequence[ImportedEntry]) -> bool:
    """Return whether entries differ in arguments alone, and their insides in entries that some are without."""
    if len({(entry.op if entry.body is None else "", entry.named, bool(entry.name)) for entry in run}) > 1:
        return False
    bodies = [entry.body for entry in run if entry.body is not None]
    if not bodies:
        return True
    found = aligned(bodies) if len(bodies) == len(run) else None
    return found is not None and any(not row.optional for row in found.rows)


def _counts_up(before: ImportedEntry, entry: ImportedEntry) -> bool:
    """Return whether the second name is the next after the first."""
    if not before.name and not entry.name:
        return True
    one, other = NAME.match(before.name), NAME.match(entry.name)
    return bool(one and other and one[1] == other[1] and int(one[2]) + 1 == int(other[2]))


def _equal(run: Sequence[ImportedEntry]) -> list[ImportedEntry]:
    """Return the entries at the start of a run that are the same but for their names."""
    first = run[0]
    count = next((i for i, entry in enumerate(run) if _content(entry) != _content(first)), len(run))
    return list(run[:count])


def _led(run: Sequence[ImportedEntry], defaults: Mapping[str, Mapping[str, Any]]) -> list[ImportedEntry]:
    """Return the entries at the start of a run of calls of a block of which the first alone has other arguments."""
    if len(run) < 2 or run[0].body is not None or run[0].op not in defaults or not by_position(run[0]):
        return []
    same = _equal(run[1:])
    names = {name for entry in run[:2] for name in entry.args}
    values = [entry.args.get(name, default(entry, name, defaults)) for entry in run[:2] for name in names]
    plain = all(type(n) in (bool, int, float) for each in values for n in (each if isinstance(each, list) else [each]))
    return [run[0], *same] if plain else []


def _lead(
    made: ImportedList, place: int, run: Sequence[ImportedEntry], defaults: Mapping[str, Mapping[str, Any]]
) -> None:
    """Put one entry with a `for` in the place of a run whose first turn has arguments of its own."""
    first, second = run[:2]
    one = _copied(first)
    one.loop = {"i": Turns(1, len(run))}
    for name in dict.fromkeys([*first.args, *second.args]):
        a, b = (each.args.get(name, default(each, name, defaults)) for each in (first, second))
        one.args[name] = a if key([a]) == key([b]) else Led("i", a, b)
    _put(made, place, run, one)


def _take_turns(made: ImportedList, place: int) -> None:
    """Put one entry with a `for` over a few in the place of a run of them, again and again."""
    entries = made.entries[place:]
    for period in range(2, len(entries) // 2 + 1):
        if period > MOST_IN_TURN or not starts(made, place):
            return
        turn, count = entries[:period], 1
        while [*map(_content, entries[count * period : (count + 1) * period])] == [*map(_content, turn)]:
            count += 1
        run = entries[: count * period]
        chained = all(_follows(made, a, b) for a, b in pairwise(run)) and all(map(by_position, run))
        if count > 1 and chained and _unshared(made, run):
            inside = {
                name for each in turn if each.body for m in each.body.walk() for e in m.entries for name in e.loop
            }
            variable = next(name for name in VARIABLES if name not in inside)
            turn[0].inputs = [Feed(None)]
            body = ImportedList("", entries=turn, outputs=[Feed(turn[-1])], sequential=True)
            start = made.entries[place - 1] if place else None
            one = ImportedEntry("", inputs=[Feed(start)], body=body, loop={variable: Turns(1, count)}, spliced=True)
            one.flowing = turn[0].flowing
            _put(made, place, run, one)
            return


def by_position(entry: ImportedEntry) -> bool:
    """Return whether an entry is named by its place."""
    return entry.name.isdigit() or not entry.name


def _put(made: ImportedList, place: int, run: Sequence[ImportedEntry], one: ImportedEntry) -> None:
    """Put one entry in the place of a run; what flows into it is known where it is the same at each turn."""
    taken = {(shape[0], shape[-1]) for entry in run for shape in entry.flowing[:1] if shape}
    if len(taken) > 1 or one.spliced:
        for each in _all(one):
            each.flowing = []
            if each.body is not None:
                each.body.channels = []
    last: dict[Feed, Operand] = {Feed(run[-1]): Feed(one)}
    made.entries[place : place + len(run)] = [one]
    made.replace(last)


def _content(entry: ImportedEntry) -> str:
    inside = [_content(each) for each in entry.body.entries] if entry.body is not None else []
    wired = skeleton(entry.body) if entry.body is not None else None
    numbers = [operand for operand in entry.inputs if not isinstance(operand, Feed)]
    return key([entry.op, numbers, sorted(entry.args.items(), key=str), [*entry.loop.items()], inside, wired])


def _loop(
    made: ImportedList,
    place: int,
    run: list[ImportedEntry],
    defaults: Mapping[str, Mapping[str, Any]],
    settings: dict[str, Column] | None = None,
    taken: Collection[str] = (),
    calls: Mapping[str, int] = MappingProxyType({}),
) -> bool:
    """Put one entry with a `for` in the place of a run; return whether that is shorter, else nothing is changed."""
    first = run[0]
    name = NAME.match(first.name)
    start = int(name[2]) if name else 1
    placed = by_position(first)
    inside = {name for entry in run for each in _all(entry)[1:] for name in each.loop}
    variable = next(name for name in VARIABLES if name not in inside and name not in taken)
    numbers = (1, len(run)) if placed else (start, start + len(run) - 1)
    scope = ColumnWords(taken={*inside, *taken, variable})
    turns = tuple(range(numbers[0], numbers[1] + 1))
    scope.turns = {variable: turns}
    if not placed:
        scope.words[variable] = turns
    one = _merged(run, scope, defaults, {} if settings is None else settings, calls)
    if one is None:
        return False
    names = scope.params
    counts = not placed or not names or any(variable in read_in([each.when, each.args]) for each in _all(one))
    one.loop = {variable: Turns(*numbers)} if counts else {}
    one.loop |= {param: _listed(param, column, settings, taken) for param, column in names.items()}
    if not placed and name:
        one.name, one.last_name = f"{name[1]}${variable}", run[-1].name
    _put(made, place, run, one)
    return True


def _all(entry: ImportedEntry) -> list[ImportedEntry]:
    """Return an entry and all that are in it."""
    inside = [each for made in (entry.body.walk() if entry.body else ()) for each in made.entries]
    return [entry, *inside]


def _merged(
    run: list[ImportedEntry],
    scope: ColumnWords,
    defaults: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Column],
    calls: Mapping[str, int],
) -> ImportedEntry | None:
    """Return one entry that says all of a run; None where the entries by themselves are shorter."""
    copies = [_copied(entry) for entry in run]
    if not unify([_alone(entry) for entry in copies], scope, defaults):
        return None
    texts = [each for column in scope.params.values() for each in column if isinstance(each, str) and "$" in each]
    if any(each[1:] not in settings for each in texts):
        return None
    lists = sum(len(f"{name}: {[*column]}, ") for name, column in scope.params.items())
    alone = run[0].body is None and calls.get(run[0].op) == len(run)  # no block is left then, nor arguments
    if 10 * (lists + (0 if alone else width(copies[0]))) >= 9 * sum(map(width, run)):
        return None
    copies[0].name, copies[0].inputs = run[0].name, run[0].inputs
    return copies[0]


def _listed(name: str, column: Column, settings: dict[str, Column] | None, taken: Collection[str]) -> Any:
    """Return what a loop's variable runs over: a list, or a parameter that is another list in each network."""
    texts = [each for each in column if isinstance(each, str) and "$" in each]
    if not texts or settings is None:
        return [*column]
    values = [settings[each[1:]] if each in texts else None for each in column]
    count = len(settings[texts[0][1:]])
    whole = [[its[n] if its else each for its, each in zip(values, column, strict=True)] for n in range(count)]
    known = next((each for each, its in settings.items() if key(its) == key(whole)), None)
    plural = name if name.endswith("s") else f"{name}s"
    numbered = (plural, *(f"{plural}_{number}" for number in range(2, 100)))
    found = known or next(each for each in numbered if not {each, f"_{each}"} & {*settings, *taken, name})
    settings[found] = tuple(whole)
    return f"${found}"


def _alone(entry: ImportedEntry) -> ImportedList:
    """Return a list of one entry that takes what flows in, under a name that all of a run have."""
    entry.name, entry.inputs = NAME.sub(r"\1", entry.name), [Feed(None)]
    return ImportedList("", entries=[entry], outputs=[Feed(entry)])


def width(entry: ImportedEntry) -> int:
    """Return about how many characters an entry takes, an even share for each line."""
    inside = sum(map(width, entry.body.entries)) if entry.body is not None else 0
    return 20 + len(entry.name) + sum(len(f"{name}: {value}, ") for name, value in entry.args.items()) + inside


def _copied(entry: ImportedEntry) -> ImportedEntry:
    """Return an entry that can be changed, with all that is in it."""
    copy = replace(entry, args=dict(entry.args), loop=dict(entry.loop), inputs=[*entry.inputs])
    if entry.body is not None:
        copy.body = copied_list(entry.body)
    return copy


def copied_list(made: ImportedList) -> ImportedList:
    """Return a list that can be changed, with all that is in it."""
    fresh = {each: _copied(each) for each in made.entries}

    def now(operand: Operand) -> Operand:
        if isinstance(operand, Feed) and operand.entry is not None:
            return Feed(fresh[operand.entry], operand.port)
        return operand

    for each in fresh.values():
        each.inputs = [now(operand) for operand in each.inputs]
        each.references = {name: now(source) for name, source in each.references.items()}  # type: ignore[misc]
        each.share = fresh.get(each.share) if each.share else None
    outputs = [now(source) for source in made.outputs]
    return replace(made, entries=[*fresh.values()], outputs=outputs)  # type: ignore[arg-type]
