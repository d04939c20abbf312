"""Masks: constants of the model, what flows in, and what torch makes of them on the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo
from speczoo.importing import ImportRefused, from_module
from tests.commands.zoo_command import data

TOKENS, FEATURES = 5, 12
CAUSAL = nn.Transformer.generate_square_subsequent_mask(TOKENS)
Run = Callable[["Net", Tensor, Tensor], Tensor]


class Net(nn.Module):
    """Torch's own attention, and one that is written out, under a mask that flows in and one that is its own."""

    def __init__(self, run: Run, kind: str) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(FEATURES, 3, 24, batch_first=True)
        parts: dict[str, Callable[[], nn.Module]] = {
            "attn": lambda: nn.MultiheadAttention(FEATURES, 3, batch_first=True),
            "encoder": lambda: nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            "decoder": lambda: nn.TransformerDecoderLayer(FEATURES, 3, 24, batch_first=True),
            "linear": lambda: nn.Linear(FEATURES, FEATURES),
        }
        self.part: Any = parts[kind]()
        self.run = run
        self.register_buffer("causal", CAUSAL, persistent=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.run(self, x, mask)


def heads(m: Net, x: Tensor) -> Tensor:
    return m.part(x).view(*x.shape[:2], 3, 4).transpose(1, 2)


def fused(m: Net, x: Tensor, mask: Tensor) -> Tensor:
    q = heads(m, x)
    return F.scaled_dot_product_attention(q, q, q, attn_mask=mask[:, None, None, :]).transpose(1, 2).flatten(2)


def filled(m: Net, x: Tensor, mask: Tensor) -> Tensor:
    q = heads(m, x)
    scores = (q @ q.transpose(-2, -1)).masked_fill(~mask[:, None, None, :], -math.inf)
    return (scores.softmax(-1) @ q).transpose(1, 2).flatten(2)


def added(m: Net, x: Tensor, mask: Tensor) -> Tensor:
    q = heads(m, x)
    more = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    return ((q @ q.transpose(-2, -1) + more).softmax(-1) @ q).transpose(1, 2).flatten(2)


STATED: list[tuple[str, Run, str]] = [
    ("attn", lambda m, x, p: m.part(x, x, x, key_padding_mask=p)[0], "key_padding_mask: mask"),
    ("attn", lambda m, x, p: m.part(x, x, x, p, need_weights=False)[0], "key_padding_mask: mask"),
    ("attn", lambda m, x, p: m.part(x, x, x, attn_mask=m.causal)[0] * p[..., None], "mask: "),
    ("encoder", lambda m, x, p: m.part(x, src_key_padding_mask=p), "src_key_padding_mask: "),
    ("encoder", lambda m, x, p: m.part(x, mask=m.causal) * p[..., None], "is_causal: true"),
    ("encoder", lambda m, x, p: m.part(x, mask=m.causal.T) * p[..., None], "src_mask: "),
    ("encoder", lambda m, x, p: m.part(x, m.causal, p, True), "is_causal: true"),
    ("decoder", lambda m, x, p: m.part(x, x * 2, tgt_mask=m.causal, memory_key_padding_mask=p), "tgt_mask: "),
    ("linear", fused, "mask: "),
    ("linear", filled, "masked_fill"),
    ("linear", added, "softmax"),
]


@pytest.mark.parametrize(("kind", "run", "stated"), STATED)
def test_masks_are_references(kind: str, run: Run, stated: str) -> None:
    model = Net(run, kind).eval()
    made = from_module(model, {"x": (TOKENS, FEATURES), "mask": ((TOKENS,), "bool")})
    assert stated.lower() in str(made).lower()
    ours = speczoo.build(str(made)).eval()
    ours.load_state_dict(model.state_dict())
    x, mask = torch.randn(3, TOKENS, FEATURES), torch.tensor([[False, True, True, False, False]] * 3)
    torch.testing.assert_close(ours(x, mask), model(x, mask))
    assert not torch.allclose(ours(x, mask), ours(x, ~mask))


def test_padding_before_whom_nobody_looks_is_not_drawn() -> None:
    """Who sees padding alone gets no number, in the model and here: nothing would be held to anything."""

    class Causal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(4, FEATURES)
            self.layers = nn.ModuleList(nn.MultiheadAttention(FEATURES, 2, batch_first=True) for _ in range(2))

        def forward(self, tokens: Tensor) -> Tensor:
            x, padding = self.words(tokens), tokens == 0
            mask = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
            for layer in self.layers:
                x = x + layer(x, x, x, attn_mask=mask, key_padding_mask=padding)[0]
            return x

    for _ in range(4):
        assert "key_padding_mask: " in str(from_module(Causal(), ((TOKENS,), "int64")))


def test_numbers_are_no_mask_of_a_transformer() -> None:
    numbers = torch.randn(TOKENS, TOKENS)
    model = Net(lambda m, x, p: m.part(x, mask=numbers) * p[..., None], "encoder")
    with pytest.raises(ImportRefused, match="its mask is made of numbers, and the layer's of truths"):
        from_module(model, {"x": (TOKENS, FEATURES), "mask": ((TOKENS,), "bool")})


def test_each_input_has_a_kind_of_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "masked_net.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__(); self.fc = nn.Linear(4, 4)\n"
        "    def forward(self, x, mask):\n        return self.fc(x).masked_fill(mask[..., None], 0.0)\n"
    )
    spec = data("import", "masked_net:Net", "--input", "x=3x4", "--input", "mask=3", "--dtype", "mask=bool")["spec"]
    assert "{id: mask, shape: [3], dtype: bool}" in spec
