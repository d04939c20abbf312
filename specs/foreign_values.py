"""Values as Python and others write them, and how a spec says the same: tuples, `None`, words and numbers in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from speczoo.specs.expression import respelt

NUMBER = re.compile(r"-?[1-9][0-9]{0,8}|0|-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,9}")
NOTHING = frozenset({"none", "null", "nil", "undefined", "void"})
_SWITCHES = {"true": "true", "yes": "true", "on": "true", "y": "true"}
_SWITCHES |= {"false": "false", "no": "false", "off": "false", "n": "false"}
_WORD = re.compile(r"\$?[A-Za-z_][\w.-]*", re.ASCII)
_SPECIAL = re.compile(r"[,\[\]{}#:]")
#: Several numbers where one is intended, of which YAML takes the others for keys.
SEVERAL = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?(?:[ \t]*,[ \t]*-?[0-9]{1,9}(?:\.[0-9]{1,9})?){1,16}(?=\s*[,}])")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,12}")
_SIDES = re.compile(r"[1-9][0-9]{0,4}(?:[xX][1-9][0-9]{0,4}){1,5}")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%")
_DECIMAL = re.compile(r"-?[0-9]+,[0-9]+")
_PARTS = re.compile(r"[^()\[\],]+|[()\[\],]")
LONGEST = 400  # characters of a text that may be a list
DEEPEST = 4


class Reading(NamedTuple):
    """What a value may have been intended as: as a spec writes it, the data that this is, and whether it is another
    spelling of the same or only likely.
    """

    text: str
    value: Any
    certain: bool = True


def readings(value: object) -> Iterator[Reading]:
    """Yield what a value of the wrong type may have been intended as: `"64"` and `64.0` are 64, 1 is true, `(3, 3)` is
    [3, 3], `None` is null.
    """
    if isinstance(value, str):
        word = value.strip()
        if switch := _SWITCHES.get(word.lower()):
            yield Reading(switch, switch == "true")
        elif is_nothing(word):
            yield Reading("null", None)
        elif NUMBER.fullmatch(word):
            yield Reading(word, _number(word))
        elif sides := _SIDES.fullmatch(word):
            numbers = [int(side) for side in sides[0].lower().split("x")]
            yield Reading(_written(numbers), numbers, certain=False)
        elif percent := _PERCENT.fullmatch(word):
            yield Reading(str(float(percent[1]) / 100), float(percent[1]) / 100, certain=False)
        elif (found := as_list(word)) is not None:
            yield found
            if _DECIMAL.fullmatch(word):
                yield Reading(word.replace(",", "."), float(word.replace(",", ".")), certain=False)
            elif isinstance(found.value, list) and len(found.value) == 1:
                yield Reading(_written(found.value[0]), found.value[0], certain=False)
    elif isinstance(value, float) and value == int(value) and abs(value) < 1e9:
        yield Reading(str(int(value)), int(value))
    elif type(value) is int and value in (0, 1):
        yield Reading("true" if value else "false", bool(value))


def is_nothing(value: object) -> bool:
    """Return whether this is nothing, or the word for it in some language."""
    return value is None or (isinstance(value, str) and value.strip().lower() in NOTHING)


def as_list(text: str) -> Reading | None:
    """Return the list that a tuple of Python's means, or several values with commas between them; None for all else.

    What is in parentheses can be nothing else; `3,5` may be 3.5.
    """
    text = text.strip()
    if len(text) > LONGEST or ("," not in text and not text.startswith("(")):
        return None
    enclosed = text.startswith("(")
    parts = [part.strip() for part in _PARTS.findall(text if enclosed else f"({text})") if not part.isspace()]
    found = _read(parts, 0)
    if found is None or found[1] < len(parts):
        return None
    return Reading(_written(found[0]), found[0], certain=_DECIMAL.fullmatch(text) is None)


def several(text: str, *, count: bool) -> tuple[str, Reading] | None:
    """Return what to write for numbers between commas, and what was probably intended: a number whose digits are
    grouped, `21,797,672`, a decimal comma, or a list. `count`: a count is wanted. None where they are no numbers.
    """
    listed = as_list(text)
    if _GROUPED.fullmatch(text):
        whole = text.replace(",", "")
        certain = count or text.count(",") > 1 or listed is None  # two numbers may be a pair, or 1.25
        help = f"write `{whole}`" if certain or listed is None else f"write `{whole}`, or `{listed.text}` for a list"
        return help, Reading(whole, int(whole), certain)
    if listed is None:
        return None
    number = text.replace(",", ".")
    if listed.certain:
        help = f"write `{listed.text}`"
    elif text.startswith("0"):
        help = f"write `{number}`, or `{listed.text}` for a list"
    else:
        help = f"write `{listed.text}`, or `{number}` for one number"
    return help, listed._replace(certain=False)


def marked(text: str) -> Reading | None:
    """Return a text with names or expressions that another notation marks, as a spec writes it where nothing ends a
    value but a space; None where there is none.
    """
    ours = respelt(text)
    if ours is None:
        return None
    quoted = "'" + ours.text.replace("'", "''") + "'" if '"' in ours.text else f'"{ours.text}"'
    return Reading(quoted if _SPECIAL.search(ours.text) else ours.text, ours.text)


def _read(parts: list[str], at: int, depth: int = 0) -> tuple[Any, int] | None:
    """Return the value that begins at a part, and where what follows it begins; None where it is none."""
    if at >= len(parts) or depth > DEEPEST:
        return None
    opened = parts[at]
    if opened not in ("(", "["):
        scalar = _scalar(opened)
        return (scalar, at + 1) if scalar is not None or is_nothing(opened) else None
    closing, items, commas = {"(": ")", "[": "]"}[opened], [], 0
    at += 1
    while at < len(parts) and parts[at] != closing:
        found = _read(parts, at, depth + 1)
        if found is None:
            return None
        item, at = found
        items.append(item)
        if at < len(parts) and parts[at] == ",":
            commas, at = commas + 1, at + 1
        elif at >= len(parts) or parts[at] != closing:
            return None
    if at >= len(parts) or not items:
        return None
    return (items[0] if opened == "(" and not commas else items), at + 1


def _scalar(word: str) -> Any:
    """Return the value of a number, a switch or a name; None for nothing and all else."""
    if NUMBER.fullmatch(word):
        return _number(word)
    if word in ("True", "False", "true", "false"):
        return word.lower() == "true"
    return word if _WORD.fullmatch(word) and not is_nothing(word) else None


def _number(word: str) -> int | float:
    return float(word) if "." in word else int(word)


def _written(value: Any) -> str:
    """Return a value as a spec writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
