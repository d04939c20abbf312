"""Networks in the formats of other libraries are answered as a whole; torn or strange ones are only ever refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo import catalogue
from speczoo.checking import check_into
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.foreign import foreign_data, foreign_text
from speczoo.specs.source import Source

NAMES = st.text("abcXYZ", min_size=1, max_size=5)
NUMBERS = st.integers(-9, 999)
ROWS = st.lists(st.tuples(NUMBERS | st.lists(NUMBERS), NUMBERS, NAMES, st.lists(NUMBERS | NAMES)), min_size=1)
LAYERS = st.lists(st.fixed_dictionaries({"class_name": NAMES, "config": st.dictionaries(NAMES, NUMBERS)}), min_size=1)
ULTRALYTICS = st.fixed_dictionaries({"nc": NUMBERS, "backbone": ROWS, "head": ROWS})
KERAS = st.fixed_dictionaries(
    {"class_name": NAMES, "config": LAYERS | st.fixed_dictionaries({"name": NAMES, "layers": LAYERS})}
) | st.fixed_dictionaries({"name": NAMES, "layers": LAYERS})
SECTIONS = st.tuples(
    st.sampled_from(["convolutional", "maxpool", "shortcut", "route"]), st.dictionaries(NAMES, NUMBERS, min_size=1)
)
KEYS = st.sampled_from(["backbone", "head", "class_name", "config", "layers"])
ANYTHING = st.recursive(
    st.none() | NUMBERS | NAMES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12
)


def darknet(sections: list[tuple[str, dict[str, int]]]) -> str:
    return "\n\n".join(
        "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in options.items())]) for name, options in sections
    )


#: What two keys say together, whatever stands beside them.
REPORTED = [
    ("model_type", "architectures"), ("model_type", "transformers_version"), ("architecture", "pretrained_cfg"),
    ("graph", "opsetImport"), ("graph", "irVersion"), ("nodes", "arg_nodes"), ("modelTopology", "weightsManifest"),
    ("apiVersion", "kind"), ("on", "jobs"), ("channels", "dependencies"),
]  # fmt: skip
OTHERS = st.builds(
    lambda pair, rest: rest | dict.fromkeys(pair, "x"), st.sampled_from(REPORTED), st.dictionaries(NAMES, NUMBERS)
)
SERVICES = st.dictionaries(
    NAMES, st.builds(dict, image=NAMES) | st.builds(dict, build=NAMES, ports=st.lists(NUMBERS)), min_size=1
)
COMPOSE = st.fixed_dictionaries({"services": SERVICES}, optional={"volumes": st.just({}), "name": NAMES})
CAFFE = st.lists(st.tuples(NAMES, NUMBERS), min_size=1).map(
    lambda layers: "".join(f'layer {{\n  name: "{n}"\n  type: "{n}"\n  top: {k}\n}}\n' for n, k in layers)
)
TEXTS = (ULTRALYTICS | KERAS).map(json.dumps) | st.lists(SECTIONS, min_size=1).map(darknet)


def reported(text: str) -> list[Diagnostic]:
    report = Report()
    unit = catalogue.unit_of(Source.of(text), report)
    assert unit is None or not report.ok
    return report.diagnostics


@given(TEXTS)
def test_one_answer_for_a_whole_file(text: str) -> None:
    (problem,) = reported(text)
    assert "and no spec" in problem.message
    assert ("`zoo import FILE`" if text.startswith("{") else "`zoo new NAME`") in problem.help[0]


@given((OTHERS | COMPOSE).map(json.dumps) | CAFFE | st.just('{"model": {"class_path": "my.Model"}, "trainer": {}}'))
def test_one_answer_for_what_nothing_here_reads(text: str) -> None:
    (problem,) = reported(text)
    assert "and no spec" in problem.message
    assert "`zoo new NAME`" in problem.help[0]


@pytest.mark.parametrize("start", [b"\x89PNG\r\n", b"\x1f\x8b\x08", b"PK\x03\x04", b"\x89HDF\r\n", b"%PDF-1.7\n"])
def test_a_file_that_is_no_text_is_reported_as_what_it_is(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(start + bytes(range(256)))
    report = Report()
    check_into(report, path)
    (problem,) = report.diagnostics
    assert problem.code == "unreadable"
    assert problem.message.endswith("and no text")
    assert not problem.help


def test_a_pointer_of_git_lfs_is_reported() -> None:
    (problem,) = reported("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    assert problem.help == ("fetch the file itself: git lfs pull",)


@given(TEXTS, st.data())
def test_a_torn_file_is_refused(text: str, data: st.DataObject) -> None:
    assert reported(text[: data.draw(st.integers(0, len(text) - 1))])


@given(st.dictionaries(KEYS, ANYTHING))
def test_strange_data_are_answered_once_or_as_a_spec(data: dict[str, Any]) -> None:
    report = Report()
    check_into(report, data)
    assert not report.ok
    if foreign_data(data) is not None:
        assert len(report.diagnostics) == 1
    assert foreign_data({"spec": 1, **data}) is None


@pytest.mark.parametrize("path", catalogue.files(), ids=lambda path: path.stem)
def test_no_network_of_the_zoo_is_foreign(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    document = parse(Source.of(text), Report())
    assert document is not None
    assert foreign_data({key: value for key, value in document.data.items() if key != "spec"}) is None
    assert foreign_text(text) is None


def test_a_file_that_no_path_names_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lenet.prototxt").write_text("layer {\n}\n", encoding="utf-8")
    report = Report()
    assert catalogue.find("lenet.prototxt", report) is None
    assert report.diagnostics[0].help == ("a file of that name is here, as `./lenet.prototxt`",)


@pytest.mark.parametrize("name", ["a" * 3_000, "a\0b", "ä" * 200])
def test_a_name_that_no_file_can_have_is_a_name_that_is_not_there(name: str) -> None:
    report = Report()
    assert catalogue.find(name, report) is None
    assert [found.code for found in report.diagnostics] == ["unknown-reference"]
