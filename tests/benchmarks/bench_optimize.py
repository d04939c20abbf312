"""A run of `speczoo.build(NAME, optimize=True)` beside torchvision's own module in eager mode, or the spec's where
torchvision has none: the median of ratios of seconds, in pairs, in one process; and the peak of memory of each while it
is built and over its first three runs, weights and what torch holds for its kernels among it. A network has processes
of its own. With --cpu seconds are those of the processor, of all threads together: for a machine that does other things
(OMP_WAIT_POLICY=PASSIVE keeps waiting threads out of them).

For the peaks glibc maps what is larger than 64 KiB by itself, so that what is freed is gone: how much of it an
allocator keeps in its heap hangs on all that the process did before. All code is in memory beforehand, and there are no
huge pages. Linux alone is measured so.

python -m tests.benchmarks.bench_optimize [--cpu] [SECONDS] [NAME...]
"""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import speczoo
from speczoo.compiler.emit import module as emitted
from speczoo.compiler.optimize import optimize
from speczoo.torchvision import torchvision
from speczoo.verify import random_input
from tests.steps import highest

BATCH, THREADS = 1, 2
LEAST, MOST = 3, 40  # pairs of runs
RUNS = 3  # for the peak
M_MMAP_THRESHOLD, MAPPED = -3, 1 << 16
PR_SET_THP_DISABLE, MADV_POPULATE_READ = 41, 22
SMALL: dict[str, Any] = {
    "spec": 1,
    "name": "small",
    "input": [3, 8, 8],
    "layers": [{"op": "Conv2d", "out_channels": 4, "kernel_size": 3}, {"op": "BatchNorm2d"}],
}


def ratio(run: Callable[[], Any], rival: Callable[[], Any], seconds: float, clock: Callable[[], float]) -> float:
    """Return the median of what the rival takes by what the other takes, run in turn, each way round; the first runs
    are left out.
    """
    found: list[float] = []
    until = time.perf_counter() + seconds
    while len(found) <= LEAST or (len(found) <= MOST and time.perf_counter() < until):
        took = {}
        for each in (run, rival) if len(found) % 2 else (rival, run):
            start = clock()
            each()
            took[each] = clock() - start
        found.append(took[rival] / took[run])
    return statistics.median(found[1:])


def apart(measure: Callable[[], float]) -> float | None:
    """Return what a process of its own measures; None where it ends otherwise."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, str(measure()).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as stated:
        text = stated.read()
    return float(text) if text else None


def rival(name: str) -> nn.Module:
    """Return torchvision's module of a name, or that of the spec."""
    models = torchvision().models
    if name not in models.list_models():
        return speczoo.build(name, seed=0).eval()
    bare = {"weights": None} | ({"weights_backbone": None} if hasattr(models.segmentation, name) else {})
    module: nn.Module = models.get_model(name, **bare).eval()
    return module


def optimized(name: str) -> nn.Module:
    return speczoo.build(name, seed=0, optimize=True)


def peak(make: Callable[[], nn.Module], given: list[Tensor]) -> float:
    """Return the MiB that a module and its runs take at most, its making among it."""
    system = ctypes.CDLL(None)
    system.mallopt(M_MMAP_THRESHOLD, MAPPED)
    system.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    torch.set_num_threads(THREADS)
    populate(system)
    with torch.inference_mode():
        for warm in (speczoo.build(SMALL), speczoo.build(SMALL, optimize=True)):
            warm.eval()(torch.randn(1, *SMALL["input"]))
    trim(system)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as peaks:
        peaks.write("5")
    before = highest()
    module = make()
    trim(system)
    with torch.inference_mode():
        for _ in range(RUNS):
            module(*given)
    return highest() - before


def populate(system: ctypes.CDLL) -> None:
    """Have the whole text of all libraries in memory."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            place, flags, _, _, inode, *_ = line.split()
            start, end = (int(number, 16) for number in place.split("-"))
            if inode != "0" and "r" in flags:
                system.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_POPULATE_READ)


def trim(system: ctypes.CDLL) -> None:
    """Give back what was freed."""
    gc.collect()
    system.malloc_trim(0)


def faster(name: str, given: list[Tensor], seconds: float, clock: Callable[[], float]) -> float:
    """Return how many times as fast the network for evaluation is, with the same weights."""
    torch.set_num_threads(THREADS)
    theirs = rival(name)
    ours = speczoo.build(name, theirs.state_dict(), optimize=True)
    with torch.inference_mode():
        return ratio(lambda: ours(*given), lambda: theirs(*given), seconds, clock)


def main() -> None:
    given = sys.argv[1:]
    clock = time.process_time if "--cpu" in given else time.perf_counter
    given = [each for each in given if each != "--cpu"]
    seconds = float(given[0]) if given else 3.0
    torch.set_num_threads(1)  # until there is a process for each: a fork has no threads but one
    speczoo.build(SMALL, optimize=True)  # what is imported once
    torchvision()
    found = []
    for name in given[1:] or speczoo.list_models():
        graph = speczoo.graph(name)
        inputs = random_input(graph, BATCH)
        for each in (graph, optimize(graph).graph):
            emitted.class_of(each)  # what is kept of code is no model's memory
        came = [
            apart(lambda: faster(name, inputs, seconds, clock)),  # noqa: B023
            apart(lambda: peak(lambda: optimized(name), inputs)),  # noqa: B023
            apart(lambda: peak(lambda: rival(name), inputs)),  # noqa: B023
        ]
        if None in came:
            print(f"{name:26} did not run", flush=True)
            continue
        found.append(came)
        times, ours, theirs = came
        print(f"{name:26} {times:5.2f} times as fast   peaks {ours:7.1f} beside {theirs:7.1f} MiB", flush=True)
    times = statistics.median(each[0] for each in found)
    above = sum(ours > theirs for _, ours, theirs in found)
    of = f"{len(found)} networks, batch {BATCH}, {THREADS} threads"
    print(f"median {times:.2f} of {of}; the peak of {above} is above")


if __name__ == "__main__":
    main()
