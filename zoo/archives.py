"""What a zip archive says of itself before any of it is unpacked: whoever wrote it, that is known and bounded first."""

from __future__ import annotations

import zipfile
from typing import BinaryIO

#: How entries may be packed: others take memory that no header states.
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Damaged(ValueError):
    """An archive that does not hold what its directory says, or that none is."""


def directory_size(file: BinaryIO, size: int) -> int:
    """Return the bytes of an archive's directory, which `zipfile` reads whole, by the records at the very end of
    the file, of `size` bytes. Raises Damaged.
    """
    file.seek(max(0, size - 98))
    ending = file.read(98)
    if ending[-22:-18] != b"PK\x05\x06" or ending[-2:] != b"\0\0":
        raise Damaged
    if ending[-42:-38] != b"PK\x06\x07":
        return int.from_bytes(ending[-10:-6], "little")
    if ending[:4] != b"PK\x06\x06" or int.from_bytes(ending[-34:-26], "little") != size - 98:
        raise Damaged
    return int.from_bytes(ending[-58:-50], "little")


def is_packed(entry: zipfile.ZipInfo) -> bool:
    """Return whether an entry can be unpacked here: it is stored or deflated, and not encrypted."""
    return entry.compress_type in PACKED and not entry.flag_bits & 1


def content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return what an entry holds: as much as the archive's directory says, and never more, whatever was deflated there.
    Raises Damaged.
    """
    with archive.open(entry) as file:
        found = file.read(entry.file_size)
    if len(found) != entry.file_size:
        raise Damaged
    return found
