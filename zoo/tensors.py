"""Tensors out of files that somebody else may have made.

What a file says of its tensors comes first: it is held to the limits, and to the bytes that the file has. Tensors are
made afterwards, as views of the file, so that memory is taken only for what is read of them.

In .pt a pickle says which tensors there are. It is read here, step by step, and nothing that it names is imported or
called: a name stays a name, and what would be made by calling it is a description. torch's own reader calls what it
holds for harmless, and of that some allocates what the pickle asks for.
"""

from __future__ import annotations

import io
import mmap
import os
import pickletools
import struct
import sys
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from speczoo import archives, git_lfs
from speczoo.limits import LimitExceeded, Limits, current, raising

DEPTH = 32  # lists and mappings inside each other
AXES = 64  # of a tensor: torch's own limit
LONGEST = 2**48  # of an axis, and of a step along it
SHOWN = 100  # characters of a name in a message
ARCHIVE = b"PK\x03\x04"  # how a file of torch.save begins; before torch 1.6 it is a sequence of pickles
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # the first two of those
GROWTH = 4  # times a file's bytes that its tensors may take: tensors share storages, and archives are deflated


class TensorsError(ValueError):
    """A file that is damaged, or holds what is not read. The message goes on after "cannot read FILE: "."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message, self.help = message, help


DAMAGED = "it is damaged, or no file of tensors"
STATE_DICT = "save a state_dict instead: torch.save(model.state_dict(), ...)"


# -- what a pickle says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Name:
    """Something that a pickle names and that nobody looks up."""

    text: str

    @property
    def dtype(self) -> torch.dtype | None:
        module, _, name = self.text.rpartition(".")
        if module in ("torch", "torch.storage", "torch.cuda") and name in _STORAGES:
            return _STORAGES[name]
        return _DTYPES.get(self.text)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some of a file's bytes, by its key."""

    key: str
    dtype: torch.dtype
    start: int  # bytes
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor that is yet to be made: where its elements lie in a storage."""

    piece: _Piece
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
class _Odd:
    """What is made by calling something, and is no tensor that is read here; for tensors, what to save instead."""

    kind: str
    help: str = STATE_DICT


_DTYPES = {
    f"torch.{name}": getattr(torch, name)
    for name in (
        "float64", "float32", "float16", "bfloat16", "complex128", "complex64", "complex32", "bool",
        "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8",
        "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
    )
}  # fmt: skip
_STORAGES = {
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
#: Calls that make tensors which are no plain views of a storage: what those are, and what to save in their place.
_ODD = {
    "torch._utils._rebuild_sparse_tensor": ("a sparse tensor", "save it dense: .to_dense()"),
    "torch._utils._rebuild_sparse_csr_tensor": ("a sparse tensor", "save it dense: .to_dense()"),
    "torch._utils._rebuild_qtensor": ("a quantized tensor", "save it as fractions: .dequantize()"),
    "torch._utils._rebuild_nested_tensor": ("a nested tensor", "save its parts: .unbind()"),
    "torch.nested._internal.nested_tensor._rebuild_njt": ("a nested tensor", "save its parts: .unbind()"),
    "torch._utils._rebuild_meta_tensor_no_storage": (
        "a tensor of the device `meta`, which has no values",
        "save it once it has some",
    ),
    **dict.fromkeys(
        ("torch._utils._rebuild_wrapper_subclass", "torch._tensor._rebuild_from_type_v2"),
        ("a tensor of a class of its own, or with attributes", "save its values: .detach().as_subclass(torch.Tensor)"),
    ),
    **dict.fromkeys(
        ("torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_device_tensor_from_cpu_tensor"),
        ("a tensor of a device that has its own format", "save it from the processor: .cpu()"),
    ),
}


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> _View | _Odd:
    return _view(storage, offset, shape, strides, storage.dtype, rest[2:])


def _tensor_with_dtype(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> _View | _Odd:
    return _view(storage, offset, shape, strides, dtype.dtype, rest)


def _view(storage: Any, offset: Any, shape: Any, strides: Any, dtype: Any, rest: Any) -> _View | _Odd:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, _Piece) or not all(type(n) is int and 0 <= n < LONGEST for n in numbers):
        raise TensorsError(DAMAGED)
    if any(rest):
        return _Odd("a tensor yet to be conjugated or negated", "save it as it is meant: .resolve_conj().resolve_neg()")
    if dtype not in _DTYPES.values():
        return _Odd(f"a tensor of {dtype or 'an unknown type'}", "save it as torch.float32: .float()")
    if len(shape) != len(strides) or len(shape) > AXES:
        raise TensorsError(DAMAGED)
    return _View(storage, dtype, offset, tuple(shape), tuple(strides))


def _first(value: Any, *_: Any) -> Any:
    """Return a parameter, of which the values are its data."""
    return value


def _mapping(kind: type[dict[Any, Any]]) -> Callable[..., Any]:
    def made(items: Any = ()) -> dict[Any, Any]:
        pairs = list(items.items()) if isinstance(items, dict) else [(key, value) for key, value in items]
        return _filled(kind(), [each for pair in pairs for each in pair])

    return made


def _text(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise TensorsError(DAMAGED)
    return text.encode(encoding)


def _set(items: Any = ()) -> set[Any]:
    return {_key(item) for item in items}


def _device(kind: str, index: int | None = None) -> str:
    if not isinstance(kind, str) or type(index) not in (int, type(None)):
        raise TensorsError(DAMAGED)
    return kind if index is None else f"{kind}:{index}"


#: What calls are taken for. Each takes memory like its arguments, which `_Pickle.call` counts.
_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_with_dtype,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.Size": lambda items=(): tuple(items),
    "torch.device": _device,
    "collections.OrderedDict": _mapping(OrderedDict),
    "collections.Counter": _mapping(Counter),
    "_codecs.encode": _text,
    "__builtin__.set": _set,
    "builtins.set": _set,
}


def _odd(name: _Name) -> _Odd:
    return _Odd(*_ODD.get(name.text, (f"a `{name.text}`",)))


def _key(key: Any) -> Any:
    """Return a key of a mapping.

    Keys that are neither text nor whole numbers could be chosen so that all of them collide.
    """
    if not isinstance(key, str | _Name | _Odd) and not (type(key) is int and abs(key) < LONGEST):
        raise TensorsError(f"it has a key of type {type(key).__name__}, where names are wanted", STATE_DICT)
    return key


def _filled(target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[_key(key)] = value
    return target


class _Pickle:
    """Reads one pickle of torch.save: numbers, texts, lists, mappings, and descriptions of all else."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0
        self.widths: dict[str, int] = {}  # bytes of an element, by the key of its storage

    def load(self, stream: io.BytesIO) -> Any:
        """Raise TensorsError, LimitExceeded, and what `pickletools` and wrong stacks raise."""
        for opcode, argument, _ in pickletools.genops(stream):
            step = self.STEPS.get(opcode.name)
            if step is None:
                raise TensorsError(
                    f"its pickle says {opcode.name}: not of protocol 2, the one of torch.save", "save it anew"
                )
            self.count(1)
            step(self, argument)
        return self.stack.pop()

    def count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self.limits.objects:
            self.limits.hold("objects", self.steps, "its pickle makes", "objects")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def above_mark(self) -> list[Any]:
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def take(self, count: int) -> list[Any]:
        found = self.stack[-count:]
        if len(found) < count:
            raise IndexError
        del self.stack[-count:]
        return found

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, _Odd):
            raise TensorsError(DAMAGED)

    def set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            _filled(target, items)
        elif not isinstance(target, _Odd):
            raise TensorsError(DAMAGED)

    def call(self, _: Any) -> None:
        what, arguments = self.take(2)
        if not isinstance(what, _Name | _Odd) or not isinstance(arguments, tuple):
            raise TensorsError(DAMAGED)
        self.count(sum(len(each) for each in arguments if hasattr(each, "__len__")))
        made = _CALLS.get(what.text) if isinstance(what, _Name) else None
        self.push(made(*arguments) if made else what if isinstance(what, _Odd) else _odd(what))

    def build(self, _: Any) -> None:
        """Lay a state into an object; of mappings, a state_dict's versions of its modules."""
        (state,) = self.take(1)
        target = self.stack[-1]
        if isinstance(target, OrderedDict) and isinstance(state, dict) and isinstance(state.get("_metadata"), dict):
            vars(target)["_metadata"] = state["_metadata"]

    def storage(self, _: Any) -> None:
        """Read where bytes of the file are named: their type, key, device, number of elements, and a part of them."""
        _, kind, key, _, count, *rest = self.take(1)[0]
        dtype = kind.dtype
        part = rest[0] if rest else None
        _, first, length = part if part else (None, 0, count)
        if not isinstance(key, str) or not all(type(n) is int and 0 <= n < LONGEST for n in (first, length)):
            raise TensorsError(DAMAGED)
        self.widths[key] = dtype.itemsize
        self.push(_Piece(key, dtype, first * dtype.itemsize, length * dtype.itemsize))

    def name(self, argument: str) -> None:
        self.push(_Name(argument.replace(" ", ".")))

    def keep(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    STEPS: Mapping[str, Callable[[_Pickle, Any], Any]] = {
        **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING"), push),
        **dict.fromkeys(("BINPUT", "LONG_BINPUT"), keep),
        **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda self, number: self.push(self.memo[number])),
        "PROTO": lambda self, _: None,
        "STOP": lambda self, _: None,
        "NONE": lambda self, _: self.push(None),
        "NEWTRUE": lambda self, _: self.push(True),
        "NEWFALSE": lambda self, _: self.push(False),
        "EMPTY_TUPLE": lambda self, _: self.push(()),
        "EMPTY_LIST": lambda self, _: self.push([]),
        "EMPTY_DICT": lambda self, _: self.push({}),
        "MARK": lambda self, _: self.marks.append(len(self.stack)),
        "TUPLE": lambda self, _: self.push(tuple(self.above_mark())),
        "TUPLE1": lambda self, _: self.push(tuple(self.take(1))),
        "TUPLE2": lambda self, _: self.push(tuple(self.take(2))),
        "TUPLE3": lambda self, _: self.push(tuple(self.take(3))),
        "APPEND": lambda self, _: self.append(self.take(1)),
        "APPENDS": lambda self, _: self.append(self.above_mark()),
        "SETITEM": lambda self, _: self.set(self.take(2)),
        "SETITEMS": lambda self, _: self.set(self.above_mark()),
        "GLOBAL": name,
        "REDUCE": call,
        "NEWOBJ": call,
        "BUILD": build,
        "BINPERSID": storage,
    }


# -- where the bytes are --------------------------------------------------------------------------------------------


class _Bytes:
    """The bytes of a file's storages, by key: mapped, or inflated where they are deflated."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        self.pieces: dict[str, tuple[int, int]] = {}  # the first byte, and how many
        self.deflated: dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]] = {}
        self._storages: dict[str, torch.UntypedStorage] = {}
        self._whole: torch.UntypedStorage | None = None

    @property
    def inflated(self) -> int:
        """What all deflated storages take."""
        return sum(entry.file_size for _, entry in self.deflated.values())

    def add(self, key: str, first: int, length: int) -> None:
        if first + length > self.size:
            raise TensorsError(DAMAGED)
        self.pieces[key] = first, length

    def add_entry(self, key: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        if entry.compress_type == zipfile.ZIP_DEFLATED:
            self.deflated[key] = archive, entry
            return
        self.file.seek(entry.header_offset + 26)
        named, more = struct.unpack("<HH", self.file.read(4))
        self.add(key, entry.header_offset + 30 + named + more, entry.file_size)

    def length(self, key: str) -> int:
        """Return how many bytes there are. Raises KeyError."""
        return self.deflated[key][1].file_size if key in self.deflated else self.pieces[key][1]

    def storage(self, key: str) -> torch.UntypedStorage:
        if key not in self._storages:
            self._storages[key] = self._inflated(key) if key in self.deflated else self._mapped(*self.pieces[key])
        return self._storages[key]

    def _mapped(self, first: int, length: int) -> torch.UntypedStorage:
        if self._whole is None:
            self._whole = _storage(mmap.mmap(self.file.fileno(), self.size, access=mmap.ACCESS_COPY))
        return self._whole[first : first + length]  # type: ignore[no-any-return]

    def _inflated(self, key: str) -> torch.UntypedStorage:
        return _storage(bytearray(archives.content(*self.deflated[key])))


def _storage(content: bytearray | mmap.mmap) -> torch.UntypedStorage:
    bytes = torch.frombuffer(content, dtype=torch.uint8) if len(content) else torch.empty(0)
    return bytes.untyped_storage()


# -- tensors ----------------------------------------------------------------------------------------------------------


class _Described:
    """What a file of torch.save says that it holds: no tensor is made before `load`."""

    def __init__(self, value: Any, storages: _Bytes, limits: Limits) -> None:
        self._storages, self._limits = storages, limits
        self._tensors = 0
        self.bytes = 0  # of all tensors, each with memory of its own
        self._value = self._anew(value, self._checked)
        most, takes = max(limits.unpacked, GROWTH * storages.size), max(self.bytes, storages.inflated)
        if takes > most:
            words = f"its tensors take {_number(takes)} bytes and the file {storages.size:,}: {most:,} are read at most"
            raise LimitExceeded(words, raising("unpacked", takes) if takes < LONGEST else STATE_DICT)

    def load(self, made: Callable[[Tensor], Tensor]) -> Any:
        """Return numbers, texts, lists, mappings, and what `made` makes of each tensor, which is a view of the file."""

        def tensor(view: _View, _: str) -> Tensor:
            storage = self._storages.storage(view.piece.key)[view.piece.start : view.piece.start + view.piece.size]
            found = torch.empty(0, dtype=view.dtype, device="cpu")
            return made(found.set_(storage, view.offset, view.shape, view.strides))

        return self._anew(self._value, tensor)

    def _anew(self, value: Any, leaf: Callable[[_View, str], Any]) -> Any:
        """Return all of it again with nothing in it twice: what holds itself, or the same thing over and over, is
        refused.
        """
        left = self._limits.objects

        def anew(value: Any, name: str, depth: int) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                self._limits.hold("objects", self._limits.objects + 1, "it holds", "objects")
            if depth > DEPTH:
                raise TensorsError(f"it has more than {DEPTH} lists and mappings inside each other")
            if isinstance(value, _View):
                return leaf(value, name)
            if isinstance(value, list | tuple):
                return type(value)(anew(each, name, depth + 1) for each in value)
            if isinstance(value, dict):
                made = type(value)()
                for key, each in value.items():
                    made[_plain(key, name)] = anew(each, str(key), depth + 1)
                if isinstance(made, OrderedDict):
                    made.__dict__.update({key: anew(each, name, depth + 1) for key, each in vars(value).items()})
                return made
            return _plain(value, name)

        return anew(value, "", 0)

    def _checked(self, view: _View, name: str) -> _View:
        piece = view.piece
        there = self._storages.length(piece.key)
        if piece.start + piece.size > there or view.end > piece.size:
            raise TensorsError(f"it is damaged: `{name[:SHOWN]}` takes more bytes than the {there:,} that are there")
        self._tensors += 1
        self._limits.hold("tensors", self._tensors, "it has", "tensors")
        self.bytes += view.bytes
        return view


def _plain(value: Any, name: str) -> Any:
    """Return numbers, texts and types of numbers. Raises TensorsError for everything else."""
    if isinstance(value, _Name) and value.dtype is not None:
        return value.dtype
    if isinstance(value, _Name | _Piece):
        value = _Odd("a name" if isinstance(value, _Name) else "a storage")
    if isinstance(value, _Odd):
        more = "" if value.help != STATE_DICT else "it holds more than tensors: "
        raise TensorsError(f"{more}{f'`{name[:SHOWN]}`' if name else 'it'} is {value.kind[:SHOWN]}", value.help)
    return value


def _number(count: int) -> str:
    return f"{count:,}" if count < LONGEST else "more than 2**48"


# -- files ------------------------------------------------------------------------------------------------------------


def read(path: Path, *, memory: int | None = None) -> Any:
    """Return what torch.save wrote, in either of its formats: numbers, texts, lists, mappings and tensors.

    Tensors are views of the file, whose pages take memory when they are read; a change of one is none of the file.
    With `memory` they are copies, which take at most so many bytes. Raises TensorsError, LimitExceeded and OSError.
    """
    limits = current()
    with path.open("rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size
            refuse_pointer(file)
            described = (_archive if file.read(len(ARCHIVE)) == ARCHIVE else _sequence)(file, size, limits)
            if memory is None:
                return described.load(lambda tensor: tensor)
            if described.bytes > memory:
                raise LimitExceeded(
                    f"its tensors take {described.bytes:,} bytes: more than {memory:,}",
                    raising("data", described.bytes),
                )
            return described.load(torch.clone)
        except (TensorsError, LimitExceeded, OSError):
            raise
        except Exception as error:  # what a damaged pickle or archive makes of its readers is not documented
            raise TensorsError(DAMAGED) from error


def refuse_pointer(file: BinaryIO) -> None:
    """Raise TensorsError for what Git LFS leaves in place of a file; else the file is where it was, at its start."""
    if git_lfs.is_pointer(file):
        raise TensorsError(git_lfs.MESSAGE, git_lfs.HELP)


def _archive(file: BinaryIO, size: int, limits: Limits) -> _Described:
    """Return what torch.save has written since torch 1.6: an archive of a pickle and of the bytes of each storage."""
    limits.hold("header", archives.directory_size(file, size), "the directory of its archive has", "bytes")
    archive = zipfile.ZipFile(file)
    entries = {entry.filename: entry for entry in archive.infolist()}
    if not all(map(archives.is_packed, entries.values())):
        raise TensorsError("it is an archive that is encrypted, or packed by other means than deflating")
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise TensorsError(DAMAGED)
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in entries:
        raise TensorsError("it is TorchScript, which is code", STATE_DICT)
    order = entries.get(f"{folder}byteorder")
    if order is not None and archive.open(order).read(8) != sys.byteorder.encode():
        raise TensorsError("its bytes are in another order than this machine's", "save it again on a machine like this")
    limits.hold("header", entries[pickles[0]].file_size, "its pickle has", "bytes")
    value = _Pickle(limits).load(io.BytesIO(archives.content(archive, entries[pickles[0]])))
    storages = _Bytes(file, size)
    for name, entry in entries.items():
        if name.startswith(f"{folder}data/"):
            storages.add_entry(name.removeprefix(f"{folder}data/"), archive, entry)
    return _Described(value, storages, limits)


def _sequence(file: BinaryIO, size: int, limits: Limits) -> _Described:
    """Return what torch.save wrote before: pickles one after the other, and the bytes of each storage after its
    length.
    """
    file.seek(0)
    head = file.read(limits.header + 1)
    if head[257:262] == b"ustar":
        raise TensorsError("it is a tar archive, which torch stopped writing long ago", "save it anew")
    stream, reader = io.BytesIO(head), _Pickle(limits)
    try:
        magic = reader.load(stream)
        if magic != MAGIC or _Pickle(limits).load(stream) != PROTOCOL:
            raise TensorsError(DAMAGED)
        _Pickle(limits).load(stream)  # sizes of numbers on the machine that wrote
        reader = _Pickle(limits)
        value, keys = reader.load(stream), _Pickle(limits).load(stream)
    except (ValueError, IndexError) as error:
        if stream.tell() > limits.header and not isinstance(error, TensorsError | LimitExceeded):
            limits.hold("header", size, "it is one pickle, or begins like one, of", "bytes")
        raise
    storages, first = _Bytes(file, size), stream.tell()
    for key in keys:
        file.seek(first)
        length = int.from_bytes(file.read(8), "little") * reader.widths[key]
        storages.add(key, first + 8, length)
        first += 8 + length
    return _Described(value, storages, limits)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return tensors by name, as views of the file.

    Raises TensorsError, LimitExceeded, OSError, ModuleNotFoundError without safetensors, and what that raises.
    """
    from safetensors import safe_open

    limits = current()
    with path.open("rb") as file:
        refuse_pointer(file)
        length, size = int.from_bytes(file.read(8), "little"), os.fstat(file.fileno()).st_size
    if length + 8 > size:
        raise TensorsError(DAMAGED)
    limits.hold("header", length, "its header has", "bytes")
    with safe_open(path, framework="pt", device="cpu") as opened:
        names = list(opened.keys())
        limits.hold("tensors", len(names), "it has", "tensors")
        return {name: opened.get_tensor(name) for name in names}
