"""What an unquoted word of YAML means: the core schema of YAML 1.2, strictly.

`null ~` and nothing at all are None; `true false` (also True, TRUE) are bools; `12 -3 0x1F 0o17` are ints; `0.5 .5 1.
1e-5` are floats; all else is text. What another reader of YAML would take for something else is not guessed at but
refused: the switches of YAML 1.1 (`no`, `off`), `010`, `1_000`, `1:30`, `0b11`, and numbers that are not finite.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.problem import Problem, ProblemError

Scalar: TypeAlias = str | int | float | bool | None


class ImplicitWord(ProblemError):
    """A word that means different things to different readers, or a number that a spec cannot hold.

    `guess` is what was probably intended; the problem's replacement says just that, where there is no doubt.
    """

    def __init__(self, message: str, help: str, guess: Scalar, replacement: str | None = None) -> None:
        super().__init__(Problem("bad-value", message, help=(help,), replacement=replacement))
        self.guess = guess


def _cases(*words: str) -> list[str]:
    return [form for word in words for form in (word, word.capitalize(), word.upper())]


_KNOWN: dict[str, Scalar] = {
    "": None,
    "~": None,
    **dict.fromkeys(_cases("null"), None),
    **dict.fromkeys(_cases("true"), True),
    **dict.fromkeys(_cases("false"), False),
}
_SWITCHES = {**dict.fromkeys(_cases("yes", "on"), True), **dict.fromkeys(_cases("no", "off"), False)}
_NOT_FINITE = frozenset(
    sign + word
    for sign in ("", "+", "-")
    for word in ("NaN", "Infinity", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF")
)

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_POINT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_ELSEWHERE = re.compile(  # numbers in YAML 1.1, text in 1.2
    r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)"
)


def resolve(text: str, limits: Limits = DEFAULT) -> Scalar:
    """Return the value of an unquoted scalar. Raises ImplicitWord."""
    if text in _KNOWN:
        return _KNOWN[text]
    first = text[0]
    if first in "0123456789+-.":
        return _number(text, limits)
    if first in "yYnNoO" and text in _SWITCHES:
        word = "true" if _SWITCHES[text] else "false"
        message = f"`{text}` is a switch to some readers of YAML and a text to others"
        raise ImplicitWord(message, f'write `{word}`, or `"{text}"` for the text', _SWITCHES[text], word)
    if first in "NI" and text in _NOT_FINITE:
        raise _not_finite(text)
    return text


def is_text(text: str) -> bool:
    """Return whether YAML 1.2 takes the unquoted word for a text: all that a key must be, `no` and `5b` included."""
    return text not in _KNOWN and not (
        text[0] in "0123456789+-." and any(form.fullmatch(text) for form in (_INT, _FLOAT, _BASE, _POINT))
    )


def _number(text: str, limits: Limits) -> Scalar:
    if _INT.fullmatch(text):
        _count(text, limits)
        if _LEADING_ZERO.match(text):
            message = f"`{text}` is {_octal(text)} to some readers of YAML and {int(text)} to others"
            raise ImplicitWord(message, f'write `{int(text)}`, or `"{text}"` for the text', int(text))
        return int(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ImplicitWord(f"`{_short(text)}` is too large for a float", "write a number below 1.8e308", 0.0)
        if _LEADING_ZERO.match(text):
            plain = re.sub("^([-+]?)0+(?=[0-9])", r"\1", text)
            raise ImplicitWord(
                f"`{_short(text)}` starts with a needless zero", f"write `{_short(plain)}`", value, plain
            )
        return value
    if _BASE.fullmatch(text):
        _count(text, limits)
        return int(text[2:], 16 if text[1] == "x" else 8)
    if text in _NOT_FINITE:
        raise _not_finite(text)
    if _ELSEWHERE.fullmatch(text):
        _count(text, limits)
        message = f"`{text}` is a number to some readers of YAML and a text to others"
        number = _elsewhere(text)
        if number is None:
            raise ImplicitWord(message, f'write `"{text}"` for the text, or the number in digits', text)
        raise ImplicitWord(message, f'write `{number}`, or `"{text}"` for the text', number, str(number))
    return text


def _elsewhere(text: str) -> int | float | None:
    """Return the number that YAML 1.1 sees; None where it is none, or too large for a float."""
    digits = text.replace("_", "")
    try:
        number = _sixties(digits) if ":" in digits else _plain(digits)
        return number if math.isfinite(number) else None
    except (ValueError, OverflowError):
        return None


def _sixties(digits: str) -> int | float:
    total = 0.0
    for part in digits.lstrip("+-").split(":"):
        total = total * 60 + float(part)
    return (-1 if digits[0] == "-" else 1) * (int(total) if "." not in digits else total)


def _plain(digits: str) -> int | float:
    bare = digits.lstrip("+-")
    if bare[:2] in ("0b", "0x", "0o"):
        return int(digits, 0)
    return int(digits) if bare.isdigit() else float(digits)


def _octal(text: str) -> str:
    try:
        return str(int(text, 8))
    except ValueError:
        return "a text"


def _count(text: str, limits: Limits) -> None:
    if len(text) > limits.digits:
        message = f"a number of {len(text):,} digits"
        raise ImplicitWord(message, f"a whole number has at most {limits.digits} digits; a text stands in quotes", 0)


def _not_finite(text: str) -> ImplicitWord:
    return ImplicitWord(f"`{text}` is not a finite number", f'write a finite number, or `"{text}"` for the text', 0.0)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
