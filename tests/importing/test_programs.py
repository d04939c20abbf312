"""Files of torch.export: the spec that comes of one is that of its model, or what it cannot express is reported."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo
from speczoo.importing import ImportRefused, ModelFailed, ProgramError, from_module, from_program
from tests.commands.zoo_command import data, zoo

BATCH = torch.export.Dim("batch", min=1)


class Cell(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.act, self.last = nn.ReLU(inplace=True), nn.Hardswish(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.body(x))
        y += x
        return self.last(y)


class Net(nn.Module):
    """Cells again and again, weights of its own, slices, a resize, a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, groups=1, bias=False)
        self.cells = nn.ModuleList([Cell(8) for _ in range(3)])
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.register_buffer("table", torch.arange(4.0), persistent=False)
        self.norm, self.fc = nn.LayerNorm(4), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.stem(x), 2)
        for cell in self.cells:
            x = cell(x)
        x = F.interpolate(self.up(x), scale_factor=2.0, mode="bilinear") * self.scale
        x = 1 - x[:, :, 1:-1].clamp(-2, 2).flatten(2)
        return self.fc(self.norm(x.mean(-1) * 0.5 + self.table))


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 4)

    def forward(self, x: Tensor, side: Tensor) -> Tensor:
        return self.words(x) @ self.words(side).transpose(1, 2)


class Turned(nn.Module):
    """A function that the language has not."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.pinv(self.fc(x))


class Translator(nn.Module):
    """States that another layer goes on from, tokens ahead of samples, and what is left in the last states."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.writes = nn.GRU(4, 6, 2), nn.GRU(3, 6, 2)
        self.last = nn.LSTM(6, 4, batch_first=True, bidirectional=True, proj_size=2)
        self.out = nn.RNN(6, 3, nonlinearity="relu", bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        _, states = self.reads(x.transpose(0, 1))
        hidden, _ = self.writes(y.transpose(0, 1), states)
        _, (last, _) = self.last(hidden.transpose(0, 1))
        return torch.cat([self.out(hidden)[0].transpose(0, 1)[:, -1], last[-1]], 1)


class Steps(nn.Module):
    """A cell again and again, and the same chain twice."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.gated = nn.LSTMCell(4, 6), nn.GRUCell(6, 6)
        self.chain = nn.Sequential(nn.Linear(6, 6), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        h, c = torch.zeros(x.shape[0], 6), torch.zeros(x.shape[0], 6)
        for at in range(3):
            h, c = self.cell(x[:, at], (h, c))
        out: Tensor = self.chain(self.gated(h, self.chain(c)))
        return out


class Looks(nn.Module):
    """Attention with a mask of each kind, and to other tokens of another size."""

    def __init__(self, masks: str) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 8)
        self.own = nn.MultiheadAttention(8, 2, batch_first=True)
        self.other = nn.MultiheadAttention(8, 4, kdim=6, vdim=6, bias=False)
        self.masks = masks
        self.register_buffer("visible", torch.ones(5, 5, dtype=torch.bool).triu(1), persistent=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.words(x)
        more: dict[str, Any] = {
            "all": {},
            "fused": {"need_weights": False},
            "mask": {"attn_mask": self.visible},
            "causal": {"attn_mask": self.visible, "is_causal": True, "need_weights": False},
            "padding": {"key_padding_mask": x > 5},
        }[self.masks]
        h = self.own(h, h, h, **more)[0].transpose(0, 1)
        y = y.transpose(0, 1)
        out: Tensor = self.other(h, y, y)[0].transpose(0, 1)
        return out


class Fused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4).unbind()
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


def exported(model: nn.Module, *inputs: Tensor, file: Path, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(model.eval(), inputs, **options), file)
    return file


def test_a_file_gives_what_its_model_gives(tmp_path: Path) -> None:
    model = Net()
    file = exported(model, torch.randn(1, 3, 20, 20), file=tmp_path / "Net-1.pt2")
    made = from_program(file)
    assert made.name == "net_1"
    whole = str(from_module(model, (3, 20, 20), name="net_1"))
    assert "".join(str(made).split()) == "".join(whole.replace(", inplace: true", "").split())
    assert data("import", file)["params"] == sum(p.numel() for p in model.parameters())
    assert zoo("import", file, "-o", tmp_path / "net.yaml").stdout == ""
    assert (tmp_path / "net.yaml").read_text() == str(made)


def test_tokens_and_several_inputs(tmp_path: Path) -> None:
    model = Words()
    tokens = torch.randint(0, 9, (2, 5)), torch.randint(0, 9, (2, 6))
    file = exported(model, *tokens, file=tmp_path / "words.pt2", dynamic_shapes=({0: BATCH}, {0: BATCH}))
    made = from_program(file)
    assert "inputs: [{id: x, shape: [5], dtype: int64}, {id: side, shape: [6], dtype: int64}]" in str(made)
    assert made.graph.params == 36


LOOKED = (torch.randint(0, 9, (2, 5)), torch.randn(2, 7, 6))
#: Models, what flows in, whether the program takes any number of samples, and what is written of it.
REBUILT: list[tuple[nn.Module, tuple[Tensor, ...], bool, str]] = [
    (Translator(), (torch.randn(2, 5, 4), torch.randn(2, 3, 3)), False, "op: LSTM"),
    (Steps(), (torch.randn(2, 3, 4),), True, "share: cell"),
    (Looks("all"), LOOKED, False, "num_heads: 4"),
    (Looks("fused"), LOOKED, True, "num_heads: 2"),
    (Looks("mask"), LOOKED, False, "mask: "),
    (Looks("causal"), LOOKED, True, "is_causal: true"),
    (Looks("padding"), LOOKED, True, "key_padding_mask: "),
    (Looks("padding"), LOOKED, False, "key_padding_mask: "),
    (nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)), (torch.randn(2, 5, 8),), True, "self_attn"),
    (Fused(), (torch.randn(2, 5, 8),), True, "scaled_dot_product_attention"),
]


@pytest.mark.parametrize(("model", "inputs", "any_number", "text"), REBUILT, ids=[text for *_, text in REBUILT])
def test_layers_that_a_program_writes_out_are_these_again(
    model: nn.Module, inputs: tuple[Tensor, ...], any_number: bool, text: str, tmp_path: Path
) -> None:
    """Of a program for one number of samples too, where nothing else in it says that number."""
    options = {"dynamic_shapes": tuple({0: BATCH} for _ in inputs)} if any_number else {}
    made = from_program(exported(model, *inputs, file=tmp_path / "net.pt2", **options))
    assert text in str(made)
    ours = speczoo.build(str(made))
    ours.load_state_dict(model.state_dict())
    more = tuple(each.repeat(2, *[1] * (each.dim() - 1)) for each in inputs)
    torch.testing.assert_close(ours.eval()(*more), model(*more), rtol=1e-4, atol=1e-5)


def test_what_no_spec_can_express_is_reported(tmp_path: Path) -> None:
    file = exported(Turned(), torch.randn(2, 5, 4), file=tmp_path / "turned.pt2", dynamic_shapes=({0: BATCH},))
    with pytest.raises(ImportRefused, match="`linalg_pinv`: the language has no such function"):
        from_program(file)


def test_a_program_for_one_number_of_samples_is_answered_how_to_be_for_any(tmp_path: Path) -> None:
    file = exported(Steps(), torch.randn(2, 3, 4), file=tmp_path / "steps.pt2")
    with pytest.raises(ModelFailed, match="takes 2 samples alone, and one for any number is made by"):
        from_program(file)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"no archive"])
def test_what_is_no_program_is_reported(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "none.pt2"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ProgramError, match=r"none\.pt2: "):
        from_program(file)
    assert "none.pt2: " in zoo("import", file, code=2).stderr


def test_options_of_code_are_none_of_a_file(tmp_path: Path) -> None:
    assert "are for models in code" in zoo("import", tmp_path / "n.pt2", "--dtype", "int64", code=2).stderr
