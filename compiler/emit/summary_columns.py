"""The columns that the summary of a network can have: what stands in each, as data and for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from speczoo.compiler.analysis.cost import item_size
from speczoo.compiler.analysis.memory import Memory
from speczoo.compiler.analysis.outline import OutlinePart, counted
from speczoo.compiler.analysis.residence import Unit
from speczoo.compiler.graph import Graph
from speczoo.specs.wording import by_axis, scaled

Numbers: TypeAlias = Sequence[int | float]


class SummaryColumn(NamedTuple):
    """A head, the value that a part has there, how it is shown, whether it is words, which stand to the left, and
    whether it is left out where there is no room for it.
    """

    head: str
    value: Callable[[OutlinePart, Unit], Any]
    show: Callable[[Any], str]
    left: bool = False
    spare: bool = False


def size(count: int) -> str:
    """Return bytes as `46.8 MB`, in powers of 1,000."""
    return scaled(count, "B")


def axes(numbers: Numbers | None) -> str:
    """Return one number where it is that of every axis, `7 x 5` where they differ; nothing of what has no place."""
    if not numbers:
        return ""
    return f"{numbers[0]:g}" if len(set(numbers)) == 1 else " x ".join(f"{number:g}" for number in numbers)


def _field(name: str) -> Callable[[OutlinePart, Unit], Any]:
    return lambda part, unit: part.receptive_field and list(getattr(part.receptive_field, name))


def _trainable(part: OutlinePart, unit: Unit) -> bool | None:
    return part.trainable > 0 if part.cost.params else None


#: By the name that asks for them.
COLUMNS: dict[str, SummaryColumn] = {
    "layer": SummaryColumn("Layer", lambda part, unit: part.path, str, left=True),
    "type": SummaryColumn("Type", lambda part, unit: counted(part.count, part.kind), str, left=True),
    "input": SummaryColumn(
        "Input", lambda part, unit: [list(each) for each in part.inputs], lambda x: ", ".join(map(by_axis, x))
    ),
    "output": SummaryColumn("Output", lambda part, unit: list(part.output), by_axis),
    "params": SummaryColumn("Parameters", lambda part, unit: part.cost.params, "{:,}".format),
    "trainable": SummaryColumn("Trainable", _trainable, lambda x: "" if x is None else str(x), left=True, spare=True),
    "macs": SummaryColumn("MACs", lambda part, unit: part.cost.macs, "{:,}".format),
    "flops": SummaryColumn("FLOPs", lambda part, unit: part.cost.flops, "{:,}".format),
    "weights": SummaryColumn("Weights", lambda part, unit: part.cost.weight_bytes(unit.dtype), size),
    "buffers": SummaryColumn("Buffers", lambda part, unit: part.cost.buffer_bytes(unit.dtype), size),
    "activations": SummaryColumn(
        "Activations", lambda part, unit: part.cost.activations * unit.batch * item_size(unit.dtype), size
    ),
    "receptive_field": SummaryColumn("Receptive field", _field("size"), axes),
    "stride": SummaryColumn("Stride", _field("stride"), axes),
    "offset": SummaryColumn("Offset", _field("offset"), axes),
}
DEFAULT = ("layer", "type", "output", "params", "trainable", "macs")


class Line(NamedTuple):
    """A part with how deep it stands among its parents."""

    depth: int
    part: OutlinePart

    @property
    def label(self) -> str:
        return "  " * self.depth + (self.part.name if self.depth or self.part.parts else self.part.path)


def lines(parts: Iterable[OutlinePart], depth: int = 0) -> Iterator[Line]:
    """Yield parts and what is in them, each before its own."""
    for part in parts:
        yield Line(depth, part)
        yield from lines(part.parts, depth + 1)


def ordered(
    parts: Iterable[OutlinePart], key: str, unit: Unit, *, largest_first: bool = False
) -> tuple[OutlinePart, ...]:
    """Return parts by a column, those of each among themselves; what has nothing there comes last."""

    def place(part: OutlinePart) -> tuple[bool, Any]:
        value = COLUMNS[key].value(part, unit)
        return (value is None) != largest_first, 0 if value is None else value

    inner = (replace(part, parts=ordered(part.parts, key, unit, largest_first=largest_first)) for part in parts)
    return tuple(sorted(inner, key=place, reverse=largest_first))


def remark(unit: Unit) -> str:
    """Return what inference and training mean among the totals, and for what."""
    inputs = "1 input" if unit.batch == 1 else f"{unit.batch:,} inputs"
    return f"Inference: values at once, training: what autograd keeps, for {inputs} in {unit.dtype}"


def totals(graph: Graph, memory: Memory) -> list[tuple[str, str]]:
    """Return what a network amounts to, each figure with its name."""
    return [
        ("Parameters", f"{graph.params:,}"),
        ("  trainable", f"{graph.trainable_params:,}"),
        ("  not trainable", f"{graph.params - graph.trainable_params:,}"),
        ("MACs", f"{graph.macs:,}"),
        ("Weights", size(memory.weights)),
        ("Buffers", size(memory.buffers)),
        ("Inference", size(memory.inference)),
        ("Training", size(memory.training)),
    ]
