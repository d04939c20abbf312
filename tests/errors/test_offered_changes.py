"""Changes of entries that a message offers work: where two inputs do not fit, each way to mend that is accepted."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

import speczoo
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.errors import SpecError

Data = dict[str, Any]

KEEPS = re.compile(r"`padding: (\[[\d, ]+\]|\d+)` lets `(\w+)` keep the size")
CROPS = re.compile(r"`\{op: crop, from: (\w+), like: (\w+)\}`")
SETS = re.compile(r"set `(out_channels|out_features): (\d+)` of `(\w+)`")
PROJECTS = re.compile(r"project `(\w+)` with a 1x1 convolution to (\d+) channels")

SIZES = st.integers(1, 3)
CONV = st.fixed_dictionaries(
    {
        "op": st.just("Conv2d"),
        "out_channels": st.sampled_from([4, 4, 2]),
        "kernel_size": st.sampled_from([3, 1, 2, [1, 3]]),
    },
    optional={"stride": st.integers(1, 2), "padding": st.integers(0, 1)},
)
OTHER = st.sampled_from(
    [{"op": "ReLU"}, {"op": "MaxPool2d", "kernel_size": 2}, {"op": "GLU", "dim": 1}]
)  # halves the channels


@st.composite
def branches(draw: st.DrawFn) -> Data:
    """A stem, two ways on from it, and what joins them."""
    layers: list[Data] = [{"id": "stem", "op": "Conv2d", "out_channels": 4, "kernel_size": draw(SIZES)}]
    ends = []
    for name in "ab":
        before = "stem"
        for i, layer in enumerate(draw(st.lists(CONV | OTHER, max_size=3))):
            layers.append({"id": f"{name}{i}", "from": before, **layer})
            before = f"{name}{i}"
        ends.append(before)
    layers.append(
        {"id": "joined", "op": draw(st.sampled_from(["add", "mul", "concat"])), "from": draw(st.permutations(ends))}
    )
    return {"spec": 1, "name": "net", "input": [2, draw(st.integers(12, 20)), 16], "layers": layers}


def ends(spec: Data) -> list[Data]:
    return [{"id": id, "from": source} for id, source in zip("xy", spec["layers"][-1]["from"], strict=True)]


def wrong(spec: Data) -> Diagnostic | None:
    """What is reported of the entry that joins, or of one that was put before it; nothing else is looked at."""
    try:
        speczoo.check(spec)
    except SpecError as error:
        return next((d for d in error.diagnostics if d.path in ("put", "joined")), None)
    return None


def put(spec: Data, source: str, entry: Data) -> Data:
    """The spec with an entry before the last one, which takes it in place of another."""
    made = copy.deepcopy(spec)
    joined = made["layers"][-1]
    joined["from"] = ["put" if each == source else each for each in joined["from"]]
    made["layers"].insert(-1, {"id": "put", **entry})
    return made


def changed(spec: Data, key: str, values: dict[str, Any]) -> Data:
    made = copy.deepcopy(spec)
    for entry in made["layers"]:
        if entry["id"] in values:
            entry[key] = values[entry["id"]]
    return made


def offered(spec: Data, line: str) -> Iterator[tuple[str, Data]]:
    """Each way that a line of help offers, as its name and the spec with it."""
    if kept := KEEPS.findall(line):
        assert len({name for _, name in kept}) == len(kept), line
        yield "keep", changed(spec, "padding", {name: padding(text) for text, name in kept})
    for large, small in CROPS.findall(line):
        yield "crop", put(spec, large, {"op": "crop", "from": large, "like": small})
    for key, number, name in SETS.findall(line):
        yield "set", changed(spec, key, {name: int(number)})
    for name, number in PROJECTS.findall(line):
        entry = {"op": "Conv2d", "from": name, "out_channels": int(number), "kernel_size": 1}
        yield "project", put(spec, name, entry)


def padding(text: str) -> Any:
    return [int(n) for n in re.findall(r"\d+", text)] if text.startswith("[") else int(text)


@given(branches())
def test_every_change_that_is_offered_is_accepted(spec: Data) -> None:
    stated = wrong(spec)
    assume(stated is not None)
    assert stated is not None
    sizes = {
        tuple(speczoo.graph({**spec, "layers": spec["layers"][:-1], "outputs": ends(spec)}).outputs[n][1:])
        for n in "xy"
    }
    assert len(sizes) == 1 or any("-->" in note for note in stated.notes)
    for line in stated.help:
        for way, made in offered(spec, line):
            event(way)
            assert made != spec
            left = wrong(made)
            apart = way == "keep" and left is not None and "differ in channels: " in left.message
            assert left is None or apart, (way, line)  # what mends the sizes leaves the channels
