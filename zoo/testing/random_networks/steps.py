"""What a random list grows by: convolutions, groups, loops, conditions, calls of blocks, merges, shared modules."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from speczoo.testing.random_networks.lists import ACTIVATIONS, EntryData, RandomList, Val, chain, convolution, keeping

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


def step(o: RandomList) -> None:
    """One more entry or two."""
    current = o.one_of([o.pool[-1], o.pool[-1], *o.pool])
    kind = o.one_of([*KINDS, *(["act", "flagged", "kernel", "reps"] if o.inside else ["stages"])])
    STEPS[kind](o, current)


def _conv(o: RandomList, current: Val) -> None:
    out = o.one_of(list(o.widths))
    o.add("conv", convolution(o.draw, out), current, o.widths[out], current.grid)


def _keep(o: RandomList, current: Val) -> None:
    o.add("keep", keeping(o.draw), current, *current[1:])


def _inplace(o: RandomList, current: Val) -> None:
    # over a value that nobody else reads
    out = o.one_of(list(o.widths))
    fresh = o.add("conv", convolution(o.draw, out), current, o.widths[out], current.grid)
    o.pool.remove(fresh)
    name = o.name("relu")
    o.entries.append({"id": name, "op": "ReLU", "inplace": True})
    o.pool.append(Val(name, *fresh[1:]))


def _chain(o: RandomList, current: Val) -> None:
    o.add("chain", {"layers": chain(o.draw)}, current, *current[1:])


def _group(o: RandomList, current: Val) -> None:
    if not o.depth:
        return
    inner = RandomList(o.draw, o.blocks, o.widths, o.depth - 1, [Val("input", *current[1:])], inside=o.inside)
    for _ in range(o.draw(st.integers(1, 3))):
        step(inner)
    end(inner, inner.pool[-1])
    o.add("group", {"layers": inner.entries}, current, *inner.pool[-1][1:])


def _block(o: RandomList, current: Val) -> None:
    if not o.blocks:
        return
    call(o, current)


def _merge(o: RandomList, current: Val) -> None:
    merge(o, current, "merge")


def _concat(o: RandomList, current: Val) -> None:
    merge(o, current, "concat")


def _repeat(o: RandomList, current: Val) -> None:
    o.loops += 1
    o.turns += 1
    name, count = f"r{o.turns}{o.one_of(['_', '.'])}", o.draw(st.integers(1, 4))
    if current != o.pool[-1] or "." in current.ref or (len(o.inputs) > 1 and not o.entries):
        current = o.add("keep", keeping(o.draw), current, *current[1:])
    o.entries.append({"for": {f"i{o.loops}": f"1..{count}"}, "id": f"{name}$i{o.loops}", **keeping(o.draw)})
    o.pool.append(Val(f"{name}{count}", *current[1:]))
    if o.draw(st.booleans()):  # all of them together
        every = {"for": {f"i{o.loops}": f"1..{count}"}, "id": f"{name}$i{o.loops}"}
        tag = ("cat", *[current.channels] * count, current.channels)
        o.add("all", {"op": "concat", "from": [every, current.ref]}, None, tag, current.grid)


def _do(o: RandomList, current: Val) -> None:
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


def _when(o: RandomList, current: Val) -> None:
    condition = o.one_of([True, False, "$(in_channels > 2)", "$(input.channels % 2 == 0)"])
    if len(o.inputs) > 1 and isinstance(condition, str):
        condition = "$(in_channels > 1)"
    o.add("when", {**keeping(o.draw), "when": condition}, current, *current[1:])


def _share(o: RandomList, current: Val) -> None:
    first = o.add("conv", convolution(o.draw, "$in_channels"), current, *current[1:])
    o.add("again", {"share": first.ref}, o.one_of([first, current]), *current[1:])


def _gate(o: RandomList, current: Val) -> None:
    gate = [
        {"op": "AdaptiveAvgPool2d", "output_size": 1},
        {"op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1},
        {"op": "Sigmoid"},
    ]
    o.add("gate", {"layers": gate}, current, current.channels, "one")
    scale = o.pool.pop()
    o.add("gated", {"op": "mul", "from": [current.ref, scale.ref], "broadcast": True}, None, *current[1:])


def _scale(o: RandomList, current: Val) -> None:
    if not (len(o.inputs) == 1 and current.channels == o.pool[0].channels):
        return
    name = o.name("weight")
    o.entries.append({"id": name, "op": "Parameter", "shape": ["$(input.channels)", 1, 1], "init": 0.5})
    o.add("scaled", {"op": "mul", "from": [name, current.ref], "broadcast": True}, None, *current[1:])


def _number(o: RandomList, current: Val) -> None:
    o.add(
        "number",
        {"op": o.one_of(["add", "sub", "mul"]), "from": o.one_of([[current.ref, 2], [0.5, current.ref]])},
        None,
        *current[1:],
    )


def _chunk(o: RandomList, current: Val) -> None:
    wide = o.add("conv", convolution(o.draw, 4), current, 4, current.grid)
    o.add("half", {"op": "chunk", "chunks": 2}, wide, 2, current.grid, "0")
    name = o.pool[-1].ref[:-2]
    o.pool.append(Val(f"{name}.1", 2, current.grid))


def _act(o: RandomList, current: Val) -> None:
    o.add("act", {"op": "$act"}, current, *current[1:])


def _flagged(o: RandomList, current: Val) -> None:
    o.add(
        "flagged",
        {**keeping(o.draw), "when": o.one_of(["$flag", "$(not flag)", "$(flag and k > 1)"])},
        current,
        *current[1:],
    )


def _kernel(o: RandomList, current: Val) -> None:
    out = o.one_of(list(o.widths))
    entry = {
        "op": "Conv2d",
        "out_channels": out,
        "kernel_size": "$k",
        "padding": "$(k // 2)",
        "bias": o.one_of(["$flag", False]),
    }
    o.add("conv", entry, current, o.widths[out], current.grid)


def _reps(o: RandomList, current: Val) -> None:
    turns = {"for": {f"r{o.loops}": "1..$reps"}, **keeping(o.draw)}
    o.loops += 1
    o.add("reps", {"layers": [turns, {"op": o.one_of(["Identity", "$act"])}]}, current, *current[1:])


def _either(o: RandomList, current: Val) -> None:
    """One id for two entries, of which a condition keeps one."""
    test = o.one_of(["flag", "k > 1", "input.channels > 2"] if o.inside else ["width > 1", "width % 2 == 0"])
    first = o.add("either", {**keeping(o.draw), "when": f"$({test})"}, current, *current[1:])
    o.entries.append({"id": first.ref, **keeping(o.draw), "when": f"$(not ({test}))"})


def _inner(o: RandomList, current: Val) -> None:
    """Add a group that asks for what flows into it, which is not what flows into the list around it."""
    wide = o.one_of(["$(2 * input.channels)", "$(input.channels + in_channels)"])
    inside = [
        {**keeping(o.draw), "when": o.one_of([True, "$(input.channels > 2)", "$(input.channels % 2 == 0)"])},
        convolution(o.draw, wide),
        {**keeping(o.draw), "when": o.one_of([True, "$(in_channels > 2 * input.channels - 1)"])},
    ]
    o.add("inner", {"layers": inside}, current, ("twice", current.channels), current.grid)


def _stages(o: RandomList, current: Val) -> None:
    stages(o)


def _taps(o: RandomList, current: Val) -> None:
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
STEPS: dict[str, Callable[[RandomList, Val], None]] = {
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


def stages(o: RandomList) -> None:
    """Add a paper's table: a loop over stages, each a loop over one block."""
    staged = [name for name, kind in o.blocks.items() if kind in STAGED]
    if not staged or not o.entries or "." in o.pool[-1].ref:
        return
    o.turns += 1
    o.loops += 1
    n, c, d, i = (f"{letter}{o.loops}" for letter in "ncdi")
    entry: EntryData = {"op": o.one_of(staged), "channels": f"${c}", "stride": f"$(2 if {n} > 1 and {i} == 1 else 1)"}
    entry |= o.one_of([{}, {"flag": f"$({i} > 1)"}, {"reps": f"${n}"}, {"act": "SiLU"}])
    rows = {n: "1..3", c: o.one_of([[2, 4, 4], [3, 3, 3], [1, 2, 5]]), d: o.one_of([[1, 2, 1], [2, 2, 2], [1, 3, 2]])}
    o.entries.append({"for": rows, "id": f"stage{o.turns}_${n}", "layers": [{"for": {i: f"1..${d}"}, **entry}]})
    o.pool.append(Val(f"stage{o.turns}_3", rows[c][-1], ("stages", o.turns, o.pool[-1].grid)))


def call(o: RandomList, current: Val) -> None:
    """Add a block, with its parameters."""
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


def merge(o: RandomList, current: Val, kind: str) -> None:
    if kind == "merge":
        mates = [v for v in o.pool if v[1:] == current[1:]]
        other = o.one_of(mates)
        o.add("sum", {"op": o.one_of(["add", "mul", "sub"]), "from": [current.ref, other.ref]}, None, *current[1:])
        return
    mates = [v for v in o.pool if v.grid == current.grid]
    parts = [current, *(o.one_of(mates) for _ in range(o.draw(st.integers(1, 2))))]
    tag = ("cat", *(p.channels for p in parts))
    o.add("cat", {"op": "concat", "from": [p.ref for p in parts]}, None, tag, current.grid)


def end(o: RandomList, last: Val) -> None:
    """Make the last entry, whose output is the list's, a plain one."""
    if not o.entries or "." in last.ref or last.ref in ("input", "x"):
        o.add("last", keeping(o.draw), last, *last[1:])
