"""Constants that follow one rule here and another there: a rule for each slice, for a border, for shifted windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from speczoo.specs.expression import substituted_in
from speczoo.specs.limits import EXPRESSION_LENGTH

#: How many slices may have a rule of their own.
FEW = 4
#: What stands around a rule.
AROUND = "$(float())"
#: A search for the rule of a tensor.
Search = Callable[[Tensor], str | None]


def pieces(value: Tensor, rule: Search) -> Iterator[str]:
    """Yield expressions over the places i, j, k, l that give a tensor, whose parts have rules that are found."""
    for found in (_windows(value), _slices(value, rule), _bordered(value, rule), _headed(value, rule)):
        if found is not None and len(found) <= EXPRESSION_LENGTH - len(AROUND):
            yield found


def _slices(value: Tensor, rule: Search) -> str | None:
    """Return a rule for each place along the last axis."""
    if value.dim() < 2 or value.shape[-1] > FEW:
        return None
    name, rules = "ijkl"[value.dim() - 1], [rule(part) for part in value.unbind(-1)]
    if None in rules:
        return None
    if len({*rules}) == 1:
        return rules[0]
    *first, last = (f"({each})" if each and " if " in each else each for each in rules)
    return " else ".join([*(f"{each} if {name} == {at}" for at, each in enumerate(first)), f"{last}"])


def _bordered(value: Tensor, rule: Search) -> str | None:
    """Return a rule for a table whose first row and column, a class token's, have numbers of their own."""
    if value.dim() != 2 or min(value.shape) < 3 or len({*value[0, 1:].tolist()} | {*value[1:, 0].tolist()}) > 2:
        return None
    inside = rule(value[1:, 1:])
    if inside is None:
        return None
    shifted = _shifted(inside, "ij")
    corner, row, column = (each.item() for each in (value[0, 0], value[0, 1], value[1, 0]))
    return f"{shifted} if i > 0 and j > 0 else {corner} if i == j else {row} if i == 0 else {column}"


def _headed(value: Tensor, rule: Search) -> str | None:
    """Return a rule for a table whose first row, a class token's, is one number."""
    if value.dim() != 2 or len(value) < 3 or bool((value[0] != value[0, 0]).any()):
        return None
    inside = rule(value[1:])
    return None if inside is None else f"{value[0, 0].item()} if i == 0 else {_shifted(inside, 'i')}"


def _shifted(rule: str, names: str) -> str:
    """Return a rule that counts some of the places from 1."""
    return substituted_in(rule, {name: f"({name} - 1)" for name in names})


def _windows(value: Tensor) -> str | None:
    """Return the rule of the masks of shifted windows: what was not together before the shift does not see each other,
    in the last row and column of windows.
    """
    if value.dim() != 3 or value.shape[1] != value.shape[2]:
        return None
    across, side = round(value.shape[0] ** 0.5), round(value.shape[1] ** 0.5)
    low = value.min().item()
    if across**2 != value.shape[0] or side**2 != value.shape[1] or value.max() or not low:
        return None
    window = torch.arange(value.shape[0])[:, None, None]
    i, j = torch.arange(side**2)[:, None], torch.arange(side**2)[None]
    for shift in range(1, side):
        kept = side - shift
        apart = (window // across == across - 1) & ((i // side < kept) != (j // side < kept))
        apart |= (window % across == across - 1) & ((i % side < kept) != (j % side < kept))
        if torch.equal(torch.where(apart, low, 0.0).to(value.dtype), value):
            rows = f"i // {across} == {across - 1} and (j // {side} < {kept}) != (k // {side} < {kept})"
            columns = f"i % {across} == {across - 1} and (j % {side} < {kept}) != (k % {side} < {kept})"
            return f"{low} if {rows} or {columns} else 0.0"
    return None
