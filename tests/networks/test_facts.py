"""Every number that the documents and papers give of a network, met by its spec."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import speczoo
from speczoo import catalogue, metadata
from speczoo.specs.errors import SpecError
from tests import readme_tables
from tests.networks.shared import models

PARAMS = {
    "mnist_cnn": 12_126, "mnist_cnn_refactored": 12_044, "mnist_resnet": 41_132, "mnist_densenet": 52_940,
    "mnist_plain9": 26_588, "mnist_plain13": 41_132, "mnist_resnet_bottle": 26_660,
    "linear_classifier": 30_730, "mlp": 308_310, "autoencoder": 209_968,
    "lenet5": 61_706, "lenet5_c5": 61_706, "lenet5_functional": 61_706,
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

EXPERIMENTS = (
    "identity",
    "constant_scaling",
    "exclusive_gating",
    "shortcut_gating",
    "conv_shortcut",
    "dropout_shortcut",
)


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


@pytest.mark.parametrize("name", catalogue.ALIASES)
def test_plain_names_are_names_of_networks(name: str) -> None:
    intended = catalogue.ALIASES[name]
    assert intended in catalogue.index()
    assert name not in catalogue.index()
    assert speczoo.summary(name) == speczoo.summary(intended)
    assert f"| `{name}` | `{intended}` |" in readme_tables.README.read_text(encoding="utf-8")


def test_every_network_states_what_it_costs() -> None:
    for path in catalogue.files():
        spec = catalogue.own(path).spec
        for stated in list(spec.variants.values()) or [spec]:
            assert stated.expect is not None, path
            assert stated.expect.params is not None, path
            assert stated.expect.macs is not None, path
            assert stated.expect.output is not None, path


@pytest.mark.slow
@pytest.mark.parametrize("path", catalogue.files(), ids=lambda p: p.stem)
def test_every_network_is_right(path: object) -> None:
    assert not [d for d in speczoo.check(str(path)) if d.severity == "error"]


def test_an_expectation_that_is_wrong_is_found() -> None:
    data = json.loads(json.dumps(catalogue.own(catalogue.NETWORKS / "mnist_cnn.yaml").spec.to_data()))
    data["expect"]["params"] += 1
    with pytest.raises(SpecError, match="12,127"):
        speczoo.check(data)


# -- figures in print -------------------------------------------------------------------------------------------------

UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}
PRINTED = {
    (name, key): (str(figure), metadata.word(catalogue.own_document(path).data, variant, "notes") or {})
    for name, (path, variant) in catalogue.index().items()
    for key, figure in (metadata.word(catalogue.own_document(path).data, variant, "published") or {}).items()
}
COUNTED = {"params": "params", "flop": "macs"}


def agrees(printed: str, counted: int) -> bool:
    """Whether a figure such as `19.6B` is a count, rounded to its decimals."""
    number, unit = printed[:-1], UNITS[printed[-1]]
    return f"{counted / unit:.{len(number.partition('.')[2])}f}" == number


@pytest.mark.parametrize(("name", "key"), [which for which in PRINTED if which[1] in COUNTED])
def test_a_printed_figure_is_what_is_counted_or_a_note_says_why(name: str, key: str) -> None:
    printed, notes = PRINTED[name, key]
    assert agrees(printed, getattr(speczoo.summary(name), COUNTED[key])) or notes.get(key)


def test_notes_are_of_printed_figures() -> None:
    assert agrees("62M", 62_378_344)
    assert not agrees("19.6B", 15_470_264_320)
    for (name, _), (_, notes) in PRINTED.items():
        assert all((name, key) in PRINTED for key in notes), name


def test_the_parameters_of_resnet152_in_print_are_with_running_statistics() -> None:
    with torch.device("meta"):
        state = models.resnet152().state_dict()
    counted = sum(v.numel() for key, v in state.items() if not key.endswith("num_batches_tracked"))
    assert counted == 60_344_232
    assert agrees("60.3M", counted)


@pytest.mark.parametrize(("name", "printed"), [("resnet50", "3.86B"), ("resnet101", "7.57B"), ("resnet152", "11.28B")])
def test_the_papers_strides_are_what_its_flop_count(name: str, printed: str) -> None:
    with torch.device("meta"):
        model = getattr(models, name)()
    for module in model.modules():
        if isinstance(module, models.resnet.Bottleneck):
            module.conv1.stride, module.conv2.stride = module.conv2.stride, (1, 1)
    assert agrees(printed, macs(model))


def test_the_papers_resnet34_has_shortcuts_without_weights() -> None:
    with torch.device("meta"):
        model = models.resnet34()
    whole = macs(model)
    for module in model.modules():
        if isinstance(module, models.resnet.BasicBlock) and module.downsample is not None:
            whole -= module.downsample[0].weight.numel() * (56 * 128 // module.conv1.out_channels // 2) ** 2
    assert agrees("3.64B", whole)
    assert agrees("3.6B", whole)


def test_the_flop_of_alexnet_are_twice_the_macs_of_its_halves() -> None:
    """The paper's layers by hand: conv2, conv4 and conv5 see half of the channels."""
    layers = [(55, 96, 3 * 121), (27, 256, 48 * 25), (13, 384, 256 * 9), (13, 384, 192 * 9), (13, 256, 192 * 9)]
    halves = sum(side**2 * out * visited for side, out, visited in layers) + 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    assert speczoo.summary("alexnet_2012", groups=2).macs == halves
    assert agrees("0.72B", halves)
    assert 1.44e9 < 2 * halves < 1.5e9


def test_googlenets_table_adds_up_to_other_parameters() -> None:
    """The column `params` of Szegedy et al.'s Table 1, in thousands."""
    rows = (2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000)
    assert agrees("6.8M", round(1000 * sum(rows)))


def test_a_deeper_network_with_skips_contains_the_shallower() -> None:
    """Zeros in two blocks of every three: 56 layers compute what 20 do."""
    shallow, deep = (speczoo.build(f"cifar_resnet{depth}", seed=0).eval() for depth in (20, 56))
    state = {key: torch.zeros_like(value) if "conv" in key else value for key, value in deep.state_dict().items()}
    deep.load_state_dict(state | shallow.state_dict())
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(deep(images), shallow(images), rtol=0, atol=0)


def macs(model: nn.Module) -> float:
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    return counter.get_total_flops() / 2


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
