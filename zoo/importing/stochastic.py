"""What a module does in training alone: a StochasticDepth where it drops whole branches, and else it is reported."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

#: How many samples show what is drawn, each of a few numbers.
SAMPLES = 256


def drops(module: nn.Module, shape: tuple[int, ...]) -> Mapping[str, Any] | None:
    """Return what a module does with values of this shape while training, whose evaluation gives them as they are: the
    arguments of a StochasticDepth, or nothing at all; None where it is something else.
    """
    twin = copy.deepcopy(module).double().train()
    ones = torch.ones(SAMPLES, *(min(size, 3) for size in shape), dtype=torch.double)
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            out = twin(ones)
    except Exception:  # what is no function of one value
        return None
    if not isinstance(out, Tensor) or out.shape != ones.shape:
        return None
    if torch.equal(out, ones):
        return {}
    rows = out.flatten(1)
    levels = sorted({*rows[:, 0].tolist()})
    whole = bool((rows == rows[:, :1]).all()) and len(levels) == 2 and levels[0] == 0
    return _depth(module, 1 - 1 / levels[1]) if whole and levels[1] > 1 else None


def _depth(module: nn.Module, p: float) -> Mapping[str, Any]:
    """Return a probability as the module itself has it, where it does; one of single precision, as rates come out that
    are spread over a network, with the fewest digits that distinguish it from the others.
    """
    numbers = [each for each in vars(module).values() if isinstance(each, float)]
    own = next((each for each in numbers if abs(each - p) < 1e-9), round(p, 9))
    fewest = (float(f"{own:.{digits}g}") for digits in range(6, 10))
    return {"p": next((each for each in fewest if float(torch.tensor(each)) == own), own)}
