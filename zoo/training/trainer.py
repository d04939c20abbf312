"""Lightning's Trainer as a recipe and a command line ask for it: callbacks, devices, processes, loggers."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from speczoo.training import recipe as r
from speczoo.training.callbacks import Bar, Epochs, Watch
from speczoo.training.checkpoints import Checkpoints
from speczoo.training.errors import OptionError, one_line
from speczoo.training.lightning import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment, callbacks, pl
from speczoo.training.run import Run


def lightning_callbacks(
    recipe: r.Recipe, run: Run, epochs: Epochs, watch: Watch, bar: bool, steps: int
) -> list[callbacks.Callback]:
    """Return what Lightning calls at its steps, of which the recipe has so many an epoch: checkpoints, and a bar."""
    keep = callbacks.ModelCheckpoint(
        run.path / "checkpoints", filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    found: list[callbacks.Callback] = [epochs, watch, keep]
    if bar:
        found.append(Bar(steps))
    if recipe.ema is not None:
        found.append(callbacks.EMAWeightAveraging(decay=recipe.ema))
    return found


def lightning_trainer(folder: Path, *, devices: int | str, num_nodes: int, **options: Any) -> pl.Trainer:
    """Return Lightning's Trainer. Raises OptionError where Lightning, or this machine, has no use for an option."""
    if devices != "auto" and not (str(devices).isascii() and str(devices).isdecimal() and int(devices) > 0):
        raise OptionError(f"devices is a number from 1 on, or `auto`, not {devices}")
    plugins: list[Any] = [Checkpoints(folder)]
    if SLURMEnvironment.detect() and not TorchElasticEnvironment.detect():
        plugins.append(SLURMEnvironment(auto_requeue=False))  # a run goes on by --resume, from its own checkpoint
    try:
        trainer = pl.Trainer(
            devices=devices if devices == "auto" else int(devices),
            num_nodes=num_nodes,
            plugins=plugins,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
            log_every_n_steps=50,
            **options,
        )
        environment = getattr(trainer.strategy, "cluster_environment", None)
        if environment is not None:
            environment.validate_settings(num_devices=trainer.num_devices, num_nodes=num_nodes)
    except Exception as error:  # each option that Lightning refuses has an error of its own
        raise OptionError(one_line(error)) from error
    cores = os.cpu_count() or 1
    if trainer.strategy.root_device.type == "cpu" and trainer.num_devices > cores:
        raise OptionError(f"{trainer.num_devices} processes are too many for the {cores} cores of this machine")
    named = {"MASTER_ADDR", "NODE_RANK"} <= os.environ.keys()
    if num_nodes > 1 and isinstance(environment, LightningEnvironment) and not named:
        raise OptionError(
            f"nothing says where the other {num_nodes - 1} machines are: neither torchrun nor SLURM started this",
            "start it by one of them, or set MASTER_ADDR, MASTER_PORT and NODE_RANK on every machine",
        )
    return trainer


def lightning_logger(name: str | None, run: Run) -> Any:
    """Return Lightning's logger of this name in the run's folder. Raises OptionError where there is none."""
    match name:
        case None:
            return False
        case "csv":
            return pl.loggers.CSVLogger(run.path, name="logs")
        case "tensorboard":
            if not (find_spec("tensorboard") or find_spec("tensorboardX")):
                raise OptionError("this needs tensorboard, which is not installed", "pip install tensorboard")
            return pl.loggers.TensorBoardLogger(run.path, name="logs")
    raise OptionError(f"there is no logger {name!r}", "`csv` or `tensorboard`")


def quiet_lightning() -> None:
    """Silence Lightning's remarks on devices and tips on products; its warnings about real trouble stay."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
