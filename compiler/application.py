"""A layer applied to values: what comes out of it, and what it has and costs there.

All of that hangs on the layer and on what flows in, so it is found once for all the nodes that have both: equal
applications are the same object for as long as a node has one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from speczoo.compiler.cached import cached_property
from speczoo.compiler.layer import Call, Layer, Shape, Value
from speczoo.compiler.wiring import Conduct
from speczoo.specs.expression import METER


class Application:
    """A layer applied to values; made by `of` alone."""

    def __init__(self, body: Layer, arrived: tuple[Value, ...]) -> None:
        self.body, self.arrived = body, arrived
        self.shapes: tuple[Shape, ...] = tuple([value.shape for value in arrived])
        self.work = 0  # what its outputs took: whoever applies it is charged for that, found anew or not

    @classmethod
    def of(cls, body: Layer, arrived: tuple[Value, ...]) -> Application:
        """Return the one application of this very layer to these values."""
        key = (id(body), arrived)  # an id that stays its own, since the application holds the layer
        found = INTERNED.get(key)
        if found is None:
            found = INTERNED[key] = cls(body, arrived)
        return found

    @cached_property
    def outputs(self) -> tuple[Value, ...]:
        """What comes out; nothing where that is beyond all numbers. Raises ShapeError."""
        before = METER.spent
        try:
            found = self.body.apply(*self.arrived)
        except OverflowError:
            found = ()
        self.work, METER.spent = METER.spent - before, before
        return found

    @cached_property
    def call(self) -> Call:
        """How torch makes and applies it."""
        return self.body.call(*self.arrived)

    @cached_property
    def weights(self) -> dict[str, Shape]:
        return self.body.weights(*self.shapes)

    @cached_property
    def buffers(self) -> dict[str, Shape]:
        return self.body.buffers(*self.shapes)

    @cached_property
    def unsaved(self) -> dict[str, Shape]:
        return self.body.unsaved(*self.shapes)

    @cached_property
    def params(self) -> int:
        """How many numbers its weights hold."""
        return sum(map(math.prod, self.weights.values()))

    @cached_property
    def macs(self) -> int:
        """How many multiply-accumulates one input takes."""
        return self.body.macs(self.outputs[0].shape, *self.shapes)

    def excess(self, most: int) -> str:
        """Return what of it holds more than `most` numbers, in words; empty where nothing does. Raises ShapeError."""
        if not self.outputs or max([math.prod(value.shape) for value in self.outputs]) > most:
            return f"give a tensor of more than {most:,} numbers"
        return f"have more than {most:,} weights" if self.params > most else ""

    @cached_property
    def conduct(self) -> Conduct:
        """What it does with its values besides computing new ones."""
        return Conduct.of(self.body, weights=bool(self.weights))

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What a node has of it, whose layer it applies: outputs that have no names of their own are `id.0`, `id.1`."""
        ports = tuple(map(str, range(len(self.outputs)))) if self.body.several else ()
        return {
            "outputs": self.outputs,
            "ports": ports,
            "whole": True,
            "conduct": self.conduct,
            "params": self.params,
            "macs": self.macs,
        }


INTERNED: WeakValueDictionary[Any, Application] = WeakValueDictionary()
