"""`expect`: what a spec states of its own network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, show
from speczoo.compiler.unknown import UNKNOWN
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
        if wanted is not None and (actual := getattr(graph, key)) != wanted:
            yield _problem(graph, f"{actual:,} {key}", f"{wanted:,}", (*base, key))
    if isinstance(expect.output, dict):
        yield from _outputs(graph, expect.output, (*base, "output"))
    elif expect.output is not None:
        ports = zip(graph.root.outputs, graph.root.values, strict=True)
        lasting = [value.shape for port, value in ports if value is not UNKNOWN and not port.training_only]
        if lasting != [tuple(expect.output)]:
            got = "output " + " and ".join(map(show, lasting))
            problem = _problem(graph, got, show(expect.output), (*base, "output"))
            yield replace(problem, help=_flatten(graph, lasting, expect.output))


def _outputs(graph: Graph, wanted: dict[str, list[int]], loc: Loc) -> Iterator[Problem]:
    ports = zip(graph.root.outputs, graph.root.values, strict=True)
    shapes = {port.name: value.shape for port, value in ports if value is not UNKNOWN}
    for name, shape in wanted.items():
        if list(shapes.get(name, ())) != shape:
            got = f"output {name} {show(shapes[name])}" if name in shapes else f"no output {name}"
            yield _problem(graph, got, show(shape), (*loc, name))


def _flatten(graph: Graph, got: list[Shape], wanted: list[int]) -> list[str]:
    """Return what would make a vector of an output that has more axes: a Flatten before the first Linear that has
    them.
    """
    if len(got) != 1 or len(wanted) != 1 or len(got[0]) < 2 or got[0][-1] != wanted[0]:
        return []
    for path, node, _ in graph.walk():
        if node.op == "Linear" and len(node.shapes[0]) > 1:
            return [f"`{path}` works on the last axis of {show(node.shapes[0])}: put `{{op: Flatten}}` before it"]
    return []


def _problem(graph: Graph, got: str, wanted: str, loc: Loc) -> Problem:
    return Problem("assertion-failed", f"{graph.name} has {got}, and `expect` says {wanted}", loc)
