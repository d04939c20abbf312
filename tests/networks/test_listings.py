"""The documents' networks are what their listings do: the same parameters in the same order, the same outputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import speczoo
from speczoo.specs.errors import SpecError
from tests.networks import listings
from tests.networks.listings import ResBlock

#: Network, parameters laid over it, the listing, and how many parameters the document or its arithmetic has.
LISTINGS: list[tuple[str, dict[str, Any], Callable[[], nn.Module], int]] = [
    ("mnist_cnn", {}, listings.mnist_cnn, 12_126),
    ("mnist_cnn_refactored", {}, listings.mnist, 12_044),
    ("mnist_plain9", {}, partial(listings.mnist, extra=1), 26_588),
    ("mnist_plain13", {}, partial(listings.mnist, extra=2), 41_132),
    ("mnist_resnet", {}, partial(listings.mnist, block=ResBlock), 41_132),
    ("mnist_resnet_bottle", {}, partial(listings.mnist, block=partial(ResBlock, bottle=True)), 26_660),
    ("mnist_resnet", {"bottle": True}, partial(listings.mnist, block=partial(ResBlock, bottle=True)), 26_660),
    ("mnist_densenet", {}, partial(listings.mnist, block=partial(ResBlock, dense=True), growth=2), 52_940),
    ("lenet5", {}, listings.SecondNet, 61_706),
    ("lenet5", {"batch_norm": True}, partial(listings.SecondNet, batch_norm=True), 61_750),
    ("lenet5_functional", {}, listings.FirstNet, 61_706),
    ("lenet5_functional", {"dropout": 0.5}, partial(listings.FirstNet, dropout=True), 61_706),
    ("linear_classifier", {}, listings.linear_classifier, 30_730),
    ("mlp", {}, listings.mlp, 308_310),
    ("autoencoder", {}, listings.autoencoder, 209_968),
]


def label(value: Any) -> str | None:
    return None if callable(value) else str(value)


@pytest.mark.parametrize(("name", "params", "listing", "count"), LISTINGS, ids=label)
def test_a_network_is_its_listing(
    name: str, params: dict[str, Any], listing: Callable[[], nn.Module], count: int
) -> None:
    torch.manual_seed(0)
    theirs, ours = listing(), speczoo.build(name, seed=1, **params)
    summary = speczoo.summary(name, **params)
    assert sum(p.numel() for p in theirs.parameters()) == summary.params == count
    state = list(theirs.state_dict().values())
    assert [v.shape for v in ours.state_dict().values()] == [v.shape for v in state]
    ours.load_state_dict(dict(zip(ours.state_dict(), state, strict=True)))
    x = torch.rand(4, *next(iter(summary.inputs.values())))
    for module in (theirs, ours):
        module.train()
        torch.manual_seed(2)  # of a dropout
        module(x)  # the batch norms get their running statistics
        module.eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        theirs(x[:1])
    assert summary.macs == counter.get_total_flops() / 2


def test_a_listing_that_is_another_network_is_found() -> None:
    with pytest.raises(AssertionError):
        test_a_network_is_its_listing("mnist_plain9", {}, partial(listings.mnist, extra=2), 26_588)


@pytest.mark.parametrize("name", ["mnist_cnn_refactored", "mnist_plain13", "mnist_resnet", "mnist_densenet"])
def test_initial_values_are_those_of_fastai_1(name: str) -> None:
    """`conv_layer` draws weights by kaiming_normal_ and takes the batch norm as torch makes it."""
    model = speczoo.build(name, seed=0)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all((m.weight == 1).all() and (m.bias == 0).all() for m in norms)
    for m in model.modules():
        if isinstance(m, nn.Conv2d) and m.weight.numel() > 2_000:
            wanted = math.sqrt(2 / (m.in_channels * 9))
            assert float(m.weight.detach().std()) == pytest.approx(wanted, rel=0.1)


def test_the_first_listing_of_lenet_prints_its_names() -> None:
    """As the document prints the module: functions have no line there, and the padding is not the listing's."""
    ours = str(speczoo.build("lenet5_functional")).splitlines()[1:-1]
    printed = str(listings.FirstNet()).splitlines()[1:-1]
    assert [line for line in ours if "ReLU" not in line and "MaxPool" not in line] == printed
    assert [line.split(":")[0].strip() for line in printed] == ["(conv1)", "(conv2)", "(fc1)", "(fc2)", "(fc3)"]


@pytest.mark.parametrize("side", range(16, 40))
def test_the_padding_of_the_first_listing_fits_where_torch_says(side: int) -> None:
    try:
        listings.FirstNet(padding=2)(torch.zeros(1, 1, side, side))
        fits = True
    except RuntimeError:
        fits = False
    assert fits == (20 <= side <= 23)
    if fits:
        speczoo.summary("lenet5_functional", padding=2, input=[1, side, side])
    else:
        with pytest.raises(SpecError, match="400"):
            speczoo.summary("lenet5_functional", padding=2, input=[1, side, side])


def test_a_code_of_32_numbers_comes_out_of_the_encoder() -> None:
    encoder = speczoo.build("autoencoder", taps=["encoder"], seed=0)
    assert encoder(torch.rand(5, 1, 28, 28)).shape == (5, 32)
    image = speczoo.build("autoencoder", input=[3, 8, 6], seed=0)(torch.rand(5, 3, 8, 6))
    assert image.shape == (5, 3, 8, 6)
    assert 0 <= float(image.detach().min()) <= float(image.detach().max()) <= 1


@pytest.mark.parametrize("channels", [5, 96])
def test_alexnets_norm_is_the_papers(channels: int) -> None:
    """Krizhevsky et al. 2012, section 3.3: b = a / (k + alpha * sum a^2)^beta over n neighbours, with k 2, n 5, alpha
    1e-4, beta 0.75. torch's LocalResponseNorm divides alpha by the size."""
    model = speczoo.build("alexnet_2012", device="meta")
    norms = [m for m in model.modules() if isinstance(m, nn.LocalResponseNorm)]
    assert len(norms) == 2
    a = 30 * torch.randn(2, channels, 3, 3, dtype=torch.float64)
    k, n, alpha, beta = 2, 5, 1e-4, 0.75
    b = torch.empty_like(a)
    for i in range(channels):
        near = a[:, max(0, i - n // 2) : min(channels - 1, i + n // 2) + 1]
        b[:, i] = a[:, i] / (k + alpha * near.square().sum(1)) ** beta
    for norm in norms:
        torch.testing.assert_close(norm(a), b)
        assert not torch.allclose(nn.LocalResponseNorm(n, alpha, beta, k)(a), b, rtol=1e-3)


def test_the_course_s_u_net_is_another_than_ours() -> None:
    encoder = sum(
        p.numel() for p in speczoo.build("resnet34", num_classes=0, taps=["layer4"], device="meta").parameters()
    )
    assert listings.dynamic_unet_parts(encoder, 32) == 41_224_168
    assert speczoo.summary("unet_resnet34", num_classes=32).params < 25_000_000
