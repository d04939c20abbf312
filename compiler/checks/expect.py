"""`expect`: what a spec states of its own network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, show
from speczoo.compiler.unknown import UNKNOWN
from speczoo.specs.expected import Bounds, ExpectedMemory
from speczoo.specs.problem import Loc, Problem


def expect_problems(graph: Graph) -> Iterator[Problem]:
    """Yield the numbers and shapes of `expect` that the network does not have."""
    expect, variant = graph.settings.expect, graph.settings.variant
    if expect is None:
        return
    base: Loc = ("variants", variant, "expect") if variant else ("expect",)
    for key in ("params", "trainable_params", "macs"):
        wanted = getattr(expect, key)
        if key == "trainable_params" and graph.unit.under(("freeze",)):
            continue
        if wanted is not None:
            yield from _number(graph, getattr(graph, key), key, wanted, (*base, key))
    if expect.memory is not None:
        yield from _memory(graph, expect.memory, (*base, "memory"))
    if expect.receptive_field is not None:
        yield from _receptive_field(graph, expect.receptive_field, (*base, "receptive_field"))
    if isinstance(expect.output, dict):
        yield from _outputs(graph, expect.output, (*base, "output"))
    elif expect.output is not None:
        ports = zip(graph.root.outputs, graph.root.values, strict=True)
        lasting = [value.shape for port, value in ports if value is not UNKNOWN and not port.training_only]
        if len(lasting) != 1 or not _fits(lasting[0], expect.output):
            got = "output " + " and ".join(map(show, lasting))
            problem = _problem(graph, got, _sizes_shown(expect.output), (*base, "output"))
            yield replace(problem, help=_flatten(graph, lasting, expect.output))


def _number(graph: Graph, actual: int, name: str, wanted: int | Bounds, loc: Loc) -> Iterator[Problem]:
    """Yield the problem that a number is another, or outside its bounds: then placed at the bound."""
    if isinstance(wanted, int):
        if actual != wanted:
            yield _problem(graph, f"{actual:,} {name}", f"{wanted:,}", loc)
    elif wanted.min is not None and actual < wanted.min:
        yield _problem(graph, f"{actual:,} {name}", f"at least {_shown(wanted.min)}", (*loc, "min"))
    elif wanted.max is not None and actual > wanted.max:
        yield _problem(graph, f"{actual:,} {name}", f"at most {_shown(wanted.max)}", (*loc, "max"))


def _memory(graph: Graph, expected: ExpectedMemory, loc: Loc) -> Iterator[Problem]:
    from speczoo.compiler.analysis.memory import memory  # which no check waits for that asks for none

    found = memory(graph).to_json()
    for key, wanted in expected:
        if wanted is not None:
            yield from _number(graph, found[key], f"bytes of {key}", wanted, (*loc, key))


def _receptive_field(graph: Graph, wanted: int | list[int] | Bounds, loc: Loc) -> Iterator[Problem]:
    from speczoo.compiler.analysis.receptive_field import receptive_fields

    sizes = receptive_fields(graph)[-1].size if graph.rows else ()
    if wanted and not sizes:
        yield Problem("assertion-failed", f"{graph.name} has no receptive field: its input has no spatial axis", loc)
    elif not isinstance(wanted, list):
        for size in dict.fromkeys(sizes):
            yield from _number(graph, size, "places in its receptive field", wanted, loc)
    elif list(sizes) != wanted:
        yield _problem(graph, f"a receptive field of {show(sizes)}", show(wanted), loc)


def _fits(shape: Shape, wanted: Sequence[int | Bounds]) -> bool:
    """Return whether a shape has these sizes, each a number or within bounds."""
    return len(shape) == len(wanted) and all(map(_within, shape, wanted))


def _within(size: int, wanted: int | Bounds) -> bool:
    if isinstance(wanted, int):
        return size == wanted
    return (wanted.min is None or wanted.min <= size) and (wanted.max is None or size <= wanted.max)


def _sizes_shown(wanted: Sequence[int | Bounds]) -> str:
    """Return `64 x at most 20`."""
    return show([size if isinstance(size, int) else _bounds_shown(size) for size in wanted])


def _bounds_shown(bounds: Bounds) -> str:
    least = "" if bounds.min is None else f"at least {_shown(bounds.min)}"
    most = "" if bounds.max is None else f"at most {_shown(bounds.max)}"
    return " and ".join(filter(None, (least, most)))


def _shown(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:,}"


def _outputs(graph: Graph, wanted: dict[str, list[int | Bounds]], loc: Loc) -> Iterator[Problem]:
    shapes = graph.outputs
    for name, shape in wanted.items():
        if name not in shapes or not _fits(shapes[name], shape):
            got = f"output {name} {show(shapes[name])}" if name in shapes else f"no output {name}"
            yield _problem(graph, got, _sizes_shown(shape), (*loc, name))


def _flatten(graph: Graph, got: list[Shape], wanted: Sequence[int | Bounds]) -> list[str]:
    """Return what would make a vector of an output that has more axes: a Flatten before the first Linear that has
    them.
    """
    if len(got) != 1 or len(wanted) != 1 or len(got[0]) < 2 or not _within(got[0][-1], wanted[0]):
        return []
    for path, node, _ in graph.walk():
        if node.op == "Linear" and len(node.shapes[0]) > 1:
            return [f"`{path}` works on the last axis of {show(node.shapes[0])}: put `{{op: Flatten}}` before it"]
    return []


def _problem(graph: Graph, got: str, wanted: str, loc: Loc) -> Problem:
    return Problem("assertion-failed", f"{graph.name} has {got}, and `expect` says {wanted}", loc)
