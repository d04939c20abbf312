"""`check_spec` lets a right spec pass, and finds what is planted in a wrong one, at the smallest setting with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import speczoo
from speczoo import catalogue
from speczoo.compiler.layer import Call, Layer, Positive, Shape, Value
from speczoo.testing import SpecFailure, check_spec
from speczoo.testing.parameters import ranges
from speczoo.testing.spec_checks import parts
from speczoo.testing.subject import loaded

GOOD = """
spec: 1
name: good
input: [3, 10, 10]
params:
  width: {type: int, default: 4, min: 2, max: 6}
  norm: true
  act: {type: op, default: ReLU, choices: [ReLU, GELU]}
  scale: {type: float, default: 0.5, min: 0, max: 1}
  free: 3
layers:
  - {op: Conv2d, out_channels: $width, kernel_size: 3}
  - {op: BatchNorm2d, when: $norm}
  - {op: $act}
  - {op: Dropout, p: $scale}
  - {op: AdaptiveAvgPool2d, output_size: 1}
  - {op: Flatten}
  - {op: Linear, out_features: $free}
"""


def faulty(bad: int) -> None:
    """An op `faulty` over a number, whose shape rule is wrong for one value of it."""

    class Faulty(Layer, op="faulty"):
        """A padding of its last axis, by its `n`."""

        n: Positive

        views = True
        reads = ("F.pad",)

        def infer(self, x: Shape) -> Shape:
            return (*x[:-1], x[-1] + self.n + (self.n == bad))

        def call(self, *x: Value) -> Call:
            return Call(None, self.arguments(), apply="F.pad({0}, [0, {n}])")


def wrong(what: Any, **more: Any) -> SpecFailure:
    with pytest.raises(SpecFailure) as caught:
        check_spec(what, **more)
    return caught.value


def with_params(params: dict[str, Any], *layers: dict[str, Any]) -> dict[str, Any]:
    return {"spec": 1, "name": "net", "input": [8, 6, 6], "params": params, "layers": list(layers)}


def test_a_right_spec_passes(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    check_spec(path, examples=5)
    names = ["check", "sizes", "params.width", "params.norm", "params.act", "params.scale", "params"]
    assert list(parts(loaded(path))) == names


@pytest.mark.parametrize("network", ["lenet5", "mnist_resnet", "unet", "googlenet"])
def test_networks_of_the_zoo_pass(network: str) -> None:
    check_spec(network, examples=3)


@pytest.mark.slow
@pytest.mark.parametrize("path", catalogue.files(), ids=lambda path: path.stem)
def test_every_family_of_the_zoo_passes(path: Path) -> None:
    if path.stem == "lenet5_functional":  # it shows that its document's padding fits on no size
        assert wrong(path, examples=5).setting.params == {"padding": 1}
    else:
        check_spec(path, examples=5)


@pytest.mark.parametrize(("bad", "low", "high"), [(5, 1, 9), (37, 1, 64), (1, 1, 50), (50, 1, 50)])
def test_a_fault_at_one_value_of_a_range_is_found_there(bad: int, low: int, high: int) -> None:
    faulty(bad)
    spec = with_params({"n": {"type": "int", "default": 2, "min": low, "max": high}}, {"op": "faulty", "n": "$n"})
    error = wrong(spec)
    assert error.setting.params == {"n": bad}
    assert "8 x 6 x" in str(error) or "is predicted" in str(error)
    assert f"met with --set n={bad}" in str(error)


@pytest.mark.parametrize("limit", [3, 58, 400])
def test_the_smallest_wrong_value_of_a_large_range_is_shown(limit: int) -> None:
    layer = {"op": "pad_channels", "to": f"$(9 if n < {limit} else 7)"}
    spec = with_params({"n": {"type": "int", "default": 2, "min": 1, "max": 2000}}, layer)
    part = parts(loaded(spec), 100)["params.n"]
    with pytest.raises(SpecFailure) as caught:
        part()
    assert caught.value.setting.params == {"n": limit}


def test_a_fault_of_several_parameters_is_shown_by_those_alone() -> None:
    params = {name: {"type": "int", "default": 1, "min": 1, "max": 6} for name in ("a", "b", "c")}
    spec = with_params(params, {"op": "pad_channels", "to": "$(8 if a * c < 12 else 7)"}, {"op": "Threshold",
        "threshold": "$b", "value": 0})  # fmt: skip
    error = wrong(spec, examples=200)
    assert error.setting.params.keys() == {"a", "c"}
    assert error.setting.params["a"] * error.setting.params["c"] >= 12


def test_an_invalid_setting_in_a_range_is_shown_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "groups.yaml"
    path.write_text(
        "spec: 1\nname: net\ninput: [8, 6, 6]\n"
        "params:\n  groups: {type: int, default: 1, min: 1, max: 4}\n"
        "layers:\n  - {op: Conv2d, out_channels: 8, kernel_size: 1, groups: $groups}\n",
        encoding="utf-8",
    )
    error = wrong(path)
    (found,) = error.diagnostics
    assert (found.code, found.span and found.span.line) == ("indivisible", 7)
    assert [(label.span.line, label.text) for label in found.labels][-1:] == [(5, "3 is in its range: 1 to 4")]
    assert f"{path}:7" in str(error)


def test_a_wrong_shape_rule_is_shown_at_the_layer_of_a_block() -> None:
    faulty(2)
    text = """
spec: 1
name: net
input: [3, 8]
blocks:
  Inner:
    params: {n: int}
    layers:
      - {id: conv, op: Conv1d, out_channels: 3, kernel_size: 1}
      - {id: odd, op: Odd, n: $n}
layers:
  - {id: one, op: Inner, n: 1}
  - {id: two, op: Inner, n: 2}
"""

    class Odd(Layer):
        """A padding whose rule is wrong for two."""

        n: Positive

        torch = "nn.ConstantPad1d"

        def infer(self, x: Shape) -> Shape:
            return (*x[:-1], x[-1] + 2 * self.n + (self.n == 2))

        def call(self, *x: Value) -> Call:
            return Call("nn.ConstantPad1d", {"padding": self.n, "value": 0.0})

    (found,) = wrong(text).diagnostics
    assert found.path == "two.odd"
    assert found.span is not None
    assert found.span.line == 10
    assert found.message == "`Odd` gives 3 x 14, and 3 x 15 was predicted"


@pytest.mark.parametrize(
    ("target", "says"),
    [("nn.Sigmoid", "the module of `Odd` cannot be made: TypeError"), ("nn.Conv2d", "does not run: RuntimeError")],
)
def test_a_module_that_fails_is_shown_at_its_layer(target: str, says: str) -> None:
    class Odd(Layer):
        """Whose module is another's."""

        def infer(self, x: Shape) -> Shape:
            return x

        def call(self, *x: Value) -> Call:
            return Call(target, {"in_channels": 5, "out_channels": 5, "kernel_size": 1}, support=())

    error = wrong("spec: 1\nname: net\ninput: [3, 8, 8]\nlayers:\n  - {op: ReLU}\n  - {op: Odd}\n")
    assert says in str(error)
    assert error.diagnostics[0].span is not None
    assert error.diagnostics[0].span.line == 6


def test_wrong_weights_are_shown_at_their_layer() -> None:
    class Odd(Layer):
        """A linear layer whose weights are stated the other way round."""

        def infer(self, x: Shape) -> Shape:
            return (5,)

        def weights(self, x: Shape) -> dict[str, Shape]:
            return {"weight": (x[0], 5), "bias": (5,)}

        def call(self, *x: Value) -> Call:
            return Call("nn.Linear", {"in_features": x[0].shape[0], "out_features": 5})

    error = wrong("spec: 1\nname: net\ninput: [3]\nlayers:\n  - {op: Odd}\n")
    assert "of the module of `Odd` is 5 x 3, and 3 x 5 was predicted" in str(error)


def test_a_spec_that_is_wrong_as_it_stands_is_reported_as_ever() -> None:
    error = wrong("spec: 1\nname: net\ninput: [3]\nlayers:\n  - {op: Reluu}\n")
    assert [d.code for d in error.diagnostics] == ["unknown-op"]
    assert not error.setting.params
    with pytest.raises(speczoo.SpecError):
        check_spec("nowhere.yaml")


def test_what_is_expected_is_asked_of_the_spec_as_it_stands() -> None:
    spec = with_params({"n": {"type": "int", "default": 2, "min": 1, "max": 3}}, {"op": "Conv2d", "out_channels": "$n",
        "kernel_size": 1})  # fmt: skip
    check_spec(spec | {"expect": {"params": 18}}, examples=3)
    error = wrong(spec | {"expect": {"params": 19}}, examples=3)
    assert [d.code for d in error.diagnostics] == ["assertion-failed"]


def test_every_variant_is_built() -> None:
    faulty(3)
    spec = with_params({"n": "int"}, {"op": "faulty", "n": "$n"}) | {"variants": {"a": {"n": 1}, "b": {"n": 3}}}
    spec["variants"] = {"a": {"params": {"n": 1}}, "b": {"params": {"n": 3}}}
    assert "assertion-failed" in str(wrong(spec))
    faulty(4)
    check_spec(spec, examples=3)


@pytest.mark.parametrize(
    ("param", "values", "words"),
    [
        ({"type": "int", "min": 1, "max": 3}, [1, 2, 3], "is in its range: 1 to 3"),
        ({"type": "int", "default": 4, "min": 3}, [*range(3, 21)], "is in its range: 3 and more"),
        ({"type": "int", "default": 4, "max": 5}, [*range(-11, 6)], "is in its range: 5 and less"),
        ({"type": "str", "choices": ["a", "b"]}, ["a", "b"], "is one of its choices"),
        (True, [False, True], "is one of its two values"),
        ({"type": "int", "min": 0, "max": 1000}, None, "is in its range: 0 to 1000"),
        ({"type": "float", "min": 0, "max": 1}, None, "is in its range: 0 to 1"),
    ],
)
def test_a_range_is_what_is_declared(param: Any, values: list[Any] | None, words: str) -> None:
    found = ranges(loaded(with_params({"p": param}, {"op": "ReLU"})).unit.spec)["p"]
    assert found.words == words
    assert (None if found.few is None else list(found.few)) == values


@pytest.mark.parametrize("param", ["int", 3, [1, 2], "text", {"type": "shape", "default": [1]}])
def test_what_declares_no_range_is_left_as_it_is(param: Any) -> None:
    assert not ranges(loaded(with_params({"p": param}, {"op": "ReLU"})).unit.spec)
