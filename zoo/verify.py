"""A built network held to what was predicted of it, and its weights in files."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from speczoo.compiler.composite import Composite
from speczoo.compiler.dataflow import OUTPUT, Edge
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.module_mode import in_mode
from speczoo.specs.wording import by_axis

BATCH = 2
MOST_STEPS = 200_000_000_000  # above which a network is not run: some seconds
MOST_NUMBERS = 1_000_000_000  # that may be held at once, at worst


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
class Verification:
    """What a module shows when it is looked at and run once; without `seconds` where it ran for its shapes alone."""

    name: str
    batch: int
    seconds: float | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the trial as plain data."""
        return {
            "name": self.name,
            "ok": self.ok,
            "batch": self.batch,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "findings": [{**asdict(finding), "ok": finding.ok} for finding in self.findings],
        }


def verify_module(graph: Graph, module: nn.Module, *, batch: int = BATCH, most_steps: int = MOST_STEPS) -> Verification:
    """Run `module` once on random input of so many samples, without gradients, and hold it to its graph.

    One that takes more than `most_steps`, or more memory than many machines have, runs on the device `meta`: torch
    infers the shapes, without a number. A network with outputs that training alone has runs in training mode, others in
    eval mode; the module is left as it came, but for the running statistics of the first.
    """
    seconds = None
    with in_mode(module, training=_needs_training(graph)):
        if fits(graph, most_steps):
            given = random_input(graph, batch)
            started = time.perf_counter()
            with torch.no_grad():
                came = module(*given)
            seconds = time.perf_counter() - started
        else:
            came = _shapes_alone(graph, module, batch)
    return Verification(graph.name, batch, seconds, (*_outputs(graph, came, batch), *_weights(graph, module)))


class Unpredicted(Exception):
    """What was built is not what was predicted: a bug of ours, with both sides of all that differs."""

    def __init__(self, name: str, findings: Iterable[Finding]) -> None:
        wrong = [f"{f.what} {f.predicted} predicted, {f.built} built" for f in findings if not f.ok]
        super().__init__(f"{name} is not what was predicted: {'; '.join(wrong)}")


def hold(graph: Graph, module: nn.Module) -> nn.Module:
    """Return the module, whose weights and outputs are those that were predicted.

    It runs on the device `meta`, once for a graph: no number is computed. Raises Unpredicted.
    """
    findings = _weights(graph, module)
    if "held" not in graph.__dict__:
        # a custom layer may ask for numbers, which there are none of
        with suppress(NotImplementedError), in_mode(module, training=_needs_training(graph)):
            findings += _outputs(graph, _shapes_alone(graph, module, BATCH), BATCH)
    if not all(finding.ok for finding in findings):
        raise Unpredicted(graph.name, findings)
    graph.__dict__["held"] = True
    return module


def _needs_training(graph: Graph) -> bool:
    """Return whether it takes training mode to have all outputs."""
    return any(port.training_only for port in graph.root.outputs)


def _outputs(graph: Graph, came: Any, batch: int) -> list[Finding]:
    """Return the shapes of what came out of a run."""
    values = [came] if isinstance(came, Tensor) else list(came)
    names = [port.name for port in graph.root.outputs]
    if not isinstance(came, Tensor):
        names = list(getattr(came, "_fields", names))
    built = dict(zip(names, (tuple(value.shape) for value in values), strict=True))
    ports = zip(graph.root.outputs, graph.root.values, strict=True)
    known = {port.name: value for port, value in ports if not isinstance(value, Unknown)}
    wanted = {name: (batch, *value.shape) if value.batched else value.shape for name, value in known.items()}
    if len(wanted) == len(built) and wanted.keys() != built.keys():  # a tuple spells paths otherwise
        built = dict(zip(wanted, built.values(), strict=True))
    return [
        Finding(f"output {name}" if len(wanted) > 1 else "output", _shape(wanted.get(name)), _shape(built.get(name)))
        for name in {**wanted, **built}
    ]


def _weights(graph: Graph, module: nn.Module) -> list[Finding]:
    """Return how many parameters there are, the state_dict, and which parameters train."""
    count = sum(parameter.numel() for parameter in module.parameters())
    fixed = {key for key, parameter in module.named_parameters(remove_duplicate=False) if not parameter.requires_grad}
    differing = sorted(graph.frozen_keys ^ fixed)[:1]
    return [
        Finding("parameters", f"{graph.params:,}", f"{count:,}"),
        _state(graph.state, {key: tuple(value.shape) for key, value in module.state_dict().items()}),
        Finding("requires_grad", _trains(differing, graph.frozen_keys), _trains(differing, fixed)),
    ]


def _trains(keys: list[str], fixed: Set[str]) -> str:
    return "; ".join(f"{key} {'does not train' if key in fixed else 'trains'}" for key in keys) or (
        f"{len(fixed)} do not train" if fixed else "all train"
    )


def fits(graph: Graph, most_steps: int = MOST_STEPS) -> bool:
    """Return whether a run takes no more than `most_steps`, nor more memory than most machines have, as predicted."""
    leaves = (node for _, node, _ in graph.walk())
    steps = sum(n.macs + n.body.operations(*n.shapes) for n in leaves if isinstance(n.body, Layer))
    return BATCH * steps <= most_steps and BATCH * _held(graph.root, {}) <= MOST_NUMBERS


def _held(composite: Composite, known: dict[Composite, int]) -> int:
    """Return how many numbers a list holds at once for one input, at most: each output from where it is made to its
    last reader.
    """
    if composite in known:
        return known[composite]
    ends: dict[int, int] = {}  # what is let go of after a node
    alive = most = sum(_numbers(value) for _, value in composite.inputs)
    for i, node in enumerate(composite.nodes):
        body = node.body
        inside = body.scratch(*node.shapes) if isinstance(body, Layer) else _held(body, known) if body else 0
        alive += sum(map(_numbers, node.outputs))
        most = max(most, alive + inside)
        for port, value in enumerate(node.outputs):
            readers = composite.wiring.dataflow.successors(Edge(i, port))
            end = max((len(composite.nodes) if reader == OUTPUT else reader for reader in readers), default=i)
            ends[end] = ends.get(end, 0) + _numbers(value)
        alive -= ends.pop(i, 0)
    known[composite] = most
    return most


def _numbers(value: Value | Unknown) -> int:
    return math.prod(value.shape) if value is not UNKNOWN else 0


def _shapes_alone(graph: Graph, module: nn.Module, batch: int) -> Any:
    """Return what comes out of the module on the device `meta`, where tensors are shapes."""
    with torch.device("meta"):
        given = tuple(random_input(graph, batch))
    for dtype in {parameter.dtype for parameter in module.parameters() if parameter.is_floating_point()}:
        given = tuple(x.to(dtype) if x.is_floating_point() else x for x in given)
    state: dict[str, Tensor] = {name: value.to("meta") for name, value in module.named_buffers()}
    for name, value in module.named_parameters():
        state[name] = nn.Parameter(value.to("meta"), requires_grad=False)  # which get_parameter gives, and no plain one
    with torch.no_grad():
        made = torch.func.functional_call(module, state, given)
    for part in module.modules():
        if isinstance(part, nn.RNNBase):  # which lists its weights, and has listed those of this call
            part.to(next(part.parameters()).device)
    return made


def random_input(graph: Graph, batch: int = BATCH, shapes: Mapping[str, Shape] | None = None) -> list[Tensor]:
    """Return input of the predicted shapes, or of others by name, for so many samples; whole numbers are small enough
    for every table that they may be looked up in.
    """
    tables = [
        row.node.weights["weight"][0]
        for row in graph.rows
        if row.op in ("Embedding", "EmbeddingBag") and "weight" in row.node.weights
    ]
    out: list[Tensor] = []
    for name, value in graph.settings.inputs:
        shape = value.shape if shapes is None else shapes[name]
        size = (batch, *shape) if value.batched else shape
        if value.dtype == "int64":
            out.append(torch.randint(min(tables, default=2), size))
        elif value.dtype == "bool":
            out.append(torch.rand(size) < 0.5)
        else:
            out.append(torch.randn(size))
    return out


def draw_anew(module: nn.Module) -> None:
    """Draw weights and statistics anew, of the size that they had: nothing stays at 0 or 1. The numbers are the same
    each time.
    """
    generator = torch.Generator().manual_seed(0)

    def noise(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=generator, dtype=torch.float32).to(tensor.dtype)

    with torch.no_grad():
        for name, tensor in module.state_dict(keep_vars=True).items():
            if not tensor.is_floating_point():
                continue
            if name.endswith("running_var"):
                tensor.copy_(0.5 + noise(tensor).abs())
            elif tensor.dim() < 2:
                tensor.add_(0.2 * noise(tensor))
            else:
                spread = float(tensor.std()) if tensor.numel() > 1 else 0.0
                tensor.add_(noise(tensor), alpha=0.3 * spread or 0.02)


def _state(predicted: Mapping[str, Shape], built: Mapping[str, Shape]) -> Finding:
    """Return the state_dicts, reported as how many entries they have, or as the first in which they differ."""
    for want, got in zip(predicted.items(), built.items(), strict=False):
        if want != got:
            return Finding("state_dict", f"{want[0]} {_shape(want[1])}", f"{got[0]} {_shape(got[1])}")
    return Finding("state_dict", f"{len(predicted)} entries", f"{len(built)} entries")


def _shape(sizes: Shape | None) -> str:
    return "none" if sizes is None else by_axis(sizes)


def save(module: nn.Module, file: BinaryIO) -> None:
    """Write a state_dict as what torch.load(weights_only=True) reads. Raises OSError."""
    torch.save(_state_dict(module), file)


def safetensors(module: nn.Module, texts: Mapping[str, str]) -> bytes:
    """Return a state_dict as the content of a .safetensors file; `texts` is what it says of itself."""
    from safetensors.torch import save as as_bytes

    written = as_bytes(_state_dict(module))
    length = int.from_bytes(written[:8], "little")
    tensors = json.loads(written[8 : 8 + length])
    # its own writer has the texts in another order each time, and equal files are one to who writes over none
    header = json.dumps({"__metadata__": {"format": "pt", **texts}, **tensors}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + written[8 + length :]


def _state_dict(module: nn.Module) -> dict[str, Tensor]:
    """Return a state_dict on the CPU, what stands under two names once for each."""
    out: dict[str, Tensor] = {}
    places: set[int] = set()
    for key, value in module.state_dict().items():
        kept = value.detach().cpu().contiguous()
        out[key] = kept.clone() if kept.data_ptr() in places and kept.numel() else kept
        places.add(out[key].data_ptr())
    return out
