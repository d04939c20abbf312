"""A list of a network in the making, and the entries that keep channels and grid."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

EntryData = dict[str, Any]
ACTIVATIONS = ["ReLU", "GELU", "SiLU", "Sigmoid", "Hardswish", "Tanh"]


class Val(NamedTuple):
    """Something that `from` can name, its channels and its grid."""

    ref: str
    channels: Hashable
    grid: Hashable


@dataclass
class RandomList:
    """A list in the making."""

    draw: DrawFn
    blocks: dict[str, str]  # name: plain, residual, two-headed
    widths: dict[str, Hashable]  # what out_channels may say, and its tag
    depth: int
    pool: list[Val]
    entries: list[EntryData] = field(default_factory=list)
    inside: bool = False  # of a block, where PARAMS can be read
    turns: int = 0
    listed: int = 0
    loops: int = 0

    def add(
        self, kind: str, entry: EntryData, source: Val | None, channels: Hashable, grid: Hashable, port: str = ""
    ) -> Val:
        """Add an entry with an id; it says `from` where it must, or where it happens to."""
        name = self.name(kind)
        before = self.pool[-1] if self.entries else self.pool[0]
        if source is not None and (
            source != before or "." in source.ref or len(self.inputs) > 1 or self.draw(st.booleans())
        ):
            entry = {**entry, "from": source.ref}
        self.entries.append({"id": name, **entry})
        self.pool.append(Val(f"{name}.{port}" if port else name, channels, grid))
        return self.pool[-1]

    def name(self, kind: str) -> str:
        """Return an id that none has yet: of an attribute, or of a member of a list or of another container."""
        self.turns += 1
        style = self.draw(st.sampled_from(["plain"] * 6 + ["list", "dict", "deep"]))
        if style == "list":
            self.listed += 1
            return f"listed.{self.listed - 1}"
        around = {"plain": "", "dict": "held.", "deep": f"deep.{self.turns % 2}."}[style]
        return f"{around}{kind}{self.turns}"

    @property
    def inputs(self) -> list[Val]:
        return [v for v in self.pool if v.ref in ("input", "x", "skip", "left", "right")]

    def one_of(self, values: list[Any]) -> Any:
        return self.draw(st.sampled_from(values))


def convolution(draw: DrawFn, out: str | int, stride: str | int = 1, groups: Any = 1) -> EntryData:
    """Draw a convolution that keeps the grid, but for its stride."""
    kernel = draw(st.sampled_from([1, 3]))
    entry: EntryData = {"op": "Conv2d", "out_channels": out, "kernel_size": kernel}
    if kernel == 3:
        entry["padding"] = 1
    if stride != 1:
        entry["stride"] = stride
    if groups != 1:
        entry["groups"] = groups
    if draw(st.booleans()):
        entry["bias"] = draw(st.booleans())
    return entry


def keeping(draw: DrawFn) -> EntryData:
    """Draw a layer whose output is as its input."""
    kind = draw(st.sampled_from(["act", "norm", "pool", "dropout", "conv", "depthwise", "identity"]))
    if kind == "act":
        return {"op": draw(st.sampled_from(ACTIVATIONS))}
    if kind == "norm":
        return {"op": "BatchNorm2d", **({"eps": 0.001} if draw(st.booleans()) else {})}
    if kind == "pool":
        return {"op": draw(st.sampled_from(["MaxPool2d", "AvgPool2d"])), "kernel_size": 3, "stride": 1, "padding": 1}
    if kind == "dropout":
        return {"op": "Dropout", "p": 0.25}
    if kind == "conv":
        return convolution(draw, "$in_channels")
    if kind == "depthwise":
        return convolution(draw, "$in_channels", groups="$in_channels")
    return {"op": "Identity"}


def chain(draw: DrawFn, least: int = 1) -> list[EntryData]:
    """Draw a pure chain that keeps channels and grid, with names by position, by id, or from a loop."""
    entries = []
    for i in range(draw(st.integers(least, 3))):
        entry = keeping(draw)
        style = draw(st.sampled_from(["plain", "plain", "id", "for", "when", "group", "do"]))
        if style == "id":
            entry = {"id": f"{draw(st.sampled_from(['part', 'part', 'parts.']))}{i}", **entry}
        elif style == "for":
            entry = {
                "for": {"i": f"1..{draw(st.integers(0, 4))}"},
                **({"id": f"turn{i}_$i"} if draw(st.booleans()) else {}),
                **entry,
            }
        elif style == "when":
            entry = {
                **entry,
                "when": draw(st.sampled_from([True, False, "$(in_channels > 2)", "$(in_channels % 2 == 0)"])),
            }
        elif style == "group":
            entry = {"layers": [entry, keeping(draw)]}
        elif style == "do":
            entry = {"for": {"j": [1, 2], "p": [0.1, 0.2]}, "do": [entry, {"op": "Dropout", "p": "$p"}]}
        entries.append(entry)
    return entries
