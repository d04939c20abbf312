"""What can stand at a place of a recipe: keys, what words choose, networks with their parameters, metrics, values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from speczoo import catalogue
from speczoo.editor.key_completion import argument_item, given, key_item, stub
from speczoo.editor.offers import Here, OfferedItem
from speczoo.editor.ops import Op, written
from speczoo.editor.recipe_words import (
    NETWORK,
    choices,
    chosen,
    key_at,
    kinds_of,
    models_at,
    network_of,
    op_at,
    taken,
    words_of,
)
from speczoo.editor.value_completion import specs_beside
from speczoo.specs.keys import is_model, keys, kinds
from speczoo.specs.problem import Loc


def offered(here: Here) -> Iterator[OfferedItem]:
    """Yield what may stand where something is typed in a recipe."""
    loc, part, _ = here.typing.place
    if part == "key":
        yield from _keys(here, loc[:-1])
        return
    if here.typing.own_line and (loc == NETWORK or models_at(here.typing.root, loc)):
        yield from _keys(here, loc)
    yield from _values(here, loc)


# -- keys ---------------------------------------------------------------------------------------------------------


def _keys(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    """Yield the keys that a mapping may have besides those that it has; of several kinds, those that all have."""
    there = given(here, loc)
    yield from (item for item in _all_keys(here, loc) if item.label not in there)


def _all_keys(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    root, models = here.typing.root, models_at(here.typing.root, loc)
    op = op_at(root, loc, here.analysis.source)
    if op is not None and len(models) < 2:
        yield from (argument_item(here, argument) for argument in op.arguments)
    for rank, key in enumerate(keys(models[0]).values() if models else ()):
        if all(key.name in keys(model) for model in models) and (op is None or op.argument(key.name) is None):
            order = 0 if key.required else 1 + rank // 8
            yield key_item(here, key.name, "key", key.help, stub(here, key), rank=order)


# -- values -------------------------------------------------------------------------------------------------------


def _values(here: Here, loc: Loc) -> Iterator[OfferedItem]:
    root = here.typing.root
    if loc in (("network",), ("network", "name")):
        yield from _networks(here)
    if loc[: len(NETWORK)] == NETWORK and len(loc) == len(NETWORK) + 1:
        yield from _of_argument(network_of(root, here.analysis.source), str(loc[-1]))
    if loc == ("network", "input"):
        flow = here.analysis.recipe.flow if here.analysis.recipe is not None else {}
        yield from (
            OfferedItem(written(shape), "value", f"behind {'.'.join(map(str, at))}") for at, shape in flow.items()
        )
    for kind in kinds_of(root, loc):
        yield from _of_kind(here, kind, loc)
    key = key_at(root, loc)
    if key is not None and key.name in ("op", "dataset"):
        return
    if key is not None and (default := taken(key).default) not in (None, "null", "{}", '""'):
        yield OfferedItem(str(default), "value", "default", rank=6)


def _of_argument(op: Op | None, name: str) -> Iterator[OfferedItem]:
    argument = op.argument(name) if op is not None else None
    if argument is not None:
        words = argument.choices or (("true", "false") if argument.default in ("true", "false") else ())
        yield from (OfferedItem(word, "value", "default" if word == argument.default else "", rank=0) for word in words)
        if argument.default not in (None, "null", *words):
            yield OfferedItem(str(argument.default), "value", "default")


def _of_kind(here: Here, kind: Any, loc: Loc) -> Iterator[OfferedItem]:
    """Yield what one of the types of a place allows: words, whole mappings, and lists of them."""
    yield from (OfferedItem(word, "value", _about(word), rank=0) for word in words_of(kind))
    if is_model(kind) and loc:
        yield from _mappings(kind)
    elif get_origin(kind) is list:
        for inner in kinds(get_args(kind)[-1]):
            items = [*_of_kind(here, inner, (*loc, 0))]
            yield from (
                OfferedItem(
                    f"[{item.label}]",
                    item.sort,
                    item.detail,
                    item.doc,
                    f"[{item.insert or item.label}]",
                    item.snippet,
                    4,
                )
                for item in items
            )


def _about(word: str) -> str:
    op = chosen(word)
    return op.summary if op is not None else ""


def _mappings(model: Any) -> Iterator[OfferedItem]:
    """Yield a mapping in braces for each word that chooses a model, with what it must be given."""
    for choice in choices().values():
        op = chosen(choice.word)
        if choice.model is model and op is not None:
            required = [each.name for each in op.arguments if each.required]
            stops = [f"{name}: ${{{i}}}" for i, name in enumerate(required, 1)]
            text = f"{{{', '.join([f'{choice.tag.name}: {choice.word}', *stops])}}}"
            yield OfferedItem(choice.word, "entry", op.summary, "", text, snippet=bool(stops), rank=3)


def _networks(here: Here) -> Iterator[OfferedItem]:
    yield from (OfferedItem(name, "file", "a network of the zoo") for name in catalogue.names())
    yield from specs_beside(here)
