"""Arguments of a layer in a few words, as drawings have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Arguments that their value alone shows, those that a sign shows, and those that say nothing of a picture.
PLAIN = ("out_channels", "out_features", "embedding_dim", "hidden_size", "shape", "dims", "unflattened_size", "to")
SIGNS = {"kernel_size": "{}", "stride": "/{}", "output_size": "to {}", "size": "to {}", "scale_factor": "\u00d7{}"}
SILENT = frozenset(
    {"padding", "bias", "inplace", "eps", "momentum", "output_padding", "padding_mode", "init", "leading"}
)
MOST = 4


def detail(given: Mapping[str, Any], axes: int = 1) -> str:
    """Return the arguments that tell layers apart, as drawings have them: `64, 7x7, /2`, one number for so many axes
    as often.
    """
    words = [word for name, value in sorted(given.items(), key=_rank) if (word := _word(name, value, axes))]
    return ", ".join(words[:MOST])


def _rank(item: tuple[str, Any]) -> int:
    order = [*PLAIN, *SIGNS]
    return order.index(item[0]) if item[0] in order else len(order)


def _word(name: str, value: Any, axes: int) -> str:
    if name in SILENT or value is None:
        return ""
    if name in PLAIN:
        return _number(value)
    if name in SIGNS:
        spread = isinstance(value, int) and name in ("kernel_size", "output_size", "size")
        return SIGNS[name].format(_number([value] * axes if spread else value))
    return name if value is True else f"{name} {_number(value)}"


def _number(value: Any) -> str:
    several = value if isinstance(value, tuple | list) else (value,)
    text = "\u00d7".join(f"{each:g}" if isinstance(each, float) else str(each) for each in several)
    return text if len(text) <= 24 else f"{text[:23]}\u2026"
