"""What a file says of its tensors, before any is made: names, pieces of the file, views of them, and what is none."""

from __future__ import annotations

from dataclasses import dataclass

import torch

DEPTH = 32  # lists and mappings inside each other
AXES = 64  # of a tensor: torch's own limit
LONGEST = 2**48  # of an axis, and of a step along it
SHOWN = 100  # characters of a name in a message


class TensorsError(ValueError):
    """A file that is damaged, or holds what is not read. The message goes on after "cannot read FILE: "."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message, self.help = message, help


DAMAGED = "it is damaged, or no file of tensors"
STATE_DICT = "save a state_dict instead: torch.save(model.state_dict(), ...)"


@dataclass(frozen=True, slots=True)
class GlobalName:
    """Something that a pickle names and that nobody looks up."""

    text: str

    @property
    def dtype(self) -> torch.dtype | None:
        module, _, name = self.text.rpartition(".")
        if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
            return STORAGES[name]
        return DTYPES.get(self.text)


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """Some of a file's bytes, by its key."""

    key: str
    dtype: torch.dtype
    start: int  # bytes
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class View:
    """A tensor that is yet to be made: where its elements lie in a storage."""

    piece: StoredBytes
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def bytes(self) -> int:
        return self.count * self.dtype.itemsize

    @property
    def end(self) -> int:
        """Where it ends in its storage, in bytes."""
        if not self.count:
            return 0
        last = sum((length - 1) * step for length, step in zip(self.shape, self.strides, strict=True))
        return (self.offset + last + 1) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Odd:
    """What is made by calling something, and is no tensor that is read here; for tensors, what to save instead."""

    kind: str
    help: str = STATE_DICT


DTYPES = {
    f"torch.{name}": getattr(torch, name)
    for name in (
        "float64", "float32", "float16", "bfloat16", "complex128", "complex64", "complex32", "bool",
        "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8",
        "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
    )
}  # fmt: skip
STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
    "UntypedStorage": torch.uint8,
    "QInt8Storage": torch.qint8,
    "QUInt8Storage": torch.quint8,
    "QInt32Storage": torch.qint32,
}
