"""The part of the grammar that a network is held to: `expect`, numbers or bounds of them."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from speczoo.specs.grammar import Grammar, PlainName
from speczoo.specs.keys import Holds, Instead, Perhaps
from speczoo.specs.wording import scaled_pattern, unscaled

BYTES = Holds("a whole number of bytes, or bounds: `{max: 50 MB}`")
_WRITTEN = "|".join(map(scaled_pattern, ("", "B")))
#: A bound as it is written; which unit it may have, the key that is bounded says.
BOUND = WithJsonSchema(
    {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^({_WRITTEN})$"}, {"type": "null"}]}
)


class Bounds(Grammar):
    """From where to where a number may lie, both ends among them: `{max: 5e6}`."""

    min: Annotated[float | int | None, BOUND, Holds("a number"), Instead("minimum", "ge", "lower", "least")] = Field(
        default=None, description="The least that it may be."
    )
    max: Annotated[float | int | None, BOUND, Holds("a number: `5e6`"), Instead("maximum", "le", "upper", "most")] = (
        Field(default=None, description="The most that it may be.")
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.min is None and self.max is None:
            raise PydanticCustomError("bad_bounds", "bounds have a `min` or a `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("bad_bounds", "no number is at least `min` and at most `max`")
        return self


def _in(unit: str) -> BeforeValidator:
    """Return what reads numbers and bounds that are written as `zoo summary` prints them, `46.8 MB` or `1.81 G`."""

    def number(value: Any) -> Any:
        read = unscaled(value, unit) if isinstance(value, str) else None
        return value if read is None else read

    def read(value: Any) -> Any:
        return {key: number(bound) for key, bound in value.items()} if isinstance(value, dict) else number(value)

    written = Annotated[str, Field(pattern=f"^{scaled_pattern(unit)}$")]
    return BeforeValidator(read, json_schema_input_type=int | written | Bounds | None)


COUNTED, IN_BYTES = _in(""), _in("B")


class ExpectedMemory(Grammar):
    """Bytes for one input in float32."""

    weights: Annotated[int | Bounds | None, IN_BYTES, BYTES, Instead("params", "parameters")] = Field(
        default=None, description="Of the weights."
    )
    buffers: Annotated[int | Bounds | None, IN_BYTES, BYTES] = Field(default=None, description="Of the buffers.")
    inference: Annotated[int | Bounds | None, IN_BYTES, BYTES, Instead("peak", "activations", "eval")] = Field(
        default=None, description="Of values at once, at the peak of an inference."
    )
    training: Annotated[int | Bounds | None, IN_BYTES, BYTES, Instead("train", "saved")] = Field(
        default=None, description="Of what autograd keeps for the backward pass."
    )


def _not_bounds(value: Any) -> Any:
    """Return what may be a shape, or shapes by name; raise where it is bounds, which stand in a shape."""
    if (
        isinstance(value, dict)
        and value.keys() <= {"min", "max"}
        and not any(isinstance(v, list) for v in value.values())
    ):
        raise PydanticCustomError("bad_bounds", "bounds stand in the place of a size: `output: [{max: 20}]`")
    return value


class Expect(Grammar):
    """What a spec says of itself; `zoo check` holds it to it. `output` is one shape, or one per output by its id, and
    bounds may stand in the place of a size.
    """

    params: Annotated[
        int | Bounds | None,
        COUNTED,
        Holds("a whole number, or bounds: `{max: 5e6}`"),
        Instead("parameters", "num_params"),
    ] = Field(default=None, description="How many weights there are.")
    trainable_params: Annotated[
        int | Bounds | None,
        COUNTED,
        Holds("a whole number, or bounds: `{max: 1026}`"),
        Instead("trainable", "trainable_parameters"),
    ] = Field(default=None, description="How many of them are trained.")
    macs: Annotated[
        int | Bounds | None,
        COUNTED,
        Holds("a whole number, or bounds: `{max: 1.9 G}`"),
        Instead("mac", "madds", "multiply_adds"),
        Perhaps("flops"),
    ] = Field(default=None, description="How many multiply-accumulates one input takes.")
    memory: Annotated[
        ExpectedMemory | None,
        Holds("a mapping of `weights`, `buffers`, `inference`, `training` to bytes: `{inference: {max: 50 MB}}`"),
        Instead("bytes"),
    ] = Field(default=None, description="How many bytes it takes, for one input in float32.")
    receptive_field: Annotated[
        int | list[int] | Bounds | None,
        Holds("a whole number, one for each axis, or bounds: `{min: 64}`", item="a whole number"),
        Instead("field_of_view", "fov"),
    ] = Field(default=None, description="How many places of the input reach one of the last layer's output.")
    output: Annotated[
        list[int | Bounds] | dict[PlainName, list[int | Bounds]] | None,
        BeforeValidator(_not_bounds),
        Holds("a shape, `[64, {max: 20}]`, or a mapping of outputs to shapes", item="a size or its bounds"),
        Instead("output_shape", "outputs", "shape"),
    ] = Field(default=None, description="The shape that comes out.")
