"""The mode that a module computes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def in_mode(module: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a module in training or evaluation mode; after it, however it ends, in the mode that it had."""
    before = module.training
    module.train(training)
    try:
        yield
    finally:
        module.train(before)
