"""The two formats of torch.save: an archive, and before torch 1.6 a sequence of pickles."""

from __future__ import annotations

import io
import sys
import zipfile
from typing import BinaryIO

from speczoo import archives
from speczoo.limits import DataLimits, LimitExceeded
from speczoo.tensors.contents import Described
from speczoo.tensors.descriptions import DAMAGED, STATE_DICT, TensorsError
from speczoo.tensors.storages import Bytes
from speczoo.tensors.unpickling import Pickle

ARCHIVE = b"PK\x03\x04"  # how a file of torch.save begins; before torch 1.6 it is a sequence of pickles
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # the first two of those


def read_archive(file: BinaryIO, size: int, limits: DataLimits) -> Described:
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
    value = Pickle(limits).load(io.BytesIO(archives.content(archive, entries[pickles[0]])))
    storages = Bytes(file, size)
    for name, entry in entries.items():
        if name.startswith(f"{folder}data/"):
            storages.add_entry(name.removeprefix(f"{folder}data/"), archive, entry)
    return Described(value, storages, limits)


def read_sequence(file: BinaryIO, size: int, limits: DataLimits) -> Described:
    """Return what torch.save wrote before: pickles one after the other, and the bytes of each storage after its
    length.
    """
    file.seek(0)
    head = file.read(limits.header + 1)
    if head[257:262] == b"ustar":
        raise TensorsError("it is a tar archive, which torch stopped writing long ago", "save it anew")
    stream, reader = io.BytesIO(head), Pickle(limits)
    try:
        magic = reader.load(stream)
        if magic != MAGIC or Pickle(limits).load(stream) != PROTOCOL:
            raise TensorsError(DAMAGED)
        Pickle(limits).load(stream)  # sizes of numbers on the machine that wrote
        reader = Pickle(limits)
        value, keys = reader.load(stream), Pickle(limits).load(stream)
    except (ValueError, IndexError) as error:
        if stream.tell() > limits.header and not isinstance(error, TensorsError | LimitExceeded):
            limits.hold("header", size, "it is one pickle, or begins like one, of", "bytes")
        raise
    storages, first = Bytes(file, size), stream.tell()
    for key in keys:
        file.seek(first)
        length = int.from_bytes(file.read(8), "little") * reader.widths[key]
        storages.add(key, first + 8, length)
        first += 8 + length
    return Described(value, storages, limits)
