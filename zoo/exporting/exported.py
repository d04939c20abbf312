"""What there is to say of an exported file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from speczoo import embedded
from speczoo.compiler.composite import Port
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Value
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.specs.wording import by_axis, enumerated

#: What the axis of samples is called, and how many a network is traced with.
BATCH_AXIS, BATCH = "batch", 2


class NotExported(Exception):
    """A network that a format, or the exporter to it, cannot say: reported in a line."""


class VerifiedRun(NamedTuple):
    """A run beside the module: with which shapes, whose weights, and how far the outputs are apart at most, as a part
    of the largest number. Where that is far, `rounding` is how far apart the module's own are for inputs that differ by
    what float32 rounds.
    """

    shapes: Mapping[str, tuple[int, ...]]
    weights: str
    difference: float
    rounding: float = 0.0


class Open(NamedTuple):
    """An axis of an input that may have another size than the declared one: of which input, which axis (torch's
    number), what it is called, and from which size to which, None where there is no end.
    """

    input: str
    dim: int
    name: str
    least: int = 1
    most: int | None = None


@dataclass(frozen=True)
class Exported:
    """A file that was written: its network, its inputs and outputs with the names of open axes in their shapes, which
    sizes they may have in words, and what was run beside the module. `closed` says why axes are not open that the
    network leaves open.
    """

    name: str
    path: Path
    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: Mapping[str, tuple[int | str, ...]]
    fingerprint: str
    versions: Mapping[str, str]
    open: tuple[Open, ...] = ()
    sizes: str = ""
    runs: tuple[VerifiedRun, ...] = ()
    opset: int | None = None
    closed: str = ""

    def __repr__(self) -> str:
        shapes = ", ".join(" x ".join(map(str, shape)) for shape in self.inputs.values())
        return f"<Exported: {self.name} in {self.path}, {shapes}>"

    @classmethod
    def of(
        cls,
        graph: Graph,
        path: Path,
        texts: Mapping[str, str],
        open: Sequence[Open] | None = None,
        outputs: Mapping[str, tuple[int | str, ...]] | None = None,
        **more: Any,
    ) -> Exported:
        """Return what there is to say of a graph in a file, whose metadata is `texts`; by default of a file that leaves
        the number of samples open and no more.
        """
        carried = embedded.Embedded(texts)
        open = batches(graph) if open is None else open
        declared = {port.name: _batched(graph.root.value(port.edge)) for port in lasting(graph)}
        inputs = shapes(graph, open)
        return cls(
            graph.name, path, inputs, outputs or declared, carried.fingerprint, carried.versions, tuple(open), **more
        )

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What there is to say in words, each with the word that stands before it."""
        found = [("input", _named(name, shape)) for name, shape in self.inputs.items()]
        found += [("output", _named(name, shape)) for name, shape in self.outputs.items()]
        found += [("sizes", self.sizes)] if self.sizes else []
        found += [("closed", self.closed)] if self.closed else []
        if self.runs:
            most = max(run.difference for run in self.runs)
            where = enumerated([", ".join(map(by_axis, run.shapes.values())) for run in self.runs])
            found.append(("checked", f"beside the module at {where}: at most {most:.1e} of the largest number apart"))
        if rounding := max((run.rounding for run in self.runs), default=0.0):
            found.append(
                ("rounding", f"of inputs alone moves what the module gives with these weights by {rounding:.1e}")
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "name": self.name,
            "written": [str(self.path)],
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
            "open": [axis._asdict() for axis in self.open],
            "sizes": self.sizes or None,
            "closed": self.closed or None,
            "runs": [
                {**run._asdict(), "shapes": {name: list(shape) for name, shape in run.shapes.items()}}
                for run in self.runs
            ],
            "opset": self.opset,
            "fingerprint": self.fingerprint,
            "versions": dict(self.versions),
        }


def lasting(graph: Graph) -> list[Port]:
    """Return the outputs that a network has outside training."""
    return [port for port in graph.root.outputs if not port.training_only]


def batches(graph: Graph) -> list[Open]:
    """Return the axes of the inputs that number the samples."""
    return [Open(name, 0, BATCH_AXIS) for name, value in graph.settings.inputs if value.batched]


def _batched(value: Value | Unknown) -> tuple[int | str, ...]:
    assert value is not UNKNOWN
    return (BATCH_AXIS, *value.shape) if value.batched else value.shape


def shapes(graph: Graph, open: Sequence[Open]) -> dict[str, tuple[int | str, ...]]:
    """Return the shapes of a graph's inputs with the batch axis, by their names; open axes by theirs."""
    names = {(axis.input, axis.dim): axis.name for axis in open}
    found = {}
    for name, value in graph.settings.inputs:
        sizes = (BATCH, *value.shape) if value.batched else value.shape
        found[name] = tuple(names.get((name, dim), size) for dim, size in enumerate(sizes))
    return found


def _named(name: str, shape: tuple[int | str, ...]) -> str:
    text = " x ".join(map(str, shape)) or "a number"
    return f"{name}: {text}"
