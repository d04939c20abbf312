"""What the models of a language say of their keys: the order, what each holds, what people write instead.

Where pydantic has a word for it, that is used: the order of the fields, the alias, the type, the `description`.
`Holds`, `Instead` and `Perhaps` stand in the `Annotated` type of a field and say the rest. The texts about wrong keys,
the JSON Schema, the order of `zoo fmt` and the tables of the documents are made from them.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

T = TypeVar("T")
Model = type[BaseModel]


class Holds:
    """What stands at a key, as "`KEY` is ..." goes on, best with an example; `item` is what stands in a list there."""

    def __init__(self, text: str, item: str = "") -> None:
        self.text, self.item = text, item


class Instead:
    """The same thing under the names that it has elsewhere: they are put right by `zoo check --fix`."""

    def __init__(self, *words: str) -> None:
        self.words = words


class Perhaps(Instead):
    """Words that may have been intended for the key, or something else: they are asked about."""


_TYPES = {int: "an integer", float: "a number", str: "text", bool: "true or false"}


class Key:
    """A key of a model, by the name that people write."""

    def __init__(self, name: str, field: FieldInfo) -> None:
        self.name, self.field = name, field

    @property
    def description(self) -> str:
        return self.field.description or ""

    @property
    def required(self) -> bool:
        return self.field.is_required()

    @property
    def default(self) -> Any:
        """What holds where it is not there, of plain data; None where that says nothing."""
        found = None if self.required else self.field.get_default()
        return found if found not in (None, "", []) and isinstance(found, bool | int | float | str | list) else None

    @cached_property
    def holds(self) -> str:
        """What stands there in words: as `Holds` says it, else by the type."""
        stated = self._stated(Holds)
        return (
            stated[0].text if stated else " or ".join(filter(None, map(_type_in_words, kinds(self.field.annotation))))
        )

    @cached_property
    def item(self) -> str:
        """What stands in a list there, in words; empty where nothing says it."""
        return next((stated.item for stated in self._stated(Holds)), "")

    @cached_property
    def instead(self) -> tuple[str, ...]:
        """What people write for it, what is certain first."""
        stated = sorted(self._stated(Instead), key=lambda each: isinstance(each, Perhaps))
        return tuple(word for each in stated for word in each.words)

    @cached_property
    def perhaps(self) -> frozenset[str]:
        """Those of the words that may have been intended for something else."""
        return frozenset(word for stated in self._stated(Perhaps) for word in stated.words)

    @property
    def help(self) -> str:
        """What it says and what it holds, in sentences."""
        return f"{self.description} {self.holds[:1].upper()}{self.holds[1:]}.".lstrip()

    def _stated(self, kind: type[T]) -> list[T]:
        return [each for each in self.field.metadata if isinstance(each, kind)]


def _type_in_words(kind: Any) -> str | None:
    if get_origin(kind) is Literal:
        values = [f"`{value}`" for value in get_args(kind)]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    return _TYPES.get(kind)


@cache
def keys(model: Model) -> Mapping[str, Key]:
    """Return the keys of a model in the order of its text; what only the model itself sets is none."""
    fields = {field.alias or name: field for name, field in model.model_fields.items() if not field.exclude}
    return types.MappingProxyType({name: Key(name, field) for name, field in fields.items()})


def instead(model: Model, among: Collection[str], *, certain: bool = False) -> dict[str, str]:
    """Return foreign words with the key of `among` that each stands for; where several have a word, the first of the
    model. `certain`: without those that may be intended for something else.
    """
    words: dict[str, str] = {}
    for key in keys(model).values():
        for word in key.instead if key.name in among else ():
            if not (certain and word in key.perhaps):
                words.setdefault(word, key.name)
    return words


def kinds(annotation: Any) -> Iterator[Any]:
    """Yield the alternatives of a type, unions and annotations taken apart."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from kinds(each)
    elif origin is Annotated:
        yield from kinds(get_args(annotation)[0])
    else:
        yield annotation


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def models(model: Model) -> list[Model]:
    """Return a model and those of what it holds, in the order of their first mention."""
    found = [model]
    for each in found:
        for field in each.model_fields.values():
            found += [inner for inner in _held(field.annotation) if inner not in found]
    return list(dict.fromkeys(found))


def _held(annotation: Any) -> Iterator[Model]:
    for kind in kinds(annotation):
        if is_model(kind):
            yield kind
        elif get_origin(kind) in (list, dict):
            yield from _held(get_args(kind)[-1])


def kinds_at(model: Model, path: Sequence[str | int], data: Any = None) -> list[Any]:
    """Return the alternatives of what stands at a path of the model's data.

    Of several models, `data`, what is written, chooses the one by the key that names it.
    """
    here: list[Any] = [model]
    for step in path:
        here = [inner for kind in here for inner in _inside(kind, step)]
        data = _part(data, step)
        if sum(map(is_model, here)) > 1:
            here = [kind for kind in here if is_model(kind) and _named_by(kind, data)] or here
    return here


def model_at(model: Model, path: Sequence[str | int], data: Any = None) -> Model | None:
    """Return the model of the mapping at a path; None where there is none, or more than one that it may be."""
    found = [kind for kind in kinds_at(model, path, data) if is_model(kind)]
    return found[0] if len(found) == 1 else None


def key_at(model: Model, path: Sequence[str | int], data: Any = None) -> Key | None:
    """Return the key that a path ends in; None where a name or a position ends it."""
    holder = model_at(model, path[:-1], data) if path else None
    return keys(holder).get(str(path[-1])) if holder else None


def _inside(kind: Any, step: str | int) -> Iterator[Any]:
    if is_model(kind):
        if key := keys(kind).get(str(step)):
            yield from kinds(key.field.annotation)
    elif get_origin(kind) is (list if isinstance(step, int) else dict):
        yield from kinds(get_args(kind)[-1])


def _part(data: Any, step: str | int) -> Any:
    try:
        return data[step]
    except (KeyError, IndexError, TypeError):
        return None


def _named_by(model: Model, data: Any) -> bool:
    tags = {key.name: get_args(key.field.annotation) for key in keys(model).values() if key.required}
    return any(_part(data, name) in values for name, values in tags.items() if values)
