"""Configurations of Keras become specs without Keras: published counts, both formats, and everything that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.importing.sources import formats
from speczoo.importing.sources.formats import imported
from speczoo.importing.sources.keras.site import MAPPED
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.errors import SpecError
from speczoo.specs.source import Source
from tests.importing.keras_configs import BRANCHES, MNIST, functional, sequential
from tests.importing.mutants import mutants
from tests.steps import counted

IMAGE = {"image": (9, 12, 3)}


def spec(config: Any, **more: Any) -> str:
    return str(imported(Source.of(json.dumps(config), "config.json"), **more))


def wrong(config: Any, **more: Any) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as refused:
        spec(config, **more)
    return refused.value.diagnostics


def test_the_convnet_of_keras_io() -> None:
    """Its page prints 34,826 parameters: https://keras.io/examples/vision/mnist_convnet/."""
    graph = speczoo.graph(spec(sequential((28, 28, 1), *MNIST)))
    assert graph.params == 34826
    assert list(graph.state)[:2] == ["conv2d.weight", "conv2d.bias"]


@pytest.mark.parametrize("second", [False, True])
def test_branches(second: bool) -> None:
    text = spec(functional(IMAGE, BRANCHES, ["head"], second))
    graph = speczoo.graph(text)
    assert {"left.weight", "right.depthwise.weight", "right.pointwise.bias", "norm.running_var"} <= set(graph.state)
    left, right, norm, layer_norm, head = 8 * 27 + 8, 27 + 8 * 3 + 8, 8, 2 * 16, 16 * 3
    assert graph.trainable_params == left + right + norm + layer_norm + head
    assert "freeze: [norm.weight]" in text
    assert speczoo.check(text) == ()


@given(st.permutations(BRANCHES))
def test_both_formats_and_any_order_of_layers_are_one_spec(rows: list[Any]) -> None:
    first = spec(functional(IMAGE, BRANCHES, ["head"]))
    assert spec(functional(IMAGE, BRANCHES, ["head"], second=True)).replace(" of Keras 2", " of Keras") == first
    assert speczoo.fingerprint(spec(functional(IMAGE, rows, ["head"]))) == speczoo.fingerprint(first)


ALIKE = {"BatchNormalizationV1", "BatchNormalizationV2", "SeparableConvolution2D"}


def test_every_layer_is_on_the_page() -> None:
    page = (Path(formats.__file__).parent / "README.md").read_text(encoding="utf-8")
    short = {kind for kind in MAPPED if kind.startswith(("Convolution", "MaxPool", "AvgPool", "GlobalM", "GlobalAvg"))}
    assert [kind for kind in MAPPED if f"`{kind}`" not in page and kind not in short | ALIKE] == []


def test_a_bias_that_keras_has_not_starts_at_0_and_is_not_trained() -> None:
    """An LSTM of Keras has 4 (n + m + 1) n weights, one bias for each gate."""
    made = imported(Source.of(json.dumps(sequential((7, 3), ("LSTM", "lstm", {"units": 5}))), "config.json"))
    assert made.graphs[0].trainable_params == 4 * (5 + 3 + 1) * 5
    assert speczoo.build(made.text).lstm.bias_hh_l0.abs().sum() == 0


def test_sizes_that_the_file_leaves_open() -> None:
    config = sequential((None, None, 1), *MNIST)
    (reported,) = wrong(config)
    assert "--input" in reported.help[0]
    assert speczoo.graph(spec(config, input=(1, 28, 28))).params == 34826


# -- what has no counterpart -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code", "stated"),
    [
        (("Lambda", "f", {"function": "lambda x: x"}), "unknown-op", "Lambda `f`"),
        (("Conv2D", "c", {"filters": 4}), "missing-argument", "`kernel_size`"),
        (("Conv2D", "c", {"filters": 4, "kernel_size": 3, "padding": "full"}), "bad-value", "'full'"),
        (("Conv2D", "c", {"filters": 4, "kernel_size": 3, "wobble": 2}), "unknown-argument", "`wobble: 2`"),
        (("Conv2D", "c", {"filters": "many", "kernel_size": 3}), "bad-value", "'many'"),
        (("Activation", "a", {"activation": "squareplus"}), "bad-value", "squareplus"),
        (("Dense", "d", {"units": 3, "activation": {"class_name": "Mine", "config": {}}}), "bad-value", "Mine"),
        (("ReLU", "r", {"threshold": 0.5}), "bad-value", "threshold"),
        (("Embedding", "e", {"input_dim": 3, "output_dim": 4}), "shape-mismatch", "Embedding `e`"),
        (("Conv2D", "c", {"filters": 4, "kernel_size": 30}), "empty-output", "Conv2D `c`"),
    ],
)
def test_what_has_no_counterpart_is_reported_at_its_place(row: Any, code: str, stated: str) -> None:
    """All of it in one run, each at its line; what follows from it is not reported."""
    rows = [("Dropout", "before", {"rate": 0.5}), row, ("Dense", "dense", {"units": 4}), ("Lambda", "last", {})]
    config = sequential((8, 8, 3), *rows)
    text = json.dumps(config, indent=1)
    with pytest.raises(SpecError) as refused:
        imported(Source.of(text, "config.json"))
    first, second = refused.value.diagnostics
    assert first.code == code
    assert stated in first.message
    assert second.message.startswith("Lambda `last`")
    assert first.span is not None
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if f'"name": "{row[1]}"' in line)
    assert start - 4 < first.span.line <= start + 12


def test_values_that_there_are_not() -> None:
    rows = list(BRANCHES)
    rows[2] = ("Add", "sum", ["left", "nowhere"], {})
    (reported,) = wrong(functional(IMAGE, rows, ["head"]))
    assert (reported.code, "nowhere" in reported.message) == ("unknown-reference", True)
    rows[2] = ("Add", "sum", ["left", "relu"], {})
    (reported,) = wrong(functional(IMAGE, rows, ["head"]))
    assert reported.code == "cycle"


# -- hostile files ---------------------------------------------------------------------------------------------------

GRU = {"class_name": "GRU", "config": {"units": 4, "return_sequences": True}}
SEQUENCE = (
    ("Bidirectional", "both", ["tokens"], {"merge_mode": "concat", "layer": GRU}),
    ("MultiHeadAttention", "attention", ["both", "both"], {"num_heads": 2, "key_dim": 4}),
    ("Normalization", "normalization", ["attention"], {"mean": [[0.5] * 8], "variance": 2.0}),
    ("TimeDistributed", "each", ["normalization"], {"layer": {"class_name": "Dense", "config": {"units": 3}}}),
    ("LSTM", "lstm", ["each"], {"units": 2}),
)
BASES = [
    functional({"tokens": (6, 5)}, SEQUENCE, ["lstm"]),
    sequential((28, 28, 1), *MNIST),
    functional(IMAGE, BRANCHES, ["head"]),
    functional(IMAGE, BRANCHES, ["head", "left"], second=True),
    functional({"outer": (9, 12, 3)}, [], ["outer"]),
]
_VALUE = {"class_name": "__keras_tensor__", "config": {"keras_history": ["outer", 0, 0]}}
BASES[4]["config"]["layers"].append(
    {**functional(IMAGE, BRANCHES, ["head"]), "name": "inner", "inbound_nodes": [{"args": [_VALUE]}]}
)
BASES[4]["config"]["output_layers"] = [["inner", 0, 0]]


WORDS = ["image", "left", "relu", "same", "Sequential", "Functional", "Dense"]


@given(st.text(max_size=12))
def test_a_file_may_have_any_name(name: str) -> None:
    source = Source(f"{name}.json", json.dumps(BASES[0]))
    assert speczoo.check(str(imported(source))) == ()


@given(mutants(BASES, WORDS))
def test_any_configuration_is_a_spec_or_reported(config: Any) -> None:
    """Never an exception but diagnostics, each of which is of the file; never a spec with a warning."""
    try:
        text = spec(config)
    except SpecError as error:
        found = error.diagnostics
    else:
        found = speczoo.check(text)
        assert found == ()
    assert all(each.file == "config.json" for each in found)


def test_the_bases_are_specs() -> None:
    for config in BASES:
        assert speczoo.check(spec(config)) == ()


def test_many_calls_are_too_many() -> None:
    """However often a model is called inside a model inside a model."""
    config = sequential((4,), ("Dense", "dense", {"units": 4}))
    for _ in range(5):
        inner = {**config, "config": {**config["config"], "name": "inner"}}
        config = sequential((4,), *[("Dense", f"d{i}", {"units": 4}) for i in range(2)])
        config["config"]["layers"] += [{**inner, "config": {**inner["config"], "name": f"inner{i}"}} for i in range(8)]
    (reported,) = wrong(config)
    assert reported.code == "limit-exceeded"


@pytest.mark.parametrize("count", [250, 2000])
def test_a_long_chain_is_one_loop_and_costs_as_it_grows(count: int) -> None:
    """Calls of functions for each layer, whatever the machine: the same for few and for many."""
    config = sequential((4,), *[("Dense", f"d{i}", {"units": 4}) for i in range(count)])
    text, calls = counted(lambda: spec(config))
    assert f"for: {{i: 0..{count - 1}}}, id: d$i, op: Linear" in text
    assert calls / count < 3000
