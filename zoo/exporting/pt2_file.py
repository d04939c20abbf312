"""A network as a .pt2 file: what torch.export makes of it, read back and run beside the module.

Inputs are taken in the spec's order; several outputs are a mapping by the spec's names.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from speczoo.compiler.graph import Graph
from speczoo.exporting.exported import BATCH, Exported
from speczoo.exporting.opening import opened
from speczoo.exporting.proof import OTHER_BATCH, OWN, Runner, beside, tensors
from speczoo.exporting.tracing import TracedProgram, at, quiet


def exported(graph: Graph, module: nn.Module, target: Path, texts: Mapping[str, str]) -> tuple[bytes, Exported]:
    """Return the bytes of a file and what there is to say of it; `texts` is its metadata. Raises NotExported."""
    found = opened(graph, module, lambda program: program, lambda program: _runner(_bytes(program, texts)))
    state = module.state_dict(keep_vars=True)
    for name in found.made.program.state_dict:
        found.made.program.state_dict[name] = state[name]
    data = _bytes(found.made, texts)
    batch = OTHER_BATCH if found.traced.open else BATCH
    own = beside(graph, module, _runner(data), batch, at(graph, {}), OWN)
    words = {"sizes": found.sizes, "closed": found.closed}
    return data, Exported.of(graph, target, texts, found.traced.open, found.outputs, runs=(*found.runs, own), **words)


def _bytes(traced: TracedProgram, texts: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    with quiet():
        torch.export.save(traced.program, file, extra_files=dict(texts))
    return file.getvalue()


def _runner(data: bytes) -> Runner:
    with quiet():
        module = torch.export.load(io.BytesIO(data)).module()

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return tensors(module(*inputs))

    return run
