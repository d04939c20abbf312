"""Changes that mostly leave a spec right: what is written once more, by other words, or a little otherwise.

What `mutations` makes is nearly always wrong, and a wrong spec never comes as far as the code that is written for it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]
Data: TypeAlias = dict[str, Any]

#: Ops that give the shape that they take.
KEEPING = ("ReLU", "Identity", "Dropout", "Sigmoid", "GELU", "LeakyReLU", "PReLU", "StochasticDepth", "Softplus")
#: Entries that do so, of what has channels, rows and columns.
OF_MAPS: tuple[Entry, ...] = (
    {"op": "BatchNorm2d"},
    {"op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 3, "padding": "same"},
    {"op": "Conv2d", "out_channels": "$(2 * in_channels // 2)", "kernel_size": 1, "bias": False},
    {"op": "MaxPool2d", "kernel_size": 3, "stride": 1, "padding": 1},
    {"op": "GroupNorm", "num_groups": 1},
)


def refactored(data: Data, random: Random, times: int) -> Data:
    """A copy of a right spec with so many changes; what they make need not be right, but has the form of a spec."""
    made = copy.deepcopy(data)
    for _ in range(times):
        lists = [found for found in _lists(made) if found[1]]
        if lists:
            random.choice(CHANGES)(made, *random.choice(lists), random)
    return made


def _lists(data: Data) -> list[tuple[Data, list[Entry]]]:
    """Every list of entries, with what has the parameters that it reads: the spec, or a block."""
    found: list[tuple[Data, list[Entry]]] = [(owner, owner["layers"]) for owner in (data, *_blocks(data).values())]
    for owner, entries in found:
        found += [(owner, entry[key]) for entry in entries for key in ("layers", "do") if entry.get(key)]
    return found


def _blocks(data: Data) -> dict[str, Data]:
    """Its blocks, by name; made if there are none."""
    if not data.get("blocks"):
        data["blocks"] = {}
    known: dict[str, Data] = data["blocks"]
    return known


def _params(owner: Data) -> dict[str, Any]:
    """Its parameters, by name; made if there are none."""
    if not owner.get("params"):
        owner["params"] = {}
    known: dict[str, Any] = owner["params"]
    return known


def _fresh(known: Any, start: str) -> str:
    return next(f"{start}{i}" for i in range(len(known) + 1) if f"{start}{i}" not in known)


def _named(entry: Entry, entries: list[Entry], random: Random) -> Entry:
    """The entry with an id that no other has, most of the time."""
    if random.random() < 0.8:
        entry["id"] = _fresh({str(e.get("id")) for e in entries}, "n")
    return entry


def more(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """One more layer, that keeps the shape."""
    made = copy.deepcopy(random.choice(OF_MAPS)) if random.random() < 0.5 else {"op": random.choice(KEEPING)}
    entries.insert(random.randint(0, len(entries)), _named(made, entries, random))


def sizes(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """Another number, or another truth."""
    entry = random.choice(entries)
    keys = [key for key, value in entry.items() if type(value) in (int, bool)]
    if keys:
        value = entry[key := random.choice(keys)]
        entry[key] = not value if type(value) is bool else max(1, random.choice((value + 1, value - 1, value * 2)))


def parametrise(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """A value that was written becomes a parameter, or an expression of one."""
    entry = random.choice(entries)
    keys = [key for key, value in entry.items() if type(value) in (int, float, bool) and key != "from"]
    if keys:
        value = entry[key := random.choice(keys)]
        name = _fresh(params := _params(owner), "p")
        params[name] = value
        if type(value) is bool:
            entry[key] = random.choice((f"${name}", f"$(not not {name})", f"$({name} or 1 > 2)", f"$({name} == true)"))
        else:
            forms = ("${}", "$({} * 2 // 2)", "$({} + 0)", "$(max({}, 1))", "$({0} if {0} > 1 else 1)", "$([{}][0])")
            entry[key] = random.choice(forms).format(name)


def conditions(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """An entry that is there where a parameter says so."""
    name = _fresh(params := _params(owner), "f")
    params[name] = random.random() < 0.7
    random.choice(entries)["when"] = random.choice((f"${name}", f"$(not {name})", f"$({name} and 2 > 1)"))


def loops(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """An entry, or a run of them, several times."""
    at = random.randrange(len(entries))
    turns = random.choice(("1..2", "1..3", [0, 2], [2, 1], "1..1", "1..0"))
    if "for" in entries[at]:
        return
    if random.random() < 0.5:
        end = random.randint(at + 1, min(len(entries), at + 3))
        entries[at:end] = [{"for": {"k": turns}, "do": copy.deepcopy(entries[at:end])}]
        named = entries[at]["do"]
    else:
        entries[at] = {"for": {"k": turns}, **entries[at]}
        named = [entries[at]]
    for entry in named:
        if "id" in entry:
            entry["id"] = f"{entry['id']}$k"


def turns(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """In a loop, a number or a condition that is another in every turn."""
    repeated = [entry for entry in entries if "for" in entry]
    looped = [inner for entry in repeated for inner in (entry, *entry.get("do", ()))]
    if not looped:
        return
    entry = random.choice(looped)
    keys = [key for key, value in entry.items() if type(value) in (int, float)]
    if keys and random.random() < 0.8:
        key = random.choice(keys)
        numbers = [name for name, value in _params(owner).items() if type(value) in (int, float)]
        factor = random.choice([*numbers, str(entry[key])])
        forms = ("$({} + k)", "$({} * k)", "$({} * (k + 1))", "$(max({} - k, 1))", "$(k + 2)", "$({} if k > 1 else {})")
        entry[key] = random.choice(forms).format(factor, entry[key])
    else:
        entry["when"] = random.choice(("$(k > 1)", "$(k == 2 or k == 0)", "$(not k == 1)"))


def acts(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """The op itself as a parameter."""
    entry = random.choice(entries)
    if entry.get("op") in KEEPING:
        name = _fresh(params := _params(owner), "act")
        params[name] = {"type": "op", "default": entry["op"]}
        entry["op"] = f"${name}"


def taps(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """What is inside a group, and is read by who comes after it."""
    groups = [entry for entry in entries if "layers" in entry and "id" in entry]
    if groups:
        group = random.choice(groups)
        if ids := [inner["id"] for inner in group["layers"] if "id" in inner]:
            name = str(random.choice(ids))
            group["taps"] = [name]
            entries.append(_named({"op": random.choice(KEEPING), "from": f"{group['id']}.{name}"}, entries, random))


def defaults(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """An argument that is written once for all layers of an op."""
    entry = random.choice(entries)
    keys = [key for key, value in entry.items() if type(value) in (int, float, bool)]
    if keys and "op" in entry:
        key = random.choice(keys)
        data["defaults"] = {**(data.get("defaults") or {})}
        data["defaults"][entry["op"]] = {**(data["defaults"].get(entry["op"]) or {}), key: entry.pop(key)}


def blocks(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """A run of entries becomes a block of its own, or a group."""
    at = random.randrange(len(entries))
    end = random.randint(at + 1, min(len(entries), at + 3))
    run = copy.deepcopy(entries[at:end])
    if random.random() < 0.3:
        entries[at:end] = [_named({"layers": run}, entries, random)]
        return
    name = _fresh(known := _blocks(data), "B")
    known[name] = {"layers": run, "params": copy.deepcopy(_params(owner))}
    entries[at:end] = [_named({"op": name}, entries, random)]


def again(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """A block once more, with another value of one of its parameters; any other entry shared."""
    at = random.randrange(len(entries))
    entry = copy.deepcopy(entries[at])
    block = _blocks(data).get(entry.get("op", ""))
    if block is not None:
        params = {name: value for name, value in _params(block).items() if type(value) in (int, float, bool)}
        if params:
            value = params[name := random.choice(list(params))]
            entry[name] = not value if type(value) is bool else value + random.choice((1, -1, value))
    elif "id" in entry and random.random() < 0.5:
        entry = {"share": entry["id"]}
    entries.insert(at + 1, _named(entry, entries, random))


def branches(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """A skip around an entry: what flows into it is added to what comes out, or stands beside it."""
    at = random.randrange(len(entries))
    named = _fresh({str(e.get("id")) for e in entries}, "n")
    entry = entries[at]
    before = entries[at - 1].get("id") if at else "input"
    if before is None or "from" in entry:
        return
    after = str(entry.setdefault("id", named))
    merge: Entry = {"op": random.choice(("add", "concat", "mul", "sub")), "from": [after, before]}
    if random.random() < 0.3:
        merge["from"].reverse()
    entries.insert(at + 1, _named(merge, entries, random))


def outputs(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """Outputs with names, one of them perhaps of training alone."""
    ids = [entry["id"] for entry in entries if "id" in entry]
    if ids:
        taken = random.sample(ids, random.randint(1, min(3, len(ids))))
        last = [{"id": "last", "from": entries[-1]["id"]}] if "id" in entries[-1] else []
        owner["outputs"] = last + [{"id": f"o{i}", "from": name} for i, name in enumerate(taken)]
        if random.random() < 0.3:
            owner["outputs"][-1]["training_only"] = True


def inits(data: Data, owner: Data, entries: list[Entry], random: Random) -> None:
    """A rule of `init`, or of `freeze`."""
    ids = [str(entry["id"]) for entry in entries if "id" in entry] or ["**"]
    match = random.choice(("Conv2d", "BatchNorm2d", "Linear", "**", "**." + random.choice(ids), random.choice(ids)))
    if random.random() < 0.3 and not match[:1].isupper():
        data["freeze"] = [match + random.choice((".weight", ".*", ".**", ""))]
        return
    weight = random.choice((0, 1, 0.5, {"normal": {"std": 0.1}}, {"kaiming_normal": {"mode": "fan_out"}}))
    data["init"] = [*(data.get("init") or ()), {"match": match, random.choice(("weight", "bias")): weight}]


CHANGES: list[Callable[[Data, Data, list[Entry], Random], None]] = [
    more, more, sizes, sizes, parametrise, parametrise, conditions, loops, loops, turns, turns, blocks, again, again,
    acts, taps, defaults, branches, outputs, inits,
]  # fmt: skip
