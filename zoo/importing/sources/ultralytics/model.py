"""A model of Ultralytics as a spec: its rows are entries, its scales are variants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.sources.entries import identifier, is_default
from speczoo.importing.sources.given import GivenArguments, is_number
from speczoo.importing.sources.translation import Translation
from speczoo.importing.sources.ultralytics.modules import (
    HEADS,
    MODULES,
    SLIM,
    RowModule,
    blocks,
    defaults,
    has_default,
)
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.wording import printable, printed

MOST_ROWS = 1_000
MOST_SCALES = 32
#: Keys that say nothing of the network that is computed.
_KNOWN = frozenset(
    {"nc", "scales", "scale", "depth_multiple", "width_multiple", "backbone", "head", "activation", "ch", "channels"}
)
_IGNORED = frozenset({"yaml_file", "path", "names", "task", "model", "anchors"})
_ACTIVATION = re.compile(r"(?:torch\.)?nn\.(SiLU|ReLU|ReLU6|Hardswish|Mish|GELU|ELU|SELU|Identity|LeakyReLU)\(\)")


@dataclass
class Scales:
    """How deep and how wide the network is: `names` with depth, width and most channels each; one without a name where
    the file has no scales.
    """

    names: tuple[str, ...]
    factors: tuple[tuple[float, float, int | None], ...]

    @property
    def plain(self) -> bool:
        """Whether everything is as the rows have it."""
        return self.names == ("",) and self.factors[0][:2] == (1.0, 1.0)

    def number(self, n: int) -> tuple[int, ...]:
        """Return how often a row repeats, at each scale."""
        return tuple(max(round(n * depth), 1) if n > 1 else n for depth, _, _ in self.factors)


@dataclass
class RowReader:
    """Rows becoming entries. `params` are the parameters that they read."""

    data: dict[str, Any]
    scales: Scales
    problems: list[Problem]
    entries: list[dict[str, Any]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of what each row gives
    ops: set[str] = field(default_factory=set)
    params: dict[str, Any] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, Loc] = field(default_factory=dict)
    slim: bool = False
    depth: set[int] = field(default_factory=set)
    width: set[int] = field(default_factory=set)

    # -- rows ---------------------------------------------------------------------------------------------------

    def row(self, row: Any, loc: Loc) -> None:
        """Add the entry of a row. Raises ProblemError."""
        index = len(self.names)
        self.names.append(f"model.{index}")
        self.places[f"model.{index}"] = loc
        if not (isinstance(row, list) and len(row) == 4 and isinstance(row[2], str) and isinstance(row[3], list)):
            raise ProblemError(Problem("bad-value", "a row is `[from, number, module, args]`", loc))
        sources, number, name, arguments = row
        module = MODULES.get(name)
        if module is None:
            help = (f"known are {', '.join(MODULES)}",)
            message = f"the module `{printable(name)}` has no counterpart here"
            raise ProblemError(Problem("unknown-op", message, (*loc, 2), help=help))
        if type(number) is not int or not 1 <= number <= MOST_ROWS:
            raise ProblemError(Problem("bad-value", f"`{printed(number)}` is no number of repeats", (*loc, 1)))
        self.slim |= name in SLIM
        given = self._given(name, module, arguments, loc)
        entry: dict[str, Any] = {"op": module.op, **self._from(sources, index, module, (*loc, 0))}
        entry |= self._arguments(module, given)
        entry |= self._repeated(module, number, (*loc, 1)) if module.repeats else {}
        if name in HEADS:
            entry |= self._head(entry, index)
        entry = {key: value for key, value in entry.items() if not _is_default(module.op, key, value)}
        self._add(index, module, entry, number, loc)

    def _add(self, index: int, module: RowModule, entry: dict[str, Any], number: int, loc: Loc) -> None:
        self.ops.add(module.op)
        times = self.scales.number(number)
        if module.repeats or number == 1:
            if module.op == "concat":
                self.names[index] = f"concat{index}"
            self.entries.append({"id": self.names[index], **entry})
            return
        if len(set(times)) > 1:
            message = "how often this repeats differs from scale to scale, and so would its names"
            raise ProblemError(Problem("bad-value", message, (*loc, 1)))
        source = {"from": entry.pop("from")} if "from" in entry else {}
        inside = {"for": {"i": f"1..{times[0]}"}, **entry} if times[0] > 1 else entry
        group = {"layers": [inside]} if times[0] > 1 else inside
        self.entries.append({"id": self.names[index], **source, **group})

    def _from(self, sources: Any, index: int, module: RowModule, loc: Loc) -> dict[str, Any]:
        several = isinstance(sources, list)
        found = [self._source(each, index, loc) for each in (sources if several else [sources])]
        if not found or (len(found) > 1 and module.op not in ("concat", *HEADS)):
            raise ProblemError(Problem("bad-value", f"`{module.op}` takes one value", loc))
        if len(found) > 1 or module.op in HEADS or module.op == "concat":
            return {"from": found}
        return {} if found[0] == (self.names[index - 1] if index else "input") else {"from": found[0]}

    def _source(self, source: Any, index: int, loc: Loc) -> str:
        if type(source) is not int or not -index - 1 <= source < index or (source == -index - 1 and index > 0):
            message = f"`{printed(source)}` is no row before this one"
            raise ProblemError(Problem("unknown-reference", message, loc))
        if source < 0:
            source += index
        return self.names[source] if source >= 0 else "input"

    # -- arguments ----------------------------------------------------------------------------------------------

    def _given(self, name: str, module: RowModule, arguments: Sequence[Any], loc: Loc) -> GivenArguments:
        names = (("out_channels",) if module.scaled else ()) + module.arguments
        if len(arguments) > len(names):
            message = f"{name} has {len(names)} arguments at most here, and {len(arguments)} are given"
            raise ProblemError(Problem("unknown-argument", message, (*loc, 3, len(names))))
        read = {key: self._value(value) for key, value in zip(names, arguments, strict=False)}
        return GivenArguments(name, read, (*loc, 3), {key: (*loc, 3, i) for i, key in enumerate(names)})

    def _value(self, value: Any) -> Any:
        """Return an argument as the file means it: `None`, and names of the file's own numbers."""
        if value == "None":
            return None
        if value in ("nc", "reg_max") and isinstance(value, str):
            return "$num_classes" if value == "nc" else 16
        return value

    def _arguments(self, module: RowModule, given: GivenArguments) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if module.scaled:
            out["out_channels"] = self._channels(given.whole("out_channels"))
        for name in module.arguments:
            value = given.raw(name)
            switch = (module.switches or {}).get(name)
            if value is None:
                continue
            if switch is not None:
                if not isinstance(value, bool) or value not in switch:
                    raise given.refusal(name, f"`{name}: {printed(value)}` has no counterpart here")
                out |= {} if switch[value] is None else {name: switch[value]}
            elif name == "protos":
                out[name] = self._channels(given.whole(name))
            elif value == "$num_classes" or _plain(value):
                out[name] = value
            else:
                raise given.refusal(name, f"`{name}: {printed(value)}` has no counterpart here")
        if module.op == "C3k2" and any(name in ("m", "l", "x") for name in self.scales.names):
            out["c3k"] = self._larger(out.get("c3k", False))
        return out

    def _larger(self, c3k: Any) -> Any:
        """Return whether the parts of a C3k2 are C3k: at the larger scales all of them are."""
        if c3k is True:
            return True
        self.params["c3k"] = False
        return "$c3k"

    def _channels(self, channels: int) -> Any:
        """Return channels as the width scales them."""
        if self.scales.plain:
            return channels
        self.width.add(channels)
        return f"$c{channels}"

    def _repeated(self, module: RowModule, number: int, loc: Loc) -> dict[str, Any]:
        times = self.scales.number(number)
        if self.scales.names == ("",):
            return {"n": times[0]} if times[0] > 1 else {}
        if number == 1:
            return {}
        self.depth.add(number)
        return {"n": f"$n{number}"}

    def _head(self, entry: dict[str, Any], index: int) -> dict[str, Any]:
        names = ["boxes", "scores", "distances", *(["mask_coefficient", "proto"] if entry["op"] == "Segment" else [])]
        self.outputs = [{"id": name, "from": f"model.{index}.{name}"} for name in names]
        if self.slim:
            self.ops.add("SlimTower")
        return {"levels": len(entry["from"]), **({"tower": "SlimTower"} if self.slim else {})}


def _is_default(op: str, key: str, value: Any) -> bool:
    """Return whether an argument need not be written: it is what the op or block has anyway."""
    return is_default(op, key, value) if op in Layer.registry else has_default(op, key, value)


def _plain(value: Any) -> bool:
    """Return whether a spec says the value as it stands: a number, a truth, a way to resize, or numbers in lists."""
    return isinstance(value, bool) or is_number(value) or value in ("nearest", "bilinear") or _numbers(value)


def _numbers(value: Any) -> bool:
    """Return whether this is a list of numbers, perhaps in lists."""
    return isinstance(value, list) and 0 < len(value) <= 8 and all(is_number(v) or _numbers(v) for v in value)


# -- the whole --------------------------------------------------------------------------------------------------------


def read(data: dict[str, Any], input: Any, problems: list[Problem], file: str = "") -> Translation | None:
    """Return the spec of a model's YAML; what is wrong, or has no counterpart, is added to `problems`.

    `input` are sizes that stand in place of 3 x 640 x 640, or 3 x 224 x 224 where classes are all that comes out.
    """
    try:
        scales = _scales(data)
        act = _activation(data)
        classes = GivenArguments("the file", data, ()).whole("nc", 80)
    except ProblemError as error:
        problems.append(error.problem)
        return None
    problems += [
        Problem("unknown-key", f"`{printable(key)}` is not known here", (key,), key=True)
        for key in data
        if key not in _KNOWN | _IGNORED and data[key] not in (None, False)
    ]
    reader = RowReader(data, scales, problems)
    rows = [(row, (key, i)) for key in ("backbone", "head") for i, row in enumerate(data[key])]
    if len(rows) > MOST_ROWS:
        problems.append(Problem("limit-exceeded", f"more than {MOST_ROWS:,} rows", ("head",)))
        return None
    for row, loc in rows:
        try:
            reader.row(row, loc)
        except ProblemError as error:
            problems.append(error.problem)
    if problems:
        return None
    return Translation(_spec(reader, classes, input, act, file), reader.places, "a model of Ultralytics")


def _scales(data: dict[str, Any]) -> Scales:
    given = GivenArguments("the file", data, ())
    scales = data.get("scales")
    if scales is None:
        depth, width = given.number("depth_multiple", 1.0), given.number("width_multiple", 1.0)
        return Scales(("",), ((_factor(depth, ("depth_multiple",)), _factor(width, ("width_multiple",)), None),))
    if not isinstance(scales, dict) or not 0 < len(scales) <= MOST_SCALES:
        raise given.refusal("scales", "`scales` is a mapping of names to `[depth, width, most channels]`")
    factors = []
    for name, row in scales.items():
        loc = ("scales", name)
        if not (re.fullmatch("[A-Za-z0-9]{1,20}", name) and isinstance(row, list) and len(row) == 3):
            raise ProblemError(Problem("bad-value", "a scale is `[depth, width, most channels]`", loc))
        if type(row[2]) is not int or not 1 <= row[2] < 2**20:
            raise ProblemError(Problem("bad-value", f"`{printed(row[2])}` is no number of channels", (*loc, 2)))
        factors.append((_factor(row[0], (*loc, 0)), _factor(row[1], (*loc, 1)), row[2]))
    return Scales(tuple(scales), tuple(factors))


def _factor(value: Any, loc: Loc) -> float:
    if not is_number(value) or not 0.01 <= value <= 100:
        raise ProblemError(Problem("bad-value", f"`{printed(value)}` is no factor between 0.01 and 100", loc))
    return float(value)


def _activation(data: dict[str, Any]) -> str | None:
    value = data.get("activation")
    found = _ACTIVATION.fullmatch(value) if isinstance(value, str) else None
    if value is not None and found is None:
        message = f"the activation {printed(value)} has no counterpart here"
        raise ProblemError(Problem("bad-value", message, ("activation",), help=("such as `nn.ReLU()`",)))
    return found[1] if found else None


def _spec(reader: RowReader, classes: int, input: Any, act: str | None, file: str) -> dict[str, Any]:
    stem = PurePath(file).name.partition(".")[0]
    scales = reader.scales
    name = identifier(stem) if stem else "ultralytics"
    spec: dict[str, Any] = {"spec": 1, "name": name}
    classifies = not reader.outputs and any(entry.get("op") == "Classify" for entry in reader.entries)
    channels = reader.data.get("ch", reader.data.get("channels", 3))
    size = 224 if classifies else 640
    spec["input"] = (
        list(input) if isinstance(input, Sequence) else [channels if type(channels) is int else 3, size, size]
    )
    spec["params"] = _params(reader, classes)
    used = blocks(reader.ops, act)
    spec["defaults"] = defaults()
    if used:
        spec["blocks"] = used
    spec["layers"] = reader.entries
    if reader.outputs:
        spec["outputs"] = reader.outputs
        spec["freeze"] = ["**.dfl.**"]
    if scales.names != ("",):
        spec["variants"] = {_variant(stem or name, each): _values(reader, i) for i, each in enumerate(scales.names)}
    return spec


def _params(reader: RowReader, classes: int) -> dict[str, Any]:
    scales = reader.scales
    out: dict[str, Any] = {"num_classes": classes}
    depth, width, most = scales.factors[0]
    if reader.depth:
        out["depth"] = depth
    if reader.width:
        out["width"] = width
        out |= {} if most is None else {"max_channels": most}
    out |= reader.params
    for number in sorted(reader.depth):
        out[f"n{number}"] = f"$(max(round({number} * depth), 1))"
    for channels in sorted(reader.width):
        least = channels if most is None else f"min({channels}, max_channels)"
        out[f"c{channels}"] = f"$(8 * ceil({least} * width / 8))"
    return out


def _values(reader: RowReader, index: int) -> dict[str, Any]:
    """Return what a scale sets."""
    depth, width, most = reader.scales.factors[index]
    every: dict[str, Any] = {"depth": depth, "width": width, "max_channels": most}
    every |= {"c3k": reader.scales.names[index] in ("m", "l", "x")}
    known = _params(reader, 0)
    return {"params": {key: value for key, value in every.items() if key in known}}


def _variant(stem: str, scale: str) -> str:
    """Return the name of a scale's network: yolov8n-seg of yolov8-seg."""
    parts = re.fullmatch(r"(yolov?\d+)(.*)", stem)
    name = f"{parts[1]}{scale}{parts[2]}" if parts else f"{stem}{scale}"
    return re.sub("[^A-Za-z0-9_.-]+", "_", name[:80])
