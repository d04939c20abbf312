"""Hostile files of exported networks: ONNX, programs of torch.export, weights with a spec beside them."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

from tests.hostile.files import hostile
from tests.hostile.tensor_files import safetensors


def varint(number: int) -> bytes:
    more = []
    while number > 0x7F:
        more.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*more, number])


def metadata(length: int, key: bytes = b"speczoo.spec") -> bytes:
    """The start of an entry of a model's metadata whose value has so many bytes."""
    inner = b"\x0a" + varint(len(key)) + key + b"\x12" + varint(length)
    return b"\x72" + varint(len(inner) + length) + inner


def onnx(folder: Path, content: bytes, more: int = 0) -> Path:
    path = folder / "x.onnx"
    with path.open("wb") as file:
        file.write(content)
        file.truncate(len(content) + more)
    return path


@hostile("exported", "what it says of itself has 4,294,967,")
def metadata_of_gaps(folder: Path) -> Path:
    return onnx(folder, metadata(2**32), 2**32)


@hostile("exported", "what it says of itself has 4,")
def many_entries_of_metadata(folder: Path) -> Path:
    return onnx(folder, (metadata(2**18) + b"a" * 2**18) * 17)


@hostile("exported", "it is damaged")
def fields_without_end(folder: Path) -> Path:
    return onnx(folder, b"\x08\x01" * 5_000_000)


@hostile("exported", "it is damaged")
def field_longer_than_the_file(folder: Path) -> Path:
    return onnx(folder, b"\x3a" + varint(2**62))


@hostile("exported", "it is damaged")
def number_that_goes_on(folder: Path) -> Path:
    return onnx(folder, b"\xff" * 2**20)


@hostile("exported", "it is damaged")
def entry_longer_than_it_says(folder: Path) -> Path:
    return onnx(folder, b"\x72\x06\x0a" + varint(2**40), 2**24)


@hostile("exported", "it is damaged")
def spec_that_is_no_text(folder: Path) -> Path:
    return onnx(folder, metadata(4) + b"\xff" * 4)


@hostile("exported", "larger than 1,048,576 bytes")
def spec_above_the_limit(folder: Path) -> Path:
    return onnx(folder, metadata(2**21) + b"#" * 2**21)


@hostile("exported", "it is damaged")
def header_of_lists_in_lists(folder: Path) -> Path:
    return safetensors(folder / "x.safetensors", b'{"__metadata__":' + b"[" * 2**21)


@hostile("exported", "no spec")
def metadata_that_is_no_text(folder: Path) -> Path:
    return safetensors(folder / "x.safetensors", b'{"__metadata__":{"speczoo.spec":{"a":[1]}}}')


@hostile("exported", "what it says of itself has 536,870,912 bytes")
def deflated_spec(folder: Path) -> Path:
    path = folder / "x.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr("net/extra/speczoo.spec", bytes(2**29))
    return path


@hostile("exported", "it is damaged")
def spec_packed_otherwise(folder: Path) -> Path:
    path = folder / "x.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("net/extra/speczoo.spec", "spec: 1")
    return path


@hostile("exported", "it is damaged")
def pickle_in_the_place_of_an_archive(folder: Path) -> Path:
    path = folder / "x.pt2"
    path.write_bytes(pickle.dumps(print))
    return path


@hostile("exported", "not a regular file")
def pipe_in_the_place_of_a_model(folder: Path) -> Path:
    os.mkfifo(folder / "x.onnx")
    return folder / "x.onnx"
