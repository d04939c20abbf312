"""A spec as text, laid out as a person does and `zoo fmt` keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from speczoo.argument_order import argument_order
from speczoo.importing.sources.entries import Commented
from speczoo.specialize import flow as plain_flow
from speczoo.specs.format import WIDTH, formatted
from speczoo.specs.source import Source
from speczoo.specs.spec import Entry

#: Keys of a spec with an empty line before them.
APART = frozenset({"blocks", "layers", "outputs", "freeze", "expect", "variants"})
#: Keys of a spec whose values are named one a line, where they do not fit into one.
NAMED = frozenset({"params", "defaults", "variants", "inputs", "outputs"})


def text(spec: Mapping[str, Any], head: Sequence[str] = ()) -> str:
    """Return the text of a spec; `head` are lines of a comment at its top."""
    lines = [f"# {line}" for line in head]
    for key, value in spec.items():
        if key in APART and lines and not (key == "freeze" and lines[-1].startswith("outputs")):
            lines.append("")
        lines += _key(key, value)
    written = "\n".join(lines) + "\n"
    source = Source.of(written)
    return formatted(source, argument_order(source)) or written


_EXPRESSION = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*)?(?:\$\w+|\$\([\w .+*/-]*\)|\w+)+|\d+\.\.(?:\d+|\$\w+)", re.ASCII)


def flow(value: Any) -> str:
    """Return a value in YAML's flow style, on one line, without quotes around expressions that need none."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{plain_flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and ("$" in value or ".." in value) and _EXPRESSION.fullmatch(value):
        return value
    return plain_flow(value)


def _key(key: str, value: Any) -> Iterator[str]:
    if key == "layers":
        yield "layers:"
        yield from _entries(value, 2)
    elif key == "blocks":
        yield "blocks:"
        for name, block in value.items():
            yield f"  {name}:"
            for part, inside in block.items():
                if part != "layers":
                    yield f"    {part}: {flow(inside)}"
            yield "    layers:"
            yield from _entries(block["layers"], 6)
    elif key in NAMED and (len(f"{key}: {flow(value)}") > WIDTH or key == "variants"):
        yield f"{key}:"
        if isinstance(value, Mapping):
            yield from (f"  {flow(name)}: {flow(each)}" for name, each in value.items())
        else:
            yield from (f"  - {flow(each)}" for each in value)
    else:
        yield f"{key}: {flow(value)}"


def _entries(entries: Sequence[Mapping[str, Any]], indent: int) -> Iterator[str]:
    pad = " " * indent
    for entry in entries:
        comment = f" # {entry.comment}" if isinstance(entry, Commented) else ""
        inside = next((key for key in Entry.LISTS if key in entry), None)
        line = f"{pad}- {flow(entry)}"
        short = inside is not None and len(entry[inside]) == 1 and len(line) <= WIDTH and not _nested(entry[inside][0])
        if (inside is None and len(line) <= WIDTH) or (short and inside == "layers"):
            yield line + comment
            continue
        lead = f"{pad}- "
        for key, value in entry.items():
            if key == inside:
                yield f"{lead}{key}:" + comment
                yield from _entries(value, indent + 4)
            else:
                yield f"{lead}{key}: {flow(value)}" + ("" if inside else comment)
            comment = "" if not inside else comment
            lead = " " * (indent + 2)


def _nested(entry: Mapping[str, Any]) -> bool:
    return any(key in entry for key in Entry.LISTS)
