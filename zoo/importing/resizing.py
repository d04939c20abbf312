"""Calls that make maps larger or smaller: by a factor, to the size of another value, by what stands around them."""

from __future__ import annotations

from typing import Any

from speczoo.compiler.layer import FLOAT32_MAX
from speczoo.importing.axes import value_of
from speczoo.importing.binding import bound
from speczoo.importing.building import Builder
from speczoo.importing.entries import Feed
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue


def interpolate(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a map at another size: by a factor, to the size of another value of the list, or to one that is bounds."""
    x = value_of(at, call)
    if not x.plain:
        raise Unsayable("it resizes a value whose batch is not first, or holds other axes")
    arguments = _resizing(call)
    out = call.outputs[0]
    like = _as_large(at, x, out) if arguments.get("size") is not None else None
    if like is None:
        return at.apply(call, "interpolate", [x], _resized(call, x, arguments))
    arguments.pop("size")
    entry = at.add("interpolate", [x.source], arguments, references={"like": like.source})
    return [at.outcome(out, Feed(entry), x)]


def _resizing(call: RecordedCall) -> dict[str, Any]:
    fields = ["size", "scale_factor", "mode", "align_corners", "recompute_scale_factor"]
    given = {**dict(zip(fields, call.args[1:], strict=False)), **call.kwargs}
    if given.pop("antialias", False):
        raise Unsayable("`antialias` has no counterpart in the language")
    given.pop("input", None)
    return {k: v for k, v in given.items() if v is not None}


def _resized(call: RecordedCall, x: TracedValue, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments that hold at all sizes, where some do: a factor in place of a size that grows with the input."""
    grown = [tuple(s[2:]) for s in call.outputs[0].shapes]
    if arguments.get("size") is None or len(set(grown)) == 1:
        return arguments
    factors = {tuple(b / a for a, b in zip(s[1:], g, strict=True)) for s, g in zip(x.shapes, grown, strict=True)}
    if len(factors) > 1:
        return arguments
    return {k: v for k, v in arguments.items() if k != "size"} | {"scale_factor": [*factors.pop()]}


def _as_large(at: Builder, x: TracedValue, out: RunValue) -> TracedValue | None:
    """Return a value of the list that is as large as a resized map, in all runs, and not always; None without one."""
    grown = [tuple(s[2:]) for s in out.shapes]
    if len(set(grown)) == 1:
        return None
    fits = (
        known
        for known in reversed([*at.known.values()])
        if known is not None and known.plain and [s[1:] for s in known.shapes] == grown and len(known.shape) > 1
    )
    return next((known for known in fits if known.source != x.source), None)


def pad(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a padded map; nothing is added where there is nothing to pad."""
    x = value_of(at, call)
    given = bound(call, ["pad", "mode", "value"])
    sides, mode = [*given["pad"]], given.get("mode", "constant")
    if not any(sides):
        return [x]
    while len(sides) > 2 and sides[-2:] == [0, 0]:
        del sides[-2:]
    n, value = len(x.shape) - 1, max(given.get("value") or 0, -FLOAT32_MAX)
    if mode == "constant" and (n > 3 or len(sides) > 2 * n or not x.plain or n < 1):
        return at.apply(call, "pad", [x], {"pad": sides, **({"value": value} if value else {})})
    kind = {"constant": "ZeroPad", "reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}
    if not x.plain or not 1 <= n <= 3 or len(sides) > 2 * n:
        raise Unsayable("it pads other axes than the spatial ones")
    sides += [0] * (2 * n - len(sides))
    op = f"ConstantPad{n}d" if value else f"{kind[mode]}{n}d"
    return at.apply(call, op, [x], {"padding": sides, **({"value": value} if value else {})})
