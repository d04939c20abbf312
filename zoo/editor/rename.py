"""A name given anew, wherever it stands."""

from __future__ import annotations

import re
from typing import NamedTuple

from speczoo.compiler.id_template import EXPRESSION
from speczoo.compiler.layer import Layer
from speczoo.compiler.scope import FLOW
from speczoo.editor.cursor import place_at
from speczoo.editor.names import READABLE, Occurrence, Symbol, TextNames, entry_at, expression_names
from speczoo.editor.positions import Range
from speczoo.editor.tree import TextScalar, find, walk
from speczoo.specs.grammar import NAME, NETWORK
from speczoo.specs.reserved_names import bad_id, bad_input


class RenameRefused(Exception):
    """A name that cannot be given, in words."""


class Renaming(NamedTuple):
    """What is written anew, each stretch with its text; `warning` says what it changes beside the text."""

    edits: tuple[tuple[Range, str], ...]
    warning: str = ""


def renamable(names: TextNames, offset: int) -> Occurrence | None:
    """Return the name at a place that can be given anew; None where there is none."""
    found = names.at(offset)
    return found if found is not None else None


def rename(names: TextNames, text: str, offset: int, new: str) -> Renaming:
    """Return what gives the name at a place anew. Raises RenameRefused."""
    found = renamable(names, offset)
    if found is None:
        raise RenameRefused("nothing here has a name that can be changed")
    symbol = found.symbol
    if new == symbol.name:
        return Renaming(())
    if (why := _bad(names, symbol, new)) is not None:
        raise RenameRefused(why)
    edits = {each.at: _anew(text[each.at.start : each.at.end], symbol.name, new) for each in names.of(symbol)}
    return Renaming(tuple(sorted(edits.items())), _warning(symbol, new))


def _bad(names: TextNames, symbol: Symbol, new: str) -> str | None:
    """Return why a name cannot be given."""
    if symbol.kind == "id":
        return _bad_id(names, symbol, new)
    pattern = NETWORK if symbol.kind == "variant" else NAME
    if not re.fullmatch(pattern, new) or len(new) > 100:
        return f"`{new}` cannot be a name: letters, digits and underscores, and no digit first"
    if symbol.kind == "input" and (why := bad_input(new)) is not None:
        return f"`{new}` cannot be the name of an input: {why}"
    if symbol.kind in READABLE and new in FLOW:
        return f"`{new}` is what flows in, to expressions"
    if symbol.kind in ("block", "use") and new in Layer.registry:
        return f"`{new}` is a layer"
    if symbol.kind == "param" and symbol.home and _set_elsewhere(names, symbol):
        return (
            f"`{symbol.name}` is set where the op is an expression, which may be a layer or a spec in use: they have "
            f"names of their own"
        )
    taken = [s for s in names.symbols if s.name == new and _together(s, symbol)]
    return f"`{new}` is there already" if taken else None


def _set_elsewhere(names: TextNames, symbol: Symbol) -> bool:
    """Return whether an entry that sets a block's parameter may be something else, which has its own of that name: a
    spec in use, or a layer that the parameter which holds the op may be.
    """
    used = any(each.kind == "use" for each in names.symbols)
    for each in names.of(symbol):
        place = place_at(names.root, each.at.start)
        entry = entry_at(place.loc)
        op = find(names.root, (*entry, "op")) if entry is not None and place.part == "key" else None
        if isinstance(op, TextScalar) and "$" in op.text and (used or _may_be_layer(names, op, symbol.name)):
            return True
    return False


def _may_be_layer(names: TextNames, op: TextScalar, argument: str) -> bool:
    """Return whether one of the words that are given to what an op reads is a layer with such an argument."""
    read = {name for name, _ in expression_names(op)}
    words = (node.text for loc, node in walk(names.root) if isinstance(node, TextScalar) and read & {*map(str, loc)})
    return any(argument in Layer.registry[word].model_fields for word in words if word in Layer.registry)


def _together(one: Symbol, other: Symbol) -> bool:
    """Return whether two names may not be the same: ops are one namespace, and what an expression reads is one."""
    for kinds in (("block", "use"), READABLE):
        if one.kind in kinds and other.kind in kinds:
            shorter, longer = sorted((one.home, other.home), key=len)
            return longer[: len(shorter)] == shorter
    return (one.kind, one.home) == (other.kind, other.home)


def _bad_id(names: TextNames, symbol: Symbol, new: str) -> str | None:
    if EXPRESSION.findall(new) != EXPRESSION.findall(symbol.name):
        kept = " and ".join(f"`{part}`" for part in EXPRESSION.findall(symbol.name))
        return f"the new id keeps {kept}" if kept else "an id that stands alone gets no expression"
    plain = EXPRESSION.sub("0", new)
    if why := bad_id(plain, module=True, sequential=True):
        return f"`{new}` cannot be an id: {why}"
    flowing = [s.name for s in names.symbols if s.kind == "input" and s.home == symbol.home[:-1]]
    there = [s.name for s in names.ids(symbol.home) if s.name != symbol.name] + flowing
    if new in there or any(each.startswith(f"{new}.") or new.startswith(f"{each}.") for each in there):
        return f"`{new}` is there already"
    return None


def _anew(word: str, old: str, new: str) -> str:
    """Return a name where it stands given anew: of an id with expressions, what these came out as there is kept."""
    if word == old:
        return new
    parts = EXPRESSION.split(old)
    found = re.fullmatch("(.*?)".join(map(re.escape, parts)), word, re.DOTALL)
    if found is None:
        return word
    kept = iter(found.groups())
    return EXPRESSION.sub(lambda _: next(kept), new)


def _warning(symbol: Symbol, new: str) -> str:
    if symbol.kind == "id":
        return f"keys of the state_dict change: {symbol.name}.* becomes {new}.*, and weights saved before do not load"
    if symbol.kind == "variant":
        return "the network is called so: commands and other specs that name it do not find it"
    outside = "what sets it from outside names it: --set, Python, specs that use this one"
    return outside if symbol.kind == "param" and not symbol.home else ""
