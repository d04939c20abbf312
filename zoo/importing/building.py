"""A list in the making: what handlers of calls ask for, and the entries that they add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor

from speczoo.compiler.layer import Layer, Shape
from speczoo.importing.apart import TakenApart
from speczoo.importing.constants import buffer_of, levels_of, listed_buffer_of, rounded_buffer_of
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Operand
from speczoo.importing.leaves import stated
from speczoo.importing.recording import RecordedCall, RecordedFrame, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue, fixed_sizes, folded_sizes, spec_shapes, times


class Rounded(NamedTuple):
    """A constant of the model that a rule gives but for rounding, with its key in the state_dict, where it has one; or
    `missing`, where the state_dict alone has its numbers.
    """

    key: str
    numbers: Tensor
    missing: bool = False


class UnbuiltInputError(Exception):
    """A call takes what an earlier one, which is reported, should have given."""


class Builder:
    """The list that a frame becomes.

    `known` says what each tensor of the frame is; None where an earlier call could not be written. `batches` are the
    numbers of samples of all runs, `rounded` the constants of all frames whose rules give them but for rounding,
    `apart` the layers whose weights something else takes, too.
    """

    def __init__(
        self,
        frame: RecordedFrame,
        kind: str,
        batches: tuple[int, ...],
        buffers: Mapping[str, Tensor],
        rounded: list[Rounded],
        apart: TakenApart,
    ) -> None:
        self.frame, self.batches, self.buffers, self.rounded, self.apart = frame, batches, buffers, rounded, apart
        self.made = ImportedList(kind)
        self.known: dict[RunValue, TracedValue | None] = {}
        self.modules: dict[str, ImportedEntry] = {}
        self.shapes: dict[Feed, Shape] = {}  # 0 stands for what follows from the size of the input
        self.constant: set[RunValue] = set()  # what functions make of no value of the network
        self.free: set[Feed] = set()  # the values without a batch: parameters, and what is made of them alone
        self.zeros: set[Feed] = set()  # the values that are 0 for each sample
        self.stretched: set[Feed] = set()  # those of them that are one for each sample all the same

    # -- what flows ---------------------------------------------------------------------------------------------------

    def traced(self, value: RunValue) -> TracedValue:
        """Return what a tensor is. Raises UnbuiltInputError, and Unsayable for a constant that nothing computes."""
        if value not in self.known:
            if value.parameter and not self.frame.owns(value):
                raise Unsayable(f"it takes `{value.key}`, which is a weight of another module")
            if value.parameter:
                self.check_apart(value.key)
                return self.parameter(value, self.apart.start(value.key))
            self.known[value] = self._buffer(value)
        found = self.known[value]
        if found is None:
            raise UnbuiltInputError
        return found

    def weight(self, value: RunValue) -> TracedValue:
        """Return what a tensor is that a layer computes with: its first axis is its own, where that is 1, too."""
        if value not in self.known and not value.parameter:
            self.known[value] = self._buffer(value, own=True)
        return self.traced(value)

    def check_apart(self, key: str) -> None:
        """Raise Unsayable for a weight of a layer that is called as well, and cannot be taken apart."""
        if (why := self.apart.kept.get(key.rpartition(".")[0])) is not None:
            raise Unsayable(f"it takes `{key}`, a weight of a layer that is called as well, and {why}")

    def parameter(self, value: RunValue, start: Any = None) -> TracedValue:
        """Return a parameter of the frame's module or one inside it; `start` is how it begins, where that is known."""
        if (known := self.known.get(value)) is not None:
            return known
        shape = tuple(value.tensor.shape)
        leading = len(shape) > 1 and shape[0] == 1 and start is None
        arguments = {"shape": [*shape[leading:]], **({"leading": True} if leading else {})}
        arguments |= {"init": start} if start is not None else {}
        made = Feed(self.append(ImportedEntry("Parameter", arguments, [], self.relative(value.key), True, True)))
        self.free.add(made)
        self.shapes[made] = shape[leading:]
        shapes = (shape[leading:],) * len(self.batches)
        self.known[value] = found = TracedValue(made, shapes, 0 if leading else None, leading=leading)
        return found

    def _buffer(self, value: RunValue, *, own: bool = False) -> TracedValue:
        """Return a constant: a buffer of the model, or what no call made of the values of the network. A first axis of
        1 stands where the batch would, unless it is the constant's `own`.
        """
        if len(set(value.shapes)) > 1:
            raise Unsayable("it takes a constant that follows from the batch or the size of the input")
        tensor = self.buffers.get(value.key, value.tensor)
        owned = bool(value.key) and self.frame.owns(value)
        shape = tuple(tensor.shape)
        leading = len(shape) > 1 and shape[0] == 1 and not own
        kept = owned and self.frame.persistent(value.key)
        numbers = tensor[0] if leading else tensor
        try:
            arguments = self._numbers(value.key if kept else "", numbers)
        except Unsayable:
            if not kept and not tensor.is_meta:
                with suppress(Unsayable):
                    return self._of_levels(value, numbers, leading=leading)
            arguments = self._without_a_rule(value.key if kept else "", numbers)
        arguments |= {"leading": True} if leading else {}
        arguments |= {} if kept else {"persistent": False}
        entry = self.append(
            ImportedEntry("Buffer", arguments, [], self.relative(value.key) if kept else "", kept, kept)
        )
        self.free.add(Feed(entry))
        self.shapes[Feed(entry)] = shape[leading:]
        dtype = str(tensor.dtype).removeprefix("torch.")
        batch = 0 if leading else None
        return TracedValue(Feed(entry), (shape[leading:],) * len(self.batches), batch, leading=leading, dtype=dtype)

    def _numbers(self, key: str, numbers: Tensor) -> dict[str, Any]:
        """Return the arguments of a Buffer that holds numbers, by a rule, exactly or but for rounding, or as a short
        list. Raises Unsayable.
        """
        try:
            exact = buffer_of(numbers)
        except Unsayable:
            if (found := rounded_buffer_of(numbers)) is None:
                raise
        else:
            found = rounded_buffer_of(numbers) if isinstance(exact["value"], list) else None
            if found is None:
                return exact
        self.rounded.append(Rounded(key, numbers))
        return found

    def _without_a_rule(self, key: str, numbers: Tensor) -> dict[str, Any]:
        """Return the arguments of a Buffer that lists numbers, or has as many, which the state_dict brings. Raises
        Unsayable.
        """
        if (listed := listed_buffer_of(numbers)) is not None:
            return listed
        if not key or numbers.is_meta or numbers.dtype == torch.bool:
            return buffer_of(numbers)  # which says why
        self.rounded.append(Rounded(key, numbers, missing=True))
        return {"shape": [*numbers.shape], "value": 0.0 if numbers.is_floating_point() else 0}

    def unnamed(self, arguments: Mapping[str, Any]) -> Feed:
        """Add a Buffer that is in no state_dict, one for all samples, and return it."""
        made = Feed(self.append(ImportedEntry("Buffer", {**arguments, "persistent": False})))
        self.free.add(made)
        return made

    def _of_levels(self, value: RunValue, numbers: Tensor, *, leading: bool) -> TracedValue:
        """Return a constant as a few numbers, each taken where it stands. Raises Unsayable."""
        levels, rule = levels_of(numbers)
        places, table = self.unnamed(rule), self.unnamed(buffer_of(levels))
        row = Feed(self.add("reshape", [places], {"shape": [-1]})) if numbers.dim() > 1 else places
        taken = Feed(self.add("index_select", [table, row], {"dim": 1}))
        shape = tuple(numbers.shape)
        made = Feed(self.add("reshape", [taken], {"shape": [*shape]})) if len(shape) > 1 else taken
        self.shapes[made] = shape
        shapes = (shape,) * len(self.batches)
        dtype = str(numbers.dtype).removeprefix("torch.")
        return TracedValue(made, shapes, 0 if leading else None, leading=leading, dtype=dtype)

    def relative(self, path: str) -> str:
        """Return a path below the frame's module, empty for its own."""
        if path == self.frame.path:
            return ""
        return path.removeprefix(f"{self.frame.path}.") if self.frame.path else path

    # -- what is added ------------------------------------------------------------------------------------------------

    def layout(
        self, value: RunValue, folded: Sequence[Shape] | None, like: TracedValue | None
    ) -> tuple[int | None, int]:
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
        self, value: RunValue, source: Feed, like: TracedValue | None, folded: Sequence[Shape] | None = None
    ) -> TracedValue:
        """Return what a tensor is that an entry gives."""
        if source in self.free and like is not None and like.leading and value.shapes[0][:1] == (1,):
            shapes = tuple(shape[1:] for shape in value.shapes)
            self.shapes[source] = fixed_sizes(shapes)
            return TracedValue(source, shapes, 0, leading=True)
        axis, count = self.layout(value, folded, like)
        if folded is None:
            folded = folded_sizes(like)[: len(self.batches)] if like is not None and count else [()] * len(self.batches)
        dtype = str(value.tensor.dtype).removeprefix("torch.")
        shapes = spec_shapes(value.shapes, axis, tuple(folded))
        self.shapes[source] = fixed_sizes(shapes)
        return TracedValue(source, shapes, axis, count, dtype=dtype)

    def add(
        self, op: str, inputs: Iterable[Operand], args: Mapping[str, Any] | None = None, *, ports: int = 1, **more: Any
    ) -> ImportedEntry:
        """Add an entry of a layer or function; arguments equal to its own defaults are left out. Raises Unsayable."""
        if op not in Layer.registry:
            raise Unsayable(f"the language has no `{op}`")
        layer, inputs = Layer.registry[op], [*inputs]
        alone = bool(inputs) and all(source in self.free for source in inputs if isinstance(source, Feed))
        if not (layer.merges or layer.unbatched):
            inputs = [self.stretched_out(op, x) if isinstance(x, Feed) and x in self.free else x for x in inputs]
        entry = ImportedEntry(op, stated(op, dict(args or {})), inputs, ports=ports, **more)
        if alone:
            entry.args.pop("inplace", None)  # a parameter is not written over
            made = {Feed(entry, port) for port in range(ports)}
            self.free |= made
            self.stretched |= made if self.stretched & {*inputs} else set()
        return self.append(entry)

    def stretched_out(self, op: str, source: Feed) -> Feed:
        """Return a value without a batch as one for each sample, for a layer that takes no other. Raises Unsayable."""
        if source in self.stretched:
            return source
        flowing = self.flowing()
        if flowing is None:
            raise Unsayable(f"`{op}` works on a parameter alone, where nothing flows that has a batch")
        shape = self.shapes.get(source, ())
        made = Feed(
            self.append(ImportedEntry("expand", {"size": [*shape]}, [source], references={"like": flowing.source}))
        )
        self.shapes[made] = shape
        self.stretched.add(made)
        return made

    def without_axis(self, x: TracedValue, place: int) -> TracedValue:
        """Return a value without a batch without an axis of 1."""
        entry = x.source.entry
        if entry is not None and entry.op == "unsqueeze" and entry.args["dim"] == place + 1:
            (made,) = entry.sources
        else:
            made = Feed(self.add("squeeze", [x.source], {"dim": place + 1}))
        shapes = tuple(shape[:place] + shape[place + 1 :] for shape in x.shapes)
        self.shapes[made] = shapes[0]
        return TracedValue(made, shapes, None, dtype=x.dtype)

    def flowing(self) -> TracedValue | None:
        """Return the first value that has the batch, and nothing else in it; None where nothing has."""
        known = (each for each in self.known.values() if each is not None)
        whole = (x for x in known if x.batch is not None and not x.folded and not x.leading)
        return next((x for x in whole if x.source not in self.free), None)

    def append(self, entry: ImportedEntry) -> ImportedEntry:
        """Add an entry, which knows what it takes."""
        entry.flowing = [self.shapes.get(source, ()) for source in entry.sources]
        self.made.entries.append(entry)
        return entry

    def apply(
        self,
        call: RecordedCall,
        op: str,
        inputs: Sequence[TracedValue],
        args: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> list[TracedValue]:
        """Add an entry and return what its call gave, whose batch is where it was found."""
        entry = self.add(op, [each.source for each in inputs], args, ports=len(call.outputs), **more)
        like = main(inputs)
        return [self.outcome(value, Feed(entry, port), like) for port, value in enumerate(call.outputs)]


def main(values: Iterable[TracedValue]) -> TracedValue | None:
    """Return the first of some values that has a batch; of values without one, one with an axis of 1 in its place."""
    found = [value for value in values if value.batch is not None]
    return next((value for value in found if not value.leading), found[0] if found else None)


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
