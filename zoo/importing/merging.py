"""Calls that bring values together: arithmetic with its broadcasting, concatenation, stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.importing.binding import bound, split
from speczoo.importing.building import Builder, main
from speczoo.importing.entries import Feed, Operand
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.reshaping import folded_alike
from speczoo.importing.traced import TracedValue, folded_sizes


def arithmetic(at: Builder, call: RecordedCall, op: str, operands: Sequence[Any]) -> list[TracedValue]:
    """Return the sum, product and so on of values and numbers. Raises Unsayable."""
    if call.name != "addcmul":
        bound(call, [])
    both = [_operand(at, call, each) for each in operands]
    found = _beside(at, folded_alike(at, [each for each in both if isinstance(each, TracedValue)]))
    same = iter(found)
    met = [next(same) if isinstance(each, TracedValue) else each for each in both]
    widest = max((each for each in found if not each.leading), key=lambda x: len(x.shape), default=found[0])
    first = main([*(each for each in found if each.source not in at.free), *found]) or widest
    for each in met:
        if isinstance(each, TracedValue) and each.source not in at.free and _batched_otherwise(each, first):
            raise Unsayable("its values have their batch on different axes")
    shapes = {each.shapes for each in met if isinstance(each, TracedValue) and each.shape}
    most = max(len(each.shape) for each in found)
    if any(0 < len(each.shape) < most and each.source not in at.free for each in found):
        raise Unsayable("its values differ in the number of axes")
    inputs: list[Operand] = [each.source if isinstance(each, TracedValue) else each for each in met]
    entry = at.add(op, inputs, {"broadcast": True} if len(shapes) > 1 else {})
    return [at.outcome(call.outputs[0], Feed(entry), first)]


def _beside(at: Builder, found: list[TracedValue]) -> list[TracedValue]:
    """Return values of which those without a batch have no axis of 1 where the others have theirs."""
    first = main(each for each in found if each.source not in at.free)
    if first is None or not first.batch:
        return found
    place, rank = first.batch, first.rank
    return [
        at.without_axis(x, place)
        if x.source in at.free and x.batch is None and x.rank == rank and x.shape[place] == 1
        else x
        for x in found
    ]


def _operand(at: Builder, call: RecordedCall, each: Any) -> TracedValue | float:
    if isinstance(each, TracedValue):
        return each
    return at.traced(each) if isinstance(each, RunValue) else _number(call, each)


def addcmul(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a value, and the product of two others added to it."""
    if len(call.args) != 3 or call.kwargs.get("value", 1) != 1:
        raise Unsayable("its product is scaled")
    (product,) = arithmetic(at, call, "mul", call.args[1:])
    return arithmetic(at, call, "add", [call.args[0], product])


def _batched_otherwise(one: TracedValue, other: TracedValue) -> bool:
    return (one.batch, one.folded) != (other.batch, other.folded)


def _number(call: RecordedCall, given: Any) -> float:
    numbers = [[each for each in one.args if not isinstance(each, RunValue)] for one in (call, *call.twins)]
    if isinstance(given, bool) or not isinstance(given, int | float) or any(each != numbers[0] for each in numbers):
        raise Unsayable(f"it takes {given!r:.40} beside a value")
    return given


def _binary(op: str, call: RecordedCall) -> list[Any]:
    rest = [*call.args, *(call.kwargs[name] for name in ("other", "exponent") if name in call.kwargs)]
    return rest[:2]


def add_(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a sum."""
    return arithmetic(at, call, "add", _binary("add", call))


def mul_(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a product."""
    return arithmetic(at, call, "mul", _binary("mul", call))


def sub_(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a difference."""
    return arithmetic(at, call, "sub", _binary("sub", call))


def div_(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a quotient."""
    return arithmetic(at, call, "div", _binary("div", call))


def rsub(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the difference of the second and the first."""
    return arithmetic(at, call, "sub", _binary("sub", call)[::-1])


def rdiv(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the quotient of the second and the first."""
    return arithmetic(at, call, "div", _binary("div", call)[::-1])


def neg_(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the values with their signs turned."""
    return arithmetic(at, call, "mul", [call.inputs[0], -1])


def concat_(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return values one after the other; of one alone, itself.

    What begins as an earlier one does takes that: concatenation is associative.
    """
    values, first = _joined(at, call)
    dim = bound(call, ["dim"]).get("dim", 0)
    if len(values) == 1:
        return values
    made = joined(at, [each.source for each in values], first.axis(dim))
    return [at.outcome(call.outputs[0], made, first)]


def joined(at: Builder, sources: list[Feed], axis: int) -> Feed:
    """Return values one after the other along an axis, what was joined already among them."""
    begun = [entry for entry in at.made.entries if entry.op == "concat" and entry.args.get("dim", 1) == axis]
    heads = {len(done): entry for entry in begun if sources[: len(done := _spread(entry))] == done}
    if heads and (longest := max(heads)) < len(sources):
        sources = [Feed(heads[longest]), *sources[longest:]]
    return Feed(at.add("concat", sources, {"dim": axis}))


def _spread(entry: Any) -> list[Feed]:
    """Return the values that a concatenation holds, those of the one that it begins with too."""
    head = entry.inputs[0]
    inner = head.entry if isinstance(head, Feed) else None
    if inner is not None and inner.op == "concat" and inner.args.get("dim", 1) == entry.args.get("dim", 1):
        return [*_spread(inner), *entry.inputs[1:]]
    return [*entry.inputs]


def stack_(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return equal values along a new axis."""
    values, first = _joined(at, call)
    dim = bound(call, ["dim"]).get("dim", 0)
    place = dim + first.rank + 1 if dim < 0 else dim
    axis = place + 1 if first.batch is None else place + first.folded + (place <= first.batch)
    made = at.add("stack", [each.source for each in values], {"dim": axis})
    return [at.outcome(call.outputs[0], Feed(made), first, folded_sizes(first))]


def _joined(at: Builder, call: RecordedCall) -> tuple[list[TracedValue], TracedValue]:
    found = folded_alike(at, [at.traced(value) for value in split(call)[0] if value.tensor.numel()])
    first = main(each for each in found if each.source not in at.free) or found[0]
    if any(_batched_otherwise(each, first) for each in found):
        raise Unsayable("its values have their batch on different axes")
    return found, first
