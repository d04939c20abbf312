"""Every number that the documents and papers give of a network, met by its spec."""

from __future__ import annotations

import json

import pytest
import torch

import speczoo
from speczoo import catalogue
from speczoo.specs.errors import SpecError

PARAMS = {
    "mnist_cnn": 12_126, "mnist_cnn_refactored": 12_044, "mnist_resnet": 41_132, "mnist_densenet": 52_940,
    "linear_classifier": 30_730, "lenet5": 61_706, "lenet5_c5": 61_706,
    "alexnet_2012": 62_378_344, "alexnet": 61_100_840,
    "vgg16": 138_357_544, "googlenet_2014": 6_998_552, "googlenet": 13_004_888, "inception_v3": 27_161_264,
    "resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032,
    "resnet101": 44_549_160, "resnet152": 60_192_808,
    "resnet18_table": 11_511_784, "densenet121": 7_978_856, "densenet161": 28_681_000, "densenet169": 14_149_480,
    "densenet201": 20_013_928, "unet_2015": 31_030_658,
}  # fmt: skip

#: As the papers print them: millions, and how many digits they keep.
MILLIONS = {
    "cifar_plain20": "0.27", "cifar_plain56": "0.85", "cifar_resnet20": "0.27", "cifar_resnet32": "0.46",
    "cifar_resnet44": "0.66", "cifar_resnet56": "0.85", "cifar_resnet110": "1.7",
    "cifar_resnet1202": "19.4", "cifar_preact_resnet110": "1.7",
    "cifar_preact_resnet164": "1.7", "cifar_preact_resnet1001": "10.33",
}  # fmt: skip

EXPERIMENTS = ("constant_scaling", "exclusive_gating", "shortcut_gating", "conv_shortcut", "dropout_shortcut")


@pytest.mark.parametrize("name", PARAMS)
def test_parameters(name: str) -> None:
    assert speczoo.summary(name).params == PARAMS[name]


@pytest.mark.parametrize("name", MILLIONS)
def test_parameters_as_papers_round_them(name: str) -> None:
    digits = len(MILLIONS[name].partition(".")[2])
    assert f"{speczoo.summary(name).params / 1e6:.{digits}f}" == MILLIONS[name]


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_what_inference_needs(name: str) -> None:
    assert speczoo.summary(name, aux_logits=False).params == {"googlenet": 6_624_904, "inception_v3": 23_834_568}[name]


def test_every_name_of_the_facts_is_in_the_catalogue() -> None:
    names = {*PARAMS, *MILLIONS, *(f"cifar_resnet110_{e}" for e in EXPERIMENTS), "unet", "unet_resnet34"}
    names |= {f"vgg{n}{tail}" for n in (11, 13, 16, 19) for tail in ("", "_bn")} | {"resnet34_cifar2"}
    assert names <= set(speczoo.list_models())


def test_every_network_states_what_it_costs() -> None:
    for path in catalogue.files():
        spec = catalogue.own(path).spec
        for said in list(spec.variants.values()) or [spec]:
            assert said.expect is not None, path
            assert said.expect.params is not None, path
            assert said.expect.macs is not None, path
            assert said.expect.output is not None, path


@pytest.mark.slow
@pytest.mark.parametrize("path", catalogue.files(), ids=lambda p: p.stem)
def test_every_network_is_right(path: object) -> None:
    assert not [d for d in speczoo.check(str(path)) if d.severity == "error"]


def test_an_expectation_that_is_wrong_is_found() -> None:
    data = json.loads(json.dumps(catalogue.own(catalogue.NETWORKS / "mnist_cnn.yaml").spec.to_data()))
    data["expect"]["params"] += 1
    with pytest.raises(SpecError, match="12,127"):
        speczoo.check(data)


# -- segmentation -----------------------------------------------------------------------------------------------------


def test_the_u_net_of_2015() -> None:
    summary = speczoo.summary("unet_2015")
    assert summary.inputs == {"input": (1, 572, 572)}
    assert list(summary.outputs.values()) == [(2, 388, 388)]


@pytest.mark.parametrize("side", [16, 48, 40])
def test_a_padded_u_net_takes_multiples_of_16(side: int) -> None:
    if side % 16:
        with pytest.raises(SpecError):
            speczoo.summary("unet", in_channels=1, input=[1, side, side])
        return
    (out,) = speczoo.summary("unet", input=[1, side, side]).outputs.values()
    assert out[1:] == (side, side)


@pytest.mark.parametrize("size", [(64, 64), (37, 50), (33, 91)])
def test_a_u_net_on_an_encoder_takes_every_size(size: tuple[int, int]) -> None:
    model = speczoo.build("unet_resnet34", input=[3, *size]).eval()
    assert model(torch.zeros(1, 3, *size)).shape == (1, 2, *size)


def test_resnet34_fits_into_its_encoder() -> None:
    encoder = speczoo.build("unet_resnet34", device="meta").encoder.state_dict()
    whole = speczoo.graph("resnet34").state
    assert {key: tuple(value.shape) for key, value in encoder.items()} == {
        k: s for k, s in whole.items() if k[:3] != "fc."
    }
