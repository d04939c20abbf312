"""Constants are found again as rules over places: what the rule computes is the constant."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import speczoo
from speczoo.importing.constants import buffer_of


def built(arguments: dict[str, object]) -> Tensor:
    """The numbers of a Buffer with these arguments, as the network holds them."""
    layers = [
        {"id": "constant", "op": "Buffer", **arguments},
        {"id": "first", "op": "mul", "from": ["input", 0]},
    ]
    model = speczoo.build({"spec": 1, "name": "n", "input": [1], "layers": layers})
    found: Tensor = model.constant
    return found


@settings(max_examples=settings().max_examples // 2)
@given(st.integers(2, 6), st.integers(2, 4), st.lists(st.integers(-9, 9), min_size=5, max_size=5), st.booleans())
def test_sums_of_rows_and_columns(width: int, height: int, numbers: list[int], distances: bool) -> None:
    n = width * height
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    terms = [i // width, i % width, j // width, j % width]
    if distances:
        terms = [(terms[0] - terms[2]).abs(), (terms[1] - terms[3]).abs()]
    wanted = sum(a * term for a, term in zip(numbers, terms, strict=False)) + torch.full((n, n), numbers[-1])
    assert torch.equal(built(buffer_of(wanted)), wanted)


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(["tril", "triu", "ones"]))
def test_masks(rows: int, columns: int, kind: str) -> None:
    ones = torch.ones(rows, columns)
    wanted = {"tril": ones.tril(), "triu": ones.triu(1), "ones": ones}[kind].bool()
    assert torch.equal(built(buffer_of(wanted)), wanted)
