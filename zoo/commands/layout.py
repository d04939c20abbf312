"""How things look on paper: titles, numbers and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speczoo.console import BOLD, DIM, Line, Styled
from speczoo.specs.wording import by_axis, scaled


def title(name: str, detail: str = "") -> Line:
    """Return the line above a table."""
    head = Styled(name, BOLD)
    return [head, "  ", Styled(detail, DIM)] if detail else head


def shape(sizes: Sequence[int] | Mapping[str, Sequence[int]]) -> str:
    """Return `3x224x224`, as --input takes it; several inputs by their names."""
    if isinstance(sizes, Mapping):
        return ", ".join(f"{name}={shape(own)}" for name, own in sizes.items())
    return by_axis(sizes)


def flow(inputs: Mapping[str, Sequence[int]], outputs: Mapping[str, Sequence[int]]) -> str:
    """Return `3x224x224 -> 1000`, what goes into a network and what comes out of it; several by their names."""
    return " -> ".join(shape(own if len(own) > 1 else next(iter(own.values()))) for own in (inputs, outputs))


def count(number: int | None) -> str:
    """Return `11,689,512`."""
    return "" if number is None else f"{number:,}"


def short(number: int | None) -> str:
    """Return `1.81 G`, three digits and the power of a thousand."""
    return "" if number is None else scaled(number)


def text(value: Any) -> str:
    """Return a printed figure as it was printed."""
    return "" if value is None else str(value)
