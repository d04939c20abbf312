"""Hostile files, made in code: each with the door that it comes in by, and a word of what must be reported of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class HostileFile:
    """A call writes it into a folder and returns its path; `door` is what reads it, `says` is in the answer."""

    name: str
    door: str
    says: str
    make: Callable[[Path], Path]

    def __call__(self, folder: Path) -> Path:
        return self.make(folder)


def hostile(door: str, says: str) -> Callable[[Callable[[Path], Path]], HostileFile]:
    """Make a file of the function below."""
    return lambda make: HostileFile(make.__name__, door, says, make)


def hostile_files(*modules: ModuleType) -> dict[str, HostileFile]:
    """Return the files of some modules, by name."""
    return {name: file for module in modules for name, file in vars(module).items() if isinstance(file, HostileFile)}
