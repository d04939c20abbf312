"""A spec as text, laid out as a person does and `zoo fmt` keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from speczoo.argument_order import argument_order
from speczoo.importing.sources.entries import Commented
from speczoo.specs.entry import Entry
from speczoo.specs.flow_style import bare_or_computed
from speczoo.specs.flow_style import flow as plain_flow
from speczoo.specs.format import WIDTH, formatted
from speczoo.specs.source import Source

#: Keys of a spec with an empty line before them.
APART = frozenset({"blocks", "layers", "outputs", "freeze", "expect", "variants"})


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


#: Sentences that need no quotes behind a key of a line.
_SENTENCE = re.compile(r"[A-Za-z][\w .,;()/`*+=-]*[\w.)]", re.ASCII)


def flow(value: Any) -> str:
    """Return a value in YAML's flow style, on one line, without quotes around expressions that need none."""
    return plain_flow(value, bare_or_computed)


def _key(key: str, value: Any) -> Iterator[str]:
    if key == "layers":
        yield "layers:"
        yield from _entries(value, 2)
    elif key == "blocks":
        yield "blocks:"
        for number, (name, block) in enumerate(value.items()):
            yield from [""] * (number > 0)
            yield f"  {name}:"
            for part, inside in block.items():
                yield from _named(part, inside, 4) if part != "layers" else ["    layers:", *_entries(inside, 6)]
    elif key == "variants":
        yield "variants:"
        for name, variant in value.items():
            yield from _named(name, variant, 2)
    else:
        yield from _named(key, value, 0)


def _named(key: str, value: Any, indent: int) -> Iterator[str]:
    """Yield a key with its value: on a line where that fits, else what is in it a line each."""
    pad = " " * indent
    text = value if isinstance(value, str) and _SENTENCE.fullmatch(value) else flow(value)
    line = f"{pad}{plain_flow(key)}: {text}"
    if len(line) <= WIDTH or not isinstance(value, Mapping | list) or not value:
        yield line
        return
    yield f"{pad}{plain_flow(key)}:"
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _named(name, each, indent + 2)
    else:
        yield from (f"{pad}  - {flow(each)}" for each in value)


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
