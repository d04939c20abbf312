"""Whether what a recipe asks for can be held at all: better reported beforehand than by the kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from speczoo.limits import current, raising
from speczoo.training.errors import TrainingError

#: Where Linux says what a container may have, of either version of its control groups.
CONTAINERS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def total() -> int | None:
    """Return bytes of memory in this machine, or of it for this container; None where the system does not say."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return min([there, *(found for path in CONTAINERS if (found := _number(path)))])


def _number(path: Path) -> int | None:
    """Return the number in a file; None where it holds none, as `max`."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def most() -> int:
    """Return bytes that data may take: the limit `data`, or else half of the memory there is."""
    return current().data or (total() or sys.maxsize) // 2


def must_fit(size: int, what: str, help: str) -> None:
    """Raise TrainingError where `size` bytes are more than data may take."""
    if size <= most():
        return
    if limit := current().data:
        raise TrainingError(f"{what} take {size:,} bytes: more than {limit:,}", f"{help}, or {raising('data', size)}")
    there = (total() or sys.maxsize) / 1e9
    words = f"{what} take {size / 1e9:,.0f} GB; this machine has {there:,.0f} GB, and half of it is for data"
    raise TrainingError(words, f"{help}, or {raising('data', size)}")
