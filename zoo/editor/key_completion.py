"""The keys that a mapping may have: of the language, arguments of an op, parameters, initialisers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args, get_origin

from speczoo.compiler.initialisers import INITIALISERS
from speczoo.compiler.layer import Layer
from speczoo.editor.names import entry_at
from speczoo.editor.offers import Here, OfferedItem, Sort, is_op, ops, param, state, whole_entries
from speczoo.editor.ops import Taken, op_of
from speczoo.editor.tree import Mapping, TextScalar, find, plain
from speczoo.specs.entry import Entry
from speczoo.specs.keys import Key, Model, is_model, keys, model_at
from speczoo.specs.keys import kinds as _kinds
from speczoo.specs.problem import Loc
from speczoo.specs.spec import InitRule, Spec

#: Mappings whose keys are names of something else.
NAMED: tuple[Loc, ...] = (("defaults",), ("params",), ("tie",))


def is_default(loc: Loc) -> bool:
    """Return whether the arguments of an op stand at a place, under `defaults`."""
    return len(loc) == 2 and loc[0] == "defaults"


def keys_at(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    """Yield the keys that a mapping may have besides those that it has."""
    there = given(here, loc)
    yield from (item for item in _all_keys(here, loc, there) if item.label not in there)


def given(here: Here, loc: Loc) -> set[str]:
    """Return the keys that a mapping has, but for the one that is being typed."""
    node = find(here.typing.root, loc)
    found = {pair.key.text for pair in node.pairs if pair.colon} if isinstance(node, Mapping) else set()
    own = here.typing.place.scalar
    return found - ({own.text.replace(_mark(own), "")} if own is not None and here.typing.has_colon else set())


def _mark(scalar: TextScalar) -> str:
    return next((char for char in scalar.text if "\ue000" <= char < "\ue010"), "")


def _all_keys(here: Here, loc: Loc, given: set[str]) -> Iterator[OfferedItem]:
    if entry_at(loc) == loc and loc:
        yield from _entry_keys(here, loc, given)
    elif loc == ("defaults",):
        yield from ops(here, ending=": {$1}" if here.typing.flow else ": ")
    elif is_default(loc):
        yield from _arguments(here, str(loc[1]))
    elif (len(loc) == 3 and loc[0] == "variants" and loc[2] == "params") or loc == ("weights", "params"):
        yield from (argument_item(here, param(here, s)) for s in here.names.symbols if s.kind == "param" and not s.home)
    elif loc == ("tie",):
        yield from (key_item(here, path, "argument") for path in state(here))
    elif loc[-1:] == ("notes",):
        published = find(here.typing.root, (*loc[:-1], "published"))
        yield from (key_item(here, name, "key") for name in (plain(published) or ()) if isinstance(name, str))
    elif loc == ("expect", "output") and here.analysis.graph is not None:
        yield from (key_item(here, name, "key") for name in here.analysis.graph.outputs)
    elif loc[:1] == ("init",) and len(loc) >= 3:
        yield from _initialiser_keys(here, loc)
    elif (model := model_at(Spec, loc, here.data)) is not None:
        yield from _model_keys(here, model)
        if not loc and not given:
            yield replace(key_item(here, "recipe", "key", "", "1"), detail="of a training, in place of a spec")
        if model is InitRule:
            yield from _rule_keys(here, loc)


def _model_keys(here: Here, model: Model) -> Iterator[OfferedItem]:
    for rank, key in enumerate(keys(model).values()):
        yield key_item(here, key.name, "key", key.help, stub(here, key), rank=0 if key.required else 1 + rank // 8)


def stub(here: Here, key: Key) -> str:
    """Return what begins the value of a key, where that is a list or a mapping and nothing else."""
    kinds = [kind for kind in _kinds(key.field.annotation) if kind is not type(None)]
    if key.item == "a size":
        return "[$1]"
    origins = {get_origin(kind) for kind in kinds}
    models = any(is_model(each) for kind in kinds for part in get_args(kind)[-1:] for each in _kinds(part))
    below = here.typing.own_line and not here.typing.flow
    margin = f"\n{' ' * (here.typing.column + 2)}"
    if origins == {list}:
        return f"{margin}- $1" if below and models else "[$1]"
    if origins == {dict} or is_model(kinds[0]):
        return f"{margin}$1" if below else "{$1}"
    return ""


def _entry_keys(here: Here, loc: Loc, given: set[str]) -> Iterator[OfferedItem]:
    """Yield the arguments of an entry's op and the keys that may stand beside what kind of entry it is."""
    kind = next((kind for kind in Entry.KINDS if kind in given), None)
    op = find(here.typing.root, (*loc, "op"))
    if kind == "op" and isinstance(op, TextScalar):
        yield from _arguments(here, op.text)
    allowed = [*Entry.beside(kind)] if kind else [*keys(Entry)]
    for name in allowed:
        key = keys(Entry)[name]
        rank = 1 if name in Entry.KINDS else 6
        yield key_item(here, name, "key", key.help, stub(here, key), rank=rank)
    if not given and here.typing.own_line and not here.typing.flow:
        yield from whole_entries(here)


def _arguments(here: Here, name: str) -> Iterator[OfferedItem]:
    """Yield the arguments of an op; of one that a parameter holds, those of each that it may be."""
    held = [param(here, s) for s in here.names.symbols if is_op(here, s) and name in (f"${s.name}", f"$({s.name})")]
    for word in dict.fromkeys([name, *(word for each in held for word in (each.default or "", *each.choices))]):
        op = op_of(word, here.names, here.unit)
        yield from (argument_item(here, argument) for argument in (op.arguments if op is not None else ()))


def argument_item(here: Here, argument: Taken) -> OfferedItem:
    """Return the offer of an argument: what is required stands first, and brings its place for a value."""
    rank = 0 if argument.required else 3 if argument.derived else 2
    doc = "\n\n".join(filter(None, (argument.doc, argument.line)))
    default = (
        "" if argument.default in (None, "null") or argument.derived else f"${{1:{_escaped(argument.default or '')}}}"
    )
    detail = "required" if argument.required else "derived" if argument.derived else f"default {argument.default}"
    return replace(key_item(here, argument.name, "argument", doc, default, rank=rank), detail=detail)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")


def key_item(here: Here, name: str, sort: Sort, doc: str = "", value: str = "", rank: int = 5) -> OfferedItem:
    """Return a key with its colon, where it has none yet."""
    if here.typing.has_colon:
        return OfferedItem(name, sort, "", doc, name, rank=rank)
    blank = "" if value.startswith("\n") else " "
    return OfferedItem(name, sort, "", doc, f"{name}:{blank}{value}", snippet="$" in value, rank=rank)


def _rule_keys(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    """Yield the parameters that the layers of a rule have."""
    match = find(here.typing.root, (*loc, "match"))
    layer = Layer.registry.get(match.text) if isinstance(match, TextScalar) else None
    for name in (layer.parameters if layer is not None else ()) or ("weight", "bias"):
        yield key_item(here, name, "argument")


def _initialiser_keys(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    if len(loc) == 3:
        yield from (key_item(here, name, "function") for name in INITIALISERS)
    elif len(loc) == 4:
        yield from (key_item(here, name, "argument") for name in INITIALISERS.get(str(loc[3]), ()))
