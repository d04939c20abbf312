"""How long Python's garbage collector waits: whoever reads and checks makes many objects that stay, and no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: How many new objects it waits for. With Python's 700 it would search those of one check dozens of times, which is a
#: fifteenth of what the check takes, and a tenth of the whole process; mypy raises it likewise. They take some 200 MB.
YOUNG = 1_000_000


@contextmanager
def patient() -> Iterator[None]:
    """Have the collector wait for so many new objects meanwhile, unless somebody has it wait for longer."""
    before = gc.get_threshold()[0]
    if not 0 < before < YOUNG:
        yield
        return
    gc.set_threshold(YOUNG)
    try:
        yield
    finally:
        gc.set_threshold(before)
