"""Neighbouring entries that are one layer of the language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from speczoo.importing.entries import Feed, ImportedEntry, ImportedList


class Idiom(NamedTuple):
    """Ops that follow each other, what their arguments have to be, and the layer that they are together."""

    ops: tuple[str, ...]
    fits: Callable[[Sequence[dict[str, Any]]], bool]
    op: str
    args: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]


def _norm_of_channels(args: Sequence[dict[str, Any]]) -> bool:
    return args[0] == {"dims": [0, 2, 3, 1]} and args[2] == {"dims": [0, 3, 1, 2]} and "normalized_shape" not in args[1]


def _shuffled(args: Sequence[dict[str, Any]]) -> bool:
    cut, turned, joined = args
    sizes = cut.get("unflattened_size", [])
    return (
        cut.get("dim") == 1
        and len(sizes) == 2
        and sizes[1] == -1
        and turned == {"dim0": 1, "dim1": 2}
        and joined == {"end_dim": 2}
    )


IDIOMS = (
    Idiom(("permute", "LayerNorm", "permute"), _norm_of_channels, "LayerNorm2d", lambda args: args[1]),
    Idiom(
        ("Unflatten", "transpose", "Flatten"),
        _shuffled,
        "ChannelShuffle",
        lambda args: {"groups": args[0]["unflattened_size"][0]},
    ),
)


def one_layer(made: ImportedList) -> None:
    """Put one layer in the place of neighbours that are together one."""
    for idiom in IDIOMS:
        for place in range(len(made.entries) - len(idiom.ops), -1, -1):
            entries = made.entries[place : place + len(idiom.ops)]
            if tuple(entry.op for entry in entries) == idiom.ops and _in_a_row(made, entries):
                args = [entry.args for entry in entries]
                if idiom.fits(args):
                    _replace(made, place, entries, idiom.op, idiom.args(args))


def _in_a_row(made: ImportedList, entries: Sequence[ImportedEntry]) -> bool:
    """Return whether entries take each what the one before gives, which nothing else takes."""
    pairs = zip(entries, entries[1:], strict=False)
    shared = {id(entry.share) for entry in made.entries}
    return all(b.inputs == [Feed(a)] and made.readers(Feed(a)) == 1 for a, b in pairs) and not any(
        id(entry) in shared for entry in entries
    )


def _replace(made: ImportedList, place: int, entries: Sequence[ImportedEntry], op: str, args: dict[str, Any]) -> None:
    learned = next((entry for entry in entries if entry.named), entries[0])
    first, last = entries[0], entries[-1]
    one = ImportedEntry(op, args, first.inputs, learned.name, learned.named, True, flowing=first.flowing)
    made.entries[place : place + len(entries)] = [one]
    made.replace({Feed(last): Feed(one)})
