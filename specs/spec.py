"""The grammar: strict pydantic models of what a spec may say. A layer's own arguments stay data."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

Scalar: TypeAlias = bool | int | float | str | None
Loc: TypeAlias = tuple[str | int, ...]
Template = Annotated[str, Field(pattern=r"\$")]
ShapeList = list[int | str] | Template

TYPES = ("int", "float", "bool", "str", "list", "pair", "op", "shape")
NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
NETWORK = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
Name = Annotated[str, Field(pattern=NAME, max_length=100)]

#: What entries say when they are not arguments; suggestions for misspelt keys come from here too.
STRUCTURE = ("id", "op", "layers", "do", "for", "when", "from", "taps", "share", "shape")


class Grammar(BaseModel):
    """A mapping of the language: no key that is not in the grammar, no value converted behind one's back."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", populate_by_name=True)


class Param(Grammar):
    """A parameter: `name: int` (required), `name: 64` (default), or the long form with bounds and a word about it."""

    type: Literal["int", "float", "bool", "str", "list", "pair", "op", "shape"] | None = None
    default: Any = None
    required: bool = Field(default=False, exclude=True)
    min: float | int | None = None
    max: float | int | None = None
    choices: list[Any] | None = None
    doc: str | None = None
    written: Any = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _forms(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if "required" in value or "written" in value:
                raise PydanticCustomError(
                    "bad_param", "a parameter has `type`, `default`, `min`, `max`, `choices` and `doc`"
                )
            form = dict(value)
            if "type" not in form and "default" not in form:
                raise PydanticCustomError("bad_param", "a parameter needs a `type` or a `default`")
            form.setdefault("type", _kind(form.get("default")))
            return {**form, "required": "default" not in value, "written": value}
        if isinstance(value, str) and value in TYPES:
            return {"type": value, "required": True, "written": value}
        return {"type": _kind(value), "default": value, "written": value}

    @model_serializer
    def _as_written(self) -> Any:
        return self.written


def _kind(value: object) -> str | None:
    """The type that a default value shows; None where it is an expression, known once evaluated."""
    if isinstance(value, str) and "$" in value:
        return None
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (list, "list")):
        if isinstance(value, kind):
            return name
    return None


def variables(key: str) -> list[str]:
    """The loop variables that a key of `for` names: `c, n` are two."""
    return [name.strip() for name in key.split(",")]


class Entry(Grammar):
    """One entry of a list: a layer, a block, a group, a shared module, or a splice. Extra keys are its arguments."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", populate_by_name=True)

    id: str | int | None = None
    op: str | None = None
    layers: list[Entry] | None = Field(default=None, min_length=1)
    do: list[Entry] | None = Field(default=None, min_length=1)
    for_: dict[str, list[Any] | str] | None = Field(default=None, alias="for", min_length=1)
    when: bool | Template | None = None
    from_: str | int | float | list[str | int | float] | None = Field(default=None, alias="from")
    taps: list[str] | dict[Name, str] | None = None
    share: str | None = None
    shape: ShapeList | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Entry:
        for key in type(self).model_fields:
            if key in self.model_fields_set and getattr(self, key) is None:
                shown = key.rstrip("_")
                message = f"`{shown}` says nothing: give it a value, or leave it out"
                raise PydanticCustomError("entry_kind", message, {"key": shown, "value": None})
        has_op = "op" in self.model_fields_set
        kinds = [
            k
            for k, there in (
                ("op", has_op),
                ("layers", self.layers is not None),
                ("do", self.do is not None),
                ("share", self.share is not None),
            )
            if there
        ]
        if not kinds:
            raise PydanticCustomError(
                "entry_empty", "an entry is one of `op`, `layers`, `do` or `share`, and this one has none of them"
            )
        if len(kinds) > 1:
            shown = " and ".join(f"`{k}`" for k in kinds)
            raise PydanticCustomError(
                "entry_kind",
                f"an entry is one of `op`, `layers`, `do` or `share`, not {shown} together",
                {"key": kinds[-1]},
            )
        if self.do is not None:
            if self.for_ is None and self.when is None:
                raise PydanticCustomError(
                    "entry_kind",
                    "`do` stands beside `for` or `when`; without them write its entries straight into the list",
                    {"key": "do"},
                )
            for key in ("id", "from_", "taps", "shape", *(self.model_extra or ())):
                if key in self.model_fields_set:
                    raise PydanticCustomError(
                        "entry_extra",
                        f"`do` splices entries into this list and makes no module: it takes no `{key.rstrip('_')}`",
                        {"key": key.rstrip("_")},
                    )
        return self

    @cached_property
    def arguments(self) -> dict[str, Any]:
        return self.model_extra or {}


class Input(Grammar):
    id: Name
    shape: ShapeList
    dtype: Literal["float32", "int64", "bool"] = "float32"


class Output(Grammar):
    id: Name
    from_: str = Field(alias="from")
    training_only: bool = False
    when: bool | Template = True


class Block(Grammar):
    """A named list of entries with parameters: a class of the emitted code."""

    doc: str | None = None
    params: dict[Name, Param] = {}
    inputs: list[Name] | None = Field(default=None, min_length=1)
    layers: list[Entry] = Field(min_length=1)
    outputs: list[Output] | None = None


class Expect(Grammar):
    """What a spec says of itself; `zoo check` holds it to it. `output` is one shape, or one per output by its id."""

    params: int | None = None
    trainable_params: int | None = None
    macs: int | None = None
    output: list[int] | dict[Name, list[int]] | None = None


class Weights(Grammar):
    """Where published weights come from: `torchvision:ResNet34_Weights`, with keys renamed where they must differ
    (`{"**.norm.1.*": "**.norm1.*"}`) and the values of parameters that they bring along."""

    source: str = Field(alias="from", pattern=r"^torchvision:[A-Za-z0-9_]+$")
    rename: dict[str, str] = {}
    params: dict[Name, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"from": value} if isinstance(value, str) else value


class Words(Grammar):
    """What is said in words, of a spec and of a variant alike."""

    title: str | None = None
    reference: str | list[str] | None = None
    year: int | None = None
    source: str | None = None
    published: dict[str, Scalar] | None = None
    notes: dict[str, str] | None = None


class Variant(Words):
    """A named set of parameters; what it says replaces the spec's whole value."""

    params: dict[Name, Any] = {}
    input: ShapeList | None = None
    weights: Weights | None = None
    expect: Expect | None = None


def _spec_version(value: object) -> object:
    if value != 1 or isinstance(value, bool):
        raise PydanticCustomError("version", "this is version 1 of the language: write `spec: 1`")
    return value


class InitRule(Grammar):
    """`{match: Conv2d, weight: {kaiming_normal: {...}}, bias: 0}`: initialisers by parameter name."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    match: str


class Spec(Words):
    """A whole spec. Equal specs are equal networks, however their text was laid out."""

    spec: Annotated[int, BeforeValidator(_spec_version)]
    name: Annotated[str, Field(pattern=NETWORK, max_length=100)]
    input: ShapeList | None = None
    inputs: list[Input] | None = Field(default=None, min_length=1)
    params: dict[Name, Param] = {}
    use: dict[Name, str] = {}
    defaults: dict[Name, dict[str, Any]] = {}
    blocks: dict[Name, Block] = {}
    layers: list[Entry] = Field(min_length=1)
    outputs: list[Output] | None = Field(default=None, min_length=1)
    init: list[InitRule] = []
    freeze: list[str] = []
    variants: dict[Annotated[str, Field(pattern=NETWORK, max_length=100)], Variant] = {}
    weights: Weights | None = None
    expect: Expect | None = None
    _placeholders: frozenset[Loc] = PrivateAttr(frozenset())

    @property
    def placeholders(self) -> frozenset[Loc]:
        """The paths of what was wrong, told, and replaced by something harmless: what hangs on it is unknown."""
        return self._placeholders

    @model_validator(mode="after")
    def _inputs(self) -> Spec:
        if (self.input is None) == (self.inputs is None):
            kind = "missing_input" if self.input is None else "inputs"
            raise PydanticCustomError(kind, "a spec says either `input` (one shape) or `inputs` (a list of them)")
        return self

    @cached_property
    def read_by_blocks(self) -> frozenset[str]:
        """Every name that the blocks and defaults hold anywhere, and so every parameter that they can read."""
        text = repr((self.blocks, self.defaults))
        return frozenset(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))

    def to_data(self) -> dict[str, Any]:
        """The spec as plain data, as it was written: `load` of it gives an equal Spec."""
        return self.model_dump(by_alias=True, exclude_unset=True)
