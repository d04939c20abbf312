"""The layers that bring code of their own, against what they stand for: values, tracing, scripting."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, fx, nn

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer, Shape, Value
from speczoo.testing.oracle import printed
from speczoo.torchvision import torchvision


def function(op: str, *shapes: Shape, **arguments: Any) -> Any:
    """A lower-case function of the language as a Python function."""
    call = Layer.registry[op](**arguments).call(*(Value(s) for s in shapes))
    scope: dict[str, Any] = {"torch": torch, "F": F, "Tensor": Tensor}
    for text in call.support:
        exec(text, scope)
    names = [f"x{i}" for i in range(len(shapes))]
    text = call.apply.format(*names, **{name: repr(v) for name, v in call.args.items()})
    return eval(f"lambda {', '.join(names)}: {text}", scope)


def module(op: str, *shapes: Shape, **arguments: Any) -> nn.Module:
    """A layer of the language as a module."""
    call = Layer.registry[op](**arguments).call(*(Value(s) for s in shapes))
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "Tensor": Tensor}
    for text in call.support:
        exec(text, scope)
    made = eval(printed(call), scope)
    assert isinstance(made, nn.Module)
    return made


@pytest.mark.parametrize("mode", ["row", "batch"])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_stochastic_depth_is_torchvisions(mode: str, p: float) -> None:
    ours, theirs = module("StochasticDepth", (4, 5, 6), p=p, mode=mode), torchvision().ops.StochasticDepth(p, mode)
    for shape in [(8, 4, 5, 6), (8, 7), (8,)]:
        x = torch.randn(shape)
        for training in (True, False):
            torch.manual_seed(3)
            expected = theirs.train(training)(x)
            torch.manual_seed(3)
            assert torch.equal(ours.train(training)(x), expected)


def test_layer_norm_2d_is_torchvisions() -> None:
    theirs = torchvision().models.convnext.LayerNorm2d(6, eps=1e-6)
    ours = module("LayerNorm2d", (6, 4, 5), eps=1e-6)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 6, 4, 5)
    assert torch.equal(ours(x), theirs(x))


def test_frozen_batch_norm_is_torchvisions() -> None:
    theirs = torchvision().ops.FrozenBatchNorm2d(6, eps=1e-4)
    ours = module("FrozenBatchNorm2d", (6, 4, 5), eps=1e-4)
    state = {name: torch.rand(6) + 0.5 for name in theirs.state_dict()}
    for each in (ours, theirs):
        each.load_state_dict(state, strict=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 6, 4, 5)
    assert torch.equal(ours(x), theirs(x))


OWN = [("StochasticDepth", (4, 5, 6), {"p": 0.5}), ("LayerNorm2d", (6, 4, 5), {}), ("FrozenBatchNorm2d", (6, 4, 5), {})]


@pytest.mark.parametrize(("op", "shape", "arguments"), OWN)
def test_own_classes_trace(op: str, shape: Shape, arguments: Any) -> None:
    """In both modes, as feature extractors need it."""
    made = module(op, shape, **arguments)
    x = torch.randn(2, *shape)
    for training in (True, False):
        traced = fx.symbolic_trace(made.train(training))
        torch.manual_seed(0)
        expected = made(x)
        torch.manual_seed(0)
        assert torch.equal(traced(x), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_own_code_scripts(tmp_path: Path) -> None:
    texts = {text for op in Layer.registry.values() for text in op.support}
    header = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n\n"
    file = tmp_path / "own_code.py"  # TorchScript reads the source
    file.write_text(header + "\n\n".join(texts))
    spec = importlib.util.spec_from_file_location("own_code", file)
    assert spec is not None
    assert spec.loader is not None
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    x = torch.randn(2, 6, 5, 5)
    for made in (own.StochasticDepth(0.5).eval(), own.LayerNorm2d(6), own.FrozenBatchNorm2d(6)):
        assert torch.equal(torch.jit.script(made)(x), made(x))
    dropping = own.StochasticDepth(0.5, "batch")
    assert set(torch.unique(torch.jit.script(dropping)(x) / x).round().tolist()) <= {0.0, 2.0}
    h, c = torch.randn(3, 2, 4), torch.randn(3, 2, 4)
    assert torch.equal(torch.jit.script(own.with_state)((x, h))[1], h.transpose(0, 1))
    assert torch.equal(torch.jit.script(own.with_states)((x, (h, c)))[2], c.transpose(0, 1))
    assert torch.equal(torch.jit.script(own.center_crop)(x, [3, 2]), own.center_crop(x, [3, 2]))


@given(st.data())
def test_crop_is_the_middle(data: st.DataObject) -> None:
    """As much goes in front as behind, or one less; channels and batch stay whole; it traces."""
    n = data.draw(st.integers(1, 3))
    have = data.draw(st.lists(st.integers(1, 7), min_size=n, max_size=n))
    want = [data.draw(st.integers(1, size)) for size in have]
    x, like = torch.randn(2, 3, *have), torch.randn(2, 5, *want)
    expected = x
    for axis, (size, wanted) in enumerate(zip(have, want, strict=True), 2):
        front = (size - wanted) // 2
        expected = expected.index_select(axis, torch.arange(front, front + wanted))
    by_example = function("crop", (3, *have), (5, *want))
    assert torch.equal(by_example(x, like), expected)
    assert torch.equal(function("crop", (3, *have), size=want)(x), expected)


@pytest.mark.parametrize("like", [(1, 5, 3), (1, 3, 5), (1, 4, 4)])
def test_a_crop_to_more_than_there_is_fails_loudly(like: Shape) -> None:
    """The emitted code is right for sizes that no checker has seen."""
    with pytest.raises((RuntimeError, IndexError)):
        function("crop", (1, 9, 9), (1, 3, 3))(torch.randn(2, 1, 3, 3), torch.randn(2, *like))


def test_crop_traces() -> None:
    crop = function("crop", (1, 9, 9), (1, 3, 3))

    class Crop(nn.Module):
        def forward(self, x: Tensor, like: Tensor) -> Tensor:
            made: Tensor = crop(x, like)
            return made

    traced = fx.symbolic_trace(Crop())
    for high, low in ((9, 3), (8, 5)):  # the traced code reads the sizes when it runs
        x, like = torch.randn(2, 1, high, high), torch.randn(2, 1, low, low)
        assert torch.equal(traced(x, like), crop(x, like))


def test_the_parameter_free_shortcut() -> None:
    """Every other place, then zeros after the channels that are there."""
    x = torch.randn(2, 3, 5, 5)
    halved = function("subsample", (3, 5, 5), stride=2)(x)
    assert torch.equal(halved, x[:, :, [0, 2, 4]][..., [0, 2, 4]])
    padded = function("pad_channels", (3, 3, 3), to=5)(halved)
    assert torch.equal(padded[:, :3], halved)
    assert padded.shape == (2, 5, 3, 3)
    assert not padded[:, 3:].any()
    assert torch.equal(function("subsample", (3, 5, 5), stride=[1, 5])(x), x[..., :1])


def test_a_parameter_starts_as_it_says() -> None:
    def made(**arguments: Any) -> nn.Parameter:
        call = Layer.registry["Parameter"](**arguments).call()
        parameter = eval(printed(call), {"nn": nn, "torch": torch})
        assert isinstance(parameter, nn.Parameter)
        assert parameter.requires_grad
        assert parameter.dtype == torch.float32
        return parameter

    assert torch.equal(made(shape=[2, 3]), torch.zeros(2, 3))
    assert torch.equal(made(shape=[2, 3], init=1), torch.ones(2, 3))
    assert torch.equal(made(shape=[3, 1, 1], init=1e-6), torch.full((3, 1, 1), 1e-6))
    assert torch.equal(made(shape=[3], init=-2, leading=True), torch.full((1, 3), -2.0))
    drawn = made(shape=[100, 100], init={"normal": {"std": 0.02}})
    assert abs(drawn.std().item() - 0.02) < 0.002
    drawn = made(shape=[100, 100], init={"uniform": {"a": 2, "b": 3}})
    assert drawn.min() >= 2
    assert drawn.max() <= 3


@given(st.sampled_from(["nearest", "bilinear", "area"]), st.integers(1, 9), st.integers(1, 9))
def test_interpolate_like_another(mode: str, height: int, width: int) -> None:
    x, like = torch.randn(2, 3, 4, 5), torch.randn(2, 1, height, width)
    made = function("interpolate", (3, 4, 5), (1, height, width), mode=mode)(x, like)
    assert torch.equal(made, F.interpolate(x, size=(height, width), mode=mode))


@given(st.integers(1, 3000), st.floats(0.01, 9))
def test_a_scale_factor_is_torchs_floor(n: int, factor: float) -> None:
    layer = Layer.registry["Upsample"](scale_factor=factor)
    actual = F.interpolate(torch.zeros(1, 1, n), scale_factor=factor).shape[-1] if int(n * factor) else None
    if actual is not None:
        assert layer.infer((1, n)) == (1, actual)
