"""Specs of other people's networks are those: the same names in the same order, the same outputs and gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import speczoo
from tests.networks import ports
from tests.networks.shared import outputs

SMALL_BERT = {"layers": 2, "hidden": 16, "heads": 2, "vocabulary": 40, "positions": 130, "types": 16}
SMALL_XCEPTION = {"middle": 1, "num_classes": 5, "input": [3, 71, 71]}
SMALL_GPT = {"n_layer": 2, "n_head": 2, "n_embd": 16, "vocab_size": 20}

#: Network, what makes it small enough for a test, and the same by hand.
PORTS: list[tuple[str, dict[str, Any], Callable[[], nn.Module]]] = [
    ("dcgan_generator", {"width": 4}, partial(ports.Generator, width=4)),
    ("dcgan_discriminator", {"width": 4}, partial(ports.Discriminator, width=4)),
    ("bert", SMALL_BERT | {"dropout": 0.0}, partial(ports.Bert, **SMALL_BERT)),
    ("gpt2_124m", SMALL_GPT | {"dropout": 0.0}, partial(ports.GPT, **SMALL_GPT)),
    ("pointnet", {"num_classes": 5, "dropout": 0.0}, partial(ports.PointNet, 5)),
    ("char_rnn", {"characters": 16, "hidden": 8, "layers": 2, "dropout": 0.0}, partial(ports.CharRNN, 16, 8, 2)),
    ("xception", SMALL_XCEPTION, partial(ports.Xception, 1, 5)),
    ("tcn_mnist", {"channels": 4, "levels": 3, "kernel": 3, "dropout": 0.0}, partial(ports.TCN, 4, 3, 3)),
]

#: What a source prints, or its well-known whole has.
COUNTS = {
    "dcgan_generator": 3_576_704,
    "dcgan_discriminator": 2_765_568,
    "bert": 109_482_240,
    "gpt2_124m": 124_439_808,
    "gpt2_xl": 1_557_611_200,
    "dynamic_unet_resnet34": 41_224_168,
    "xception": 22_855_952,
    "yolov8n": 3_157_200,
    "yolov8x": 68_229_648,
}


def label(value: Any) -> str | None:
    return None if callable(value) else str(value)


@pytest.mark.parametrize(("name", "params", "theirs"), PORTS, ids=label)
def test_a_network_is_the_one_by_hand(name: str, params: dict[str, Any], theirs: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    reference, ours = theirs(), speczoo.build(name, seed=1, **params)
    state = {key: torch.rand_like(v) if v.is_floating_point() else v for key, v in reference.state_dict().items()}
    reference.load_state_dict(state)
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    values = inputs(name, params)
    for training in (True, False):
        results = []
        for module in (reference, ours):
            module.train(training)
            torch.manual_seed(2)  # of a dropout
            results.append(outputs(module(*values)))
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)
    for module in (reference, ours):
        sum(out.float().pow(2).mean() for out in outputs(module(*values))).backward()  # type: ignore[union-attr]
    for (key, a), b in zip(reference.named_parameters(), ours.parameters(), strict=True):
        if a.grad is not None:
            torch.testing.assert_close(b.grad, a.grad, rtol=1e-3, atol=1e-5, msg=key)


def inputs(name: str, params: dict[str, Any]) -> list[Tensor]:
    """Three of what the network takes."""
    generator = torch.Generator().manual_seed(3)
    found = []
    for _, value in speczoo.graph(name, **params).settings.inputs:
        if value.dtype == "int64":
            found.append(torch.randint(0, 16, (3, *value.shape), generator=generator))
        else:
            found.append(torch.rand(3, *value.shape, generator=generator))
    return found


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_of_the_whole_network(name: str) -> None:
    assert speczoo.summary(name).params == COUNTS[name]
