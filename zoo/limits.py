"""How large files of tensors, images and runs may be, in one place: what each costs is known before it is paid.

Weights, data and runs may come from a stranger, and no file of theirs raises a limit. A person does, with `--limit
NAME=N` on the command line or in Python:

    with speczoo.limits.using(pixels=200_000_000):
        predict(run, images)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace


class LimitExceeded(ValueError):
    """Something is larger than a file's may be: how large it is, what the limit is; `help` says how to raise it."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message, self.help = message, help


def exhausted(error: BaseException) -> bool:
    """Return whether an error says that there is no more memory, be it the machine's or an accelerator's: torch has a
    type of its own for the second alone.
    """
    text = str(error)
    words = ("allocate memory", "Allocator", "out of memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in text for word in words)


@dataclass(frozen=True, slots=True)
class DataLimits:
    """How large a file of weights, an image, a data set and what a run says of itself may be."""

    # files of tensors
    header: int = 1 << 22  # bytes that say which tensors there are: of .safetensors, of the pickle in .pt
    objects: int = 1 << 20  # numbers, texts, lists, and steps of making them, in such a pickle
    tensors: int = 50_000  # in one file
    unpacked: int = 1 << 27  # bytes that a file's tensors take, where they are more than four times the file

    # images
    pixels: int = 50_000_000  # of one image, as it lies in its file and after every step of `prepare`
    side: int = 1 << 16  # pixels along one side
    data: int = 0  # bytes of a data set, of what is made of it, and of a checkpoint; 0: half of this machine's memory

    # runs
    json: int = 1 << 22  # bytes of run.json, history.json or a map of keys

    def hold(self, name: str, size: int, what: str, of: str) -> None:
        """Raise LimitExceeded, "`what` 5,000 `of`, more than 4,000", for a size above the limit of that name."""
        limit = getattr(self, name)
        if size > limit:
            raise LimitExceeded(f"{what} {size:,} {of}, more than {limit:,}", raising(name, size))


def raising(name: str, size: int) -> str:
    """Return how a person raises a limit."""
    return f"--limit {name}={size} raises it, and in Python speczoo.limits.using({name}={size})"


DEFAULT = DataLimits()
NAMES = tuple(field.name for field in fields(DataLimits))
_limits: ContextVar[DataLimits] = ContextVar("limits", default=DEFAULT)


def current() -> DataLimits:
    """Return the limits that hold here. It bounds the threads that a function starts, too."""
    return _limits.get()


@contextmanager
def using(**changed: int) -> Iterator[DataLimits]:
    """Set other limits while this lasts: `using(pixels=200_000_000)`. Raises TypeError for a name that none has."""
    token = _limits.set(replace(current(), **changed))
    try:
        yield current()
    finally:
        _limits.reset(token)
