"""Files that are whole or not there, and reading tensors out of files that somebody else may have written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from speczoo import tensors
from speczoo.limits import LimitExceeded
from speczoo.specs import files
from speczoo.training import memory
from speczoo.training.errors import RunError


@contextmanager
def replacing(target: Path, below: Path) -> Iterator[BinaryIO]:
    """Open a file in the run `below` that takes the place of `target` once it is complete and on the disk.

    A full disk or a killed process leaves `target` as it was; what a killed one left beside it goes with the next
    attempt. Raises RunError, for a symbolic link in its place too.
    """
    try:
        with files.replacing(target, below=below, alone=True, over=True) as file:
            yield file
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror}", "the run's last checkpoint is kept") from error


def read_tensors(path: Path, *, copied: bool = False) -> dict[str, Any]:
    """Return tensors and plain data, by name. Raises RunError for every other file.

    Tensors are views of the file, which take memory when they are read; with `copied` they have memory of their own,
    as what goes on to be changed must.
    """
    try:
        found = tensors.read(path, memory=memory.most() if copied else None)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from error
    except (tensors.TensorsError, LimitExceeded) as error:
        raise RunError(f"cannot read {path}: {error.message}", error.help) from error
    if not isinstance(found, dict):
        raise RunError(f"cannot read {path}: it holds a {type(found).__name__}, not tensors by name")
    return found
