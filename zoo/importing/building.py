"""A list in the making: what handlers of calls ask for, and the entries that they add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.entries import Entry, List, Operand, Source
from speczoo.importing.leaves import stated
from speczoo.importing.recording import Call, Frame, Value
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import Shape, Traced, folded_sizes, spec_shapes, times


class Broken(Exception):
    """A call takes what an earlier one, which is told of, should have given."""


class Builder:
    """The list that a frame becomes.

    `known` says what each tensor of the frame is; None where an earlier call could not be said. `batches` are the
    numbers of samples of all runs.
    """

    def __init__(self, frame: Frame, kind: str, batches: tuple[int, ...]) -> None:
        self.frame, self.batches = frame, batches
        self.made = List(kind)
        self.known: dict[Value, Traced | None] = {}
        self.modules: dict[str, Entry] = {}
        self.shapes: dict[Source, Shape] = {}

    # -- what flows ---------------------------------------------------------------------------------------------------

    def traced(self, value: Value) -> Traced:
        """Return what a tensor is. Raises Broken, and Unsayable for a constant that nothing computes."""
        if value not in self.known:
            if not value.parameter or not self.frame.owns(value):
                what = f"the buffer `{value.key}`" if value.key else "a tensor that no call made"
                raise Unsayable(f"it takes {what}")
            self.known[value] = self._parameter(value)
        found = self.known[value]
        if found is None:
            raise Broken
        return found

    def _parameter(self, value: Value) -> Traced:
        entry = Entry("Parameter", {"shape": [*value.tensor.shape]}, [], self.relative(value.key), True, True)
        self.append(entry)
        shapes = tuple(tuple(value.tensor.shape) for _ in self.batches)
        return Traced(Source(entry), shapes, None)

    def relative(self, path: str) -> str:
        """Return a path below the frame's module, empty for its own."""
        if path == self.frame.path:
            return ""
        return path.removeprefix(f"{self.frame.path}.") if self.frame.path else path

    def led(self, value: Traced) -> Traced:
        """Return a parameter with an axis of 1 where the batch would be, as the value without it. Raises Unsayable."""
        entry = value.source.entry
        if value.leading:
            return value
        if entry is None or entry.op != "Parameter" or value.shape[:1] != (1,):
            raise Unsayable("it takes a parameter whose axes are not those of the other values")
        entry.args |= {"shape": [*value.shape[1:]], "leading": True}
        led = replace(value, shapes=tuple(s[1:] for s in value.shapes), batch=0, leading=True)
        self.known |= {key: led for key, known in self.known.items() if known is value}
        return led

    # -- what is added ------------------------------------------------------------------------------------------------

    def layout(self, value: Value, folded: Sequence[Shape] | None, like: Traced | None) -> tuple[int | None, int]:
        """Return torch's axis that holds the batch, and how many axes of the value are in it. Raises Unsayable."""
        axis = batch_axis(value.shapes, self.batches)
        if axis is None:
            return None, 0
        inner = value.shapes[0][axis] // self.batches[0]
        if folded is None:
            folded = folded_sizes(like) if like is not None and like.batch is not None else [()] * len(self.batches)
        if any(times(f) * b != s[axis] for f, b, s in zip(folded, self.batches, value.shapes, strict=True)):
            raise Unsayable(f"it puts {inner} into the batch axis in a way that no entry does")
        return axis, len(folded[0])

    def outcome(
        self, value: Value, source: Source, like: Traced | None, folded: Sequence[Shape] | None = None
    ) -> Traced:
        """Return what a tensor is that an entry gives."""
        axis, count = self.layout(value, folded, like)
        if folded is None:
            folded = folded_sizes(like)[: len(self.batches)] if like is not None and count else [()] * len(self.batches)
        dtype = str(value.tensor.dtype).removeprefix("torch.")
        shapes = spec_shapes(value.shapes, axis, tuple(folded))
        self.shapes[source] = shapes[0]
        return Traced(source, shapes, axis, count, dtype=dtype)

    def add(
        self, op: str, inputs: Iterable[Operand], args: Mapping[str, Any] | None = None, *, ports: int = 1, **more: Any
    ) -> Entry:
        """Add an entry of a layer or function; arguments equal to its own defaults are left out. Raises Unsayable."""
        if op not in Layer.registry:
            raise Unsayable(f"the language has no `{op}`")
        entry = Entry(op, stated(op, dict(args or {})), [*inputs], ports=ports, **more)
        return self.append(entry)

    def append(self, entry: Entry) -> Entry:
        """Add an entry, which knows what it takes."""
        entry.flowing = [self.shapes.get(source, ()) for source in entry.sources]
        self.made.entries.append(entry)
        return entry

    def apply(
        self, call: Call, op: str, inputs: Sequence[Traced], args: Mapping[str, Any] | None = None, **more: Any
    ) -> list[Traced]:
        """Add an entry and return what its call gave, whose batch is where it was found."""
        alone = not any(each.batch is not None for each in inputs)
        if inputs and alone and not Layer.registry[op].merges:
            raise Unsayable("it works on a parameter alone, before that meets a value with a batch")
        entry = self.add(op, [each.source for each in inputs], args, ports=len(call.outputs), **more)
        like = next((each for each in inputs if each.batch is not None), None)
        return [self.outcome(value, Source(entry, port), like) for port, value in enumerate(call.outputs)]


def batch_axis(shapes: Sequence[Shape], batches: Sequence[int]) -> int | None:
    """Return the axis that grows with the number of samples; None where none does."""
    first = shapes[0]
    for other, batch in zip(shapes[1:], batches[1:], strict=True):
        if batch == batches[0] or len(other) != len(first):
            continue
        for axis, (one, more) in enumerate(zip(first, other, strict=True)):
            if one != more and one * batch == more * batches[0]:
                return axis
    return None
