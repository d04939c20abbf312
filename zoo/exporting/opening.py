"""As many axes are left open as an exporter can: all that the network takes at other sizes, else the samples alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import nn

from speczoo.compiler.analysis.formula import formula
from speczoo.compiler.analysis.sizes import Axis, Sizes
from speczoo.compiler.analysis.symbolic import is_size
from speczoo.compiler.emit.sizes import accepted, symbol_names
from speczoo.compiler.graph import Graph
from speczoo.exporting.exported import NotExported, Open, VerifiedRun
from speczoo.exporting.proof import Runner, drawn_weights, runs
from speczoo.exporting.tracing import TracedProgram, other_sizes, traced
from speczoo.specs.wording import enumerated

T = TypeVar("T")


@dataclass(frozen=True)
class Opened(Generic[T]):
    """What a format made of a module with its axes open: the axes, which sizes these may have and why others are not
    open, in words, and the runs beside the module.
    """

    made: T
    traced: TracedProgram
    outputs: Mapping[str, tuple[int | str, ...]]
    sizes: str
    closed: str
    runs: tuple[VerifiedRun, ...]


def opened(
    graph: Graph, module: nn.Module, convert: Callable[[TracedProgram], T], runner: Callable[[T], Runner]
) -> Opened[T]:
    """Return what `convert` makes of a module with drawn weights, with as many axes open as hold beside it. Raises
    NotExported where not even the declared size does.
    """
    sizes = Sizes(graph)
    other = other_sizes(sizes)
    pinned = [axis for axis in sizes.axes if axis.declared > 1]
    why = "a constant to torch.export" if other else "few other sizes are taken"
    with drawn_weights(graph, module):
        try:
            program = traced(graph, module, list(other))
            made = convert(program)
            found = runs(graph, module, program, runner(made), other)
        except NotExported as error:
            if not other:
                raise
            why = str(error)
            program = traced(graph, module, [])
            made = convert(program)
            found = runs(graph, module, program, runner(made), {})
    open = {(axis.input, axis.dim) for axis in program.open}
    left = [axis.name for axis in other or pinned if (axis.input, axis.dim) not in open]
    closed = f"{enumerated(left)}, as declared: {why}" if left else ""
    return Opened(made, program, _outputs(sizes, program), in_words(sizes, program.open), closed, tuple(found))


def in_words(sizes: Sizes, open: Sequence[Open]) -> str:
    """Return which sizes open axes may have."""
    batch = "any batch" if any(axis.dim == 0 for axis in open) else ""
    named = {(axis.input, axis.dim): axis for axis in sizes.axes}
    pairs = [(found, named[key]) for found in open if (key := (found.input, found.dim)) in named]
    if not pairs:
        return batch
    several = enumerated([axis.name for _, axis in pairs])
    words = accepted(sizes) if len(pairs) == len(sizes.axes) else None
    ends = [(axis.name, text) for found, axis in pairs if (text := _bound(sizes, found, axis))]
    alike = {text: enumerated([name for name, own in ends if own == text]) for _, text in ends}
    bounds = [f"in this file {names} {text}" for text, names in alike.items()]
    return "; ".join(filter(None, [batch, words or f"{several}: what `zoo sizes` says", *bounds]))


def _outputs(sizes: Sizes, program: TracedProgram) -> dict[str, tuple[int | str, ...]]:
    """Return the shapes of what comes out: in the words of `zoo sizes` where they hold, else in torch's."""
    open = {(axis.input, axis.dim) for axis in program.open}
    rule = sizes.rule
    if rule is None or not all((axis.input, axis.dim) in open for axis in sizes.axes):
        return dict(program.outputs)
    names = [name.replace(" ", "_") for name in symbol_names(sizes, rule)]
    found = {}
    for port, value in zip(sizes.graph.root.outputs, rule.outputs, strict=True):
        if port.name in program.outputs:
            first, *rest = program.outputs[port.name]
            words = [formula(n, rule.region, names) if is_size(n) else n for n in value.shape]
            found[port.name] = (first, *(own or torchs for own, torchs in zip(words, rest, strict=True)))
    return found


def _bound(sizes: Sizes, found: Open, axis: Axis) -> str:
    """Return how far an axis goes in the file, where the network goes further."""
    least, most = (size if _takes(sizes, axis, size) else None for size in (found.least - 1, (found.most or 0) + 1))
    ends = [f"from {found.least}"] if least else []
    ends += [f"up to {found.most}"] if found.most and most else []
    return " ".join(ends)


def _takes(sizes: Sizes, axis: Axis, size: int) -> bool:
    """Return whether a network takes another size on one axis, or on all of them."""
    one = [size if each == axis else each.declared for each in sizes.axes]
    return size > 0 and (sizes.accepts(*one) or sizes.accepts(*(size,) * len(one)))
