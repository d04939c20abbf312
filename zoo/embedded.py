"""The spec that an exported file carries, and what was chosen of it: read without torch or onnx, whoever made the file.

Nothing of a network is read but these texts: of .onnx the fields of one message are passed over until its metadata, of
.pt2 the archive's directory says where they lie, of .safetensors they stand in the header. No pickle is opened.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from speczoo import archives
from speczoo.limits import LimitExceeded, current
from speczoo.specs import files
from speczoo.specs.diagnostics import Report
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.problem import Problem
from speczoo.specs.source import Source

#: What the names of our own texts among a file's metadata begin with.
PREFIX = "speczoo."
SPEC, SETTINGS, VERSIONS, FINGERPRINT = (PREFIX + name for name in ("spec", "settings", "versions", "fingerprint"))
#: Fields of one message of an .onnx file that are passed over: of the outermost there are some twenty.
FIELDS = 10_000
#: In that message, where the metadata stands; in an entry of it, its key and its value.
METADATA, KEY, VALUE = 14, 1, 2
DAMAGED = "it is damaged, or no such file"
#: What the readers of JSON, of texts and of archives raise of bytes that are none; RuntimeError of an archive with a
#: password, and as RecursionError and NotImplementedError.
UNREADABLE = (ValueError, LookupError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class NothingRead(ValueError):
    """A file that is damaged, or carries no spec. The message goes on after "cannot read FILE: "."""


@dataclass(frozen=True)
class Embedded:
    """What a file carries beside the network. All of it is what its author says."""

    texts: Mapping[str, str]

    @property
    def spec(self) -> str:
        """The text of the spec. Raises NothingRead."""
        if SPEC not in self.texts:
            raise NothingRead("it carries no spec: `zoo export` and `zoo build -o` write one into their files")
        return self.texts[SPEC]

    @property
    def fingerprint(self) -> str:
        return self.texts.get(FINGERPRINT, "")

    @property
    def settings(self) -> Any:
        """What was chosen: `variant`, `params`, `inputs`, `taps`; an empty mapping where that cannot be read."""
        return self._data(SETTINGS)

    @property
    def versions(self) -> Any:
        """By which version of what it was written."""
        return self._data(VERSIONS)

    def _data(self, key: str) -> dict[str, Any]:
        try:
            found = json.loads(self.texts.get(key, "{}"))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def source(path: Path, report: Report, limits: Limits = DEFAULT) -> Source | None:
    """Return the text of the spec in an exported file, which is none of a file of its own; None, with an `unreadable`
    or `limit-exceeded` in the report, where there is none.
    """
    name = str(path)
    try:
        text = read(path).spec
    except LimitExceeded as error:
        report.add(Problem("limit-exceeded", f"{error.message}: no more is read", ()).at(name))
        return None
    except (OSError, NothingRead) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        report.add(Problem("unreadable", f"cannot read {name!a}: {reason}").at(name))
        return None
    # JSON can say half a character, which is then refused as what is no UTF-8.
    found = Source.decode(text.encode(errors="surrogatepass"), name, report, limits)
    return found and Source.of(found.text, name)


def read(path: Path) -> Embedded:
    """Return what an exported file carries. Raises NothingRead, LimitExceeded and OSError."""
    reader = {".onnx": _onnx, ".pt2": _pt2, ".safetensors": _safetensors}[path.suffix.lower()]
    try:
        file = files.opened(path)
    except ValueError as error:  # a pipe, a folder, no path at all
        raise NothingRead(str(error)) from None
    try:
        with file:
            return Embedded(reader(file, os.fstat(file.fileno()).st_size))
    except (LimitExceeded, OSError, NothingRead):
        raise
    except UNREADABLE:
        raise NothingRead(DAMAGED) from None


def _hold(size: int) -> None:
    current().hold("header", size, "what it says of itself has", "bytes")


# -- .safetensors -----------------------------------------------------------------------------------------------------


def _safetensors(file: BinaryIO, size: int) -> dict[str, str]:
    length = int.from_bytes(file.read(8), "little")
    if size < 8 + length:
        raise NothingRead(DAMAGED)
    _hold(length)
    header = json.loads(file.read(length))
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise NothingRead(DAMAGED)
    return _own(metadata.items())


def _own(items: Any) -> dict[str, str]:
    """Return our own texts among a file's metadata."""
    pairs = ((key, value) for key, value in items if isinstance(key, str) and isinstance(value, str))
    return {key: value for key, value in pairs if key.startswith(PREFIX)}


# -- .pt2 -------------------------------------------------------------------------------------------------------------


def _pt2(file: BinaryIO, size: int) -> dict[str, str]:
    _hold(archives.directory_size(file, size))
    found: dict[str, str] = {}
    taken = 0
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            _, _, name = entry.filename.partition("/extra/")
            if not name.startswith(PREFIX):
                continue
            taken += entry.file_size
            _hold(taken)
            if not archives.is_packed(entry):
                raise NothingRead(DAMAGED)
            found[name] = archives.content(archive, entry).decode()
    return found


# -- .onnx ------------------------------------------------------------------------------------------------------------


def _onnx(file: BinaryIO, size: int) -> dict[str, str]:
    """Return the metadata of a ModelProto: https://protobuf.dev/programming-guides/encoding."""
    found: dict[str, str] = {}
    taken = 0
    for number, length in _fields(file, size):
        if number != METADATA:
            file.seek(length, os.SEEK_CUR)
            continue
        taken += length
        _hold(taken)
        found |= _own([_entry(file, length)])
    return found


def _entry(file: BinaryIO, length: int) -> tuple[str, str]:
    """Return key and value of a StringStringEntryProto, which the file stands at."""
    texts = {KEY: "", VALUE: ""}
    for number, inner in _fields(file, file.tell() + length):
        texts[number] = file.read(inner).decode()
    return texts[KEY], texts[VALUE]


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """Yield the number of each field of bytes of a message that ends there, and how long it is: whoever takes it reads
    or passes over so much. Other fields are passed over.
    """
    for _ in range(FIELDS):
        at = file.tell()
        if at == end:
            return
        tag = _varint(file)
        match tag & 7:  # how it is written: a number in groups, eight bytes, bytes after their number, four bytes
            case 0:
                _varint(file)
            case 1:
                file.seek(8, os.SEEK_CUR)
            case 2:
                length = _varint(file)
                if length <= end - file.tell():
                    yield tag >> 3, length
                else:
                    break
            case 5:
                file.seek(4, os.SEEK_CUR)
            case _:
                break
        if file.tell() > end:
            break
    raise NothingRead(DAMAGED)


def _varint(file: BinaryIO) -> int:
    """Return a number in groups of seven bits, the lowest first, each but the last with its highest bit set."""
    value = 0
    for shift in range(0, 70, 7):
        (byte,) = file.read(1)
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value
    raise NothingRead(DAMAGED)
