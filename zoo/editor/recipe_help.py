"""What there is to say of what stands at a place of a recipe, as Markdown, and what is taken there."""

from __future__ import annotations

from speczoo.editor.analysis import Analysis
from speczoo.editor.cursor import CursorPlace
from speczoo.editor.hints import totals
from speczoo.editor.op_texts import argument_text, of_op
from speczoo.editor.ops import Op
from speczoo.editor.positions import Range
from speczoo.editor.recipe_words import chosen, key_at, named_network, network_of, op_at, taken
from speczoo.editor.tree import TextNode
from speczoo.specs.problem import Loc
from speczoo.specs.wording import by_axis


def hover(root: TextNode, place: CursorPlace, analysis: Analysis) -> tuple[str, Range] | None:
    """Return what there is to say of what stands at a place, and the place of that word; None where that is nothing."""
    loc, part, scalar = place
    if scalar is None:
        return None
    if part == "key":
        text = _key(root, loc, analysis)
    elif scalar is named_network(root):
        text = _network(root, analysis)
    else:
        op = chosen(scalar.text) if loc[-1:] in (("op",), ("dataset",)) else None
        text = "\n\n".join(filter(None, (of_op(op), _flow(loc[:-1], analysis)))) or _key(root, loc, analysis)
    return (text, Range(scalar.start, scalar.end)) if text else None


def op_around(root: TextNode, loc: Loc, analysis: Analysis) -> tuple[Op, str] | None:
    """Return what the mapping around a place is, and the key of it that the place belongs to."""
    for end in range(len(loc), 0, -1):
        op = op_at(root, loc[: end - 1], analysis.source)
        if op is not None:
            return op, str(loc[end - 1])
    return None


def _key(root: TextNode, loc: Loc, analysis: Analysis) -> str:
    """Return what a key says and takes, or a parameter of the network."""
    loc = next((loc[:end] for end in range(len(loc), 0, -1) if isinstance(loc[end - 1], str)), ())
    around = op_around(root, loc, analysis)
    if around is not None and (argument := around[0].argument(around[1])) is not None:
        return argument_text(argument, around[0].name)
    key = key_at(root, loc)
    return argument_text(taken(key), "a recipe" if len(loc) == 1 else str(loc[-2])) if key is not None else ""


def _network(root: TextNode, analysis: Analysis) -> str:
    """Return what the network is, what it costs, and its parameters."""
    costs = totals(analysis.graph) if analysis.recipe is not None and analysis.graph is not None else ""
    return "\n\n".join(filter(None, (of_op(network_of(root, analysis.source)), costs)))


def _flow(loc: Loc, analysis: Analysis) -> str:
    """Return the shape of an image behind what stands at a place."""
    shape = analysis.recipe.flow.get(loc) if analysis.recipe is not None else None
    return f"An image is **{by_axis(shape)}** then." if shape is not None else ""
