"""Layers whose weights something else takes, too, and tables that each sample looks up in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo
from speczoo.importing import ImportRefused, from_module


class Language(nn.Module):
    """A language model whose head is a function of its embedding, with the names that people give these."""

    def __init__(self) -> None:
        super().__init__()
        parts = {"wte": nn.Embedding(9, 8), "wpe": nn.Embedding(6, 8), "ln_f": nn.LayerNorm(8)}
        self.transformer = nn.ModuleDict(parts)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.transformer.wte(idx) + self.transformer.wpe(torch.arange(idx.shape[1]))
        return F.linear(self.transformer.ln_f(x), self.transformer.wte.weight)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 8)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.words(x) * 8**0.5)
        return out


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.bias = nn.Parameter(torch.zeros(9))

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        return self.norm(x) @ table.t() + self.bias


class Given(nn.Module):
    """A head that is given the embedding's weight, which lies in another module."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mid, self.head = Words(), nn.Linear(8, 8), Head()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.mid(self.embed(x)), self.embed.words.weight)
        return out


class Autoencoder(nn.Module):
    """A decoder that is its encoder turned; the encoder a module that is called, or a function of its weights."""

    def __init__(self, *, called: bool) -> None:
        super().__init__()
        self.encoder = nn.Linear(12, 5)
        self.bias = nn.Parameter(torch.zeros(12))
        self.called = called

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x) if self.called else F.linear(x, self.encoder.weight, self.encoder.bias)
        return F.linear(h.tanh(), self.encoder.weight.t(), self.bias)


class Maps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.conv(x), self.conv.weight.transpose(0, 1).flip(2, 3), padding=1)


class Nearest(nn.Module):
    """Vectors of a table, the nearest of which is taken; a head of one number, scaled by the length of its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.table, self.head = nn.Linear(5, 6), nn.Embedding(7, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.net(x)
        table = self.table.weight
        far = h.square().sum(1, keepdim=True) + table.square().sum(1) - 2 * h @ table.t()
        out: Tensor = self.head(h + self.table(far.argmin(1))) / self.head.weight.norm(dim=1)
        return out


class Noised(nn.Module):
    """What each sample looks up in a list for its step, in the ways that people write it."""

    def __init__(self, how: Any) -> None:
        super().__init__()
        self.net = nn.Linear(6, 6)
        self.register_buffer("kept", torch.arange(10) / 16)
        self.how = how

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.net(x * self.how(self.kept, t).reshape(-1, 1))
        return out


TOKENS: Any = ((6,), "int64")
STEPPED: Any = {"x": (6,), "t": ((), "int64")}


@pytest.mark.parametrize(
    ("model", "input", "high"),
    [
        (Language(), TOKENS, 9),
        (Given(), TOKENS, 9),
        (Autoencoder(called=True), (12,), 0),
        (Autoencoder(called=False), (12,), 0),
        (Maps(), (3, 8, 8), 0),
        (Nearest(), (5,), 0),
        (Noised(lambda kept, t: kept[t]), STEPPED, 10),
        (Noised(lambda kept, t: kept.gather(-1, t)), STEPPED, 10),
        (Noised(lambda kept, t: torch.index_select(kept, 0, t)), STEPPED, 10),
        (Noised(lambda kept, t: kept[:, None][t]), STEPPED, 10),
    ],
    ids=["language", "given", "called", "functions", "maps", "nearest", "index", "gather", "index_select", "rows"],
)
def test_one_weight_in_two_places(model: nn.Module, input: Any, high: int) -> None:
    """The same names and outputs, and the same gradients of what is used twice."""
    made = from_module(model, input)
    ours = speczoo.build(str(made))
    assert [*ours.state_dict()] == [*model.state_dict()]
    ours.load_state_dict(model.state_dict())
    shapes = [*input.values()] if isinstance(input, dict) else [input]
    tensors = [
        torch.randint(0, high, (3, *given[0])) if given[1:] == ("int64",) else torch.randn(3, *given)
        for given in shapes
    ]
    results = []
    for each in (model, ours):
        each.eval()
        out = each(*tensors)
        out.square().sum().backward()
        results.append([out, *(each.grad for _, each in sorted(each.named_parameters()))])
    torch.testing.assert_close(*results)


def test_layers_start_as_they_did() -> None:
    made = from_module(Autoencoder(called=True), (12,))
    bound = made.graph.root.nodes[0].body.init["uniform"]["b"]
    assert bound == pytest.approx(12**-0.5)
    assert "init: {normal: {std: 1.0}}" in str(from_module(Language(), TOKENS))


class Scaled(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x) * self.layer.weight[0]
        return out


@pytest.mark.parametrize(
    ("layer", "input", "why"),
    [
        (nn.LayerNorm(4), (4,), "there is no function of the weights of `LayerNorm`"),
        (nn.Embedding(9, 4, padding_idx=0), TOKENS, "no function has its `padding_idx`"),
        (nn.Conv1d(4, 4, 1, padding="same"), (4, 4), "no function has its `padding`"),
    ],
)
def test_where_there_is_no_function_it_is_reported(layer: nn.Module, input: Any, why: str) -> None:
    with pytest.raises(ImportRefused, match=rf"`layer\.weight`, a weight of a layer that is called as well, and {why}"):
        from_module(Scaled(layer), input)
