"""What is drawn of free parameters and constants: see `speczoo.testing.cases`."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.compiler.layer import Layer
from speczoo.testing.cases import NUMBERS, POSITIVE, Arguments, Drawn, family, shape_of, size, some


@family("Parameter")
def parameter(draw: DrawFn, layer: type[Layer]) -> Drawn:
    init = st.one_of(
        NUMBERS,
        st.fixed_dictionaries({"normal": st.fixed_dictionaries({"std": POSITIVE})}),
        st.fixed_dictionaries({"uniform": st.fixed_dictionaries({"a": st.just(-1), "b": POSITIVE})}),
        st.just({"trunc_normal": {"std": 0.02}}),
        st.just({"normal": {"sigma": 0.02}}),
    )
    return {"shape": draw(shape_of(3)), **some(draw, init=init, leading=st.booleans())}, ()


#: Numbers that double precision has exactly, and their sums and products too.
_FRACTIONS = st.sampled_from([0.0, 0.5, -1.5, 2.0, 100.0, -1e30])


def expressions(names: list[str]) -> SearchStrategy[str]:
    """Return the strategy of expressions over places; most have a value at each."""
    leaves = st.one_of(st.sampled_from(names), st.integers(0, 5).map(str), _FRACTIONS.map(repr))

    def grown(inner: SearchStrategy[str]) -> SearchStrategy[str]:
        binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner)
        test = st.tuples(inner, st.sampled_from(["<", "<=", "==", "!="]), inner).map(lambda t: f"{t[0]} {t[1]} {t[2]}")
        both = st.tuples(test, st.sampled_from(["and", "or"]), test).map(lambda t: f"({t[0]}) {t[1]} not ({t[2]})")
        alike = st.tuples(test, st.sampled_from(["==", "!="]), test).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})")
        named = st.sampled_from(["abs", "sqrt", "exp", "log", "sin", "cos", "floor", "ceil", "round", "int", "float"])
        return st.one_of(
            binary.map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, st.one_of(test, both, alike), inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
            st.tuples(named, inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
            inner.map(lambda text: f"(-{text})"),
            inner.map(lambda text: f"(1 + abs({text})) ** 0.5"),
        )

    chosen = st.tuples(st.sampled_from(names), st.sampled_from(names)).map(lambda t: f"{t[1]} <= {t[0]}")
    return st.one_of(chosen, st.recursive(leaves, grown, max_leaves=6))


@family("Buffer")
def buffer(draw: DrawFn, layer: type[Layer]) -> Drawn:
    shape = draw(st.lists(size(1, 4), min_size=1, max_size=3))
    number = draw(st.sampled_from([st.integers(-5, 5), NUMBERS, st.booleans(), st.one_of(NUMBERS, st.integers(0, 2))]))
    kind = draw(st.sampled_from(["one", "lists", "flat", "places", "places"]))
    arguments: Arguments = {"shape": shape, **some(draw, persistent=st.booleans(), leading=st.booleans())}
    if kind == "places":
        names = ["i", "j", "k"][: len(shape)]
        return {**arguments, "at": names, "value": f"$({draw(expressions(names))})"}, ()
    if kind == "one":
        return {**arguments, "value": draw(number)}, ()
    if kind == "flat":
        count = math.prod(shape)
        return {**arguments, "value": draw(st.lists(number, min_size=max(1, count - 1), max_size=count))}, ()
    lists: SearchStrategy[Any] = number
    for n in reversed(shape):
        lists = st.lists(lists, min_size=n, max_size=n)
    stated = draw(st.booleans())
    return {**{k: v for k, v in arguments.items() if stated or k != "shape"}, "value": draw(lists)}, ()
