"""Patterns of dotted paths, of `init` and `freeze`."""

from __future__ import annotations


def matches(pattern: str, path: str) -> bool:
    """Path globs: `*` is within one part, `**` over any number of parts (none too)."""
    parts, goal = pattern.split("."), path.split(".")
    reach = {0}
    for part in parts:
        if part == "**":
            reach = {j for i in reach for j in range(i, len(goal) + 1)}
        else:
            reach = {i + 1 for i in reach if i < len(goal) and _fits(part, goal[i])}
    return len(goal) in reach


def _fits(pattern: str, text: str) -> bool:
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(head):
        return False
    at = len(head)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])
