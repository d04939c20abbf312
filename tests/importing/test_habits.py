"""What becomes in a spec of what people do in code besides calling one layer after the other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo
from speczoo.importing import ImportRefused, from_module
from tests.importing.habits import HABITS, Places


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("make", "shape", "text"), HABITS, ids=[t for _, _, t in HABITS])
def test_a_habit_is_expressed(make: Any, shape: Any, text: str) -> None:
    """`from_module` proves it for other weights; here the model's own, and no warning is left."""
    torch.manual_seed(0)
    model = make()
    made = from_module(model, shape)
    assert text in str(made)
    assert not speczoo.check(str(made))
    ours = speczoo.build(str(made)).eval()
    ours.load_state_dict(model.state_dict())
    flowing = [
        torch.randint(2, (3, *given.shape)) if given.dtype == "int64" else torch.randn(3, *given.shape)
        for _, given in made.graph.settings.inputs
    ]
    wanted, got = model.eval()(*flowing), ours(*flowing)
    if isinstance(wanted, dict):
        assert got._fields == tuple(wanted)
        wanted = tuple(wanted.values())
    torch.testing.assert_close(tuple(got) if isinstance(wanted, tuple) else got, wanted)


def test_what_is_the_model_s_but_for_rounding_is_reported() -> None:
    made = from_module(Places(), (8, 8))
    assert len(made.notes) == 2
    assert "but for rounding" in made.notes[0]
    assert "the state_dict alone has the numbers of `drawn`" in made.notes[1]


def test_a_norm_that_casts_to_single_precision_is_the_same_in_double_precision() -> None:
    """Rotations and norms, as Llama has them: their tables, one for each layer, in no state_dict."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8))
            angles = torch.outer(torch.arange(30.0), 1.0 / 10_000 ** (torch.arange(0, 8, 2) / 8)).repeat(1, 2)
            self.register_buffer("cos", angles.cos(), persistent=False)
            self.register_buffer("sin", angles.sin(), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            n = x.shape[1]
            turned = torch.cat((-x[..., 4:], x[..., :4]), -1)
            x = (x * self.cos[:n] + turned * self.sin[:n])[..., [7, 5, 3, 1, 0, 2, 4, 6]]
            single = x.float()
            return self.weight * (single * torch.rsqrt(single.pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x)

    made = from_module(nn.Sequential(Layer(), Layer()), (9, 8))
    assert made.sizes
    assert str(made).count("$(cos(i * 10000 ** (-(j % 4) / 4)))") == 1
    assert all("but for rounding" in note for note in made.notes)


def test_a_table_of_places_is_taken_as_far_as_the_input_goes() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.places = nn.Parameter(torch.randn(1, 40, 4))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.places[:, : x.shape[1]]

    model = Net()
    made = from_module(model, (9, 4))
    assert made.sizes
    longer = speczoo.build(str(made), input=(33, 4))
    longer.load_state_dict(model.state_dict())
    x = torch.randn(2, 33, 4)
    assert torch.equal(longer(x), model(x))


def test_what_is_drawn_in_evaluation_is_answered_how_to_do_without() -> None:
    class Sampled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.randn_like(x)

    with pytest.raises(ImportRefused, match="`randn_like`: it draws at random in evaluation, too"):
        from_module(Sampled(), (4,))


def test_samples_that_look_at_each_other_are_refused() -> None:
    class Mixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x @ x.transpose(-1, -2)).softmax(-1) @ x

    with pytest.raises(ImportRefused, match="it multiplies samples with each other"):
        from_module(Mixed(), (4,))


def test_a_batch_that_does_not_come_first_is_refused() -> None:
    class Turned(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.transpose(0, 1)

    with pytest.raises(ImportRefused, match="its batch is not the first axis"):
        from_module(Turned(), (4, 5))


def test_a_module_that_is_called_again_with_more_is_refused() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
            x = self.fc(x).relu()
            return x if bias is None else x + bias

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attends = Attends()

        def forward(self, x: Tensor) -> Tensor:
            return self.attends(self.attends(x), x)

    with pytest.raises(ImportRefused, match="it is called again and takes 2 values for 1"):
        from_module(Net(), (4,))


def test_scripts_are_refused() -> None:
    scripted = torch.jit.script(nn.Linear(4, 4))
    with pytest.raises(ImportRefused, match="all of it: it is a script"):
        from_module(scripted, (4,))
    with pytest.raises(ImportRefused, match="`1`: it is a script"):
        from_module(nn.Sequential(nn.ReLU(), scripted), (4,))


def test_a_wrong_spec_is_the_fault_of_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {"spec": 1, "name": "net", "input": [4], "layers": [{"op": "Linear", "out_features": 0}]}
    monkeypatch.setattr("speczoo.importing.imported.writing.spec_data", lambda *_: written)
    with pytest.raises(ImportRefused, match="by a fault of the import and not of the model"):
        from_module(nn.Sequential(nn.Linear(4, 4)), (4,))


def test_what_is_written_to_a_part_stands_in_the_whole() -> None:
    class Masked(nn.Module):
        """Keys without a bias, as Swin V2 has them, and a corner of each sample that is put to zero."""

        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(4, 6)

        def forward(self, x: Tensor) -> Tensor:
            bias = self.qkv.bias.clone()
            bias[2:4].zero_()
            out = F.linear(x, self.qkv.weight, bias)
            out[:, :, 1:3] *= 2
            return out

    model = Masked()
    ours = speczoo.build(str(from_module(model, (3, 4))))
    ours.load_state_dict(model.state_dict())
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(ours(x), model(x))
