"""What the models of recipes are made of, and the model that all are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T", bound=Sequence[Any])


def rising(ends: T) -> T:
    if ends[0] > ends[1]:
        raise ValueError(f"it goes from the smaller to the larger, not from {ends[0]} to {ends[1]}")
    return ends


Two = Field(min_length=2, max_length=2)
Fraction = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """A mapping of a recipe: no key that is not in its grammar, no value converted behind one's back."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
