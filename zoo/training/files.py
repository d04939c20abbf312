"""Files that are whole or not there, and reading tensors out of files that somebody else may have written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from specs import files

from .errors import RunError


@contextmanager
def replacing(target: Path, below: Path) -> Iterator[BinaryIO]:
    """A file in the run `below` that takes the place of `target` once it is complete and on the disk.

    A full disk or a killed process leaves `target` as it was; what a killed one left beside it goes with the next
    attempt. Raises RunError, for a symbolic link in its place too.
    """
    try:
        with files.replacing(target, below=below, alone=True) as file:
            yield file
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror}", "the run's last checkpoint is kept") from error


def read_tensors(path: Path) -> dict[str, Any]:
    """Tensors and plain data, by name; nothing else is ever unpickled. Raises RunError for every other file."""
    try:
        with path.open("rb") as file:
            found = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged file can end in any of the unpickler's errors
        raise RunError(f"cannot read {path}: it is damaged, or holds more than tensors and plain data") from error
    if not isinstance(found, dict):
        raise RunError(f"cannot read {path}: it holds a {type(found).__name__}, not tensors by name")
    return found
