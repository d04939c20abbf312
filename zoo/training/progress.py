"""Bars on stderr, where messages go, and gone when they are done; none where nobody looks on."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from speczoo.training.lightning import Tqdm

T = TypeVar("T")


def bar(items: Iterable[Any] | None = None, *, what: str = "", **options: Any) -> Tqdm:
    """Return a bar of tqdm's over items, or over what is counted by hand.

    `disable=None`, the default, is a terminal's alone.
    """
    settings = {"disable": None, "leave": False, "dynamic_ncols": True, "file": sys.stderr, "smoothing": 0}
    return Tqdm(items, desc=what, **settings | options)


def tracked(items: Iterable[T], what: str) -> Iterable[T]:
    """Return the same items, with a bar on a terminal."""
    return bar(items, what=what)
