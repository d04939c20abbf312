"""The same work for each of many things, in several processes: forked or spawned.

`forked` takes milliseconds, since a fork has all that is loaded here: it is for what one process does in a second or
two. It needs Linux and a process of one thread, which none has that computes with torch; elsewhere it does the work
here, one after the other.

`spawned` works everywhere, beside torch and in a program of the user's. Each process imports all of it anew, which
takes a second, and what it gets is pickled: the work, what prepares the process for it (plug-ins), and each thing.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = TypeVar("Item")
Done = TypeVar("Done")

WORTH = 4  # things are worth a process
NUMBER = struct.Struct("=I")  # of a thing to do, as a process takes it from those that are left
HEAD = struct.Struct("=IQ")  # of what is done: the number of the thing, and how many bytes follow
STOPS = {signal.SIGINT, signal.SIGTERM}
TOGETHER = 10_000  # numbers that a pipe holds whoever reads it
AHEAD = 4  # things for each spawned process that wait to be taken up


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def forked(work: Callable[[Item], Done], items: Sequence[Item]) -> Iterator[Done]:
    """Yield what `work` makes of each item, in their order: in as many processes as there are cores, forked off this
    one; one after the other where there is one core, or no fork.

    What is made of an item is pickled. What a process fails at, or dies of, is done here instead: it fails as it does
    without them.
    """
    jobs = min(cores(), len(items) // WORTH)
    if jobs < 2 or not _can_fork():
        yield from map(work, items)
        return
    waiting, processes = _waiting(len(items)), dict[int, int]()
    try:
        with _uninterrupted():  # between a fork and the line that remembers its process
            for _ in range(jobs):
                pipe, process = _forked(work, items, waiting)
                processes[pipe] = process
        yield from _in_order(work, items, [*processes])
    finally:
        for process in processes.values():
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        for pipe in (waiting, *processes):
            os.close(pipe)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait while this lasts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _can_fork() -> bool:
    """Return whether a fork is safe: on Linux, where this process has one thread, those of libraries counted."""
    try:
        return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _waiting(count: int) -> int:
    """Return a pipe of the numbers of things to do, of which each process takes the next; one number stands for all up
    to the next one.
    """
    reading, writing = os.pipe()
    os.write(writing, b"".join(NUMBER.pack(first) for first in range(0, count, _step(count))))
    os.close(writing)
    return reading


def _step(count: int) -> int:
    return 1 + count // TOGETHER


def _forked(work: Callable[[Item], Done], items: Sequence[Item], waiting: int) -> tuple[int, int]:
    """Return the pipe of what a new process has done, and the process."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        _work(work, items, waiting, writing)
    os.close(writing)
    return reading, process


def _work(work: Callable[[Item], Done], items: Sequence[Item], waiting: int, writing: int) -> NoReturn:
    """Do what is left to do, in a process that ends with it, or with the first failure: without a word, as its parent
    says what there is to say.
    """
    try:
        for stop in STOPS:
            signal.signal(stop, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        while first := os.read(waiting, NUMBER.size):
            (start,) = NUMBER.unpack(first)
            for number in range(start, min(start + _step(len(items)), len(items))):
                done = pickle.dumps(work(items[number]))
                left = memoryview(HEAD.pack(number, len(done)) + done)
                while left:
                    left = left[os.write(writing, left) :]
    finally:
        os._exit(0)


def _in_order(work: Callable[[Item], Done], items: Sequence[Item], pipes: list[int]) -> Iterator[Done]:
    """Yield what is done, from the pipes, in the order of the items; what is in none of them is done here."""
    arrived: dict[int, Done] = {}
    parts = {pipe: bytearray() for pipe in pipes}
    for number, item in enumerate(items):
        while number not in arrived and parts:
            for pipe in select.select([*parts], [], [])[0]:
                if part := os.read(pipe, 1 << 16):
                    parts[pipe] += part
                    arrived |= _taken(parts[pipe])
                else:
                    del parts[pipe]
        yield arrived.pop(number) if number in arrived else work(item)


def _taken(buffer: bytearray) -> dict[int, Done]:
    """Return what is whole in a buffer, by its numbers, and take it out."""
    found: dict[int, Done] = {}
    while len(buffer) >= HEAD.size:
        number, size = HEAD.unpack_from(buffer)
        end = HEAD.size + size
        if len(buffer) < end:
            break
        found[number] = pickle.loads(buffer[HEAD.size : end])
        del buffer[:end]
    return found


def spawned(
    work: Callable[[Item], Done], items: Iterable[Item], jobs: int, prepare: Callable[[], None] | None = None
) -> Iterator[Done]:
    """Yield what `work` makes of each item, in their order: in `jobs` new processes, each of which calls `prepare`
    first. Few items wait at any time, so there may be any number. Raises what the work raises.
    """
    from concurrent.futures import ProcessPoolExecutor  # with what it needs as slow as a whole check of a small spec
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (prepare,)) as pool:
        waiting: deque[Future[Done]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= AHEAD * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(prepare: Callable[[], None] | None) -> None:
    """Make a process ready: Ctrl-C is its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        prepare()
