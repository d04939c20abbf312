"""Expressions of a block's parameters mean in the emitted code what they meant to the walk."""

from __future__ import annotations

import ast
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from speczoo import api
from speczoo.compiler.emit.constructions import _runs
from speczoo.compiler.emit.python import WIDTH, _broken
from speczoo.specs.errors import SpecError
from tests.properties.test_expression import CONDITIONS, NUMBERS, texts_of
from tests.properties.test_mutations import runs_as_predicted

LISTED = ["sum(l)", "len(l + l)", "(l + l)[i]", "l[-1]"]
SIZES = ["in_channels", "in_channels % a", "in_channels - input.height"]  # the last is nothing Python can say
DECIDING = ["(n in l)", "(l == l)", "(l != l + [n])", "(n in l or c)"]
PARAMS = {"a": 3, "b": 4, "c": 2, "xs": [3, 1, 2]}


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    """A block whose widths and conditions are computed, used with other parameters each time."""
    computed = texts_of([text for text in NUMBERS if "**" not in text] + 3 * LISTED)
    layers: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.sampled_from(SIZES) if draw(st.booleans()) else computed)
        stated = [layer["out_channels"] for layer in layers]
        width = draw(st.sampled_from([f"$(max(1, min(9, int(abs({number})))))", *stated]))
        layers.append({"op": "Conv2d", "out_channels": width, "kernel_size": 1})
        if draw(st.booleans()):
            plain = draw(st.booleans())
            condition = draw(st.sampled_from(["a > 3", "b > 4"]) if plain else texts_of(CONDITIONS + 3 * DECIDING))
            layers[-1]["when"] = f"$({condition})"
        if draw(st.booleans()):
            layers[-1] = {"for": {"a": draw(st.sampled_from(["1..2", "$xs", [5, "$(b + 1)"]]))}, **layers[-1]}
    changes = st.fixed_dictionaries(
        {},
        optional={
            "a": st.integers(1, 5),
            "b": st.integers(1, 70),
            "c": st.integers(-7, 7).filter(bool),
            "xs": st.lists(st.integers(1, 6), min_size=3, max_size=3),
        },
    )
    uses = [{"op": "B"}, {"op": "B", "xs": [2, 4, 2], "b": 5}, {"op": "B", **draw(changes)}]
    return {
        "spec": 1, "name": "t", "input": [3, 2, 2], "layers": uses,
        "blocks": {"B": {"params": {**PARAMS}, "layers": layers}},
    }  # fmt: skip


@settings(max_examples=6 * settings().max_examples)
@given(blocks())
def test_what_is_emitted_is_what_was_predicted(spec: dict[str, Any]) -> None:
    try:
        graph = api.graph(spec)
    except SpecError as error:
        assert error.diagnostics  # noqa: PT017
        return
    runs_as_predicted(graph)


FORMS = (
    "f({0})", "f(x, {0}, {1})", "f(x, {0} * {1})", "f(k={0}, j=x - {1})", "f(({0}, {1}), x ** {0})", "f([{0}], -{1})",
    "f(eps=1e-0{0}, k={1})", "f(1.{0}, {1}.5)", "f(x=={0}, {1})", "f('a{0}', {1})", 'f("a{0}", {1})',
    'f("{{{0}}}", {1})', '("a{0}", f({1}))', '("a-{0}-{1}", f())', '("a0{0}", f(\\n    {1},\\n))',
    "f(*[f(i, {0}) for i in range(2)], {1})",
)  # fmt: skip
MOVES = st.tuples(st.sampled_from(FORMS), st.integers(-4, 4), st.integers(-2, 2), st.integers(0, 9), st.integers(-2, 2))


@settings(max_examples=4 * settings().max_examples)
@given(st.lists(MOVES, min_size=1, max_size=3), st.integers(1, 5))
def test_items_written_as_a_loop_are_the_items(runs: list[tuple[str, int, int, int, int]], length: int) -> None:
    """Whatever moves in them, and wherever it stands."""
    items = [
        form.format(first + turn * step, abs(other + turn * by))
        for form, first, step, other, by in runs
        for turn in range(length)
    ]
    names = {"f": lambda *given, **named: (given, named), "x": 3}
    written = [eval(item, dict(names)) for item in items if _reads(item)]
    rolled = _runs([item.split("\n") for item in items if _reads(item)], named=False)
    lines = "".join("\n".join(lines) + ",\n" for lines in rolled)
    assert eval(f"[{lines}]", dict(names)) == written


def _reads(item: str) -> bool:
    try:
        ast.parse(item, mode="eval")
    except SyntaxError:  # `1e-0-3`
        return False
    return True


@given(
    st.lists(st.text("abc", min_size=1, max_size=90), min_size=1, max_size=9), st.sampled_from(["", ", 1", ", dim=-1"])
)
def test_a_call_over_several_lines_is_the_call(names: list[str], rest: str) -> None:
    line = f"x = torch.cat([{', '.join(names)}]{rest})"
    lines = _broken(line)
    assert ast.dump(ast.parse("\n".join(lines))) == ast.dump(ast.parse(line))
    assert max(map(len, lines)) <= WIDTH
