"""What is offered while one types, and what offers are made of: ops, parameters, keys of the state_dict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from speczoo.compiler.layer import Layer
from speczoo.editor.analysis import Analysis
from speczoo.editor.cursor import Typing
from speczoo.editor.names import Symbol, TextNames
from speczoo.editor.ops import Op, Taken, layer, op_of, parameter
from speczoo.editor.positions import Range
from speczoo.editor.tree import find, plain
from speczoo.specs.loaded_spec import LoadedSpec

Sort: TypeAlias = Literal["op", "block", "key", "argument", "value", "id", "name", "function", "entry", "file"]


@dataclass(frozen=True, slots=True)
class OfferedItem:
    """What can be put at a place: `insert` is what is written, with `${1:word}` for what is yet to write where it is
    a `snippet`; `rank` puts those first that are wanted most.
    """

    label: str
    sort: Sort
    detail: str = ""
    doc: str = ""
    insert: str = ""
    snippet: bool = False
    rank: int = 5


class Offer(NamedTuple):
    """What can stand at a place, in place of the text at `replaces`."""

    items: tuple[OfferedItem, ...]
    replaces: Range


#: What networks are made of most: offered before the other layers.
COMMON = (
    "Conv2d",
    "Linear",
    "ReLU",
    "BatchNorm2d",
    "add",
    "MaxPool2d",
    "Flatten",
    "Dropout",
    "LayerNorm",
    "concat",
    "AdaptiveAvgPool2d",
    "reshape",
)


class Here(NamedTuple):
    """What completion looks at: what is being typed, the names of the text, its data, and what was found of it last."""

    typing: Typing
    names: TextNames
    data: Any
    analysis: Analysis

    @property
    def unit(self) -> LoadedSpec | None:
        return self.analysis.unit


def all_ops(here: Here) -> Iterator[Op]:
    """Yield every op: blocks, specs in use, layers."""
    for symbol in here.names.ops():
        if (own := op_of(symbol.name, here.names, here.unit)) is not None:
            yield own
    yield from (layer(name) for name in (*COMMON, *sorted(Layer.registry.keys() - {*COMMON})))


def ops(here: Here, ending: str = "") -> Iterator[OfferedItem]:
    """Yield the names of ops, each with what follows it."""
    for op in all_ops(here):
        own = op.kind != "layer"
        text = f"{op.name}{'' if here.typing.has_colon else ending}"
        yield OfferedItem(
            op.name,
            "block" if own else "op",
            op.summary,
            "",
            text,
            "$" in text,
            1 if own else 3 if op.name in COMMON else 4,
        )


def whole_entries(here: Here) -> Iterator[OfferedItem]:
    """Yield an entry in braces for each op, with what it must be given."""
    for op in all_ops(here):
        required = [each.name for each in op.arguments if each.required]
        stops = [f"{name}: ${{{i}}}" for i, name in enumerate(required, 1)]
        text = f"{{{', '.join([f'op: {op.name}', *stops])}}}"
        yield OfferedItem(op.name, "entry", op.summary, "", text, snippet=bool(stops), rank=8)


def param(here: Here, symbol: Symbol) -> Taken:
    """Return what a parameter of the text may be."""
    return parameter(symbol.name, plain(find(here.typing.root, symbol.loc)))


def is_op(here: Here, symbol: Symbol) -> bool:
    """Return whether a name is a parameter that holds the name of an op."""
    return symbol.kind == "param" and param(here, symbol).kind == "op"


def state(here: Here) -> Sequence[str]:
    """Return the keys of the state_dict."""
    return list(here.analysis.graph.state)[:500] if here.analysis.graph is not None else []


def described(here: Here, symbol: Symbol) -> str:
    """Return what a name is, in a word or two."""
    if symbol.kind in ("param",):
        return " ".join(filter(None, (param(here, symbol).takes.replace("`", ""), param(here, symbol).default or "")))
    if symbol.kind in ("let", "variable"):
        return f"{symbol.kind} {plain(find(here.typing.root, symbol.loc))}"
    return symbol.kind
