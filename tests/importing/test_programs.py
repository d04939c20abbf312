"""Files of torch.export: the spec that comes of one is that of its model, or what it cannot express is reported."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speczoo.importing import ImportRefused, ProgramError, from_module, from_program
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
        self.words, self.rnn = nn.Embedding(9, 4), nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor, side: Tensor) -> Tensor:
        return self.words(x) @ self.words(side).transpose(1, 2)


class Recurrent(Words):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.rnn(self.words(x))[0]
        return out


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
    del model.rnn
    tokens = torch.randint(0, 9, (2, 5)), torch.randint(0, 9, (2, 6))
    file = exported(model, *tokens, file=tmp_path / "words.pt2", dynamic_shapes=({0: BATCH}, {0: BATCH}))
    made = from_program(file)
    assert "inputs: [{id: x, shape: [5], dtype: int64}, {id: side, shape: [6], dtype: int64}]" in str(made)
    assert made.graph.params == 36


def test_what_no_spec_can_express_is_reported(tmp_path: Path) -> None:
    file = exported(
        Recurrent(), torch.randint(0, 9, (2, 5)), file=tmp_path / "recurrent.pt2", dynamic_shapes=({0: BATCH},)
    )
    with pytest.raises(ImportRefused, match="in `rnn`: "):
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
