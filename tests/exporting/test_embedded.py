"""The spec in an exported file is read as it was written, whatever stands around it; what is damaged is reported."""

from __future__ import annotations

import json
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo import catalogue, embedded
from speczoo.embedded import PREFIX, NothingRead
from speczoo.limits import LimitExceeded
from speczoo.specs.diagnostics import Report

onnx = pytest.importorskip("onnx")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
reported = st.dictionaries(texts.map(PREFIX.__add__), texts, max_size=4)


def model(metadata: dict[str, str], size: int) -> bytes:
    """A model with weights before its metadata, and functions after."""
    weights = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [size], [1.0] * size)
    graph = onnx.helper.make_graph([], "g", [], [], [weights], doc_string="d" * size)
    made = onnx.helper.make_model(graph, producer_name="x" * size, model_version=2**40)
    onnx.helper.set_model_props(made, metadata)
    made.functions.append(onnx.helper.make_function("d", "f", [], [], [], []))
    return bytes(made.SerializeToString())


def safetensors(metadata: dict[str, str], size: int) -> bytes:
    entries = {f"w{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(size)}
    header = json.dumps({"__metadata__": {"format": "pt", **metadata}, **entries}).encode()
    return struct.pack("<Q", len(header)) + header


def archive(metadata: dict[str, str], size: int) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for i in range(size):
            made.writestr(f"net/data/weights/{i}", b"\0" * i)
        for name, text in metadata.items():
            made.writestr(f"net/extra/{name}", text)
    return file.getvalue()


WRITERS = {".onnx": model, ".safetensors": safetensors, ".pt2": archive}
plain = st.sampled_from(["spec", "settings", "versions", "fingerprint"]).map(PREFIX.__add__)


def written(suffix: str, data: bytes, folder: Path) -> Path:
    path = folder / f"net{suffix}"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@pytest.mark.parametrize("suffix", WRITERS)
@given(data=st.data(), size=st.integers(0, 40), other=texts)
def test_what_was_written_is_read(suffix: str, data: st.DataObject, size: int, other: str, folder: Path) -> None:
    """Ours alone: what others put there stays where it is. An archive names its entries as files, so ours are plain."""
    metadata = data.draw(st.dictionaries(plain, texts) if suffix == ".pt2" else reported)
    beside = {f"x{other}": other} if suffix != ".pt2" else {}
    path = written(suffix, WRITERS[suffix]({**metadata, **beside}, size), folder)
    assert embedded.read(path).texts == metadata


@pytest.mark.parametrize("suffix", WRITERS)
@given(data=st.data())
def test_what_is_damaged_is_reported(suffix: str, data: st.DataObject, folder: Path) -> None:
    """Cut off, or with other bytes in places: it is refused in words, or read as texts."""
    whole = bytearray(WRITERS[suffix]({embedded.SPEC: "spec: 1", embedded.FINGERPRINT: "v1:0"}, 3))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = written(suffix, bytes(whole[: data.draw(st.integers(0, len(whole)))]), folder)
    try:
        found = embedded.read(path)
    except (NothingRead, LimitExceeded):
        return
    assert all(isinstance(text, str) for text in found.texts.values())
    assert isinstance(found.settings, dict)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_network_is_found_in_it(suffix: str, folder: Path) -> None:
    """As in a file of its own; with its places, but for the files that it would use beside it."""
    spec = "spec: 1\nname: mine\ninput: [3]\nlayers:\n  - {op: Linear, out_features: 2}\n"
    path = written(suffix, WRITERS[suffix]({embedded.SPEC: spec}, 3), folder)
    report = Report()
    found = catalogue.find(path, report)
    assert found is not None
    assert found[0].spec.name == "mine"
    assert found[0].document.source.path is None
    path = written(suffix, WRITERS[suffix]({embedded.SPEC: spec.replace("Linear", "Linaer")}, 3), folder)
    assert not report.diagnostics
    from speczoo import checking

    checking.check_into(report, path)
    assert [(d.code, d.file, d.span and d.span.line) for d in report] == [("unknown-op", str(path), 5)]
    path = written(suffix, WRITERS[suffix]({}, 3), folder)
    report = Report()
    assert catalogue.find(path, report) is None
    assert "it carries no spec" in report.errors[0].message


def header(stated: object) -> bytes:
    text = json.dumps(stated).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize("stated", [[1], 5, None, {"__metadata__": 5}, {"__metadata__": [["speczoo.spec", "x"]]}])
def test_a_header_of_another_kind_is_damage(stated: object, folder: Path) -> None:
    with pytest.raises(NothingRead, match="damaged"):
        embedded.read(written(".safetensors", header(stated), folder))


def test_half_a_character_is_reported(folder: Path) -> None:
    """JSON can say one, and no file of text can hold it."""
    path = written(".safetensors", header({"__metadata__": {embedded.SPEC: "spec: 1\nname: \ud800"}}), folder)
    report = Report()
    assert catalogue.find(path, report) is None
    assert len(report.errors) == 1


@given(at=st.integers(0, 2000), byte=st.integers(0, 255))
def test_what_is_damaged_in_its_packing_is_reported(at: int, byte: int, folder: Path) -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(f"net/extra/{embedded.SPEC}", "".join(f"{i * i} " for i in range(400)))
    whole = bytearray(file.getvalue())
    whole[at % len(whole)] = byte
    try:
        embedded.read(written(".pt2", bytes(whole), folder))
    except (NothingRead, LimitExceeded):
        return
