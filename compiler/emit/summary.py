"""The summary of a network: a row a layer, totals, as data, text and HTML."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from speczoo.compiler.analysis.receptive_field import ReceptiveField, receptive_fields
from speczoo.compiler.cached import cached_property
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape
from speczoo.specs.wording import by_axis

if TYPE_CHECKING:
    from speczoo.compiler.analysis.memory import Memory
    from speczoo.compiler.analysis.outline import OutlinePart

# memory and blocks are imported where they are asked for: no check waits for them


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
    receptive_field: ReceptiveField

    def __repr__(self) -> str:
        return f"<LayerRow {self.path}: {self.op} {by_axis(self.output)}, {self.params:,} parameters>"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return own | {"receptive_field": self.receptive_field.to_json()}


TOTALS = ("name", "inputs", "outputs", "params", "trainable_params", "macs")


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
    graph: Graph = field(compare=False)

    @cached_property
    def memory(self) -> Memory:
        """Bytes of the network for one input in float32."""
        from speczoo.compiler.analysis.memory import memory

        return memory(self.graph)

    @cached_property
    def parts(self) -> tuple[OutlinePart, ...]:
        """Its layers, as `zoo summary` lists them."""
        from speczoo.compiler.analysis.outline import layers

        return layers(self.graph)

    @cached_property
    def outline(self) -> tuple[OutlinePart, ...]:
        """Its blocks and layers as a tree, equal neighbours as one."""
        from speczoo.compiler.analysis.outline import outline

        return outline(self.graph)

    def __repr__(self) -> str:
        return f"<Summary of {self.name}: {len(self.layers)} layers, {self.params:,} parameters, {self.macs:,} MACs>"

    def to_json(self, memory: Memory | None = None) -> dict[str, Any]:
        """Return the stable JSON of `zoo summary --json`; `memory` in place of that for one input in float32."""
        totals = {name: getattr(self, name) for name in TOTALS}
        return {**totals, "memory": (memory or self.memory).to_json(), "layers": [row.to_json() for row in self.layers]}

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
        from speczoo.compiler.analysis.residence import Unit
        from speczoo.compiler.emit.summary_columns import DEFAULT, totals
        from speczoo.compiler.emit.summary_html import page

        return page(self.name, self.outline, totals(self.graph, self.memory), DEFAULT, Unit())


def summarise(graph: Graph) -> Summary:
    """Return the summary of a graph."""
    rows = tuple(LayerRow(*row[:-1], field) for row, field in zip(graph.rows, receptive_fields(graph), strict=True))
    totals = graph.params, graph.trainable_params, graph.macs
    return Summary(graph.name, graph.inputs, graph.outputs, *totals, rows, graph)
