"""What `init` may say is what torch.nn.init takes, for parameters of every shape."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from compiler.initialisers import INITIALISERS, WORDS, BadInit, initialiser, unfit

EDGES = [-1, -1.0, 0, 0.0, 0.5, 1, 1.0, 2, 3, 1e38, 1e39, -1e300]


@st.composite
def said(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(INITIALISERS)))
    arguments = {}
    for key, kinds in INITIALISERS[name].items():
        if draw(st.booleans()):
            values = WORDS.get(key) or [edge for edge in EDGES if isinstance(edge, kinds)]
            arguments[key] = draw(st.sampled_from(values))
    return name, arguments


def torch_takes(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(nn.init, f"{name}_")(torch.empty(shape), **arguments)
    except Exception:
        return False
    return True


@given(said(), st.lists(st.integers(1, 4), min_size=1, max_size=6).map(tuple))
@example(("normal", {"std": -1}), (2,))
@example(("trunc_normal", {"std": 0}), (2,))
@example(("sparse", {}), (2, 2))
@example(("kaiming_normal", {}), (4,))
@example(("dirac", {"groups": 3}), (4, 4, 3, 3))
@example(("eye", {}), (4, 4, 3))
@example(("uniform", {"a": 3, "b": 1}), (2, 2))
def test_the_verdict_is_torchs(said: tuple[str, dict[str, Any]], shape: tuple[int, ...]) -> None:
    name, arguments = said
    try:
        accepted = unfit(initialiser({name: arguments}), shape) is None
    except BadInit:
        accepted = False
    if torch_takes(name, arguments, shape):
        assert accepted or senseless(name, arguments)
    else:
        assert not accepted


def senseless(name: str, arguments: dict[str, Any]) -> bool:
    """What torch takes and a spec may not say: numbers beyond float32, spreads below 0, ends that leave no room."""
    numbers = {key: value for key, value in arguments.items() if not isinstance(value, str)}
    low, high = numbers.get("a", -2), numbers.get("b", 2)
    return (
        any(abs(value) > 3.4e38 for value in numbers.values())
        or any(numbers.get(key, 1) < 0 for key in ("std", "gain", "sparsity"))
        or numbers.get("groups", 1) < 1
        or (name == "trunc_normal" and (low >= high or numbers.get("std") == 0))
    )
