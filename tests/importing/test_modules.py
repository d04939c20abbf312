"""Modules with one thing each that code does: what comes of them, and what of them is refused, at its line."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo
from speczoo.importing import ImportRefused, from_module


class Run(nn.Module):
    """A module of one function over a few layers of its own."""

    def __init__(self, run: Callable[[Run, Tensor], Tensor]) -> None:
        super().__init__()
        self.run = run
        self.linear = nn.Linear(12, 12)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm1d(12)
        self.flat = nn.BatchNorm2d(4)
        self.act, self.places, self.applied = nn.ReLU(), Places(), Applied()
        self.scale = nn.Parameter(torch.randn(12))
        self.table = nn.Parameter(torch.randn(1, 5, 12))

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def heads(m: Run, x: Tensor) -> Tensor:
    b, n, c = x.shape
    q, k, v = m.linear(x).reshape(b, n, 3, 2, c // 6).permute(2, 0, 3, 1, 4).unbind(0)
    return ((q @ k.transpose(-2, -1)).softmax(-1) @ v).transpose(1, 2).reshape(b, n, -1)


def windows(m: Run, x: Tensor) -> Tensor:
    b, n, c = x.shape
    parts = x.view(b, n // 2, 2, c).reshape(-1, 2, c)
    return m.linear(parts).view(b, n, c)


def fused_windows(m: Run, x: Tensor) -> Tensor:
    b, n, c = x.shape
    q = m.linear(x).reshape(b * n // 2, 2, 3, c // 3).transpose(1, 2)
    return F.scaled_dot_product_attention(q, q, q).transpose(1, 2).reshape(b, n, c)


def maps_of_windows(m: Run, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    parts = x.view(b, c, 2, h // 2, w).transpose(1, 2).reshape(b * 2, c, h // 2, w)
    parts = F.max_pool2d(m.act(m.flat(m.conv(parts))), 1)
    return parts.view(b, 2, c, h // 2, w).transpose(1, 2).reshape(b, c, h, w)


def query_of_windows(m: Run, x: Tensor) -> Tensor:
    b, n, c = x.shape
    query = x.mean(1).repeat_interleave(2, 0)
    return (m.linear(x).reshape(b * 2, n // 2, c) * query[:, None]).reshape(b, n, c)


def heads_in_the_batch(m: Run, x: Tensor) -> Tensor:
    b, n, c = x.shape
    q, k = m.linear(x).view(b, n, 2, 3, c // 6).permute(2, 0, 3, 1, 4).reshape(2, b * 3, n, c // 6).unbind(0)
    q = torch.einsum("bnc,dc->bnd", q, m.scale.view(6, 2)[:2])
    return (q @ k.transpose(-2, -1)).reshape(b, 3, n, n).flatten(1, 2)


def put(m: Run, x: Tensor) -> Tensor:
    y = m.linear(x)
    y[:, 1:4, 2:] = x[:, 1:4, 2:] * 2
    return y


def logarithms(m: Run, x: Tensor) -> Tensor:
    apart = torch.arange(12.0)[:, None] - torch.arange(12.0)[None]
    return m.linear(x) + apart.sign() * torch.log1p(apart.abs())


def resized(m: Run, x: Tensor) -> Tensor:
    table = F.interpolate(m.table.transpose(1, 2), size=7, mode="linear").transpose(1, 2)
    return m.linear(x) + table


class Places(nn.Module):
    """A module that takes no value, and counts what it gives for each sample."""

    def forward(self, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape).cumsum(1) + 1


class Applied(nn.Module):
    """A module that wraps a function, and is applied again."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


def beside(m: Run, x: Tensor) -> Tensor:
    return m.linear(x) + m.places(x.shape)


def norm_of_tokens(m: Run, x: Tensor) -> Tensor:
    return m.norm(m.linear(x).flatten(0, 1)).reshape_as(x)


#: What is written, the shape that flows in, and an op that has to be among what comes of it.
WRITTEN: list[tuple[Callable[[Run, Tensor], Tensor], tuple[int, ...], str]] = [
    (lambda m, x: F.relu(m.linear(x)), (12,), "ReLU"),
    (lambda m, x: m.act(m.linear(m.act(x))), (12,), "share"),
    (lambda m, x: F.linear(x, m.linear.weight, m.linear.bias), (12,), "Linear"),
    (lambda m, x: 1 - m.linear(x) / 2, (12,), "sub"),
    (lambda m, x: m.linear(x) * m.scale, (5, 12), "broadcast: true"),
    (lambda m, x: m.linear(x).transpose(1, 2) * m.scale[:, None], (5, 12), "unsqueeze"),
    (lambda m, x: m.linear(x) + m.table, (5, 12), "leading: true"),
    (lambda m, x: torch.cat([m.table.expand(x.shape[0], -1, -1), x], 1), (3, 12), "concat"),
    (lambda m, x: F.linear(x, m.linear.weight - m.linear.weight.mean(1, keepdim=True), m.linear.bias), (12,), "einsum"),
    (lambda m, x: F.conv2d(x, m.conv.weight.abs(), m.conv.bias, padding=(1, 0)), (4, 8, 8), "convolution"),
    (lambda m, x: x + torch.cat([m.scale[6:], m.scale[:6]]), (5, 12), "concat"),
    (lambda m, x: x + torch.stack([m.scale, m.scale], 1).sum(1), (12,), "stack"),
    (heads, (6, 12), "unbind"),
    (windows, (6, 12), "Unflatten"),
    (fused_windows, (6, 12), "scaled_dot_product_attention"),
    (norm_of_tokens, (6, 12), "BatchNorm1d"),
    (maps_of_windows, (4, 8, 8), "convolution"),
    (query_of_windows, (6, 12), "expand"),
    (heads_in_the_batch, (6, 12), "einsum"),
    (put, (5, 12), "concat"),
    (logarithms, (12, 12), "index_select"),
    (resized, (7, 12), "interpolate"),
    (beside, (5, 12), "like: input"),
    (lambda m, x: m.applied(m.linear(m.applied(x)) + x), (12,), "op: add, from: [linear, input]"),
    (lambda m, x: torch.cat([x[:, :0], m.linear(x)[:, 0:]], 1), (5, 12), "Linear"),
    (lambda m, x: m.linear(x) * (x > 0).cumsum(1, dtype=torch.float32), (5, 12), "op: float"),
    (lambda m, x: m.linear(x) * m.scale[:6].tile(2), (5, 12), "repeat"),
    (lambda m, x: m.linear(x).max(1)[0], (5, 12), "amax"),
    (lambda m, x: torch.min(m.linear(x), x), (5, 12), "minimum"),
    (lambda m, x: torch.addcmul(x, m.linear(x), m.scale), (5, 12), "mul"),
    (lambda m, x: F.interpolate(m.conv(x), size=x.shape[-2:]), (4, 8, 8), "interpolate"),
    (lambda m, x: F.pad(m.conv(x), (1, 0, 2, 0)), (4, 8, 8), "ZeroPad2d"),
    (lambda m, x: m.conv(x).view(x.shape[0], -1), (4, 8, 8), "Flatten"),
    (lambda m, x: F.group_norm(x, 1, weight=m.scale), (12, 4), "GroupNorm"),
    (lambda m, x: F.group_norm(x, 3, bias=m.scale), (12, 4), "add"),
    (lambda m, x: m.conv(x).unfold(2, 4, 2).unfold(3, 3, 1).sum(-1), (4, 8, 8), "index_select"),
    (lambda m, x: F.unfold(m.conv(x), 2), (4, 8, 8), "Unfold"),
    (lambda m, x: m.conv(x)[:, 1:3, None], (4, 8, 8), "slice"),
    (lambda m, x: m.conv(x).permute(1, 0, 2, 3).mean(0), (4, 8, 8), "mean"),
]
#: What leaves weights of the module out, so that only what it computes is looked at.
UNUSED = ("linear", "conv", "norm", "flat", "scale", "table")


@pytest.mark.parametrize(("run", "shape", "op"), WRITTEN, ids=[op for _, _, op in WRITTEN])
def test_what_is_written_is_what_it_computes(
    run: Callable[[Run, Tensor], Tensor], shape: tuple[int, ...], op: str
) -> None:
    """`from_module` proves it for other weights and sizes; here the module's own, and training."""
    source = inspect.getsource(run)
    model = Run(run)
    for name in UNUSED:
        if f"m.{name}" not in source:
            delattr(model, name)
    made = from_module(model, shape)
    assert op in str(made)
    ours = speczoo.build(str(made))
    ours.load_state_dict(model.state_dict())
    x = torch.randn(3, *shape)
    torch.testing.assert_close(ours(x), model(x))


REFUSED: list[tuple[Callable[[Run, Tensor], Tensor], tuple[int, ...], str]] = [
    (lambda m, x: torch.linalg.qr(x)[0], (4, 4), "`linalg.qr`: the language has no such function"),
    (lambda m, x: x.flip(0), (4,), "`flip`: it works on the batch axis, which a spec never touches"),
    (lambda m, x: x[:1] + x, (4,), "`__getitem__`: it takes a part of the batch, which a spec never touches"),
    (
        lambda m, x: F.group_norm(x, 2, m.scale, m.scale),
        (12,),
        "`group_norm`: its `weight` is computed, and no module's own",
    ),
    (
        lambda m, x: F.conv_transpose2d(x, m.conv.weight.abs()),
        (4, 8, 8),
        "`conv_transpose2d`: its `weight` is computed, and no module's own",
    ),
]


@pytest.mark.parametrize(("run", "shape", "text"), REFUSED, ids=[text[:12] for _, _, text in REFUSED])
def test_what_is_refused_is_reported_at_its_line(
    run: Callable[[Run, Tensor], Tensor], shape: tuple[int, ...], text: str
) -> None:
    with pytest.raises(ImportRefused) as raised:
        from_module(Run(run), shape)
    line = run.__code__.co_firstlineno
    assert f"{__file__}:{line}: {text}" in str(raised.value).split("\n  ")


def test_everything_that_is_refused_is_reported_at_once() -> None:
    def run(m: Run, x: Tensor) -> Tensor:
        return torch.linalg.qr(x)[0] + torch.linalg.pinv(x)

    with pytest.raises(ImportRefused) as raised:
        from_module(Run(run), (4, 4))
    assert [refusal.what for refusal in raised.value.refusals] == ["`linalg.qr`", "`linalg.pinv`"]


class Tied(nn.Module):
    """A language model whose head is its embedding, behind a mask that stands in the state_dict."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 12)
        self.cross = nn.MultiheadAttention(12, 3, batch_first=True)
        self.asked = nn.Parameter(torch.randn(1, 5, 12))
        self.register_buffer("visible", torch.tril(torch.ones(20, 20)))
        self.head = nn.Linear(12, 9, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        y = self.words(x)
        scores = (y @ y.mT).masked_fill(self.visible[: y.shape[1], : y.shape[1]] == 0, -math.inf)
        y = self.cross(self.asked.expand(x.shape[0], -1, -1), scores.softmax(-1) @ y, y)[0]
        out: Tensor = self.head(y)
        return out


def test_tied_weights_masks_and_learned_queries() -> None:
    model = Tied()
    made = from_module(model, ((20,), "int64"))
    assert "tie: {head.weight: words.weight}" in str(made)
    assert made.graph.params == sum(each.numel() for each in model.parameters())
    ours = speczoo.build(str(made))
    ours.load_state_dict(model.state_dict())
    assert ours.head.weight is ours.words.weight
    x = torch.randint(0, 9, (3, 20))
    torch.testing.assert_close(ours(x), model(x))


def test_the_model_stays_as_it_is() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2), nn.Dropout(0.5))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    from_module(model, (4,))
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any("forward" in vars(module) for module in model.modules())
