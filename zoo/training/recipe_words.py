"""The words of a recipe that choose what stands beside them: optimizers, schedules, transforms, data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, get_args

from pydantic import BaseModel

from speczoo.specs.keys import Key, Model, keys, kinds, models
from speczoo.training.recipe import Recipe


class WordChoice(NamedTuple):
    """A word, the model of the mapping that it stands in, the key that it stands at, and the key of such mappings."""

    word: str
    model: Model
    tag: Key
    place: Key


@cache
def choices() -> Mapping[str, WordChoice]:
    """Return what each word chooses, in the order of the models."""
    found: dict[str, WordChoice] = {}
    for key in (key for model in models(Recipe) for key in keys(model).values()):
        for held in _held(key.field.annotation):
            found |= {
                word: WordChoice(word, held, tag, key) for tag in tags(held) for word in get_args(tag.field.annotation)
            }
    return MappingProxyType(found)


def tags(model: Model) -> list[Key]:
    """Return the key whose word chooses a model, in a list of one; an empty one where none does."""
    required = (key for key in keys(model).values() if key.required)
    return [key for key in required if (words := get_args(key.field.annotation)) and isinstance(words[0], str)][:1]


def _held(annotation: object) -> Iterator[Model]:
    """Yield the models of the mappings that stand at a key, or in a list there."""
    for kind in kinds(annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        else:
            yield from (each for part in get_args(kind)[-1:] for each in _held(part))
