"""Tensors out of files that somebody else may have made.

What a file says of its tensors comes first: it is held to the limits, and to the bytes that the file has. Tensors are
made afterwards, as views of the file, so that memory is taken only for what is read of them.

In .pt a pickle says which tensors there are. It is read here, step by step, and nothing that it names is imported or
called: a name stays a name, and what would be made by calling it is a description. torch's own reader calls what it
holds for harmless, and of that some allocates what the pickle asks for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from speczoo import git_lfs
from speczoo.limits import LimitExceeded, current, raising
from speczoo.tensors.descriptions import DAMAGED, SHOWN, TensorsError
from speczoo.tensors.formats import ARCHIVE, read_archive, read_sequence

__all__ = ["SHOWN", "TensorsError", "read", "read_safetensors", "refuse_pointer"]


def read(path: Path, *, memory: int | None = None) -> Any:
    """Return what torch.save wrote, in either of its formats: numbers, texts, lists, mappings and tensors.

    Tensors are views of the file, whose pages take memory when they are read; a change of one is none of the file.
    With `memory` they are copies, which take at most so many bytes. Raises TensorsError, LimitExceeded and OSError.
    """
    limits = current()
    with path.open("rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size
            refuse_pointer(file)
            described = (read_archive if file.read(len(ARCHIVE)) == ARCHIVE else read_sequence)(file, size, limits)
            if memory is None:
                return described.load(lambda tensor: tensor)
            if described.bytes > memory:
                raise LimitExceeded(
                    f"its tensors take {described.bytes:,} bytes: more than {memory:,}",
                    raising("data", described.bytes),
                )
            return described.load(torch.clone)
        except (TensorsError, LimitExceeded, OSError):
            raise
        except Exception as error:  # what a damaged pickle or archive makes of its readers is not documented
            raise TensorsError(DAMAGED) from error


def refuse_pointer(file: BinaryIO) -> None:
    """Raise TensorsError for what Git LFS leaves in place of a file; else the file is where it was, at its start."""
    if git_lfs.is_pointer(file):
        raise TensorsError(git_lfs.MESSAGE, git_lfs.HELP)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return tensors by name, as views of the file.

    Raises TensorsError, LimitExceeded, OSError, ModuleNotFoundError without safetensors, and what that raises.
    """
    from safetensors import safe_open

    limits = current()
    with path.open("rb") as file:
        refuse_pointer(file)
        length, size = int.from_bytes(file.read(8), "little"), os.fstat(file.fileno()).st_size
    if length + 8 > size:
        raise TensorsError(DAMAGED)
    limits.hold("header", length, "its header has", "bytes")
    with safe_open(path, framework="pt", device="cpu") as opened:
        names = list(opened.keys())
        limits.hold("tensors", len(names), "it has", "tensors")
        return {name: opened.get_tensor(name) for name in names}
