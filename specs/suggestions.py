"""Did you mean: the nearest known names to one that is not known."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice

LONGEST = 40  # characters of a word that is compared with others
MOST = 300  # words that it is compared with
CLOSE = 8  # of them that are looked at letter by letter: those that have most letters in common with it
_NUMBER = re.compile("[0-9]+")


def nearest(name: str, known: Iterable[str], *, aliases: Mapping[str, str] | None = None) -> str | None:
    """The known name most like `name`, ignoring case and underscores; an alias stands for what it means."""
    if aliases and (hit := aliases.get(name) or aliases.get(name.lower())):
        return hit
    return _nearest(name, tuple(islice(known, MOST))) if len(name) <= LONGEST else None


@lru_cache(maxsize=4_096)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    plain: dict[str, str] = {}
    for word in known:
        if len(word) <= LONGEST:
            plain.setdefault(word.lower().replace("_", ""), word)
    key = name.lower().replace("_", "")
    if key in plain:
        return plain[key]
    likely = sorted(plain, key=lambda word: unlike(key, word) - max(len(key), len(word)))[:CLOSE]
    close = difflib.get_close_matches(key, likely, n=1, cutoff=0.68)
    return plain[close[0]] if close else None


def certain(name: str, known: Iterable[str], *, aliases: Mapping[str, str] | None = None) -> str | None:
    """The one known name that `name` can only be: but for case and underscores, or by the fewest slips of a finger,
    fewer than half its letters. Another number is no slip: `conv2` is not `conv1`."""
    if aliases and (hit := aliases.get(name) or aliases.get(name.lower())):
        return hit
    return _certain(name, tuple(islice(known, MOST))) if len(name) <= LONGEST else None


@lru_cache(maxsize=4_096)
def _certain(name: str, known: tuple[str, ...]) -> str | None:
    words = list(dict.fromkeys(word for word in known if len(word) <= LONGEST))
    key = name.lower()
    plain = [w for w in words if w.lower().replace("_", "") == key.replace("_", "")]
    if plain:
        return plain[0] if len(plain) == 1 else None
    most = 1 + len(name) // 6
    likely = [w for w in words if unlike(key, w.lower()) <= most and _NUMBER.findall(w) == _NUMBER.findall(name)]
    if len(likely) > CLOSE:
        return None
    near = sorted((slips(key, w.lower()), w) for w in likely)
    if not near or near[0][0] > most or 2 * near[0][0] >= len(name) or (len(near) > 1 and near[1][0] == near[0][0]):
        return None
    return near[0][1]


def unlike(a: str, b: str) -> int:
    """How many letters one word has, at least, that the other has not: as many slips lie between them, or more."""
    return max(len(a), len(b)) - (_letters(a) & _letters(b)).total()


@lru_cache(maxsize=4_096)
def _letters(word: str) -> Counter[str]:
    return Counter(word)


def said_already(name: str) -> tuple[str, ...]:
    """The help line for a word that can only be one that is there."""
    return (f"`{name}` is said already",)


def slips(a: str, b: str) -> int:
    """How many letters were left out, put in, mistaken or swapped with the next between two words."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y)))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                row[j] = min(row[j], before[j - 2] + 1)
        before, last = last, row
    return last[-1]


def did_you_mean(
    name: str, known: Iterable[str], *, aliases: Mapping[str, str] | None = None, limit: int = 12
) -> tuple[str, ...]:
    """The help line: a near name, or what there is when that is short."""
    known = list(known)
    if hit := nearest(name, known, aliases=aliases):
        return (f"did you mean `{hit}`?",)
    return (f"there is {', '.join(f'`{k}`' for k in known)}",) if 0 < len(known) <= limit else ()
