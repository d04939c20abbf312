"""Tests of pytest within pytest."""

from __future__ import annotations

import pytest

from speczoo.testing import check_layer, check_spec


@pytest.fixture(scope="session", autouse=True)
def late() -> None:
    """What checks import late, torch among it, which can be imported once: a session within a session forgets what it
    is the first to import."""
    check_layer("Conv2d")
    check_spec("linear_classifier")
