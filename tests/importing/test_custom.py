"""What no spec can say becomes a layer of its own: proved as the rest is, and as the plug-in that is written."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import speczoo
from speczoo.compiler.layer import Layer
from speczoo.importing import ImportRefused, from_module, from_modules
from speczoo.importing.constructed import noting_arguments


class Spectrum(nn.Module):
    """Half the channels, a third of the length, one place more: made with a number that it does not keep."""

    def __init__(self, channels: int, keep: int = 4) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels // 2, keep))
        self.register_buffer("scale", torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.fft.rfft(x[:, ::2])[..., : self.weight.shape[1]] * self.weight * self.scale
        return F.pad(torch.fft.irfft(y, n=x.shape[-1] // 3), (0, 1))


class Factors(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        q, r = torch.linalg.qr(x + y)
        return q, r.argmax(-1)


class Block(nn.Module):
    def __init__(self, channels: int, keep: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, padding=1)
        self.inner = nn.Sequential(Spectrum(channels, keep), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(self.conv(x))
        return out


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.factors = Block(8, 3), Block(4, 2), Factors()

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(self.one(x))
        q, places = self.factors(x, x * 2)
        return q * places.float()[:, :, None]


class Made(nn.Module):
    """Whose one module is made with something that no spec has."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.inner = Given(kind())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)
        return out


class Given(nn.Module):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.pinv(self.act(x))


def test_the_smallest_modules_become_layers() -> None:
    with noting_arguments():
        model = Net().eval()
    made = from_module(model, (8, 36), custom=True)
    rules = {name: text for text in made.plugin.split("class ")[1:] for name in [text.partition("(")[0]]}
    assert list(rules) == ["Spectrum", "Factors"]
    assert "return (x[0] // 2, " in rules["Spectrum"]
    assert "channels: int\n    keep: int = 4\n" in rules["Spectrum"]
    assert "arity = (2, 2)" in rules["Factors"]
    assert "('float32', 'int64')" in rules["Factors"]
    ours = speczoo.build(str(made)).eval()
    ours.load_state_dict(model.state_dict())
    for length in (36, 72):
        x = torch.randn(3, 8, length)
        if length == 36:
            assert torch.equal(ours(x), model(x))


def test_the_plugin_is_what_was_proved() -> None:
    with noting_arguments():
        model = Net()
    made = from_module(model, (8, 36), custom=True)
    for op in ("Spectrum", "Factors"):
        del Layer.registry[op]
    text = str(made).replace("name: net", "name: again")  # what was checked is remembered
    with pytest.raises(speczoo.SpecError, match="there is no op `Spectrum`"):
        speczoo.graph(text)
    exec(compile(made.plugin, "plugin", "exec"), {"__name__": "plugin"})
    assert speczoo.summary(text).params == sum(p.numel() for p in model.parameters())


def test_arguments_are_read_off_a_module_that_was_made_before() -> None:
    """`Spectrum` does not keep `channels`, and nothing has seen it made."""
    with pytest.raises(ImportRefused, match="what `Spectrum` was made with as `channels` is not known"):
        from_module(Net(), (8, 36), custom=True)
    assert "Factors" not in Layer.registry


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: Made(nn.ReLU), "`Given` is made with `act`, ReLU(), which is no plain value"),
        (lambda: Given(nn.ReLU()), "`linalg.pinv`: the language has no such function"),  # the model itself
    ],
)
def test_what_no_layer_can_be_made_of_is_refused(model: type[nn.Module], why: str) -> None:
    with pytest.raises(ImportRefused) as raised:
        from_module(model(), (4, 4), custom=True)
    assert why in str(raised.value)


def test_everything_is_reported_at_once_behind_what_is_lost_too() -> None:
    with pytest.raises(ImportRefused) as raised:
        from_module(Net(), (8, 36))
    reported = [(each.path, each.what) for each in raised.value.refusals]
    inner = [(f"{block}.inner.0", f"`fft.{name}`") for block in ("one", "two") for name in ("rfft", "irfft")]
    assert reported == [*inner, ("factors", "`linalg.qr`")]


class Wide(nn.Module):
    def __init__(self, channels: int, keep: int) -> None:
        super().__init__()
        self.conv, self.spectrum = nn.Conv1d(2, channels, 3, padding=1), Spectrum(channels, keep)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.spectrum(self.conv(x))
        return out


def test_several_models_have_their_layers_together() -> None:
    """Neither model alone tells that half of the channels come out, and not four."""
    with noting_arguments():
        models = {"small": Wide(8, 3), "large": Wide(12, 4)}
    made = from_modules(models, (2, 36), name="wide", custom=True)
    assert made.plugin.count("(ModuleLayer)") == 1
    assert "return (x[0] // 2, " in made.plugin
    counts = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    assert {name: graph.params for name, graph in made.graphs.items()} == counts
