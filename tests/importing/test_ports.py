"""Small networks as people write them: recurrent ones, transformers of torch's layers, cells that run step by step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import speczoo
from speczoo.importing import from_module


class Recurrent(nn.Module):
    """Characters of a line of text in an image: what is read of each column, in both directions."""

    def __init__(self, states: bool, batch_first: bool) -> None:
        super().__init__()
        self.states, self.batch_first = states, batch_first
        self.cnn = nn.Conv2d(1, 6, (8, 3), padding=(0, 1))
        self.rnn = nn.LSTM(6, 5, bidirectional=True, batch_first=batch_first)
        self.head = nn.Linear(5 if states else 10, 4)

    def forward(self, x: Tensor) -> Tensor:
        columns = self.cnn(x).squeeze(2).permute(0, 2, 1)
        out, (hidden, _) = self.rnn(columns if self.batch_first else columns.transpose(0, 1))
        found: Tensor = self.head(hidden[-1] if self.states else out if self.batch_first else out.transpose(0, 1))
        return found


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 + 3, 6, 3, padding=1)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        a, b = self.conv(torch.cat([x, state[0]], 1)).chunk(2, 1)
        cell = state[1] * a.sigmoid() + b.tanh()
        return cell.tanh(), cell


class Unrolled(nn.Module):
    """A cell over the frames of a clip, from zeros and ones; nobody reads its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = Cell()

    def forward(self, x: Tensor) -> Tensor:
        hidden = x.new_zeros(x.shape[0], 3, *x.shape[-2:])
        state = hidden, torch.full_like(hidden, 0.5)
        for step in range(3):
            state = self.cell(x[:, step], state)
        return state[0]


class Tokens(nn.Module):
    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 12, 0.25, batch_first=True, **more) for _ in range(2)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        x: Tensor = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x)
        return x


PORTS: list[tuple[nn.Module, Any, str]] = [
    (Recurrent(False, True), (1, 8, 12), "op: LSTM"),
    (Recurrent(True, True), (1, 8, 12), "return_state: true"),
    (Recurrent(False, False), (1, 8, 12), "op: LSTM"),
    (Unrolled(), (3, 2, 6, 6), "op: expand"),
    (Tokens(), [((7,), "int64")], "nhead: 2, dim_feedforward: 12, dropout: 0.25"),
    (Tokens(activation="gelu", norm_first=True, bias=False), [((7,), "int64")], "activation: gelu"),
]


@pytest.mark.parametrize(("model", "shape", "text"), PORTS, ids=[f"{type(m).__name__}-{t}" for m, _, t in PORTS])
def test_a_network_as_people_write_it(model: nn.Module, shape: Any, text: str) -> None:
    """`from_module` proves it for other weights and sizes; here the model's own."""
    made = from_module(model, shape)
    assert text in str(made)
    ours = speczoo.build(str(made)).eval()
    ours.load_state_dict(model.state_dict())
    (given,) = [value for _, value in made.graph.settings.inputs]
    x = torch.randint(20, (3, *given.shape)) if given.dtype == "int64" else torch.randn(3, *given.shape)
    torch.testing.assert_close(ours(x), model.eval()(x))
