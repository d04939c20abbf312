"""SIGTERM, by which `kill`, `timeout`, a scheduler or a container ends a command, as Ctrl-C: what is half-done is taken
away before the command ends.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


class Terminated(KeyboardInterrupt):
    """A command was asked to end."""


@contextmanager
def orderly() -> Iterator[None]:
    """Let SIGTERM end what runs here as Ctrl-C does, where nobody has other plans for it. A second one ends it at
    once.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def left_to_others() -> Iterator[None]:
    """Leave SIGTERM to a library that has plans of its own for it."""
    if signal.getsignal(signal.SIGTERM) is not _end:
        yield
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, _end)


def exit_code(stopped: BaseException | None) -> int:
    """Return what a shell says of a command that was stopped so."""
    return 128 + (signal.SIGTERM if isinstance(stopped, Terminated) else signal.SIGINT)


def _end(number: int, frame: Any) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated
