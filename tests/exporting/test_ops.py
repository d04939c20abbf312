"""Every op as a network of its own: what is exported is held to it, and what is refused is told in a line of words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import speczoo
import speczoo.compiler.layers
from speczoo.compiler.emit import module as emitted
from speczoo.compiler.layer import Layer
from speczoo.specs.errors import SpecError
from speczoo.testing.emitted_checks import network
from speczoo.testing.layers import layer_cases

pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
from speczoo.exporting import NotExported, write  # noqa: E402

OPS = [op for op in sorted(Layer.registry) if op not in ("Parameter", "Buffer")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ops")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
@pytest.mark.parametrize("op", OPS)
@settings(max_examples=2)
@given(data=st.data())
def test_every_op_is_exported_or_refused_in_words(op: str, suffix: str, folder: Path, data: st.DataObject) -> None:
    case = data.draw(layer_cases(op).filter(lambda case: case.accepted() is not None))
    try:
        graph = speczoo.graph(network(case))
    except SpecError:
        assume(False)
    try:
        write(graph, emitted.build(graph, seed=0), folder / f"net{suffix}", over=True)
    except NotExported as refused:
        words = str(refused)
        assert words.isprintable()
        assert suffix == ".onnx" or "nan" in words  # what torch exports it exports whole
