"""`expect`: what a spec states of its own network."""

from __future__ import annotations

from collections.abc import Iterator

from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import show
from speczoo.compiler.unknown import UNKNOWN
from speczoo.specs.problem import Loc, Problem


def expect_problems(graph: Graph) -> Iterator[Problem]:
    """The numbers and shapes of `expect` that the network does not have."""
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
            yield _problem(graph, got, show(expect.output), (*base, "output"))


def _outputs(graph: Graph, wanted: dict[str, list[int]], loc: Loc) -> Iterator[Problem]:
    ports = zip(graph.root.outputs, graph.root.values, strict=True)
    shapes = {port.name: value.shape for port, value in ports if value is not UNKNOWN}
    for name, shape in wanted.items():
        if list(shapes.get(name, ())) != shape:
            got = f"output {name} {show(shapes[name])}" if name in shapes else f"no output {name}"
            yield _problem(graph, got, show(shape), (*loc, name))


def _problem(graph: Graph, got: str, wanted: str, loc: Loc) -> Problem:
    return Problem("assertion-failed", f"{graph.name} has {got}, and `expect` says {wanted}", loc)
