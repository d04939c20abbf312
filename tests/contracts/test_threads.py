"""Threads: what one does with networks changes nothing for another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
import torch
from torch import nn

import speczoo
from speczoo.specs.limits import Limits

T = TypeVar("T")
THREADS = 6
ROUNDS = 8


def at_once(work: Callable[[int], T]) -> list[T]:
    """What the threads give, which begin each round together."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> list[T]:
        out = []
        for turn in range(ROUNDS):
            barrier.wait()
            out.append(work(THREADS * turn + number))
        return out

    with ThreadPoolExecutor(THREADS) as pool:
        return [made for thread in pool.map(run, range(THREADS)) for made in thread]


def network(width: int = 6) -> dict[str, Any]:
    """Layers that draw their weights in different ways, and rules for some."""
    return {
        "spec": 1,
        "name": f"threads{width}",
        "input": [3, 8, 8],
        "layers": [
            {"op": "Conv2d", "out_channels": width, "kernel_size": 3},
            {"op": "BatchNorm2d"},
            {"op": "PReLU"},
            {"op": "Flatten"},
            {"op": "Linear", "out_features": 8},
            {"op": "Linear", "out_features": 4},
        ],
        "init": [
            {"match": "Conv2d", "weight": {"kaiming_normal": {"mode": "fan_out"}}},
            {"match": "5", "weight": {"trunc_normal": {"std": 0.02}}, "bias": {"uniform": {"a": -1, "b": 1}}},
            {"match": "4", "weight": "orthogonal"},
        ],
    }


def values(module: nn.Module) -> list[torch.Tensor]:
    return [value.detach().clone() for value in module.state_dict().values()]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("what", ["lenet5", network()], ids=["lenet5", "rules"])
def test_a_seed_is_torchs_own(what: Any) -> None:
    """The weights are those that torch.manual_seed gives, and torch's generator is left as it was."""
    torch.manual_seed(7)
    expected = values(speczoo.build(what))
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    assert equal(values(speczoo.build(what, seed=7)), expected)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeds_in_threads_give_what_they_give_alone() -> None:
    """Also beside networks without a seed, and a thread that draws all the time."""
    alone = {seed: values(speczoo.build(network(), seed=seed)) for seed in range(THREADS * ROUNDS)}

    def work(seed: int) -> tuple[int, list[torch.Tensor]]:
        speczoo.build(network(), seed=None)
        torch.rand(100)
        return seed, values(speczoo.build(network(), seed=seed))

    assert all(equal(made, alone[seed]) for seed, made in at_once(work))


def test_what_others_draw_is_what_they_would_have_drawn() -> None:
    torch.manual_seed(3)
    expected = [torch.rand(5) for _ in range(50)]
    stop = threading.Event()

    def builds() -> None:
        while not stop.is_set():
            speczoo.build(network(), seed=0)

    torch.manual_seed(3)
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(builds)
        drawn = [torch.rand(5) for _ in range(50)]
        stop.set()
        building.result()
    assert equal(drawn, expected)


def test_equal_texts_are_one_class_in_all_threads() -> None:
    made = at_once(lambda number: (number // THREADS, type(speczoo.build(network(20 + number // THREADS)))))
    classes: dict[int, set[type]] = {}
    for turn, cls in made:
        classes.setdefault(turn, set()).add(cls)
    assert {len(found) for found in classes.values()} == {1}
    assert len(classes) == ROUNDS


def test_each_check_has_its_work_to_itself() -> None:
    """Several at once do not share what expressions may cost."""
    entry = {"for": {"i": "1..40"}, "op": "Linear", "out_features": "$(i * 2 + max(i, 3, 4) + min(i, 8))"}
    data = {"spec": 1, "name": "work", "input": [4], "layers": [entry]}
    least = next(work for work in range(200, 200_000, 200) if _accepted(entry, work))

    def work(number: int) -> bool:
        speczoo.check({**data, "name": f"work{number}"}, limits=Limits(work=least))
        return True

    assert all(at_once(work))


def _accepted(entry: dict[str, Any], work: int = 300_000) -> bool:
    try:
        speczoo.check({"spec": 1, "name": "work", "input": [4], "layers": [entry]}, limits=Limits(work=work))
    except speczoo.SpecError:
        return False
    return True
