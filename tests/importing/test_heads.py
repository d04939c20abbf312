"""Torch's own attention whose weights are read, or whose batch holds windows, frames or places."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import speczoo
from speczoo.importing import from_module


class Read(nn.Module):
    """What an attention gives, and who looked at whom: the mean of all heads, or each."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.linear = nn.Linear(8, 8)
        self.more = more

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        more = dict(self.more)
        if more.pop("causal", False):
            more["attn_mask"] = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        if more.pop("padded", False):
            more["key_padding_mask"] = x[..., 0] > 1
        out, looks = self.attention(x, self.linear(x) if "average_attn_weights" in more else x, x, **more)
        return self.linear(out), looks


class Windows(nn.Module):
    """Windows of a map in the batch axis, which comes first or second."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=first, dropout=0.25)
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        samples, height, width, features = x.shape
        tokens = x.view(samples, height // 4, 4, width // 4, 4, features).permute(0, 1, 3, 2, 4, 5)
        tokens = tokens.reshape(-1, 16, features)
        tokens = tokens if self.first else tokens.transpose(0, 1)
        out: Tensor = self.attention(tokens, tokens, tokens)[0]
        out = out if self.first else out.transpose(0, 1)
        out = out.view(samples, height // 4, width // 4, 4, 4, features).permute(0, 1, 3, 2, 4, 5)
        return out.reshape(x.shape) + x


class Frames(nn.Module):
    """Each place over time, and then all places of each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.times, self.places = (nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        samples, times, places, features = x.shape
        y = x.permute(0, 2, 1, 3).reshape(samples * places, times, features)
        y = self.times(y, y, y, need_weights=False)[0].reshape(samples, places, times, features).permute(0, 2, 1, 3)
        y = y.reshape(samples * times, places, features)
        out: Tensor = self.places(y, y, y)[0].reshape(samples, times, places, features)
        return out


class Asked(nn.Module):
    """Keys of another size, and weights by which they are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, kdim=6, vdim=5, batch_first=True, bias=False)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        out: tuple[Tensor, Tensor] = self.attention(x, keys, values)
        return out


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (Read(), [(5, 8)]),
        (Read(average_attn_weights=False), [(5, 8)]),
        (Read(causal=True), [(5, 8)]),
        (Read(padded=True), [(5, 8)]),
        (Windows(first=True), [(8, 4, 8)]),
        (Windows(first=False), [(8, 4, 8)]),
        (Frames(), [(3, 5, 8)]),
        (Asked(), [(5, 8), (7, 6), (7, 5)]),
    ],
    ids=["read", "each", "causal", "padded", "windows", "second", "frames", "asked"],
)
def test_attention_in_functions_of_its_weights(model: nn.Module, inputs: list[tuple[int, ...]]) -> None:
    """The same names, outputs and gradients."""
    names = ("x", "keys", "values")
    made = from_module(model, dict(zip(names, inputs, strict=False)))
    ours = speczoo.build(str(made))
    assert {*ours.state_dict()} == {*model.state_dict()}
    ours.load_state_dict(model.state_dict())
    tensors = [torch.rand(3, *shape) for shape in inputs]
    results = []
    for each in (model, ours):
        out = each.eval()(*tensors)
        out = out if isinstance(out, tuple) else (out,)
        sum(part.square().sum() for part in out).backward()
        results.append([*out, *(each.grad for _, each in sorted(each.named_parameters()))])
    torch.testing.assert_close(*results, atol=1e-5, rtol=1e-4)


def test_an_attention_that_nobody_reads_is_the_layer() -> None:
    text = str(from_module(nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)), (5, 8)))
    assert "TransformerEncoderLayer" in text


def test_it_starts_as_torch_starts_it() -> None:
    bound = next(node.body for node in from_module(Read(), (5, 8)).graph.root.nodes if node.op == "Parameter").init
    assert bound["uniform"]["b"] == pytest.approx((6 / (8 + 24)) ** 0.5)
