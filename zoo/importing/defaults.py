"""What most entries of an op say, stated once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.sources.entries import Commented
from speczoo.specs.entry import STRUCTURE, Entry
from speczoo.specs.flow_style import bare_or_computed, flow

FEWEST = 3  # entries that a default stands for
LINE = 100  # characters that defaults save together at least
WIDTH = 120  # characters of a line
ALONE = ("Parameter", "Buffer")  # whose arguments belong together


def with_defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec with `defaults` for arguments that more than half of an op's entries say, and few leave out."""
    lists = [block["layers"] for block in spec.get("blocks", {}).values()] + [spec["layers"]]
    entries_of: dict[str, list[dict[str, Any]]] = {}
    for entry in (each for entries in lists for each in _walk(entries)):
        if entry.get("op") in Layer.registry and entry["op"] not in ALONE:
            entries_of.setdefault(entry["op"], []).append(entry)
    defaults = {op: found for op, entries in entries_of.items() if (found := _common(entries))}
    saved = {op: _saved(entries_of[op], found) for op, found in defaults.items()}
    most = sorted(saved, key=lambda op: -saved[op])
    while len(f"defaults: {flow({op: defaults[op] for op in most}, bare_or_computed)}") > WIDTH:
        most.pop()
    if sum(saved[op] for op in defaults if op not in most) < LINE * len(defaults):  # a line each, where one is too long
        defaults = {op: found for op, found in defaults.items() if op in most}
    if sum(saved[op] for op in defaults) < LINE:
        return dict(spec)
    out = {key: value for key, value in spec.items() if key not in ("blocks", "layers")}
    blocks = {
        name: {**block, "layers": _less(block["layers"], defaults)} for name, block in spec.get("blocks", {}).items()
    }
    changed = {
        "defaults": defaults,
        **({"blocks": blocks} if blocks else {}),
        "layers": _less(spec["layers"], defaults),
    }
    behind = [key for key in out if key in ("outputs", "init", "freeze", "expect", "variants")]
    return {**{k: v for k, v in out.items() if k not in behind}, **changed, **{key: out[key] for key in behind}}


def _walk(entries: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield entry
        for key in Entry.LISTS:
            yield from _walk(entry.get(key, ()))


def _common(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the arguments that are stated once in place of often."""
    out: dict[str, Any] = {}
    for key in dict.fromkeys(key for entry in entries for key in entry if key not in STRUCTURE):
        values = [repr(entry[key]) for entry in entries if key in entry]
        most, count = Counter(values).most_common(1)[0]
        lacking = len(entries) - len(values)
        if count >= FEWEST and 2 * count > len(entries) and 2 * lacking <= count and "$" not in most:
            out[key] = next(entry[key] for entry in entries if repr(entry.get(key)) == most)
    return out


def _own(op: str, key: str) -> Any:
    """Return what an argument is where nobody says it; null, which takes a default back, where it is no plain value."""
    own = Layer.registry[op].model_fields[key].default
    return own if isinstance(own, bool | int | float) else None


def _saved(entries: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any]) -> int:
    """Return how many characters less entries say beside defaults, about."""
    values = [(key, entry.get(key)) for entry in entries for key in defaults]
    return sum(len(f"{key}: {value}, ") * (1 if value == defaults[key] else -(value is None)) for key, value in values)


def _less(entries: Sequence[dict[str, Any]], defaults: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return entries without what the defaults say, and with what holds of itself where an entry did not say it."""
    out: list[dict[str, Any]] = []
    for entry in entries:
        given = defaults.get(entry.get("op", ""), {})
        kept = {key: value for key, value in entry.items() if key not in given or value != given[key]}
        kept |= {key: _own(entry["op"], key) for key in given if key not in entry}
        kept |= {key: _less(entry[key], defaults) for key in Entry.LISTS if key in entry}
        out.append(Commented(kept, entry.comment) if isinstance(entry, Commented) else kept)
    return out
