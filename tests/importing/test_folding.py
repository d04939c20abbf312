"""Modules of one class are one block, whatever some of them are without; what repeats is written once."""

from __future__ import annotations

import re
from typing import NamedTuple

import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import speczoo
from speczoo.importing import from_module


class Way(NamedTuple):
    """How a unit is made."""

    channels: int
    stride: int
    act: type[nn.Module]
    squeezed: bool


class Unit(nn.Module):
    """Two convolutions, perhaps a gate between them, and a skip where that fits or is projected."""

    def __init__(self, into: int, way: Way) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, way.channels, 3, way.stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(way.channels)
        self.act = way.act()
        self.gate = nn.Conv2d(way.channels, way.channels, 1) if way.squeezed else None
        self.conv2 = nn.Conv2d(way.channels, way.channels, 3, 1, 1)
        self.down = nn.Conv2d(into, way.channels, 1, way.stride) if way.stride > 1 or into != way.channels else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.act(self.bn1(self.conv1(x)))
        if self.gate is not None:
            out = self.gate(out)
        out = self.conv2(out)
        return out + (x if self.down is None else self.down(x))


class Stages(nn.Module):
    """Units in stages, each of which is a chain."""

    def __init__(self, ways: list[list[Way]]) -> None:
        super().__init__()
        into, stages = 3, []
        for stage in ways:
            units = []
            for way in stage:
                units.append(Unit(into, way))
                into = way.channels
            stages.append(nn.Sequential(*units))
        self.stages = nn.Sequential(*stages)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.stages(x)
        return out


WAYS = st.builds(
    Way,
    st.sampled_from([4, 6, 8]),
    st.sampled_from([1, 2]),
    st.sampled_from([nn.ReLU, nn.SiLU, nn.GELU]),
    st.booleans(),
)


@settings(max_examples=max(10, settings().max_examples // 4))
@given(st.lists(st.lists(WAYS, min_size=1, max_size=4), min_size=1, max_size=3))
def test_what_some_units_are_without_is_left_out_by_a_condition(ways: list[list[Way]]) -> None:
    torch.set_num_threads(1)
    model = Stages(ways)
    made = from_module(model, (3, 24, 24))  # which proves names, shapes and outputs
    assert len(re.findall(r"^  \w+: \{", str(made), re.MULTILINE)) <= 1  # blocks
    assert speczoo.check(str(made)) == ()


def test_stages_of_a_network_are_one_line() -> None:
    ways = [
        [Way(c, s if i == 0 else 1, nn.ReLU, False) for i in range(3)] for c, s in ((4, 1), (8, 2), (16, 2), (32, 2))
    ]
    made = str(from_module(Stages(ways), (3, 32, 32)))
    assert made.count("id: conv1") == 1  # where all of its calls are one, a block is a group
    assert "channels: [4, 8, 16, 32]" in made


class Turns(nn.Module):
    """Two kinds of modules that take turns."""

    def __init__(self, count: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(count):
            layers += [nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


def test_what_takes_turns_is_written_once() -> None:
    made = str(from_module(Turns(5), (4, 8, 8)))
    assert made.count("op: Conv2d") == 1
    assert "for: {i: 1..5}" in made


class Dense(nn.Module):
    """A layer of a DenseNet: what it adds is joined to what flowed in by whoever calls it."""

    def __init__(self, into: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(into)
        self.conv = nn.Conv2d(into, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.norm(x))
        return out


class DenseNet(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({f"layer{i}": Dense(3 + 4 * i) for i in range(depth)})

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values():
            x = torch.cat([x, layer(x)], 1)
        return x


def test_joins_with_the_input_are_part_of_the_block() -> None:
    made = str(from_module(DenseNet(6), (3, 8, 8)))
    assert made.count("id: conv") == 1
    assert made.count("op: concat") == 1


class Scaled(nn.Module):
    """A layer and a number that it is multiplied by."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.conv, self.scale = nn.Conv2d(4, 4, 1), scale

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x) * self.scale + x
        return out


@settings(max_examples=max(10, settings().max_examples // 4))
@given(st.lists(st.sampled_from([0.5, 0.25, 3.0]), min_size=2, max_size=8))
def test_numbers_beside_values_are_parameters(scales: list[float]) -> None:
    layers = [each for scale in scales for each in (Scaled(scale), nn.ReLU())]
    made = from_module(nn.Sequential(*layers), (4, 4, 4))
    assert len(re.findall(r"^  \w+: \{", str(made), re.MULTILINE)) <= 1
    assert speczoo.check(str(made)) == ()


class Gate(nn.Module):
    """A layer that says how much of what flows in is left."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv(self.norm(x)))


#: Units, by their scales, and None for a gate: some by themselves, and some that take turns, so many times.
TURNS = st.tuples(
    st.lists(st.sampled_from([1.0, 2.0, 8.0]), min_size=1, max_size=4),
    st.lists(st.sampled_from([None, 0.125, 0.25, 0.5]), min_size=1, max_size=2),
    st.integers(1, 6),
)


@settings(max_examples=max(10, settings().max_examples // 4))
@given(st.lists(TURNS, min_size=2, max_size=3))
@example([([1.0], [0.5, 0.25], 2), ([2.0, 2.0, 2.0, 8.0], [None, 0.125], 6)])
def test_stages_of_other_turns_stay_what_they_are(stages: list[tuple[list[float], list[float | None], int]]) -> None:
    scales = [[*first, *turns * count] for first, turns, count in stages]
    model = nn.Sequential(*(nn.Sequential(*(Scaled(n) if n else Gate() for n in stage)) for stage in scales))
    made = from_module(model, (4, 4, 4))  # which proves names, shapes and outputs
    assert made.graph.params == sum(each.numel() for each in model.parameters())
