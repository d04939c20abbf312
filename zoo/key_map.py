"""Maps of keys: which tensors of a file of weights are which of a network, `{"old": "new"}`, null for what is left.

`zoo diff` writes them, `--weights FILE --map KEYS` of `zoo build` and `zoo train` reads them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from speczoo.compiler.analysis.sequence_alignment import aligned
from speczoo.compiler.layer import Shape
from speczoo.limits import current
from speczoo.specs import files

_Tensor: TypeAlias = tuple[str, Shape]
_Score: TypeAlias = Callable[[_Tensor, _Tensor], int]
#: Files of weights, by the ends of their names.
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
CELLS = 1_000_000  # pairs of tensors that are looked at; of more, no pair is certain but those of one name


class KeyMapError(ValueError):
    """A file that is no map of keys: why."""


@dataclass(frozen=True)
class KeyMap:
    """Names of tensors by the names that they have elsewhere; what is `left` of those, and what is `fresh` of these.

    In place of the `unsure` ones others are as likely: fewer tensors of that shape stand here than there, or elsewhere.
    """

    keys: Mapping[str, str]
    left: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    unsure: frozenset[str] = frozenset()

    def text(self) -> str:
        """Return the map as a file holds it, in the order of the file of weights."""
        return json.dumps({**self.keys, **dict.fromkeys(self.left)}, indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> dict[str, str | None]:
    """Return the map in a file. Raises KeyMapError, and LimitExceeded of one that is too large; OSError."""
    return parsed(files.read(path, current().json + 1), str(path))


def parsed(data: bytes, path: str) -> dict[str, str | None]:
    """Return the map that was read from a place. Raises KeyMapError, and LimitExceeded of one that is too large."""
    current().hold("json", len(data), f"{path} takes", "bytes")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise KeyMapError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict) or not all(value is None or isinstance(value, str) for value in found.values()):
        raise KeyMapError(f'{path} is no map of keys: {{"old.weight": "new.weight"}}, and null for what is left out')
    targets = [value for value in found.values() if value is not None]
    if len(set(targets)) < len(targets):
        twice = next(name for i, name in enumerate(targets) if name in targets[:i])
        raise KeyMapError(f"{path} gives more than one key the name {twice[:100]}")
    return found


def by_order(came: Mapping[str, Shape], wanted: Mapping[str, Shape]) -> KeyMap:
    """Return which tensors of a state_dict are which of a network, by their names where both have them, else by their
    shapes, their order and the ends of their names.
    """
    own = {key for key, shape in came.items() if wanted.get(key) == shape}
    first, second = [*came.items()], [*wanted.items()]

    def score(one: tuple[str, Shape], other: tuple[str, Shape]) -> int:
        if one[1] != other[1]:
            return 0
        if one[0] in own or other[0] in own:
            return 1000 * (one[0] == other[0])
        return 10 + min(9, _common_end(one[0], other[0]))

    pairs = aligned(first, second, score, lambda one, other: one == other, CELLS)
    found = {first[i][0]: second[j][0] for i, j in pairs if i is not None and j is not None}
    found |= {key: key for key in own}
    unsure = _ambiguous(first, second, score, found) - own
    for old, new in _alone_of_a_kind(came, wanted, found):
        found[old] = new
        unsure |= {old}
    keys = {key: found[key] for key in came if key in found}
    taken = {*keys.values()}
    left, fresh = (tuple(k for k in names if k not in known) for names, known in ((came, keys), (wanted, taken)))
    return KeyMap(keys, left, fresh, frozenset(unsure & keys.keys()))


def _ambiguous(
    first: Sequence[_Tensor], second: Sequence[_Tensor], score: _Score, found: Mapping[str, str]
) -> set[str]:
    """Return the first names of pairs in whose place others would be as good."""
    n, m = len(first), len(second)
    if n * m > CELLS:
        return {*found}
    scores = [[score(one, other) for other in second] for one in first]
    before = [[0] * (m + 1) for _ in range(n + 1)]  # the best of what stands before a place in both
    after = [[0] * (m + 1) for _ in range(n + 1)]
    for i in range(n):
        for j in range(m):
            both = before[i][j] + scores[i][j] if scores[i][j] else 0
            before[i + 1][j + 1] = max(before[i][j + 1], before[i + 1][j], both)
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            both = after[i + 1][j + 1] + scores[i][j] if scores[i][j] else 0
            after[i][j] = max(after[i + 1][j], after[i][j + 1], both)
    best = before[n][m]
    possible = [
        (i, j)
        for i in range(n)
        for j in range(m)
        if scores[i][j] and before[i][j] + scores[i][j] + after[i + 1][j + 1] == best
    ]
    rows, columns = (Counter(pair[side] for pair in possible) for side in (0, 1))
    return {first[i][0] for i, j in possible if rows[i] > 1 or columns[j] > 1}


def _alone_of_a_kind(
    came: Mapping[str, Shape], wanted: Mapping[str, Shape], found: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield pairs of what is left, where one tensor there and one here are of a shape and an end of names."""
    taken = {*found.values()}
    kinds: list[dict[tuple[Shape, str], list[str]]] = [{}, {}]
    for kind, names, known in ((kinds[0], came, found), (kinds[1], wanted, taken)):
        for key, shape in names.items():
            if key not in known:
                kind.setdefault((shape, key.rpartition(".")[2]), []).append(key)
    for what, old in kinds[0].items():
        new = kinds[1].get(what, [])
        if len(old) == len(new) == 1:
            yield old[0], new[0]


def _common_end(one: str, other: str) -> int:
    """Return how many dotted parts two names end alike in."""
    pairs = zip(reversed(one.split(".")), reversed(other.split(".")), strict=False)
    count = 0
    for left, right in pairs:
        if left != right:
            break
        count += 1
    return count
