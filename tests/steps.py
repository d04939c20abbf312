"""How much a call does, whatever the machine does besides: the lines of Python that it runs, the functions it calls,
the memory that it takes."""

from __future__ import annotations

import cProfile
import resource
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class TooManyLines(BaseException):
    """Goes through every `except Exception` of what is measured."""


def lines(call: Callable[[], Any], most: float = float("inf")) -> int:
    """Lines run, of whatever `call` calls too. Ends what runs more than `most`: it may be that it never ends."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        if count > most:
            raise TooManyLines(f"more than {most} lines, at {frame.f_code.co_filename}:{frame.f_lineno}")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def counted(work: Callable[[], T]) -> tuple[T, int]:
    """What comes out, and how many functions were called on the way: those of Python and those written in C. Dearer
    than nothing by half, where `lines` is dearer by ten times; a loop without a call in it is not seen."""
    profile = cProfile.Profile()
    profile.enable()
    try:
        out = work()
    finally:
        profile.disable()
    return out, sum(entry.callcount for entry in profile.getstats())


def highest() -> float:
    """The peak of this process's memory in MiB. ru_maxrss would count the process that it was forked from."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))
