"""Data of a stranger's file with parts replaced, doubled, dropped and moved."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield from _places(inside, (*path, key))


def _mutated(data: Any, path: tuple[Any, ...], how: str, value: Any, other: tuple[Any, ...]) -> Any:
    """The data with what stands at a place replaced, doubled, dropped, or taken from another place."""
    whole = {"root": copy.deepcopy(data)}
    around: Any = whole
    *steps, last = ("root", *path)
    for step in steps:
        around = around[step]
    if how == "drop" and path:
        del around[last]
    elif how == "double" and isinstance(around, list):
        around.insert(last, copy.deepcopy(around[last]))
    elif how == "move":
        found: Any = data
        for step in other:
            found = found[step]
        around[last] = copy.deepcopy(found)
    else:
        around[last] = value
    return whole["root"] if isinstance(whole["root"], dict) else {"config": whole["root"]}


def _anything(words: Sequence[str]) -> st.SearchStrategy[Any]:
    number = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12)
    leaf = st.none() | st.booleans() | number | st.text(max_size=8) | st.sampled_from(words)
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner), max_leaves=8
    )


@st.composite
def mutants(draw: st.DrawFn, bases: Sequence[dict[str, Any]], words: Sequence[str]) -> Any:
    """One of the bases, changed at one to three places; `words` are some that the format knows."""
    data: Any = draw(st.sampled_from(bases))
    for _ in range(draw(st.integers(1, 3))):
        known = list(_places(data))
        how = draw(st.sampled_from(["replace", "drop", "double", "move"]))
        path, other = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        data = _mutated(data, path, how, draw(_anything(words)), other)
    return data
