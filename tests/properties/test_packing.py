"""A module whose weights lie as oneDNN reads them gives what it gave, and is a module like any other."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

import speczoo
from speczoo.compiler.emit import module as emitted
from speczoo.exporting.proof import difference, tensors
from speczoo.packing import _Packed, pack
from speczoo.testing import networks
from speczoo.verify import draw_anew, random_input
from tests.families import graph_of, skip_too_large

CLOSE = 1e-4
ONEDNN = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
pytestmark = pytest.mark.skipif(not ONEDNN, reason="torch has no oneDNN here")


class Several(nn.Module):
    """Every kind that is packed, channels before and behind; a tie, attention and a mirrored padding, which stay."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.last = nn.Conv2d(8, 8, 3, stride=2)
        self.mirrored = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")
        self.volume = nn.Conv3d(1, 2, 3, padding=1)
        self.linear = nn.Linear(8, 8, bias=False)
        self.tied = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.again.weight = self.tied.weight
        self.attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.last.weight = nn.Parameter(self.last.weight.contiguous(memory_format=torch.channels_last))

    def forward(self, x: Tensor) -> Tensor:
        x = self.mirrored(self.last(self.conv(x)))
        x = self.volume(x.unsqueeze(1)).mean(1)
        x = self.linear(x.flatten(2).mT)
        came: Tensor = self.attention(self.again(self.tied(x)))
        return came


X = torch.randn(2, 4, 12, 10)


@pytest.fixture
def both() -> tuple[nn.Module, nn.Module]:
    """A module, and a copy of it that is packed."""
    torch.manual_seed(0)
    plain = Several().eval()
    return plain, pack(copy.deepcopy(plain), X, least=1)


def packed(module: nn.Module) -> set[str]:
    return {name for name, layer in module.named_modules() if isinstance(layer, _Packed)}


def apart(one: nn.Module, other: nn.Module, x: Tensor = X) -> float:
    with torch.no_grad():
        return max(map(difference, tensors(one(x)), tensors(other(x))))


@given(networks())
def test_any_network_gives_the_same(net: Any) -> None:
    graph = speczoo.graph(net)
    module = emitted.build(graph, seed=0).eval()
    draw_anew(module)
    for batch in (2, 3):
        given = random_input(graph, batch)
        with torch.no_grad():
            wanted = tensors(module(*given))
            came = tensors(pack(copy.deepcopy(module), *given, least=1)(*given))
        finite = [(want, got) for want, got in zip(wanted, came, strict=True) if want.isfinite().all()]
        assert all(difference(want, got) <= CLOSE for want, got in finite if want.is_floating_point())


@pytest.mark.slow
@pytest.mark.parametrize("name", speczoo.list_models())
def test_every_network_of_the_zoo_gives_the_same(name: str) -> None:
    graph = graph_of(name)
    skip_too_large(graph)
    module = speczoo.build(name, seed=0, optimize=True)
    given = random_input(graph, 1)
    with torch.no_grad():
        wanted = tensors(module(*(x.clone() for x in given)))
        came = tensors(pack(module, *given)(*given))
    assert all(difference(want, got) <= CLOSE for want, got in zip(wanted, came, strict=True))


def test_what_is_packed_gives_the_same_at_any_size(both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    assert packed(quick) == {"conv", "last", "volume", "linear"}
    for x in (X, torch.randn(1, 4, 33, 5), torch.randn(5, 4, 8, 8)):
        assert apart(plain, quick, x) <= CLOSE
    with torch.no_grad():
        came = [each.get_submodule("last")(torch.randn(1, 8, 9, 9)).stride() for each in both]
    assert came[0] == came[1]
    assert not packed(pack(copy.deepcopy(plain), X))  # it is too small to be worth it


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda module: pickle.loads(pickle.dumps(module)),
        lambda module: module.double().float(),
        lambda module: (module.load_state_dict(module.state_dict()), module)[1],
    ],
    ids=["copy", "pickle", "moved", "loaded"],
)
def test_copies_and_what_is_moved_or_loaded_is_plain(
    copied: Callable[[nn.Module], nn.Module], both: tuple[nn.Module, nn.Module]
) -> None:
    plain, quick = both
    other = copied(quick)
    assert not packed(other)
    for (name, want), (other_name, got) in zip(plain.named_parameters(), other.named_parameters(), strict=True):
        assert name == other_name
        assert torch.equal(want, got)
        assert want.stride() == got.stride()
    assert apart(plain, other) <= CLOSE
    assert packed(pack(other, X, least=1))


def test_the_state_is_that_of_a_plain_module(both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    mine, its = quick.state_dict(), plain.state_dict()
    assert list(mine) == list(its)
    assert all(torch.equal(mine[key], value) for key, value in its.items())
    assert packed(quick)


def test_gradients_of_inputs_and_other_numbers_are_torchs(both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    one, other = (
        torch.autograd.grad(each(x)[..., 0].sum(), x)[0] for each in both for x in [X.clone().requires_grad_()]
    )
    assert difference(one, other) <= CLOSE
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert difference(plain(X).float(), quick(X).float()) <= 0.1


def test_it_is_traced_and_exported(both: tuple[nn.Module, nn.Module]) -> None:
    plain, quick = both
    with torch.no_grad():
        traced = torch.jit.trace(quick, (X,))  # type: ignore[no-untyped-call]
    assert apart(plain, traced) <= CLOSE
    exported = torch.export.export(copy.deepcopy(quick), (X,))
    assert apart(plain, exported.module()) <= CLOSE
