"""What the sizes that a network takes cost: milliseconds of CPU for the rule of a whole graph, medians.

python -m tests.benchmarks.bench_sizes [TIMES]
"""

from __future__ import annotations

import statistics
import sys
import time

import speczoo
from speczoo.compiler.analysis.sizes import Sizes

NETWORKS = {
    "resnet34": "goal 1.00", "unet": "no goal", "densenet121": "no goal", "vit_b_16": "no goal",
    "cifar_resnet1202": "no goal", "inception_v3": "no goal",
}  # fmt: skip


def main(times: int = 51) -> None:
    for name, goal in NETWORKS.items():
        graph = speczoo.graph(name)
        rows = []
        for _ in range(times):
            start = time.process_time()
            rule = Sizes(graph).rule
            rows.append((time.process_time() - start) * 1000)
            assert rule is not None
        layers = graph.root.leaves
        print(f"{name:<17} {layers:>5} layers  {statistics.median(rows):6.2f} ms, least {min(rows):.2f} ({goal})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
