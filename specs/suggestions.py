"""Did you mean: which known name was intended by one that is not known, and whether it can only be that.

`nearest` is a question to the author; `certain` is what `--fix` applies, and is another spelling of the same word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

LONGEST = 40  # characters of a word that is compared with others
MOST = 500  # words that it is compared with
_SEPARATORS = re.compile(r"(?<!\d)[-_ ]+|[-_ ]+(?!\d)")  # but between digits: `conv1_2` is not `conv12`
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LIBRARY = re.compile(
    r"(?:(?:torch|nn|F|functional|modules|tf|keras|layers|activations|jax|flax|linen|nnx|hk|haiku|mx|gluon|contrib)\.)+"
)


def nearest(name: str, known: Iterable[str], *, aliases: Mapping[str, str] | None = None) -> str | None:
    """Return a known name of the fewest slips from `name`, ignoring case and separators, where these are few enough
    to ask; an alias stands for what it means."""
    if hit := _alias(name, aliases):
        return hit
    return _nearest(name, tuple(islice(known, MOST))) if len(name) <= LONGEST else None


@lru_cache(maxsize=4_096)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    written = spelling(name)
    best, found = (LONGEST, True, 0), None
    words = [(spelling(word), word) for word in known if len(word) <= LONGEST]
    bounds = sorted((_at_least(written, other), at) for at, (other, _) in enumerate(words) if other)
    for bound, at in bounds:
        if bound > best[0]:
            break
        other, word = words[at]
        slips = distance(written, other)
        rank = slips, not _askable(written, other, slips), -_common(written, other)
        if rank < best:
            best, found = rank, word
    return None if best[1] else found


def _at_least(a: str, b: str) -> int:
    """As many slips lie between two words, or more: each mends one letter that the other word has not."""
    here, there = _letters(a), _letters(b)
    return max(abs(len(a) - len(b)), (here & ~there).bit_count(), (there & ~here).bit_count())


@lru_cache(maxsize=4_096)
def _letters(word: str) -> int:
    """Return the letters of a word, as bits; some share one."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 63)
    return bits


def _askable(a: str, b: str, slips: int) -> bool:
    """Return whether a word so many slips away is asked about: up to a third of the letters; half, where one word is
    the other with letters left out (`params`, `kernel`).
    """
    length, least = max(len(a), len(b)), min(len(a), len(b))
    return 3 * slips <= length or (least >= 3 and slips == length - least <= length // 2)


def certain(
    name: str, known: Iterable[str], *, aliases: Mapping[str, str] | None = None, chosen: bool = False
) -> str | None:
    """Return the one known name that `name` is another spelling of, or an alias stands for; None where there are
    several or none.

    The same word differs in case and separators, or in two neighbours that changed places. In a word of the language,
    unlike one that an author has `chosen` (an id, a parameter), one letter inside a longer part may be wrong, missing
    or too many, where no other name is as near: `kernal_size`. Its beginnings and ends tell words apart (`in`, `un`,
    `de`; a number, a plural).
    """
    words = tuple(islice(known, MOST))
    if (hit := _alias(name, aliases)) in words:
        return hit
    return _certain(name, words, chosen) if len(name) <= LONGEST else None


@lru_cache(maxsize=4_096)
def _certain(name: str, known: tuple[str, ...], chosen: bool) -> str | None:
    written = spelling(name)
    words = list(dict.fromkeys(word for word in known if len(word) <= LONGEST))
    same = [word for word in words if spelling(word) == written]
    same = same or [word for word in words if _swapped(written, word)]
    if not same and not chosen:
        near = [word for word in words if distance(written, spelling(word)) == 1]
        same = near if any(_slipped(written, word) for word in near) else []
    return same[0] if len(same) == 1 else None


def _alias(name: str, aliases: Mapping[str, str] | None) -> str | None:
    if not aliases or len(name) > LONGEST:
        return None
    return next((aliases[form] for form in (name, name.lower(), spelling(name)) if form in aliases), None)


@lru_cache(maxsize=4_096)
def spelling(name: str) -> str:
    """Return the word without what spellings of it differ in."""
    return _SEPARATORS.sub("", name.lower())


def unqualified(name: str) -> str:
    """Return the name without the modules of a library before it: `torch.nn.Conv2d` is `Conv2d`."""
    return _LIBRARY.sub("", name, count=1) if _LIBRARY.match(name) else name


def _common(a: str, b: str) -> int:
    """Return how many letters two words have in common where they begin."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _difference(a: str, b: str) -> tuple[int, str, str]:
    """Return where two words begin to differ, and what each has there before they end alike."""
    start = _common(a, b)
    a, b = a[start:], b[start:]
    end = _common(a[::-1], b[::-1])
    return start, a[: len(a) - end], b[: len(b) - end]


def _swapped(written: str, word: str) -> bool:
    """Return whether two neighbouring letters of a word changed places."""
    _, a, b = _difference(written, spelling(word))
    return len(written) >= 3 and len(a) == 2 and a == b[::-1] and a.isalpha()


def _slipped(written: str, word: str) -> bool:
    """Return whether one letter is wrong, missing or too many inside a part of a word, of six letters or more."""
    at, a, b = _difference(written, spelling(word))
    if len(a) > 1 or len(b) > 1 or not (a + b).isalpha():
        return False
    return any(start + 2 <= at <= end - 2 + (not b) for start, end in _parts(word) if end - start >= 6)


def _parts(word: str) -> Iterator[tuple[int, int]]:
    """Yield where the parts of a word stand in its spelling: `Batch` and `Norm` in `BatchNorm2d`."""
    for part in _PARTS.finditer(word):
        start = len(spelling(word[: part.start()]))
        yield start, start + len(part[0])


def given_already(name: str) -> tuple[str, ...]:
    """Return the help line for a word that can only be one that is there."""
    return (f"`{name}` is written already",)


def distance(a: str, b: str) -> int:
    """Return how many letters were left out, put in, mistaken or swapped with the next between two words.

    It is the Damerau-Levenshtein distance in which no letter is touched twice (optimal string alignment), a column at
    a time in the bits of an integer (Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit
    distances", 2003): bit i of `higher` says that row i + 1 is one more than row i, of `lower` that it is one less.
    """
    if not a or not b:
        return len(a) + len(b)
    places = _places(a)
    every, last = (1 << len(a)) - 1, 1 << (len(a) - 1)
    higher, lower, diagonal, before, count = every, 0, 0, 0, len(a)
    for letter in b:
        equal = places.get(letter, 0)
        swapped = ((~diagonal & equal) << 1) & before
        diagonal = (((equal & higher) + higher) ^ higher) | equal | lower | swapped
        right, left = lower | (every & ~(diagonal | higher)), diagonal & higher
        count += bool(right & last) - bool(left & last)
        right, left = (right << 1) | 1, left << 1
        higher, lower, before = (left | ~(diagonal | right)) & every, right & diagonal & every, equal
    return count


@lru_cache(maxsize=64)
def _places(word: str) -> dict[str, int]:
    """Return where each letter stands in a word, as bits: one word is held against many."""
    found: dict[str, int] = {}
    for i, letter in enumerate(word):
        found[letter] = found.get(letter, 0) | 1 << i
    return found


def did_you_mean(
    name: str, known: Iterable[str], *, aliases: Mapping[str, str] | None = None, limit: int = 12
) -> tuple[str, ...]:
    """Return the help line: a near name, or what there is when that is short."""
    known = list(known)
    if hit := nearest(name, known, aliases=aliases):
        return (f"did you mean `{hit}`?",)
    return (f"there is {', '.join(f'`{k}`' for k in known)}",) if 0 < len(known) <= limit else ()
