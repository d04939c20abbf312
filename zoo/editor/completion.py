"""What can stand at a place: keys, ops, arguments and their values, ids, names in expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from speczoo.compiler.scope import FACTS, FLOW
from speczoo.editor import cursor, recipe_completion
from speczoo.editor.analysis import Analysis
from speczoo.editor.cursor import Typing
from speczoo.editor.json_style import in_json, in_quotes, is_json
from speczoo.editor.key_completion import NAMED, is_default, keys_at
from speczoo.editor.names import TextNames, entry_at
from speczoo.editor.offers import Here, Offer, OfferedItem, described
from speczoo.editor.positions import Range
from speczoo.editor.recipe_words import is_recipe
from speczoo.editor.tree import plain
from speczoo.editor.value_completion import values_at
from speczoo.specs.expression.reference import FUNCTIONS
from speczoo.specs.keys import model_at
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Spec

_WORD = re.compile(r"\w*", re.ASCII)


def complete(text: str, offset: int, analysis: Analysis) -> Offer:
    """Return what can stand at a place of a text, of which an analysis may be older than the text."""
    typing = cursor.typing(text, offset)
    if typing is None:
        return Offer((), Range(offset, offset))
    here = Here(typing, TextNames(typing.root), plain(typing.root), analysis)
    if is_recipe(typing.root):
        return _offer(text, typing, recipe_completion.offered(here))
    expression = cursor.expression(typing.before) if typing.place.part == "value" else None
    if expression is not None:
        items = [*_in_expression(here, expression)]
        return Offer(tuple(items), Range(offset - len(expression.name), _WORD.match(text, offset).end()))  # type: ignore[union-attr]
    loc, part = _position(here)
    return _offer(text, typing, keys_at(here, loc) if part == "key" else _either(here, loc))


def _either(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    """Yield values that may stand at a place, and where a mapping may begin there, its keys behind them."""
    yield from values_at(here, loc)
    if here.typing.own_line and model_at(Spec, loc, here.data) is not None:
        yield from keys_at(here, loc)


def _offer(text: str, typing: Typing, items: Iterable[OfferedItem]) -> Offer:
    """Return items as they are written at a place, each word once."""
    known = list({item.label: item for item in reversed([*items])}.values())[::-1]
    scalar = typing.place.scalar
    if scalar is not None and scalar.quote in ("'", '"'):
        known = [item for each in known if (item := in_quotes(each)) is not None]
    elif is_json(text):
        known = [in_json(item) for item in known]
    return Offer(tuple(replace(item, insert=_lead(typing, item)) for item in known), typing.replaces)


def _lead(typing: Typing, item: OfferedItem) -> str:
    return typing.lead + (item.insert or item.label)


def _position(here: Here) -> tuple[Loc, Literal["key", "value"]]:
    """Return the mapping whose key is being typed, or the place whose value is.

    A lone word where a mapping stands is its first key: behind the dash of an entry, or below a key.
    """
    loc, part, _ = here.typing.place
    if part == "key":
        return loc[:-1], "key"
    named = model_at(Spec, loc, here.data) is not None or loc in NAMED or is_default(loc)
    item = bool(loc) and isinstance(loc[-1], int)  # of a list, in which words may stand too
    if here.typing.own_line and ((named and not item) or entry_at(loc) == loc):
        return loc, "key"
    return loc, "value"


def _in_expression(here: Here, expression: cursor.TypedExpression) -> Iterator[OfferedItem]:
    """Yield what an expression may read: names, what flows in, and in parentheses functions."""
    head, dot, _ = expression.name.rpartition(".")
    if dot:
        yield from (OfferedItem(f"{head}.{fact}", "name", rank=1) for fact in FACTS)
        return
    loc = here.typing.place.loc
    for symbol in here.names.visible(loc):
        yield OfferedItem(symbol.name, "name", described(here, symbol), rank=0)
    if entry_at(loc) is not None or "let" in loc:
        yield from (OfferedItem(name, "name", "of what flows into the entry", rank=2) for name in FLOW[:3])
        yield OfferedItem("input", "name", "what flows into the list", rank=2)
    if expression.computes:
        for name, function in FUNCTIONS.items():
            yield OfferedItem(name, "function", function.call, function.doc, f"{name}(${{1}})", True, rank=4)
        yield from (
            OfferedItem(word, "value", rank=6) for word in ("true", "false", "null", "and", "or", "not", "if", "else")
        )
