"""`check_layer` lets a right layer pass, and says of a wrong one what is wrong, by the smallest case that shows it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Call, Int, Layer, Listed, Positive, Probability, Shape, ShapeError, Size2, Value
from speczoo.testing import CHECKS, Case, Disagreement, check_layer, layer_cases

MODULES = """
import torch
from torch import nn


class Gain(nn.Module):
    def __init__(self, num_channels, start=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((num_channels,), start))

    def forward(self, x):
        return x * self.weight[:, None, None]


class Remembering(Gain):
    def forward(self, x):
        with torch.no_grad():
            self.weight += 1
        return super().forward(x)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


class Growing(nn.Module):
    def forward(self, x):
        self.weight = nn.Parameter(torch.ones(x.shape[1]))
        return x * 1


class Detached(nn.Module):
    def forward(self, x):
        return x.detach() * 2


class Broken(nn.Module):
    def forward(self, x):
        y = x.sigmoid()
        y.mul_(2)
        return y


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 3


class WrongGradient(nn.Module):
    def forward(self, x):
        return Double.apply(x)


class Overwriting(nn.Module):
    def forward(self, x):
        return x.detach().mul_(2) + x


class Rounded(nn.Module):
    def forward(self, x):
        return x.long()
"""


@pytest.fixture(scope="module", autouse=True)
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The modules of somebody, to import."""
    folder = tmp_path_factory.mktemp("somebody")
    (folder / "somebodys_modules.py").write_text(textwrap.dedent(MODULES), encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    del sys.modules["somebodys_modules"]


def gain(**wrong: Any) -> type[Layer]:
    """A layer for `Gain`, right but for these attributes."""

    class Gain(Layer):
        """Each channel times a number that is learned."""

        num_channels: Positive | None = None
        start: float = 1.0

        torch = "somebodys_modules.Gain"
        ranks = (3,)
        derives = ("num_channels",)
        positional = 1
        saves = "factors"

        def derived(self, x: Shape) -> dict[str, int]:
            return {"num_channels": x[0]}

        def infer(self, x: Shape) -> Shape | list[Shape]:
            return x

        def weights(self, x: Shape) -> dict[str, Shape]:
            return {"weight": (x[0],)}

    for name, value in wrong.items():
        setattr(Gain, name, value)
    return Gain


def plain(target: str, **attributes: Any) -> type[Layer]:
    """A layer without arguments for a module that keeps shapes."""

    class Plain(Layer):
        """What keeps shapes."""

        torch = f"somebodys_modules.{target}"

        def infer(self, x: Shape) -> Shape | list[Shape]:
            return x

    for name, value in attributes.items():
        setattr(Plain, name, value)
    return Plain


def wrong(kind: type[Layer], **more: Any) -> str:
    with pytest.raises(Disagreement) as caught:
        check_layer(kind, **more)
    assert not getattr(caught.value, "__notes__", None)
    return str(caught.value)


def fails(*x: Shape) -> Any:
    raise IndexError("tuple index out of range")


def test_a_right_layer_passes() -> None:
    check_layer(gain(saves="input"))
    check_layer("Linear")


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"infer": lambda self, x: (x[0], x[1] + 1, x[2])},
         "Gain: another shape comes out than `infer` says\n  entry  {op: Gain}\n  input  1 x 1 x 1\n"
         "  infer  1 x 2 x 1\n  torch  1 x 1 x 1"),
        ({"dtype": lambda self, *x: "int64"}, "other numbers come out than `dtype` says"),
        ({"weights": lambda self, x: {"weight": (x[0], 1)}},
         "Gain: the state_dict is not what `weights` and `buffers` say\n  entry    {op: Gain}\n  input    1 x 1 x 1\n"
         "  weights  weight of 1 x 1\n  torch    weight of 1"),
        ({"weights": lambda self, x: {}}, "weights  0 entries\n  torch    weight of 1"),
        ({"weights": lambda self, x: {}, "buffers": lambda self, x: {"weight": (x[0],)}},
         "`weight`: parameters belong in `weights`, other tensors in `buffers`"),
        ({"parameters": ("gain",)}, "`parameters` lacks `weight`"),
        ({"macs": lambda self, out, x: 12}, "than `macs` says\n  entry  {op: Gain}\n  input  1 x 1 x 1\n"
         "  macs   12\n  torch  0"),
        ({"infer": fails}, "it fails as it is asked"),
        ({"torch": "somebodys_modules.Loss"}, "no attribute 'Loss'"),
        ({"saves": ""}, "autograd keeps its input for the backward pass, and `saves` does not say so"),
        ({"torch": "somebodys_modules.Remembering"}, "its state changes as it runs in training: `weight`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_shown_by_the_smallest_case(attributes: dict[str, Any], says: str) -> None:
    assert says in wrong(gain(**{"saves": "input", **attributes}))


@pytest.mark.parametrize(
    ("target", "attributes", "says"),
    [
        ("Detached", {}, "no gradient comes back: its output is cut off from its input"),
        ("Broken", {}, "it has no backward pass\n  entry  {op: Plain}\n"),
        ("WrongGradient", {}, "its gradients are not those of what it computes"),
        ("Growing", {"ranks": (1, 2, 3)}, "`weight` of its state comes or goes as it runs in training"),
        ("Counting", {"saves": "input"}, "evaluated twice on one input it gives two results"),
        ("Overwriting", {}, "its input 0 is written over, and it is not in place"),
        ("WrongGradient", {"inplace_": True}, "its output has a memory of its own, and it claims to be in place"),
        ("Rounded", {}, "other numbers come out than `dtype` says"),
    ],
)
def test_a_module_that_is_no_layer_is_reported(target: str, attributes: dict[str, Any], says: str) -> None:
    assert says in wrong(plain(target, **attributes))


@pytest.mark.parametrize("ask", [check_layer, layer_cases])
def test_a_layer_that_there_is_not_is_reported(ask: Any) -> None:
    with pytest.raises(ValueError, match="there is no layer 'Conv2'; did you mean `Conv2d`"):
        ask("Conv2")


def test_a_check_can_be_left_out_by_name() -> None:
    kind = gain(saves="input", macs=lambda self, out, x: 12)
    check_layer(kind, without=["macs"])
    with pytest.raises(ValueError, match=f"there is no check 'mac': {', '.join(CHECKS)}"):
        check_layer(kind, without=["mac"])


def test_a_refusal_that_torch_does_not_share_is_reported_where_asked() -> None:
    def few(self: Layer, x: Shape) -> Shape:
        if x[0] > 3:
            raise ShapeError("bad-value", "at most three channels")
        return x

    check_layer(gain(saves="input", infer=few))
    stated = wrong(gain(saves="input", infer=few), stricter=lambda case: False)
    assert "the layer refuses it, torch does not\n  entry  {op: Gain}\n  input  4 x 1 x 1" in stated
    check_layer(gain(saves="input", infer=few), stricter=lambda case: case.inputs[0].shape[0] > 3)


def test_that_no_case_fits_is_reported_with_the_reasons() -> None:
    def never(self: Layer, x: Shape) -> Shape:
        raise ShapeError("bad-value", "a multiple of 7 in all")

    with pytest.raises(AssertionError, match=r"no case that was drawn is accepted(.|\n)*x  a multiple of 7 in all"):
        check_layer(gain(infer=never))


class Flip(Layer, op="flip_some"):
    """Reverse the order along axes, by an expression of torch."""

    dims: Annotated[tuple[Int, ...], Listed]

    torch = ""
    views = False
    axes = ("dims",)
    reads = ("torch.flip",)

    def check(self, *x: Shape | None) -> None:
        super().check(*x)
        if x[0] is not None and (set(self.dims) - set(range(1, len(x[0]) + 1)) or len(set(self.dims)) < len(self.dims)):
            raise ShapeError("bad-value", "each axis once", argument="dims")

    def call(self, *x: Value) -> Call:
        return Call(None, self.arguments(*(v.shape for v in x)), apply="torch.flip({0}, {dims})")


del Layer.registry["flip_some"]


def test_a_function_is_checked_like_a_module() -> None:
    Layer.registry["flip_some"] = Flip
    check_layer(Flip)


class Everything(Layer, op="everything"):
    """A field of every kind."""

    size: Size2
    share: Probability = 0.5
    mode: Literal["near", "far"] = "near"
    flag: bool | None = None
    bound: Annotated[int, Field(gt=3, lt=6)] = 4
    ints: Annotated[tuple[Int, ...], Listed] = (1,)


del Layer.registry["everything"]


def test_arguments_follow_from_the_types_of_the_fields() -> None:
    Layer.registry["everything"] = Everything
    found: dict[str, set[str]] = {name: set() for name in Everything.model_fields}

    @settings(max_examples=200, derandomize=True)
    @given(layer_cases(Everything))
    def fits(case: Case) -> None:
        Everything(**case.arguments)
        for name, value in case.arguments.items():
            found[name].add(repr(value))

    fits()
    assert found["bound"] == {"4", "5"}
    assert found["mode"] == {"'near'", "'far'"}
    assert found["flag"] == {"True", "False", "None"}
    assert {value[0] for value in found["size"]} > {"[", "1"}
    assert all(0 <= float(value) <= 1 for value in found["share"])
    assert len(found["ints"]) > 5


def test_an_argument_of_no_known_kind_has_to_be_given() -> None:
    class Named(Layer, op="named"):
        """A field of any text."""

        name: str

        def infer(self, x: Shape) -> Shape:
            return x

        def call(self, *x: Value) -> Call:
            return Call("nn.Identity")

    Named.views = True
    with pytest.raises(TypeError, match=r"`name` may be any str: say what, as name=strategy"):
        check_layer(Named)
    check_layer(Named, layer_cases(Named, name=st.sampled_from(["a", "b"]), inputs=st.just([(3, 4)])))
