"""The sizes that a network takes, by rule, are those that it takes when it is asked about one: by its layers' rules
for ints, by compiling it for that size, and by torch."""

from __future__ import annotations

import copy
import math
import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st

import speczoo
from speczoo.compiler.analysis.formula import formula, members
from speczoo.compiler.analysis.losses import losses
from speczoo.compiler.analysis.size_set import SizeSet
from speczoo.compiler.analysis.sizes import Sizes
from speczoo.compiler.analysis.symbolic import is_size
from speczoo.compiler.emit.sizes import lines, symbol_names
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer
from speczoo.compiler.window import Windowed
from speczoo.specs.errors import SpecError
from tests.random_maps import networks
from tests.steps import counted

UNET = speczoo.sizes("unet")
#: For what is asked of every single size.
EVERY = settings(max_examples=max(10, settings().max_examples // 2))
#: Ops that refuse what torch takes: torch broadcasts 1 against n, and pads or crops by what it has.
STRICTER = ("add", "mul", "crop", "GLU")


def checked(sizes: Sizes, at: tuple[int, ...]) -> Any:
    """What comes out by the rules for ints; None where a layer refuses the size."""
    if sizes.refusal(*at) is not None:
        return None
    by_ints = copy.copy(sizes)
    by_ints.__dict__["rule"] = None
    return by_ints.output(*at)


def predicted(sizes: Sizes, at: tuple[int, ...]) -> Any:
    return sizes.output(*at) if sizes.accepts(*at) else None


def near(sizes: Sizes, reach: int) -> list[tuple[int, ...]]:
    """Sizes that change one axis, and all at once."""
    declared = tuple(axis.declared for axis in sizes.axes)
    one = [(*declared[:i], n, *declared[i + 1 :]) for i in range(len(declared)) for n in range(1, reach)]
    return [*one, *((n,) * len(declared) for n in range(1, reach))]


@EVERY
@given(networks(), st.data())
def test_a_rule_agrees_with_every_single_size(net: dict[str, Any], data: st.DataObject) -> None:
    sizes = speczoo.sizes(net)
    assert sizes.rule is not None  # all that is drawn here has one
    drawn = [data.draw(st.tuples(*(st.integers(1, 70) for _ in sizes.axes))) for _ in range(10)]
    for at in [*near(sizes, 65), *drawn]:
        assert predicted(sizes, at) == checked(sizes, at), at


@EVERY
@given(networks(axes=(1, 1, 2), inputs=2), st.data())
def test_a_rule_of_several_inputs_agrees_with_every_single_size(net: dict[str, Any], data: st.DataObject) -> None:
    sizes = speczoo.sizes(net)
    if sizes.rule is None:
        event("no short rule")
        return
    declared = [axis.declared for axis in sizes.axes]
    grown = [tuple(max(1, n * by // 6) for n in declared) for by in range(1, 20)]
    drawn = [data.draw(st.tuples(*(st.integers(1, 12) for _ in declared))) for _ in range(20)]
    for at in [*near(sizes, 25), *grown, *drawn]:
        assert predicted(sizes, at) == checked(sizes, at), at


@EVERY
@given(networks(), st.data())
def test_a_size_is_accepted_where_the_same_network_is_compiled_for_it(net: dict[str, Any], data: st.DataObject) -> None:
    sizes, graph = speczoo.sizes(net), speczoo.graph(net)
    for at in data.draw(st.lists(st.tuples(*(st.integers(1, 45) for _ in sizes.axes)), min_size=5, max_size=5)):
        try:
            again = speczoo.graph(net, input=shape(net, sizes, at))
        except SpecError:
            assert not sizes.accepts(*at), at
            continue
        same = again.state == graph.state and calls(again) == calls(graph)
        assert sizes.accepts(*at) == same, at
        if same:
            outputs = {
                port.name: value.shape for port, value in zip(again.root.outputs, again.root.values, strict=True)
            }
            assert predicted(sizes, at) in (outputs, next(iter(outputs.values())))


def shape(net: dict[str, Any], sizes: Sizes, at: tuple[int, ...]) -> list[int]:
    """The input with these sizes: one of two axes may be tokens x features, where the last is pinned."""
    free = {axis.dim - 1: n for axis, n in zip(sizes.axes, at, strict=True)}
    return [free.get(dim, n) for dim, n in enumerate(net["input"])]


def calls(graph: Graph) -> list[Any]:
    return [node.call for _, node, _ in graph.walk()]


@given(networks(axes=(1, 2)), st.data())
def test_torch_takes_the_same_sizes(net: dict[str, Any], data: st.DataObject) -> None:
    """On the CPU, since the meta device lets a transposed convolution go down to nothing."""
    sizes = speczoo.sizes(net)
    module = speczoo.build(net).eval()
    for at in data.draw(st.lists(st.tuples(*(st.integers(1, 45) for _ in sizes.axes)), min_size=4, max_size=4)):
        refusal = sizes.refusal(*at)
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out = module(torch.zeros(2, *shape(net, sizes, at)))
        except (RuntimeError, ValueError, AssertionError):
            assert refusal is not None, at
            assert not sizes.accepts(*at)
            continue
        if refusal is not None and refusal.op in STRICTER:
            continue
        shapes = [tuple(part.shape[1:]) for part in (out if isinstance(out, tuple) else (out,))]
        expected = sizes.output(*at)
        assert shapes == (list(expected.values()) if isinstance(expected, dict) else [expected])


# -- what is shown of them ----------------------------------------------------------------------------------------


@given(networks())
def test_formulas_have_the_values_of_their_functions(net: dict[str, Any]) -> None:
    sizes = speczoo.sizes(net)
    rule = sizes.rule
    assert rule is not None
    names = symbol_names(sizes, rule)
    for value in rule.outputs:
        for size in value.shape:
            text = formula(size, rule.region, names) if is_size(size) else None
            for at in near(sizes, 60) if text is not None else ():
                if sizes.accepts(*at):
                    assert evaluated(text, names, at) == size(at), (text, at)


def evaluated(text: str | None, names: list[str], at: tuple[int, ...]) -> float:
    """The value of a formula as a person reads it: `2 floor((height + 3) / 4) - 1`."""
    assert text is not None
    python = re.sub(r"(\d) ([a-z(])", r"\1 * \2", text)
    return float(eval(python, {"floor": math.floor, "ceil": math.ceil, **dict(zip(names, at, strict=True))}))


@given(networks(axes=(1, 2)))
def test_a_layer_that_drops_rows_never_reads_them(net: dict[str, Any]) -> None:
    """A gradient says which rows a window reads: of all up to the last window, but for those between two."""
    sizes = speczoo.sizes(net)
    rule = sizes.rule
    assert rule is not None
    found = {(loss.path, loss.axis): loss for loss in losses(rule)}
    for made in rule.maps:
        body = made.node.body
        if not isinstance(body, Windowed) or getattr(body, "padding_mode", "zeros") != "zeros":
            continue
        for n in range(1, 50):
            at = (n,) * len(rule.region.boxes[0])
            size: Any = made.arriving[0].shape[1]
            if not is_size(size) or at not in rule.region:
                continue
            loss = found.get((made.path, "length" if body.spatial == 1 else "height"))
            assert (loss is not None and at[loss.symbol] in loss.sizes) == (unread(body, size(at)) > 0)


def unread(body: Windowed, size: int) -> int:
    """How many places at the end no window covers, but for as many as lie between two windows."""
    window = body.window()
    places = window.places(0, size)
    end = (places - 1) * window.stride[0] - window.before[0] + window.reach[0]
    return size - end - max(0, window.stride[0] - window.reach[0])


@st.composite
def sets(draw: st.DrawFn) -> SizeSet:
    early, start = draw(st.integers(0, 2**20)), draw(st.integers(1, 20))
    period = draw(st.integers(1, 8))
    return SizeSet.of(early, start, period, draw(st.integers(0, 2**period - 1)))


@given(sets())
def test_a_set_in_words_has_the_members_that_it_says(sizes: SizeSet) -> None:
    text = members(sizes)
    if text is not None:
        assert {n for n in range(1, 80) if stated(text, n)} == {n for n in range(1, 80) if n in sizes}, text


def stated(text: str, n: int) -> bool:
    """Whether a size is among those that a sentence says."""
    early, _, later = text.rpartition("then ")
    if re.match(r"\d+\b(?! and up)", later):
        early, later = later, ""
    for run in re.findall(r"\d+(?: to \d+)?", early):
        first, _, last = run.partition(" to ")
        if int(first) <= n <= int(last or first):
            return True
    words, _, first = later.partition(" from ")
    return bool(words) and n >= int(first or 1) and above(words, n)


def above(words: str, n: int) -> bool:
    numbers = [int(number) for number in re.findall(r"\d+", words)]
    match re.sub(r"\d+(?:, \d+)*", "#", words):
        case "every size":
            return True
        case "# and up":
            return n >= numbers[0]
        case "even sizes" | "odd sizes":
            return n % 2 == (words == "odd sizes")
        case "multiples of #":
            return n % numbers[0] == 0
        case "n mod # = #" | "n mod # in #":
            return n % numbers[0] in numbers[1:]
        case "n mod # in # to #":
            return numbers[1] <= n % numbers[0] <= numbers[2]
    raise AssertionError(words)


@given(networks())
def test_every_network_has_sizes_in_words(net: dict[str, Any]) -> None:
    assert dict(lines(speczoo.sizes(net)))["accepts"]


def test_weights_of_a_custom_layer_that_follow_from_a_size_pin_it() -> None:
    class Placed(Layer):
        """A number for every place, which is not stated to be derived."""

        def weights(self, x: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
            return {"weight": x[1:]}

    net = {"spec": 1, "name": "net", "input": [1, 8, 9], "layers": [{"op": "Placed"}]}
    sizes = speczoo.sizes(net)
    assert sizes.rule is not None
    assert [at for at in near(sizes, 20) if sizes.accepts(*at)] == [(8, 9), (8, 9)]
    assert all(predicted(sizes, at) == checked(sizes, at) for at in near(sizes, 20))


def calls_for(net: Any) -> int:
    """How many functions are called for a rule."""
    sizes = speczoo.sizes(net)
    _, count = counted(lambda: sizes.rule)
    return count


def stack(layers: int) -> dict[str, Any]:
    """As many layers, no two of which are alike, and each of which refuses some sizes."""
    convs = [{"op": "Conv2d", "out_channels": i + 1, "kernel_size": 3} for i in range(layers)]
    return {"spec": 1, "name": "stack", "input": [1, 400, 400], "layers": convs}


def test_a_rule_is_linear_in_the_layers() -> None:
    assert calls_for(stack(80)) < 2.1 * calls_for(stack(40))


def test_a_rule_of_a_residual_network_takes_few_steps() -> None:
    """A millisecond is some ten thousand; `bench_sizes` has the clock's word."""
    assert calls_for("resnet34") < 10_000


@given(st.integers(-3, 200), st.sampled_from([int, np.int64, np.int32, np.array]))
def test_sizes_are_whole_numbers_of_any_kind(size: int, kind: Any) -> None:
    plain, other = (16 * size, 32), (kind(16 * size), kind(32))
    assert UNET.accepts(*other) == UNET.accepts(*plain)
    assert UNET.refusal(*other) == UNET.refusal(*plain)
    if UNET.accepts(*plain):
        assert UNET.output(*other) == UNET.output(*plain)


@given(st.one_of(st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers())), st.booleans())
def test_what_is_no_size_is_refused_by_name(odd: Any, first: bool) -> None:
    for asked in (UNET.accepts, UNET.output, UNET.refusal):
        with pytest.raises(TypeError, match="a size is a whole number, not"):
            asked(*((odd, 32) if first else (32, odd)))


def test_a_number_of_sizes_that_is_not_that_of_the_axes_is_refused() -> None:
    for wrong in ((), (32,), (32, 32, 32)):
        with pytest.raises(TypeError, match=rf"unet has 2 free axes \(height, width\), and sizes for {len(wrong)} "):
            UNET.accepts(*wrong)
