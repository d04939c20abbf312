"""What the models of the grammar are made of: how names, sizes and expressions look, and the model that all are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from speczoo.specs.keys import Holds

Scalar: TypeAlias = bool | int | float | str | None
TEMPLATE = r"\$"
Templated = Annotated[str, Field(pattern=TEMPLATE)]
#: A size, or the text of an expression; another text is refused where expressions are computed.
SizeOrText = int | Annotated[str, WithJsonSchema({"type": "string", "pattern": TEMPLATE})]
ShapeList = list[SizeOrText] | Templated

NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
NETWORK = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
PlainName = Annotated[str, Field(pattern=NAME, max_length=100)]
NetworkName = Annotated[str, Field(pattern=NETWORK, max_length=100)]
IS_NAME = Holds("a name: letters, digits and underscores, and no digit first")


class Grammar(BaseModel):
    """A mapping of the language: no key that is not in the grammar, no value converted behind one's back."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with these fields, as pydantic does, but without what was derived from the others."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy
