"""Whatever torch.save writes is read as torch reads it, and whatever it does not write is refused in words."""

from __future__ import annotations

import io
import struct
import zipfile
from collections import Counter, OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from speczoo import limits, tensors
from speczoo.limits import LimitExceeded
from speczoo.tensors import TensorsError
from tests.hostile.tensor_files import number, storage, tensor, text

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool, torch.complex64)  # fmt: skip
NEW = (torch.uint16, torch.float8_e4m3fn)  # which only archives hold

shapes = st.lists(st.integers(0, 4), max_size=3)


@st.composite
def tensors_(draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = DTYPES) -> Tensor:
    """Whole ones, and views: transposed, in part, of one element many times."""
    shape = draw(shapes)
    made = torch.arange(max(1, torch.Size(shape).numel())).to(draw(st.sampled_from(dtypes)))
    made = made[: torch.Size(shape).numel()].reshape(shape)
    view = draw(st.sampled_from(["whole", "turned", "part", "spread", "parameter"]))
    if view == "turned":
        return made.movedim(0, -1) if shape else made
    if view == "part":
        return made[1:] if shape and shape[0] else made
    if view == "spread":
        return made[None].expand(3, *shape)
    return nn.Parameter(made) if view == "parameter" and made.is_floating_point() else made


keys = st.one_of(st.text(max_size=9), st.integers(-3, 2**40))
plain = st.one_of(
    st.sampled_from([None, True, False, *DTYPES]),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=9),
    st.binary(min_size=1, max_size=9),
)


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(keys, inner, max_size=4),
            st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
            st.dictionaries(keys, st.integers(0, 9), max_size=3).map(Counter),
            st.sets(keys, max_size=3),
        )

    return st.recursive(st.one_of(plain, leaves), inside, max_leaves=9)


def saved(value: Any, **options: Any) -> bytes:
    content = io.BytesIO()
    torch.save(value, content, **options)
    return content.getvalue()


def read(folder: Path, content: bytes, **options: Any) -> Any:
    path = folder / "x.pt"
    path.unlink(missing_ok=True)  # what was read before is a view of it
    path.write_bytes(content)
    return tensors.read(path, **options)


def deflated(content: bytes) -> bytes:
    """The same archive, as other tools pack it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in given.infolist():
            made.writestr(entry.filename, given.read(entry))
    return out.getvalue()


def same(ours: Any, theirs: Any, *, strides: bool = True) -> bool:
    if isinstance(theirs, Tensor):
        like = (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        like = like and (not strides or ours.stride() == theirs.stride())
        kind = torch.complex128 if theirs.is_complex() else torch.float64
        return like and torch.equal(ours.to(kind), theirs.detach().to(kind))
    if type(ours) is not type(theirs):
        return False
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key], strides=strides) for key in theirs)
    if isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(partial(same, strides=strides), ours, theirs))
    return bool(ours == theirs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensors")


@given(trees(tensors_((*DTYPES, *NEW))))
def test_archives_are_read_as_torch_reads_them(folder: Path, value: Any) -> None:
    content = saved(value)
    theirs = torch.load(io.BytesIO(content), weights_only=True)
    assert same(read(folder, content), theirs)
    assert same(read(folder, content, memory=2**30), theirs, strides=False)
    assert same(read(folder, deflated(content)), theirs)


@given(trees(tensors_()))
def test_files_of_old_are_read_as_torch_reads_them(folder: Path, value: Any) -> None:
    content = saved(value, _use_new_zipfile_serialization=False)
    assert same(read(folder, content), torch.load(io.BytesIO(content), weights_only=True))


def test_state_dicts_keep_the_versions_of_their_modules(folder: Path) -> None:
    state = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict()
    found = read(folder, saved(state))
    assert found._metadata == state._metadata


def test_tensors_share_what_they_shared_and_leave_the_file_alone(folder: Path) -> None:
    whole = torch.zeros(4)
    content = saved([whole, whole[1:]])
    first, second = read(folder, content)
    second += 1
    assert first.tolist() == [0, 1, 1, 1]
    assert (folder / "x.pt").read_bytes() == content
    first, second = read(folder, content, memory=32)
    second += 1
    assert first.tolist() == [0, 0, 0, 0]
    with pytest.raises(LimitExceeded, match="take 28 bytes: more than 27"):
        read(folder, content, memory=27)


def changed(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes that are others, gone, or there again."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place, length = draw(st.integers(0, len(made))), draw(st.integers(0, 9))
        made[place : place + length] = draw(st.one_of(st.binary(max_size=9), st.just(bytes(made[place - 9 : place]))))
    return bytes(made)


STATE = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2), "n": torch.tensor(3), "t": torch.ones(3, 2).t()}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    old = draw(st.booleans())
    content = saved({"state_dict": OrderedDict(STATE), "epoch": 3}, _use_new_zipfile_serialization=not old)
    if old or draw(st.booleans()):
        return changed(draw, content)
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        pickle = changed(draw, next(whole.read(name) for name in whole.namelist() if name.endswith("data.pkl")))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("x/data.pkl", pickle)
        for key in range(4):
            made.writestr(f"x/data/{key}", bytes(24))
    return out.getvalue()


#: Pieces of pickles in any order, each whole.
pieces = st.sampled_from([
    b"]", b"}", b")", b"(", b"t", b"\x85", b"\x86", b"\x87", b"a", b"e", b"s", b"u", b"N", b"\x88", b"R", b"b", b"Q",
    b"\x81", b"q\x00", b"h\x00", b"q\x01", b"h\x01", text("k"), text("storage"), text("0"),
    number(3), number(0), number(-1), number(2**62), b"G" + struct.pack(">d", 2.5),
    *(f"c{name}\n".encode() for name in (
        "torch\nFloatStorage", "torch._utils\n_rebuild_tensor_v2", "torch._utils\n_rebuild_tensor_v3",
        "torch._utils\n_rebuild_parameter", "collections\nOrderedDict", "collections\nCounter", "builtins\nset",
        "torch\nSize", "torch\ndevice", "_codecs\nencode", "torch\nint8", "os\nsystem")),
    storage("0", 6), tensor(storage("0", 6), (2, 3), (3, 1)),
])  # fmt: skip


@st.composite
def nonsense(draw: st.DrawFn) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("x/data.pkl", b"\x80\x02" + b"".join(draw(st.lists(pieces, max_size=30))) + b".")
        made.writestr("x/data/0", bytes(24))
    return out.getvalue()


@given(st.one_of(damaged(), nonsense(), st.binary(max_size=99)))
def test_whatever_is_in_a_file_is_read_or_refused_in_words(folder: Path, content: bytes) -> None:
    found, stated = None, ""
    try:
        with limits.using(unpacked=2**20):
            found = read(folder, content)
    except (TensorsError, LimitExceeded) as error:
        stated = error.message
    assert len(stated) < 400
    for each in leaves(found):
        assert each.layout == torch.strided
        assert each.nbytes <= max(2**20, 4 * len(content))
        each.clone()  # every byte of it can be read


def leaves(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [leaf for each in inside for leaf in leaves(each)]
