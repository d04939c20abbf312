"""The sizes that a network takes, as sentences and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.compiler.analysis.formula import formula, function, grouped, members, region_in_words
from speczoo.compiler.analysis.losses import Loss, losses
from speczoo.compiler.analysis.region import Region
from speczoo.compiler.analysis.rule import AxisSize, Bound, Map, SizeRule
from speczoo.compiler.analysis.size_set import NoShortRule, SizeSet
from speczoo.compiler.analysis.sizes import Sizes
from speczoo.compiler.analysis.staircase import IDENTITY
from speczoo.compiler.analysis.symbolic import is_size
from speczoo.compiler.layer import Shape
from speczoo.specs.wording import enumerated

#: Up to which size every one is tried where no short rule exists, and how many layers are asked for that.
TRIED, ASKED = 256, 20_000
#: Lines on losses, above which they are counted.
LISTED = 8


def lines(sizes: Sizes) -> list[tuple[str, str]]:
    """Return what there is to say about the sizes of a network, each with the word that stands before it."""
    if not sizes.axes:
        return [("accepts", "its declared input alone: no axis of it is free")]
    rule = sizes.rule
    if rule is None:
        return [("accepts", _tried(sizes))]
    names = symbol_names(sizes, rule)
    found = [("accepts", accepted(sizes) or f"no short words; {_tried(sizes)}")]
    found += [("output", text) for text in _outputs(sizes, rule, names)]
    if (last := _last_map(rule)) is not None:
        found.append(("last map", f"{_shape(last.outputs[0].shape, rule.region, names)}, of {last.path}"))
    word = "pinned by" if None not in rule.region.greatest else "set by"
    found += [(word, text) for text in _bounds(rule, names)]
    found += [("drops", text) for text in _drops(rule, names)]
    return found


def accepted(sizes: Sizes) -> str | None:
    """Return which sizes a network takes in words, `height and width: multiples of 16`; None where there are none."""
    rule = sizes.rule
    if rule is None:
        return None
    declared = rule.symbols([axis.declared for axis in sizes.axes])
    text = region_in_words(rule.region, symbol_names(sizes, rule), declared or ())
    return text and "; ".join([text, *_dependent(sizes, rule)])


def symbol_names(sizes: Sizes, rule: SizeRule) -> list[str]:
    """Return what the symbols of a rule are called: as the first axis that each stands for."""
    names: dict[int, str] = {}
    for axis, (symbol, f) in zip(sizes.axes, rule.places, strict=True):
        if f == IDENTITY:
            names.setdefault(symbol, axis.name)
    return [names[symbol] for symbol in range(len(names))]


def _dependent(sizes: Sizes, rule: SizeRule) -> list[str]:
    """Return which axes follow from others, `right height = 2 left height`."""
    names = symbol_names(sizes, rule)
    placed = zip(sizes.axes, rule.places, strict=True)
    return [f"{axis.name} = {_place(place, rule, names)}" for axis, place in placed if axis.name not in names]


def _place(place: AxisSize, rule: SizeRule, names: Sequence[str]) -> str:
    symbol, f = place
    return function(f, rule.region.on(symbol), names[symbol]) or "no short formula"


def _outputs(sizes: Sizes, rule: SizeRule, names: Sequence[str]) -> list[str]:
    ports = sizes.graph.root.outputs
    found = []
    for port, value in zip(ports, rule.outputs, strict=True):
        text = _shape(value.shape, rule.region, names)
        if not any(is_size(n) for n in value.shape):
            text += ", whatever the size"
        found.append(f"{port.name}: {text}" if len(ports) > 1 else text)
    return found


def _shape(shape: Shape, region: Region, names: Sequence[str]) -> str:
    sizes = [formula(n, region, names) or "no short formula" for n in shape]
    return " x ".join(map(grouped, sizes)) or "a number"


def _last_map(rule: SizeRule) -> Map | None:
    """Return the last map whose size follows the input's, where the output's does not."""
    if any(is_size(n) for value in rule.outputs for n in value.shape):
        return None
    maps = (m for m in reversed(rule.maps) if len(m.outputs[0].shape) > 1)
    return next((m for m in maps if any(is_size(n) for n in m.outputs[0].shape)), None)


def _bounds(rule: SizeRule, names: Sequence[str]) -> list[str]:
    needs = [(bound.path, needed(bound, names)) for bound in rule.needed]
    ties = list(rule.ties)
    if len(needs) == 1 or not all(text for _, text in needs):
        return [*ties, enumerated([path for path, _ in needs])] if needs else ties
    return [*ties, *(f"{path} ({text})" for path, text in needs)]


def needed(bound: Bound, names: Sequence[str]) -> str | None:
    """Return which sizes a layer leaves, by itself, in words; None where there are no short ones."""
    try:
        return region_in_words(Region.everything(len(names)) - bound.refuses, names)
    except NoShortRule:
        return None


def _drops(rule: SizeRule, names: Sequence[str]) -> list[str]:
    found = list(losses(rule))
    groups: dict[tuple[Any, ...], list[Loss]] = {}
    for loss in found:
        groups.setdefault((loss.path, loss.most, loss.stride, loss.remainders, loss.sizes), []).append(loss)
    texts = [loss_in_words(group, rule, names) for group in groups.values()]
    if len(texts) > LISTED:
        texts = [*texts[: LISTED - 1], f"so do {len(texts) - LISTED + 1} more layers"]
    whole = _spared(rule, found)
    if texts and whole is not None and (text := region_in_words(whole, names)) is not None:
        texts.append(f"nothing at {text}" if whole else "something at every size")
    return texts


def _spared(rule: SizeRule, found: Sequence[Loss]) -> Region | None:
    """Return the sizes at which no layer loses anything; None where they follow no short rule."""
    rest, everything = rule.region, Region.everything(len(rule.region.boxes[0]))
    try:
        for loss in found:
            rest = rest - everything.within(loss.symbol, loss.sizes)
    except NoShortRule:
        return None
    return rest


def loss_in_words(group: Sequence[Loss], rule: SizeRule, names: Sequence[str]) -> str:
    """Return `pool1: its last row when its input is odd (height: n mod 4 in 2 to 3)`, for some axes."""
    first = group[0]
    kinds = [_LINES.get(loss.axis, ("place", "places"))[first.most > 1] for loss in group]
    what = f"{'its last' if first.most == 1 else f'up to {first.most} of its last'} {enumerated(kinds)}"
    axes = enumerated(list(dict.fromkeys(names[loss.symbol] for loss in group)))
    where = members(first.sizes.among(rule.region.on(first.symbol)))
    return f"{first.path}: {what} when its input is {_remainders(first)}" + (f" ({axes}: {where})" if where else "")


#: What the places of an axis are called, one and several.
_LINES = {"height": ("row", "rows"), "width": ("column", "columns"), "depth": ("slice", "slices")}


def _remainders(loss: Loss) -> str:
    """Return which sizes of its input make a layer lose something."""
    if loss.stride == 2:
        return "odd" if loss.remainders == (1,) else "even"
    if len(loss.remainders) == loss.stride - 1 and 0 not in loss.remainders:
        return f"no multiple of {loss.stride}"
    more = members(SizeSet.of(sum(1 << r for r in loss.remainders if r), loss.stride, 1, 0))
    words = [*(["a multiple"] if 0 in loss.remainders else []), *([f"{more} more than a multiple"] if more else [])]
    return f"{' or '.join(words)} of {loss.stride}"


def _tried(sizes: Sizes) -> str:
    """Return which sizes are accepted where no rule says so: all that are tried, of a square where there are axes."""
    count, most = len(sizes.axes), max(1, min(TRIED, ASKED // sizes.graph.root.leaves))
    bits = sum(1 << n for n in range(1, most + 1) if sizes.refusal(*(n,) * count) is None)
    text = members(SizeSet.of(bits, most + 1, 1, 0)) if bits else "none"
    equal = "" if count == 1 else " on all axes alike"
    return f"no short rule; every size from 1 to {most}{equal} was checked: {text or 'some'}"


def to_json(sizes: Sizes) -> dict[str, Any]:
    """Return the stable JSON of `zoo sizes --json`."""
    graph, rule = sizes.graph, sizes.rule
    axes = [axis._asdict() for axis in sizes.axes]
    data: dict[str, Any] = {
        "name": graph.name,
        "inputs": graph.inputs,
        "axes": axes,
        "accepts": accepted(sizes) if axes else None,
        "short_rule": rule is not None,
    }
    if rule is None:
        return data
    names = symbol_names(sizes, rule)
    for axis, place in zip(axes, rule.places, strict=True):
        axis["is"] = _place(place, rule, names)
    data["region"] = [{name: _set(own) for name, own in zip(names, box, strict=True)} for box in rule.region.boxes]
    data["outputs"] = {
        port.name: [formula(n, rule.region, names) if is_size(n) else n for n in value.shape]
        for port, value in zip(graph.root.outputs, rule.outputs, strict=True)
    }
    data["ties"] = list(rule.ties)
    data["set_by"] = [{"layer": b.path, "op": b.op, "takes": needed(b, names)} for b in rule.needed]
    data["drops"] = [
        {
            "layer": loss.path, "op": loss.op, "axis": loss.axis, "most": loss.most, "input_axis": names[loss.symbol],
            "when": _set(loss.sizes),
        }
        for loss in losses(rule)
    ]  # fmt: skip
    return data


def _set(sizes: SizeSet) -> dict[str, Any]:
    """Return a set as data: its members below `start`, and the remainders by `period` of those from there on."""
    return {
        "members": [n for n in range(1, sizes.start) if n in sizes],
        "start": sizes.start,
        "period": sizes.period,
        "remainders": [r for r in range(sizes.period) if sizes.cycle >> r & 1],
    }
