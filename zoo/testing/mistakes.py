"""Named ways to break a spec, each with the codes of which a diagnostic must have one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import speczoo
from speczoo import catalogue
from speczoo.checking import What, check_into
from speczoo.compiler.layer import Layer
from speczoo.specs.diagnostics import Report
from speczoo.specs.entry import Entry
from speczoo.specs.problem import Loc
from speczoo.specs.suggestions import did_you_mean

Data: TypeAlias = dict[str, Any]
#: All specs that a mistake makes of one, each wrong at one place.
Made: TypeAlias = Callable[[Data], Iterator[Data]]


class Mistake(NamedTuple):
    """A way to break a spec: what it makes of one, and the codes of which its diagnostics must have one."""

    name: str
    codes: frozenset[str]
    made: Made


class Broken(NamedTuple):
    """A spec with one mistake in it."""

    mistake: str
    spec: Data
    codes: frozenset[str]


#: All of them, by name.
MISTAKES: dict[str, Mistake] = {}


def mistake(name: str, *codes: str) -> Callable[[Made], Made]:
    """Let the function under it make a mistake of this name."""

    def register(made: Made) -> Made:
        MISTAKES[name] = Mistake(name, frozenset(codes), made)
        return made

    return register


def broken(what: What, *names: str) -> SearchStrategy[Broken]:
    """Return the strategy of a spec with one mistake in it, as plain data: any of `MISTAKES`, or of those named.

    `what` is what `speczoo.check` takes, and right. Raises SpecError where it cannot be read, ValueError for the
    name of no mistake, and where none can be made in it.
    """
    for name in names:
        if name not in MISTAKES:
            hint = " ".join(did_you_mean(name, MISTAKES)) or f"there is {', '.join(MISTAKES)}"
            raise ValueError(f"there is no mistake {name!a}: {hint}")
    unit, _ = catalogue.found(what)
    data = copy.deepcopy(unit.document.data)
    chosen = [MISTAKES[name] for name in names or MISTAKES]
    made = [(each, [*each.made(data)]) for each in chosen]
    places = [st.sampled_from(specs).map(_one(each)) for each, specs in made if specs]
    if not places:
        raise ValueError(f"{unit.spec.name} has no place for {', '.join(each.name for each in chosen)}")
    return st.one_of(places)


def _one(each: Mistake) -> Callable[[Data], Broken]:
    return lambda spec: Broken(each.name, spec, each.codes)


# -- places ---------------------------------------------------------------------------------------------------------


def entries(data: Data) -> Iterator[tuple[Loc, Data]]:
    """Yield every entry that is elaborated, with its place: of the network, of its groups, and of blocks that are in
    use.
    """
    yield from _listed(data.get("layers", ()), ("layers",))
    blocks = data.get("blocks") or {}
    used = (
        _named(data.get("layers"), blocks) | _named(data.get("params"), blocks) | _named(data.get("defaults"), blocks)
    )
    left = list(used)
    while left:
        more = _named(blocks[left.pop()], blocks) - used
        used |= more
        left += more
    for name in blocks:
        if name in used:
            yield from _listed(blocks[name].get("layers", ()), ("blocks", name, "layers"))


def _listed(layers: Any, loc: Loc) -> Iterator[tuple[Loc, Data]]:
    for i, entry in enumerate(layers):
        yield (*loc, i), entry
        for key in ("layers", "do"):
            if isinstance(entry.get(key), list):
                yield from _listed(entry[key], (*loc, i, key))


def _named(value: Any, blocks: Data) -> set[str]:
    """Return the blocks whose names are somewhere in a value."""
    text = json.dumps(value)
    return {name for name in blocks if f'"{name}"' in text}


def at(data: Any, loc: Loc) -> Any:
    """Return what stands at a place."""
    for step in loc:
        data = data[step]
    return data


def _changed(data: Data, loc: Loc, changes: Data, *, without: str = "") -> Data:
    """Return a copy in which the mapping at a place has these values, and a key less."""
    made = copy.deepcopy(data)
    at(made, loc).update(changes)
    at(made, loc).pop(without, None)
    return made


def _arguments(data: Data) -> Iterator[tuple[Loc, type[Layer], str, Any]]:
    """Yield every argument that an entry of a layer gives: its place, the layer, its name and its value."""
    own = {field.alias or name for name, field in Entry.model_fields.items()}
    for loc, entry in entries(data):
        kind = Layer.registry.get(str(entry.get("op")))
        if kind is not None:
            yield from ((loc, kind, name, value) for name, value in entry.items() if name not in own)


def _certain(data: Data, loc: Loc) -> bool:
    """Return whether an entry stands in no loop and under no condition, so that it is there once at least."""
    steps = [at(data, loc[:end]) for end in range(1, len(loc) + 1)]
    return not any(isinstance(step, dict) and ("when" in step or "for" in step) for step in steps)


# -- mistakes -------------------------------------------------------------------------------------------------------


@mistake("unknown op", "unknown-op")
def unknown_op(data: Data) -> Iterator[Data]:
    """Misspell the name of an op."""
    known = {*Layer.registry, *data.get("blocks", ()), *data.get("use", ())}
    for loc, entry in entries(data):
        op = entry.get("op")
        if isinstance(op, str) and op in known:
            slip = op[0] + op[2:0:-1] + op[3:]
            yield _changed(data, loc, {"op": slip if slip not in known else f"{op}x"})


@mistake("misspelt argument", "unknown-argument")
def misspelt_argument(data: Data) -> Iterator[Data]:
    """Misspell the name of an argument."""
    for loc, _, name, value in _arguments(data):
        yield _changed(data, loc, {name + name[-1]: value}, without=name)


@mistake("missing argument", "missing-argument")
def missing_argument(data: Data) -> Iterator[Data]:
    """Leave out an argument that must be given."""
    defaults = data.get("defaults") or {}
    for loc, kind, name, _ in _arguments(data):
        field = kind.model_fields.get(name)
        if field is not None and field.is_required() and name not in (defaults.get(kind.op) or {}):
            yield _changed(data, loc, {}, without=name)


@mistake("wrong type", "bad-value")
def wrong_type(data: Data) -> Iterator[Data]:
    """Write a number as a word."""
    for loc, _, name, value in _arguments(data):
        if type(value) is int:
            yield _changed(data, loc, {name: "three"})


@mistake("unknown parameter", "unknown-param")
def unknown_parameter(data: Data) -> Iterator[Data]:
    """Read a parameter that is not declared."""
    for loc, _, name, _ in _arguments(data):
        yield _changed(data, loc, {name: "$undeclared"})


@mistake("bad expression", "bad-expression")
def bad_expression(data: Data) -> Iterator[Data]:
    """Leave an expression unfinished."""
    for loc, _, name, _ in _arguments(data):
        yield _changed(data, loc, {name: "$(1 +)"})


@mistake("unknown key", "unknown-key")
def unknown_key(data: Data) -> Iterator[Data]:
    """Add a key that the language does not have."""
    yield _changed(data, (), {"nowhere": 1})


@mistake("unknown reference", "unknown-reference")
def unknown_reference(data: Data) -> Iterator[Data]:
    """Take a value of which there is none."""
    for loc, entry in entries(data):
        if "op" in entry:
            yield _changed(data, loc, {"from": "nowhere"})


@mistake("missing input", "bad-value", "missing-argument")
def missing_input(data: Data) -> Iterator[Data]:
    """Leave out one of the values that an op takes."""
    for loc, entry in entries(data):
        kind, taken = Layer.registry.get(str(entry.get("op"))), entry.get("from")
        if kind is not None and isinstance(taken, list) and len(taken) == kind.arity[0] > 1:
            yield _changed(data, loc, {"from": taken[:-1]})


@mistake("forward reference", "forward-reference", "cycle")
def forward_reference(data: Data) -> Iterator[Data]:
    """Take what comes after."""
    for loc, entry in entries(data):
        around, number = at(data, loc[:-1]), int(loc[-1])
        before = {each.get("id") for each in around[: number + 1]}
        ids = [each["id"] for each in around[number + 1 :] if _plain(each.get("id")) and each["id"] not in before]
        if "op" in entry and ids:
            yield _changed(data, loc, {"from": ids[0]})


@mistake("duplicate id", "duplicate-id")
def duplicate_id(data: Data) -> Iterator[Data]:
    """Give an entry the id of another in its list."""
    for loc, entry in entries(data):
        if not _plain(entry.get("id")) or not _certain(data, loc):
            continue
        for number in range(int(loc[-1])):
            other = (*loc[:-1], number)
            if "id" in at(data, other) and _certain(data, other):
                yield _changed(data, other, {"id": entry["id"]})


def _plain(name: Any) -> bool:
    """Return whether it is an id that is the same in every turn of a loop."""
    return isinstance(name, str) and "$" not in name


@mistake("cycle", "cycle")
def cycle(data: Data) -> Iterator[Data]:
    """Let a block contain itself."""
    made = copy.deepcopy(data)
    made["blocks"] = {**(made.get("blocks") or {}), "Again": {"layers": [{"op": "Again"}]}}
    made["layers"].append({"id": "again", "op": "Again"})
    yield made


@mistake("wrong channels", "assertion-failed")
def wrong_channels(data: Data) -> Iterator[Data]:
    """State other channels, or features, than flow in."""
    graphs = check_into(Report(), data)[:1]
    leaves = ((graph, *leaf) for graph in graphs for leaf in graph.walk())
    places = {node.loc: node for graph, _, node, composite in leaves if composite.unit is graph.unit}
    for loc, node in places.items():
        if isinstance(node.body, Layer) and "op" in at(data, loc):
            for name, value in node.body.derived(*node.shapes).items():
                if isinstance(value, int) and name in type(node.body).model_fields:
                    yield _changed(data, loc, {name: value + 1})


@mistake("unequal sum", "shape-mismatch")
def unequal_sum(data: Data) -> Iterator[Data]:
    """Add, or multiply, values of different shapes."""
    for loc, entry in entries(data):
        taken = entry.get("from")
        if entry.get("op") not in ("add", "sub", "mul", "div") or "broadcast" in entry or not isinstance(taken, list):
            continue
        if all(map(_plain, taken)):
            made = _changed(data, loc, {"from": ["doubled", *taken[1:]]})
            at(made, loc[:-1]).insert(int(loc[-1]), {"id": "doubled", "op": "concat", "from": [taken[0]] * 2})
            yield made


@mistake("too small an input", "empty-output", "shape-mismatch", "assertion-failed", "indivisible", "bad-value")
def too_small_an_input(data: Data) -> Iterator[Data]:
    """Declare an input of one pixel, where that is too small."""
    declared = data.get("input")
    if isinstance(declared, list) and len(declared) > 1:
        made = _changed(data, (), {"input": [declared[0], *[1] * (len(declared) - 1)]}, without="expect")
        try:
            speczoo.check(made)
        except speczoo.SpecError:
            yield made
