"""A list of a spec under construction: entries with the shapes that come out of them, and names that read well."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from pydantic import ValidationError

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.arguments import argument_problems
from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.specs.limits import DEFAULT
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.reserved_names import bad_id


@dataclass(frozen=True)
class Tensor:
    """What an entry gives: the name that others take it by, and its shape in the spec's order, without the batch.

    `channels_last` is the order that the file's library has it in: the spec's first axis is its last one there.
    """

    name: str
    shape: Shape
    channels_last: bool = False
    dtype: str = "float32"
    constant: bool = False  # the same for every sample

    @property
    def value(self) -> Value:
        """What the language knows of it."""
        return Value(self.shape, self.dtype, batched=not self.constant)

    @property
    def there(self) -> Shape:
        """The shape in the order of the file's library."""
        return (*self.shape[1:], self.shape[0]) if self.channels_last else self.shape


Taken: TypeAlias = Tensor | float | int
NUMBER = Value((), batched=False)


@dataclass
class SourceEntry:
    """An entry before it is known who takes it: `named` where its id says something."""

    id: str
    data: dict[str, Any]
    takes: list[str | float | int]
    named: bool
    loc: Loc
    comment: str = ""


@dataclass
class Entries:
    """A list of entries; `start` are the names of what flows in."""

    start: tuple[str, ...]
    made: list[SourceEntry] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    at: Loc = ()  # where in the file what is being added stands

    def add(
        self,
        op: str,
        source: Taken | Iterable[Taken],
        arguments: Mapping[str, Any] | None = None,
        *,
        id: str = "",
        named: bool = False,
        comment: str = "",
        written: Mapping[str, Any] | None = None,
    ) -> Tensor:
        """Add a layer or function, and return what comes out of it. Raises ProblemError where it takes no such input or
        arguments, as the language has it.

        `written` are arguments as they are written, in place of their values: `$in_channels`.
        """
        sources = [source] if isinstance(source, Tensor | float | int) else list(source)
        first = next(each for each in sources if isinstance(each, Tensor))
        given = {key: value for key, value in (arguments or {}).items() if not is_default(op, key, value)}
        out = applied(op, arguments or {}, [each.value if isinstance(each, Tensor) else NUMBER for each in sources])
        name = self.free(id or op.lower())
        takes = [each.name if isinstance(each, Tensor) else each for each in sources]
        self.made.append(SourceEntry(name, {"op": op, **given, **(written or {})}, takes, named, self.at, comment))
        return replace(first, name=name, shape=out.shape, dtype=out.dtype, constant=not out.batched)

    def constant(self, value: Any, shape: Shape, id: str, like: Tensor) -> Tensor:
        """Add a Buffer that holds `value`, of a shape that meets that of `like`; its key is its id."""
        name = self.free(id)
        self.made.append(SourceEntry(name, {"op": "Buffer", "shape": list(shape), "value": value}, [], True, self.at))
        return replace(like, name=name, shape=shape, constant=True)

    def module(
        self, data: Mapping[str, Any], sources: Iterable[Tensor], out: Tensor, *, id: str, comment: str = ""
    ) -> Tensor:
        """Add a group, a block or a shared module whose output is known; its id is kept."""
        name = self.free(id)
        self.made.append(SourceEntry(name, dict(data), [each.name for each in sources], True, self.at, comment))
        return replace(out, name=name)

    def free(self, wanted: str) -> str:
        """Return a name that is an id and no other's, as near to the one that is wanted as can be; it is taken now."""
        name = identifier(wanted)
        number = 2
        while name in self.taken or name in self.start:
            name = f"{identifier(wanted)}_{number}"
            number += 1
        self.taken.add(name)
        return name

    def finished(self, outputs: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the entries as data: `id` where it is a name that says something or that is taken, `from` where it is
        not the entry before. `outputs` are names that something beside the list takes.
        """
        chained = [*self.start[:1] * (len(self.start) == 1), *(entry.id for entry in self.made)]
        shift = len(chained) - len(self.made)
        chains = [entry.takes == chained[i + shift - 1 : i + shift] for i, entry in enumerate(self.made)]
        used = {
            str(name).partition(".")[0]
            for entry, chain in zip(self.made, chains, strict=True)
            if not chain
            for name in entry.takes
        }
        used |= {name.partition(".")[0] for name in outputs}
        out: list[dict[str, Any]] = []
        for entry, chain in zip(self.made, chains, strict=True):
            head = {"id": entry.id} if entry.named or entry.id in used else {}
            takes: Any = entry.takes if len(entry.takes) > 1 else entry.takes[0] if entry.takes else None
            kind, *rest = entry.data.items()
            data = {**head, **dict([kind]), **({} if chain or takes is None else {"from": takes}), **dict(rest)}
            out.append(Commented(data, entry.comment) if entry.comment else data)
        return out

    def ends_with(self, out: Tensor) -> bool:
        """Return whether this is what the last entry gives."""
        return bool(self.made) and self.made[-1].id == out.name

    def places(self) -> Iterator[tuple[str, Loc]]:
        """Yield the name of every entry with its place in the file."""
        for entry in self.made:
            yield entry.id, entry.loc


class Commented(dict[str, Any]):
    """An entry with a comment behind it."""

    def __init__(self, data: Mapping[str, Any], comment: str) -> None:
        super().__init__(data)
        self.comment = comment


def identifier(name: str) -> str:
    """Return an id that is as near to a name as can be."""
    name = re.sub("[^A-Za-z0-9_]+", "_", name[:80]) or "_"
    name = f"_{name}" if name[0].isdigit() else name
    name = re.sub("^__+", "_", name)
    return f"{name}_" if bad_id(name, module=True) else name


def applied(op: str, arguments: Mapping[str, Any], values: list[Value]) -> Value:
    """Return what comes out of a layer. Raises ProblemError."""
    layer = Layer.registry[op]
    own = {key: value for key, value in arguments.items() if key not in layer.references}
    try:
        made = layer.model_validate(own)
    except ValidationError as error:
        raise ProblemError(next(argument_problems(layer, error, own, {}))[0]) from None
    out = made.apply(*values)[0]
    if math.prod(out.shape) > DEFAULT.params:
        raise ProblemError(Problem("limit-exceeded", f"`{op}` would give a tensor of more numbers than a spec may"))
    return out


def is_default(op: str, key: str, value: Any) -> bool:
    """Return whether an argument need not be written."""
    known = Layer.registry[op].model_fields.get(key)
    return (
        known is not None and not known.is_required() and type(known.default) is type(value) and known.default == value
    )
