"""A run's folder holds what was last known to be good, whatever happens to the process, the disk or its files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO, Any, cast

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from speczoo import termination
from speczoo.training.engine import loaders, train
from speczoo.training.errors import DataError, Diverged, Interrupted, OptionError, RunError, TrainingError
from speczoo.training.files import replacing
from speczoo.training.run import Run
from tests.training.toys import files, network, recipe, run


class Acting(nn.Module):
    """Does something in one of its training batches, counted from 1."""

    def __init__(self, act: Callable[[], None], batch: int) -> None:
        super().__init__()
        self.inner, self.act, self.left = network(), act, batch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left -= self.training
        if self.training and self.left == 0:
            self.act()
        output: torch.Tensor = self.inner(x)
        return output


class Crash(Exception):
    """Ends a run like SIGKILL does: nothing is written on the way out."""


def crash() -> None:
    raise Crash


def press() -> None:
    raise KeyboardInterrupt


def test_a_file_is_replaced_whole_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "deep" / "file"
    with replacing(target, target.parents[1]) as file:
        file.write(b"first")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with pytest.raises(Crash):
        _fail_while_writing(target)
    assert files(tmp_path) == {"deep/file": b"first"}
    (target.parent / ".file.0a1b2c3d.part").write_bytes(b"of a killed process")
    (target.parent / ".file.json.0a1b2c3d.part").write_bytes(b"of another file, in progress")
    with replacing(target, target.parents[1]) as file:
        file.write(b"second")
    assert files(tmp_path).pop("deep/.file.json.0a1b2c3d.part")
    assert files(tmp_path).keys() == {"deep/file", "deep/.file.json.0a1b2c3d.part"}
    assert target.read_bytes() == b"second"
    assert len(synced) == 1


def _fail_while_writing(target: Path) -> None:
    with replacing(target, target.parents[1]) as file:
        file.write(b"second")
        assert target.read_bytes() == b"first"
        part, kept = sorted(path.name for path in target.parent.iterdir())
        assert (kept, part.startswith(".file."), part.endswith(".part")) == ("file", True, True)
        raise Crash


def test_what_the_disk_refuses_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write"), replacing(tmp_path / "file" / "below", tmp_path):
        pass
    with pytest.raises(RunError, match="No space left on device"), replacing(tmp_path / "weights", tmp_path) as file:
        torch.save(torch.zeros(3), cast(IO[bytes], _Full(file)))
    assert files(tmp_path) == {"file": b""}


class _Full:
    """torch's writer turns what this raises into an error of its own."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        self.file.flush()


def test_checkpoints_are_written_beside_themselves(
    corners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced: list[tuple[str, bool]] = []
    real = os.replace

    def replace(part: str, name: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        replaced.append((name, src_dir_fd == dst_dir_fd))
        real(part, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "replace", replace)
    run(recipe(corners, epochs=1), out=tmp_path / "run")
    assert ("last.ckpt", True) in replaced
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()


def test_one_process_at_a_time_trains_in_a_folder(stopped: Path) -> None:
    """Another is refused, and leaves everything as it is; a process that was killed leaves nothing locked."""
    before = files(stopped)
    holder = [sys.executable, "-c", HOLDER, str(stopped)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process writes into"):
            run(None, resume=stopped)
        with pytest.raises(RunError, match="another process writes into"), Run(stopped).locked():
            pass
        assert files(stopped) == before
        other.kill()
        other.wait()
    run(None, resume=stopped)
    assert (stopped / "model.pt").is_file()


def test_a_new_run_goes_over_none_that_came_meanwhile(
    stopped: Path, corners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that were given the same folder: the second finds it taken once the first is done."""
    out, kept = tmp_path / "out", files(stopped)

    def meanwhile(*arguments: Any) -> Any:
        stopped.rename(out)
        return loaders(*arguments)

    monkeypatch.setattr("speczoo.training.engine.loaders", meanwhile)
    with pytest.raises(RunError, match="holds a run already"):
        run(recipe(corners), out=out)
    assert files(out) == {**kept, ".lock": b""}


HOLDER = """
import sys
from pathlib import Path
from speczoo.specs import files
folder = Path(sys.argv[1])
with files.locked(folder / ".lock", below=folder):
    print("held", flush=True)
    sys.stdin.read()
"""


class Steep(nn.Module):
    """One whose gradients a large rate takes out of float32."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.inner(x) * 1e34
        return output


def test_weights_that_are_no_numbers_after_the_only_step_are_reported(corners: Path, tmp_path: Path) -> None:
    changes = {"optimizer": {"op": "SGD", "lr": 1e6}, "schedule": None, "epochs": 1, "batch_size": 120}
    with pytest.raises(Diverged, match=r"not a number after step 1 .* no epoch before it"):
        run(recipe(corners, **changes), Steep(), out=tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not (tmp_path / "run" / "history.json").exists()


OPTIMIZERS = [
    {"op": "SGD", "lr": 1e6, "momentum": 1 - 2**-53, "weight_decay": 1e6},
    {"op": "Adam", "lr": 1e6, "betas": [1 - 2**-53, 1 - 2**-53], "eps": 1e6, "weight_decay": 1e6},
    {"op": "AdamW", "lr": 1e6, "betas": [1 - 2**-53, 0.0], "eps": 1e-320, "weight_decay": 1e6},
    {"op": "AdamW", "lr": 1e-320, "betas": [0.0, 1 - 2**-53], "eps": 1e6},
]
SCHEDULES = [
    None,
    {"op": "OneCycleLR", "div_factor": 1e-320},
    {"op": "OneCycleLR", "div_factor": 1e-10, "final_div_factor": 1e-320},
    {"op": "OneCycleLR", "div_factor": 1e300, "final_div_factor": 1e300},
    {"op": "MultiStepLR", "milestones": [0.5], "gamma": 1e300},
    {"op": "MultiStepLR", "milestones": [0.5], "gamma": 1e10},
    {"op": "MultiStepLR", "milestones": [0.2, 0.4], "gamma": 1e300},
    {"op": "CosineAnnealingLR", "eta_min": 1e6},
]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_largest_numbers_train_or_diverge(
    corners: Path, tmp_path: Path, optimizer: dict[str, Any], schedule: dict[str, Any] | None, precision: str
) -> None:
    """No optimizer is given a number that its arithmetic refuses, fused or, where bfloat16 is clipped, not."""
    changes = {"optimizer": optimizer, "schedule": schedule, "precision": precision, "gradient_clip": 1.0, "epochs": 1}
    with suppress(Diverged):
        assert run(recipe(corners, **changes), out=tmp_path / "run").epochs == 1


class Sick(nn.Module):
    """Measures NaN from its second validation on, or has a weight that becomes NaN then, and trains well."""

    def __init__(self, weight: bool) -> None:
        super().__init__()
        self.inner, self.spare = network(), nn.Parameter(torch.zeros(1))
        self.weight, self.epochs = weight, 0

    def train(self, mode: bool = True) -> Sick:
        self.epochs += not mode and self.training
        return super().train(mode)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bad = not self.training and self.epochs > 2  # the first is the engine's own trial
        if bad and self.weight:
            self.spare.data.fill_(float("nan"))
        output: torch.Tensor = self.inner(x) * (float("nan") if bad and not self.weight else 1.0)
        return output


@pytest.mark.parametrize("weight", [False, True])
def test_an_epoch_that_ends_in_nan_does_not_replace_the_one_before(corners: Path, tmp_path: Path, weight: bool) -> None:
    with pytest.raises(Diverged, match=r"not a number .*\(epoch 1.*epochs before are kept"):
        run(recipe(corners), Sick(weight), out=tmp_path / "run")
    opened = Run.open(tmp_path / "run")
    assert [row["epoch"] for row in opened.history] == [0]
    assert torch.load(opened.checkpoint or "", weights_only=True)["epoch"] == 0


def test_sigterm_is_ctrl_c_with_its_own_exit_code(corners: Path, tmp_path: Path) -> None:
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    for name, act, code, around in (
        ("term", lambda: os.kill(os.getpid(), signal.SIGTERM), 143, nullcontext()),
        ("command", lambda: os.kill(os.getpid(), signal.SIGTERM), 143, termination.orderly()),
        ("int", press, 130, nullcontext()),
    ):
        with around, pytest.raises(Interrupted, match=f"--resume {tmp_path / name}") as caught:
            run(recipe(corners), Acting(act, 8), out=tmp_path / name)
        assert caught.value.exit_code == code
        assert torch.load(tmp_path / name / "model.pt", weights_only=True).keys() == Acting(act, 0).state_dict().keys()
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_slurm_takes_no_checkpoints_of_its_own(corners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "NTASKS": "1",
        "NTASKS_PER_NODE": "1",
        "JOB_NAME": "job",
        "PROCID": "0",
        "LOCALID": "0",
    }.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    visited: list[Any] = []

    def terminate() -> None:
        visited.append(signal.getsignal(signal.SIGUSR1))  # by which Lightning would save and put the job into the queue
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted) as caught:
        run(recipe(corners), Acting(terminate, 8), out=tmp_path / "run")
    assert (caught.value.exit_code, visited) == (143, [signal.SIG_DFL])


def test_weights_of_an_earlier_stop_do_not_shadow_a_newer_checkpoint(corners: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(recipe(corners), Acting(press, 3), out=tmp_path / "run")
    early = Run.open(tmp_path / "run").weights()
    with pytest.raises(Crash):
        run(None, Acting(crash, 15), resume=tmp_path / "run")
    later = Run.open(tmp_path / "run").weights()
    run(recipe(corners), Acting(crash, 0), out=tmp_path / "two", stop_after=2)
    expected = Run.open(tmp_path / "two").weights()
    assert not all(torch.equal(early[key], later[key]) for key in early)
    assert all(torch.equal(expected[key], later[key]) for key in expected)


def test_results_go_when_a_finished_run_goes_on(corners: Path, tmp_path: Path) -> None:
    run(recipe(corners, schedule=None, epochs=1), Acting(crash, 0), out=tmp_path / "run")
    with pytest.raises(Crash):
        run(None, Acting(crash, 9), resume=tmp_path / "run", set={"epochs": 4})
    assert not (tmp_path / "run" / "result.json").exists()
    assert len(Run.open(tmp_path / "run").history) == 2
    run(recipe(corners, schedule=None), Acting(crash, 0), out=tmp_path / "two", stop_after=2)
    weights, expected = Run.open(tmp_path / "run").weights(), Run.open(tmp_path / "two").weights()
    assert all(torch.equal(expected[key], weights[key]) for key in expected)


def test_a_finished_run_resumed_is_as_it_was(half: Path, stopped: Path) -> None:
    first = run(None, resume=stopped)
    kept = files(stopped)
    again = run(None, resume=stopped)
    assert again == first
    assert files(stopped).keys() == kept.keys()
    assert files(stopped)["result.json"] == kept["result.json"]


def test_seconds_are_those_of_all_sessions(half: Path, stopped: Path) -> None:
    before = json.loads((half / "result.json").read_text())["seconds"]
    result = run(None, resume=stopped)
    history = Run.open(stopped).history
    assert result.seconds == pytest.approx(sum(row["seconds"] for row in history))
    assert result.seconds > before == pytest.approx(sum(row["seconds"] for row in history[:2]))


def test_a_run_cannot_have_fewer_epochs_than_it_has(corners: Path, tmp_path: Path) -> None:
    run(recipe(corners, schedule=None, epochs=2), out=tmp_path / "run")
    before = files(tmp_path / "run")
    with pytest.raises(RunError, match="has 2 epochs already, more than the 1"):
        run(None, resume=tmp_path / "run", set={"epochs": 1})
    assert files(tmp_path / "run") == before


def test_a_resumed_run_goes_nowhere_else(half: Path, tmp_path: Path, corners: Path) -> None:
    with pytest.raises(OptionError, match="stays where it is"):
        run(None, resume=half, out=tmp_path / "other")
    with pytest.raises(OptionError, match="a recipe, or a run"):
        run(recipe(corners), resume=half)


@pytest.mark.parametrize("other", ["classes", "sizes"])
def test_a_resumed_run_takes_no_other_data(other: str, half: Path, corners: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(corners, tmp_path / "data"))
    for split in ("train", "valid"):
        if other == "classes":
            (data / split / "sw").rename(data / split / "south")
        else:
            for path in (data / split).rglob("*.png"):
                Image.open(path).resize((14, 14)).save(path)
    before = files(half)
    with pytest.raises(DataError, match=r"was trained on the classes|was trained on images of 1 x 12 x 12"):
        run(None, resume=half, data=data)
    assert files(half) == before


class Spectral(nn.Module):
    """Weights of complex numbers, as Fourier layers have."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 144, dtype=torch.cfloat) / 12)

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1).to(torch.cfloat) @ self.weight.T).abs()


def test_a_module_of_complex_weights_comes_back(corners: Path, tmp_path: Path) -> None:
    trained = Spectral()
    run(recipe(corners, schedule=None, epochs=1), model=trained, out=tmp_path / "run")
    again = Run.open(tmp_path / "run").model(Spectral())
    assert torch.equal(again.weight, trained.weight)


@pytest.mark.parametrize("softmax", [True, False])
def test_what_is_hardly_intended_is_reported(
    softmax: bool, corners: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = {"op": "CosineAnnealingLR", "warmup": 2.0 if softmax else 0.5}
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 4), *([nn.Softmax(1)] if softmax else []))
    run(recipe(corners, schedule=schedule, epochs=1), model=model, out=tmp_path / "run")
    stated = " ".join(record.getMessage() for record in caplog.records if record.name == "zoo")
    assert ("outputs are probabilities" in stated) == softmax
    assert ("`schedule.warmup` is 2 epochs and the training has 1" in stated) == softmax


def test_a_missing_flatten_is_reported(corners: Path, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 8, 12), nn.Linear(1, 4))
    with pytest.raises(DataError, match="a Flatten is missing before the last Linear"):
        run(recipe(corners), model=model, out=tmp_path / "run")


def test_a_module_from_python_is_written_down(half: Path, stopped: Path) -> None:
    assert json.loads((half / "run.json").read_text())["module"] == "torch.nn.modules.container.Sequential"
    with pytest.raises(RunError, match=r"a module from Python, torch\.nn\.modules\.container\.Sequential"):
        Run.open(half).model()
    with pytest.raises(RunError, match="a module from Python"):
        train(resume=stopped, quiet=True)
    with pytest.raises(RunError, match="damaged, or not of this network"):
        run(None, network(norm=False), resume=stopped)


@pytest.mark.parametrize("name", ["run.json", "model.pt", "report.html", "checkpoints/last.ckpt"])
def test_what_lies_in_the_folder_is_not_overwritten(corners: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    (tmp_path / "log.txt").write_text("of the shell")
    with pytest.raises(RunError, match="already"):
        run(recipe(corners), out=tmp_path)
    assert (tmp_path / name).read_text() == "mine"


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.inner(x)}


def test_modules_that_cannot_be_trained_are_reported(corners: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="output is a dict; wanted is a tensor"):
        run(recipe(corners), Named(), out=tmp_path / "run")
    with pytest.raises(TrainingError, match="no weights to train"):
        run(recipe(corners), nn.Flatten(), out=tmp_path / "run")
    with pytest.raises(TrainingError, match="no weights to train"):
        run(recipe(corners), network().requires_grad_(False), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "help"),
    [({"batch_size": 17}, "drop_last=true"), ({"batch_size": 1}, "a larger batch_size")],
)
def test_a_batch_of_one_is_reported_beforehand_where_batch_norm_cannot_have_it(
    corners: Path, tmp_path: Path, changes: dict[str, Any], help: str
) -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(144, 4), nn.BatchNorm1d(4))
    given = recipe(corners, epochs=1, data={**recipe(corners)["data"], "limit_train": 18}, **changes)
    with pytest.raises(TrainingError, match="has one image, which this network cannot be trained on") as caught:
        run(given, flat, out=tmp_path / "run")
    assert (caught.value.exit_code, help in caught.value.help) == (1, True)
    assert not (tmp_path / "run").exists()
    if changes["batch_size"] > 1:
        run({**given, "drop_last": True}, flat, out=tmp_path / "dropped")
    run(given, network(), out=tmp_path / "large")  # its batch norm has a picture's worth of values
