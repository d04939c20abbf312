"""Sizes that a message offers work: every input and every padding in it is accepted when it is applied."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import speczoo
import speczoo.compiler.layers
from speczoo.compiler.explain.provenance import keeping
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.compiler.window import Windowed
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.errors import SpecError

#: As it is worded: `an input of 96 x 96`, `multiples of 16: 96 x 96 or 112 x 112`, `input: [1, 28, 28]`.
INPUT = re.compile(r"input(?: that works is| of) (\d+(?: x \d+)*)|multiples of \d+: ([\dx ]+\d) or ([\dx ]+\d)")
WHOLE = re.compile(r"`input: \[([\d, ]+)\]`")


def offered(error: SpecError, channels: int) -> set[tuple[int, ...]]:
    """The inputs that the help of an error offers, without the batch axis."""
    return {shape for diagnostic in error.diagnostics for shape in offers(diagnostic, channels)}


def offers(diagnostic: Diagnostic, channels: int) -> set[tuple[int, ...]]:
    found: set[tuple[int, ...]] = set()
    for line in diagnostic.help:
        for match in INPUT.finditer(line):
            found |= {(channels, *map(int, sizes.split(" x "))) for sizes in match.groups() if sizes}
        found |= {tuple(map(int, match[1].split(", "))) for match in WHOLE.finditer(line)}
    return found


def refused(spec: dict[str, Any], input: list[int] | None = None) -> SpecError | None:
    try:
        speczoo.summary(spec, input=input)
    except SpecError as error:
        return error
    return None


def small(most: int) -> st.SearchStrategy[int]:
    return st.integers(1, most)


CONV = st.fixed_dictionaries(
    {"op": st.just("Conv2d"), "out_channels": small(3), "kernel_size": small(7)},
    optional={"stride": small(3), "padding": st.integers(0, 2), "dilation": small(3)},
)
POOL = st.fixed_dictionaries(
    {"op": st.sampled_from(["MaxPool2d", "AvgPool2d"]), "kernel_size": st.integers(2, 5)}, optional={"stride": small(3)}
)
CUT = st.fixed_dictionaries(
    {"op": st.just("slice"), "dim": st.integers(2, 3), "start": small(4), "stop": st.integers(-2, 5)}
)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Windows, now and then over the way around them, and a layer that states its features at the end."""
    layers: list[dict[str, Any]] = []
    for i, layer in enumerate(draw(st.lists(CONV | POOL | CUT, min_size=1, max_size=6))):
        layers.append({"id": f"w{i}", **layer})
    if draw(st.booleans()):
        layers.append({"id": "up", "op": "Upsample", "scale_factor": 2})
        layers.append(
            {"id": "joined", "op": "concat", "from": ["up", draw(st.sampled_from([e["id"] for e in layers]))]}
        )
    if draw(st.booleans()):
        layers += [{"op": "Flatten"}, {"op": "Linear", "in_features": draw(st.integers(1, 12)) ** 2, "out_features": 2}]
    square = draw(st.booleans())
    height = draw(small(40))
    shape = [draw(small(3)), height, height if square else draw(small(40))]
    if draw(st.integers(0, 3)) == 0:
        shape = [shape[1], shape[2], shape[0]]
    return {"spec": 1, "name": "net", "input": shape, "layers": layers}


#: Two errors of one code at two entries, of which an input of 4 x 4 has the other one alone.
TWO_OF_A_KIND: dict[str, Any] = {
    "spec": 1, "name": "net", "input": [2, 19, 19],
    "layers": [
        {"id": "a", "op": "Conv2d", "out_channels": 1, "kernel_size": 2, "stride": 3},
        {"id": "b", "op": "AvgPool2d", "kernel_size": 2, "stride": 3},
        {"id": "c", "op": "slice", "dim": 2, "start": 3, "stop": -1},
        {"op": "Flatten", "from": "b"},
        {"op": "Linear", "in_features": 30, "out_features": 2},
    ],
}  # fmt: skip


@given(networks())
@example(TWO_OF_A_KIND)
def test_every_input_that_is_offered_is_accepted(spec: dict[str, Any]) -> None:
    """With it, nothing is reported but what no input would mend, where it was offered beside that."""
    error = refused(spec)
    assume(error is not None)
    assert error is not None
    sizes = offered(error, spec["input"][0])
    kept = {(d.code, d.pointer) for d in error.diagnostics if not offers(d, spec["input"][0])}
    for shape in sizes:
        after = refused(spec, list(shape))
        assert {(d.code, d.pointer) for d in (after.diagnostics if after else ())} <= kept, (shape, error, after)


@given(networks())
def test_the_smallest_input_is_the_smallest(spec: dict[str, Any]) -> None:
    error = refused(spec)
    if error is None:
        return
    for match in re.finditer(r"smallest input that works is (\d+) x \1", str(error)):
        for side in range(1, int(match[1])):
            assert refused(spec, [spec["input"][0], side, side]) is not None, (side, str(error))


@pytest.mark.parametrize("side", [8, 32, 64, 80, 106, 107, 160, 298])
def test_a_network_gives_one_answer(side: int) -> None:
    """Errors in several branches have one size in common, which works."""
    with pytest.raises(SpecError) as caught:
        speczoo.summary("inception_v3", input=[3, side, side])
    assert offered(caught.value, 3) == {(3, 299, 299)}
    assert {d.help[0].split(";")[0] for d in caught.value.diagnostics} == {"the smallest input that works is 299 x 299"}


@pytest.mark.parametrize("padded", [False, True])
def test_the_channels_come_first(padded: bool) -> None:
    conv = {"op": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": int(padded)}
    for layers in ([conv], [{**conv, "in_channels": 1}], [conv, conv, {"op": "MaxPool2d", "kernel_size": 2}]):
        error = refused({"spec": 1, "name": "net", "input": [28, 28, 1], "layers": layers})
        if error is not None:
            assert offered(error, 28) == {(1, 28, 28)}
            assert "do the channels come first?" in str(error)
    with pytest.raises(SpecError, match=r"do the channels come first\? there are 28 of them here"):
        speczoo.summary("lenet5_functional", input=[28, 28, 1])  # 28 x 28 is too small for it, whichever way round


DRAWN: dict[str, st.SearchStrategy[Any]] = {
    "kernel_size": small(6), "dilation": small(4), "stride": small(3), "padding": st.integers(0, 2),
    "out_channels": st.just(2), "padding_mode": st.sampled_from(["zeros", "reflect", "circular"]),
    "ceil_mode": st.booleans(), "norm_type": st.just(2.0),
}  # fmt: skip
WINDOWED = sorted(
    name
    for name, layer in Layer.registry.items()
    if issubclass(layer, Windowed) and all(k in DRAWN for k, f in layer.model_fields.items() if f.is_required())
)
assert len(WINDOWED) > 8


@given(st.data())
def test_every_padding_that_is_offered_is_accepted(data: st.DataObject) -> None:
    layer = Layer.registry[data.draw(st.sampled_from(WINDOWED))]
    fields, n = layer.model_fields, layer.spatial  # type: ignore[attr-defined]
    arguments = {name: data.draw(values, name) for name, values in DRAWN.items() if name in fields}
    x = (2, *(data.draw(small(9)) for _ in range(n)))
    body = layer.model_validate(arguments)
    try:
        body.check(x)
        body.apply(Value(x))
    except ShapeError as error:
        for text in error.size_help:
            if (match := re.search(r"a padding of (\d+)", text)) is not None:
                assert applies(layer, {**arguments, "padding": int(match[1])}, x) is not None
        return
    for axis in range(-n, 0):
        if (text := keeping(body, axis, x)) and (match := re.fullmatch(r"padding: (\d+)", text)) is not None:
            assert applies(layer, {**arguments, "padding": int(match[1])}, x) == x[1:]


def applies(layer: type[Layer], arguments: dict[str, Any], x: tuple[int, ...]) -> tuple[int, ...] | None:
    """The sizes that come out; raises ShapeError where the layer does not take its input."""
    body = layer.model_validate(arguments)
    body.check(x)
    return body.apply(Value(x))[0].shape[1:]
