"""The entries of a list: what a list of layers holds, and what the elements of other lists are made of.

Annotations are no texts here (`from __future__ import annotations`): pydantic would compile each of them at import.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from speczoo.specs import expression
from speczoo.specs.grammar import Grammar, PlainName, ShapeList, Templated
from speczoo.specs.keys import Holds, Instead, Perhaps, keys

ENTRIES = Holds("a list of entries: `- {op: ReLU}`")
SIZES = "a list of sizes without the batch axis, such as"
LOOP = Holds("a mapping of variables to what they run over: `{i: 1..$depth}`")
LOOP_WORDS = Instead("foreach", "for_each", "loop", "range")

#: What a number of repetitions is called elsewhere.
REPEATS = ("repeat", "repeats", "times", "count", "number", "repetitions", "num_repeats")


def repeated(key: str, value: object) -> str | None:
    """Return how an entry is there several times, where a key that is none of the language says a number of them."""
    counts = (type(value) is int and value > 0) or (isinstance(value, str) and value.startswith("$"))
    if not counts or key.lower() not in (*REPEATS, "n"):
        return None
    return f"`for: {{i: 1..{value}}}` makes it {value} times; an `id` then has `$i` in it"


def variables(key: str) -> list[str]:
    """Return the loop variables that a key of `for` names: `c, n` are two."""
    return [name.strip() for name in key.split(",")]


def names_in(value: object) -> frozenset[str]:
    """Return the names that the expressions anywhere in a value read, in entries and blocks too; of `input.channels`,
    `input`. One that cannot be read has none.
    """
    found, left = set[str](), [value]
    while left:
        part = left.pop()
        if isinstance(part, str):
            found.update(_names(part) if "$" in part else ())
        elif isinstance(part, (list, tuple)):
            left.extend(part)
        elif isinstance(part, dict):
            left.extend(part.values())
        elif isinstance(part, Grammar):
            left.extend([*part.__dict__.values(), part.model_extra])
    return frozenset(found)


def _names(text: str) -> Iterator[str]:
    try:
        yield from (name.partition(".")[0] for name in expression.Template.of(text).names)
    except expression.ExpressionError:
        return


class Comprehension(Grammar):
    """Several elements of a list: one for each turn of a loop."""

    for_: Annotated[
        dict[str, list[Any] | str],
        LOOP,
        LOOP_WORDS,
    ] = Field(alias="for", min_length=1, description="The loop, zipped: the element anew for each turn.")
    id: Annotated[str, Holds("an id with the loop's variables: `stage$i`"), Instead("from", "name", "path")] = Field(
        description="What stands in the list."
    )


class Tap(Grammar):
    """A value inside an entry as its output; beside `for`, one for each of its turns."""

    for_: Annotated[
        dict[str, list[Any] | str] | None,
        LOOP,
        LOOP_WORDS,
    ] = Field(default=None, alias="for", min_length=1, description="The loop, zipped: the tap anew for each turn.")
    id: Annotated[str, Holds("a name, or the path itself: `stage$i`"), Instead("name")] = Field(
        description="The output's name; the path, too, where no `from` says it."
    )
    from_: Annotated[
        str | None, Holds("a path inside the entry: `layer$i.bn2`"), Instead("path", "source", "value", "layer")
    ] = Field(default=None, alias="from", description="The path of the value inside.")


class Entry(Grammar):
    """One entry of a list: a layer, a block, a group, a shared module, or a splice. Extra keys are its arguments."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    #: What an entry is, by the one of these that it has.
    KINDS: ClassVar = ("op", "layers", "do", "share")
    #: Those that hold entries.
    LISTS: ClassVar = ("layers", "do")
    BESIDE_DO: ClassVar = frozenset({"for", "when"})
    #: The first of the keys that stand behind the arguments.
    ARGUMENTS_BEFORE: ClassVar = "shape"

    for_: Annotated[
        dict[str, list[Any] | str] | None,
        Holds("a mapping of variables to what they run over: `{i: 1..4, channels: [64, 128]}`"),
        LOOP_WORDS,
        Perhaps(*REPEATS),
    ] = Field(default=None, alias="for", min_length=1, description="The loop, zipped: the entry anew for each turn.")
    id: Annotated[str | int | None, Holds("a name"), Instead("name", "label", "alias")] = Field(
        default=None, description="The attribute's name, as in the `state_dict`; without it, the entry's position."
    )
    op: Annotated[
        str | None,
        Holds("the name of a layer, a function or a block"),
        Instead("type", "module", "layer", "class", "kind", "name", "function", "block", "operation"),
        Instead("_target_", "class_name", "nn", "opp", "ops"),
    ] = Field(default=None, description="The entry is this layer or function, block of this spec, or spec under `use`.")
    share: Annotated[str | None, Holds("the id of an entry before this one"), Instead("shared", "reuse", "tied_to")] = (
        Field(default=None, description="The entry is the module of another one, applied again.")
    )
    from_: Annotated[
        str | int | float | list[str | int | float | Comprehension] | None,
        Holds("an id, or a list of ids", item="an id"),
        Instead("inputs", "input", "form", "bottom", "source", "sources"),
    ] = Field(default=None, alias="from", description="What it takes; without it, what the entry before it gives.")
    shape: Annotated[
        ShapeList | None, Holds(f"{SIZES} `[64, 56, 56]`", item="a size"), Instead("output_shape", "out_shape")
    ] = Field(default=None, description="An assertion: the output's shape.")
    taps: Annotated[
        list[str | Tap] | dict[PlainName, str] | None,
        Holds("a list of paths, or a mapping of names to paths", item="a path"),
        Instead("hooks", "return_layers", "return_nodes"),
    ] = Field(default=None, description="Values inside it that are its outputs in place of its own: `id.path`.")
    when: Annotated[
        bool | Templated | None,
        Holds("true, false or an expression such as `$(stride > 1)`"),
        Instead("if", "condition", "enabled"),
    ] = Field(default=None, description="Whether it is there.")
    do: Annotated[list["Entry"] | None, ENTRIES, Instead("then", "body")] = Field(
        default=None, min_length=1, description="The entry is these, spliced into its list, beside `for` or `when`."
    )
    layers: Annotated[
        list["Entry"] | None, ENTRIES, Instead("children", "sequential", "body", "modules", "entries")
    ] = Field(default=None, min_length=1, description="The entry is these as a module of its own: an inline group.")

    @classmethod
    def beside(cls, kind: str) -> list[str]:
        """Return the keys that may stand beside the one that says what kind of entry it is."""
        allowed = cls.BESIDE_DO if kind == "do" else keys(cls).keys() - cls.KINDS
        return [key for key in keys(cls) if key in allowed]

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        more = self.model_extra or {}
        given = self.model_fields_set - more.keys()
        for name in type(self).model_fields:
            if name in given and getattr(self, name) is None:
                key = name.rstrip("_")
                message = f"`{key}` says nothing: give it a value, or leave it out"
                raise PydanticCustomError("entry_kind", message, {"key": key, "value": None})
        kinds = [kind for kind in self.KINDS if kind in given]
        if len(kinds) == 1 and kinds != ["do"]:
            return self
        one_of = "an entry is one of `op`, `layers`, `do` or `share`"
        if not kinds:
            raise PydanticCustomError("entry_empty", f"{one_of}, and this one has none of them")
        if len(kinds) > 1:
            shown = " and ".join(f"`{kind}`" for kind in kinds)
            raise PydanticCustomError("entry_kind", f"{one_of}, not {shown} together", {"key": kinds[-1]})
        if self.for_ is None and self.when is None:
            message = "`do` stands beside `for` or `when`; without them write its entries straight into the list"
            raise PydanticCustomError("entry_kind", message, {"key": "do"})
        for key in (*(name.rstrip("_") for name in type(self).model_fields if name in given), *more):
            if key != "do" and key not in self.BESIDE_DO:
                message = f"`do` splices entries into this list and makes no module: it takes no `{key}`"
                raise PydanticCustomError("entry_extra", message, {"key": key})
        return self

    @cached_property
    def arguments(self) -> dict[str, Any]:
        return self.model_extra or {}


#: What entries say when they are not arguments.
STRUCTURE = tuple(keys(Entry))
