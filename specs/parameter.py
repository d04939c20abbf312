"""What a spec and a block say of one of their parameters. Annotations are no texts here, as in `spec.py`."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from speczoo.specs.grammar import Grammar
from speczoo.specs.keys import Holds, Instead, keys

ParamType = Literal["int", "float", "bool", "str", "list", "pair", "op", "shape"]
TYPES: tuple[str, ...] = get_args(ParamType)


class Param(Grammar):
    """A parameter: `name: int` (required), `name: 64` (default), or the long form with bounds and a word about it."""

    type: Annotated[ParamType | None, Instead("dtype", "kind")] = Field(
        default=None, description="The type; without it, that of the default."
    )
    default: Annotated[Any, Holds("a value, or an expression"), Instead("value", "initial")] = Field(
        default=None, description="What it is where nothing sets it; without it, the parameter is required."
    )
    required: bool = Field(default=False, exclude=True)
    min: Annotated[float | int | None, Holds("a number"), Instead("minimum", "ge", "lower")] = Field(
        default=None, description="The least that it may be."
    )
    max: Annotated[float | int | None, Holds("a number"), Instead("maximum", "le", "upper")] = Field(
        default=None, description="The most that it may be."
    )
    choices: Annotated[list[Any] | None, Holds("a list of values"), Instead("enum", "options", "values")] = Field(
        default=None, description="The values of which it is one."
    )
    doc: Annotated[str | None, Instead("desc", "description", "help", "comment")] = Field(
        default=None, description="What it is for."
    )
    written: Any = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _forms(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if "required" in value or "written" in value:
                known = " and ".join(", ".join(f"`{key}`" for key in keys(cls)).rsplit(", ", 1))
                raise PydanticCustomError("bad_param", f"a parameter has {known}")
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
    """Return the type that a default value shows; None where it is an expression, known once evaluated."""
    if isinstance(value, str) and "$" in value:
        return None
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (list, "list")):
        if isinstance(value, kind):
            return name
    return None
