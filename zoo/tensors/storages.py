"""Where the bytes of a file's storages are."""

from __future__ import annotations

import mmap
import struct
import zipfile
from typing import BinaryIO

import torch

from speczoo import archives
from speczoo.tensors.descriptions import DAMAGED, TensorsError


class Bytes:
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
