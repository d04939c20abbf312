"""The values that may stand at a place: ops, ids, choices, paths, names of parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal, get_args, get_origin

from speczoo import catalogue
from speczoo.compiler.composite import Composite
from speczoo.compiler.initialisers import INITIALISERS, WORDS
from speczoo.editor.hints import outputs, shape
from speczoo.editor.names import Symbol, closed_list, entry_at, owner
from speczoo.editor.offers import Here, OfferedItem, described, is_op, ops, param, state, whole_entries
from speczoo.editor.ops import Taken, op_of
from speczoo.editor.tree import Listing, Mapping, TextNode, TextScalar, find
from speczoo.specs import files
from speczoo.specs.diagnostics import Report
from speczoo.specs.entry import Entry
from speczoo.specs.keys import keys, kinds_at
from speczoo.specs.parameter import Param
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Spec

MANY = 500  # paths of a network that are offered


def values_at(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    """Yield what may stand at a place."""
    entry = entry_at(loc)
    if entry is not None and loc != entry:
        yield from _entry_values(here, loc, entry)
    else:
        yield from _spec_values(here, loc)
    if _computed(loc):
        for symbol in here.names.visible(loc):
            yield OfferedItem(f"${symbol.name}", "name", described(here, symbol), rank=7)


def _computed(loc: Loc) -> bool:
    """Return whether an expression may stand at a place."""
    words = (
        "name",
        "title",
        "reference",
        "source",
        "year",
        "spec",
        "use",
        "published",
        "notes",
        "type",
        "doc",
        "match",
    )
    if loc[-1:] and loc[-1] in Entry.LISTS:
        return False
    return not {*map(str, loc)} & {*words} and loc[:1] not in (("freeze",), ("tie",), ("weights",), ("expect",))


def _entry_values(here: Here, loc: Loc, entry: Loc) -> Iterator[OfferedItem]:
    key = loc[len(entry)]
    op = find(here.typing.root, (*entry, "op"))
    name = op.text if isinstance(op, TextScalar) else ""
    if key == "op":
        yield from ops(here)
        yield from (
            OfferedItem(f"${s.name}", "name", described(here, s)) for s in here.names.visible(loc) if is_op(here, s)
        )
    elif here.names.refers(loc) or key in ("from", "share"):
        yield from _references(here, entry, sharing=key == "share")
    elif here.names.taps(loc):
        yield from _taps(here, entry)
    elif key == "when":
        yield from (OfferedItem(word, "value") for word in ("true", "false"))
    elif key in ("layers", "do"):
        yield from _new_entries(here)
    else:
        found = op_of(name, here.names, here.unit)
        yield from _argument_values(here, loc, name, found.argument(str(key)) if found is not None else None)


def _new_entries(here: Here) -> Iterator[OfferedItem]:
    """Yield entries for a list that has none yet."""
    lead = "- " if here.typing.own_line and not here.typing.flow else "["
    for item in whole_entries(here):
        yield replace(item, insert=f"{lead}{item.insert}{']' if lead == '[' else ''}")


def _argument_values(here: Here, loc: Loc, op: str, argument: Taken | None) -> Iterator[OfferedItem]:
    if argument is None:
        return
    for choice in argument.choices:
        yield OfferedItem(choice, "value", "default" if choice == str(argument.default).strip("'") else "", rank=0)
    if argument.kind == "op":
        yield from ops(here)
    if argument.kind == "bool" or argument.default in ("true", "false"):
        yield from (OfferedItem(word, "value", rank=0) for word in ("true", "false"))
    if argument.default not in (None, "null") and not argument.choices and not argument.derived:
        yield OfferedItem(str(argument.default), "value", "default", rank=1)


def _spec_values(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    """Yield what may stand at a place outside of entries."""
    last = loc[-1] if loc else ""
    if loc == ("spec",):
        yield OfferedItem("1", "value", "the version of the language")
    elif loc[:1] == ("use",):
        yield from _specs_to_use(here)
    elif last == "match":
        yield from ops(here)
        yield from (OfferedItem(path, "id", insert=_quoted(here, path)) for path in _globs(here))
    elif loc[:1] == ("freeze",):
        yield from (OfferedItem(path, "id", insert=_quoted(here, path)) for path in [*_globs(here), *state(here)])
    elif loc[:1] == ("tie",):
        yield from (OfferedItem(path, "id") for path in state(here))
    elif last == "from" and "outputs" in loc:
        home = (*owner(loc), "layers")
        yield from (_id_item(here, symbol) for symbol in here.names.ids(home))
    elif last in ("layers",):
        yield from _new_entries(here)
    elif loc[:1] == ("init",) and len(loc) == 3:
        yield from (
            OfferedItem(name, "function") for name, takes in INITIALISERS.items() if not takes or name == "constant"
        )
    elif loc[:1] == ("init",) and len(loc) == 5:
        yield from (OfferedItem(word, "value") for word in WORDS.get(str(last), ()))
    else:
        yield from _declared_values(here, loc)
        for kind in kinds_at(Spec, loc, here.data):
            values = get_args(kind) if get_origin(kind) is Literal else ("true", "false") if kind is bool else ()
            yield from (OfferedItem(str(value), "value") for value in values)


def _declared_values(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    """Yield the values of a parameter, where a variant sets it or it is declared."""
    if "params" not in loc[:-1]:
        return
    at = loc.index("params")
    symbol = next((s for s in here.names.symbols if s.kind == "param" and s.name == loc[at + 1]), None)
    if loc[0] in ("variants", "weights") and symbol is not None:
        yield from _argument_values(here, loc, "", param(here, symbol))
    elif len(loc) == at + 2:
        types = get_args(keys(Param)["type"].field.annotation)
        yield from (OfferedItem(str(word), "value", "type") for kind in types for word in get_args(kind))
    elif "choices" in loc[at + 2 :] and symbol is not None:
        yield from ops(here) if is_op(here, symbol) else ()
    elif loc[-1] == "default" and symbol is not None:
        yield from (OfferedItem(choice, "value") for choice in param(here, symbol).choices)
        yield from ops(here) if is_op(here, symbol) else ()


def _quoted(here: Here, path: str) -> str:
    scalar = here.typing.place.scalar
    return path if scalar is not None and scalar.quote else f'"{path}"'


# -- names --------------------------------------------------------------------------------------------------------


def _references(here: Here, entry: Loc, *, sharing: bool) -> Iterator[OfferedItem]:
    """Yield what an entry may take: what comes before it in its list, the nearest first, and what flows in."""
    home = closed_list(entry)
    before = [symbol for symbol in here.names.ids(home) if symbol.loc < entry]
    for symbol in reversed(before):
        yield _id_item(here, symbol)
        if not sharing:
            yield from _ports(here, symbol)
    if sharing:
        return
    flowing = [s for s in here.names.symbols if s.kind == "input" and s.home == home[:-1]]
    yield from (OfferedItem(symbol.name, "id", "what flows in") for symbol in flowing)
    if not flowing:
        yield OfferedItem("input", "id", "what flows into this list")


def _id_item(here: Here, symbol: Symbol) -> OfferedItem:
    instances = here.analysis.entries.get(symbol.loc, ())
    shapes = list(
        dict.fromkeys(filter(None, (outputs(each.node) for each in instances if _same(each.node.entry, symbol))))
    )
    op = find(here.typing.root, (*symbol.loc, "op"))
    what = op.text if isinstance(op, TextScalar) else "group"
    return OfferedItem(symbol.name, "id", f"{what}  {', '.join(shapes[:4])}".rstrip())


def _same(entry: Entry, symbol: Symbol) -> bool:
    """Return whether an analysis, which may be older, speaks of the entry with this id."""
    return entry.id == symbol.name


def _ports(here: Here, symbol: Symbol) -> Iterator[OfferedItem]:
    """Yield the outputs of an entry that has several; of one that has not been checked yet its taps."""
    for node, _, _ in here.analysis.entries.get(symbol.loc, ())[:1]:
        if _same(node.entry, symbol):
            for port, value in zip(node.ports, node.outputs, strict=False):
                yield OfferedItem(f"{symbol.name}.{port}", "id", shape(value))
            return
    taps = find(here.typing.root, (*symbol.loc, "taps"))
    yield from (OfferedItem(f"{symbol.name}.{name}", "id", "a tap") for name in _tapped(taps))


def _tapped(taps: TextNode | None) -> Iterator[str]:
    """Yield the names that taps have, as they are written."""
    if isinstance(taps, Mapping):
        yield from (pair.key.text for pair in taps.pairs)
    for tap in taps.items if isinstance(taps, Listing) else ():
        name = tap.get("id") if isinstance(tap, Mapping) else tap
        if isinstance(name, TextScalar):
            yield name.text


def _taps(here: Here, entry: Loc) -> Iterator[OfferedItem]:
    """Yield the paths inside an entry."""
    op = find(here.typing.root, (*entry, "op"))
    word = op.text if isinstance(op, TextScalar) else None
    bodies = [each.node.body for each in here.analysis.entries.get(entry, ()) if each.node.entry.op == word]
    if bodies and isinstance(bodies[0], Composite):
        yield from (OfferedItem(path, "id", what) for path, what in _paths(bodies[0], "", 3))
    elif word is not None:
        yield from _unchecked_taps(here, word)


def _unchecked_taps(here: Here, op: str) -> Iterator[OfferedItem]:
    """Yield the paths inside a block or a spec in use, of which nothing is known in this network yet."""
    from speczoo.checking import graph_into

    yield from (OfferedItem(symbol.name, "id") for symbol in here.names.ids(("blocks", op, "layers")))
    wanted = find(here.typing.root, ("use", op))
    if isinstance(wanted, TextScalar) and not catalogue.is_path(wanted.text):
        graph = graph_into(Report(), wanted.text)
        yield from (
            OfferedItem(path, "id", what) for path, what in (_paths(graph.root, "", 3) if graph is not None else ())
        )


def _paths(composite: Composite, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for node in composite.nodes:
        yield prefix + node.name, f"{node.op}  {outputs(node)}"
        if isinstance(node.body, Composite) and depth > 1:
            yield from _paths(node.body, f"{prefix}{node.name}.", depth - 1)


def _globs(here: Here) -> Iterator[str]:
    """Yield patterns for all that stands in the entries of the network, and the paths of these."""
    graph = here.analysis.graph
    if graph is None:
        yield from (f"{s.name}.**" for s in here.names.ids(("layers",)) if "$" not in s.name)
        return
    yield from (f"{node.name}.**" for node in graph.root.nodes)
    yield from (path for path, _ in islice(_paths(graph.root, "", 3), MANY))


def _specs_to_use(here: Here) -> Iterator[OfferedItem]:
    for name in catalogue.names():
        yield OfferedItem(name, "file", "a network of the zoo")
    blocks = sorted(path.stem for path in catalogue.BLOCKS.glob("*.yaml"))
    yield from (OfferedItem(name, "file", "blocks of the zoo") for name in blocks)
    yield from specs_beside(here)


def specs_beside(here: Here) -> Iterator[OfferedItem]:
    """Yield the specs in the folder of a text: files whose first lines say that they are."""
    path = here.analysis.source.path
    for near in sorted(path.parent.glob("*.yaml"))[:100] if path is not None else ():
        if near.name != path.name and _is_spec(near):  # type: ignore[union-attr]
            yield OfferedItem(f"./{near.name}", "file", "beside this file")


def _is_spec(path: Path) -> bool:
    try:
        head = files.read(path, 2_000)
    except (OSError, ValueError):
        return False
    return re.search(rb"^spec[ \t]*:", head, re.MULTILINE) is not None
