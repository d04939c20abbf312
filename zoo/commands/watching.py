"""What files looked like when they were looked at, and waiting until one of them looks otherwise."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

Stamps: TypeAlias = dict[Path, tuple[int, int, int] | None]
INTERVAL = 0.2  # seconds between two looks


def stamps(paths: Iterable[Path]) -> Stamps:
    """Return when each was written, its size and number; None for what is not there. A folder is written when a file
    in it comes or goes.
    """
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def changed(before: Stamps, sleep: Callable[[float], None] = time.sleep) -> list[Path]:
    """Wait until some of the files are others than before, and return those."""
    while not (found := [path for path, stamp in before.items() if _stamp(path) != stamp]):
        sleep(INTERVAL)
    return found
