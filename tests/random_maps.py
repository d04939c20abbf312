"""Networks of windows over one, two or three axes at random, as specs: strides, ceil mode, transposed convolutions,
resizing, crops, paddings, merges along channels and along other axes, and weights that pin a size at the end.

What flows where is computed by the layers' rules as the network is drawn, so that every one is accepted as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from pydantic import ValidationError

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer, ShapeError, Value

Entry = dict[str, Any]


@dataclass
class Maps:
    """A network in the making: its entries, and what each gives."""

    draw: DrawFn
    n: int  # spatial axes
    values: dict[str, Value]
    entries: list[Entry] = field(default_factory=list)

    def one_of(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def add(self, entry: Entry, *sources: str) -> str | None:
        """Add an entry where the values of these names fit it."""
        arguments = {key: value for key, value in entry.items() if key not in ("op", "like")}
        flowing = [self.values[name] for name in sources]
        try:
            layer = Layer.registry[entry["op"]].model_validate(arguments)
            (output,) = layer.apply(*flowing)
        except (ShapeError, ValidationError, ValueError):
            return None
        if max(output.shape) > 200 or len(output.shape) != len(flowing[0].shape):
            return None
        name = f"{entry['op'].lower()}{len(self.entries)}"
        origin = sources[:1] if "like" in entry else sources
        self.entries.append({"id": name, **entry, "from": origin[0] if len(origin) == 1 else list(origin)})
        self.values[name] = output
        return name


def window(o: Maps, x: str) -> None:
    op = o.one_of("Conv", "Conv", "MaxPool", "AvgPool", "LPPool")
    entry: Entry = {
        "op": f"{op}{o.n}d",
        "kernel_size": o.one_of(1, 2, 2, 3, 3, 4, 5),
        "stride": o.one_of(1, 1, 2, 2, 3),
    }
    if op == "Conv":
        entry |= {"out_channels": o.one_of(1, 2), "dilation": o.one_of(1, 1, 2)}
        entry["padding_mode"] = o.one_of("zeros", "zeros", "reflect", "circular", "replicate")
    else:
        entry |= {"ceil_mode": o.one_of(False, True)}
    if op == "LPPool":
        entry["norm_type"] = 2.0
    else:
        entry["padding"] = o.one_of(0, 0, 1, 1, 2)
    o.add(entry, x)


def transposed(o: Maps, x: str) -> None:
    entry = {"op": f"ConvTranspose{o.n}d", "out_channels": o.one_of(1, 2), "kernel_size": o.one_of(1, 2, 3, 4)}
    o.add({**entry, "stride": o.one_of(1, 2, 3), "padding": o.one_of(0, 0, 1, 2), "output_padding": o.one_of(0, 1)}, x)


def resized(o: Maps, x: str) -> None:
    o.add({"op": "interpolate", "scale_factor": o.one_of(2, 3, 0.5, 1.5, 0.25)}, x)


def subsampled(o: Maps, x: str) -> None:
    o.add({"op": "subsample", "stride": o.one_of(2, 3)}, x)


def padded(o: Maps, x: str) -> None:
    sides = [o.one_of(-2, -1, 0, 0, 1, 2) for _ in range(2 * o.n)]
    kind = o.one_of("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad")
    o.add({"op": f"{kind}{o.n}d", "padding": sides}, x)


def normed(o: Maps, x: str) -> None:
    o.add({"op": o.one_of(f"InstanceNorm{o.n}d", "ReLU", f"BatchNorm{o.n}d")}, x)


def halved(o: Maps, x: str) -> None:
    o.add({"op": "GLU", "dim": o.one_of(*range(2, 2 + o.n))}, x)


def merged(o: Maps, x: str) -> None:
    others = [name for name, value in o.values.items() if value.shape == o.values[x].shape]
    o.add({"op": o.one_of("add", "mul"), "broadcast": o.one_of(False, True)}, x, o.one_of(*others))


def gated(o: Maps, x: str) -> None:
    gate = o.add({"op": f"AdaptiveAvgPool{o.n}d", "output_size": o.one_of(1, 1, 2)}, x)
    if gate is not None:
        o.add({"op": "mul", "broadcast": True}, x, gate)


def joined(o: Maps, x: str) -> None:
    dim = o.one_of(*range(1, 2 + o.n))
    fits = [
        name
        for name, value in o.values.items()
        if all(a == b for i, (a, b) in enumerate(zip(value.shape, o.values[x].shape, strict=True), 1) if i != dim)
    ]
    o.add({"op": "concat", "dim": dim}, x, o.one_of(*fits))


def like(o: Maps, x: str) -> None:
    other = o.one_of(*o.values)
    o.add({"op": o.one_of("crop", "crop", "interpolate"), "like": other}, x, other)


STEPS: list[Callable[[Maps, str], None]] = [
    window, window, window, window, transposed, resized, subsampled, padded, normed, halved, merged, gated, joined,
    like, like,
]  # fmt: skip


def pinned(o: Maps, x: str) -> None:
    """Weights that follow from a size."""
    end = o.one_of("none", "none", "linear", "axis", "norm", "tokens")
    if end == "linear":
        o.entries += [{"op": "Flatten", "from": x}, {"op": "Linear", "out_features": 2}]
    elif end == "axis":
        o.entries += [{"op": "Linear", "out_features": 2, "from": x}]
    elif end == "norm":
        o.entries += [{"op": "LayerNorm", "from": x}]
    elif end == "tokens":
        o.entries += [
            {"id": "words", "op": "Flatten", "start_dim": 2, "from": x},
            {"id": "place", "op": "Parameter", "shape": _words(o, x)},
            {"op": "add", "from": ["words", "place"]},
        ]


def _words(o: Maps, x: str) -> list[int]:
    channels, *sizes = o.values[x].shape
    count = 1
    for size in sizes:
        count *= size
    return [channels, count]


@st.composite
def networks(draw: DrawFn, axes: tuple[int, ...] = (1, 2, 2, 3), inputs: int = 1) -> Entry:
    """A spec; all that it computes is used. Of several inputs each has as many axes, now and then the same sizes."""
    n = draw(st.sampled_from(axes))
    sizes = [draw(st.integers(1, 40 if n < 3 else 14)) for _ in range(n)]
    shapes = {"input": [draw(st.integers(1, 2)), *sizes]}
    if inputs > 1:
        factors = [draw(st.sampled_from([1, 1, 2])) for _ in range(inputs)]
        shapes = {f"in{i}": [2, *(size * by for size in sizes)] for i, by in enumerate(factors)}
    o = Maps(draw, n, {name: Value(tuple(shape)) for name, shape in shapes.items()})
    for _ in range(draw(st.integers(1, 8))):
        x = draw(st.sampled_from([list(o.values)[-1], list(o.values)[-1], *o.values]))
        draw(st.sampled_from(STEPS))(o, x)
    o.add({"op": "Identity"}, list(o.values)[-1])
    last = list(o.values)[-1]
    for name in shapes if inputs > 1 else ():
        if name not in {source for entry in o.entries for source in _sources(entry)}:
            o.add({"op": "Identity"}, name)
    pinned(o, last)
    o.entries[-1].setdefault("id", "last")
    used = {name for entry in o.entries for name in _sources(entry)}
    ends = [entry["id"] for entry in o.entries if "id" in entry and entry["id"] not in used]
    outputs = [{"id": f"out{i}", "from": name} for i, name in enumerate(ends)]
    named = {"inputs": [{"id": name, "shape": shape} for name, shape in shapes.items()]}
    return {
        "spec": 1, "name": "net", **(named if inputs > 1 else shapes), "layers": o.entries,
        **({"outputs": outputs} if len(ends) > 1 or ends != [o.entries[-1]["id"]] else {}),
    }  # fmt: skip


def _sources(entry: Entry) -> list[str]:
    source = entry.get("from", [])
    return [*(source if isinstance(source, list) else [source]), *([entry["like"]] if "like" in entry else [])]
