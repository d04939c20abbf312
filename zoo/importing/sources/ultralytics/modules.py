"""What the modules that rows name become, and what their positional arguments are called there."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from speczoo.importing.reading import mentions
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.errors import raise_if_wrong
from speczoo.specs.source import Source

BLOCKS = Path(__file__).with_name("blocks.yaml")


@dataclass(frozen=True)
class RowModule:
    """A module of rows: the op that it becomes, and the names of its arguments in order.

    `scaled`: the first argument is channels, which the width scales; `repeats`: the row's number is its own argument.
    `switches` are names of arguments with the values of a spec by those of the row.
    """

    op: str
    arguments: tuple[str, ...] = ()
    scaled: bool = False
    repeats: bool = False
    switches: Mapping[str, Mapping[Any, Any]] | None = None


def _block(op: str, *arguments: str, repeats: bool = False, **switches: Mapping[Any, Any]) -> RowModule:
    return RowModule(op, arguments, True, repeats, switches)


#: `act` is whether there is one.
_ACT = {True: None, False: "Identity"}
MODULES: dict[str, RowModule] = {
    "Conv": _block("Conv", "kernel_size", "stride", "padding", "groups", "dilation", "act", act=_ACT),
    "Bottleneck": _block("Bottleneck", "shortcut", "groups", "kernels", "expansion"),
    "C1": _block("C1", repeats=True),
    "C2": _block("C2", "shortcut", "groups", "expansion", repeats=True),
    "C2f": _block("C2f", "shortcut", "groups", "expansion", repeats=True),
    "C3": _block("C3", "shortcut", "groups", "expansion", repeats=True),
    "C3k2": _block("C3k2", "c3k", "expansion", "attn", "groups", "shortcut", repeats=True, attn={False: None}),
    "C2PSA": _block("C2PSA", "expansion", repeats=True),
    "SPP": _block("SPP", "kernels"),
    "SPPF": _block("SPPF", "kernel_size"),
    "nn.Upsample": RowModule("Upsample", ("size", "scale_factor", "mode")),
    "nn.MaxPool2d": RowModule("MaxPool2d", ("kernel_size", "stride", "padding")),
    "nn.AvgPool2d": RowModule("AvgPool2d", ("kernel_size", "stride", "padding")),
    "nn.ZeroPad2d": RowModule("ZeroPad2d", ("padding",)),
    "nn.Identity": RowModule("Identity"),
    "nn.ReLU": RowModule("ReLU"),
    "nn.SiLU": RowModule("SiLU"),
    "Concat": RowModule("concat", ("dim",)),
    "Classify": RowModule("Classify", ("num_classes", "kernel_size", "stride", "padding", "groups")),
    "Detect": RowModule("Detect", ("num_classes",)),
    "Segment": RowModule("Segment", ("num_classes", "masks", "protos")),
}
#: Modules after which class scores come of depthwise convolutions.
SLIM = frozenset({"C3k2"})
HEADS = frozenset({"Detect", "Segment"})


@cache
def _written() -> dict[str, Any]:
    report = Report()
    source = Source.read(BLOCKS, report)
    document = parse(source, report) if source else None
    raise_if_wrong(report)
    assert document is not None
    data: dict[str, Any] = document.data
    return data


def blocks(ops: set[str], act: str | None) -> dict[str, Any]:
    """Return the blocks that these ops need, in the order of the file; `act` stands in place of their activation."""
    every = deepcopy(_written()["blocks"])
    if act is not None:
        every["Conv"]["params"]["act"]["default"] = act
    needed, waiting = set[str](), {op for op in ops if op in every}
    while waiting:
        name = waiting.pop()
        needed.add(name)
        inside = [every[name]["layers"], every[name].get("params")]
        waiting |= {other for other in every.keys() - needed if mentions(inside, other)}
    return {name: block for name, block in every.items() if name in needed}


def has_default(op: str, key: str, value: Any) -> bool:
    """Return whether a block's parameter has this value where nothing sets it."""
    default = _written()["blocks"][op].get("params", {}).get(key)
    return type(default) is type(value) and default == value


def defaults() -> dict[str, Any]:
    """Return what the blocks' layers start from."""
    found: dict[str, Any] = deepcopy(_written()["defaults"])
    return found
