"""What there is to say of what stands at a place, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.layer import Layer
from speczoo.compiler.unknown import UNKNOWN
from speczoo.editor import recipe_help
from speczoo.editor.analysis import Analysis, Instance
from speczoo.editor.cursor import CursorPlace, place_at
from speczoo.editor.hints import outputs, shape
from speczoo.editor.names import Symbol, TextNames, entry_at
from speczoo.editor.op_texts import argument_list, argument_text, of_op
from speczoo.editor.ops import Op, op_of, parameter, written
from speczoo.editor.positions import Range, extent
from speczoo.editor.recipe_words import is_recipe
from speczoo.editor.tree import Mapping, TextScalar, find, plain
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.entry import Entry
from speczoo.specs.expression.reference import FUNCTIONS
from speczoo.specs.keys import keys, model_at
from speczoo.specs.problem import Loc
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from speczoo.specs.wording import by_axis

FEW = 6  # instances of an entry that are shown one by one
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Hover(NamedTuple):
    """A text about a stretch of the spec."""

    text: str
    at: Range


def hover(
    names: TextNames, source: Source, offset: int, analysis: Analysis, diagnostics: Sequence[Diagnostic] = ()
) -> Hover | None:
    """Return what there is to say of what stands at a place; None where that is nothing.

    The diagnostics are those of this very text; the analysis may be older.
    """
    place = place_at(names.root, offset)
    parts = [*_wrong(diagnostics, source, offset)]
    if is_recipe(names.root):
        about = recipe_help.hover(names.root, place, analysis)
        found = Hover(*about) if about is not None else None
    else:
        found = _of_place(names, place, offset, analysis)
    parts += [found.text] if found is not None else []
    if not parts:
        return None
    at = found.at if found is not None else Range(offset, offset)
    return Hover("\n\n---\n\n".join(parts), at)


def _wrong(diagnostics: Sequence[Diagnostic], source: Source, offset: int) -> Iterator[str]:
    """Yield what explains and mends what is wrong at a place."""
    for diagnostic in diagnostics:
        if diagnostic.span is None or diagnostic.file not in (None, source.name):
            continue
        start, end = extent(source, diagnostic.span)
        lines = [*diagnostic.notes, *(f"help: {line}" for line in diagnostic.help)]
        if start <= offset <= end and lines:
            yield "\n".join(f"- {line}" for line in lines)


def _of_place(names: TextNames, place: CursorPlace, offset: int, analysis: Analysis) -> Hover | None:
    loc, part, scalar = place
    if scalar is None:
        return None
    at = Range(scalar.start, scalar.end)
    occurrence = names.at(offset)
    entry = entry_at(loc)
    if occurrence is not None and occurrence.symbol.kind not in ("id", "block", "use"):
        return Hover(_symbol(names, occurrence.symbol, loc, analysis), occurrence.at)
    if part == "value" and (function := _function(scalar, offset)) is not None:
        return function
    if entry is not None and len(loc) > len(entry):
        return Hover(text, at) if (text := _in_entry(names, entry, loc, part, analysis)) else None
    if occurrence is not None and occurrence.symbol.kind in ("block", "use"):
        return Hover(of_op(op_of(occurrence.symbol.name, names, analysis.unit)), occurrence.at)
    if part == "key" and loc[:1] == ("defaults",) and (text := _default(names, loc, analysis)):
        return Hover(text, at)
    if part == "key" and (text := _key(names, loc)):
        return Hover(text, at)
    if loc[-1:] == ("match",) or loc[:1] == ("defaults",):
        op = op_of(scalar.text, names, analysis.unit)
        return Hover(of_op(op), at) if op is not None else None
    return None


def _function(scalar: TextScalar, offset: int) -> Hover | None:
    """Return what a function of an expression gives, where its name stands there."""
    start, _ = scalar.inner
    for word in _WORD.finditer(scalar.text if "$(" in scalar.text else ""):
        called = scalar.text[word.end() :].lstrip().startswith("(") and word[0] in FUNCTIONS
        if called and start + word.start() <= offset <= start + word.end():
            function = FUNCTIONS[word[0]]
            return Hover(f"`{function.call}`\n\n{function.doc}", Range(start + word.start(), start + word.end()))
    return None


def _key(names: TextNames, loc: Loc) -> str:
    """Return what a key of the grammar says."""
    model = model_at(Spec, loc[:-1], plain(names.root))
    key = keys(model).get(str(loc[-1])) if model is not None else None
    return f"**{key.name}**\n\n{key.help}" if key is not None else ""


def _default(names: TextNames, loc: Loc, analysis: Analysis) -> str:
    op = op_of(str(loc[1]), names, analysis.unit) if len(loc) > 1 else None
    if op is None or len(loc) == 2:
        return of_op(op)
    argument = op.argument(str(loc[2]))
    return argument_text(argument, op.name) if argument is not None else ""


# -- entries ------------------------------------------------------------------------------------------------------


def _in_entry(names: TextNames, entry: Loc, loc: Loc, part: str, analysis: Analysis) -> str:
    key = str(loc[len(entry)])
    node = find(names.root, (*entry, "op"))
    op = op_of(node.text, names, analysis.unit) if isinstance(node, TextScalar) else None
    instances = _instances(names, entry, analysis)
    argument = op.argument(key) if op is not None and (key not in keys(Entry) or key == "shape") else None
    if argument is not None and op is not None:
        value = _values(instances, key)
        return "\n\n".join(filter(None, (argument_text(argument, op.name), value)))
    if key in ("op", "id", "layers", "share") and part == "value":
        return _entry(op, instances)
    if part == "key" and len(loc) == len(entry) + 1:
        about = _key(names, loc)
        return "\n\n---\n\n".join(filter(None, (about, _entry(op, instances) if key in Entry.KINDS else "")))
    if key in ("from", "when", "shape"):
        return _entry(None, instances)
    return ""


def _instances(names: TextNames, entry: Loc, analysis: Analysis) -> Sequence[Instance]:
    """Return what an entry has become, if the analysis, which may be older, speaks of it still."""
    found = analysis.entries.get(entry, ())
    node = find(names.root, entry)
    data = plain(node) if isinstance(node, Mapping) else {}
    same = [each for each in found if (each.node.entry.id, each.node.entry.op) == (data.get("id"), data.get("op"))]
    return same


def _entry(op: Op | None, instances: Sequence[Instance]) -> str:
    """Return what an entry is and what it has become."""
    parts = [f"**{op.name}**\n\n{op.summary}"] if op is not None else []
    distinct = list({_facts(each.node): each for each in instances}.values())
    parts += [fact for fact in (_facts(each.node) for each in distinct[:FEW]) if fact]
    if len(distinct) > FEW:
        parts.append(f"... and {len(distinct) - FEW} others")
    if op is not None and op.arguments:
        given = dict(instances[0].node.entry.arguments) if instances else {}
        parts.append(argument_list(op, given))
    return "\n\n".join(parts)


def _facts(node: Node) -> str:
    """Return what flows in and comes out of an entry, how that comes about, and what it costs."""
    out = outputs(node)
    if not out:
        return "Left out: `when` is false." if node.body is None and UNKNOWN not in node.outputs else ""
    flow = " and ".join(shape(value) for value in node.arriving) or "nothing"
    lines = [f"`{node.name}`: {flow} → **{out}**", *_arithmetic(node)]
    if node.params:
        weights = ", ".join(f"{name} {by_axis(sizes)}" for name, sizes in node.weights.items() if name)
        lines.append(f"parameters: {node.params:,}" + (f" ({weights})" if weights else ""))
    if node.macs:
        lines.append(f"MACs: {node.macs:,}")
    return "  \n".join(lines)


def _arithmetic(node: Node) -> Iterator[str]:
    """Yield how each axis of the output comes about, of a layer that computes one."""
    first = node.outputs[0]
    if not isinstance(node.body, Layer) or first is UNKNOWN or not node.whole:
        return
    rank = len(first.shape)
    for axis, size in enumerate(first.shape):
        if axis < len(node.shapes[0] if node.shapes else ()) and (text := node.body.arithmetic(axis, *node.shapes)):
            yield f"{_axis(axis, rank)}: `{text} = {size}`"


def _axis(axis: int, rank: int) -> str:
    names = {2: ("channels", "length"), 3: ("channels", "height", "width"), 4: ("channels", "depth", "height", "width")}
    return names[rank][axis] if rank in names else f"axis {axis + 1}"


def _values(instances: Sequence[Instance], name: str) -> str:
    """Return what an argument comes out as."""
    found: dict[str, None] = {}
    for node, _, _ in instances:
        body: Any = node.body
        if isinstance(body, Layer) and name in type(body).model_fields:
            value = node.application.call.args.get(name, getattr(body, name)) if node.whole else getattr(body, name)
            found[written(value)] = None
        elif isinstance(body, Composite) and name in body.arguments:
            found[written(body.arguments[name])] = None
    shown = [f"`{value}`" for value in found]
    return f"Here: {', '.join(shown[:FEW])}{' ...' if len(shown) > FEW else ''}" if shown else ""


# -- names -------------------------------------------------------------------------------------------------------


def _symbol(names: TextNames, symbol: Symbol, loc: Loc, analysis: Analysis) -> str:
    """Return what a name of an expression stands for, and its values where it is read."""
    kinds = {"variable": "loop variable", "let": "computed value", "place": "place", "param": "parameter"}
    parts = [f"**{symbol.name}**: {kinds.get(symbol.kind, symbol.kind)}"]
    declared = plain(find(names.root, symbol.loc))
    if symbol.kind == "param":
        taken = parameter(symbol.name, declared)
        parts += [taken.doc, taken.line]
    elif symbol.kind in ("variable", "let"):
        parts.append(f"`{written(declared)}`")
    elif symbol.kind == "variant" and analysis.graph is not None and analysis.variant == symbol.name:
        parts.append(f"{analysis.graph.params:,} parameters, {analysis.graph.macs:,} MACs")
    entry = entry_at(loc)
    values = {
        written(each.node.scope[symbol.name]): None
        for each in (_instances(names, entry, analysis) if entry is not None else ())
        if symbol.name in each.node.scope and each.node.scope[symbol.name] is not UNKNOWN
    }
    if values:
        parts.append(f"Here: {', '.join(f'`{value}`' for value in [*values][:FEW])}{' ...' * (len(values) > FEW)}")
    return "\n\n".join(filter(None, parts))
