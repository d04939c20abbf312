"""Lists whose ids are the state_dict's: containers that nobody calls become groups, and what no list of its own can
hold stands in the list around it.
"""

from __future__ import annotations

from dataclasses import replace

from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Operand, is_chain
from speczoo.importing.idioms import one_layer
from speczoo.specs.reserved_names import bad_id

#: Layers that give their input, whatever it is.
NOTHING = {"Identity": {}, "Dropout": {"p": 0.0}, "StochasticDepth": {"p": 0.0}}

#: How many entries without weights need no module of their own.
FEW = 3

#: Numbers that arithmetic gives its other value beside.
NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1}


def arranged(made: ImportedList) -> bool:
    """Arrange a list and all that are in it; return whether its ids can stand as they are.

    Where they cannot, whatever takes it has to hold its entries under longer names.
    """
    for entry in [*made.entries]:
        if entry.body is not None and (not arranged(entry.body) or not entry.inputs or _is_function(entry)):
            _dissolve(made, entry)
    one_layer(made)
    _unlike_inputs(made)
    if _positional(made):
        _drop_last(made)
        return True
    _drop(made)
    _group(made)
    return all(stands(entry) for entry in made.entries) and bool(made.entries)


def _unlike_inputs(made: ImportedList) -> None:
    """Call an input otherwise that has the name of a module, which is a key of the state_dict."""
    kept = {entry.name.partition(".")[0] for entry in made.entries if entry.named}
    made.inputs = [f"{name}_in" if name in kept and name != "input" else name for name in made.inputs]


def _is_function(entry: ImportedEntry) -> bool:
    """Return whether a module has no weights and does hardly anything, as one that wraps a function."""
    body = entry.body
    if body is None or not all(_plain(each) for each in body.entries):
        return False
    alone = len(body.entries) == 1 and not body.sequential
    return alone or (len(body.entries) <= FEW and is_chain(body) and not entry.name.isdigit())


def _plain(entry: ImportedEntry) -> bool:
    return entry.body is None and not entry.named and entry.ports == 1 and entry.share is None


def stands(entry: ImportedEntry) -> bool:
    """Return whether an entry can have its name as an id; one without weights goes without where it cannot."""
    if not entry.named:
        entry.name = entry.name if not bad_id(entry.name, module=True) and "." not in entry.name else ""
        return True
    return not bad_id(entry.name, module=True) and "-" not in entry.name.partition(".")[0]


def _positional(made: ImportedList) -> bool:
    """Return whether a list is a chain whose entries are where their names say, or have names that are ids."""
    if not is_chain(made) or not any(entry.name.isdigit() or "-" in entry.name for entry in made.entries):
        return False
    return all(
        entry.name == str(place)
        if entry.name.isdigit()
        else not entry.named or not bad_id(entry.name, module=True, sequential=True)
        for place, entry in enumerate(made.entries)
    )


def _is_nothing(entry: ImportedEntry) -> bool:
    if entry.share is not None:
        return _is_nothing(entry.share)
    if entry.op in NEUTRAL and len(entry.inputs) == 2:
        return isinstance(entry.inputs[0], Feed) and entry.inputs[1] == NEUTRAL[entry.op]
    return NOTHING.get(entry.op) == {k: v for k, v in entry.args.items() if k == "p"}


def _drop_last(made: ImportedList) -> None:
    """Leave out what ends a chain and does nothing, while something is left."""
    while len(made.entries) > 1 and _is_nothing(made.entries[-1]):
        del made.entries[-1]
        made.outputs = [Feed(made.entries[-1])]


def _drop(made: ImportedList) -> None:
    """Leave out what does nothing, and functions that nothing takes, where no position depends on them."""
    for entry in reversed([*made.entries]):
        if _is_nothing(entry) and len(made.entries) > 1:
            made.entries.remove(entry)
            made.replace({Feed(entry): entry.inputs[0]})
    for entry in reversed([*made.entries]):
        if not entry.named and not made.used(entry):
            made.entries.remove(entry)


def _dissolve(made: ImportedList, entry: ImportedEntry) -> None:
    """Put the entries of a module in its own place, under the names that they have from there."""
    body = entry.body
    assert body is not None
    place = made.entries.index(entry)
    users = [entry, *(other for other in made.entries if other.share is entry)]
    copies: dict[ImportedEntry, ImportedEntry] = {}
    takes = {each: (each.inputs, each.references) for each in body.entries}
    for user in users:
        fresh: dict[ImportedEntry, ImportedEntry] = {}
        for each in body.entries:
            if user is entry:
                copies[each] = fresh[each] = each
            elif each.module:
                fresh[each] = replace(each, op="", args={}, body=None, name="", named=False, share=copies[each])
            else:
                fresh[each] = replace(each)
        for each, copy in fresh.items():
            inputs, references = takes[each]
            copy.inputs = [_moved(operand, user, fresh) for operand in inputs]
            copy.references = {k: _moved(v, user, fresh) for k, v in references.items()}  # type: ignore[misc]
        outputs = {Feed(user, port): _moved(source, user, fresh) for port, source in enumerate(body.outputs)}
        place = made.entries.index(user)
        made.entries[place : place + 1] = [*fresh.values()]
        made.replace(outputs)
    if len(body.entries) == 1 and not body.entries[0].named:
        body.entries[0].name, body.entries[0].module = entry.name, True
        return
    learned = [each for each in body.entries if each.named]
    own = not learned or any(not each.name for each in learned)
    for each in body.entries:
        keeps = each.named or (each.module and bool(each.name) and not own)
        each.name = ".".join(filter(None, [entry.name, each.name])) if keeps else ""


def _moved(operand: Operand, user: ImportedEntry, fresh: dict[ImportedEntry, ImportedEntry]) -> Operand:
    if not isinstance(operand, Feed):
        return operand
    if operand.entry is None:
        return user.inputs[operand.port]
    return Feed(fresh.get(operand.entry, operand.entry), operand.port)


def _group(made: ImportedList) -> None:
    """Make groups of the members of containers that are called one after the other, and nothing between them."""
    for prefix in dict.fromkeys(entry.name.partition(".")[0] for entry in made.entries if "." in entry.name):
        members = [entry for entry in made.entries if entry.name.startswith(f"{prefix}.")]
        first = made.entries.index(members[0])
        if made.entries[first : first + len(members)] != members or not _chained(made, members):
            continue
        inner = ImportedList("Sequential", sequential=True, entries=[*members], channels=[*members[0].flowing[:1]])
        start = members[0].inputs[0]
        before = [([*entry.inputs], entry.name) for entry in members]
        members[0].inputs = [Feed(None)]
        inner.outputs = [Feed(members[-1])]
        for entry in members:
            entry.name = entry.name.removeprefix(f"{prefix}.")
        if not arranged(inner):
            for entry, (inputs, name) in zip(members, before, strict=True):
                entry.inputs, entry.name = inputs, name
            continue
        group = ImportedEntry("Sequential", {}, [start], prefix, True, True, body=inner, flowing=members[0].flowing)
        made.entries[first : first + len(members)] = [group]
        made.replace({Feed(members[-1]): Feed(group)})


def _chained(made: ImportedList, members: list[ImportedEntry]) -> bool:
    """Return whether entries take each what the one before gives, and nothing else takes that."""
    first = members[0]
    if len(first.inputs) != 1 or not isinstance(first.inputs[0], Feed) or first.references:
        return False
    for before, entry in zip(members, members[1:], strict=False):
        if entry.inputs != [Feed(before)] or made.readers(Feed(before)) != 1 or entry.references:
            return False
    shares = {id(entry.share) for entry in made.entries}
    return all(entry.ports == 1 and entry.share is None and id(entry) not in shares for entry in members)
