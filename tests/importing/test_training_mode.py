"""What a model does in training alone: it is written where the language has it, and reported where it has not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo
from speczoo.importing import from_module


class Paths(nn.Module):
    """A drop of whole branches as many packages write their own."""

    def __init__(self, rate: float, scaled: bool = True) -> None:
        super().__init__()
        self.rate, self.scaled = rate, scaled

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty((x.shape[0],) + (1,) * (x.dim() - 1)).bernoulli_(1 - self.rate)
        return x * (kept / (1 - self.rate) if self.scaled else kept)


class Noise(nn.Module):
    """Numbers that are added in training, of no layer of the language."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x) if self.training else x


class Net(nn.Module):
    """A residual branch that something is done to in training."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4, momentum=0.3)
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(self.norm(self.conv(x)))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(12, 36)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25 if self.training else 0.0)
        return out.transpose(1, 2).reshape(b, n, c)


class Louder(nn.Module):
    """Another function of the same weights in training."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) * (3 if self.training else 1)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_a_drop_of_branches_is_one_of_the_language(rate: float) -> None:
    made = from_module(Net(Paths(rate)), (4, 8, 8))
    assert made.notes == ()
    assert f"op: StochasticDepth, p: {rate}" in str(made)
    model, ours = Net(Paths(rate)).train(), speczoo.build(str(made)).train()
    ours.load_state_dict(model.state_dict())
    x = torch.randn(6, 4, 8, 8)
    torch.manual_seed(1)
    want = model(x)
    torch.manual_seed(1)
    assert torch.equal(ours(x), want)


def test_a_drop_that_drops_nothing_is_left_out() -> None:
    made = from_module(Net(Paths(0.0)), (4, 8, 8))
    assert made.notes == ()
    assert "StochasticDepth" not in str(made)


@pytest.mark.parametrize("inner", [Noise, lambda: Paths(0.5, scaled=False)], ids=["noise", "unscaled"])
def test_what_nothing_expresses_is_reported(inner: Callable[[], nn.Module]) -> None:
    (note,) = from_module(Net(inner()), (4, 8, 8)).notes
    assert "`inner`" in note
    assert "in training alone" in note


def test_dropout_of_attentions_is_that_of_training() -> None:
    made = from_module(Attention(), (5, 12))
    assert made.notes == ()
    assert "dropout_p: 0.25" in str(made)


def test_another_function_in_training_is_reported() -> None:
    (note,) = from_module(Louder(), (6,)).notes
    assert "training mode" in note
