"""What a person would say of blocks that differ: by the sizes that flow in, one rule, or one container of layers."""

from __future__ import annotations

import re
from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import speczoo
from speczoo.importing import from_module
from speczoo.importing.defaults import with_defaults
from speczoo.importing.writing import text_of

FEW = max(10, settings().max_examples // 4)


def conv_bn(into: int, out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(into, out, kernel, padding=kernel // 2), nn.BatchNorm2d(out), nn.ReLU())


class Ways(nn.Module):
    """Containers of the same layers under names of their own, whose outputs are joined."""

    def __init__(self, ways: list[tuple[int, int]]) -> None:
        super().__init__()
        self.count = len(ways)
        self.stem = conv_bn(3, 4, 3)
        for number, (channels, kernel) in enumerate(ways):
            setattr(self, f"way{'abcdefgh'[number]}", conv_bn(4, channels, kernel))
        self.last = conv_bn(sum(channels for channels, _ in ways), 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        found: Tensor = self.last(torch.cat([getattr(self, f"way{each}")(x) for each in "abcdefgh"[: self.count]], 1))
        return found


@settings(max_examples=FEW)
@given(st.lists(st.tuples(st.sampled_from([4, 6, 8]), st.sampled_from([1, 3, 5])), min_size=2, max_size=6))
def test_containers_of_the_same_layers_are_one_block(ways: list[tuple[int, int]]) -> None:
    made = from_module(Ways(ways), (3, 8, 8))  # which proves names, shapes and outputs
    assert str(made).count("op: Conv2d") == 1
    assert speczoo.check(str(made)) == ()
    assert not re.search(r"\$\([\d\s/*+-]+\)", str(made))  # what is computed of numbers alone is a number


class NormAct(nn.BatchNorm2d):
    """A norm that an activation is part of."""

    def __init__(self, channels: int, act: nn.Module) -> None:
        super().__init__(channels)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.act(super().forward(x))
        return found


class Layer(nn.Module):
    """A convolution, perhaps with a norm, an activation, or both."""

    def __init__(self, norm: bool, act: type[nn.Module] | None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.norm = nn.BatchNorm2d(4) if norm else None
        self.act = act() if act is not None else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.norm(x) if self.norm is not None else x
        return self.act(x) if self.act is not None else x


@settings(max_examples=FEW)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, nn.ReLU])), min_size=3, max_size=8))
def test_what_lines_up_with_another_alone_is_in_its_block(kinds: list[tuple[bool, type[nn.Module] | None]]) -> None:
    layers = [Layer(*kind) for kind in [(True, nn.ReLU), *kinds]]
    made = from_module(nn.Sequential(*layers), (4, 4, 4))
    assert len(re.findall(r"^  \w+: \{", str(made), re.MULTILINE)) <= 1
    assert speczoo.check(str(made)) == ()


class Mixed(nn.Module):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), NormAct(4, act)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.norm(self.conv(x)) + x
        return found


def test_activations_that_have_no_name_are_a_parameter() -> None:
    layers = [Mixed(act()) for act in (nn.ReLU, nn.ReLU, nn.SiLU, nn.Sigmoid)]
    made = str(from_module(nn.Sequential(*layers), (4, 4, 4)))
    assert made.count("op: Conv2d") == 1
    assert "op: $act" in made


class OfTokens(nn.Module):
    """A norm over the places of a map, which is a map again, at the one size that it is made for."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.norm, self.side = nn.LayerNorm(channels), side

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x.flatten(2).transpose(1, 2))
        return x.transpose(1, 2).reshape(x.shape[0], -1, self.side, self.side)


@settings(max_examples=FEW)
@given(st.lists(st.booleans(), min_size=2, max_size=4))
def test_sizes_of_a_map_are_those_that_flow_in(strided: list[bool]) -> None:
    sides = [32]
    for each in strided:
        sides.append(sides[-1] // (2 if each else 1))
    layers: list[nn.Module] = [OfTokens(4, 32)]
    for before, side in pairwise(sides):
        layers += [nn.Conv2d(4, 4, 3, before // side, 1), OfTokens(4, side)]
    made = str(from_module(nn.Sequential(*layers), (4, 32, 32)))
    assert made.count("op: LayerNorm") == 1
    assert len({*sides}) == 1 or "$(input.height)" in made
    assert "params: {" not in made.partition("\nexpect")[0]  # a block without parameters, and a network without them


class Shuffled(nn.Module):
    """Channels in so many groups, as many as the map is high where it is tried first, and at no other size."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.conv, self.groups = nn.Conv2d(16, 16, 3, padding=1), groups

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2) + x


def test_numbers_that_are_a_size_by_chance_stay_numbers() -> None:
    layers = [Shuffled(16), nn.MaxPool2d(2), Shuffled(8), nn.MaxPool2d(2), Shuffled(4)]
    made = from_module(nn.Sequential(*layers), (16, 16, 16))
    assert made.sizes
    assert "input.height" not in str(made)


class Biased(nn.Module):
    """Attention with a bias for each distance in a square of places."""

    def __init__(self, side: int) -> None:
        super().__init__()
        at = torch.arange(side * side)
        rows, columns = at // side, at % side
        far = (rows[:, None] - rows).abs() * side + (columns[:, None] - columns).abs()
        self.register_buffer("far", far, persistent=False)
        self.bias = nn.Parameter(torch.randn(side * side))
        self.norm = nn.LayerNorm(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        found: Tensor = (x @ x.transpose(1, 2) + self.bias[self.far]).softmax(-1) @ x
        return found


@settings(max_examples=FEW)
@given(st.lists(st.sampled_from([7, 6, 5, 4]), min_size=1, max_size=3, unique=True))
def test_rules_that_differ_in_numbers_are_one(sides: list[int]) -> None:
    sides = sorted(sides, reverse=True)
    layers: list[nn.Module] = []
    for side in sides:
        layers += [nn.AdaptiveAvgPool2d(side), nn.Flatten(2), Turned()]
        layers += [Biased(side), Biased(side), Turned(), Square(side)]
    made = str(from_module(nn.Sequential(*layers), (4, 8, 8)))
    assert made.count("op: Buffer") == 1
    assert len(sides) == 1 or "side" in made


class Turned(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


class Square(nn.Module):
    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.side, self.side))


class Rows(nn.Module):
    """Every row of a map twice, from so many."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("at", torch.arange(count) // 2, persistent=False)
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(x[:, :, self.at])
        return found


def test_turns_of_which_the_first_has_another_constant_read_the_turn() -> None:
    ways = ((46, 42, 2), (38, 34, 3), (30, 26, 2), (22, 20, 3))
    stages = [nn.Sequential(*(Rows(count) for count in (first, *[rest] * times))) for first, rest, times in ways]
    made = from_module(nn.Sequential(*stages), (4, 46, 5))
    assert str(made).count("op: Buffer") == 1


def test_no_line_of_defaults_is_longer_than_others() -> None:
    ops = ["Conv2d", "MaxPool2d", "AvgPool2d", "BatchNorm2d", "LayerNorm", "Linear"]
    arguments = {"Conv2d": {"kernel_size": 3, "bias": False}, "BatchNorm2d": {"eps": 0.001, "momentum": 0.03}}
    pooling = {"kernel_size": 3, "stride": 2, "padding": 1}
    arguments |= {"MaxPool2d": pooling, "AvgPool2d": pooling, "LayerNorm": {"eps": 1e-6}, "Linear": {"bias": False}}
    for count in (3, 30):
        layers = [{"op": op, **arguments[op]} for op in ops for _ in range(count)]
        made = text_of(with_defaults({"spec": 1, "name": "many", "layers": layers}))
        lines = made.partition("layers:")[0].splitlines()
        assert "defaults:" in made
        assert all(len(line) <= 120 for line in lines)
