"""Trains the tiny network in a process of its own: python job.py '{"out": ..., "root": ..., ...}'.

With "hold", it stops at that batch, says "held" and waits until its stdin is closed, so that a test can kill it there.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch import nn

from speczoo.training.engine import train
from tests.training.toys import network, recipe


class Held(nn.Module):
    def __init__(self, inner: nn.Module, batch: int) -> None:
        super().__init__()
        self.inner, self.left = inner, batch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.left -= 1
            if not self.left:
                print("held", flush=True)
                sys.stdin.read()
        return self.inner(x)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
    job = json.loads(sys.argv[1])
    model: nn.Module = network(norm=job.pop("norm", True))
    model = Held(model, job.pop("hold", 0))
    root, changes = Path(job.pop("root")), job.pop("recipe", {})
    given = None if job.get("resume") else recipe(root, **changes)
    result = train(given, model=model, accelerator="cpu", report=False, progress=False, **job)
    print(json.dumps(result.json()))


if __name__ == "__main__":
    main()
