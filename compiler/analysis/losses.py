"""What windows leave unread at the end of an axis: rows and columns that a network computes and then drops."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from speczoo.compiler.analysis.rule import Map, SizeRule
from speczoo.compiler.analysis.size_set import ALL, NONE, NoShortRule, SizeSet
from speczoo.compiler.analysis.symbolic import is_size
from speczoo.compiler.window import AXES, Windowed


class Loss(NamedTuple):
    """A layer that leaves up to `most` rows unread at the end of an axis of its input.

    `axis` is its name there (`height`). It does so where the size of its input leaves one of `remainders` by its
    stride, which happens where the network's size on the axis `symbol` is one of `sizes`.
    """

    path: str
    op: str
    axis: str
    most: int
    stride: int
    remainders: tuple[int, ...]
    symbol: int
    sizes: SizeSet


def losses(rule: SizeRule) -> Iterator[Loss]:
    """Yield what each windowed layer loses for some of the sizes that a network takes.

    For a window of reach K that moves by s over m places, of them p behind its end padded, it is
    max(0, (m + 2p - K) mod s - p) places. One that moves further than it reaches skips places by design: those between
    two windows are not counted.
    """
    for made in rule.maps:
        body = made.node.body
        if isinstance(body, Windowed) and len(made.arriving[0].shape) == body.spatial + 1:
            for i in range(body.spatial):
                try:
                    loss = _loss(rule, made, body, i)
                except NoShortRule:
                    continue
                if loss is not None:
                    yield loss


def _loss(rule: SizeRule, made: Map, body: Windowed, i: int) -> Loss | None:
    window, size = body.window(), made.arriving[0].shape[1 + i]
    if window.ceil or not is_size(size) or size.single is None:
        return None
    stride, after, reach = window.stride[i], window.after[i], window.reach[i]
    behind, between = window.before[i] + after - reach, max(0, stride - reach)
    lost = {r: (r + behind) % stride - after - between for r in range(stride)}
    remainders = tuple(r for r, places in lost.items() if places > 0)
    axis, rest = size.single[0], size % stride
    if isinstance(rest, int):
        sizes = ALL if rest in remainders else NONE
    else:
        sizes = functools.reduce(SizeSet.__or__, (rest.single[1].equal_to(r) for r in remainders), NONE)
    sizes = sizes & rule.region.on(axis)
    if not sizes:
        return None
    return Loss(made.path, made.node.op, AXES[body.spatial][i], max(lost.values()), stride, remainders, axis, sizes)
