"""What building, running and summarising cost beside torchvision's own resnet34: paired in one process, medians.

python -m tests.benchmarks.bench_building [PAIRS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import speczoo
from speczoo import api, checking
from speczoo.torchvision import torchvision


def paired(ours: Callable[[], Any], theirs: Callable[[], Any], pairs: int) -> tuple[float, float, float]:
    """Medians in milliseconds and of the ratios, run in turn, each way round."""
    rows = []
    for i in range(pairs):
        times = {}
        for who, run in (("ours", ours), ("theirs", theirs)) if i % 2 else (("theirs", theirs), ("ours", ours)):
            start = time.perf_counter()
            run()
            times[who] = (time.perf_counter() - start) * 1000
        rows.append((times["ours"], times["theirs"]))
    return tuple(statistics.median(x) for x in ([a for a, _ in rows], [b for _, b in rows], [a / b for a, b in rows]))  # type: ignore[return-value]


def say(what: str, row: tuple[float, float, float]) -> None:
    print(f"{what:60} {row[0]:9.2f} ms {row[1]:9.2f} ms   ratio {row[2]:.3f}")


def on_meta(make: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with torch.device("meta"):
            return make()

    return run


def main(pairs: int = 15) -> None:
    models = torchvision().models

    def first() -> Any:
        checking._clean.clear()
        return speczoo.build("resnet34")

    def ours() -> Any:
        return speczoo.build("resnet34")

    first(), models.resnet34()
    print(f"{'':60} {'ours':>12} {'theirs':>12}")
    say("resnet34, nothing remembered but the imports", paired(first, models.resnet34, pairs))
    say("resnet34 again", paired(ours, models.resnet34, pairs))
    say("resnet34 again, on the meta device", paired(on_meta(ours), on_meta(models.resnet34), pairs * 3))
    a, b = ours().eval(), models.resnet34().eval()
    b.load_state_dict(a.state_dict())
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(a(x), b(x))
        say("forward at batch 1 on 32 x 32", paired(lambda: a(x), lambda: b(x), pairs * 20))

    def text_to_summary() -> Any:
        checking._clean.clear()
        return speczoo.summary(str(api.catalogue.NETWORKS / "resnet.yaml") + ":resnet34")

    try:
        from torchinfo import summary
    except ImportError:
        print("torchinfo is not installed: its summary is not compared")
        return
    theirs = lambda: summary(on_meta(models.resnet34)(), input_size=(1, 3, 224, 224), device="meta", verbose=0)  # noqa: E731
    say("text to summary, beside meta build and torchinfo", paired(text_to_summary, theirs, pairs))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
