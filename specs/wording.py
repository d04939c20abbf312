"""What a message is made of: a stranger's words, fit to be shown, values, and lists of words."""

from __future__ import annotations

import re
from collections.abc import Sequence


def printable(text: object) -> str:
    """Return the text of a stranger on one line, shortened, with nothing in it that a terminal would act on."""
    shown = str(text)
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return shown if len(shown) <= 80 else shown[:77] + "..."


def enumerated(words: Sequence[str], most: int | None = None) -> str:
    """Return `3, 3 and 5`; where they are more than `most`, the first ones and how many more."""
    if most is not None and len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    return " and ".join((", ".join(words[:-1]), words[-1]) if len(words) > 1 else words)


def listed(names: Sequence[str]) -> str:
    """Return `a`, `b` and `c`."""
    return enumerated([f"`{name}`" for name in names])


def by_axis(sizes: Sequence[int]) -> str:
    """Return a shape as `3x224x224`; one without axes is a `scalar`."""
    return "x".join(map(str, sizes)) or "scalar"


#: The powers of a thousand, and what stands for each before a unit.
POWERS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def scaled(number: int, unit: str = "") -> str:
    """Return `1.81 G`, or `46.8 MB`: three digits and the power of a thousand before the unit."""
    for power, prefix in POWERS:
        if number >= power * 0.9995:
            value = number / power
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {prefix}{unit}"
    return f"{number} {unit}"


def scaled_pattern(unit: str = "") -> str:
    """Return the regular expression of what `scaled` writes with this unit, with any number of digits; a number without
    any of it is none.
    """
    return rf"[0-9]{{1,15}}(\.[0-9]{{1,15}})? ?[kMGT]{'?' if unit else ''}{unit}"


def unscaled(text: str, unit: str = "") -> int | float | None:
    """Return the number that is written as `scaled` writes them; None where none is."""
    if not re.fullmatch(scaled_pattern(unit), text):
        return None
    text = text.removesuffix(unit)
    power = next((power for power, prefix in POWERS if text.endswith(prefix)), 1)
    whole, _, part = text.rstrip(" kMGT").partition(".")
    times, by = int(whole + part) * power, int("1" + "0" * len(part))
    return times / by if times % by else times // by


def printed(value: object) -> str:
    """Return a value in the spec's own words, shortened."""
    text = (
        repr(value)
        if isinstance(value, str)
        else str(value).replace("True", "true").replace("False", "false").replace("None", "null")
    )
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 60 else text[:57] + "..."
