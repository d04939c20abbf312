"""What a message is made of: a stranger's words, fit to be shown, values, and lists of words."""

from __future__ import annotations

from collections.abc import Sequence


def printable(text: object) -> str:
    """Return the text of a stranger on one line, shortened, with nothing in it that a terminal would act on."""
    shown = str(text)
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return shown if len(shown) <= 80 else shown[:77] + "..."


def enumerated(words: Sequence[str]) -> str:
    """Return `3, 3 and 5`."""
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def listed(names: Sequence[str]) -> str:
    """Return `a`, `b` and `c`."""
    return enumerated([f"`{name}`" for name in names])


def by_axis(sizes: Sequence[int]) -> str:
    """Return a shape as `3x224x224`; one without axes is a `scalar`."""
    return "x".join(map(str, sizes)) or "scalar"


def scaled(number: int, unit: str = "") -> str:
    """Return `1.81 G`, or `46.8 MB`: three digits and the power of a thousand before the unit."""
    for power, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power * 0.9995:
            value = number / power
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {prefix}{unit}"
    return f"{number} {unit}"


def printed(value: object) -> str:
    """Return a value in the spec's own words, shortened."""
    text = (
        repr(value)
        if isinstance(value, str)
        else str(value).replace("True", "true").replace("False", "false").replace("None", "null")
    )
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 60 else text[:57] + "..."
