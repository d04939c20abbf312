"""What checking costs, beside what importing torch costs: whole processes in pairs, medians and ratios.

python -m tests.benchmarks.bench_checking [PAIRS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
NETWORKS = ROOT / "zoo" / "networks"
#: What is installed has its bytecode, torch as well as we: without it a third of the time is Python's compiler's.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(*arguments: str) -> float:
    """Wall time of a fresh Python process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True)
    return time.perf_counter() - start


def paired(ours: list[str], theirs: list[str], pairs: int) -> tuple[float, float, float]:
    """Medians of both and of their ratios, run in turn so that a machine that slows down slows both.
    A first run of each, which writes bytecode and fills the disk's cache, is not counted."""
    seconds(*ours), seconds(*theirs)
    rows = [(seconds(*ours), seconds(*theirs)) for _ in range(pairs)]
    return (
        statistics.median(a for a, _ in rows),
        statistics.median(b for _, b in rows),
        statistics.median(a / b for a, b in rows),
    )


def warm(text: str, *, again: bool, times: int = 15) -> float:
    """Milliseconds of CPU for a check in a process that has checked before, `again` of the very same text or not."""
    from speczoo import checking
    from speczoo.specs.diagnostics import Report

    rows = []
    for _ in range(times):
        if not again:
            checking._clean.clear()
        start = time.process_time()
        report = Report()
        checking.check_into(report, text)
        rows.append((time.process_time() - start) * 1000)
        assert report.ok
    return statistics.median(rows)


def main(pairs: int = 5) -> None:
    files = sorted(str(p.relative_to(ROOT)) for p in NETWORKS.glob("*.yaml"))
    for shown, words, goal in (
        ("check the whole catalogue", ["check", *files], "goal 1.00"),
        ("zoo check resnet34", ["check", "resnet34"], "goal 0.30"),
        ("zoo summary resnet34", ["summary", "resnet34"], "no goal"),
        ("zoo list", ["list"], "goal 0.12"),
    ):
        ours, theirs, ratio = paired(["-m", "speczoo", *words], ["-c", "import torch"], pairs)
        print(f"{shown} {ours:.2f} s, import torch {theirs:.2f} s, ratio {ratio:.2f} ({goal})")
    for name in ("cifar_resnet20", "cifar_resnet110", "cifar_resnet1202"):
        print(f"check {name}: {warm(name, again=False):.1f} ms")
    family = str(NETWORKS / "resnet.yaml")
    print(f"check the resnet family, 12 networks: {warm(family, again=False):.1f} ms (goal 25)")
    print(f"the same text again: {warm(family, again=True):.1f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
