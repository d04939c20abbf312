"""The Python face takes what people have: numbers of numpy, any sequence and mapping, texts; and says what it is."""

from __future__ import annotations

import subprocess
import sys
import typing
from collections import OrderedDict, UserDict, UserList, UserString, deque
from collections.abc import Callable
from enum import IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo import catalogue
from speczoo.specs.document import Document
from speczoo.specs.errors import SpecError
from tests.commands.zoo_command import fresh

SPEC = (catalogue.NETWORKS / "resnet.yaml").read_text()


class Word(StrEnum):
    HERE = "here"


class Count(IntEnum):
    TWO = 2


SAME: dict[type, list[Callable[[Any], Any]]] = {
    int: [np.int64, np.array, torch.tensor, lambda n: Count.TWO if n == 2 else n],
    float: [np.float64, np.array, lambda x: torch.tensor(x, dtype=torch.float64)],
    bool: [np.bool_, np.array, torch.tensor],
    str: [np.str_, UserString, lambda text: Word.HERE if text == "here" else text],
    list: [tuple, UserList, lambda items: np.array(items) if items and {*map(type, items)} == {int} else items],
    dict: [OrderedDict, UserDict, MappingProxyType],
}


@st.composite
def foreign(draw: st.DrawFn, plain: Any) -> Any:
    """The same data in other types."""
    inside = plain
    if isinstance(plain, list):
        inside = [draw(foreign(each)) if draw(st.booleans()) else each for each in plain]
    elif isinstance(plain, dict):
        inside = {key: draw(foreign(each)) for key, each in plain.items()}
    return draw(st.sampled_from([lambda value: value, *SAME.get(type(plain), [])]))(inside)


numbers = st.integers(-(2**31), 2**31) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.just(2)
plain = st.recursive(
    st.none() | numbers | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.just("here"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.data(), st.dictionaries(st.sampled_from("abc"), plain, max_size=3))
def test_data_of_other_types_is_the_same_data(data: st.DataObject, value: dict[str, Any]) -> None:
    copied = Document.of(data.draw(foreign(value))).data
    assert repr(copied) == repr(value)


@pytest.mark.parametrize("word", ["on", "off", "yes", "no"])
def test_what_yaml_1_1_makes_of_a_key_is_reported(word: str) -> None:
    """As PyYAML reads it, `on` is true, and no name of a parameter."""
    spec = {"spec": 1, "name": "t", "input": [3], "params": {word in ("on", "yes"): 1}, "layers": [{"op": "ReLU"}]}
    with pytest.raises(speczoo.SpecError, match=f"`{word}`.*quote the key"):
        speczoo.summary(spec)


@pytest.mark.parametrize(
    "given",
    [
        {"num_classes": np.int64(3), "input": range(3, 6)},
        {"num_classes": np.int32(3), "input": np.array([3, 64, 64])},
        {"num_classes": torch.tensor(3), "input": torch.Size([3, 64, 64])},
        {"depths": np.array([1, 1, 1, 1]), "input": deque([3, 64, 64])},
        {"depths": UserList([1, 1, 1, 1]), "input": UserDict(input=(3, 64, 64))},
    ],
    ids=str,
)
def test_arguments_may_be_of_any_kind(given: dict[str, Any]) -> None:
    text = {key: Document.of({"value": value}).data["value"] for key, value in given.items()}
    assert speczoo.graph("resnet18", **given).state == speczoo.graph("resnet18", **text).state
    assert speczoo.check("resnet18", **given) == ()


def test_ruamel_and_omegaconf_are_mappings() -> None:
    from io import StringIO

    from ruamel.yaml import YAML

    read = YAML().load(StringIO(SPEC))
    assert speczoo.graph(dict(read)).state == speczoo.graph(read).state
    omegaconf = pytest.importorskip("omegaconf")
    made = omegaconf.OmegaConf.create({"depths": [1, 1, 1, 1], "num_classes": 3})
    assert speczoo.graph("resnet18", **made).state == speczoo.graph("resnet18", depths=[1] * 4, num_classes=3).state


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_text_of_a_spec_is_a_network(end: str, tmp_path: Path) -> None:
    assert speczoo.graph(SPEC.replace("\n", end)).state == speczoo.graph(catalogue.NETWORKS / "resnet.yaml").state
    assert speczoo.summary("{spec: 1, name: t, input: [3], layers: [{op: ReLU}]}").params == 0
    with pytest.raises(SpecError, match="unknown-op"):
        speczoo.summary("spec: 1\nname: t\ninput: [3]\nlayers: [{op: Relu}]\n")
    path = tmp_path / "{a}\nspec: 1.yaml"
    path.write_text("spec: 1\nname: t\ninput: [3]\nlayers: [{op: ReLU}]\n")
    assert speczoo.summary(path).name == "t"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"input": 64}, "input is a shape without the batch axis, not 64"),
        ({"input": "3x64x64"}, "input is a shape"),
        ({"input": {"input": 64}}, "input is a shape"),
        ({"input": [3, 64.5, 64]}, "input is a shape"),
        ({"taps": [1]}, "taps are names of layers"),
        ({"taps": "layer1"}, "taps are names of layers"),
        ({"taps": 1}, "taps are names of layers"),
        ({"num_classes": ...}, "cannot hold"),
        ({"num_classes": np.float64("nan")}, "not a finite number"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    for face in (speczoo.graph, speczoo.summary, speczoo.source, speczoo.build):
        with pytest.raises(SpecError, match=words):
            face("resnet18", **given)


@pytest.mark.parametrize("what", [None, 5, b"lenet5", ["lenet5"], object()])
def test_what_is_no_network_is_refused_in_words(what: Any) -> None:
    with pytest.raises(SpecError, match="a network is a name, a path, the text of a spec, data or a Spec"):
        speczoo.summary(what)


def test_dtype_and_seed() -> None:
    for dtype in ("float16", "torch.float16", torch.float16):
        assert {p.dtype for p in speczoo.build("lenet5", dtype=dtype).parameters()} == {torch.float16}
    for wrong in (16, "int8", "half a float", torch.int8):
        with pytest.raises(ValueError, match="dtype is one of torch's"):
            speczoo.build("lenet5", dtype=wrong)
    one, other = (speczoo.build("lenet5", seed=seed).state_dict() for seed in (3, np.int64(3)))
    assert all(torch.equal(one[key], other[key]) for key in one)
    with pytest.raises(TypeError, match="integer"):
        speczoo.build("lenet5", seed=0.5)  # type: ignore[arg-type]


def test_type_hints_are_there_and_cost_no_torch() -> None:
    functions = [each for name in speczoo.__all__ if not isinstance(each := getattr(speczoo, name), type)]
    assert functions
    for function in functions:
        assert typing.get_type_hints(function)
    assert typing.get_type_hints(speczoo.build)["return"] is torch.nn.Module
    assert fresh("import speczoo, sys; speczoo.build; print('torch' in sys.modules)").stdout == "False\n"


def test_a_name_that_is_not_there_is_a_mistake_to_mypy(tmp_path: Path) -> None:
    path = tmp_path / "use.py"
    path.write_text("import speczoo\n\nspeczoo.build('lenet5')\nspeczoo.bulid('lenet5')\n")
    package = Path(speczoo.__file__)  # says which names there are; what they are it takes from its modules
    words = ["--config-file=", "--no-incremental", "--follow-imports=skip", str(path), str(package)]
    found = subprocess.run([sys.executable, "-m", "mypy", *words], capture_output=True, text=True)
    assert 'use.py:4: error: Module has no attribute "bulid"' in found.stdout, found.stdout + found.stderr
    assert "use.py:3" not in found.stdout


@pytest.mark.parametrize("name", ["lenet5", "regnet_y_128gf", "vit_b_32"])
def test_what_stands_for_a_network_is_short(name: str) -> None:
    graph, summary = speczoo.graph(name), speczoo.summary(name)
    document = graph.unit.document
    shown = [graph, graph.root, graph.unit, graph.spec, document, document.source, graph.rows[0], summary]
    shown += [node for _, node, _ in graph.walk()]
    if name == "lenet5":
        shown.append(speczoo.build(name, speczoo.build(name).state_dict()).load_report)
    for each in shown:
        assert len(repr(each)) < 400, repr(each)
    assert name in repr(graph)
    assert f"{graph.params:,} parameters" in repr(summary)
