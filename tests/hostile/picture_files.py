"""Hostile images, data sets, and folders of runs."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

from tests.hostile.files import hostile
from tests.hostile.tensor_files import one_element_viewed_often

# -- images -----------------------------------------------------------------------------------------------------------


def png(path: Path, width: int, height: int) -> Path:
    """A black image of grey pixels, written without making it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row, packed = zlib.compressobj(9), bytes(1 + width), []
    packed = [packer.compress(row) for _ in range(height)]
    data = b"".join(packed) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


@hostile("images", "has 169,000,000 pixels, 13000 x 13000, more than 50,000,000")
def picture(folder: Path) -> Path:
    return png(folder / "x.png", 13_000, 13_000)


@hostile("images", "has 182,000,000 pixels")
def picture_that_pillow_refuses(folder: Path) -> Path:
    return png(folder / "x.png", 14_000, 13_000)


@hostile("images", "has 100,000 pixels along a side")
def picture_of_one_row(folder: Path) -> Path:
    return png(folder / "x.png", 100_000, 1)


@hostile("prepared", "under `prepare`, gets 491,520,000 pixels along a side")
def picture_that_grows(folder: Path) -> Path:
    return png(folder / "x.png", 60_000, 1)


@hostile("images", "in each tile, 1,073,741,824 pixels")
def tiles(folder: Path) -> Path:
    """A picture of 16 x 16 in one tile of 32768 x 32768, deflated."""
    data = zlib.compress(bytes(2**26), 9)
    tags = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1), (322, 2**15), (323, 2**15), (324, 8)]
    tags.append((325, len(data)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    (folder / "x.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)
    return folder / "x.tif"


@hostile("images", "has the bytes of 1,073,741,824 pixels")
def picture_of_gaps(folder: Path) -> Path:
    with (folder / "x.webp").open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WEBPVP8L")
        file.truncate(2**33)
    return folder / "x.webp"


@hostile("images", "no file")
def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "x.png")
    return folder / "x.png"


@hostile("images", "cannot identify image file")
def postscript(folder: Path) -> Path:
    """A format that another program would run."""
    (folder / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    return folder / "x.png"


# -- data sets and runs -----------------------------------------------------------------------------------------------


def mnist(folder: Path) -> Path:
    (folder / "MNIST" / "raw").mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / "MNIST" / "raw" / f"{name}-ubyte").write_bytes(struct.pack(">4B4I", 0, 0, 8, 3, 0, 28, 28, 0))
    return folder


@hostile("mnist", "half of it is for data")
def digits_of_gaps(folder: Path) -> Path:
    with (mnist(folder) / "MNIST" / "raw" / "train-images-idx3-ubyte").open("r+b") as file:
        file.truncate(2**40)
    return folder


@hostile("mnist", "is broken or incomplete")
def digits_of_another_kind(folder: Path) -> Path:
    (mnist(folder) / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 9, 9, 7, 9, 1, 1, 1))
    return folder


@hostile("mnist", "its tensors take 4,000,000,000,000 bytes")
def digits_of_before(folder: Path) -> Path:
    (folder / "MNIST" / "processed").mkdir(parents=True)
    one_element_viewed_often(folder).rename(folder / "MNIST" / "processed" / "training.pt")
    return folder


def run(folder: Path, **changed: Any) -> Path:
    recipe = {"recipe": 1, "name": "r", "network": "mnist_cnn", "data": {"dataset": "folder", "mode": "L"},
              "optimizer": {"op": "AdamW", "lr": 0.1}, "batch_size": 1, "epochs": 1}  # fmt: skip
    facts = {"recipe": recipe, "classes": list("0123456789"), "mean": [0.5], "std": [0.5], "input": [1, 28, 28]}
    (folder / "run.json").write_text(json.dumps({**facts, **changed}))
    return folder


@hostile("run", "run.json has 1,073,741,824 bytes, more than 4,194,304")
def facts_without_end(folder: Path) -> Path:
    with (run(folder) / "run.json").open("r+b") as file:
        file.truncate(2**30)
    return folder


@hostile("run", "a number in it has 1,000,000 digits")
def facts_of_many_digits(folder: Path) -> Path:
    (folder / "run.json").write_text(f'{{"mean": [{"9" * 10**6}]}}')
    return folder


@hostile("run", "cannot read")
def facts_in_facts(folder: Path) -> Path:
    (folder / "run.json").write_text("[" * 10**6)
    return folder


@hostile("run", "model.pt: its tensors take 4,000,000,000,000 bytes")
def weights_of_a_run(folder: Path) -> Path:
    one_element_viewed_often(run(folder)).rename(folder / "model.pt")
    return folder


@hostile("run", "last.ckpt: its tensors take 4,000,000,000,000 bytes")
def checkpoint_of_a_run(folder: Path) -> Path:
    (run(folder) / "checkpoints").mkdir()
    one_element_viewed_often(folder).rename(folder / "checkpoints" / "last.ckpt")
    return folder
