"""Where what stands at a place comes from: in the text, in the file of a spec in use, or in the code of a layer."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import NamedTuple

from speczoo import catalogue
from speczoo.compiler.layer import Layer
from speczoo.editor.analysis import Analysis
from speczoo.editor.cursor import CursorPlace, place_at
from speczoo.editor.names import TextNames, entry_at
from speczoo.editor.ops import use_of
from speczoo.editor.positions import Range
from speczoo.editor.recipe_words import NETWORK, choices, is_recipe, named_network, unit_of
from speczoo.editor.tree import TextNode, TextScalar, find
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec


class Goal(NamedTuple):
    """A stretch of the text, or of another file."""

    at: Range
    path: Path | None = None


def definition(names: TextNames, offset: int, analysis: Analysis) -> tuple[Goal, ...]:
    """Return where the name at a place is given."""
    if is_recipe(names.root):
        return _in_recipe(names.root, place_at(names.root, offset), analysis)
    found = names.at(offset)
    if found is not None and found.symbol.kind == "use":
        return _file(names, found.symbol.name, analysis) or (Goal(found.symbol.at),)
    if found is not None:
        same = [each for each in names.of(found.symbol) if each.given]
        return tuple(Goal(each.at) for each in same) or (Goal(found.symbol.at),)
    loc, part, scalar = place_at(names.root, offset)
    if scalar is not None and len(loc) == 2 and loc[0] == "use":
        return _file(names, str(loc[1]), analysis)
    if scalar is not None and part == "key" and entry_at(loc) == loc[:-1]:
        return _set_parameter(names, loc, analysis)
    if scalar is not None and loc[-1:] in (("op",), ("match",)):
        return _class(scalar.text)
    return ()


def _file(names: TextNames, name: str, analysis: Analysis) -> tuple[Goal, ...]:
    """Return the file of a spec in use, at the variant that is named where one is."""
    wanted = find(names.root, ("use", name))
    used = use_of(wanted.text, analysis.unit) if isinstance(wanted, TextScalar) else None
    if used is None or used.unit is None or used.unit.document.source.path is None:
        return ()
    return _in_file(used.unit, ("variants", used.variant) if used.variant is not None else ("name",))


def _set_parameter(names: TextNames, loc: Loc, analysis: Analysis) -> tuple[Goal, ...]:
    """Return where a spec in use declares the parameter that an entry sets."""
    op = find(names.root, (*loc[:-1], "op"))
    wanted = find(names.root, ("use", op.text)) if isinstance(op, TextScalar) else None
    used = use_of(wanted.text, analysis.unit) if isinstance(wanted, TextScalar) else None
    if used is None or used.unit is None or loc[-1] not in used.unit.spec.params:
        return ()
    return _in_file(used.unit, ("params", loc[-1]))


def _in_file(unit: LoadedSpec, loc: Loc) -> tuple[Goal, ...]:
    """Return the place of a key in the file of a spec, the beginning where it has none."""
    document = unit.document
    if document.source.path is None:
        return ()
    span = document.span(loc, key=True)
    at = document.source.index(span.line, span.column) if span is not None else 0
    return (Goal(Range(at, at), document.source.path),)


def _in_recipe(root: TextNode, place: CursorPlace, analysis: Analysis) -> tuple[Goal, ...]:
    """Return the file of a recipe's network, the parameter there that is set, or the model of what a word chooses."""
    loc, part, scalar = place
    if scalar is None:
        return ()
    if scalar is named_network(root) or (part == "key" and loc[:-1] == NETWORK):
        unit = unit_of(root, analysis.source)
        return _in_file(unit, _wanted_place(unit.spec, scalar.text, part)) if unit is not None else ()
    choice = choices().get(scalar.text) if loc[-1:] in (("op",), ("dataset",)) else None
    return _code(choice.model) if choice is not None else ()


def _wanted_place(spec: Spec, word: str, part: str) -> Loc:
    """Return where a parameter stands in a spec, or the variant that a network's name means, or the name of all."""
    variant = catalogue.split(word)[1] or word
    if part == "key":
        return ("params", word) if word in spec.params else ("name",)
    return ("variants", variant) if variant in spec.variants else ("name",)


def _class(op: str) -> tuple[Goal, ...]:
    """Return the class of a layer."""
    return _code(Layer.registry[op]) if op in Layer.registry else ()


def _code(kind: type) -> tuple[Goal, ...]:
    """Return where a class is written."""
    try:
        path = Path(inspect.getsourcefile(kind) or "")
        _, line = inspect.getsourcelines(kind)
    except (OSError, TypeError):
        return ()
    at = Source.of(path.read_text(encoding="utf-8")).index(line, 1)
    return (Goal(Range(at, at), path),)
