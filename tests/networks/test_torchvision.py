"""Same name, same network: torchvision's weights load strictly, and outputs, defaults and costs are its own."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import speczoo
from speczoo.weights import params_with
from tests.families import graph_of
from tests.networks.shared import CLIPS, MAPS, REORDERED, SHARED, example, models, outputs, theirs

#: One or two of each family, small ones: what runs without --slow.
SMALL = frozenset(
    {
        "lraspp_mobilenet_v3_large",
        "mc3_18",
        "mnasnet0_5",
        "mobilenet_v3_small",
        "regnet_y_400mf",
        "resnet18",
        "shufflenet_v2_x0_5",
        "squeezenet1_1",
    }
)
HUGE = {"regnet_y_128gf"}


def each(*also: str, quick: frozenset[str] = SMALL) -> pytest.MarkDecorator:
    """Every shared name; without --slow the `quick` ones, and `also`."""
    quick |= {*also}
    return pytest.mark.parametrize(
        "name", [pytest.param(n, marks=() if n in quick else pytest.mark.slow) for n in SHARED]
    )


@functools.cache
def skeleton(name: str) -> dict[str, tuple[int, ...]]:
    """torchvision's state_dict as names and shapes."""
    try:
        with torch.device("meta"):
            state = theirs(name).state_dict()
    except (RuntimeError, NotImplementedError):  # its regnets do not build there
        with NoInit():
            state = theirs(name).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


class NoInit(torch.overrides.TorchFunctionMode):
    """Leaves tensors as they were allocated: to learn names and shapes needs no random numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@each()
def test_names_shapes_order_and_parameters(name: str) -> None:
    graph = graph_of(name)
    expected = skeleton(name)
    assert graph.state == expected
    if not any(fnmatchcase(name, pattern) for pattern in REORDERED):
        assert list(graph.state) == list(expected)


def test_each_of_torchvisions_models_is_here_or_says_why_not() -> None:
    page = (Path(speczoo.__file__).parent / "README.md").read_text(encoding="utf-8")
    table = page.partition("<!-- left out:begin -->")[2].partition("<!-- left out:end -->")[0]
    patterns = [name for row in table.splitlines() for name in re.findall("`([^`]+)`", row[2:].partition(" | ")[0])]
    left = {name for name in models.list_models() if any(fnmatchcase(name, pattern) for pattern in patterns)}
    assert left == {*models.list_models()} - {*speczoo.list_models()}
    assert all(any(fnmatchcase(name, pattern) for name in left) for pattern in patterns)


@pytest.mark.parametrize(
    "name", ["resnet18", "regnet_x_400mf", "regnet_y_400mf", "squeezenet1_1", "googlenet", "shufflenet_v2_x0_5"]
)
def test_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        state = speczoo.build(name).state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == graph_of(name).state
    assert {v.device.type for v in state.values()} == {"meta"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_every_one_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        state = speczoo.build(name).state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == graph_of(name).state


# -- outputs ----------------------------------------------------------------------------------------------------------


@each("googlenet")
def test_the_same_outputs_from_the_same_weights(name: str) -> None:
    if name in HUGE:
        pytest.skip("2.6 GB of weights")
    torch.manual_seed(0)
    reference = theirs(name)
    ours = speczoo.build(name, reference.state_dict())
    x = example(name, 3)
    with torch.no_grad():
        calibrate(reference, x)
        ours.load_state_dict(reference.state_dict(), strict=True)
        for training in (False, True):
            for model in (reference, ours):
                model.train(training)
                undisturbed(model)
            agree(outputs(ours(x)), outputs(reference(x)))


def calibrate(model: nn.Module, x: Tensor) -> None:
    """Batch norm learns this input's statistics, so that outputs neither vanish nor explode."""
    for m in model.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.momentum = 1.0
    undisturbed(model.train())
    for key, parameter in model.named_parameters():
        if key.endswith("layer_scale"):
            parameter.fill_(0.5)
    model(x)
    largest = outputs(model.eval()(x))[0].abs().max()
    if largest < 1e-2:  # networks without batch norm
        last = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))][-1]
        last.weight.mul_(1 / largest)


def undisturbed(model: nn.Module) -> None:
    """No dropout, no stochastic depth."""
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0.0
        if type(m).__name__ == "StochasticDepth":
            m.p = 0.0  # type: ignore[assignment]


def agree(ours: list[Tensor], reference: list[Tensor]) -> None:
    assert len(ours) == len(reference)
    for a, b in zip(ours, reference, strict=True):
        largest = b.abs().max()
        assert largest > 1e-3
        assert (a - b).abs().max() <= 1e-5 * largest


@each(quick=frozenset({"googlenet", "squeezenet1_1"}))
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripts(name: str) -> None:
    """TorchScript takes all of them, and gives what eager does, in training and outside it."""
    if name in HUGE:
        pytest.skip("2.6 GB of weights")
    model = speczoo.build(name, seed=0)
    scripted = torch.jit.script(model)
    x = example(name, 2, seed=1)
    with torch.no_grad():
        for training in (True, False):
            outs = []
            for module in (model.train(training), scripted.train(training)):
                torch.manual_seed(1)
                outs.append(module(x))
            assert getattr(outs[0], "_fields", None) == getattr(outs[1], "_fields", None)
            assert all(torch.equal(a, b) for a, b in zip(*map(outputs, outs), strict=True))


# -- defaults ---------------------------------------------------------------------------------------------------------


@each()
def test_the_same_default_initialisation(name: str) -> None:
    """In distribution: mean and deviation of every parameter within what a sample of its size may miss."""
    if name in HUGE:
        pytest.skip("2.6 GB of weights")
    torch.manual_seed(1)
    ours = dict(speczoo.build(name).named_parameters())
    fresh: dict[str, Tensor] = dict(
        theirs(name, **({"init_weights": True} if name in ("googlenet", "inception_v3") else {})).named_parameters()
    )
    for key, b in fresh.items():
        a, b = ours[key].detach().double(), b.detach().double()
        n = b.numel()
        spread = max(a.std().item(), b.std().item()) if n > 1 else 0.0
        if n == 1 or spread == 0:
            assert torch.equal(a, b), key
        else:
            assert abs(a.mean() - b.mean()) <= 7 * spread * (2 / n) ** 0.5, key
            assert abs(a.std() - b.std()) <= 7 * spread * (1 / n) ** 0.5, key


@each()
def test_the_same_numbers_in_modules(name: str) -> None:
    """eps, momentum, p, inplace and the like: what shapes and outputs may not show."""
    with torch.device("meta"):
        ours = dict(speczoo.build(name).named_modules())
    try:
        with torch.device("meta"):
            reference = theirs(name)
    except (RuntimeError, NotImplementedError):
        with NoInit():
            reference = theirs(name)
    visited = 0
    for key, m in reference.named_modules():
        for attribute in (
            "eps",
            "momentum",
            "p",
            "stride",
            "padding",
            "dilation",
            "ceil_mode",
            "groups",
            "count_include_pad",
        ):
            if hasattr(m, attribute) and key in ours and hasattr(ours[key], attribute):
                visited += 1
                expected = pytest.approx(one(getattr(m, attribute)))
                assert one(getattr(ours[key], attribute)) == expected, (key, attribute)
    assert visited > 20


def one(value: Any) -> Any:
    """A number for every axis as that number."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


# -- published costs --------------------------------------------------------------------------------------------------


def weights() -> Iterator[Any]:
    for name in SHARED:
        marks = () if name in SMALL else pytest.mark.slow
        for member in models.get_model_weights(name):
            yield pytest.param(name, member, id=f"{name}-{member.name}", marks=marks)


@pytest.mark.parametrize(("name", "member"), list(weights()))
def test_published_costs(name: str, member: Any) -> None:
    """torchvision prints GFLOPS, which are multiply-accumulates, to three digits, at each weight's own crop, of clips
    of 16 frames and of maps at the size of their images.
    """
    transforms = member.transforms()
    (side, *_) = transforms.resize_size if name in MAPS else transforms.crop_size
    params = params_with(graph_of(name), member)
    summary = speczoo.summary(name, input=[3, *[16] * (name in CLIPS), side, side], **params)
    assert summary.macs / 1e9 == pytest.approx(member.meta["_ops"], abs=0.0006)
    assert summary.params == member.meta["num_params"]
