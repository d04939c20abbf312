"""`taps` of an entry: values inside its list in place of its own output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.elaborate.loops import comprehended
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.scope import Scope
from speczoo.compiler.taps import tapped
from speczoo.specs.problem import Loc, ProblemError
from speczoo.specs.reserved_names import bad_output
from speczoo.specs.wording import printable

Placed = tuple[str, Loc]


def elaborate_taps(here: EntrySite, node: Node) -> Node:
    """Return the node with its entry's taps in place of its own output. Raises Stop, reported."""
    loc = here.loc("taps")
    if not isinstance(node.body, Composite):
        message = f"`taps` reads inside an entry, and `{node.op}` has no inside"
        raise here.stop("bad-value", message, loc, key=True)
    if node.shared is not None:
        message = "`taps` belong on the entry that makes the module, not where it is shared"
        raise here.stop("bad-value", message, loc, key=True)
    wanted: dict[str, str] = {}
    places: dict[str, Loc] = {}
    for (name, named_at), (path, place) in _written(here, loc):
        if name in wanted:
            raise here.stop("duplicate-id", f"`{printable(name)}` is named twice", named_at)
        wanted[name], places[name] = path, place
    if not wanted:
        raise here.stop("bad-value", "`taps` names nothing", loc)
    try:
        body = tapped(node.body, wanted)
    except ProblemError as error:
        (wrong,) = error.problem.loc
        raise here.ctx.stop(replace(error.problem, loc=places[str(wrong)], path=here.name)) from None
    ports = tuple(port.name for port in body.outputs)
    return node.replace(body=body, outputs=body.values, ports=ports, taps=wanted)


def _written(here: EntrySite, loc: Loc) -> Iterator[tuple[Placed, Placed]]:
    """Yield the name and the path of each tap. Raises Stop, reported, and UnknownRead."""

    ctx, item, readable = here.ctx, here.item, here.frame.readable

    def computed(written: str, place: Loc, names: Mapping[str, Any]) -> Placed:
        return str(ctx.evaluate(written, Scope(names, inputs=readable), place, here.name)), place

    taps = item.entry.taps or ()
    if isinstance(taps, Mapping):
        for name, path in taps.items():
            yield (name, (*loc, name)), computed(path, (*loc, name), item.names)
        return
    for i, tap in enumerate(taps):
        at: Loc = (*loc, i)
        if isinstance(tap, str):
            yield (computed(tap, at, item.names),) * 2
            continue
        turns = comprehended(ctx, tap.for_, at, item.names, readable) if tap.for_ else [item.names]
        for names in turns:
            named = computed(tap.id, (*at, "id"), names)
            if tap.from_ is not None and (why := bad_output(named[0])):
                message = f"`{printable(named[0])}` cannot be the name of an output: {why}"
                raise here.stop("bad-value", message, named[1])
            yield named, named if tap.from_ is None else computed(tap.from_, (*at, "from"), names)
