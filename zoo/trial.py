"""A built network held to what was predicted of it, and its weights in files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape

HUGE = 20_000_000_000  # MACs above which one image has to do


@dataclass(frozen=True)
class Finding:
    """Something that was predicted, beside what came."""

    what: str
    predicted: str
    built: str

    @property
    def ok(self) -> bool:
        return self.predicted == self.built


@dataclass(frozen=True)
class Trial:
    """What a module shows when it is looked at and run once."""

    name: str
    batch: int
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The trial as plain data."""
        return {
            "name": self.name,
            "ok": self.ok,
            "batch": self.batch,
            "seconds": round(self.seconds, 3),
            "findings": [{**asdict(finding), "ok": finding.ok} for finding in self.findings],
        }


def trial(graph: Graph, module: nn.Module) -> Trial:
    """Runs `module` once on random input, without gradients, and holds it to its graph.

    A network with outputs that training alone has runs in training mode, others in eval mode; the module is left as it
    came, but for the running statistics of the first.
    """
    training = any(port.training_only for port in graph.root.outputs)
    batch = 1 if graph.macs > HUGE and not training else 2
    mode = module.training
    started = time.perf_counter()
    with torch.no_grad():
        came = module.train(training)(*_random(graph, batch))
    seconds = time.perf_counter() - started
    module.train(mode)
    values = [came] if isinstance(came, Tensor) else list(came)
    names = [port.name for port in graph.root.outputs]
    if not isinstance(came, Tensor):
        names = list(getattr(came, "_fields", names))
    built = dict(zip(names, (tuple(value.shape) for value in values), strict=True))
    ports = zip(graph.root.outputs, graph.root.values, strict=True)
    wanted = {port.name: (batch, *value.shape) for port, value in ports if value is not None}
    if len(wanted) == len(built) == 1:
        built = dict(zip(wanted, built.values(), strict=True))
    findings = [
        Finding(f"output {name}" if len(wanted) > 1 else "output", _shape(wanted.get(name)), _shape(built.get(name)))
        for name in {**wanted, **built}
    ]
    count = sum(parameter.numel() for parameter in module.parameters())
    findings.append(Finding("parameters", f"{graph.params:,}", f"{count:,}"))
    findings.append(_state(graph.state, {key: tuple(value.shape) for key, value in module.state_dict().items()}))
    return Trial(graph.name, batch, seconds, tuple(findings))


def _random(graph: Graph, batch: int) -> list[Tensor]:
    """Input of the predicted shapes; whole numbers are small enough for every table they may be looked up in."""
    tables = [
        row.node.weights["weight"][0] for row in graph.rows if row.op == "Embedding" and "weight" in row.node.weights
    ]
    out: list[Tensor] = []
    for _, value in graph.settings.inputs:
        size = (batch, *value.shape) if value.batched else value.shape
        if value.dtype == "int64":
            out.append(torch.randint(min(tables, default=2), size))
        elif value.dtype == "bool":
            out.append(torch.rand(size) < 0.5)
        else:
            out.append(torch.randn(size))
    return out


def _state(predicted: Mapping[str, Shape], built: Mapping[str, Shape]) -> Finding:
    """The state_dicts, told as how many entries they have, or as the first in which they differ."""
    for want, got in zip(predicted.items(), built.items(), strict=False):
        if want != got:
            return Finding("state_dict", f"{want[0]} {_shape(want[1])}", f"{got[0]} {_shape(got[1])}")
    return Finding("state_dict", f"{len(predicted)} entries", f"{len(built)} entries")


def _shape(sizes: Shape | None) -> str:
    return "none" if sizes is None else "x".join(map(str, sizes)) or "scalar"


def save(module: nn.Module, file: BinaryIO, suffix: str) -> None:
    """Writes a state_dict, as .safetensors or as what torch.load(weights_only=True) reads. Raises OSError."""
    state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    if suffix == ".safetensors":
        from safetensors.torch import save as as_bytes

        file.write(as_bytes(state, metadata={"format": "pt"}))
    else:
        torch.save(state, file)
