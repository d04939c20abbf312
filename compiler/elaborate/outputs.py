"""The end of a list: its outputs, and the checks of what is whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from speczoo.compiler.checks.entries import name_problems, unused_problems
from speczoo.compiler.checks.inplace import backward_problems, inplace_problems, opaque
from speczoo.compiler.composite import Composite, Port
from speczoo.compiler.dataflow import Edge
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.loops import comprehended
from speczoo.compiler.elaborate.references import resolve
from speczoo.compiler.elaborate.session import Stop
from speczoo.compiler.elaborate.unresolved import WrittenReference
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, UnknownRead
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.reserved_names import bad_output
from speczoo.specs.spec import Output
from speczoo.specs.wording import printable

NETWORK: Loc = ("outputs",)  # where a spec's own outputs stand


def close(ctx: Context, frame: Frame, outputs: Sequence[Output] | None, loc: Loc) -> tuple[tuple[Port, ...], bool]:
    """Return the list's outputs, and whether all of them are right."""
    if ctx.names_unknown(loc):
        return (Port("output", frame.unknown_value()),), False
    if outputs is None:
        ports, right = _implied(ctx, frame, loc), True
    else:
        ports, right = _stated(ctx, frame, outputs, loc)
    return tuple(ports), right and bool(ports)


def _implied(ctx: Context, frame: Frame, loc: Loc) -> list[Port]:
    """Return the outputs of a list that names none: those of its last entry."""
    last = frame.last()
    if last is None and frame.nodes:
        node = frame.nodes[-1]
        of = "output_" if loc == NETWORK and node.ports[:1] == ("0",) else ""  # the fields of what comes out
        return [Port(of + name, Edge(len(frame.nodes) - 1, i)) for i, name in enumerate(node.ports)]
    if last is None:
        ctx.report(Problem("bad-value", "nothing comes out of this list", frame.loc))
        return []
    if loc == NETWORK and frame.nodes:
        _check_batch(ctx, frame, last, (*frame.nodes[-1].loc, "op"))
    return [Port("output", last)]


def _stated(ctx: Context, frame: Frame, outputs: Sequence[Output], loc: Loc) -> tuple[list[Port], bool]:
    """Return the outputs that a list names, and whether all of them are right."""
    ports: list[Port] = []
    taken: set[str] = set()
    right = True
    for output, at, names in _every(ctx, frame, outputs, loc):
        try:
            if names is None:
                raise UnknownRead
            port = _port(ctx, frame, output, at, names, taken)
            if port is not None:
                ports.append(port)
        except (Stop, UnknownRead):
            right = False
            if output.id not in (port.name for port in ports):
                ports.append(Port(output.id, frame.unknown_value(), output.training_only))
    if not ports:
        message = "no output is left: `when` is false for every one" if outputs else "`outputs` names nothing"
        ctx.report(Problem("bad-value", message, loc))
        return [Port("output", frame.unknown_value())], False
    if all(port.training_only for port in ports) and right:
        message = "every output is `training_only`: nothing would come out of the network once it is trained"
        ctx.report(Problem("bad-value", message, loc))
    return ports, right


def _every(
    ctx: Context, frame: Frame, outputs: Sequence[Output], loc: Loc
) -> Iterator[tuple[Output, Loc, Mapping[str, Any] | None]]:
    """Yield each output, a turn of its loop at a time, with its place and the names that it may read; None for these
    where the loop is wrong, and reported, or unknown.
    """
    for i, output in enumerate(outputs):
        if output.for_ is None:
            yield output, (*loc, i), frame.names
            continue
        try:
            for names in comprehended(ctx, output.for_, (*loc, i), frame.names, frame.readable):
                yield output, (*loc, i), names
        except (Stop, UnknownRead):
            yield output, (*loc, i), None


def _port(
    ctx: Context, frame: Frame, output: Output, loc: Loc, names: Mapping[str, Any], taken: set[str]
) -> Port | None:
    """Return an output that a list names; None where its `when` is false. Raises Stop, reported, and UnknownRead."""
    scope, there = Scope(names, inputs=frame.readable), output.when
    if not isinstance(there, bool):
        there = ctx.evaluate(there, scope, (*loc, "when"))
    if not isinstance(there, bool):
        message = f"`when` must come out true or false, not {there!r}"
        raise ctx.stop(Problem("bad-value", message, (*loc, "when")))
    if not there:
        return None
    if output.training_only and loc[:1] == ("blocks",):
        message = "`training_only` is for the outputs of a network, not of a block"
        raise ctx.stop(Problem("bad-value", message, (*loc, "training_only")))
    name = str(ctx.evaluate(output.id, scope, (*loc, "id")))
    if why := bad_output(name):
        message = f"`{printable(name)}` cannot be the name of an output: {why}"
        raise ctx.stop(Problem("bad-value", message, (*loc, "id")))
    if name in taken:
        message = f"`{name}` is already the id of another output"
        raise ctx.stop(Problem("duplicate-id", message, (*loc, "id"), help=_numbered(output)))
    taken.add(name)
    if loc in ctx.placeholders:
        raise Stop
    text = ctx.evaluate(output.from_, scope, (*loc, "from"))
    edge = resolve(ctx, frame, WrittenReference(str(text), (*loc, "from"), ""))
    if loc[:-1] == NETWORK:
        _check_batch(ctx, frame, edge, (*loc, "from"))
    return Port(name, edge, output.training_only)


def _numbered(output: Output) -> list[str]:
    """Return the help for the output of a loop whose id is the same at each turn."""
    variable = next(iter(output.for_ or ()), "").partition(",")[0]
    return [f"put a loop variable into it: `id: {output.id}${variable}`"] if variable and "$" not in output.id else []


def _check_batch(ctx: Context, frame: Frame, edge: Edge, loc: Loc) -> None:
    """Report it where what comes out of a network has no batch axis."""
    value = frame.value(edge)
    if value is not UNKNOWN and not value.batched:
        message = "what comes out of a network has a batch axis, and a Parameter has none: merge it first"
        ctx.report(Problem("shape-mismatch", message, loc))


def check_list(ctx: Context, frame: Frame, composite: Composite) -> None:
    """Report what can be found only once a list is whole; of one whose outputs are right."""
    if not frame.edges_incomplete and not frame.ids_incomplete:
        for problem in name_problems(composite):
            ctx.report(problem)
    if composite.whole:
        inside = len(ctx.session.frames) > 1
        checks = [unused_problems(composite), inplace_problems(composite)]
        checks += [backward_problems(composite, inputs_need=inside)]
    elif any(UNKNOWN in node.outputs for node in frame.nodes):
        checks = [inplace_problems(opaque(composite, frame.uncertain))]
    else:
        checks = [unused_problems(composite), inplace_problems(composite)]
    for problem in chain.from_iterable(checks):
        ctx.report(problem)
