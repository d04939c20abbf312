"""Whole networks at random, as specs: blocks with parameters, groups, loops, conditions, skips, merges, shared modules.

Every value is drawn with tags for its channels and its grid that say what is known to agree inside a list that sees
only names, so that merges fit whatever a block is called with.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

Entry = dict[str, Any]
KINDS = [
    "conv",
    "keep",
    "inplace",
    "chain",
    "group",
    "block",
    "block",
    "merge",
    "concat",
    "repeat",
    "do",
    "when",
    "share",
]
KINDS += ["gate", "scale", "number", "chunk", "taps", "either", "inner"]
STAGED = ("plain", "residual")  # blocks that a stage can repeat
PARAMS = {"act": {"type": "op", "default": "ReLU"}, "flag": True, "k": 3, "reps": 1}  # of every block with `channels`
ACTIVATIONS = ["ReLU", "GELU", "SiLU", "Sigmoid", "Hardswish", "Tanh"]


class Val(NamedTuple):
    """Something that `from` can name, its channels and its grid."""

    ref: str
    channels: Hashable
    grid: Hashable


@dataclass
class List:
    """A list in the making."""

    draw: DrawFn
    blocks: dict[str, str]  # name: plain, residual, two-headed
    widths: dict[str, Hashable]  # what out_channels may say, and its tag
    depth: int
    pool: list[Val]
    entries: list[Entry] = field(default_factory=list)
    inside: bool = False  # of a block, where PARAMS can be read
    turns: int = 0
    loops: int = 0

    def add(
        self, kind: str, entry: Entry, source: Val | None, channels: Hashable, grid: Hashable, port: str = ""
    ) -> Val:
        """An entry with an id; it says `from` where it must, or where it happens to."""
        self.turns += 1
        name = f"{kind}{self.turns}"
        before = self.pool[-1] if self.entries else self.pool[0]
        if source is not None and (
            source != before or "." in source.ref or len(self.inputs) > 1 or self.draw(st.booleans())
        ):
            entry = {**entry, "from": source.ref}
        self.entries.append({"id": name, **entry})
        self.pool.append(Val(f"{name}.{port}" if port else name, channels, grid))
        return self.pool[-1]

    @property
    def inputs(self) -> list[Val]:
        return [v for v in self.pool if v.ref in ("input", "x", "skip", "left", "right")]

    def one_of(self, values: list[Any]) -> Any:
        return self.draw(st.sampled_from(values))


def convolution(draw: DrawFn, out: str | int, stride: str | int = 1, groups: Any = 1) -> Entry:
    """One that keeps the grid, but for its stride."""
    kernel = draw(st.sampled_from([1, 3]))
    entry: Entry = {"op": "Conv2d", "out_channels": out, "kernel_size": kernel}
    if kernel == 3:
        entry["padding"] = 1
    if stride != 1:
        entry["stride"] = stride
    if groups != 1:
        entry["groups"] = groups
    if draw(st.booleans()):
        entry["bias"] = draw(st.booleans())
    return entry


def keeping(draw: DrawFn) -> Entry:
    """A layer whose output is as its input."""
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


def chain(draw: DrawFn, least: int = 1) -> list[Entry]:
    """A pure chain that keeps channels and grid, with names by position, by id, or from a loop."""
    entries = []
    for i in range(draw(st.integers(least, 3))):
        entry = keeping(draw)
        style = draw(st.sampled_from(["plain", "plain", "id", "for", "when", "group", "do"]))
        if style == "id":
            entry = {"id": f"part{i}", **entry}
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


def step(o: List) -> None:
    """One more entry or two."""
    current = o.one_of([o.pool[-1], o.pool[-1], *o.pool])
    kind = o.one_of([*KINDS, *(["act", "flagged", "kernel", "reps"] if o.inside else ["stages"])])
    STEPS[kind](o, current)


def _conv(o: List, current: Val) -> None:
    out = o.one_of(list(o.widths))
    o.add("conv", convolution(o.draw, out), current, o.widths[out], current.grid)


def _keep(o: List, current: Val) -> None:
    o.add("keep", keeping(o.draw), current, *current[1:])


def _inplace(o: List, current: Val) -> None:
    # over a value that nobody else reads
    out = o.one_of(list(o.widths))
    fresh = o.add("conv", convolution(o.draw, out), current, o.widths[out], current.grid)
    o.pool.remove(fresh)
    o.turns += 1
    o.entries.append({"id": f"relu{o.turns}", "op": "ReLU", "inplace": True})
    o.pool.append(Val(f"relu{o.turns}", *fresh[1:]))


def _chain(o: List, current: Val) -> None:
    o.add("chain", {"layers": chain(o.draw)}, current, *current[1:])


def _group(o: List, current: Val) -> None:
    if not o.depth:
        return
    inner = List(o.draw, o.blocks, o.widths, o.depth - 1, [Val("input", *current[1:])], inside=o.inside)
    for _ in range(o.draw(st.integers(1, 3))):
        step(inner)
    end(inner, inner.pool[-1])
    o.add("group", {"layers": inner.entries}, current, *inner.pool[-1][1:])


def _block(o: List, current: Val) -> None:
    if not o.blocks:
        return
    call(o, current)


def _merge(o: List, current: Val) -> None:
    merge(o, current, "merge")


def _concat(o: List, current: Val) -> None:
    merge(o, current, "concat")


def _repeat(o: List, current: Val) -> None:
    o.loops += 1
    o.turns += 1
    name, count = f"r{o.turns}_", o.draw(st.integers(1, 4))
    if current != o.pool[-1] or "." in current.ref or (len(o.inputs) > 1 and not o.entries):
        current = o.add("keep", keeping(o.draw), current, *current[1:])
    o.entries.append({"for": {f"i{o.loops}": f"1..{count}"}, "id": f"{name}$i{o.loops}", **keeping(o.draw)})
    o.pool.append(Val(f"{name}{count}", *current[1:]))


def _do(o: List, current: Val) -> None:
    o.loops += 1
    o.turns += 1
    name = f"d{o.turns}_"
    if current != o.pool[-1] or "." in current.ref or (len(o.inputs) > 1 and not o.entries):
        current = o.add("keep", keeping(o.draw), current, *current[1:])
    turn = f"i{o.loops}"
    inside = [
        {"id": f"{name}a${turn}", **convolution(o.draw, "$in_channels")},
        {"id": f"{name}b${turn}", **keeping(o.draw)},
    ]
    o.entries.append(
        {"for": {turn: "1..3"}, "when": o.one_of([True, f"$({turn} > 1)", f"$({turn} != 2)"]), "do": inside}
    )
    o.pool.append(Val(f"{name}b3", *current[1:]))


def _when(o: List, current: Val) -> None:
    condition = o.one_of([True, False, "$(in_channels > 2)", "$(input.channels % 2 == 0)"])
    if len(o.inputs) > 1 and isinstance(condition, str):
        condition = "$(in_channels > 1)"
    o.add("when", {**keeping(o.draw), "when": condition}, current, *current[1:])


def _share(o: List, current: Val) -> None:
    first = o.add("conv", convolution(o.draw, "$in_channels"), current, *current[1:])
    o.add("again", {"share": first.ref}, o.one_of([first, current]), *current[1:])


def _gate(o: List, current: Val) -> None:
    gate = [
        {"op": "AdaptiveAvgPool2d", "output_size": 1},
        {"op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1},
        {"op": "Sigmoid"},
    ]
    o.add("gate", {"layers": gate}, current, current.channels, "one")
    scale = o.pool.pop()
    o.add("gated", {"op": "mul", "from": [current.ref, scale.ref], "broadcast": True}, None, *current[1:])


def _scale(o: List, current: Val) -> None:
    if not (len(o.inputs) == 1 and current.channels == o.pool[0].channels):
        return
    o.turns += 1
    name = f"weight{o.turns}"
    o.entries.append({"id": name, "op": "Parameter", "shape": ["$(input.channels)", 1, 1], "init": 0.5})
    o.add("scaled", {"op": "mul", "from": [name, current.ref], "broadcast": True}, None, *current[1:])


def _number(o: List, current: Val) -> None:
    o.add(
        "number",
        {"op": o.one_of(["add", "sub", "mul"]), "from": o.one_of([[current.ref, 2], [0.5, current.ref]])},
        None,
        *current[1:],
    )


def _chunk(o: List, current: Val) -> None:
    wide = o.add("conv", convolution(o.draw, 4), current, 4, current.grid)
    o.add("half", {"op": "chunk", "chunks": 2}, wide, 2, current.grid, "0")
    name = o.pool[-1].ref[:-2]
    o.pool.append(Val(f"{name}.1", 2, current.grid))


def _act(o: List, current: Val) -> None:
    o.add("act", {"op": "$act"}, current, *current[1:])


def _flagged(o: List, current: Val) -> None:
    o.add(
        "flagged",
        {**keeping(o.draw), "when": o.one_of(["$flag", "$(not flag)", "$(flag and k > 1)"])},
        current,
        *current[1:],
    )


def _kernel(o: List, current: Val) -> None:
    out = o.one_of(list(o.widths))
    entry = {
        "op": "Conv2d",
        "out_channels": out,
        "kernel_size": "$k",
        "padding": "$(k // 2)",
        "bias": o.one_of(["$flag", False]),
    }
    o.add("conv", entry, current, o.widths[out], current.grid)


def _reps(o: List, current: Val) -> None:
    turns = {"for": {f"r{o.loops}": "1..$reps"}, **keeping(o.draw)}
    o.loops += 1
    o.add("reps", {"layers": [turns, {"op": o.one_of(["Identity", "$act"])}]}, current, *current[1:])


def _either(o: List, current: Val) -> None:
    """One id for two entries, of which a condition keeps one."""
    test = o.one_of(["flag", "k > 1", "input.channels > 2"] if o.inside else ["width > 1", "width % 2 == 0"])
    first = o.add("either", {**keeping(o.draw), "when": f"$({test})"}, current, *current[1:])
    o.entries.append({"id": first.ref, **keeping(o.draw), "when": f"$(not ({test}))"})


def _inner(o: List, current: Val) -> None:
    """A group that asks for what flows into it, which is not what flows into the list around it."""
    wide = o.one_of(["$(2 * input.channels)", "$(input.channels + in_channels)"])
    inside = [
        {**keeping(o.draw), "when": o.one_of([True, "$(input.channels > 2)", "$(input.channels % 2 == 0)"])},
        convolution(o.draw, wide),
        {**keeping(o.draw), "when": o.one_of([True, "$(in_channels > 2 * input.channels - 1)"])},
    ]
    o.add("inner", {"layers": inside}, current, ("twice", current.channels), current.grid)


def _stages(o: List, current: Val) -> None:
    stages(o)


def _taps(o: List, current: Val) -> None:
    inside = [
        {"id": "a", **convolution(o.draw, 3)},
        {"id": "b", **keeping(o.draw)},
        {"id": "c", **convolution(o.draw, 2)},
    ]
    o.add(
        "tapped",
        {"layers": inside, "taps": o.one_of([["a"], ["b", "a"], {"a": "b"}])},
        current,
        3,
        current.grid,
        "a",
    )


#: What each kind of step adds to a list.
STEPS: dict[str, Callable[[List, Val], None]] = {
    "conv": _conv,
    "keep": _keep,
    "inplace": _inplace,
    "chain": _chain,
    "group": _group,
    "block": _block,
    "merge": _merge,
    "concat": _concat,
    "repeat": _repeat,
    "do": _do,
    "when": _when,
    "share": _share,
    "gate": _gate,
    "scale": _scale,
    "number": _number,
    "chunk": _chunk,
    "act": _act,
    "flagged": _flagged,
    "kernel": _kernel,
    "reps": _reps,
    "stages": _stages,
    "either": _either,
    "inner": _inner,
    "taps": _taps,
}


def stages(o: List) -> None:
    """A paper's table: a loop over stages, each a loop over one block."""
    staged = [name for name, kind in o.blocks.items() if kind in STAGED]
    if not staged or not o.entries or "." in o.pool[-1].ref:
        return
    o.turns += 1
    o.loops += 1
    n, c, d, i = (f"{letter}{o.loops}" for letter in "ncdi")
    entry: Entry = {"op": o.one_of(staged), "channels": f"${c}", "stride": f"$(2 if {n} > 1 and {i} == 1 else 1)"}
    entry |= o.one_of([{}, {"flag": f"$({i} > 1)"}, {"reps": f"${n}"}, {"act": "SiLU"}])
    rows = {n: "1..3", c: o.one_of([[2, 4, 4], [3, 3, 3], [1, 2, 5]]), d: o.one_of([[1, 2, 1], [2, 2, 2], [1, 3, 2]])}
    o.entries.append({"for": rows, "id": f"stage{o.turns}_${n}", "layers": [{"for": {i: f"1..${d}"}, **entry}]})
    o.pool.append(Val(f"stage{o.turns}_3", rows[c][-1], ("stages", o.turns, o.pool[-1].grid)))


def call(o: List, current: Val) -> None:
    """A block, with its parameters."""
    name = o.one_of(list(o.blocks))
    out = o.one_of(list(o.widths))
    if o.blocks[name] == "two":
        mates = [v for v in o.pool if v[1:] == current[1:]]
        entry = {"op": name, "from": [current.ref, o.one_of(mates).ref]}
        o.add("fuse", entry, None, *current[1:])
        return
    stride = o.one_of([1, 1, 2])
    entry = {"op": name, "channels": out, **({"stride": stride} if stride == 2 else {})}
    for key, values in (("act", ACTIVATIONS), ("flag", [True, False]), ("k", [1, 3, 5]), ("reps", [0, 2, 3])):
        if o.draw(st.integers(0, 3)) == 0:
            entry[key] = o.one_of(values)
    grid = current.grid if stride == 1 else ("half", current.grid)
    if o.blocks[name] == "outputs":
        o.add("block", entry, current, o.widths[out], grid, o.one_of(["main", "side"]))
    else:
        o.add("block", entry, current, o.widths[out], grid)


def merge(o: List, current: Val, kind: str) -> None:
    if kind == "merge":
        mates = [v for v in o.pool if v[1:] == current[1:]]
        other = o.one_of(mates)
        o.add("sum", {"op": o.one_of(["add", "mul", "sub"]), "from": [current.ref, other.ref]}, None, *current[1:])
        return
    mates = [v for v in o.pool if v.grid == current.grid]
    parts = [current, *(o.one_of(mates) for _ in range(o.draw(st.integers(1, 2))))]
    tag = ("cat", *(p.channels for p in parts))
    o.add("cat", {"op": "concat", "from": [p.ref for p in parts]}, None, tag, current.grid)


def end(o: List, last: Val) -> None:
    """The list's output is its last entry's: make that a plain one."""
    if not o.entries or "." in last.ref or last.ref in ("input", "x"):
        o.add("last", keeping(o.draw), last, *last[1:])


def block(draw: DrawFn, kind: str, blocks: dict[str, str]) -> dict[str, Any]:
    """A block's body. `plain` and `residual` give `channels` at `stride`; `two` fuses two like inputs."""
    if kind == "two":
        o = List(draw, {}, {}, 0, [Val("x", "c", "g"), Val("skip", "c", "g")])
        o.add("conv", convolution(draw, "$in_channels"), o.pool[0], "c", "g")
        for _ in range(draw(st.integers(0, 2))):
            merge(o, o.pool[-1], "merge")
            o.add("keep", keeping(draw), o.pool[-1], "c", "g")
        o.add("sum", {"op": "add", "from": [o.pool[-1].ref, "skip"]}, None, "c", "g")
        return {"inputs": ["x", "skip"], "layers": o.entries}
    widths: dict[Any, Hashable] = {"$channels": "channels", "$(2 * channels)": "double", 2: 2, "$width": "width"}
    o = List(draw, blocks, widths, 1, [Val("input", "in", "g")], inside=True)
    goal = ("channels", ("st", "g"))
    o.add("conv", convolution(draw, "$channels", "$stride"), o.pool[0], *goal)
    main = o.pool[-1]
    del o.pool[0]
    for _ in range(draw(st.integers(0, 3))):
        step(o)
    if o.pool[-1][1:] != goal or "." in o.pool[-1].ref:
        usable = [v for v in o.pool if v.grid == goal[1]]
        o.add("out", convolution(draw, "$channels"), usable[-1], *goal)
    if kind == "residual":
        last = o.pool[-1]
        down = [
            {"op": "Conv2d", "out_channels": "$channels", "kernel_size": 1, "stride": "$stride"},
            {"op": "BatchNorm2d"},
        ]
        condition = "$(stride != 1 or in_channels != channels)"
        o.entries.append({"id": "down", "from": "input", "when": condition, "layers": down})
        o.entries.append({"id": "residual", "op": "add", "from": [last.ref, "down"]})
    body: dict[str, Any] = {"params": {"channels": "int", "stride": 1, **PARAMS}, "layers": o.entries}
    if kind == "outputs":
        body["outputs"] = [{"id": "main", "from": o.pool[-1].ref}, {"id": "side", "from": main.ref}]
    return body


@st.composite
def networks(draw: DrawFn) -> dict[str, Any]:
    """A spec as plain data, checked by nobody yet, but meant to be right."""
    blocks: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for i in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["plain", "residual", "residual", "two", "outputs"]))
        blocks[f"Block{i}"] = block(draw, kind, dict(kinds))
        kinds[f"Block{i}"] = kind
    side, channels = draw(st.integers(4, 7)), draw(st.integers(1, 4))
    two = draw(st.booleans())
    refs = ["left", "right"] if two else ["input"]
    widths: dict[Any, Hashable] = {"$width": "width", "$(width * 2)": "wide", 2: 2, 5: 5}
    o = List(draw, kinds, widths, 2, [Val(ref, channels, "g") for ref in refs])
    if two:
        o.add("both", {"op": "concat", "from": refs}, None, 2 * channels, "g")
    for _ in range(draw(st.integers(1, 6))):
        step(o)
    for _ in range(draw(st.integers(0, 3)) if kinds else 0):
        call(o, o.pool[-1])
    if draw(st.booleans()):
        stages(o)
    last = o.pool[-1]
    spec: dict[str, Any] = {"spec": 1, "name": "random", "title": "A network at random"}
    shape = [channels, side, side]
    spec |= {"inputs": [{"id": ref, "shape": shape} for ref in refs]} if two else {"input": shape}
    spec |= {"params": {"width": draw(st.integers(1, 3)), "num_classes": 3}}
    if draw(st.booleans()):
        spec["defaults"] = {"Conv2d": {"bias": False}, "Dropout": {"p": 0.4}}
    o.add("pooled", {"op": "AdaptiveAvgPool2d", "output_size": 1}, last, last.channels, "one")
    o.add("flat", {"op": "Flatten"}, o.pool[-1], None, None)
    o.add("head", {"op": "Linear", "out_features": "$num_classes"}, o.pool[-1], None, None)
    head = o.pool[-1].ref
    if draw(st.booleans()):
        extra = draw(
            st.sampled_from(
                [v for v in o.pool if v.grid is not None and v.ref not in refs and v.grid != "one"] or [last]
            )
        )
        if extra.ref not in refs:
            spec["outputs"] = [{"id": "logits", "from": head}, {"id": "features", "from": extra.ref}]
            if draw(st.booleans()):
                spec["outputs"][1]["training_only"] = True
    if blocks:
        spec["blocks"] = blocks
    spec["layers"] = o.entries
    if draw(st.booleans()):
        spec["init"] = [
            {"match": "Conv2d", "weight": {"kaiming_normal": {"mode": "fan_out"}}},
            {"match": "Linear", "bias": 0},
        ]
    if freeze := draw(st.sampled_from([[], [], [f"{head}.**"], ["**.bias"], ["**.bias", f"{head}.weight"]])):
        spec["freeze"] = freeze
    return spec
