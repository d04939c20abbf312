"""The engine keeps its promises: it learns, repeats, resumes, survives, shares, and says what went wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from speczoo.training import recipe_loader
from speczoo.training.data import load
from speczoo.training.engine import Result, loaders, train
from speczoo.training.errors import DataError, Diverged, Interrupted, RunError
from speczoo.training.evaluate import evaluate
from speczoo.training.loader import mix
from speczoo.training.run import Run
from tests.training.toys import network, recipe

JOB = Path(__file__).with_name("job.py")


def run(root: Path, out: Path, changes: dict[str, Any] | None = None, **options: Any) -> Result:
    given = None if "resume" in options else recipe(root, **(changes or {}))
    where = {} if "resume" in options else {"out": out}
    return train(given, model=network(), accelerator="cpu", report=False, quiet=True, **where, **options)


def same(a: Path, b: Path) -> bool:
    first, second = Run.open(a).weights(), Run.open(b).weights()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_it_learns(corners: Path, tmp_path: Path) -> None:
    result = run(corners, tmp_path / "run")
    assert result.accuracy > 0.9
    assert result.epochs == 4
    history = Run.open(tmp_path / "run").history
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 2


def test_seeds_reproduce_and_differ(corners: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        run(corners, tmp_path / name, {"epochs": 1}, seed=seed)
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "c")


def test_it_is_a_plain_loop(corners: Path, tmp_path: Path) -> None:
    """The same batches into the same network, by torch alone: not one bit differs."""
    changes = {"optimizer": {"op": "SGD", "lr": 0.05, "momentum": 0.9}, "schedule": None, "epochs": 3}
    run(corners, tmp_path / "run", changes)
    chosen = recipe_loader.load(recipe(corners, **changes), {})
    batches, _ = loaders(chosen, load(chosen, None))
    model = network().train()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, fused=True)  # rounds as the engine does
    for batches.epoch in range(3):
        torch.manual_seed(mix(chosen.seed, batches.epoch, 0))  # for Dropout
        for images, labels in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    weights = Run.open(tmp_path / "run").weights()
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}, {"optimizer": {"op": "SGD", "lr": 0.05, "momentum": 0.9}}])
def test_two_epochs_and_two_more_are_four_bit_for_bit(corners: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    whole = run(corners, tmp_path / "whole", changes)
    half = run(corners, tmp_path / "half", changes, stop_after=2)
    assert half.epochs == 2
    rest = run(corners, tmp_path / "half", resume=tmp_path / "half")
    assert rest.epochs == 4
    assert (rest.loss, rest.accuracy, rest.train_loss) == (whole.loss, whole.accuracy, whole.train_loss)
    assert same(tmp_path / "whole", tmp_path / "half")
    drop = {"seconds"}
    first, second = (
        [{k: v for k, v in row.items() if k not in drop} for row in Run.open(tmp_path / name).history]
        for name in ("whole", "half")
    )
    assert first == second


def test_averaged_weights_are_what_is_measured_and_kept(corners: Path, tmp_path: Path) -> None:
    averaged = run(corners, tmp_path / "averaged", {"ema": 0.9})
    plain = run(corners, tmp_path / "plain")
    assert not same(tmp_path / "averaged", tmp_path / "plain")
    assert averaged.loss != plain.loss
    opened = Run.open(tmp_path / "averaged")
    found = evaluate(opened.model(network()), load(opened.recipe), opened.recipe)
    assert found.results["valid_loss"] == pytest.approx(averaged.loss, rel=1e-5)


def start(**job: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(JOB), json.dumps(job)], text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


class Calling(torch.nn.Module):
    """Calls at a training batch, counted from one."""

    def __init__(self, inner: torch.nn.Module, batch: int, call: Callable[[], None]) -> None:
        super().__init__()
        self.inner, self.left, self.call = inner, batch, call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left -= self.training
        if self.training and not self.left:
            self.call()
        return self.inner(x)


def wrapped(norm: bool = True) -> Calling:
    """The network with its weights under the names that they have in a process that is held."""
    return Calling(network(norm=norm), 0, lambda: None)


IN_THE_THIRD_EPOCH = 2 * 6 + 3


def test_a_killed_run_resumes(corners: Path, tmp_path: Path) -> None:
    process = start(root=str(corners), out=str(tmp_path / "killed"), hold=IN_THE_THIRD_EPOCH)
    assert process.stdout
    assert "held\n" in iter(process.stdout.readline, ""), process.communicate()[1]
    process.kill()
    process.communicate()
    assert torch.load(tmp_path / "killed" / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1
    train(None, model=wrapped(), resume=tmp_path / "killed", accelerator="cpu", report=False, quiet=True)
    train(recipe(corners), model=wrapped(), out=tmp_path / "whole", accelerator="cpu", report=False, quiet=True)
    assert same(tmp_path / "whole", tmp_path / "killed")
    assert json.loads((tmp_path / "killed" / "result.json").read_text())["epochs"] == 4


def test_ctrl_c_leaves_weights_and_says_how_to_go_on(corners: Path, tmp_path: Path) -> None:
    model = Calling(network(), IN_THE_THIRD_EPOCH, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
    try:
        with pytest.raises(Interrupted) as caught:
            train(recipe(corners), model=model, out=tmp_path / "run", accelerator="cpu", report=False, quiet=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert f"--resume {tmp_path / 'run'}" in str(caught.value)
    weights = Run.open(tmp_path / "run").weights()  # of that very step, and not of the last whole epoch
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
    assert Run.open(tmp_path / "run").checkpoint is not None


def test_two_processes_are_one_with_the_doubled_batch(corners: Path, tmp_path: Path) -> None:
    changes = {"epochs": 2, "optimizer": {"op": "SGD", "lr": 0.05, "momentum": 0.9}}
    job = {"root": str(corners), "norm": False}
    alone = recipe(corners, **changes, batch_size=20)
    train(alone, model=wrapped(norm=False), out=tmp_path / "one", accelerator="cpu", quiet=True)
    two = start(**job, out=str(tmp_path / "two"), recipe={**changes, "batch_size": 10}, devices=2, strategy="ddp")
    _, reported = two.communicate()
    assert two.returncode == 0, reported
    assert [reported.count(stated) for stated in ("images to train", "train_loss", "\n1  ")] == [
        1,
        1,
        1,
    ]  # by one of them
    a, b = Run.open(tmp_path / "one"), Run.open(tmp_path / "two")
    for key, value in a.weights().items():
        assert torch.allclose(value, b.weights()[key], atol=1e-5), key
    for first, second in zip(a.history, b.history, strict=True):
        assert first["valid_loss"] == pytest.approx(second["valid_loss"], abs=1e-5)
        assert first["train_loss"] == pytest.approx(second["train_loss"], abs=1e-5)
        assert first["accuracy"] == second["accuracy"]


class Breaking(torch.nn.Module):
    """Works for so many training batches, then gives NaN."""

    def __init__(self, inner: torch.nn.Module, batches: int) -> None:
        super().__init__()
        self.inner, self.left = inner, batches

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left -= self.training
        return self.inner(x) * (1.0 if self.left >= 0 else float("nan"))


def test_a_loss_that_is_not_a_number_stops_the_run_and_loses_nothing(corners: Path, tmp_path: Path) -> None:
    with pytest.raises(Diverged, match=r"not a number after step \d+ \(epoch 2, learning rate") as caught:
        train(recipe(corners), model=Breaking(network(), 15), out=tmp_path / "run", accelerator="cpu", quiet=True)
    assert "lr-find" in caught.value.help
    run(corners, tmp_path / "two", stop_after=2)
    kept, expected = Run.open(tmp_path / "run").weights(), Run.open(tmp_path / "two").weights()
    assert all(torch.equal(kept[f"inner.{key}"], value) for key, value in expected.items())
    assert len(Run.open(tmp_path / "run").history) == 2


def test_a_learning_rate_that_diverges_is_reported(corners: Path, tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="not a number"):
        run(corners, tmp_path / "wild", {"optimizer": {"op": "SGD", "lr": 1e6, "weight_decay": 1e6}, "schedule": None})


def test_a_resumed_run_keeps_its_optimizer_and_may_grow(corners: Path, tmp_path: Path) -> None:
    run(corners, tmp_path / "grown", {"schedule": None, "epochs": 2})
    run(corners, tmp_path / "grown", resume=tmp_path / "grown", set=["epochs=4"])
    run(corners, tmp_path / "whole", {"schedule": None})
    assert same(tmp_path / "whole", tmp_path / "grown")


@pytest.mark.parametrize("changed", [{"set": ["optimizer.lr=1"]}, {"seed": 9}])
def test_a_resumed_run_keeps_the_rest_of_its_recipe(corners: Path, tmp_path: Path, changed: dict[str, Any]) -> None:
    run(corners, tmp_path / "run", stop_after=1)
    written = (tmp_path / "run" / "run.json").read_text()
    with pytest.raises(RunError, match="only `epochs`"):
        run(corners, tmp_path / "run", resume=tmp_path / "run", **changed)
    assert (tmp_path / "run" / "run.json").read_text() == written


@pytest.mark.parametrize(
    ("schedule", "grows"),
    [
        ({"op": "OneCycleLR"}, False),
        ({"op": "CosineAnnealingLR"}, False),
        ({"op": "MultiStepLR", "milestones": [1, 3], "warmup": 0.5}, True),
    ],
)
def test_a_run_grows_where_its_rates_are_those_of_a_longer_one(
    corners: Path, tmp_path: Path, schedule: Any, grows: bool
) -> None:
    run(corners, tmp_path / "run", {"schedule": schedule, "epochs": 2})
    if grows:
        run(corners, tmp_path / "run", resume=tmp_path / "run", set=["epochs=4"])
        run(corners, tmp_path / "whole", {"schedule": schedule})
        assert same(tmp_path / "whole", tmp_path / "run")
    else:
        with pytest.raises(RunError, match=f"{schedule['op']} was laid out over 2 epochs"):
            run(corners, tmp_path / "run", resume=tmp_path / "run", set=["epochs=4"])


def test_outputs_and_classes_must_agree(corners: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="7 outputs and the data 4 classes"):
        train(recipe(corners), model=network(classes=7), out=tmp_path / "run", accelerator="cpu", quiet=True)
    assert not (tmp_path / "run").exists()


def test_images_must_fit_the_network(corners: Path, tmp_path: Path) -> None:
    prepared = {"prepare": [{"op": "Resize", "size": 20}]}
    with pytest.raises(DataError, match="does not take images of 1 x 20 x 20"):
        train(recipe(corners, transforms=prepared), model=network(), out=tmp_path / "r", accelerator="cpu", quiet=True)


def test_a_folder_that_holds_a_run_is_not_overwritten(corners: Path, tmp_path: Path) -> None:
    run(corners, tmp_path / "run", {"epochs": 1})
    with pytest.raises(RunError, match="holds a run already"):
        run(corners, tmp_path / "run", {"epochs": 1})


def test_a_full_disk_keeps_the_last_epoch(corners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, saved = torch.save, []

    def full(value: Any, file: Any) -> None:
        real(value, file)
        if len(saved) == 2:
            raise OSError(28, "No space left on device")
        saved.append(file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match="No space left"):
        run(corners, tmp_path / "run")
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["last.ckpt"]
    run(corners, tmp_path / "run", resume=tmp_path / "run")
    run(corners, tmp_path / "whole")
    assert same(tmp_path / "whole", tmp_path / "run")


def test_a_pickle_in_place_of_weights_is_refused(corners: Path, tmp_path: Path) -> None:
    run(corners, tmp_path / "run", {"epochs": 1})
    torch.save({"weight": Path("anything")}, tmp_path / "run" / "model.pt")
    with pytest.raises(RunError, match=r"model\.pt: it holds more than tensors"):
        Run.open(tmp_path / "run").weights()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (None, lambda step: 0.1),
        (
            {"op": "MultiStepLR", "milestones": [1, 3], "gamma": 0.1},
            lambda s: 0.1 if s < 6 else 0.01 if s < 18 else 0.001,
        ),
    ],
)
def test_schedules_count_in_epochs(corners: Path, schedule: Any, expected: Any) -> None:
    from speczoo.training.learner import make_optimizer, make_schedule

    chosen = recipe_loader.load(recipe(corners, schedule=schedule, optimizer={"op": "SGD", "lr": 0.1}))
    steps = len(loaders(chosen, load(chosen))[0])
    optimizer = make_optimizer(chosen, network())
    made = make_schedule(chosen, optimizer, steps * chosen.epochs)
    for step in range(steps * chosen.epochs):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected(step))
        optimizer.step()
        if made is not None:
            made.step()
