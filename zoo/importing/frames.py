"""Frames as lists: every call of a frame as entries, the lists of its modules inside."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from torch import nn

from speczoo.compiler.layer import Layer
from speczoo.importing import fixed, heads, masks, owned, windowed
from speczoo.importing.apart import TakenApart, find
from speczoo.importing.building import Builder, Rounded, UnbuiltInputError, batch_axis
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Operand
from speczoo.importing.functions import handler_of, in_the_spec
from speczoo.importing.inner_lists import input_names, joined_first, prune, read_alone
from speczoo.importing.leaves import arguments_of, op_of
from speczoo.importing.leftover import add_leftover
from speczoo.importing.recording import RecordedCall, RecordedFrame, Recording, RunValue, values
from speczoo.importing.refusals import ImportRefused, NumbersUnknown, Refusal, Unsayable
from speczoo.importing.stochastic import drops
from speczoo.importing.traced import TracedValue


class ConvertedModel(NamedTuple):
    """A whole model as a list; what its modules do in training alone, which that leaves out; and the constants that it
    says but for rounding.
    """

    root: ImportedList
    left_out: list[Refusal]
    rounded: list[Rounded]


@dataclass
class Conversion:
    """One recording on its way to lists: what is used where, and what could not be written so far."""

    batches: tuple[int, ...]
    parents: dict[RecordedFrame, RecordedFrame | None]
    readers: dict[RunValue, set[RecordedFrame | None]]
    model: nn.Module  # as it came, with its numbers
    apart: TakenApart
    refusals: list[Refusal] = field(default_factory=list)
    left_out: list[Refusal] = field(default_factory=list)  # what a module does in training alone
    stateful: set[str] = field(default_factory=set)  # the paths of modules of which more than the first result is read
    taken: dict[str, set[int]] = field(default_factory=dict)  # which of each module's results are read
    rounded: list[Rounded] = field(default_factory=list)

    def outside(self, frame: RecordedFrame, value: RunValue) -> bool:
        """Return whether anything outside of a frame reads a value."""
        return any(reader is None or not self._within(reader, frame) for reader in self.readers.get(value, ()))

    def _within(self, frame: RecordedFrame | None, outer: RecordedFrame) -> bool:
        while frame is not None and frame is not outer:
            frame = self.parents[frame]
        return frame is outer


def converted(
    recording: Recording,
    batches: tuple[int, ...],
    dtypes: Mapping[str, str],
    model: nn.Module,
    training_only: Collection[RunValue] = (),
) -> ConvertedModel:
    """Return a whole model as a list; `training_only` are results that evaluation does not give.

    Raises ImportRefused with everything that cannot be written.
    """
    root = recording.root
    layers = {call.path for _, call in root.walk() if call.frame is None and call.module is not None}
    apart = find(root, layers, owned.LEARNED, owned.FUNCTIONS)
    conversion = Conversion(batches, {root: None}, {}, model, apart)
    for frame, call in root.walk():
        if call.frame is not None:
            conversion.parents[call.frame] = frame
            reads: Iterable[RunValue] = call.frame.read
        else:
            reads = values(call.args, call.kwargs)
        for value in reads:
            conversion.readers.setdefault(value, set()).add(frame)
    for value in root.results:
        conversion.readers.setdefault(value, set()).add(None)
    for _, call in root.walk():
        if any(conversion.readers.get(value) for value in call.outputs[1:]):
            conversion.stateful.add(call.path)
        if (inner := call.frame) is not None:
            read = {at for at, value in enumerate(inner.results) if conversion.outside(inner, value)}
            conversion.taken.setdefault(inner.path, set()).update(read)
    given = {}
    for port, (value, name) in enumerate(zip(root.arguments, recording.shapes, strict=True)):
        shapes = tuple(shape[1:] for shape in value.shapes)
        given[value] = TracedValue(Feed(None, port), shapes, dtype=dtypes[name])
    builder, outputs = _list_of(conversion, root, given)
    builder.made.inputs = [*recording.shapes]
    builder.made.outputs = [_for_each(builder, value, out) for value, out in outputs]
    builder.made.output_names = [recording.names.get(value, "") for value, _ in outputs]
    builder.made.training_only = [value in training_only for value, _ in outputs]
    for value in root.results:
        if builder.known.get(value) is None and not conversion.refusals:
            conversion.refusals.append(Refusal("", "what comes out", _not_given(root, value)))
    conversion.refusals += [
        Refusal("", "what comes out", why) for _, out in outputs if (why := _not_first(out)) and not conversion.refusals
    ]
    if not root.results:
        conversion.refusals.append(Refusal("", "its forward", "no tensor comes out"))
    if conversion.refusals:
        raise ImportRefused(type(root.module).__name__.lower(), conversion.refusals)
    if not builder.made.entries:
        builder.made.outputs = [Feed(builder.add("Identity", builder.made.outputs))]
    prune(builder.made)
    add_leftover(builder.made, model)
    return ConvertedModel(builder.made, conversion.left_out, conversion.rounded)


def _for_each(at: Builder, value: RunValue, out: TracedValue) -> Feed:
    """Return what comes out of a network, once for each sample where the model gives it so."""
    alone = out.source in at.free and batch_axis(value.shapes, at.batches) == 0
    return at.stretched_out("output", out.source) if alone else out.source


def _not_given(root: RecordedFrame, value: RunValue) -> str:
    """Return why nothing gives a value that comes out of a network."""
    maker = next((call for _, call in root.walk() if call.frame is None and value in call.outputs), None)
    return f"the layer `{maker.name}` does not give it" if maker and maker.module else "no call made it"


def _not_first(out: TracedValue) -> str:
    """Return why what comes out of a network cannot: its batch is not first, or holds axes of the value."""
    if out.folded:
        return "its batch holds other axes, at this size of the input or another"
    return "its batch is not the first axis, as a spec has it" if out.batch else ""


def _list_of(
    conversion: Conversion,
    frame: RecordedFrame,
    given: Mapping[RunValue, TracedValue],
    alone: Collection[Feed] = (),
    stretched: Collection[Feed] = (),
) -> tuple[Builder, list[tuple[RunValue, TracedValue]]]:
    """Return the builder of a frame's list, and what flows out of it: the values that others read; `alone` are those of
    its inputs that have no batch, `stretched` those of them that are one for each sample all the same.
    """
    kind = type(frame.module).__name__
    buffers = dict(conversion.model.named_buffers(remove_duplicate=False))
    at = Builder(frame, kind, conversion.batches, buffers, conversion.rounded, conversion.apart)
    at.known.update(given)
    at.free.update(alone)
    at.stretched.update(stretched)
    at.shapes.update((found.source, found.fixed) for found in given.values())
    at.made.sequential = type(frame.module) is nn.Sequential
    for call in frame.calls:
        try:
            made = _entries(conversion, at, call)
        except UnbuiltInputError:
            made = dict.fromkeys(call.outputs)
            conversion.refusals += _unknown(call.frame, conversion.batches) if call.frame else []
        except Unsayable as error:
            made = dict.fromkeys(call.outputs)
            if not _asks_of_constants(conversion, at, call):
                unknown = isinstance(error, NumbersUnknown)
                conversion.refusals.append(Refusal(frame.path, f"`{call.name}`", str(error), call.place, unknown))
        at.known.update(made)
    wanted = [*frame.results, *(v for v in at.known if v not in given and (v.parameter or not v.key))]
    taken = {value for at, value in enumerate(frame.results) if at in conversion.taken.get(frame.path, ())}
    outputs = [
        (value, found)
        for value in dict.fromkeys(wanted)
        if (conversion.outside(frame, value) or value in taken) and (found := at.known.get(value)) is not None
    ]
    at.made.outputs = [found.source for _, found in outputs]
    return at, outputs


def _asks_of_constants(conversion: Conversion, at: Builder, call: RecordedCall) -> bool:
    """Return whether a call asks something of constants that only the model's control flow reads: the same always."""
    read = any(conversion.readers.get(value) for value in call.outputs)
    found = [at.known.get(value) for value in call.inputs]
    return not read and all(x is not None and x.source in at.free for x in found)


def _unknown(frame: RecordedFrame, batches: tuple[int, ...]) -> Iterator[Refusal]:
    """Yield the functions that the language has not of a frame whose values are lost: they are reported, too."""
    for inner, call in frame.walk():
        flows = any(batch_axis(value.shapes, batches) is not None for value in call.outputs)
        if call.module is None and flows and call.name not in (*fixed.RANDOM, *fixed.UNSET):
            try:
                handler_of(call.name)
            except Unsayable as error:
                yield Refusal(inner.path, f"`{call.name}`", str(error), call.place)


def _entries(conversion: Conversion, at: Builder, call: RecordedCall) -> dict[RunValue, TracedValue | None]:
    """Add the entries of one call, and return what its tensors are."""
    if call.frame is not None:
        return _inside(conversion, at, call)
    if call.module is not None:
        return dict(zip(call.outputs, _leaf(conversion, at, call), strict=False))
    if call.outputs and not any(value.tensor.numel() for value in call.outputs):
        return {}  # nothing, beside which other values are joined
    if fixed.is_constant(at, call):
        at.constant.update(call.outputs)
        return {}
    if call.name in fixed.RANDOM:
        how = "draw outside and let that flow in, or draw `if self.training` alone"
        raise Unsayable(f"it draws at random in evaluation, too, which no spec does: {how}")
    try:
        handler = handler_of(call.name)
    except Unsayable:
        if not fixed.is_of_buffers(at, call):
            raise
        at.constant.update(call.outputs)  # a rule for what comes out may be found
        return {}
    return dict(zip(call.outputs, handler(at, call), strict=True))


def _leaf(conversion: Conversion, at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return what a module of torch's gives."""
    assert call.module is not None
    op = op_of(call.module)
    assert op is not None
    attends = op in masks.MODULES
    if op == "MultiheadAttention" and (read := _in_functions(conversion, at, call)) is not None:
        return heads.attention(at, call, conversion.apart.weights(call), read=read)
    inputs, stated, references = (
        masks.attending(at, call, op)
        if attends
        else ([at.traced(value) for value in values(call.args, call.kwargs)], {}, {})
    )
    if op in FEATURE_DROPOUTS and len(inputs[0].shape) == 1:
        op = "Dropout"  # of vectors each number is a channel
    if call.path in conversion.apart.starts:
        return owned.apart(at, call, op, inputs[0], conversion.apart.weights(call))
    layer = Layer.registry[op]
    arguments = arguments_of(call.module, op) | stated
    outputs = call.outputs
    if attends:
        outputs = outputs[:1]
    elif op in RECURRENT:
        inputs = inputs if any(each.source not in at.zeros for each in inputs[1:]) else inputs[:1]
        arguments, outputs = _recurrent(conversion, call, inputs, arguments)
    elif op == "BatchNorm1d" and inputs[0].batch == 0 and inputs[0].folded == 1 and len(inputs[0].shape) == 2:
        return [_norm_of_tokens(at, call, inputs[0], arguments)]
    elif layer.ranks and not all(each.plain for each in inputs):
        return windowed.layer(at, call, op, inputs[0], arguments)
    if inputs and layer.axes:
        arguments = in_the_spec(layer, inputs[0], arguments)
    name = at.relative(call.path)
    first = at.modules.get(call.path)
    if first is not None:
        sources: list[Operand] = [each.source for each in inputs]
        entry = ImportedEntry("", {}, sources, share=first, module=True, references=references, ports=len(outputs))
        at.append(entry)
        return [at.outcome(value, Feed(entry, i), inputs[0]) for i, value in enumerate(outputs)]
    made = at.apply(
        replace(call, outputs=outputs),
        op,
        inputs,
        arguments,
        name=name,
        named=bool(call.module.state_dict()),
        module=True,
        references=references,
    )
    at.modules[call.path] = at.made.entries[-1]
    return made


def _in_functions(conversion: Conversion, at: Builder, call: RecordedCall) -> bool | None:
    """Return whether anything reads who looked at whom in an attention, where that, or axes in its batch, make it one
    in functions; None where the layer has all of it.
    """
    read = any(conversion.readers.get(value) for value in call.outputs[1:])
    folded = any(at.traced(value).folded for value in values(call.args[:3]))
    return read if read or folded else None


RECURRENT = ("RNN", "GRU", "LSTM")
FEATURE_DROPOUTS = ("Dropout1d", "Dropout2d", "Dropout3d")


def _recurrent(
    conversion: Conversion, call: RecordedCall, inputs: list[TracedValue], arguments: dict[str, Any]
) -> tuple[dict[str, Any], list[RunValue]]:
    """Return the arguments of a recurrent layer, and what of its results is one of the spec's: the states after the
    last token where anything reads them. Raises Unsayable.
    """
    module: Any = call.module
    if inputs[0].batch != (0 if module.batch_first else 1) or any(each.folded for each in inputs):
        raise Unsayable(f"`{type(module).__name__}` takes a batch of tokens x features, and other axes are in it here")
    if call.path not in conversion.stateful:
        return arguments, call.outputs[:1]
    return arguments | {"return_state": True}, call.outputs


def _norm_of_tokens(at: Builder, call: RecordedCall, x: TracedValue, arguments: dict[str, Any]) -> TracedValue:
    """Return the batch norm of tokens that stand in the batch axis: as one over channels x tokens."""
    turn = {"dim0": 1, "dim1": 2}
    name: dict[str, Any] = {"name": at.relative(call.path), "named": True, "module": True}
    turned = Feed(at.add("transpose", [x.source], turn))
    at.shapes[turned] = x.fixed[::-1]
    normed = Feed(at.add("BatchNorm1d", [turned], arguments, **name))
    return at.outcome(call.outputs[0], Feed(at.add("transpose", [normed], turn)), x)


def _inside(conversion: Conversion, at: Builder, call: RecordedCall) -> dict[RunValue, TracedValue | None]:
    """Add the entry of a module with an inside, whose list is made first."""
    frame = call.frame
    assert frame is not None
    reads = [value for value in frame.read if not _is_unsayable(at, value)] or _beside(at, frame)
    flowing = [at.traced(value) for value in reads]
    given = {value: replace(x, source=Feed(None, i)) for i, (value, x) in enumerate(zip(reads, flowing, strict=True))}
    alone = {given[value].source for value, x in zip(reads, flowing, strict=True) if x.source in at.free}
    stretched = {given[value].source for value, x in zip(reads, flowing, strict=True) if x.source in at.stretched}
    inner, outputs = _list_of(conversion, frame, given, alone, stretched)
    made = inner.made
    at.constant |= inner.constant & {*frame.results}
    wanted = [v for v in frame.results if v not in inner.constant and conversion.outside(frame, v)]
    lost: dict[RunValue, TracedValue | None] = {value: None for value in wanted if inner.known.get(value) is None}
    if lost:
        return lost | {value: None for value, _ in outputs}
    made.inputs = input_names(call, reads)
    made.channels = [x.fixed for x in flowing]
    taken = [x.source for x in flowing]
    if len(reads) > 1 and (joined := joined_first(at, made, taken)) is not None:
        taken, made.inputs, made.channels = [joined], ["input"], [at.shapes.get(joined, ())]
    if not made.entries and len(reads) == 1 and (dropped := _in_training(conversion, at, call, flowing[0])) is not None:
        return {**dict.fromkeys(frame.results, dropped), **{value: dropped for value, _ in outputs}}
    if not made.entries or (not outputs and inner.constant):
        return {value: replace(found, source=flowing[found.source.port].source) for value, found in outputs}
    prune(made)
    passed = {v: replace(x, source=flowing[x.source.port].source) for v, x in outputs if x.source.entry is None}
    outputs = [(value, x) for value, x in outputs if value not in passed]
    made.outputs = [x.source for _, x in outputs]
    taken = read_alone(made, taken)
    first = at.modules.get(call.path)
    entry = ImportedEntry(made.kind, {}, [*taken], at.relative(call.path), module=True, body=made)
    entry.ports = max(1, len(outputs))
    entry.named = bool(frame.module.state_dict())
    if first is not None:
        if (len(first.inputs), first.ports) != (len(taken), entry.ports):
            raise Unsayable(
                f"it is called again and takes {len(taken)} values for {len(first.inputs)}, or gives others"
            )
        entry = ImportedEntry("", {}, [*taken], share=first, module=True, ports=entry.ports)
    at.modules.setdefault(call.path, entry)
    at.append(entry)
    flows: dict[RunValue, TracedValue | None] = {}
    for port, (value, x) in enumerate(outputs):
        flows[value] = replace(x, source=Feed(entry, port))
        at.shapes[Feed(entry, port)] = x.fixed
        if x.source in inner.free:
            at.free.add(Feed(entry, port))
        if x.source in inner.stretched:
            at.stretched.add(Feed(entry, port))
    return flows | passed


def _is_unsayable(at: Builder, value: RunValue) -> bool:
    """Return whether a value is a constant that nothing says: an inner list may have no use for it, as of a mask that
    says who looks back alone.
    """
    if value in at.known or value.parameter or value.key:
        return False
    return len(set(value.shapes)) > 1 and batch_axis(value.shapes, at.batches) is None


def _beside(at: Builder, frame: RecordedFrame) -> list[RunValue]:
    """Return a value that flows beside a module which takes none, and gives something for each sample all the same."""
    given = any(batch_axis(value.shapes, at.batches) is not None for value in frame.results)
    like = at.flowing() if given else None
    return [value for value, x in at.known.items() if x is not None and x is like][:1]


def _in_training(conversion: Conversion, at: Builder, call: RecordedCall, x: TracedValue) -> TracedValue | None:
    """Return what a module gives that does nothing in evaluation, and in training drops whole branches; None where it
    does nothing there either, or what nothing says, which is noted.
    """
    module = conversion.model.get_submodule(call.path)
    dropped = drops(module, tuple(call.inputs[0].tensor.shape[1:])) if call.inputs else {}
    if dropped is None or (dropped and not x.plain):
        why = "what it does in training alone is left out"
        conversion.left_out.append(Refusal(call.path, f"`{type(module).__name__}`", why, call.place))
    if not dropped or not x.plain:
        return None
    name = at.relative(call.path)
    source = Feed(at.add("StochasticDepth", [x.source], dropped, name=name, module=True))
    at.shapes[source] = x.fixed
    return replace(x, source=source)
