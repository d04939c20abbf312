"""How many examples a property has that is tried on one layer after the other, of those that one has alone."""

from __future__ import annotations

from hypothesis import settings

OF_EACH_LAYER = settings(max_examples=settings().max_examples * 2 // 5)
