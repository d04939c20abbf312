"""The grammar: strict pydantic models of what a spec may say. A layer's own arguments stay data.

A key is stated here and nowhere else. Its place among the others is its place in `zoo fmt`; its type, its description,
what it `Holds` in words and what people write `Instead` give the texts about wrong keys, the JSON Schema and the tables
of the reference.

Annotations are no texts here (`from __future__ import annotations`): pydantic would compile each of them at import.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from speczoo.specs.entry import ENTRIES, LOOP, LOOP_WORDS, SIZES, Comprehension, Entry, names_in
from speczoo.specs.expected import Expect
from speczoo.specs.grammar import IS_NAME, Grammar, NetworkName, PlainName, ShapeList, Templated
from speczoo.specs.keys import Holds, Instead
from speczoo.specs.origin import VALUES, Figures, Origin, Versioned, Weights, Words
from speczoo.specs.parameter import Param
from speczoo.specs.problem import Loc

INPUT = Holds(f"{SIZES} `[3, 224, 224]`", item="a size")
LAYERS = Instead("network", "model", "nodes", "modules")
OUTPUTS = Holds("a list of outputs: `[{id: logits, from: fc}]`", item="an output `{id: logits, from: fc}`")
WEIGHTS = Holds("the name of published weights: `torchvision:ResNet34_Weights`")
EXPECT = Holds("a mapping: `{params: 12126, output: [10]}`")
LET = Holds("a mapping of names to values: `{mid: $(in_channels // 4)}`")
LOCALS = Instead("locals", "where", "define", "computed")
PARAMS = Holds("a mapping of names to types or defaults: `{channels: int, stride: 1}`")


class Input(Grammar):
    """One of several values that flow in; beside `for`, one for each of its turns."""

    for_: Annotated[
        dict[str, list[Any] | str] | None,
        LOOP,
        LOOP_WORDS,
    ] = Field(default=None, alias="for", min_length=1, description="The loop, zipped: the input anew for each turn.")
    id: Annotated[PlainName | Templated, IS_NAME, Instead("name")] = Field(
        description="Its name: a parameter of `forward`."
    )
    shape: Annotated[
        ShapeList, Holds(f"{SIZES} `[3, 224, 224]`", item="a size"), Instead("size", "dimensions", "dims")
    ] = Field(description="Its sizes.")
    dtype: Annotated[Literal["float32", "int64", "bool"], Instead("type")] = Field(
        default="float32", description="What it is made of: `int64` is for `Embedding`."
    )


class Output(Grammar):
    """One of several values that come out; beside `for`, one for each of its turns."""

    for_: Annotated[
        dict[str, list[Any] | str] | None,
        LOOP,
        LOOP_WORDS,
    ] = Field(default=None, alias="for", min_length=1, description="The loop, zipped: the output anew for each turn.")
    id: Annotated[PlainName | Templated, IS_NAME, Instead("name")] = Field(
        description="Its name: a field of the NamedTuple."
    )
    from_: Annotated[str, Holds("the id of an entry: `from: fc`"), Instead("form", "source", "value", "layer")] = Field(
        alias="from", description="The entry whose output it is."
    )
    training_only: Annotated[bool, Instead("train_only", "only_training")] = Field(
        default=False, description="Whether it is None outside training."
    )
    when: Annotated[
        bool | Templated, Holds("true, false or an expression such as `$aux_logits`"), Instead("if", "condition")
    ] = Field(default=True, description="Whether it is there.")


class Block(Grammar):
    """A named list of entries with parameters: a class of the emitted code."""

    doc: Annotated[str | None, Instead("desc", "description", "help", "comment")] = Field(
        default=None, description="What it is: the docstring of its class."
    )
    params: Annotated[dict[PlainName, Param], PARAMS, Instead("parameters", "variables")] = Field(
        default={}, description="Its parameters, set by the entries that use it."
    )
    inputs: Annotated[list[PlainName | Comprehension] | None, Holds("a list of names: `[x, skip]`", item="a name")] = (
        Field(default=None, min_length=1, description="Names of what flows in, where it takes several values.")
    )
    let: Annotated[dict[PlainName, Any], LET, LOCALS] = Field(
        default={}, description="Names for computed values, in order, which its entries read."
    )
    layers: Annotated[list[Entry], ENTRIES, LAYERS] = Field(min_length=1, description="What it is made of.")
    outputs: Annotated[list[Output] | None, OUTPUTS] = Field(
        default=None, description="What comes out, where it is not what the last entry gives."
    )

    @cached_property
    def fixed_inputs(self) -> list[str] | None:
        """What flows in by name; None where that follows from the parameters."""
        written = self.inputs or ["input"]
        names = [name for name in written if isinstance(name, str)]
        return names if len(names) == len(written) else None


def _may_hold(entries: Sequence[Entry], ops: Collection[str]) -> bool:
    """Return whether some of these ops may stand in a list, near or far: one of them, or one that is computed."""
    left = [*entries]
    while left:
        entry = left.pop()
        if entry.op is not None and (entry.op in ops or "$" in entry.op):
            return True
        left += [*(entry.layers or ()), *(entry.do or ())]
    return False


class Overrides(Grammar):
    """What a variant sets in place of the spec's own."""

    params: Annotated[dict[PlainName, Any], VALUES] = Field(default={}, description="Parameters that it sets.")
    input: Annotated[ShapeList | None, INPUT] = Field(default=None, description="What flows in.")
    expect: Annotated[Expect | None, EXPECT] = Field(default=None, description="The numbers that it is held to.")
    weights: Annotated[Weights | None, WEIGHTS] = Field(
        default=None, description="Published weights for these very keys."
    )


class Variant(Figures, Overrides, Origin):
    """A named set of parameters; what it says replaces the spec's whole value."""


class InitRule(Grammar):
    """`{match: Conv2d, weight: {kaiming_normal: {...}}, bias: 0}`: initialisers by parameter name."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    match: Annotated[
        str,
        Holds("an op, or a glob over paths: `Conv2d`, `head.**`"),
        Instead("op", "layer", "type", "pattern", "module"),
    ] = Field(description="The layers whose parameters start so, as the other keys say.")


class Spec(Words, Versioned):
    """A whole spec. Equal specs are equal networks, however their text was laid out."""

    input: Annotated[ShapeList | None, INPUT, Instead("input_shape", "input_size")] = Field(
        default=None, description="What flows in, where that is one value. This, or `inputs`."
    )
    inputs: Annotated[list[Input] | None, Holds("a list of inputs: `[{id: left, shape: [1, 28, 28]}]`")] = Field(
        default=None,
        min_length=1,
        description="What flows in, where that is several values, in the order of `forward`.",
    )
    params: Annotated[dict[PlainName, Param], PARAMS, Instead("parameters", "variables")] = Field(
        default={}, description="Parameters, set by variants, by `--set`, from Python and by who uses the spec."
    )
    let: Annotated[dict[PlainName, Any], LET, LOCALS] = Field(
        default={}, description="Names for computed values, in order, over its parameters and what flows in."
    )
    use: Annotated[
        dict[PlainName, str],
        Holds("a mapping of names to specs: `{Encoder: resnet34}`"),
        Instead("imports", "import", "uses"),
    ] = Field(default={}, description="Other specs as ops, of the zoo or beside this one.")
    defaults: Annotated[
        dict[PlainName, dict[str, Any]],
        Holds("a mapping of ops to arguments: `{Conv2d: {bias: false}}`"),
        Instead("default"),
    ] = Field(default={}, description="What every entry of an op starts from.")
    blocks: Annotated[
        dict[PlainName, Block],
        Holds("a mapping of names to blocks: `{Double: {layers: [{op: ReLU}, {op: ReLU}]}}`"),
        Instead("modules", "classes"),
    ] = Field(default={}, description="Lists of entries with names and parameters, used as ops.")
    layers: Annotated[list[Entry], ENTRIES, LAYERS] = Field(
        min_length=1, description="What the network is made of, in order, as in `nn.Sequential`."
    )
    outputs: Annotated[list[Output] | None, OUTPUTS] = Field(
        default=None, min_length=1, description="What comes out, where that is not what the last entry gives."
    )
    tie: Annotated[
        dict[str, str],
        Holds("a mapping of parameters to parameters: `{head.weight: embedding.weight}`"),
        Instead("ties", "tied", "share_weights", "tie_weights"),
    ] = Field(default={}, description="Parameters that are others, by their keys: one tensor under both.")
    init: Annotated[
        list[InitRule],
        Holds("a list of rules: `- {match: Conv2d, weight: {kaiming_normal: {mode: fan_out}}}`"),
        Instead("initialize", "initialization", "initializers", "initialisers"),
    ] = Field(default=[], description="How weights start; later rules win.")
    freeze: Annotated[list[str], Holds('a list of path globs: `["encoder.**"]`'), Instead("frozen")] = Field(
        default=[], description="The weights that are not trained."
    )
    expect: Annotated[Expect | None, EXPECT] = Field(default=None, description="The numbers that it is held to.")
    weights: Annotated[Weights | None, WEIGHTS] = Field(
        default=None, description="Published weights for these very keys."
    )
    variants: Annotated[
        dict[NetworkName, Variant],
        Holds("a mapping of names to variants: `{small: {params: {depth: 18}}}`"),
        Instead("configs", "versions"),
    ] = Field(default={}, description="Named sets of parameters: what the zoo lists.")
    _placeholders: frozenset[Loc] = PrivateAttr(frozenset())

    def __repr__(self) -> str:
        return f"<Spec {self.name}: {len(self.layers)} entries, {len(self.blocks)} blocks>"

    @property
    def placeholders(self) -> frozenset[Loc]:
        """The paths of what was wrong, reported, and replaced by something harmless: what hangs on it is unknown."""
        private = self.__pydantic_private__  # reading `_placeholders` asks pydantic: a hundredth of a check
        return private["_placeholders"] if private is not None else frozenset()

    @model_validator(mode="after")
    def _inputs(self) -> Self:
        if (self.input is None) == (self.inputs is None):
            kind = "missing_input" if self.input is None else "inputs"
            raise PydanticCustomError(kind, "a spec says either `input` (one shape) or `inputs` (a list of them)")
        return self

    @cached_property
    def read_by_blocks(self) -> frozenset[str]:
        """Every name that the blocks and defaults read, and so every parameter that they can read."""
        return names_in(self.defaults).union(*self._read_by_each.values())

    @cached_property
    def read_by_block(self) -> Mapping[str, frozenset[str]]:
        """Every name that each block can read, near and far: what all read, where others may stand in it."""
        others, defaults = {*self.blocks, *self.use}, names_in(self.defaults)
        return {
            name: self.read_by_blocks if _may_hold(block.layers, others) else own | defaults
            for (name, block), own in zip(self.blocks.items(), self._read_by_each.values(), strict=True)
        }

    @cached_property
    def read_by_defaults(self) -> Mapping[str, frozenset[str]]:
        """Every name that the defaults of a block's parameters read."""
        return {
            name: names_in([param.default for param in block.params.values()]) for name, block in self.blocks.items()
        }

    @cached_property
    def read_by_init(self) -> frozenset[str]:
        """Every name that the init rules read."""
        return names_in([rule.model_extra for rule in self.init])

    @cached_property
    def _read_by_each(self) -> Mapping[str, frozenset[str]]:
        return {name: names_in(block) for name, block in self.blocks.items()}

    def to_data(self) -> dict[str, Any]:
        """Return the spec as plain data, as it was written: `load` of it gives an equal Spec."""
        return self.model_dump(by_alias=True, exclude_unset=True)
