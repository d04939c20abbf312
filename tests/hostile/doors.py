"""The doors that hostile files come in by.

As a program it reads lines `DOOR PATH`, lets each in by its door in a process of its own, forked from one that has
imported what the doors import, and answers with a line of JSON: what was reported, and the memory that it took in MiB.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.child import ends_what_never_ends
from tests.steps import highest

WANTED = {"spec": 1, "name": "small", "input": [3], "layers": [{"id": "a", "op": "Linear", "out_features": 2}]}


def weights(path: Path) -> None:
    import speczoo

    speczoo.build(WANTED, path)


def checkpoint(path: Path) -> None:
    from speczoo.training.files import read_tensors

    read_tensors(path, copied=True)


def exported(path: Path) -> None:
    from speczoo import catalogue

    catalogue.found(path)


def images(path: Path) -> None:
    from speczoo.training.images import read_images

    read_images([path], "RGB")


def folder(path: Path) -> None:
    from speczoo.training import recipe_transforms
    from speczoo.training.images import read_images

    read_images(sorted(path.glob("*")), "L", [recipe_transforms.Resize(op="Resize", size=8)])


def prepared(path: Path) -> None:
    from speczoo.training import recipe_transforms
    from speczoo.training.images import read_images

    read_images([path], "RGB", [recipe_transforms.Resize(op="Resize", size=8192)])


def data(path: Path) -> None:
    from speczoo.training import recipe_loader
    from speczoo.training.data import load

    load(recipe_loader.load("mnist_cnn"), path)


def opened(path: Path) -> None:
    from speczoo.training.run import Run

    Run.open(path).model()


DOORS: dict[str, Callable[[Path], None]] = {
    "weights": weights,
    "checkpoint": checkpoint,
    "exported": exported,
    "images": images,
    "folder": folder,
    "prepared": prepared,
    "mnist": data,
    "run": opened,
}


def reported(door: str, path: Path) -> str:
    """What is reported of it, by an error that is written for people."""
    import speczoo
    from speczoo.training.errors import TrainingError

    try:
        DOORS[door](path)
    except (speczoo.SpecError, speczoo.WeightsError, TrainingError) as error:
        return str(error)
    return ""


def main() -> None:
    from speczoo.torchvision import torchvision

    torchvision()
    import safetensors.torch  # noqa: F401
    from PIL import Image

    from speczoo.training import data, run  # noqa: F401

    Image.init()
    for door in DOORS:  # imports what is imported late
        reported(door, Path("nowhere"))
    gc.collect()
    gc.freeze()  # what forks have in common is no garbage of theirs
    for line in sys.stdin:
        door, _, path = line.rstrip("\n").partition(" ")
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            ends_what_never_ends()
            os.close(reader)
            before = highest()
            try:
                found: dict[str, Any] = {"reported": reported(door, Path(path))}
            except BaseException as error:
                found = {"reported": f"{type(error).__name__}: {error!s:.300}"}
            with os.fdopen(writer, "w") as pipe:
                json.dump({**found, "taken": highest() - before}, pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            answer = pipe.read()
        status = os.waitpid(child, 0)[1]
        print(
            answer if answer and not status else json.dumps({"reported": f"ended by signal {status & 127}"}), flush=True
        )


if __name__ == "__main__":
    main()
