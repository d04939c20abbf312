"""What kind of value a key of the grammar takes: whether a value can stand there at all, right or wrong inside."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from speczoo.specs.keys import Model, keys
from speczoo.specs.problem import Loc


def could_be(model: Model, key: str, value: Any) -> bool:
    """Return whether `value` is of the kind that `key` takes in a mapping of the language; a key that is not there
    takes none.

    A list of entries is one for `layers` though an entry in it be wrong.
    """
    adapter = _adapter(model, key)
    if adapter is None or value is None:
        return False
    try:
        adapter.validate_python([value])
    except ValidationError as error:
        return any(_inside(value, detail["loc"][1:]) for detail in error.errors(include_url=False))
    return True


def _inside(value: Any, loc: tuple[int | str, ...]) -> bool:
    """Return whether pydantic speaks of a part of the value; the names of the kinds that it tried are none."""
    return any(
        step in value if isinstance(value, dict) else isinstance(value, list) and isinstance(step, int) for step in loc
    )


def at(data: Any, path: Loc) -> Any:
    """Return what stands at a path of plain data; None where nothing does. A text has no parts."""
    for step in path:
        try:
            data = data[step] if not isinstance(data, str) else None
        except (KeyError, IndexError, TypeError):
            return None
    return data


def placed(data: Any, loc: tuple[int | str, ...], *, missing: bool = False) -> Loc:
    """Return the part of pydantic's location that exists in the data (union tags and validators' names do not), and
    what is missing there.
    """
    path: list[str | int] = []
    for i, part in enumerate(loc):
        if (isinstance(data, dict) and part in data) or (
            isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data)
        ):
            path.append(part)
            data = data[part]  # type: ignore[index]
        elif missing and i == len(loc) - 1:
            path.append(part)
    return tuple(path)


@cache
def _adapter(model: Model, name: str) -> TypeAdapter[Any] | None:
    key = keys(model).get(name)
    if key is None:
        return None
    kind: Any = Annotated[key.field.annotation, *key.field.metadata] if key.field.metadata else key.field.annotation
    return TypeAdapter(list[kind], config=ConfigDict(strict=True))


def is_computed(value: Any) -> bool:
    """Return whether an expression stands in a value, or in what it holds."""
    if isinstance(value, str):
        return "$" in value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(map(is_computed, inside))
