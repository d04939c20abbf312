"""Renaming of state_dict keys: `{"**.norm.1.*": "**.norm1.*"}`, patterns whose stars stand for themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def renamed(state: Mapping[str, T], table: Mapping[str, str]) -> dict[str, T]:
    """The state with keys renamed; the first pattern that fits wins, other keys stay as they are.

    `*` stands for text within one part of a key, `**` for any text; each star on the right is what the star at its
    place on the left stood for.
    """
    rules = [(_regex(pattern), target) for pattern, target in table.items()]
    return {_new(key, rules): value for key, value in state.items()}


def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join({"**": "(.*)", "*": r"([^.]*)"}.get(part, re.escape(part)) for part in parts))


def _new(key: str, rules: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, target in rules:
        if match := pattern.fullmatch(key):
            return _filled(target, match.groups())
    return key


def _filled(target: str, stars: tuple[str, ...]) -> str:
    filling = iter(stars)
    return re.sub(r"\*\*|\*", lambda _: next(filling), target)
