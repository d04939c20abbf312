"""What importing gives and costs: how many of timm's families import with equal keys and outputs, the length of their
specs beside their printed modules, and the time of resnet50 beside building it and running it three times.

python -m tests.benchmarks.bench_importing [resnet50 | FAMILY ...]
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from speczoo.importing import from_module
from speczoo.torchvision import torchvision

#: Candidates of a family for its smallest model that are built to be counted.
TRIED = 12


def smallest(family: str) -> str | None:
    """The model of a family of timm with the fewest parameters, among those with short names."""
    import timm
    from timm.models import _registry

    counted = []
    for name in sorted(_registry._module_to_models[family], key=len)[:TRIED]:
        try:
            with torch.device("meta"):
                model = timm.create_model(name)
        except Exception:  # that cannot be made on meta
            continue
        counted.append((sum(p.numel() for p in model.parameters()), name))
    return min(counted)[1] if counted else None


def imported(names: list[str]) -> Iterator[float]:
    """Import the smallest model of each family; yield lines of the spec for each line of the printed module."""
    torchvision()
    import timm
    from timm.models import _registry

    for family in names or sorted(_registry._module_to_models):
        name = smallest(family)
        if name is None:
            print(f"{family}: no model")
            continue
        start = time.perf_counter()
        model = timm.create_model(name)
        try:
            made = from_module(model, tuple(model.pretrained_cfg["input_size"]), name=name.replace(".", "_"))
        except Exception as error:  # whatever a model raises counts as not imported
            line = (str(error).splitlines() or [""])[:2][-1]
            print(f"{family} {name}: {type(error).__name__} {line[-160:]}", flush=True)
            continue
        lines, printed = len(str(made).splitlines()), len(repr(model).splitlines())
        sizes = "" if made.sizes else ", at its size alone"
        seconds = time.perf_counter() - start
        print(f"{family} {name}: {lines} of {printed} lines, {seconds:.1f} s{sizes}", flush=True)
        yield lines / printed


def resnet50() -> None:
    """Import against building and three runs, in one process, the middle of five turns."""
    make: Any = torchvision().models.resnet50
    x = torch.randn(1, 3, 224, 224)
    rows = []
    for _ in range(5):
        start = time.perf_counter()
        model: nn.Module = make().eval()
        with torch.no_grad():
            for _ in range(3):
                model(x)
        between = time.perf_counter()
        from_module(model, (3, 224, 224), name="resnet50")
        rows.append((time.perf_counter() - between, between - start))
    ratio = statistics.median(ours / theirs for ours, theirs in rows)
    print(f"resnet50: imported in {min(a for a, _ in rows):.2f} s, {ratio:.2f} x building and three runs")


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if arguments == ["resnet50"]:
        resnet50()
        return
    ratios = list(imported(arguments))
    if ratios:
        print(f"{len(ratios)} imported; median of lines {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
