"""The summary of a network: a row a layer, totals, as data, text and HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass, fields
from typing import Any

from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape
from speczoo.compiler.unknown import UNKNOWN


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A leaf layer or merge. Shapes are without the batch axis; parameters of a shared module are counted once."""

    path: str
    op: str
    inputs: tuple[Shape, ...]
    output: Shape
    params: int
    trainable: int
    macs: int


ROW = tuple(f.name for f in fields(LayerRow))


@dataclass(frozen=True)
class Summary:
    """A network layer by layer, in execution order, and in total."""

    name: str
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    params: int
    trainable_params: int
    macs: int
    layers: tuple[LayerRow, ...]

    def __repr__(self) -> str:
        return f"<Summary of {self.name}: {len(self.layers)} layers, {self.params:,} parameters, {self.macs:,} MACs>"

    def to_json(self) -> dict[str, Any]:
        """Return the stable JSON of `zoo summary --json`."""
        rows = [{name: getattr(row, name) for name in ROW} for row in self.layers]
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "layers": rows}

    def __str__(self) -> str:
        """Return the table that documents 000 to 002 print, with MACs beside it."""
        head = ("Layer (type)", "Output Shape", "Param #", "Trainable", "MACs")
        body = [
            (f"{r.path} ({r.op})", str(list(r.output)), f"{r.params:,}", str(r.trainable > 0), f"{r.macs:,}")
            for r in self.layers
        ]
        widths = [max(len(row[i]) for row in [head, *body]) for i in range(5)]
        left = (0, 1, 3)

        def line(row: tuple[str, ...]) -> str:
            return "  ".join(
                c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()

        rule = "=" * (sum(widths) + 8)
        inputs = ", ".join(f"{n} {list(s)}" for n, s in self.inputs.items())
        outputs = ", ".join(f"{n} {list(s)}" for n, s in self.outputs.items())
        totals = [
            f"Total params: {self.params:,}",
            f"Total trainable params: {self.trainable_params:,}",
            f"Total non-trainable params: {self.params - self.trainable_params:,}",
            f"Total MACs: {self.macs:,}",
        ]
        return "\n".join(
            [f"{self.name}: {inputs} -> {outputs}", rule, line(head), rule, *(line(r) for r in body), rule, *totals]
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(r.path)}</td>"
            f"<td style='text-align:left'>{html.escape(r.op)}</td>"
            f"<td>{' × '.join(map(str, r.output))}</td><td>{r.params:,}</td><td>{r.macs:,}</td></tr>"
            for r in self.layers
        )
        return (
            f"<table><caption>{html.escape(self.name)}: {self.params:,} parameters, {self.macs:,} MACs</caption>"
            "<thead><tr><th>layer</th><th>type</th><th>output</th><th>parameters</th><th>MACs</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def summarise(graph: Graph) -> Summary:
    """Return the summary of a graph."""
    rows = tuple(LayerRow(r.path, r.op, r.inputs, r.output, r.params, r.trainable, r.macs) for r in graph.rows)
    inputs, outputs = shapes(graph)
    return Summary(graph.name, inputs, outputs, graph.params, graph.trainable_params, graph.macs, rows)


def shapes(graph: Graph) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Return the shapes of what flows into a network and out of it, by name."""
    root = graph.root
    outputs = {
        port.name: value.shape for port, value in zip(root.outputs, root.values, strict=True) if value is not UNKNOWN
    }
    return {name: value.shape for name, value in root.inputs if value is not UNKNOWN}, outputs
