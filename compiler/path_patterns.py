"""Patterns of dotted paths, of `init` and `freeze`."""

from __future__ import annotations

from functools import lru_cache


def matches(pattern: str, path: str) -> bool:
    """Return whether a glob meets a path: `*` is within one part, `**` over any number of parts (none too)."""
    parts, goal = parts_of(pattern), path.split(".")
    if parts[-1] is not None and not fits(parts[-1], goal[-1]):
        return False
    reach = {0}
    for part in parts:
        if part is None:
            reach = set(range(min(reach), len(goal) + 1))
        else:
            reach = {i + 1 for i in reach if i < len(goal) and fits(part, goal[i])}
        if not reach:
            return False
    return len(goal) in reach


@lru_cache(maxsize=1_024)
def parts_of(pattern: str) -> tuple[tuple[str, ...] | None, ...]:
    """Return a pattern's parts, each as the texts between its stars; None for `**`."""
    return tuple(None if part == "**" else tuple(part.split("*")) for part in pattern.split("."))


def fits(pieces: tuple[str, ...], text: str) -> bool:
    """Return whether one part of a pattern, as the texts between its stars, meets one part of a path."""
    head, *rest = pieces
    if not rest:
        return head == text
    if not text.startswith(head):
        return False
    at = len(head)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])
