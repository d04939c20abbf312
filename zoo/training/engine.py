"""Trains what a recipe says, on Lightning: its Trainer, checkpoints, resume, precision, loggers and strategies."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import cookbook, transforms
from . import data as datasets
from . import recipe as r
from .callbacks import Bar, Epochs, Watch
from .dataset import Dataset
from .errors import DataError, Interrupted, RunError, TrainingError
from .learner import Learner
from .lightning import VERSION, Tqdm, callbacks, pl
from .loader import Batches, mix
from .metrics import outputs
from .run import Run, build


@dataclass(frozen=True)
class Result:
    """What came out: measured on the whole validation split with the last epoch's weights. `run` is the folder."""

    recipe: str
    accuracy: float
    loss: float
    epochs: int
    seconds: float
    run: str
    train_loss: float
    metrics: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return asdict(self)


def train(
    recipe: str | Path | Mapping[str, Any] | r.Recipe | None = None,
    *,
    model: nn.Module | None = None,
    set: Sequence[str] | Mapping[str, Any] = (),
    data: str | Path | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    seed: int | None = None,
    devices: int | str = 1,
    num_nodes: int = 1,
    strategy: str = "auto",
    accelerator: str = "auto",
    logger: str | None = None,
    stop_after: int | None = None,
    progress: bool | None = None,
    report: bool = True,
    quiet: bool = False,
) -> Result:
    """Trains a network by a recipe: a name, a path of a file, or plain data.

    `model` is trained in place of the recipe's network. `set` overrides values (`["epochs=3"]` or `{"epochs": 3}`),
    `data` is the folder of the data, `out` the run's folder (default: `runs/NAME`, numbered when taken). `resume` is a
    run's folder: it goes on after its last finished epoch, bit for bit as if never stopped on the same CPU.
    `stop_after` ends this session after so many epochs, leaving the schedule as it is; `strategy`, `devices`,
    `num_nodes`, `accelerator` and `logger` (`csv`, `tensorboard`) are Lightning's.

    Raises SpecError for a wrong recipe, DataError, RunError, Diverged, Interrupted.
    """
    torch.set_float32_matmul_precision("high")

    def say(text: str) -> None:
        if not quiet:
            Tqdm.write(text, file=sys.stderr)  # does not tear a progress bar apart

    run_before = Run.open(resume) if resume is not None else None
    if run_before is None and recipe is None:
        raise TrainingError("nothing to train: a recipe, or a run to resume, is wanted")
    chosen = cookbook.load(run_before.facts["recipe"] if run_before else recipe or "", set)
    if run_before is not None:
        _may_resume(run_before, chosen)
    if seed is not None:
        chosen = chosen.model_copy(update={"seed": seed})
    root = data if data is not None else run_before.facts.get("data") if run_before else None
    dataset = datasets.load(chosen, root)
    shape = datasets.image_size(chosen, dataset)
    network = model if model is not None else build(chosen, list(shape))
    check(network, shape, dataset)
    run = _run(chosen, dataset, shape, out, run_before, str(datasets.root_of(chosen.data, root)))
    say(f"{chosen.name}: {len(dataset.train)} images to train, {len(dataset.valid)} to validate -> {run.path}")

    learner = Learner(network, chosen, len(dataset.classes))
    epochs = Epochs(run, chosen.seed, list(chosen.metrics), say, stop_after)
    watch = Watch(run, chosen.name)
    bar = progress if progress is not None else sys.stderr.isatty() and not quiet
    _hush()
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=chosen.precision,
        max_epochs=chosen.epochs,
        accumulate_grad_batches=chosen.accumulate,
        gradient_clip_val=chosen.gradient_clip,
        callbacks=_watchers(chosen, run, epochs, watch, bar),
        logger=_logger(logger, run),
        default_root_dir=run.path,
        enable_progress_bar=bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        log_every_n_steps=50,
    )
    device = trainer.strategy.root_device
    train_batches, valid_batches = (
        batches.to(device) for batches in loaders(chosen, dataset, trainer.global_rank, trainer.world_size)
    )
    torch.manual_seed(mix(chosen.seed, 0))
    began = time.perf_counter()
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
            checkpoint = run_before.checkpoint if run_before else None
            trainer.fit(learner, train_batches, valid_batches, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:
        if not watch.interrupted:
            raise
        raise Interrupted(run.path) from None
    except OSError as error:
        raise RunError(f"writing to {run.path} failed: {error}", f"zoo train --resume {run.path}") from error
    finally:
        if watch.interrupted:
            signal.signal(signal.SIGINT, handler)
    seconds = time.perf_counter() - began
    if not epochs.history:
        raise RunError(f"{run.path} has nothing left to train: it has {chosen.epochs} epochs already")
    last = epochs.history[-1]
    metrics: dict[str, float] = {name: last[name] for name in ("accuracy", *chosen.metrics)}
    result = Result(
        recipe=chosen.name,
        accuracy=last["accuracy"],
        loss=last["valid_loss"],
        epochs=len(epochs.history),
        seconds=seconds,
        run=str(run.path),
        train_loss=last["train_loss"],
        metrics=metrics,
        expected=chosen.expect.figures(),
    )
    if trainer.is_global_zero:
        _finish(run, learner.model, dataset, chosen, result, device, report)
    if trainer.world_size > 1 and not trainer.is_global_zero:
        sys.exit(0)
    return result


def _may_resume(run: Run, recipe: r.Recipe) -> None:
    """Optimizer and schedule come back out of the checkpoint: what would not take effect is refused."""
    before = run.recipe
    if before.model_copy(update={"epochs": recipe.epochs}) != recipe:
        raise RunError("a resumed run keeps its recipe: only `epochs` can be set anew", "start another run with -o")
    if before.epochs != recipe.epochs and isinstance(recipe.schedule, r.OneCycle):
        raise RunError(
            f"OneCycleLR was laid out over {before.epochs} epochs and cannot grow", "start another run with -o"
        )


def check(network: nn.Module, shape: tuple[int, int, int], dataset: Dataset) -> None:
    """One blank image goes through: raises DataError where images or classes do not fit the network."""
    classes = len(dataset.classes)
    training = network.training
    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            output = outputs(network(torch.zeros(1, *shape, device=device)))[0]
    except RuntimeError as error:
        size = " x ".join(map(str, shape))
        raise DataError(
            f"the network does not take images of {size}: {error}", "see `transforms` in the recipe"
        ) from error
    finally:
        network.train(training)
    wanted = (1, classes, *dataset.train.labels.shape[1:])
    if tuple(output.shape) != wanted:
        raise DataError(
            f"the network has {output.shape[1]} outputs and the data {classes} classes"
            if output.ndim > 1 and output.shape[1] != classes
            else f"the network's output is {list(output.shape[1:])}, and the labels want {list(wanted[1:])}",
            f"--set network.params.num_classes={classes}",
        )


def loaders(recipe: r.Recipe, dataset: Dataset, rank: int = 0, world: int = 1) -> tuple[Batches, Batches]:
    """Training and validation batches of one process."""
    steps = transforms.augmentation(recipe.transforms.augment)
    train = Batches(
        dataset.train, recipe.batch_size, dataset.mean, dataset.std, steps,
        shuffle=True, drop_last=recipe.drop_last, seed=recipe.seed, rank=rank, world=world,
    )  # fmt: skip
    size = max(recipe.batch_size, 250) if dataset.train.labels.ndim == 1 else recipe.batch_size
    valid = Batches(dataset.valid, size, dataset.mean, dataset.std, rank=rank, world=world)
    return train, valid


def _watchers(recipe: r.Recipe, run: Run, epochs: Epochs, watch: Watch, bar: bool) -> list[callbacks.Callback]:
    keep = callbacks.ModelCheckpoint(
        run.path / "checkpoints", filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    found: list[callbacks.Callback] = [epochs, watch, keep]
    if bar:
        found.append(Bar())
    if recipe.ema is not None:
        found.append(callbacks.EMAWeightAveraging(decay=recipe.ema))
    return found


def _logger(name: str | None, run: Run) -> Any:
    match name:
        case "csv":
            return pl.loggers.CSVLogger(run.path, name="logs")
        case "tensorboard":
            return pl.loggers.TensorBoardLogger(run.path, name="logs")
    return False


def _run(
    recipe: r.Recipe,
    dataset: Dataset,
    shape: tuple[int, int, int],
    out: str | Path | None,
    before: Run | None,
    root: str,
) -> Run:
    """The folder: the one that is resumed, the one that was asked for, or a new one below `runs`."""
    path = before.path if before else Path(out) if out else _free(recipe.name)
    os.environ["ZOO_RUN"] = str(path)  # processes that Lightning starts beside this one find it here
    facts = {
        "recipe": recipe.model_dump(mode="json", exclude_unset=True),
        "classes": list(dataset.classes),
        "mean": list(dataset.mean),
        "std": list(dataset.std),
        "input": list(shape),
        "data": root,
        "torch": torch.__version__,
        "lightning": VERSION,
    }
    if before is None and (path / "checkpoints").exists() and _leads():
        raise RunError(f"{path} holds a run already", f"zoo train --resume {path}, or another -o")
    return Run.create(path, facts)


def _leads() -> bool:
    """False in processes that Lightning, torchrun or SLURM started beside the first one."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"


def _free(name: str) -> Path:
    if not _leads() and "ZOO_RUN" in os.environ:
        return Path(os.environ["ZOO_RUN"])
    path, number = Path("runs") / name, 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{name}-{number}"
    return path


def _finish(
    run: Run,
    network: nn.Module,
    dataset: Dataset,
    recipe: r.Recipe,
    result: Result,
    device: torch.device,
    report: bool,
) -> None:
    run.save_weights(network)
    run.write("result.json", json.dumps(result.json(), indent=1))
    if report:
        from .report import write

        write(run, network.to(device), dataset, recipe, result.json())


def _hush() -> None:
    """Lightning's remarks on devices and tips on products; its warnings about real trouble stay."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
