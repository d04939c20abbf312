"""The part of the grammar that is of no consequence to the network: its name, where it and its weights are from, and
what is printed of it elsewhere.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from speczoo.specs.grammar import Grammar, NetworkName, PlainName, Scalar
from speczoo.specs.keys import Holds, Instead

VALUES = Holds("a mapping of parameters to values: `{depth: 18}`")


def _spec_version(value: object) -> object:
    if type(value) is not int or value != 1:
        raise PydanticCustomError("version", "this is version 1 of the language: write `spec: 1`")
    return value


class Versioned(Grammar):
    """What a spec starts with."""

    spec: Annotated[
        Literal[1], BeforeValidator(_spec_version), Holds("the version of the language: `spec: 1`"), Instead("version")
    ] = Field(description="By which rules the rest is read.")
    name: Annotated[
        NetworkName,
        Holds("a name such as `my_network`: letters, digits, `_`, `-` and `.`, and no digit first"),
        Instead("id", "model_name"),
    ] = Field(description="What the network is called.")


class Origin(Grammar):
    """Where a network is from."""

    title: Annotated[str | None, Instead("description", "summary")] = Field(
        default=None, description="What the network is, in a line."
    )
    reference: Annotated[
        str | list[str] | None,
        Holds("a text, or a list of texts", item="text"),
        Instead("paper", "url", "link", "citation"),
    ] = Field(default=None, description="Where it was published.")
    year: Annotated[int | None, Holds("a whole number: `2015`")] = Field(default=None, description="When.")
    source: str | None = Field(
        default=None, description="Which document or code this follows, and where it departs from it."
    )


class Figures(Grammar):
    """What is printed of a network elsewhere."""

    published: Annotated[
        dict[str, Scalar] | None, Holds("a mapping of names to figures: `{params: 62M, top5: 84.7}`")
    ] = Field(default=None, description="Figures as printed there; shown by `zoo compare`, never computed with.")
    notes: Annotated[
        dict[str, str] | None,
        Holds("a mapping of published figures to texts: `{params: with the bias}`"),
        Instead("note", "remarks"),
    ] = Field(default=None, description="Why a printed figure is not the true one, by its name.")


class Words(Figures, Origin):
    """What is written in words: bases on the right have their keys first."""


class Weights(Grammar):
    """Where published weights come from: `torchvision:ResNet34_Weights`, with keys renamed where they must differ
    (`{"**.norm.1.*": "**.norm1.*"}`) and the values of parameters that they bring along."""

    source: Annotated[
        str,
        Field(pattern=r"^torchvision:[A-Za-z0-9_]+$"),
        Holds("the name of published weights: `torchvision:ResNet34_Weights`"),
        Instead("name", "url", "path", "source"),
    ] = Field(alias="from", description="Whose they are.")
    rename: Annotated[
        dict[str, str], Holds("a mapping of patterns of keys to those of this spec"), Instead("keys", "mapping", "map")
    ] = Field(default={}, description="Keys that differ there; a star on the right is what the star on the left met.")
    params: Annotated[dict[PlainName, Any], VALUES] = Field(
        default={}, description="Parameters that come with them, where nothing else sets those."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"from": value} if isinstance(value, str) else value
