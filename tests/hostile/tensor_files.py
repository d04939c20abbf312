"""Hostile files of tensors: safetensors, archives of torch.save, and what torch wrote before 1.6."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

from tests.hostile.files import hostile

# -- safetensors ------------------------------------------------------------------------------------------------------


def safetensors(path: Path, header: bytes, length: int | None = None, size: int = 0) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header) if length is None else length) + header)
        file.truncate(file.tell() + size)
    return path


@hostile("weights", "its header has 38,400,001 bytes, more than 4,194,304")
def header_of_many_tensors(folder: Path) -> Path:
    entry = b'"layer0000000":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return safetensors(folder / "x.safetensors", b"{" + b",".join([entry] * 600_000) + b"}")


@hostile("weights", "no file of tensors")
def header_longer_than_the_file(folder: Path) -> Path:
    return safetensors(folder / "x.safetensors", b"{}", length=2**62)


@hostile("weights", "it has 50,001 tensors, more than 50,000")
def header_of_one_tensor_too_many(folder: Path) -> Path:
    entries = {f"{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(50_001)}
    return safetensors(folder / "x.safetensors", json.dumps(entries, separators=(",", ":")).encode())


@hostile("weights", "does not fit")
def tensor_of_gaps(folder: Path) -> Path:
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


@hostile("weights", "its tensors take 536,870,912 bytes")
def deflated_zeros(folder: Path) -> Path:
    return archive(
        folder / "x.pt",
        mapping(("a.weight", tensor(storage("0", 2**27), (2**27,), (1,)))),
        {"0": bytes(2**29)},
        deflated=True,
    )


@hostile("weights", "its pickle has 536,870,912 bytes, more than 4,194,304")
def deflated_pickle(folder: Path) -> Path:
    return archive(folder / "x.pt", bytes(2**29), deflated=True)


@hostile("weights", "it is damaged")
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


@hostile("weights", "the directory of its archive has")
def archive_of_many_entries(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x.pt", "w") as made:
        made.writestr("x/data.pkl", mapping())
        for number in range(90_000):
            made.writestr(f"x/data/{number}", b"")
    return folder / "x.pt"


@hostile("weights", "does not fit")
def archive_of_gaps(folder: Path) -> Path:
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


@hostile("weights", "`a.weight` takes more bytes than the 16 that are there")
def storage_larger_than_its_record(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 10**9), (10**9,), (1,)), {"0": bytes(16)})


@hostile("weights", "its tensors take 4,000,000,000,000 bytes")
def one_element_viewed_often(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 1), (10**12,), (0,)), {"0": bytes(4)})


@hostile("checkpoint", "its tensors take 4,000,000,000,000 bytes")
def one_element_viewed_often_in_a_checkpoint(folder: Path) -> Path:
    return one_element_viewed_often(folder)


@hostile("weights", "more than 2**48 bytes")
def shape_that_no_number_holds(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 1), (2**40, 2**40), (0, 0)), {"0": bytes(4)})


@hostile("weights", "`a.weight` takes more bytes")
def strides_that_lead_away(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 4), (2, 3), (2**40, 1)), {"0": bytes(16)})


@hostile("weights", "it is damaged")
def negative_strides(folder: Path) -> Path:
    return one(folder / "x.pt", tensor(storage("0", 4), (2, 3), (-3, 1)), {"0": bytes(24)})


@hostile("weights", "its tensors take")
def storages_shared_by_many(folder: Path) -> Path:
    """A hundred tensors of 40 MB, all of the same bytes."""
    first = b"ctorch._utils\n_rebuild_tensor_v2\nq\x00(" + storage("0", 10**7)
    first += number(0) + numbers((10**7,)) + numbers((1,)) + b"\x89}tq\x01R"
    again = b"h\x00h\x01R"
    items = b"".join(text(f"t{i}") + (again if i else first) for i in range(100))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.", {"0": bytes(4 * 10**7)})


@hostile("weights", "`a.weight` is a `builtins.bytearray`")
def bytearray_of_its_choice(folder: Path) -> Path:
    return one(folder / "x.pt", call("builtins bytearray", number(10**10) + b"\x85"))


@hostile("weights", "`a.weight` is a `torch.Tensor`")
def tensor_of_its_choice(folder: Path) -> Path:
    return one(folder / "x.pt", call("torch Tensor", number(10**10) + b"\x85"))


@hostile("weights", "it is damaged")
def codecs_that_double(folder: Path) -> Path:
    """bytes to hexadecimal, and again, sixty times."""
    value = call("_codecs encode", text("x") + text("latin1") + b"\x86")
    for _ in range(60):
        value = call("_codecs encode", value + text("hex") + b"\x86")
    return one(folder / "x.pt", value)


@hostile("weights", "its pickle makes")
def text_made_again_and_again(folder: Path) -> Path:
    """A text of a megabyte, encoded five hundred thousand times."""
    first = b"c_codecs\nencode\nq\x00(" + text("x" * 2**20) + text("latin1") + b"tq\x01R"
    return archive(folder / "x.pt", b"\x80\x02](" + first + b"h\x00h\x01R" * 500_000 + b"e.")


@hostile("weights", "its pickle makes")
def lists_and_more_lists(folder: Path) -> Path:
    return archive(folder / "x.pt", b"\x80\x02(" + b"]" * (2**22 - 10) + b"l.")


@hostile("weights", "it holds 1,048,577 objects")
def lists_that_double(folder: Path) -> Path:
    doubled = b"".join(b"](h%bh%beq%b" % (bytes([i]), bytes([i]), bytes([i + 1])) for i in range(25))
    return one(folder / "x.pt", b"](]q\x00" + doubled + b"e")


@hostile("weights", "inside each other")
def list_in_itself(folder: Path) -> Path:
    return one(folder / "x.pt", b"]q\x00h\x00a")


@hostile("weights", "inside each other")
def lists_in_lists(folder: Path) -> Path:
    return one(folder / "x.pt", b"]" * 100_000 + b"a" * 99_999)


@hostile("weights", "its pickle has")
def million_keys(folder: Path) -> Path:
    items = b"".join(text(f"k{i}") + b"K\x00" for i in range(10**6))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.")


@hostile("weights", "its pickle makes")
def many_keys(folder: Path) -> Path:
    items = b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(600_000))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.")


@hostile("weights", "it has a key of type int, where names are wanted")
def keys_that_collide(folder: Path) -> Path:
    """Multiples of what Python takes hashes by."""
    items = b"".join(number(i * (2**61 - 1)) + b"N" for i in range(1, 200_000))
    return archive(folder / "x.pt", b"\x80\x02}(" + items + b"u.")


@hostile("weights", "it has 50,001 tensors")
def many_tensors_of_few_bytes(folder: Path) -> Path:
    first = b"ctorch._utils\n_rebuild_tensor_v2\nq\x00(" + storage("0", 1)
    first += number(0) + b"))\x89}tq\x01R"
    items = first + b"h\x00h\x01R" * 100_000
    return archive(folder / "x.pt", b"\x80\x02](" + items + b"e.", {"0": bytes(4)})


@hostile("weights", "its pickle says")
def memo_far_away(folder: Path) -> Path:
    return archive(folder / "x.pt", b"\x80\x04]\x94r\xff\xff\xff\xff.")


# -- files of torch before 1.6 ----------------------------------------------------------------------------------------


def sequence(path: Path, value: bytes, *keys: str, data: bytes = b"") -> Path:
    parts = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    path.write_bytes(b"".join(parts) + value + pickle.dumps(list(keys), 2) + data)
    return path


def old_storage(key: str, count: int) -> bytes:
    return storage(key, count)[:-2] + b"NtQ"


@hostile("weights", "no file of tensors")
def old_storage_of_its_choice(folder: Path) -> Path:
    value = mapping(("a.weight", tensor(old_storage("0", 2**36), (2**36,), (1,))))
    return sequence(folder / "x.pt", value, "0", data=struct.pack("<q", 2**36))


@hostile("weights", "it is damaged")
def old_storage_that_is_not_there(folder: Path) -> Path:
    return sequence(folder / "x.pt", mapping(("a.weight", tensor(old_storage("0", 2**36), (2**36,), (1,)))))


@hostile("weights", "it is one pickle, or begins like one, of 1,073,741,824 bytes")
def old_pickle_without_end(folder: Path) -> Path:
    with sequence(folder / "x.pt", b"\x80\x02X" + struct.pack("<I", 2**30)).open("ab") as file:
        file.truncate(2**30)
    return folder / "x.pt"


@hostile("weights", "it is a tar archive")
def tar(folder: Path) -> Path:
    import tarfile

    with tarfile.open(folder / "x.pt", "w") as made:
        made.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    return folder / "x.pt"
