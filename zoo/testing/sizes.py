"""Sizes of a network's input, those that it takes and those that it does not, and inputs of them.

A network takes a size where its module, as built for the input that is declared, does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import speczoo
from speczoo.checking import What
from speczoo.compiler.analysis.sizes import Sizes
from speczoo.compiler.layer import Shape

if TYPE_CHECKING:
    from torch import Tensor

#: What `input=` takes: the shape of the one input, or one for each by its name.
InputShape: TypeAlias = Shape | dict[str, Shape]
#: Axes that stay equal, as those of two images that are added: their dimension and how long they are declared.
Group: TypeAlias = tuple[int, int]

BEYOND = 4  # how far sizes are looked at above the double of what is declared


class TriedSizes(NamedTuple):
    """Sizes of a group of axes, the others as they are declared, the nearest to the declared one first."""

    taken: list[int]
    refused: list[int]


def accepted_shapes(what: What, **params: Any) -> SearchStrategy[InputShape]:
    """Return the strategy of shapes that a network takes, as `input=` does, without the batch axis.

    Every axis varies but the channels; equal sizes of several inputs stay equal. Shrinks to the declared shape. Raises
    SpecError where the spec is wrong.
    """
    return taken(speczoo.sizes(what, **params))


def refused_shapes(what: What, **params: Any) -> SearchStrategy[InputShape]:
    """Return the strategy of shapes that a network does not take: too small, or not of the size that it is pinned to.

    Nothing can be drawn for a network that takes every size. Raises SpecError where the spec is wrong.
    """
    sizes = speczoo.sizes(what, **params)
    shapes = [_shape(sizes, {group: size}) for group, found in _found(sizes).items() for size in found.refused]
    return st.sampled_from(shapes) if shapes else st.nothing()


def inputs(
    what: What, *, batch: SearchStrategy[int] | None = None, **params: Any
) -> SearchStrategy[tuple[Tensor, ...]]:
    """Return the strategy of tensors that a network takes, `model(*x)`, of drawn sizes and drawn numbers of samples.

    Raises SpecError where the spec is wrong.
    """
    from speczoo.testing.oracle import seeded
    from speczoo.verify import random_input

    sizes = speczoo.sizes(what, **params)
    shapes, samples = taken(sizes), st.integers(1, 4) if batch is None else batch

    @st.composite
    def drawn(draw: DrawFn) -> tuple[Tensor, ...]:
        shape = draw(shapes)
        named = shape if isinstance(shape, dict) else {name: shape for name, _ in sizes.graph.settings.inputs}
        with seeded(draw(st.integers(0, 2**16))):
            return tuple(random_input(sizes.graph, draw(samples), named))

    return drawn()


def taken(sizes: Sizes) -> SearchStrategy[InputShape]:
    """Return the strategy of shapes that are taken: several axes at other sizes where that is taken, else one."""
    found = _found(sizes)

    @st.composite
    def drawn(draw: DrawFn) -> InputShape:
        chosen = {group: draw(st.sampled_from(each.taken)) for group, each in found.items()}
        while len(chosen) > 1 and not sizes.accepts(*_sizes(sizes, chosen)):
            chosen.popitem()
        return _shape(sizes, chosen)

    return drawn()


def _found(sizes: Sizes) -> dict[Group, TriedSizes]:
    """Return which sizes each group of axes is taken at, and which not, up to a little above the double."""
    found: dict[Group, TriedSizes] = {}
    for group in dict.fromkeys((axis.dim, axis.declared) for axis in sizes.axes):
        declared = group[1]
        near = sorted(range(1, 2 * declared + BEYOND), key=partial(_distance, declared))
        accepted = [sizes.accepts(*_sizes(sizes, {group: size})) for size in near]
        found[group] = TriedSizes(
            [size for size, ok in zip(near, accepted, strict=True) if ok],
            [size for size, ok in zip(near, accepted, strict=True) if not ok],
        )
    return found


def _distance(one: int, other: int) -> int:
    return abs(one - other)


def _sizes(sizes: Sizes, chosen: Mapping[Group, int]) -> list[int]:
    return [chosen.get((axis.dim, axis.declared), axis.declared) for axis in sizes.axes]


def _shape(sizes: Sizes, chosen: Mapping[Group, int]) -> InputShape:
    """Return the shapes of all inputs where groups of axes have other sizes."""
    free = {(axis.input, axis.dim - 1): size for axis, size in zip(sizes.axes, _sizes(sizes, chosen), strict=True)}
    found = {
        name: tuple(free.get((name, place), size) for place, size in enumerate(value.shape))
        for name, value in sizes.graph.settings.inputs
    }
    return found if len(found) > 1 else next(iter(found.values()))
