"""The sizes that the zoo's networks take: what their sources say of them, and every size asked one by one."""

from __future__ import annotations

import random

import pytest

import speczoo
from speczoo import catalogue, metadata
from speczoo.compiler.analysis.sizes import Sizes
from speczoo.compiler.emit.sizes import accepted, lines
from tests.families import LONG
from tests.properties.test_sizes import checked, predicted

#: One network of each family, but of those that are long; the others run with --slow.
FAMILIES = {
    row.family: row.name for row in reversed(metadata.everything()) if catalogue.index()[row.name][0].stem not in LONG
}
#: Whose first map is the smallest: what takes long to ask a thousand times.
QUICK = ["alexnet", "lenet5", "mnist_densenet", "resnet18_table", "squeezenet1_1", "unet", "unet_2015", "vgg11"]

#: What sources say, or arithmetic on their tables gives.
SIZES = {
    "resnet34": "height and width: every size",
    "densenet121": "height and width: 29 and up",
    "inception_v3": "height and width: 299 and up",  # with its auxiliary head, which training needs
    "unet": "height and width: multiples of 16",  # four poolings by 2
    "unet_2015": "height and width: 188 and up",
    "vgg16": "height and width: 32 and up",  # five poolings by 2
    "lenet5": "height x width: 32 to 35 x 32 to 35, or 16 to 19 x 112 to 115 and its transpose",
    "lenet5_c5": "height and width: 32 to 35",  # a convolution where fc1 is
}


@pytest.mark.parametrize("name", SIZES)
def test_accepted_sizes_in_words(name: str) -> None:
    assert accepted(speczoo.sizes(name)) == SIZES[name]


def test_the_tiles_of_the_unet_paper() -> None:
    """572 gives 388, and the paper asks for tiles whose poolings all have even sizes: one of every 16."""
    sizes = speczoo.sizes("unet_2015")
    assert sizes.output(572, 572) == (2, 388, 388)
    stated = [text for word, text in lines(sizes) if word == "drops"]
    assert stated[-1] == "nothing at height and width: n mod 16 = 12 from 188"
    assert ("output", "2 x (16 floor((height + 4) / 16) - 188) x (16 floor((width + 4) / 16) - 188)") in lines(sizes)


def test_what_says_so() -> None:
    stated = {
        name: [text for word, text in lines(speczoo.sizes(name)) if word in ("set by", "pinned by")]
        for name in ("densenet121", "lenet5", "unet")
    }
    assert stated["densenet121"] == ["features.transition3.pool"]
    assert stated["lenet5"] == ["fc1.0"]
    assert [text.partition(" ")[0] for text in stated["unet"]] == ["cat4", "cat3", "cat2", "cat1"]
    assert dict(lines(speczoo.sizes("resnet34")))["last map"].startswith("512 x ceil(height / 32) x ceil(width / 32)")


def test_every_network_of_the_zoo_has_a_short_rule() -> None:
    for name in FAMILIES.values():
        assert speczoo.sizes(name).rule is not None, name


def drawn(sizes: Sizes, most: int, square: int, others: int) -> list[tuple[int, ...]]:
    """Sizes on all axes alike, sizes at random, and those beside the bounds of the rule."""
    chance, count = random.Random(sizes.graph.name), len(sizes.axes)
    declared = tuple(axis.declared for axis in sizes.axes)
    beside = {1, *declared}
    assert sizes.rule is not None
    for box in sizes.rule.region.boxes:
        beside |= {n + away for own in box for n in (own.least, own.greatest or own.start) for away in (-1, 0, 1)}
    alike = range(1, most + 1) if square >= most else chance.sample(range(1, most + 1), square)
    found = {(n,) * count for n in [*alike, *beside] if 0 < n <= most}
    found |= {tuple(chance.randint(1, most) for _ in range(count)) for _ in range(others)}
    found |= {(*declared[:1], *(chance.randint(1, most) for _ in declared[1:])) for _ in range(others)}
    return sorted(found)


def agree(name: str, most: int, square: int, others: int) -> None:
    sizes = speczoo.sizes(name)
    for at in drawn(sizes, most, square, others):
        assert predicted(sizes, at) == checked(sizes, at), (name, at)


@pytest.mark.parametrize("name", sorted(FAMILIES.values()))
def test_a_rule_agrees_with_single_sizes(name: str) -> None:
    agree(name, 400, 15, 5)


@pytest.mark.parametrize("name", QUICK)
def test_a_rule_agrees_with_every_small_size(name: str) -> None:
    agree(name, 150, 150, 50)


#: Of clips there is no short rule: too many ways to make as many places of three sizes.
@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in speczoo.list_models() if not n.startswith(("mvit_", "swin3d_"))])
def test_a_rule_agrees_with_every_size(name: str) -> None:
    agree(name, 1_000, 1_000, 300)
