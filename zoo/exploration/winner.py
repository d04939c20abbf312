"""The best setting of a search, written into the spec of its network as a variant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speczoo.compiler.graph import Graph
from speczoo.specialize import companions, read
from speczoo.specs.diagnostics import Span
from speczoo.specs.flow_style import flow
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc

VARIANT = "found"  # what the best setting is called in the spec


def companions_of(graph: Graph, folder: Path) -> dict[Path, bytes]:
    """Return the files that a spec uses, by where they lie beside it; none where they have no place there."""
    try:
        return {folder / path: data for path, data in companions(graph).items()}
    except ValueError:
        return {}


def with_variant(unit: LoadedSpec, name: str, variant: Mapping[str, Any]) -> str:
    """Return the text of a spec with one more variant, all else as it stands; JSON where the spec is JSON."""
    document = unit.document
    variants = {**document.data.get("variants", {}), name: dict(variant)}
    wanted = json.dumps({**document.data, "variants": variants}, indent=2) + "\n"
    text = document.source.text
    if text.lstrip().startswith("{") or not text:
        return wanted
    written = _appended(unit, f"{name}: {flow(variant)}", name)
    return written if read(written) == read(wanted) else wanted


def _appended(unit: LoadedSpec, line: str, name: str) -> str:
    """Return a YAML text with a line for a variant behind the others, in place of one of this name."""
    document = unit.document
    lines = document.source.text.splitlines()
    known = document.data.get("variants", {})
    if not known:
        return "\n".join([*lines, "", "variants:", f"  {line}"]) + "\n"
    extents = {each: _lines(unit, ("variants", each)) for each in known}
    column = (document.span(("variants", next(iter(known))), key=True) or Span(1, 3, 1, 3)).column
    start, end = extents[name] if name in known else (max(end for _, end in extents.values()),) * 2
    return "\n".join([*lines[:start], " " * (column - 1) + line, *lines[end:]]) + "\n"


def _lines(unit: LoadedSpec, path: Loc) -> tuple[int, int]:
    """Return the first line of a key and its value, counted from 0, and the one behind its last."""
    key, value = unit.document.span(path, key=True), unit.document.span(path)
    assert key is not None
    assert value is not None
    return key.line - 1, max(key.line, value.end_line - (value.end_column == 1))
