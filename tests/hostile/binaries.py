"""Hostile files of tensors, images, data and runs, made in code: each with the door that it comes in by, and a word of
what must be reported of it.

As a program it reads lines `DOOR PATH`, lets each in by its door in a process of its own, forked from one that has
imported what the doors import, and answers with a line of JSON: what was reported, and the memory that it took in MiB.
"""

from __future__ import annotations

import gc
import io
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile.child import ends_what_never_ends
from tests.steps import highest

WANTED = {"spec": 1, "name": "small", "input": [3], "layers": [{"id": "a", "op": "Linear", "out_features": 2}]}


@dataclass(frozen=True)
class Attack:
    """`make` writes it into a folder and returns its path; `door` is what reads it, `says` is in the answer."""

    name: str
    door: str
    says: str
    make: Callable[[Path], Path]


ATTACKS: dict[str, Attack] = {}


def attack(door: str, says: str) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def kept(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        ATTACKS[make.__name__] = Attack(make.__name__, door, says, make)
        return make

    return kept


# -- safetensors ------------------------------------------------------------------------------------------------------


def safetensors(path: Path, header: bytes, length: int | None = None, size: int = 0) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header) if length is None else length) + header)
        file.truncate(file.tell() + size)
    return path


@attack("weights", "its header has 38,400,001 bytes, more than 4,194,304")
def header_of_many_tensors(folder: Path) -> Path:
    entry = b'"layer0000000":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return safetensors(folder / "x.safetensors", b"{" + b",".join([entry] * 600_000) + b"}")


@attack("weights", "no file of tensors")
def header_longer_than_the_file(folder: Path) -> Path:
    return safetensors(folder / "x.safetensors", b"{}", length=2**62)


@attack("weights", "it has 50,001 tensors, more than 50,000")
def header_of_one_tensor_too_many(folder: Path) -> Path:
    entries = {f"{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(50_001)}
    return safetensors(folder / "x.safetensors", json.dumps(entries, separators=(",", ":")).encode())


@attack("weights", "does not fit")
def tensor_of_holes(folder: Path) -> Path:
    entries = {"a.weight": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}}
    return safetensors(folder / "x.safetensors", json.dumps(entries).encode(), size=2**32)


# -- archives of torch.save -------------------------------------------------------------------------------------------


def archive(path: Path, data: bytes, records: dict[str, bytes] | None = None, *, deflated: bool = False) -> Path:
    """What torch.save writes, of a pickle and the bytes of storages."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED, compresslevel=1) as made:
        made.writestr("x/data.pkl", data)
        for key, content in (records or {}).items():
            made.writestr(f"x/data/{key}", content)
    return path


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    encoded = pickle.encode_long(value)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    return (
        b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + number(count) + b"tQ"
    )


def tensor(where: bytes, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    arguments = (
        b"("
        + where
        + number(offset)
        + numbers(shape)
        + numbers(strides)
        + b"\x89"
        + call("collections OrderedDict")
        + b"t"
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def call(name: str, arguments: bytes = b")") -> bytes:
    module, function = name.split()
    return f"c{module}\n{function}\n".encode() + arguments + b"R"


def mapping(*items: tuple[str, bytes]) -> bytes:
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in items) + b"u."


def one(path: Path, value: bytes, records: dict[str, bytes] | None = None) -> Path:
    return archive(path, mapping(("a.weight", value)), records)


@attack("weights", "its tensors take 536,870,912 bytes")
def deflated_zeros(folder: Path) -> Path:
    return archive(
        folder / "x.pt",
        mapping(("a.weight", tensor(storage("0", 2**27), (2**27,), (1,)))),
        {"0": bytes(2**29)},
        deflated=True,
    )


@attack("weights", "its pickle has 536,870,912 bytes, more than 4,194,304")
def deflated_pickle(folder: Path) -> Path:
    return archive(folder / "x.pt", bytes(2**29), deflated=True)


@attack("weights", "it is damaged")
def deflated_more_than_it_says(folder: Path) -> Path:
    """The directory says 8 bytes, and what is deflated is half a gigabyte."""
    path = deflated_zeros(folder)
    content = bytearray(path.read_bytes())
    for place in range(len(content) - 400, len(content)):
        if content[place : place + 4] == b"PK\x01\x02" and content[place + 46 : place + 56] == b"x/data/0":
            content[place + 24 : place + 28] = struct.pack("<I", 8)
    place = content.rfind(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 8)
    path.write_bytes(content)
    return path


@attack("weights", "the directory of its archive has")
def archive_of_many_entries(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x.pt", "w") as made:
        made.writestr("x/data.pkl", mapping())
        for number in range(90_000):
            made.writestr(f"x/data/{number}", b"")
    return folder / "x.pt"


@attack("weights", "does not fit")
def archive_of_holes(folder: Path) -> Path:
    """One stored record of 4 GB less a bit, most of which takes no place on the disk."""
    count = 2**30 - 2**20
    content = archive(
        folder / "x.pt", mapping(("a.weight", tensor(storage("0", count), (count,), (1,)))), {"0": b"data"}
    )
    before, _, after = content.read_bytes().partition(b"x/data/0data")
    grown = (4 * count).to_bytes(4, "little")
    directory = bytearray(after)
    entry = directory.rfind(b"PK\x01\x02")
    directory[entry + 20 : entry + 28] = grown * 2
    end = directory.rfind(b"PK\x05\x06")
    first = struct.unpack("<I", directory[end + 16 : end + 20])[0]
    directory[end + 16 : end + 20] = struct.pack("<I", first + 4 * count - 4)
    with content.open("wb") as file:
        file.write(before + b"x/data/0")
        file.seek(4 * count, os.SEEK_CUR)
        file.write(directory)
    return content


@attack("weights", "`a.weight` takes more bytes than the 16 that are there")
def storage_larger_than_its_record(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 10**9), (10**9,), (1,)), {"0": bytes(16)})


@attack("weights", "its tensors take 4,000,000,000,000 bytes")
def one_element_seen_often(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 1), (10**12,), (0,)), {"0": bytes(4)})


@attack("checkpoint", "its tensors take 4,000,000,000,000 bytes")
def one_element_seen_often_in_a_checkpoint(folder: Path) -> Path:
    return one_element_seen_often(folder)


@attack("weights", "more than 2**48 bytes")
def shape_that_no_number_holds(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 1), (2**40, 2**40), (0, 0)), {"0": bytes(4)})


@attack("weights", "`a.weight` takes more bytes")
def strides_that_lead_away(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 4), (2, 3), (2**40, 1)), {"0": bytes(16)})


@attack("weights", "it is damaged")
def negative_strides(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 4), (2, 3), (-3, 1)), {"0": bytes(24)})


@attack("weights", "its tensors take")
def storages_shared_by_many(folder: Path) -> Path:
    """A hundred tensors of 40 MB, all of the same bytes."""
    first = b"ctorch._utils\n_rebuild_tensor_v2\nq\x00(" + storage("0", 10**7)
    first += number(0) + numbers((10**7,)) + numbers((1,)) + b"\x89}tq\x01R"
    again = b"h\x00h\x01R"
    items = b"".join(text(f"t{i}") + (again if i else first) for i in range(100))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.", {"0": bytes(4 * 10**7)})


@attack("weights", "`a.weight` is a `builtins.bytearray`")
def bytearray_of_its_choice(folder: Path) -> Path:
    return one(folder / "x.pt", call("builtins bytearray", number(10**10) + b"\x85"))


@attack("weights", "`a.weight` is a `torch.Tensor`")
def tensor_of_its_choice(folder: Path) -> Path:
    return one(folder / "x.pt", call("torch Tensor", number(10**10) + b"\x85"))


@attack("weights", "it is damaged")
def codecs_that_double(folder: Path) -> Path:
    """bytes to hexadecimal, and again, sixty times."""
    value = call("_codecs encode", text("x") + text("latin1") + b"\x86")
    for _ in range(60):
        value = call("_codecs encode", value + text("hex") + b"\x86")
    return one(folder / "x.pt", value)


@attack("weights", "its pickle makes")
def text_made_again_and_again(folder: Path) -> Path:
    """A text of a megabyte, encoded five hundred thousand times."""
    first = b"c_codecs\nencode\nq\x00(" + text("x" * 2**20) + text("latin1") + b"tq\x01R"
    return archive(folder / "x.pt", b"\x80\x02](" + first + b"h\x00h\x01R" * 500_000 + b"e.")


@attack("weights", "its pickle makes")
def lists_and_more_lists(folder: Path) -> Path:
    return archive(folder / "x.pt", b"\x80\x02(" + b"]" * (2**22 - 10) + b"l.")


@attack("weights", "it holds 1,048,577 objects")
def lists_that_double(folder: Path) -> Path:
    doubled = b"".join(b"](h%bh%beq%b" % (bytes([i]), bytes([i]), bytes([i + 1])) for i in range(25))
    return one(folder / "x.pt", b"](]q\x00" + doubled + b"e")


@attack("weights", "inside each other")
def list_in_itself(folder: Path) -> Path:
    return one(folder / "x.pt", b"]q\x00h\x00a")


@attack("weights", "inside each other")
def lists_in_lists(folder: Path) -> Path:
    return one(folder / "x.pt", b"]" * 100_000 + b"a" * 99_999)


@attack("weights", "its pickle has")
def million_keys(folder: Path) -> Path:
    items = b"".join(text(f"k{i}") + b"K\x00" for i in range(10**6))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.")


@attack("weights", "its pickle makes")
def many_keys(folder: Path) -> Path:
    items = b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(600_000))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.")


@attack("weights", "it has a key of type int, where names are wanted")
def keys_that_collide(folder: Path) -> Path:
    """Multiples of what Python takes hashes by."""
    items = b"".join(number(i * (2**61 - 1)) + b"N" for i in range(1, 200_000))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.")


@attack("weights", "it has 50,001 tensors")
def many_tensors_of_few_bytes(folder: Path) -> Path:
    first = b"ctorch._utils\n_rebuild_tensor_v2\nq\x00(" + storage("0", 1)
    first += number(0) + b"))\x89}tq\x01R"
    items = first + b"h\x00h\x01R" * 100_000
    return archive(folder / "x.pt", b"\x80\x02](" + items + b"e.", {"0": bytes(4)})


@attack("weights", "its pickle says")
def memo_far_away(folder: Path) -> Path:
    return archive(folder / "x.pt", b"\x80\x04]\x94r\xff\xff\xff\xff.")


# -- files of torch before 1.6 ----------------------------------------------------------------------------------------


def sequence(path: Path, value: bytes, *keys: str, data: bytes = b"") -> Path:
    parts = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    path.write_bytes(b"".join(parts) + value + pickle.dumps(list(keys), 2) + data)
    return path


def old_storage(key: str, count: int) -> bytes:
    return storage(key, count)[:-2] + b"NtQ"


@attack("weights", "no file of tensors")
def old_storage_of_its_choice(folder: Path) -> Path:
    value = mapping(("a.weight", tensor(old_storage("0", 2**36), (2**36,), (1,))))
    return sequence(folder / "x.pt", value, "0", data=struct.pack("<q", 2**36))


@attack("weights", "it is damaged")
def old_storage_that_is_not_there(folder: Path) -> Path:
    return sequence(folder / "x.pt", mapping(("a.weight", tensor(old_storage("0", 2**36), (2**36,), (1,)))))


@attack("weights", "it is one pickle, or begins like one, of 1,073,741,824 bytes")
def old_pickle_without_end(folder: Path) -> Path:
    with sequence(folder / "x.pt", b"\x80\x02X" + struct.pack("<I", 2**30)).open("ab") as file:
        file.truncate(2**30)
    return folder / "x.pt"


@attack("weights", "it is a tar archive")
def tar(folder: Path) -> Path:
    import tarfile

    with tarfile.open(folder / "x.pt", "w") as made:
        made.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    return folder / "x.pt"


# -- images -----------------------------------------------------------------------------------------------------------


def png(path: Path, width: int, height: int) -> Path:
    """A black image of grey pixels, written without making it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row, packed = zlib.compressobj(9), bytes(1 + width), []
    packed = [packer.compress(row) for _ in range(height)]
    data = b"".join(packed) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


@attack("images", "has 169,000,000 pixels, 13000 x 13000, more than 50,000,000")
def picture(folder: Path) -> Path:
    return png(folder / "x.png", 13_000, 13_000)


@attack("images", "has 182,000,000 pixels")
def picture_that_pillow_refuses(folder: Path) -> Path:
    return png(folder / "x.png", 14_000, 13_000)


@attack("images", "has 100,000 pixels along a side")
def picture_of_one_row(folder: Path) -> Path:
    return png(folder / "x.png", 100_000, 1)


@attack("prepared", "under `prepare`, gets 491,520,000 pixels along a side")
def picture_that_grows(folder: Path) -> Path:
    return png(folder / "x.png", 60_000, 1)


@attack("images", "in each tile, 1,073,741,824 pixels")
def tiles(folder: Path) -> Path:
    """A picture of 16 x 16 in one tile of 32768 x 32768, deflated."""
    data = zlib.compress(bytes(2**26), 9)
    tags = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1), (322, 2**15), (323, 2**15), (324, 8)]
    tags.append((325, len(data)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    (folder / "x.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)
    return folder / "x.tif"


@attack("images", "has the bytes of 1,073,741,824 pixels")
def picture_of_holes(folder: Path) -> Path:
    with (folder / "x.webp").open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WEBPVP8L")
        file.truncate(2**33)
    return folder / "x.webp"


@attack("images", "no file")
def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "x.png")
    return folder / "x.png"


@attack("images", "cannot identify image file")
def postscript(folder: Path) -> Path:
    """A format that another program would run."""
    (folder / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    return folder / "x.png"


# -- data sets and runs -----------------------------------------------------------------------------------------------


def mnist(folder: Path) -> Path:
    (folder / "MNIST" / "raw").mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / "MNIST" / "raw" / f"{name}-ubyte").write_bytes(struct.pack(">4B4I", 0, 0, 8, 3, 0, 28, 28, 0))
    return folder


@attack("mnist", "half of it is for data")
def digits_of_holes(folder: Path) -> Path:
    with (mnist(folder) / "MNIST" / "raw" / "train-images-idx3-ubyte").open("r+b") as file:
        file.truncate(2**40)
    return folder


@attack("mnist", "is broken or incomplete")
def digits_of_another_kind(folder: Path) -> Path:
    (mnist(folder) / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 9, 9, 7, 9, 1, 1, 1))
    return folder


@attack("mnist", "its tensors take 4,000,000,000,000 bytes")
def digits_of_before(folder: Path) -> Path:
    (folder / "MNIST" / "processed").mkdir(parents=True)
    one_element_seen_often(folder).rename(folder / "MNIST" / "processed" / "training.pt")
    return folder


def run(folder: Path, **changed: Any) -> Path:
    recipe = {"recipe": 1, "name": "r", "network": "mnist_cnn", "data": {"dataset": "folder", "mode": "L"},
              "optimizer": {"op": "AdamW", "lr": 0.1}, "batch_size": 1, "epochs": 1}  # fmt: skip
    facts = {"recipe": recipe, "classes": list("0123456789"), "mean": [0.5], "std": [0.5], "input": [1, 28, 28]}
    (folder / "run.json").write_text(json.dumps({**facts, **changed}))
    return folder


@attack("run", "run.json has 1,073,741,824 bytes, more than 4,194,304")
def facts_without_end(folder: Path) -> Path:
    with (run(folder) / "run.json").open("r+b") as file:
        file.truncate(2**30)
    return folder


@attack("run", "a number in it has 1,000,000 digits")
def facts_of_many_digits(folder: Path) -> Path:
    (folder / "run.json").write_text(f'{{"mean": [{"9" * 10**6}]}}')
    return folder


@attack("run", "cannot read")
def facts_in_facts(folder: Path) -> Path:
    (folder / "run.json").write_text("[" * 10**6)
    return folder


@attack("run", "model.pt: its tensors take 4,000,000,000,000 bytes")
def weights_of_a_run(folder: Path) -> Path:
    one_element_seen_often(run(folder)).rename(folder / "model.pt")
    return folder


@attack("run", "last.ckpt: its tensors take 4,000,000,000,000 bytes")
def checkpoint_of_a_run(folder: Path) -> Path:
    (run(folder) / "checkpoints").mkdir()
    one_element_seen_often(folder).rename(folder / "checkpoints" / "last.ckpt")
    return folder


# -- exported files ---------------------------------------------------------------------------------------------------


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


@attack("exported", "what it says of itself has 4,294,967,")
def metadata_of_holes(folder: Path) -> Path:
    return onnx(folder, metadata(2**32), 2**32)


@attack("exported", "what it says of itself has 4,")
def many_entries_of_metadata(folder: Path) -> Path:
    return onnx(folder, (metadata(2**18) + b"a" * 2**18) * 17)


@attack("exported", "it is damaged")
def fields_without_end(folder: Path) -> Path:
    return onnx(folder, b"\x08\x01" * 5_000_000)


@attack("exported", "it is damaged")
def field_longer_than_the_file(folder: Path) -> Path:
    return onnx(folder, b"\x3a" + varint(2**62))


@attack("exported", "it is damaged")
def number_that_goes_on(folder: Path) -> Path:
    return onnx(folder, b"\xff" * 2**20)


@attack("exported", "it is damaged")
def entry_longer_than_it_says(folder: Path) -> Path:
    return onnx(folder, b"\x72\x06\x0a" + varint(2**40), 2**24)


@attack("exported", "it is damaged")
def spec_that_is_no_text(folder: Path) -> Path:
    return onnx(folder, metadata(4) + b"\xff" * 4)


@attack("exported", "larger than 1,048,576 bytes")
def spec_above_the_limit(folder: Path) -> Path:
    return onnx(folder, metadata(2**21) + b"#" * 2**21)


@attack("exported", "it is damaged")
def header_of_lists_in_lists(folder: Path) -> Path:
    return safetensors(folder / "x.safetensors", b'{"__metadata__":' + b"[" * 2**21)


@attack("exported", "no spec")
def metadata_that_is_no_text(folder: Path) -> Path:
    return safetensors(folder / "x.safetensors", b'{"__metadata__":{"speczoo.spec":{"a":[1]}}}')


@attack("exported", "what it says of itself has 536,870,912 bytes")
def deflated_spec(folder: Path) -> Path:
    path = folder / "x.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr("net/extra/speczoo.spec", bytes(2**29))
    return path


@attack("exported", "it is damaged")
def spec_packed_otherwise(folder: Path) -> Path:
    path = folder / "x.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("net/extra/speczoo.spec", "spec: 1")
    return path


@attack("exported", "it is damaged")
def pickle_in_the_place_of_an_archive(folder: Path) -> Path:
    path = folder / "x.pt2"
    path.write_bytes(pickle.dumps(print))
    return path


@attack("exported", "not a regular file")
def pipe_in_the_place_of_a_model(folder: Path) -> Path:
    os.mkfifo(folder / "x.onnx")
    return folder / "x.onnx"


# -- doors ------------------------------------------------------------------------------------------------------------


def weights(path: Path) -> None:
    import speczoo

    speczoo.build(WANTED, path)


def checkpoint(path: Path) -> None:
    from speczoo.training.files import read_tensors

    read_tensors(path, copied=True)


def exported(path: Path) -> None:
    from speczoo import catalogue

    catalogue.found(path)


def images(path: Path) -> None:
    from speczoo.training.images import read_images

    read_images([path], "RGB")


def folder(path: Path) -> None:
    from speczoo.training import recipe as r
    from speczoo.training.images import read_images

    read_images(sorted(path.glob("*")), "L", [r.Resize(op="Resize", size=8)])


def prepared(path: Path) -> None:
    from speczoo.training import recipe as r
    from speczoo.training.images import read_images

    read_images([path], "RGB", [r.Resize(op="Resize", size=8192)])


def data(path: Path) -> None:
    from speczoo.training import recipe_loader
    from speczoo.training.data import load

    load(recipe_loader.load("mnist_cnn"), path)


def opened(path: Path) -> None:
    from speczoo.training.run import Run

    Run.open(path).model()


DOORS: dict[str, Callable[[Path], None]] = {
    "weights": weights,
    "checkpoint": checkpoint,
    "exported": exported,
    "images": images,
    "folder": folder,
    "prepared": prepared,
    "mnist": data,
    "run": opened,
}


def told(door: str, path: Path) -> str:
    """What is reported of it, by an error that is written for people."""
    import speczoo
    from speczoo.training.errors import TrainingError

    try:
        DOORS[door](path)
    except (speczoo.SpecError, speczoo.WeightsError, TrainingError) as error:
        return str(error)
    return ""


def main() -> None:
    from speczoo.torchvision import torchvision

    torchvision()
    import safetensors.torch  # noqa: F401
    from PIL import Image

    from speczoo.training import data, run  # noqa: F401

    Image.init()
    for door in DOORS:  # imports what is imported late
        told(door, Path("nowhere"))
    gc.collect()
    gc.freeze()  # what forks have in common is no garbage of theirs
    for line in sys.stdin:
        door, _, path = line.rstrip("\n").partition(" ")
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            ends_what_never_ends()
            os.close(reader)
            before = highest()
            try:
                found: dict[str, Any] = {"told": told(door, Path(path))}
            except BaseException as error:
                found = {"told": f"{type(error).__name__}: {error!s:.300}"}
            with os.fdopen(writer, "w") as pipe:
                json.dump({**found, "taken": highest() - before}, pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            answer = pipe.read()
        status = os.waitpid(child, 0)[1]
        print(answer if answer and not status else json.dumps({"told": f"ended by signal {status & 127}"}), flush=True)


if __name__ == "__main__":
    main()
