"""Sizes of a network's input, those that it takes and those that it does not, and inputs of them.

A network takes a size where its module, as built for the input that is declared, does: the same layers with the same
weights, and every shape rule holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import speczoo
from speczoo.api import What
from speczoo.compiler.emit.python import source
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, Value

if TYPE_CHECKING:
    from torch import Tensor

#: What `input=` takes: the shape of the one input, or one for each by its name.
InputShape: TypeAlias = Shape | dict[str, Shape]

#: The spec at a shape of its input; None where it is refused there.
At: TypeAlias = Callable[[InputShape], Graph | None]

TRIES = 8  # shapes that are looked at for one that is taken, or refused
NEAR = 4  # how far beside the declared sizes others are drawn


def accepted_shapes(what: What, **params: Any) -> SearchStrategy[InputShape]:
    """Return the strategy of shapes that a network takes, as `input=` does, without the batch axis.

    Every axis varies but the channels; equal sizes of several inputs stay equal. Shrinks to the declared shape. Raises
    SpecError where the spec is wrong.
    """
    return taken(speczoo.graph(what, **params), partial(_at, what, params)).map(declared)


def refused_shapes(what: What, **params: Any) -> SearchStrategy[InputShape]:
    """Return the strategy of shapes that a network does not take: too small, or not of the size that it is pinned to.

    Nothing can be drawn for a network that takes every size. Raises SpecError where the spec is wrong.
    """
    return _refused(speczoo.graph(what, **params), partial(_at, what, params))


def inputs(
    what: What, *, batch: SearchStrategy[int] | None = None, **params: Any
) -> SearchStrategy[tuple[Tensor, ...]]:
    """Return the strategy of tensors that a network takes, `model(*x)`, of drawn sizes and drawn numbers of samples.

    Raises SpecError where the spec is wrong.
    """
    from speczoo.testing.oracle import seeded
    from speczoo.verify import random_input

    graph, at = speczoo.graph(what, **params), partial(_at, what, params)
    samples = st.integers(1, 4) if batch is None else batch

    @st.composite
    def drawn(draw: DrawFn) -> tuple[Tensor, ...]:
        made = draw(taken(graph, at))
        with seeded(draw(st.integers(0, 2**16))):
            return tuple(random_input(made, draw(samples)))

    return drawn()


def _at(what: What, params: dict[str, Any], shape: InputShape) -> Graph | None:
    try:
        return speczoo.graph(what, input=shape, **params)
    except speczoo.SpecError:
        return None


def taking(graph: Graph, at: At, shape: InputShape) -> Graph | None:
    """Return the network as built for what is declared, at another shape of its input; None where it does not take it:
    where the spec is refused at that size, or would be another network.
    """
    if shape == declared(graph):
        return graph
    other = at(shape)
    return other if other is not None and other.state == graph.state and _text(other) == _text(graph) else None


_text = lru_cache(maxsize=4)(source)  # that of the declared input is asked for again and again


def declared(graph: Graph) -> InputShape:
    """Return the shape of a network's input, or the shapes of its inputs by name."""
    return _as_given({name: value.shape for name, value in graph.settings.inputs})


def _as_given(found: dict[str, Shape]) -> InputShape:
    return found if len(found) > 1 else next(iter(found.values()))


@st.composite
def taken(draw: DrawFn, graph: Graph, at: At) -> Graph:
    """Draw the network at a shape that it takes: the declared one where some others are refused."""
    if draw(st.integers(0, 4)) == 0:
        return graph
    for _ in range(TRIES):
        shape = draw(shapes(graph))
        if shape != declared(graph) and (made := taking(graph, at, shape)) is not None:
            return made
    return graph


@st.composite
def _refused(draw: DrawFn, graph: Graph, at: At) -> InputShape:
    for _ in range(TRIES):
        if taking(graph, at, shape := draw(shapes(graph))) is None:
            return shape
    reject()


@st.composite
def shapes(draw: DrawFn, graph: Graph) -> InputShape:
    """Draw shapes like the declared ones, taken or not."""
    sizes: dict[tuple[int, int], int] = {}

    def redrawn(value: Value) -> Shape:
        first = 0 if value.dtype == "int64" or len(value.shape) == 1 else 1
        for axis in range(first, len(value.shape)):
            if (axis, value.shape[axis]) not in sizes:
                sizes[axis, value.shape[axis]] = draw(_like(value.shape[axis]))
        return tuple(sizes.get((axis, size), size) for axis, size in enumerate(value.shape))

    return _as_given({name: redrawn(value) for name, value in graph.settings.inputs})


def _like(size: int) -> SearchStrategy[int]:
    """Return the strategy of sizes: this one as often as not, some beside it, its multiples and parts, and any up to
    its double.
    """
    same, parts = st.just(size), [size * part // 8 for part in range(1, 17) if size * part % 8 == 0]
    beside = st.integers(-min(NEAR, size - 1), NEAR).map(size.__add__)
    return st.one_of(same, beside, same, st.sampled_from([size, *parts]), same, st.integers(1, 2 * size))
