"""Whether what a recipe asks for can be held at all: better told beforehand than by the kernel."""

from __future__ import annotations

import os

from .errors import TrainingError


def total() -> int | None:
    """Bytes of memory in this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def must_fit(size: int, what: str, help: str) -> None:
    """Raises TrainingError where `size` bytes are more than there are."""
    there = total()
    if there is not None and size > there:
        raise TrainingError(f"{what} take {size / 1e9:,.0f} GB; this machine has {there / 1e9:,.0f} GB", help)
