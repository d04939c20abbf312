"""A layer does not take what flows in: placed at the argument or the inputs that the layer speaks of, with the
arithmetic that led there and what would mend it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from speczoo.compiler.composite import Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.explain.interface import ElaboratedText, EntryPosition, OpenList
from speczoo.compiler.explain.provenance import Chain, keeping, name_of, parted, trace
from speczoo.compiler.explain.value_origins import Maker, comes_of, given, maker
from speczoo.compiler.layer import Layer, ShapeError, show
from speczoo.compiler.unknown import UNKNOWN
from speczoo.compiler.window import Windowed
from speczoo.specs.problem import Fix, Loc, Mark, Problem
from speczoo.specs.value_kinds import is_computed


@dataclass(frozen=True)
class RefusedInputs:
    """An entry of the innermost of the `lists` that are open, whose layer does not take what flows in."""

    text: ElaboratedText
    lists: Sequence[OpenList]
    item: EntryPosition
    node: Node
    layer: Layer
    error: ShapeError

    @property
    def frame(self) -> OpenList:
        return self.lists[-1]

    def trace(self, position: int, axis: int) -> Chain | None:
        """Return how an input's size on an axis (from the end) came about."""
        return trace(self.lists, self.node.inputs[position], axis)

    def maker(self, position: int) -> Maker | None:
        """Return the entry that sets how wide an input is."""
        return maker(self.frame.nodes, self.node.inputs[position])


def explain(at: RefusedInputs) -> Problem:
    """Return what is wrong with an entry whose layer does not take what flows in."""
    error, node = at.error, at.node
    loc, shown, marks, given_at = _place(at)
    marks += _widths_set(at)
    chains = _chains(at)
    notes = [chain.text for chain in chains] or list(error.problem.notes)
    help, size_mends = list(error.problem.help), bool(chains)
    fixes: list[Fix] = []
    if error.problem.code == "empty-output" and chains:
        fixes.append(Fix("drop", f"drop `{node.name}`" if node.named else "drop this layer"))
    elif error.problem.code == "shape-mismatch" and chains:
        fixes += _keep_or_crop(at, chains, crop=not help)
    elif error.problem.code == "shape-mismatch" and not help:
        help = _equal_widths(at)
    elif error.problem.code == "assertion-failed":
        size_mends = error.argument in ("in_features", "in_channels")
        notes += _flattened(at)
    if size_mends:
        fixes += resizing(error)
    return Problem(
        error.problem.code,
        error.problem.message,
        loc,
        path=node.name,
        text=shown,
        marks=marks,
        notes=notes,
        help=help if size_mends else [*help, *error.size_help],
        fixes=fixes,
        replacement=_replacement(at),
        given_at=given_at,
    )


def resizing(error: ShapeError) -> list[Fix]:
    """Return another size of the network's input as the fix of an error, with what helps where none is found."""
    return [Fix("resize", line) for line in error.size_help or ("",)]


def _place(at: RefusedInputs) -> tuple[Loc, str, list[Mark], Loc | None]:
    """Return the place of the problem, the text under its caret, other places that belong to it, and where its value
    was given.
    """
    item, argument = at.item, at.error.argument
    loc: Loc = (*item.loc, "op") if item.entry.op is not None else (*item.loc, "share")
    written = item.entry.from_
    marks: list[Mark] = []
    given_at: Loc | None = None
    placed, shown = False, ""
    if argument is not None and (argument in item.entry.arguments or (argument == "from" and written is not None)):
        loc, placed = (*item.loc, argument), True
        value = getattr(at.layer, argument, None)
        marks, given_at = given(at.text, at.frame, item, item.entry.arguments.get(argument), value)
    elif argument is not None and argument in at.text.unit.spec.defaults.get(at.node.op, {}):
        marks = [Mark(("defaults", at.node.op, argument), "set here")]
    for position, label in at.error.inputs.items():
        place = _input(item, position)
        if place is not None and not placed:
            loc, placed, shown = place, True, label
        elif place is not None:
            marks.append(Mark(place, label))
    return loc, shown, marks, given_at


def _input(item: EntryPosition, position: int) -> Loc | None:
    """Return the place in `from` of an entry's input; None where it is not written."""
    return item.taken[position][0] if position < len(item.taken) else None


def _replacement(at: RefusedInputs) -> str | None:
    """Return the value to write in place of the argument's, where the entry has it and computes nothing."""
    arguments, error = at.item.entry.arguments, at.error
    return error.problem.replacement if error.argument in arguments and not is_computed(arguments) else None


# -- the arithmetic ---------------------------------------------------------------------------------------------------


def _chains(at: RefusedInputs) -> list[Chain]:
    """Return how the sizes that do not fit came about."""
    node, body, error = at.node, at.layer, at.error
    shapes = node.shapes if UNKNOWN not in node.arriving else ()
    if not shapes:
        return []
    if error.problem.code == "empty-output" and isinstance(body, Windowed):
        window, n = body.window(), body.spatial
        for i, size in enumerate(shapes[0][-n:]):
            if (got := window.places(i, size)) < 1 and (chain := at.trace(0, i - n)):
                return [chain.then(node.name, got, window.arithmetic(i, size))]
    if error.problem.code == "shape-mismatch" and len(error.inputs) > 1:
        first, other, *_ = error.inputs
        if other < len(shapes) and len(shapes[first]) == len(shapes[other]):
            return list(_parted(at, first, other))
    return []


def _parted(at: RefusedInputs, first: int, other: int) -> Iterator[Chain]:
    """Yield the chains of two inputs from where they parted, on the first spatial axis that differs."""
    a, b = at.node.shapes[first], at.node.shapes[other]
    axis = next((i - len(a) for i in range(1, len(a)) if a[i] != b[i]), None)
    if axis is None:
        return
    chains = [chain for each in (first, other) if (chain := at.trace(each, axis)) is not None]
    yield from (chain for chain in (parted(*chains) if len(chains) == 2 else chains) if chain.steps)


def _flattened(at: RefusedInputs) -> list[str]:
    """Return where the features come from, of a layer behind a Flatten: `16 x 6 x 6 = 576`, and how high the map is."""
    source: Operand = at.node.inputs[0] if at.node.inputs else 0
    while isinstance(source, Edge) and source.node != INPUT:
        made = at.frame.nodes[source.node]
        if made.op == "Flatten" and made.shapes and len(made.shapes[0]) > 1:
            shape = made.shapes[0]
            notes = [f"`{made.name}` makes {show(shape)} into {math.prod(shape)}"]
            if len(shape) == 3 and (chain := trace(at.lists, made.inputs[0], -2)) and chain.steps:
                notes.append(chain.text)
            return notes
        if len(made.inputs) != 1 or not made.shapes or made.outputs != (made.arriving[0],):
            break
        source = made.inputs[0]
    return []


# -- what would mend it -----------------------------------------------------------------------------------------------


def _keep_or_crop(at: RefusedInputs, chains: Sequence[Chain], *, crop: bool) -> Iterator[Fix]:
    """Yield `padding: 1` of the layers that change the size, and a crop of the larger input."""
    steps = [step for chain in chains for step in chain.steps]
    kept = [f"`{step.keeps}` lets `{step.name}` keep the size" for step in steps if step.keeps]
    if kept and len(kept) == len(steps):
        yield Fix("keep", ", and ".join(kept))
    if crop and at.node.op != "matmul" and (cropped := _crop(at.item, at.node)):
        yield Fix("crop", cropped)


def _crop(item: EntryPosition, node: Node) -> str:
    """Return `crop enc1 to up1`, where one input is larger than the other on every axis."""
    written = [text for _, text in item.taken]
    if len(written) != 2 or len(node.shapes) != 2:
        return ""
    if node.op != "concat" and node.shapes[0][0] != node.shapes[1][0]:
        return ""
    a, b = (shape[1:] for shape in node.shapes)
    if all(x >= y for x, y in zip(a, b, strict=True)):
        large, small = written
    elif all(x <= y for x, y in zip(a, b, strict=True)):
        small, large = written
    else:
        return ""
    return f"crop `{large}` to `{small}`: `{{op: crop, from: {large}, like: {small}}}`"


def _equal_widths(at: RefusedInputs) -> list[str]:
    """Say, for inputs that differ in channels alone, one from all others, the number that would fit, and a
    projection.
    """
    node, apart = at.node, list(at.error.inputs)
    if len(apart) < 2 or len({node.shapes[position] for position in apart[1:]}) > 1:
        return []
    shapes = [node.shapes[position] for position in apart[:2]]
    if len(shapes[0]) != len(shapes[1]) or shapes[0][1:] != shapes[1][1:]:
        return []
    makers = [at.maker(position) for position in apart[:2]]
    help = []
    for mine, other in ((0, 1), (1, 0)):
        found = makers[mine]
        if found is None or not isinstance(found.node.entry.arguments.get(found.argument), int):
            continue
        if not comes_of(at.frame.nodes, node.inputs[apart[other]], found.node):  # which would change along
            of = f" of `{found.node.name}`" if found.node.named else ""
            help.append(f"set `{found.argument}: {shapes[other][0]}`{of}")
            break
    if len(shapes[0]) == 3:
        from_, to = (1, 0) if makers[0] is not None and len(apart) == 2 else (0, 1)
        written = [str(text) for _, text in at.item.taken]
        names = [written[i] for i in apart[:2]] if len(written) > 1 else ["the first", "the second"]
        help.append(f"project `{names[from_]}` with a 1x1 convolution to {shapes[to][0]} channels")
    return [", or ".join(help)] if help else []


def _widths_set(at: RefusedInputs) -> list[Mark]:
    """Return where the channels that clash were set: the `out_channels` (or features) of the layers they come from."""
    node, error = at.node, at.error
    if error.problem.code not in ("shape-mismatch", "indivisible", "assertion-failed"):
        return []
    if error.problem.code == "shape-mismatch" and not _channels_differ(node, error):
        return []
    marks = []
    for position in error.inputs:
        if position < len(node.inputs) and (found := at.maker(position)) is not None:
            made, key, shape = found
            marks.append(Mark((*made.loc, key), f"{shape[-1 if key == 'out_features' else 0]} is set here"))
    return marks


def _channels_differ(node: Node, error: ShapeError) -> bool:
    shapes = [node.shapes[p] for p in error.inputs if p < len(node.shapes)]
    return len({len(s) for s in shapes}) == 1 and len({s[0] for s in shapes if s}) > 1


# -- `shape`, the assertion -------------------------------------------------------------------------------------------


def shape_problem(node: Node, wanted: Any, loc: Loc) -> Problem | None:
    """Return what is wrong with the `shape` that an entry states of its output; None where it is right, or not
    known.
    """
    if not isinstance(wanted, list) or not all(map(_is_size, wanted)):
        odd = [i for i, n in enumerate(wanted) if not _is_size(n)] if isinstance(wanted, list) else []
        message = f"`shape` is a list of sizes, not {wanted!r}: sizes are integers of at least 1"
        return Problem("bad-value", message, (*loc, *odd[:1]), path=node.name)
    if len(node.outputs) != 1:
        message = f"`shape` speaks of one output, and `{node.name}` has {len(node.outputs)}"
        return Problem("bad-value", message, loc, path=node.name)
    value = node.outputs[0]
    if value is UNKNOWN or tuple(wanted) == value.shape:
        return None
    got = value.shape
    notes = []
    for i, (stated, has) in enumerate(zip(wanted, got, strict=True) if len(wanted) == len(got) else ()):
        how = node.body.arithmetic(i, *node.shapes) if isinstance(node.body, Layer) and node.shapes else ""
        if stated != has and how:
            notes.append(f"{name_of(got, i - len(got))}: {how} = {has}")
    keeps = keeping(node.body, -1, node.shapes[0]) if node.shapes and tuple(wanted[1:]) == node.shapes[0][1:] else ""
    help = [f"`{keeps}` keeps the size"] if keeps else []
    help.append(f"write `shape: [{', '.join(map(str, got))}]`, or change the layer")
    message = f"the output is {show(got)}, and `shape` says {show(wanted)}"
    return Problem("assertion-failed", message, loc, path=node.name, notes=notes[:1], help=help)


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 1
