"""A network handed on: as ONNX, as what torch.export makes of it, or as its weights; each with its spec inside.

    >>> import speczoo
    >>> speczoo.export("resnet18", "net.onnx")
    <Exported: resnet18 in net.onnx, batch x 3 x height x width>

What is written was run beside the module before: `proof`. Each format has a file here; `tracing` says which axes are
left open, `metadata` what a file says of itself, and `speczoo.embedded` reads that again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speczoo import api, catalogue, checking
from speczoo.compiler.graph import Graph
from speczoo.exporting.exported import Exported, NotExported

if TYPE_CHECKING:
    from torch import nn
else:
    from speczoo.lazy_module import LazyModule

    nn = LazyModule("torch.nn")


def export(
    what: checking.What,
    path: str | os.PathLike[str],
    weights: Any = None,
    *,
    input: checking.InputShape | None = None,
    taps: Sequence[str] | Mapping[str, str] | None = None,
    seed: int | None = None,
    opset: int | None = None,
    over: bool = False,
    **params: Any,
) -> Exported:
    """Write a network into a file, in the format of its ending: .onnx, .pt2 or .safetensors.

    `weights`, `taps`, `seed` and `params` are those of `speczoo.build`; `opset` is ONNX's, else its exporter's own.
    Raises SpecError, WeightsError, ValueError for another ending, NotExported for what a format cannot say,
    FileExistsError for a file that holds something else unless `over` says that it may be replaced, OSError, and
    ModuleNotFoundError where a package of the extra `export` is missing.
    """
    target = Path(path)
    if not catalogue.is_exported(target):
        raise ValueError(f"{str(path)!a}: an export ends in {', '.join(catalogue.EXPORTED)}")
    graph, module = api.built(what, weights, api.Factory(seed=seed), input=input, taps=taps, **params)
    return write(graph, module, target, params, opset=opset, over=over)


def write(
    graph: Graph,
    module: nn.Module,
    target: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    opset: int | None = None,
    over: bool = False,
) -> Exported:
    """Write a built network; its `overrides` are the parameters that were set from outside. Raises as `export`."""
    from speczoo.exporting.metadata import texts_of
    from speczoo.specs import files

    texts = texts_of(graph, overrides)
    suffix = target.suffix.lower()
    if suffix == ".onnx":
        from speczoo.exporting import onnx_file

        data, made = onnx_file.exported(graph, module, target, texts, opset)
    elif suffix == ".pt2":
        from speczoo.exporting import pt2_file

        data, made = pt2_file.exported(graph, module, target, texts)
    else:
        from speczoo.verify import safetensors

        data, made = safetensors(module, texts), Exported.of(graph, target, texts)
    files.write(target, data, over=over)
    return made


__all__ = ["Exported", "NotExported", "export", "write"]
