"""The GPT of the language's page beside one written by hand, as nanoGPT has it: equal keys, outputs and gradients."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo

PAGE = Path(__file__).parents[2] / "specs" / "README.md"


@pytest.fixture
def written(tmp_path: Path) -> str:
    """The spec as the page has it, in a file."""
    found = re.search(r"```yaml gpt\.yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    path = tmp_path / "gpt.yaml"
    path.write_text(found[1], encoding="utf-8")
    return str(path)


class Attention(nn.Module):
    def __init__(self, n_embd: int, n_head: int, dropout: float) -> None:
        super().__init__()
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.c_proj = nn.Linear(n_embd, n_embd, bias=False)
        self.resid_dropout = nn.Dropout(dropout)
        self.n_head, self.dropout = n_head, dropout

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        heads = [part.view(b, t, self.n_head, c // self.n_head).transpose(1, 2) for part in self.c_attn(x).split(c, 2)]
        p = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(*heads, attn_mask=None, dropout_p=p, is_causal=True)
        out: Tensor = self.resid_dropout(self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c)))
        return out


class MLP(nn.Module):
    def __init__(self, n_embd: int, dropout: float) -> None:
        super().__init__()
        self.c_fc = nn.Linear(n_embd, 4 * n_embd, bias=False)
        self.c_proj = nn.Linear(4 * n_embd, n_embd, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.c_proj(F.gelu(self.c_fc(x))))
        return out


class Block(nn.Module):
    def __init__(self, n_embd: int, n_head: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd, bias=False)
        self.attn = Attention(n_embd, n_head, dropout)
        self.ln_2 = nn.LayerNorm(n_embd, bias=False)
        self.mlp = MLP(n_embd, dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class GPT(nn.Module):
    def __init__(
        self, vocab_size: int, block_size: int, n_layer: int, n_head: int, n_embd: int, dropout: float
    ) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab_size, n_embd),
                "wpe": nn.Embedding(block_size, n_embd),
                "drop": nn.Dropout(dropout),
                "h": nn.ModuleList([Block(n_embd, n_head, dropout) for _ in range(n_layer)]),
                "ln_f": nn.LayerNorm(n_embd, bias=False),
            }
        )
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.transformer["wte"].weight = self.lm_head.weight

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.transformer["drop"](self.transformer["wte"](tokens) + self.transformer["wpe"](places))
        for block in self.transformer["h"]:  # type: ignore[union-attr]
            x = block(x)
        out: Tensor = self.lm_head(self.transformer["ln_f"](x))
        return out


@pytest.mark.parametrize("tokens", [32, 7])
@pytest.mark.parametrize("chosen", [{}, {"n_layer": 3, "n_head": 2, "n_embd": 16, "dropout": 0.0}])
def test_it_is_the_one_written_by_hand(written: str, chosen: dict[str, Any], tokens: int) -> None:
    graph = speczoo.graph(written, **chosen)
    sizes = graph.settings.params
    built = speczoo.build(written, seed=0, input={"tokens": [tokens]}, **chosen)
    ours = GPT(**sizes)
    assert list(built.state_dict()) == list(ours.state_dict())
    ours.load_state_dict(built.state_dict())
    assert sum(p.numel() for p in ours.parameters()) == graph.params
    x = torch.randint(sizes["vocab_size"], (3, tokens))
    for training in (False, True):
        outputs = []
        for model in (built.train(training), ours.train(training)):
            model.zero_grad()
            torch.manual_seed(1)
            outputs.append(model(x))
            outputs[-1].logsumexp(-1).sum().backward()
        assert torch.equal(*outputs)
        own = dict(ours.named_parameters(remove_duplicate=False))
        for name, parameter in built.named_parameters():
            torch.testing.assert_close(parameter.grad, own[name].grad)
