"""What is known of a network under one setting: what it costs, or why it is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Diagnostic


def _inference(graph: Graph) -> int:
    """Return bytes for one input in float32, as `zoo summary` has them."""
    from speczoo.compiler.analysis.inference_memory import inference
    from speczoo.compiler.analysis.residence import Unit

    return inference(graph.root, Unit())


def _training(graph: Graph) -> int:
    from speczoo.compiler.analysis.residence import Unit
    from speczoo.compiler.analysis.training_memory import training

    return training(graph, Unit())


def _receptive_field(graph: Graph) -> int:
    """Return the last layer's, on the axis where it is smallest; 0 without axes."""
    from speczoo.compiler.analysis.receptive_field import receptive_fields

    return min(receptive_fields(graph)[-1].size, default=0) if graph.root.leaves else 0


#: What a network is measured by, without torch; as `zoo summary` has it.
MEASURES: Mapping[str, Callable[[Graph], int]] = {
    "params": lambda graph: graph.params,
    "trainable": lambda graph: graph.trainable_params,
    "macs": lambda graph: graph.macs,
    "layers": lambda graph: graph.root.leaves,
    "inference": _inference,
    "training": _training,
    "receptive_field": _receptive_field,
}
DEFAULT = ("params", "macs")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network under one setting of its parameters: its measures, or the first error that refuses it."""

    network: str
    setting: dict[str, Any]
    measures: dict[str, int]
    error: Diagnostic | None = None

    @property
    def row(self) -> dict[str, Any]:
        """What conditions and columns read: a measure goes before a parameter of the same name."""
        return {"network": self.network, **self.setting, **self.measures}

    @property
    def reason(self) -> str:
        """Why it is none, in a line; empty where it is one."""
        if self.error is None:
            return ""
        at = f"line {self.error.span.line}: " if self.error.span is not None else ""
        return f"{at}{self.error.message} [{self.error.code}]"

    def to_json(self) -> dict[str, Any]:
        """Return the stable JSON of `zoo sweep --json`."""
        if self.error is None:
            return {"network": self.network, "setting": self.setting, **self.measures, "error": None}
        line = self.error.span.line if self.error.span is not None else None
        error = {"code": self.error.code, "message": self.error.message, "file": self.error.file, "line": line}
        return {"network": self.network, "setting": self.setting, "error": error}
