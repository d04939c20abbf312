"""What autograd keeps of a layer that computes in several steps: the steps one after the other, as torch takes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from speczoo.compiler.kept import Kept, Wanted
from speczoo.compiler.layer import Value
from speczoo.compiler.strides import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """A memory on a tape: so many numbers for each input, and `once` for a whole batch. `wants` is whether its gradient
    is wanted, `position` the input that it is, `layout` how that lies; what is computed lies plain.
    """

    numbers: int
    wants: bool = False
    once: int = 0
    position: int | None = None
    layout: Layout | None = None


class Tape:
    """What a layer computes, one step after the other as torch does, and what autograd keeps on the way.

    A step takes storages and gives a new one. Weights are never counted: where a step applies one, it is named.
    """

    def __init__(self, wanted: Wanted, *x: Value) -> None:
        self.wanted = wanted
        own = [
            Storage(math.prod(value.shape), i in wanted.inputs, 0, i, layout)
            for i, (value, layout) in enumerate(zip(x, wanted.layouts, strict=True))
        ]
        self.given = tuple(own[first] for first in wanted.first)
        self._kept: set[Storage] = set()

    def trains(self, *names: str) -> bool:
        """Return whether a gradient is wanted of any of these weights."""
        return not self.wanted.weights.isdisjoint(names)

    def made(self, numbers: int, *of: Storage | bool, once: int = 0) -> Storage:
        """Return a new storage of what is computed of these, storages or whether weights want a gradient."""
        return Storage(numbers, any(x.wants if isinstance(x, Storage) else x for x in of), once)

    def copied(self, value: Value) -> Storage:
        """Return a new storage of as many numbers as a value has, which has no gradient."""
        numbers = math.prod(value.shape)
        return Storage(numbers) if value.batched else Storage(0, once=numbers)

    def turned(self, x: Storage, tokens: int, features: int) -> Storage:
        """Return tokens x features as one matrix, tokens before the batch: laid out anew where no view says that, as
        of what lies plain where both are several.
        """
        copied = self._turned(x, tokens, features).copied((tokens * self.wanted.batch, features))
        return self.made(tokens * features, x) if copied else x

    def contiguous(self, x: Storage, tokens: int, features: int) -> Storage:
        """Return tokens x features with tokens before the batch: laid out anew where they do not lie so."""
        return x if self._turned(x, tokens, features).is_plain else self.made(tokens * features, x)

    def _turned(self, x: Storage, tokens: int, features: int) -> Layout:
        return (x.layout or Layout.plain((self.wanted.batch, tokens, features))).turned(0, 1)

    def matrices(self, x: Storage) -> Storage:
        """Return the matrices of a value as one list of them: laid out anew where they are none."""
        if x.layout is None or not x.layout.copied((math.prod(x.layout.sizes[:-2]), *x.layout.sizes[-2:])):
            return x
        return self.made(x.numbers, x)

    def keep(self, *storages: Storage, where: bool = True) -> None:
        """Keep these for the backward pass, on a condition."""
        if where:
            self._kept.update(storages)

    def kept(self, *outputs: Storage) -> Kept:
        """Return what was kept, some of which are the layer's outputs."""
        positions = tuple(sorted(s.position for s in self._kept if s.position is not None))
        own = [s for s in self._kept if s.position is None and s not in outputs]
        ports = tuple(port for port, output in enumerate(outputs) if output in self._kept)
        numbers, once = sum(s.numbers for s in own), sum(s.once for s in own)
        return Kept("", numbers, once, inputs=positions, outputs=ports)

    # -- steps ------------------------------------------------------------------------------------------------

    def product(self, a: Storage, b: Storage, numbers: int) -> Storage:
        """Multiply, values or matrices: each factor is kept for the other one's gradient."""
        self.keep(a, where=b.wants)
        self.keep(b, where=a.wants)
        return self.made(numbers, a, b)

    def linear(self, x: Storage, numbers: int, weight: str, bias: str) -> Storage:
        """Multiply by a weight, and add a bias: the input is kept for the weight's gradient."""
        self.keep(x, where=self.trains(weight))
        return self.made(numbers, x, self.trains(weight, bias))

    def result(self, x: Storage, numbers: int) -> Storage:
        """Apply what is derived from its result: softmax, sigmoid, tanh, ReLU."""
        made = self.made(numbers, x)
        self.keep(made, where=x.wants)
        return made

    def dropout(self, x: Storage, numbers: int, p: float) -> Storage:
        """Multiply by noise, which is kept; where nothing is dropped, nothing is done."""
        if not p:
            return x
        self.keep(Storage(numbers), where=x.wants)
        return self.made(numbers, x)

    def layer_norm(self, x: Storage, numbers: int, groups: int, weight: str, bias: str) -> Storage:
        """Normalise so many groups, then scale and shift: input, means and deviations are kept for any gradient."""
        made = self.made(numbers, x, self.trains(weight, bias))
        self.keep(x, Storage(2 * groups), where=made.wants)
        return made
