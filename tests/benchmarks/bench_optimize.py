"""A run of `speczoo.build(NAME, optimize=True)` beside torchvision's own module in eager mode: seconds paired in one
process, medians of ratios; and the peak of memory of a run, each in a process of its own.

python -m tests.benchmarks.bench_optimize [PAIRS] [NAME...]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import speczoo
from speczoo import catalogue
from speczoo.torchvision import torchvision
from tests.steps import highest

BATCH = 1


def ratios(ours: Callable[[], Any], theirs: Callable[[], Any], pairs: int) -> float:
    """The median of theirs by ours, run in turn, each way round; the first runs of both are left out."""
    found = []
    for i in range(-1, pairs):
        took = {}
        for run in (ours, theirs) if i % 2 else (theirs, ours):
            start = time.perf_counter()
            run()
            took[run] = time.perf_counter() - start
        found.append(took[theirs] / took[ours])
    return statistics.median(found[1:])


def peak(run: Callable[[], Any]) -> float:
    """MiB that a run takes at most, above what there is before it."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        torch.set_num_threads(1)  # a fork has no threads but this
        before = highest()
        run()
        os.write(writer, str(highest() - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return float(os.read(reader, 100))


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    models = torchvision().models
    every = [n for n in catalogue.names() if n in models.list_models(module=models)]
    found: list[float] = []
    for name in sys.argv[2:] or every:
        theirs, ours = models.get_model(name, weights=None).eval(), speczoo.build(name, optimize=True)
        x = torch.randn(BATCH, *speczoo.graph(name).inputs["input"])
        with torch.inference_mode():
            memory = peak(lambda: ours(x)), peak(lambda: theirs(x))  # noqa: B023
            found.append(ratios(lambda: ours(x), lambda: theirs(x), pairs))  # noqa: B023
        print(
            f"{name:24} {found[-1]:5.2f} times as fast   peak {memory[0]:7.1f} MiB, torchvision {memory[1]:7.1f}",
            flush=True,
        )
    middle, threads = statistics.median(found), torch.get_num_threads()
    print(f"median {middle:.2f} of {len(found)} networks, batch {BATCH}, {threads} threads")


if __name__ == "__main__":
    main()
