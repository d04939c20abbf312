"""What there is in a recipe of training: what its words choose, its network with its parameters, keys at a place."""

from __future__ import annotations

from collections.abc import Mapping as Items
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from speczoo import catalogue
from speczoo.editor.ops import Op, Taken, parameter, written
from speczoo.editor.tree import Mapping, TextNode, TextScalar, find, plain
from speczoo.specs.diagnostics import Report
from speczoo.specs.keys import Key, Model, is_model, keys, kinds, kinds_at
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.source import Source

if TYPE_CHECKING:
    from speczoo.training.recipe_words import WordChoice

NETWORK: Loc = ("network", "params")  # where the parameters of the network stand


def is_recipe(root: TextNode) -> bool:
    """Return whether a text says by its keys that it is a recipe."""
    return isinstance(root, Mapping) and root.pair("recipe") is not None and root.pair("spec") is None


def models_at(root: TextNode, loc: Loc) -> list[Model]:
    """Return the models that the mapping at a place may be of: one, where a word chooses it."""
    return [kind for kind in kinds_of(root, loc) if is_model(kind)]


def kinds_of(root: TextNode, loc: Loc) -> list[Any]:
    """Return the types of what may stand at a place."""
    from speczoo.training.recipe import Recipe

    return kinds_at(Recipe, loc, plain(root))


def key_at(root: TextNode, loc: Loc) -> Key | None:
    """Return the key that a place ends in, where one model has it, or all that may be intended have the same."""
    found = [keys(model)[str(loc[-1])] for model in models_at(root, loc[:-1]) if loc and str(loc[-1]) in keys(model)]
    return found[0] if found else None


def op_at(root: TextNode, loc: Loc, source: Source) -> Op | None:
    """Return what the mapping at a place is: what its word chooses, or what the network takes."""
    if loc == NETWORK:
        return network_of(root, source)
    node = find(root, loc)
    for choice in choices().values() if isinstance(node, Mapping) else ():
        word = node.get(choice.tag.name)  # type: ignore[union-attr]
        if isinstance(word, TextScalar) and word.text == choice.word and choice.model in models_at(root, loc):
            return chosen(choice.word)
    return None


def chosen(word: str) -> Op | None:
    """Return what a word chooses, with the keys that stand beside it."""
    choice = choices().get(word)
    if choice is None:
        return None
    doc = " ".join(cleandoc(choice.model.__doc__ or "").split())
    beside = tuple(taken(key) for key in keys(choice.model).values() if key.name != choice.tag.name)
    return Op(word, "choice", doc, doc, beside)


def taken(key: Key) -> Taken:
    """Return a key as what is taken by its name."""
    default = None if key.required else key.field.get_default(call_default_factory=True)
    if is_model(type(default)):
        default = {}
    words = tuple(word for kind in kinds(key.field.annotation) for word in words_of(kind))
    return Taken(key.name, key.holds, None if key.required else written(default), key.description, words)


def words_of(kind: Any) -> tuple[str, ...]:
    """Return the words that a type allows, as they are written."""
    if get_origin(kind) is Literal:
        return tuple(map(written, get_args(kind)))
    return ("true", "false") if kind is bool else ()


# -- the network --------------------------------------------------------------------------------------------------


def named_network(root: TextNode) -> TextScalar | None:
    """Return the word that names the network."""
    for loc in (("network",), ("network", "name")):
        node = find(root, loc)
        if isinstance(node, TextScalar):
            return node
    return None


def unit_of(root: TextNode, source: Source) -> LoadedSpec | None:
    """Return the spec of the network; None where there is none, or its text is wrong."""
    from speczoo.training.recipe_loader import at_home

    word = named_network(root)
    name = at_home(word.text, (source.path or Path()).parent) if word is not None else None
    found = catalogue.find(name, Report()) if name else None
    return found[0] if found is not None else None


def network_of(root: TextNode, source: Source) -> Op | None:
    """Return the network with the parameters that it takes."""
    unit, word = unit_of(root, source), named_network(root)
    if unit is None or word is None:
        return None
    arguments = tuple(parameter(name, declared.written) for name, declared in unit.spec.params.items())
    return Op(word.text, "use", unit.spec.title or unit.spec.name, unit.spec.title or unit.spec.name, arguments)


def choices() -> Items[str, WordChoice]:
    """Return what each word of recipes chooses."""
    from speczoo.training import recipe_words

    return recipe_words.choices()
