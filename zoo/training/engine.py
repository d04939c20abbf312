"""Trains what a recipe says, on Lightning: its Trainer, checkpoints, resume, precision, loggers and strategies."""

from __future__ import annotations

import copy
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speczoo import console, termination
from speczoo.limits import exhausted
from speczoo.module_mode import in_mode
from speczoo.specs.source import Source
from speczoo.training import data as datasets
from speczoo.training import recipe as r
from speczoo.training import recipe_loader, start, transforms
from speczoo.training.advice import SOFTMAX, dataset_notes, notes, probabilities
from speczoo.training.callbacks import Epochs, OnEpoch, Watch
from speczoo.training.dataset import Dataset
from speczoo.training.errors import DataError, Interrupted, OptionError, RunError, TrainingError, one_line
from speczoo.training.learner import Learner
from speczoo.training.lightning import Tqdm, pl
from speczoo.training.loader import Batches, mix
from speczoo.training.metrics import SMALLER, device_of, outputs
from speczoo.training.process_rank import leads
from speczoo.training.run import HISTORY, RESULT, Run
from speczoo.training.trainer import lightning_callbacks, lightning_logger, lightning_trainer, quiet_lightning
from speczoo.weights import report_of


@dataclass(frozen=True)
class Result:
    """What came out: measured on the whole validation split with the last epoch's weights. `run` is the folder.

    `seconds` are those of all epochs, in however many sessions.
    """

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
    recipe: str | Path | Source | Mapping[str, Any] | r.Recipe | None = None,
    *,
    model: nn.Module | None = None,
    set: Sequence[str] | Mapping[str, Any] = (),
    data: str | Path | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    weights: Any = None,
    rename: Mapping[str, str] | None = None,
    keys: Mapping[str, str | None] | None = None,
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
    on_epoch: OnEpoch | None = None,
) -> Result:
    """Train a network by a recipe: a name, a path of a file, its text, or plain data.

    `model` is trained in place of the recipe's network. `set` overrides values (`["epochs=3"]` or `{"epochs": 3}`),
    `data` is the folder of the data, `out` the run's folder (default: `runs/NAME`, numbered when taken). `resume` is a
    run's folder: it goes on after its last finished epoch, bit for bit as if never stopped on the same CPU. `weights`
    are what the recipe's network begins with, called otherwise by `rename` and `keys`, as `speczoo.weights.build_with`
    takes them. `stop_after` ends this call after so many epochs, leaving the schedule as it is; `strategy`, `devices`,
    `num_nodes`, `accelerator` and `logger` (`csv`, `tensorboard`) are Lightning's. `on_epoch` is called with the
    numbers of each epoch when it is over, and ends the training there where it returns true.

    Raises SpecError for a wrong recipe, WeightsError for weights that do not fit, and the errors of
    `speczoo.training.errors`.
    """
    torch.set_float32_matmul_precision("high")

    def say(*lines: str) -> None:
        if not quiet and leads():
            with Tqdm.external_write_mode(file=sys.stderr):  # does not tear a progress bar apart
                console.say(*lines, err=True)

    start.refuse_contradictions(recipe=recipe, resume=resume, out=out, weights=weights, model=model)
    before = Run.open(resume) if resume is not None else None
    chosen = _chosen(recipe, before, model, set, seed)
    root = data if data is not None else before.facts.get("data") if before else None
    dataset = _dataset(chosen, before, root)
    shape = datasets.image_size(chosen, dataset)
    _warn(*notes(chosen), *dataset_notes(dataset))
    network = model
    if network is None:
        chosen, network = start.network_of(chosen, shape, weights, rename=rename, keys=keys)
    check(network, shape, dataset)
    facts = start.facts(chosen, dataset, shape, root, model) | start.weights_facts(network, before)
    if weights is not None:
        say(*report_of(network).lines)
    run = Run(before.path if before else _place(chosen.name, out), facts)
    if "::" in str(run.path.absolute()):
        raise OptionError(f"Lightning takes {run.path} for an address, because of the `::`", "another folder")
    run.refuse_links()
    with ExitStack() as held:
        learner = Learner(network, chosen, len(dataset.classes))
        epochs = Epochs(run, chosen, say, held, stop_after, on_epoch, fresh=before is None)
        watch = Watch(run, chosen)
        bar = progress if progress is not None else sys.stderr.isatty() and not quiet
        quiet_lightning()
        trainer = lightning_trainer(
            run.path,
            accelerator=accelerator,
            devices=devices,
            num_nodes=num_nodes,
            strategy=strategy,
            precision=chosen.precision,
            max_epochs=chosen.epochs,
            accumulate_grad_batches=chosen.accumulate,
            gradient_clip_val=chosen.gradient_clip,
            callbacks=lightning_callbacks(chosen, run, epochs, watch, bar, len(dataset.train) // chosen.batch_size),
            logger=lightning_logger(logger, run),
            enable_progress_bar=bar,
        )
        device = trainer.strategy.root_device
        train_batches, valid_batches = loaders(chosen, dataset, trainer.global_rank, trainer.world_size)
        check_smallest(network, train_batches)
        say(f"{chosen.name}: {len(dataset.train)} images to train, {len(dataset.valid)} to validate -> {run.path}")
        if num_nodes > 1:
            say(f"waiting for {num_nodes} machines to come together")
        torch.manual_seed(mix(chosen.seed, 0))
        checkpoint = before.checkpoint if before else None
        with _reported(trainer, run, epochs, watch, checkpoint), termination.left_to_others():
            batches = train_batches.to(device), valid_batches.to(device)
            trainer.fit(learner, *batches, ckpt_path=checkpoint, weights_only=True)
        if not epochs.history:
            raise epochs.damaged()
        result = _result(chosen, epochs.history, run)
        if not trainer.is_global_zero:
            sys.exit(0)
        run.save_weights(learner.model)
        run.write_json(HISTORY, epochs.history)
        run.write_json(RESULT, result.json())
        if report:
            from speczoo.training.report import write

            write(run, learner.model.to(device), dataset, chosen, result.json())
        return result


def _chosen(
    recipe: Any,
    before: Run | None,
    model: nn.Module | None,
    changes: Sequence[str] | Mapping[str, Any],
    seed: int | None,
) -> r.Recipe:
    """Return the recipe that is asked for, or that of the run which goes on, with what is laid over it.

    Raises SpecError for a wrong one, RunError where the run cannot go on so.
    """
    if before is not None:
        chosen = recipe_loader.load(before.facts["recipe"], changes, home=before.path)
    else:
        chosen = recipe_loader.load(recipe or "", changes, with_network=model is None)
    if seed is not None:
        chosen = recipe_loader.load(chosen.model_dump(mode="json", exclude_unset=True), {"seed": seed})
    if before is not None:
        before.check_module(model)
        _may_resume(before, chosen)
    return chosen


def _result(recipe: r.Recipe, history: Sequence[Mapping[str, float]], run: Run) -> Result:
    """Return what came out of a training with so many epochs, those of earlier sessions too."""
    last = history[-1]
    metrics: dict[str, float] = {name: last[name] for name in ("accuracy", *recipe.metrics)}
    return Result(
        recipe=recipe.name,
        accuracy=last["accuracy"],
        loss=last["valid_loss"],
        epochs=len(history),
        seconds=sum(row["seconds"] for row in history),
        run=str(run.path),
        train_loss=last["train_loss"],
        metrics=metrics,
        expected=recipe.expect.figures(),
    )


@contextmanager
def _reported(trainer: pl.Trainer, run: Run, epochs: Epochs, watch: Watch, checkpoint: Path | None) -> Iterator[None]:
    """Report what goes wrong in Lightning's `fit` as one of our errors."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
            yield
    except (Exception, SystemExit) as error:
        if watch.stopped is not None and not isinstance(error, TrainingError):
            stopped = Interrupted(run.path, watch.stopped)
            raise stopped if trainer.is_global_zero else SystemExit(stopped.exit_code) from error
        if isinstance(error, OSError):
            raise RunError(f"writing to {run.path} failed: {error}", f"zoo train --resume {run.path}") from error
        if isinstance(error, RuntimeError | MemoryError) and not isinstance(error, TrainingError) and exhausted(error):
            raise DataError(f"training needs more memory than there is: {one_line(error)}", SMALLER) from error
        if isinstance(error, TrainingError | SystemExit) or checkpoint is None or epochs.began:
            raise
        raise RunError(f"cannot go on from {checkpoint}: it is damaged, or not of this network") from error
    finally:
        if watch.stopped:
            signal.signal(signal.SIGINT, handler)


def _may_resume(run: Run, recipe: r.Recipe) -> None:
    """Refuse what would not take effect, as optimizer and schedule come back out of the checkpoint."""
    before = run.recipe
    if before.model_copy(update={"epochs": recipe.epochs}) != recipe:
        raise RunError("a resumed run keeps its recipe: only `epochs` can be set anew", "start another run with -o")
    if before.epochs != recipe.epochs and isinstance(recipe.schedule, r.OneCycle | r.Cosine):
        raise RunError(
            f"{recipe.schedule.op} was laid out over {before.epochs} epochs and cannot be over {recipe.epochs}",
            "start another run with -o",
        )


def _dataset(recipe: r.Recipe, run: Run | None, root: Any) -> Dataset:
    """Return the data of a recipe, or of the run that goes on.

    Raises DataError where its classes or images are others.
    """
    if run is None:
        return datasets.load(recipe, root)
    dataset = run.dataset(root)
    before = tuple(run.facts.get("image") or dataset.shape)
    if dataset.shape != before:
        was, now = (" x ".join(map(str, size)) for size in (before, dataset.shape))
        raise DataError(
            f"{run.path} was trained on images of {was}, and this data has {now}", "start another run with -o"
        )
    return dataset


def _warn(*notes: str) -> None:
    for note in notes:
        logging.getLogger("zoo").warning("%s", note)


def check(network: nn.Module, shape: tuple[int, int, int], dataset: Dataset) -> None:
    """Send one blank image through, and raise a TrainingError where the network, images and classes do not fit."""
    if not any(p.requires_grad for p in network.parameters()):
        raise TrainingError(f"the network, a {type(network).__name__}, has no weights to train")
    classes = len(dataset.classes)
    try:
        with in_mode(network, training=False), torch.no_grad():
            output = outputs(network(torch.zeros(1, *shape, device=device_of(network))))[0]
            if isinstance(output, Tensor) and probabilities(output):
                _warn(SOFTMAX)
    except (RuntimeError, ValueError) as error:
        size = " x ".join(map(str, shape))
        raise DataError(
            f"the network does not take images of {size}: {one_line(error)}", "see `transforms` in the recipe"
        ) from error
    if not isinstance(output, Tensor):
        raise TrainingError(
            f"the network's output is a {type(output).__name__}; wanted is a tensor of logits, one for each class",
            "wrap it in a module that returns the tensor alone, or a tuple with the tensor first",
        )
    wanted = (1, classes, *dataset.train.labels.shape[1:])
    if tuple(output.shape) == wanted:
        return
    if output.ndim == len(wanted) and output.shape[2:] == wanted[2:]:
        raise DataError(
            f"the network has {output.shape[1]} outputs and the data {classes} classes",
            f"--set network.params.num_classes={classes}",
        )
    raise DataError(
        f"the network's output is {list(output.shape[1:])}, and the labels want {list(wanted[1:])}",
        "a Flatten is missing before the last Linear, which works on the last axis alone: {op: Flatten}"
        if output.ndim > len(wanted) == 2 and output.shape[-1] == classes
        else f"this data has a class for every {'pixel' if len(wanted) > 2 else 'image'}: it wants another `network`",
    )


def check_smallest(network: nn.Module, batches: Batches) -> None:
    """Try a training batch of one image where an epoch has one: batch norm finds no variance in a single value."""
    if batches.smallest > 1:
        return
    image = next(iter(batches))[0][:1].to(device_of(network))
    trial = copy.deepcopy(network).train()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            trial(image)
    except (RuntimeError, ValueError) as error:
        last = batches.batch_size > 1
        droppable = last and len(batches) > 1
        raise TrainingError(
            f"{'the last batch of an epoch' if last else 'a batch'} has one image, which this network "
            f"cannot be trained on: {one_line(error)}",
            "--set drop_last=true leaves that batch out" if droppable else "a larger batch_size, and more images",
        ) from error


def loaders(recipe: r.Recipe, dataset: Dataset, rank: int = 0, world: int = 1) -> tuple[Batches, Batches]:
    """Return training and validation batches of one process."""
    steps = transforms.augmentation(recipe.transforms.augment)
    train = Batches(
        dataset.train, recipe.batch_size, dataset.mean, dataset.std, steps,
        shuffle=True, drop_last=recipe.drop_last, seed=recipe.seed, rank=rank, world=world,
    )  # fmt: skip
    size = max(recipe.batch_size, 250) if dataset.train.labels.ndim == 1 else recipe.batch_size
    centre = transforms.centring(recipe.transforms.augment)
    valid = Batches(dataset.valid, size, dataset.mean, dataset.std, centre, rank=rank, world=world)
    return train, valid


def _place(name: str, out: str | Path | None) -> Path:
    """Return the folder of a new run: the one that was asked for, or a free one below `runs`."""
    path = Path(out) if out else _free(name)
    os.environ["ZOO_RUN"] = str(path)  # processes that Lightning starts beside this one find it here
    if leads():
        Run(path).refuse_taken()
    return path


def _free(name: str) -> Path:
    if not leads() and "ZOO_RUN" in os.environ:
        return Path(os.environ["ZOO_RUN"])
    path, number = Path("runs") / name, 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{name}-{number}"
    return path
