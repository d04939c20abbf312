"""What comes out of each entry, beside its line: shapes, and what blocks cost and how often they are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.layer import Value
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.editor.analysis import Analysis, Instance
from speczoo.specs.problem import Loc
from speczoo.specs.source import Source
from speczoo.specs.wording import by_axis, scaled

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph
    from speczoo.training.recipe_loader import RecipeReading

FEW = 4  # shapes of one entry that are all shown
MANY = 24  # of them in the longer text


@dataclass(frozen=True, slots=True)
class Hint:
    """A text that is shown behind a line, from 1, after so many of its characters; `more` says it at length."""

    line: int
    column: int
    text: str
    more: str = ""


def hints(analysis: Analysis) -> tuple[Hint, ...]:
    """Return what is shown beside the lines of a text, in their order, for the variant in view."""
    if analysis.recipe is not None:
        return tuple(_of_recipe(analysis.recipe, analysis.source))
    if analysis.unit is None:
        return ()
    document = analysis.unit.document
    found = []
    for loc, instances in analysis.entries.items():
        text, more = _entry(instances)
        span = document.span(loc)
        if text and span is not None:
            found.append(Hint(span.line, _end(analysis.source, span.line, span.end_line, span.end_column), text, more))
    for name, bodies in _blocks(analysis.entries).items():
        span = document.span(("blocks", name), key=True)
        if span is not None:
            found.append(_block(span.line, _end(analysis.source, span.line, span.line + 1, 0), bodies))
    return tuple(sorted(found, key=lambda hint: (hint.line, hint.column)))


def kept(before: Sequence[Hint], was: Source, analysis: Analysis) -> tuple[Hint, ...]:
    """Return the hints of a text, and where it is wrong those that stood before beside lines that are the same still:
    not beside what is wrong itself.
    """
    new = hints(analysis)
    if all(diagnostic.severity != "error" for diagnostic in analysis.diagnostics):
        return new
    own = {hint.line for hint in new}
    wrong = {d.span.line for d in analysis.diagnostics if d.span is not None and analysis.known}
    moved = moved_lines(was, analysis.source)
    old = (replace(hint, line=moved[hint.line]) for hint in before if hint.line in moved)
    still = [hint for hint in old if hint.line not in own and hint.line not in wrong]
    return tuple(sorted([*new, *still], key=lambda hint: (hint.line, hint.column)))


def moved_lines(was: Source, now: Source) -> Mapping[int, int]:
    """Return where the lines of a text, from 1, stand in what it has become: those before and behind what changed, and
    of what changed those that are the same in their places.
    """
    old, new = was.lines, now.lines
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    most = min(len(old), len(new)) - first
    last = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    moved = {line + 1: line + 1 for line in range(first)}
    moved |= {len(old) - i: len(new) - i for i in range(last)}
    changed = zip(range(first, len(old) - last), range(first, len(new) - last), strict=False)
    return moved | {a + 1: b + 1 for a, b in changed if old[a] == new[b]}


def _end(source: Source, line: int, end_line: int, end_column: int) -> int:
    """Return behind which character of its line an entry is spoken of: behind it, or where its first line ends."""
    if line == end_line:
        return end_column - 1
    text = source.lines[line - 1]
    return len(text.split(" #")[0].rstrip())


# -- recipes ------------------------------------------------------------------------------------------------------


def _of_recipe(recipe: RecipeReading, source: Source) -> Iterator[Hint]:
    """Yield the shape of an image beside its data and each transform, and what the network makes of it."""
    shown: dict[Loc, str] = {loc: by_axis(shape) for loc, shape in recipe.flow.items()}
    if recipe.network is not None:
        shown["network",] = f"{flow(recipe.network)}  {recipe.network.params:,} parameters"
    for loc, text in shown.items():
        span = recipe.document.span(loc)
        if span is not None:
            yield Hint(span.line, _end(source, span.line, span.end_line, span.end_column), text)


def totals(graph: Graph) -> str:
    """Return what flows into a network and out of it, and what it costs."""
    return f"{flow(graph)}  {graph.params:,} parameters  {scaled(graph.macs)} MACs"


def flow(graph: Graph) -> str:
    """Return the shapes that flow in and out."""
    return " → ".join(", ".join(map(by_axis, shapes.values())) for shapes in (graph.inputs, graph.outputs))


# -- entries ------------------------------------------------------------------------------------------------------


def _entry(instances: Sequence[Instance]) -> tuple[str, str]:
    """Return what comes out of an entry, in short and at length."""
    shapes = list(dict.fromkeys(filter(None, (outputs(each.node) for each in instances))))
    if not shapes:
        left_out = all(each.node.body is None and UNKNOWN not in each.node.outputs for each in instances)
        return ("left out", "`when` is false") if left_out else ("", "")
    text = ", ".join(shapes) if len(shapes) <= FEW else f"{shapes[0]} ... {shapes[-1]}"
    bodies = [each.node for each in instances if isinstance(each.node.body, Composite)]
    if bodies:
        text += f"  {_range([node.params for node in bodies])}"
    return text, "\n".join(_turns(instances)) if len(instances) > 1 else ""


def _turns(instances: Sequence[Instance]) -> Iterable[str]:
    rows = [f"{each.node.name}: {outputs(each.node) or 'left out'}" for each in instances]
    return rows if len(rows) <= MANY else [*rows[: MANY - 2], "...", rows[-1]]


def outputs(node: Node) -> str:
    """Return the shapes that come out of an entry in words; empty where it is left out, or they are unknown."""
    if node.body is None or not node.outputs or UNKNOWN in node.outputs:
        return ""
    shapes = [shape(value) for value in node.outputs]
    if len(shapes) > 1 and len(set(shapes)) == 1:
        return f"{len(shapes)} of {shapes[0]}"
    return " and ".join(shapes)


def shape(value: Value | Unknown) -> str:
    """Return `64x56x56`, with its kind of numbers where that is not float32."""
    if value is UNKNOWN:
        return "?"
    return by_axis(value.shape) + (f" {value.dtype}" if value.dtype != "float32" else "")


def _range(numbers: Sequence[int]) -> str:
    """Return how many parameters there are, from the fewest to the most."""
    low, high = min(numbers), max(numbers)
    return f"{low:,} parameters" if low == high else f"{low:,} ... {high:,} parameters"


# -- blocks -------------------------------------------------------------------------------------------------------


def _blocks(entries: Mapping[Loc, Sequence[Instance]]) -> Mapping[str, Mapping[Composite, int]]:
    """Return the lists that each block of the text has become, and how often each stands in the network: of blocks
    whose shapes are all known.
    """
    found: dict[str, dict[Composite, int]] = {}
    unknown: set[str] = set()
    for instances in entries.values():
        for node, _, times in instances:
            if isinstance(node.body, Composite) and node.body.kind == "block":
                bodies = found.setdefault(node.op, {})
                bodies[node.body] = bodies.get(node.body, 0) + times
                unknown |= {node.op} if UNKNOWN in node.outputs else set()
    return {name: bodies for name, bodies in found.items() if name not in unknown}


def _block(line: int, column: int, bodies: Mapping[Composite, int]) -> Hint:
    uses = sum(bodies.values())
    text = f"{uses} use{'s' * (uses > 1)}  {_range([body.params for body in bodies])}"
    return Hint(line, column, text)
