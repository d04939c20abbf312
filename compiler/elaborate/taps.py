"""`taps` of an entry: values inside its list in place of its own output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.loops import comprehended
from speczoo.compiler.elaborate.session import Item
from speczoo.compiler.scope import Scope
from speczoo.compiler.taps import tapped
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.wording import printable


def elaborate_taps(ctx: Context, frame: Frame, item: Item, node: Node) -> Node:
    """Return the node with its entry's taps in place of its own output. Raises Stop, reported."""
    loc: Loc = (*item.loc, "taps")
    if not isinstance(node.body, Composite):
        message = f"`taps` reads inside an entry, and `{node.op}` has no inside"
        raise ctx.stop(Problem("bad-value", message, loc, key=True, path=node.name))
    if node.shared is not None:
        message = "`taps` belong on the entry that makes the module, not where it is shared"
        raise ctx.stop(Problem("bad-value", message, loc, key=True, path=node.name))
    wanted: dict[str, str] = {}
    places: dict[str, Loc] = {}
    for name, path, place in _written(ctx, frame, item, loc, node.name):
        if name in wanted:
            raise ctx.stop(Problem("duplicate-id", f"`{printable(name)}` is named twice", place, path=node.name))
        wanted[name], places[name] = path, place
    if not wanted:
        raise ctx.stop(Problem("bad-value", "`taps` names nothing", loc, path=node.name))
    try:
        body = tapped(node.body, wanted)
    except ProblemError as error:
        (wrong,) = error.problem.loc
        raise ctx.stop(replace(error.problem, loc=places[str(wrong)], path=node.name)) from None
    ports = tuple(port.name for port in body.outputs)
    return node.replace(body=body, outputs=body.values, ports=ports, taps=wanted)


def _written(ctx: Context, frame: Frame, item: Item, loc: Loc, of: str) -> Iterator[tuple[str, str, Loc]]:
    """Yield the name, the path and the place of each tap. Raises Stop, reported, and UnknownRead."""
    taps = item.entry.taps or ()
    if isinstance(taps, Mapping):
        yield from ((name, path, (*loc, name)) for name, path in taps.items())
        return
    for i, tap in enumerate(taps):
        if isinstance(tap, str):
            yield tap, tap, (*loc, i)
            continue
        place: Loc = (*loc, i, "id")
        for names in comprehended(ctx, tap.for_, (*loc, i), item.names, frame.readable):
            path = str(ctx.evaluate(tap.id, Scope(names, inputs=frame.readable), place, of))
            yield path, path, place
