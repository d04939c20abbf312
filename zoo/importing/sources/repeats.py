"""Entries that repeat, as loops: `for` over what their names count and what their arguments run through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

LONGEST = 64  # entries of one turn
WORK = 3_000_000  # parts of entries that are held against each other in one search
LISTS = 3  # different columns of a loop besides its number
_PARTS = re.compile(r"(\$\$|\$\([^()]*\)|\$\w+|\d+)")
_NAMES = {"out_channels": "channels", "out_features": "features", "num_features": "features"}

Path: TypeAlias = tuple[str | int, ...]


class Ease(Enum):
    """How much may differ from turn to turn: numbers that count in names; what arguments run through besides; and names
    that are ahead of the turn's number.
    """

    COUNTED = 1
    LISTED = 2
    AHEAD = 3


def folded(entries: Sequence[dict[str, Any]], taken: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """Return the same list with its repeats in loops, and loops of these; no variable has a name that is `taken`."""
    names = [name for name in ("i", "n", "k") if name not in taken]
    out = list(entries)
    for ease in Ease:
        if names:
            before, out = out, _once(out, names[0], taken, ease)
            names = names[out != before :]
    return out


def _once(entries: Sequence[dict[str, Any]], variable: str, taken: frozenset[str], ease: Ease) -> list[dict[str, Any]]:
    """Return the list with loops in place of its repeats: at each place the one that saves most."""
    search = _Search(entries, variable, taken, ease)
    out: list[dict[str, Any]] = []
    i = 0
    while i < len(entries):
        loop = search.best(i)
        better = range(i + 1, i + loop.period) if loop is not None else range(0)
        if loop is None or any(other.rank > loop.rank for j in better if (other := search.best(j)) is not None):
            out.append(entries[i])
            i += 1
        else:
            out.append(loop.entry)
            i += loop.period * loop.turns
    return out


class _Search:
    """The loops that begin at each place of a list, found when they are asked for; after so much work, none."""

    def __init__(self, entries: Sequence[dict[str, Any]], variable: str, taken: frozenset[str], ease: Ease) -> None:
        self.entries, self.variable, self.taken, self.ease = entries, variable, taken, ease
        self.atoms = [list(_atoms(entry)) for entry in entries]
        self.equal = _agreement(self.atoms)
        self.found: dict[int, _Loop | None] = {}
        self.left = WORK

    def best(self, i: int) -> _Loop | None:
        """Return the loop from a place on that saves most."""
        if i not in self.found:
            self.found[i] = self._searched(i) if i < len(self.entries) else None
        return self.found[i]

    def _searched(self, i: int) -> _Loop | None:
        best: _Loop | None = None
        lengths = self.equal[i]
        for period in range(1, len(lengths)):
            turns = lengths[period] // period + 1
            while turns > 1 and (best is None or period * (turns - 1) > best.saved):
                parts = [self.atoms[i + t * period : i + (t + 1) * period] for t in range(turns)]
                self.left -= sum(len(entry) for part in parts for entry in part)
                if self.left < 0:
                    return best
                loop = _loop(self.entries[i : i + period], parts, self.variable, self.taken, self.ease)
                if loop is not None:
                    best = loop if loop.saved >= 2 and (best is None or loop.saved > best.saved) else best
                    break
                turns -= 1
        return best


def _agreement(atoms: Sequence[Sequence[tuple[Path, Any]]]) -> list[list[int]]:
    """Return how many entries from each on agree, but for their numbers, with those so many places later."""
    numbers: dict[Any, int] = {}
    kinds = [numbers.setdefault(tuple(map(_kind, each)), len(numbers)) for each in atoms]
    longest = min(LONGEST, len(atoms) // 2)
    equal = [[0] * (longest + 1) for _ in range(len(atoms) + 1)]
    for i in reversed(range(len(atoms))):
        for period in range(1, longest + 1):
            if i + period < len(atoms) and kinds[i] == kinds[i + period]:
                equal[i][period] = equal[i + 1][period] + 1
    return equal


class _Loop(NamedTuple):
    """A loop in place of so many entries in so many turns; `offsets` are names that count apart from its number."""

    entry: dict[str, Any]
    period: int
    turns: int
    offsets: int

    @property
    def saved(self) -> int:
        """How many lines it saves."""
        return self.period * (self.turns - 1) - (self.period > 1)

    @property
    def rank(self) -> tuple[int, int]:
        """The more the better."""
        return self.saved, -self.offsets


def _loop(
    first: Sequence[dict[str, Any]],
    turns: Sequence[Sequence[Sequence[tuple[Path, Any]]]],
    variable: str,
    taken: frozenset[str],
    ease: Ease,
) -> _Loop | None:
    """Return the loop that these turns are; None where they are none."""
    rows = [[(at, *atom) for at, entry in enumerate(turn) for atom in entry] for turn in turns]
    columns = _Columns(variable, taken, ease)
    if not all(columns.takes(each) for each in zip(*rows, strict=True)):
        return None
    body = [_written(entry, at, (), columns.texts) for at, entry in enumerate(first)]
    head = {"for": columns.head(len(turns))}
    entry = {**head, **body[0]} if len(body) == 1 and "for" not in body[0] else {**head, "do": body}
    return _Loop(entry, len(first), len(turns), columns.offsets)


@dataclass
class _Columns:
    """What differs from turn to turn: the loop's number, from `start` on, and `lists` that its variables run through.

    `texts` are what stands in place of the numbers, by the entry of the turn and the place in it.
    """

    variable: str
    taken: frozenset[str]
    ease: Ease
    start: int | None = None
    lists: dict[tuple[int, ...], str] = field(default_factory=dict)
    texts: dict[tuple[int, Path], str] = field(default_factory=dict)
    counted: set[tuple[int, Path]] = field(default_factory=set)  # texts that count already
    offsets: int = 0

    def takes(self, column: Sequence[tuple[int, Path, Any]]) -> bool:
        """Take what stands at one place in all turns; return whether a loop can say it."""
        (at, path, _), values = column[0], tuple(value for _, _, value in column)
        if len(set(values)) == 1:
            return True
        if any(type(value) is not int for value in values):
            return False
        named = path[0] != "for" and isinstance(path[-1], int) and path[-1] < 0
        steps = {later - sooner for sooner, later in pairwise(values)}
        if named and steps == {1} and (at, path[:-1]) not in self.counted:
            self.start = values[0] if self.start is None else self.start
            self.counted.add((at, path[:-1]))
            offset = values[0] - self.start
            self.offsets += offset != 0
            self.texts[at, path] = _sum(self.variable, offset)
            return self.ease is Ease.AHEAD or offset == 0 or (offset == -1 and path[0] == "from")
        if self.ease is Ease.COUNTED or (named and path[0] != "from"):
            return False
        self.texts[at, path] = self._listed(values, path)
        return len(self.lists) <= LISTS

    def head(self, turns: int) -> dict[str, Any]:
        """Return what stands under `for`."""
        number: dict[str, Any] = {}
        if self.start is not None or not self.lists:
            first = 1 if self.start is None else self.start
            number = {self.variable: f"{first}..{first + turns - 1}"}
        return {**number, **{name: list(values) for values, name in self.lists.items()}}

    def _listed(self, values: tuple[int, ...], path: Path) -> str:
        """Return what reads these values turn by turn: a variable that runs through them, or a multiple of one."""
        known, ratio = self._multiple(values)
        if not known:
            key = next((step for step in reversed(path) if isinstance(step, str)), "value")
            wanted = {"for": "depth", "from": "last"}.get(str(path[0]), _NAMES.get(key, key))
            known, number = wanted, 2
            while known in self.lists.values() or known in self.taken or known == self.variable:
                known, number = f"{wanted}{number}", number + 1
            self.lists[values] = known
        inside = isinstance(path[-1], int) and path[-1] < 0 and path[0] != "for"
        return f"$({ratio} * {known})" if ratio > 1 else f"$({known})" if inside else f"${known}"

    def _multiple(self, values: tuple[int, ...]) -> tuple[str, int]:
        for known, name in self.lists.items():
            ratios = {v // k if k and v % k == 0 else 0 for v, k in zip(values, known, strict=True)}
            if len(ratios) == 1 and 0 not in ratios:
                return name, ratios.pop()
        return "", 1


def _sum(variable: str, offset: int) -> str:
    return f"$({variable} {'+' if offset > 0 else '-'} {abs(offset)})" if offset else f"$({variable})"


# -- entries as sequences of atoms ------------------------------------------------------------------------------------


def _atoms(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what an entry is made of, in order: its keys, its numbers, and its texts taken apart at their numbers,
    whose places count down from -1.
    """
    if isinstance(value, Mapping):
        yield path, ("map", tuple(value))
        for key, each in value.items():
            yield from _atoms(each, (*path, key))
    elif isinstance(value, list):
        yield path, ("list", len(value))
        for i, each in enumerate(value):
            yield from _atoms(each, (*path, i))
    elif isinstance(value, str):
        for i, part in enumerate(_PARTS.split(value)):
            number = part.isdigit() and str(int(part)) == part and len(part) < 10
            yield (*path, -1 - i), int(part) if number else ("text", part)
    else:
        yield path, value if type(value) is int else ("value", type(value).__name__, value)


def _kind(atom: tuple[Path, Any]) -> Any:
    """Return an atom without its number."""
    path, value = atom
    return path, "#" if type(value) is int else value


def _written(value: Any, at: int, path: Path, texts: Mapping[tuple[int, Path], str]) -> Any:
    """Return an entry with what stands in place of its numbers."""
    if isinstance(value, Mapping):
        return {key: _written(each, at, (*path, key), texts) for key, each in value.items()}
    if isinstance(value, list):
        return [_written(each, at, (*path, i), texts) for i, each in enumerate(value)]
    if isinstance(value, str):
        parts = _PARTS.split(value)
        found = [texts.get((at, (*path, -1 - i)), part) for i, part in enumerate(parts)]
        return "".join(_short(part, found[i + 1] if i + 1 < len(found) else "") for i, part in enumerate(found))
    return texts.get((at, path), value)


def _short(part: str, behind: str) -> str:
    """Return `$(i)` as `$i`, where no letter follows."""
    plain = re.fullmatch(r"\$\((\w+)\)", part)
    return f"${plain[1]}" if plain and not re.match(r"\w", behind) else part
