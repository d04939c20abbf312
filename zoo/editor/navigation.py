"""Where what stands at a place comes from: in the text, in the file of a spec in use, or in the code of a layer."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import NamedTuple

from speczoo.compiler.layer import Layer
from speczoo.editor.analysis import Analysis
from speczoo.editor.cursor import place_at
from speczoo.editor.names import Names
from speczoo.editor.ops import use_of
from speczoo.editor.positions import Range
from speczoo.editor.tree import Scalar, find
from speczoo.specs.source import Source


class Goal(NamedTuple):
    """A stretch of the text, or of another file."""

    at: Range
    path: Path | None = None


def definition(names: Names, offset: int, analysis: Analysis) -> tuple[Goal, ...]:
    """Return where the name at a place is given."""
    found = names.at(offset)
    if found is not None and found.symbol.kind == "use":
        return _file(names, found.symbol.name, analysis) or (Goal(found.symbol.at),)
    if found is not None:
        same = [each for each in names.of(found.symbol) if each.given]
        return tuple(Goal(each.at) for each in same) or (Goal(found.symbol.at),)
    loc, _, scalar = place_at(names.root, offset)
    if scalar is not None and len(loc) == 2 and loc[0] == "use":
        return _file(names, str(loc[1]), analysis)
    if scalar is not None and loc[-1:] in (("op",), ("match",)):
        return _class(scalar.text)
    return ()


def _file(names: Names, name: str, analysis: Analysis) -> tuple[Goal, ...]:
    """Return the file of a spec in use, at the variant that is named where one is."""
    wanted = find(names.root, ("use", name))
    used = use_of(wanted.text, analysis.unit) if isinstance(wanted, Scalar) else None
    if used is None or used.unit is None or used.unit.document.source.path is None:
        return ()
    document, loc = used.unit.document, ("variants", used.variant) if used.variant is not None else ("name",)
    span = document.span(loc, key=True)
    at = document.source.index(span.line, span.column) if span is not None else 0
    return (Goal(Range(at, at), document.source.path),)


def _class(op: str) -> tuple[Goal, ...]:
    """Return the class of a layer."""
    layer = Layer.registry.get(op)
    try:
        path = Path(inspect.getsourcefile(layer) or "") if layer is not None else Path()
        _, line = inspect.getsourcelines(layer) if layer is not None else ([], 0)
    except (OSError, TypeError):
        return ()
    if not line:
        return ()
    at = Source.of(path.read_text(encoding="utf-8")).index(line, 1)
    return (Goal(Range(at, at), path),)
