"""Profiles of hypothesis (`HYPOTHESIS_PROFILE=fast|ci|default|long`) and the `--slow` switch."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side: threads of one would wait for another's
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of the hundreds of processes that they start compiles it all

import pytest
from hypothesis import HealthCheck, settings

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer

gc.disable()  # until all is imported and collected, which stays
gc.set_threshold(20_000, 20, 20)
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=20, derandomize=True, **_COMMON)
settings.register_profile("ci", max_examples=50, derandomize=True, **_COMMON)
settings.register_profile("default", max_examples=100, **_COMMON)
settings.register_profile("long", max_examples=2000, **_COMMON)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "fast")
settings.load_profile(PROFILE)


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """The layer types that a test defines, or has imported, are gone after it."""
    before = dict(Layer.registry)
    yield
    Layer.registry.clear()
    Layer.registry.update(before)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the long tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is not asked for: to skip thousands, each with a report of its own, takes seconds."""
    asked = {"slow": config.getoption("--slow"), "alike": PROFILE != "fast"}
    left = {mark for mark in asked if not asked[mark]}
    config.hook.pytest_deselected(items=[item for item in items if left & item.keywords.keys()])
    items[:] = [item for item in items if not left & item.keywords.keys()]


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A failure is shown whatever text it was found with: no other process can be sent half a surrogate pair."""
    report = yield
    return _sendable(report)


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(inner) for key, inner in value.items()}
    return type(value)(map(_sendable, value)) if type(value) in (list, tuple) else value


def pytest_collection_finish() -> None:
    """What is imported and collected stays: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.enable()
