"""Random blocks, and random networks that use them, as plain data."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.testing.random_networks.lists import RandomList, Val, convolution, keeping
from speczoo.testing.random_networks.steps import STAGED, call, merge, stages, step

PARAMS = {"act": {"type": "op", "default": "ReLU"}, "flag": True, "k": 3, "reps": 1}  # of every block with `channels`


@st.composite
def blocks(draw: DrawFn) -> dict[str, Any]:
    """Draw the body of a block over channels x height x width, as plain data: it gives `channels`, its one required
    parameter, at `stride`.
    """
    return block(draw, draw(st.sampled_from(STAGED)), {}, {})


def block(draw: DrawFn, kind: str, blocks: dict[str, str], outer: dict[Any, Hashable]) -> dict[str, Any]:
    """Draw a block's body. `plain` and `residual` give `channels` at `stride`; `two` fuses two like inputs. `outer` are
    widths of the network around it.
    """
    if kind == "two":
        o = RandomList(draw, {}, {}, 0, [Val("x", "c", "g"), Val("skip", "c", "g")])
        o.add("conv", convolution(draw, "$in_channels"), o.pool[0], "c", "g")
        for _ in range(draw(st.integers(0, 2))):
            merge(o, o.pool[-1], "merge")
            o.add("keep", keeping(draw), o.pool[-1], "c", "g")
        o.add("sum", {"op": "add", "from": [o.pool[-1].ref, "skip"]}, None, "c", "g")
        return {"inputs": ["x", "skip"], "layers": o.entries}
    widths: dict[Any, Hashable] = {"$channels": "channels", "$(2 * channels)": "double", 2: 2, **outer}
    let = draw(st.booleans()) and {
        "mid": draw(st.sampled_from(["$(2 * channels)", "$(in_channels + channels)", "$(max(2, in_channels // 2))"])),
        "most": "$(max(mid, channels))",
    }
    widths |= {"$mid": "mid", "$(mid + 1)": "more", "$most": "most"} if let else {}
    o = RandomList(draw, blocks, widths, 1, [Val("input", "in", "g")], inside=True)
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
    body: dict[str, Any] = {"params": {"channels": "int", "stride": 1, **PARAMS}}
    body |= {"let": let} if let else {}
    body["layers"] = o.entries
    if kind == "outputs":
        body["outputs"] = [{"id": "main", "from": o.pool[-1].ref}, {"id": "side", "from": main.ref}]
    return body


@st.composite
def networks(draw: DrawFn) -> dict[str, Any]:
    """Draw a spec as plain data, checked by nobody yet, but intended to be right."""
    let = draw(st.booleans()) and {"both": draw(st.sampled_from(["$(width + in_channels)", "$(3 * width)"]))}
    outer: dict[Any, Hashable] = {"$width": "width", "$both": "both"} if let else {"$width": "width"}
    blocks: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for i in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["plain", "residual", "residual", "two", "outputs"]))
        blocks[f"Block{i}"] = block(draw, kind, dict(kinds), outer)
        kinds[f"Block{i}"] = kind
    side, channels = draw(st.integers(4, 7)), draw(st.integers(1, 4))
    two = draw(st.booleans())
    refs = ["left", "right"] if two else ["input"]
    widths: dict[Any, Hashable] = {"$width": "width", "$(width * 2)": "wide", 2: 2, 5: 5}
    widths |= {"$both": "both"} if let else {}
    o = RandomList(draw, kinds, widths, 2, [Val(ref, channels, "g") for ref in refs])
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
    spec |= {"let": let} if let else {}
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
