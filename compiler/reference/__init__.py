"""What there is to say of an op: what it does, what it takes, and a spec in which it is used.

Hover texts, `zoo explain`, `zoo ops` and the JSON Schema say it each in their form; it is stated once, in the class of
the layer, and here by the names of arguments.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.arguments import taken
from speczoo.compiler.layer import Layer
from speczoo.compiler.reference.descriptions import DESCRIPTIONS
from speczoo.compiler.reference.examples import EXAMPLES


@dataclass(frozen=True, slots=True)
class ArgumentDoc:
    """An argument of an op: `takes` says in words what may stand there.

    `default` is what it is where it is left out, of what is not `required`. What is `derived` follows from what flows
    in: a spec states it only to have it checked. One that is a `reference` is the id of another value.
    """

    name: str
    takes: str
    description: str
    required: bool
    default: Any = None
    derived: bool = False
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """An op: `summary` is a sentence, `description` all there is to say, `inputs` how many values of which ranks flow
    in, `torch` what it is there, `example` a whole spec; the last two are empty where there is none.
    """

    op: str
    family: str
    summary: str
    description: str
    arguments: tuple[ArgumentDoc, ...]
    inputs: str
    torch: str
    example: str


@cache
def reference(op: str) -> Reference:
    """Return what there is to say of an op. Raises KeyError for what is none."""
    layer = Layer.registry[op]
    description = inspect.getdoc(layer) or ""
    family = inspect.cleandoc(sys.modules[layer.__module__].__doc__ or "").partition("\n\n")[0]
    return Reference(
        op=op,
        family=" ".join(family.split()),
        summary=" ".join(description.partition("\n\n")[0].split()),
        description=description,
        arguments=tuple(_arguments(layer)),
        inputs=_inputs(layer),
        torch=_torch(layer),
        example=EXAMPLES.get(op, ""),
    )


def _arguments(layer: type[Layer]) -> Iterator[ArgumentDoc]:
    for name, field in layer.model_fields.items():
        refers = name in layer.references
        yield ArgumentDoc(
            name,
            "the id of a value" if refers else taken(layer, name, number=False),
            describe(layer, name),
            field.is_required(),
            None if field.is_required() or refers else field.default,
            name in layer.derives,
            refers,
        )
    for name in layer.references:
        if name not in layer.model_fields:
            yield ArgumentDoc(name, "the id of a value", describe(layer, name), False, reference=True)


def describe(layer: type[Layer], argument: str) -> str:
    """Return what an argument does; what a field of a custom layer says of itself, empty where nothing does."""
    field = layer.model_fields.get(argument)
    if field is not None and field.description:
        return field.description
    return DESCRIPTIONS.get(f"{layer.op}.{argument}") or DESCRIPTIONS.get(argument, "")


def _inputs(layer: type[Layer]) -> str:
    low, high = layer.arity
    if high == 0:
        return "no input"
    count = f"{low}" if low == high else f"at least {low}" if math.isinf(high) else f"{low} to {high}"
    inputs = f"{count} {'input' if count in ('1', 'at least 1') else 'inputs'}"
    if layer.ranks:
        ranks = " or ".join(map(str, layer.ranks))
        return f"{inputs} of {ranks} {'axis' if ranks == '1' else 'axes'} besides the batch"
    if layer.least:
        return f"{inputs} of at least {layer.least} {'axis' if layer.least == 1 else 'axes'} besides the batch"
    return f"{inputs} of any rank"


def _torch(layer: type[Layer]) -> str:
    name = layer.torch or (f"nn.{layer.op}" if layer.op[:1].isupper() else next(iter(layer.reads), ""))
    return f"torch.{name}" if name.startswith("nn.") else name if name.startswith("torch.") else ""
