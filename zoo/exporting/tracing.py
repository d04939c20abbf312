"""What torch.export makes of a module: which axes it leaves open, and at which other size they can be tried."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import product

import torch
from torch import Tensor, nn

from speczoo.compiler.analysis.sizes import Axis, Sizes
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape
from speczoo.exporting.exported import BATCH, BATCH_AXIS, NotExported, Open, lasting
from speczoo.module_mode import in_mode
from speczoo.verify import random_input

#: How much smaller or larger a size is looked for that the network takes, too, and which part of it is best: a map
#: inside that has one place is a case of its own to exporters.
FAR, PART = 64, 8
#: Ops that make several axes of one.
CUTTING = ("reshape", "Unflatten")
SHOWN = 300  # characters of what an exporter says
COLOURS = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True)
class TracedProgram:
    """A program of torch's, the axes that it leaves open, and the name of each by the symbol that torch has for it;
    `outputs` are the shapes of what comes out in those names.
    """

    program: torch.export.ExportedProgram
    open: tuple[Open, ...]
    names: Mapping[str, str]
    outputs: Mapping[str, tuple[int | str, ...]]


def traced(graph: Graph, module: nn.Module, axes: Sequence[Axis]) -> TracedProgram:
    """Return a module in evaluation mode as a program of torch's, in which the number of samples and these axes are
    left open where torch can. Raises NotExported.
    """
    free = [_free(name, batched=value.batched, axes=axes) for name, value in graph.settings.inputs]
    dims = tuple(dict.fromkeys(of, torch.export.Dim.AUTO) for of in free)
    given = tuple(inputs(graph, BATCH))
    try:
        with quiet(), in_mode(module, training=False), _naming(graph, module):
            program = torch.export.export(module, given, dynamic_shapes=dims, strict=False)
    except Exception as error:  # what is raised inside a trace is not documented
        raise NotExported(f"torch.export cannot trace it: {reason(error)}") from error
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"][-len(given) :]
    open: list[Open] = []
    names: dict[str, str] = {}
    called = {(axis.input, axis.dim): axis.name.replace(" ", "_") for axis in axes}
    for (name, _), node, of in zip(graph.settings.inputs, nodes, free, strict=True):
        for dim in of:
            size = node.meta["val"].shape[dim]
            symbol = str(size)
            if isinstance(size, int) or not symbol.isidentifier():
                continue
            names.setdefault(symbol, called.get((name, dim), BATCH_AXIS))
            open.append(Open(name, dim, names[symbol], *_range(program, size)))
    return TracedProgram(program, tuple(open), names, dict(_outputs(graph, program, names)))


def _free(name: str, *, batched: bool, axes: Sequence[Axis]) -> list[int]:
    return [*([0] if batched else []), *(axis.dim for axis in axes if axis.input == name)]


def _range(program: torch.export.ExportedProgram, size: torch.SymInt) -> tuple[int, int | None]:
    """Return from which size to which a symbol holds; torch says 2 where it means any."""
    found = program.range_constraints.get(size.node.expr)
    if found is None:
        return 1, None
    least, most = int(found.lower), found.upper
    return 1 if least <= BATCH else least, int(most) if most.is_Integer else None


def _outputs(
    graph: Graph, program: torch.export.ExportedProgram, names: Mapping[str, str]
) -> Iterator[tuple[str, tuple[int | str, ...]]]:
    made = {node.name: node for node in program.graph.nodes}
    for port, name in zip(lasting(graph), program.graph_signature.user_outputs, strict=True):
        value = graph.root.value(port.edge)
        shape = made[name].meta["val"].shape if name in made else value.shape  # type: ignore[union-attr]
        yield port.name, tuple(n if isinstance(n, int) else renamed(str(n), names) for n in shape)


def inputs(graph: Graph, batch: int, shapes: Mapping[str, Shape] | None = None) -> list[Tensor]:
    """Return random inputs, the same each time; torch's own random numbers go on as if there were none of these."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return random_input(graph, batch, shapes)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return an expression over torch's symbols in the names of the axes."""
    return re.sub(r"\w+", lambda match: names.get(match[0], match[0]), text)


@contextmanager
def _naming(graph: Graph, module: nn.Module) -> Iterator[None]:
    """Meanwhile several outputs are a mapping by their names: a NamedTuple of a class that exists here alone could not
    be read back.
    """
    names = [port.name for port in lasting(graph)]
    if len(names) < 2:
        yield
        return
    own = module.forward

    @wraps(own)
    def forward(*inputs: Tensor) -> dict[str, Tensor]:
        return dict(zip(names, own(*inputs), strict=True))

    module.forward = forward
    try:
        yield
    finally:
        del module.forward


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what exporters warn of, which is not the user's to mend, off stderr."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def reason(error: BaseException) -> str:
    """Return the first line that says something of what an exporter raises: of what it was raised from, where it was,
    since an exporter says at last how to mend it, the exporter.
    """
    while error.__cause__ is not None and str(error.__cause__).strip():
        error = error.__cause__
    lines = [COLOURS.sub("", line).strip() for line in str(error).splitlines()]
    words = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {words[:SHOWN]}" if words else type(error).__name__


# -- another size -----------------------------------------------------------------------------------------------------


def other_sizes(sizes: Sizes) -> dict[Axis, int]:
    """Return another size that the network takes for each free axis, smaller where that is possible; without those
    axes that have none, where something is cut none far away, or have a declared size of 1, which torch takes for a
    constant.
    """
    axes = [axis for axis in sizes.axes if axis.declared > 1]
    if not axes:
        return {}
    best = -(min(axis.declared for axis in axes) // PART)
    cut = any(row.op in CUTTING for row in sizes.graph.rows)
    steps = sorted({*range(-FAR, FAR + 1)} - {0}, key=lambda step: abs(step - best))
    for chosen in (axes, *([axis] for axis in axes if len(axes) > 1)):
        if cut and not _reaching_far(sizes, chosen):
            continue
        for step, alike in product(steps, (False, True)):
            found = {axis: axis.declared + step * (1 if alike else i) for i, axis in enumerate(chosen, 1)}
            tried = [found.get(axis, axis.declared) for axis in sizes.axes]
            if min(tried) > 1 and sizes.accepts(*tried):
                return found
    return {}


def _reaching_far(sizes: Sizes, axes: Sequence[Axis]) -> bool:
    """Return whether a network takes these axes at half their sizes or less, or twice or more, as far as one looks. Not
    so where it takes 221 to 224, since what lies behind is the same for all: torch.export follows such a size through
    all that is cut, in terms that grow without end.
    """
    if sizes.rule is None:
        return True
    for step in range(FAR + 1):
        smaller = {axis: axis.declared // 2 - step for axis in axes}
        larger = {axis: axis.declared * 2 + step for axis in axes}
        for found in (smaller, larger):
            tried = [found.get(axis, axis.declared) for axis in sizes.axes]
            if min(tried) > 0 and sizes.accepts(*tried):
                return True
    return False


def at(graph: Graph, sizes: Mapping[Axis, int]) -> dict[str, Shape]:
    """Return the shapes of the inputs where these axes have these sizes."""
    found = {(axis.input, axis.dim - 1): size for axis, size in sizes.items()}
    return {
        name: tuple(found.get((name, i), n) for i, n in enumerate(value.shape)) for name, value in graph.settings.inputs
    }
