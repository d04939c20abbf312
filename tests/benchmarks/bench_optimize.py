"""A run of `speczoo.build(NAME, optimize=True)`, and of the same packed (`speczoo.pack`), beside torchvision's own
module in eager mode: seconds in turn in one process, medians of ratios; and the peak of memory of a run, each in a
process of its own. A network has a process of its own, too. With --cpu seconds are those of the processor, of all
threads together: for a machine that does other things (OMP_WAIT_POLICY=PASSIVE keeps waiting threads out of them).

python -m tests.benchmarks.bench_optimize [--cpu] [SECONDS] [NAME...]
"""

from __future__ import annotations

import copy
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

BATCH, THREADS = 1, 2
LEAST, MOST = 3, 40  # pairs of runs


def ratios(runs: list[Callable[[], Any]], seconds: float, clock: Callable[[], float]) -> list[float]:
    """Return the medians of what the last takes by what each of the others takes, run in turn, each way round; the
    first runs are left out.
    """
    found: list[list[float]] = []
    until = time.perf_counter() + seconds
    while len(found) <= LEAST or (len(found) <= MOST and time.perf_counter() < until):
        took = [0.0] * len(runs)
        for i in range(len(runs)) if len(found) % 2 else reversed(range(len(runs))):
            start = clock()
            runs[i]()
            took[i] = clock() - start
        found.append([took[-1] / each for each in took[:-1]])
    return [statistics.median(each) for each in zip(*found[1:], strict=True)]


def apart(run: Callable[[], list[float]]) -> list[float]:
    """Return what a run in a process of its own gives; nothing where that ends otherwise."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, " ".join(map(str, run())).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as said:
        return [float(text) for text in said.read().split()]


def peak(run: Callable[[], Any]) -> float:
    """Return the MiB that a run takes at most, above what there is before it."""

    def measured() -> list[float]:
        torch.set_num_threads(1)  # a fork has no threads but this
        before = highest()
        run()
        return [highest() - before]

    return apart(measured)[0]


def measured(name: str, seconds: float, clock: Callable[[], float]) -> list[float]:
    """Return the ratios of a network, and the peaks."""
    models = torchvision().models
    bare = {"weights": None} | ({"weights_backbone": None} if hasattr(models.segmentation, name) else {})
    theirs = models.get_model(name, **bare).eval()
    x = torch.randn(BATCH, *speczoo.graph(name).inputs["input"])
    ours = speczoo.build(name, optimize=True)

    def runs() -> list[Callable[[], Any]]:
        packed = speczoo.pack(copy.deepcopy(ours), x)  # for as many threads as there are now
        return [lambda: ours(x), lambda: packed(x), lambda: theirs(x)]

    with torch.inference_mode():
        memory = [peak(run) for run in runs()]  # before there are more threads, which a fork has not
        torch.set_num_threads(THREADS)
        return [*ratios(runs(), seconds, clock), *memory]


def main() -> None:
    given = sys.argv[1:]
    clock = time.process_time if "--cpu" in given else time.perf_counter
    given = [each for each in given if each != "--cpu"]
    seconds = float(given[0]) if given else 3.0
    models = torchvision().models
    names = given[1:] or [n for n in catalogue.names() if n in models.list_models()]
    torch.set_num_threads(1)
    found = []
    for name in names:
        came = apart(lambda: measured(name, seconds, clock))  # noqa: B023
        if not came:
            print(f"{name:26} did not run", flush=True)
            continue
        found.append(came)
        plain, packed, *memory = came
        peaks = ", ".join(f"{each:.0f}" for each in memory)
        print(f"{name:26} {plain:5.2f}, packed {packed:5.2f} times as fast   peaks {peaks} MiB", flush=True)
    plain, packed, *memory = (statistics.median(each) for each in zip(*found, strict=True))
    of = f"{len(found)} networks, batch {BATCH}, {THREADS} threads"
    print(f"medians {plain:.2f}, packed {packed:.2f} of {of}")


if __name__ == "__main__":
    main()
