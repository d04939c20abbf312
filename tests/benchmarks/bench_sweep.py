"""How many settings of a resnet are checked and costed a second and core, beside building each with torchvision on the
device `meta` and counting there, in the same run.

    python -m tests.benchmarks.bench_sweep [ROUNDS]

Seconds of this process's own time; medians over the rounds, of which each takes other settings.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from typing import Any

import torch

import speczoo
from speczoo.torchvision import torchvision

DEPTHS = 200  # settings of a sweep
BUILT = 6  # by torchvision, which are as many seconds


def swept(settings: list[list[int]]) -> list[int]:
    found = speczoo.sweep("resnet18", {"depths": settings})
    return [candidate.measures["params"] for candidate in found]


def summed(settings: list[list[int]]) -> list[int]:
    return [speczoo.summary("resnet18", depths=depths).params for depths in settings]


def built(settings: list[list[int]]) -> list[int]:
    resnet: Any = torchvision().models.resnet
    counts = []
    for depths in settings:
        with torch.device("meta"):
            model = resnet.ResNet(resnet.BasicBlock, depths)
        counts.append(sum(parameter.numel() for parameter in model.parameters()))
    return counts


def rate(count: Any, settings: list[list[int]]) -> tuple[float, list[int]]:
    start = time.process_time()
    found = count(settings)
    return len(settings) / (time.process_time() - start), found


def main(rounds: int = 5) -> None:
    rates: dict[str, list[float]] = {"sweep": [], "summary in a loop": [], "torchvision on meta": []}
    for number in range(rounds + 1):
        rng = random.Random(number)
        settings = [[rng.randint(1, 8) for _ in range(4)] for _ in range(DEPTHS)]
        some = settings[:BUILT]
        swept_rate, params = rate(swept, settings)
        summed_rate, _ = rate(summed, settings[:50])
        built_rate, counted = rate(built, some)
        assert counted == params[:BUILT]
        if number:  # the first imports
            for values, value in zip(rates.values(), (swept_rate, summed_rate, built_rate), strict=True):
                values.append(value)
    for name, values in rates.items():
        print(f"{name:20} {statistics.median(values):8.1f} settings a second")
    ratios = [one / other for one, other in zip(rates["sweep"], rates["torchvision on meta"], strict=True)]
    print(f"sweep / torchvision  {statistics.median(ratios):8.1f}, median of the rounds")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
