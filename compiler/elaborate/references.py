"""What a reference in a list means: the inputs of its entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import divided, prefixes
from speczoo.compiler.dataflow import INPUT, Edge, Operand, edge
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.loops import comprehended
from speczoo.compiler.elaborate.session import Stop
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.elaborate.unresolved import WrittenReference, no_name, unresolved
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.layers.elementwise import Named
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.entry import Comprehension, Entry
from speczoo.specs.expression import METER
from speczoo.specs.keys import keys
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.wording import listed, printable, printed

Flow = tuple[tuple[Operand, ...], tuple[Value | Unknown, ...]]


def resolve_inputs(here: EntrySite) -> Flow:
    """Return where the entry's inputs come from, and what flows in; unknown where that is wrong, and reported.

    Raises Stop, reported, where `from` names nothing.
    """
    frame, item = here.frame, here.item
    frame.inputs_wrong = False
    if item.entry.from_ is None:
        return _from_before(here)
    if item.prepared.lists:
        item.listed = _expanded(here)
    written = item.taken
    METER.spent += 4 * len(written)
    sources: list[Operand] = []
    values: list[Value | Unknown] = []
    for loc, text in written:
        try:
            if text is UNKNOWN:
                raise UnknownRead
            sources.append(_source(here, text, loc))
            values.append(frame.value(sources[-1]))
        except (Stop, UnknownRead):
            frame.edges_incomplete = frame.inputs_wrong = True
            sources.append(Edge(INPUT))
            values.append(UNKNOWN)
    if not sources:
        raise here.stop("bad-value", "`from` names nothing", here.loc("from"))
    return tuple(sources), tuple(values)


def _expanded(here: EntrySite) -> Sequence[tuple[Loc, object]]:
    """Return what the `from` of an entry names, each at its place, its loops unrolled: what their ids come out as.

    UNKNOWN where that is wrong, and reported, or unknown.
    """
    ctx, readable = here.ctx, here.frame.readable
    found: list[tuple[Loc, object]] = []
    for loc, text in here.item.taken:
        if not isinstance(text, Comprehension):
            found.append((loc, text))
            continue
        place: Loc = (*loc, "id")
        try:
            turns = comprehended(ctx, text.for_, loc, here.item.names, readable)
            found += [(place, _listed(ctx, text.id, Scope(names, inputs=readable), place)) for names in turns]
        except (Stop, UnknownRead):
            found.append((loc, UNKNOWN))
    return found


def _listed(ctx: Context, id: str, scope: Scope, loc: Loc) -> object:
    try:
        return ctx.evaluate(id, scope, loc)
    except (Stop, UnknownRead):
        return UNKNOWN


def _from_before(here: EntrySite) -> Flow:
    """Return what an entry takes that has no `from`: the output of the one before it."""
    frame, entry = here.frame, here.item.entry
    layer = Layer.registry.get(entry.op or "")
    if layer is not None and layer.arity[1] == 0:
        return (), ()
    last = frame.last()
    if last is None:
        node = frame.nodes[-1] if frame.nodes else None
        before = f"`{node.name}` has several outputs" if node else "this list has several inputs"
        choices = [f"{node.name}.{port}" for port in node.ports] if node else list(frame.inputs)
        help = [f"there is {', '.join(f'`{choice}`' for choice in choices)}"]
        here.report("missing-argument", f"`from` must be written here: {before}", here.loc(), help=help)
        frame.edges_incomplete = frame.inputs_wrong = True
        return (Edge(INPUT),), (UNKNOWN,)
    if layer is not None and (layer.merges or layer.arity[0] > 1):
        if not entry.arguments.keys().isdisjoint(keys(Entry)["from"].instead):  # and reported as an argument
            frame.inputs_wrong = True
            return (last,), (UNKNOWN,)
        verb = "brings several values together" if layer.merges else f"takes {layer.arity[0]} inputs"
        message = f"`{layer.op}` {verb}: say which in `from`"
        here.report("missing-argument", message, here.loc("op"))
        frame.inputs_wrong = layer.arity[0] > 1
    return (last,), (UNKNOWN,) if frame.inputs_wrong else (frame.value(last),)


def _source(here: EntrySite, text: object, loc: Loc) -> Operand:
    """Return one input of an entry: an edge, or a number where the op takes numbers. Raises Stop, reported, or
    UnknownRead.
    """
    ctx, frame, item = here.ctx, here.frame, here.item
    got = ctx.evaluate(text, here.scope, loc, here.name)
    if not isinstance(got, (int, float)) or isinstance(got, bool):
        return resolve(ctx, frame, WrittenReference(str(got), loc, here.name, item))
    layer = Layer.registry.get(item.entry.op or "")
    if layer is None or not layer.numbers:
        taking = [name for name, op in Layer.registry.items() if op.numbers]
        message = f"a number cannot flow into `{item.entry.op or 'a group'}`: only into {listed(taking)}"
        named = layer.number if layer is not None and issubclass(layer, Named) else ""
        help = [f"the number is written as `{named}: {got}`, and `from` has the other input"] if named else []
        help = [*help, *_by_position(frame, got, loc)]
        raise here.stop("bad-value", message, loc, help=help)
    position = layer.op == "add" and type(text) is int and text < 0 and not ctx.inactive
    if position and (help := _by_position(frame, got, loc)):
        help = [*help, f"where the number is intended, `sub` with {-got} says so"]
        message = f"`{text}` is a number here, and is added"
        here.report("negative-number", message, loc, help=help, severity="warning")
    if isinstance(got, int) and abs(got) >= 2**63:
        raise here.stop("bad-value", f"`{got}` is more than 64 bits hold", loc)
    return got


def _by_position(frame: Frame, number: float, loc: Loc) -> list[str]:
    """Return the help for a number that was probably intended as the position of an entry, as it is elsewhere: from the
    first, which is 0, or before this one, which is -1.
    """
    count, alone = len(frame.nodes), isinstance(loc[-1], str)
    if not isinstance(number, int) or not -count - 1 <= number < count:
        return []
    if number == -1 and alone:
        return ["for the entry before leave `from` out"]
    where = "the entry before" if number == -1 else f"entry {number} of this list"
    where = f"the entry {-number} before" if number < -1 else where
    at = count + number if number < 0 else number
    if at < 0:
        return [f"for {where} write `input`"] if len(frame.inputs) == 1 else []
    node = frame.nodes[at]
    if node.named:
        return [f"for {where} write its id: `{node.name}`"]
    return [f"for {where} write its id: it has none yet"]


def stated_output(body: object) -> str | None:
    """Return the name that a list's one output has where the list says it: others may have been left out by `when`."""
    if not isinstance(body, Composite) or len(body.outputs) != 1:
        return None
    spec = body.unit.spec
    stated = spec.blocks[body.name].outputs if body.kind == "block" else spec.outputs if body.kind == "use" else None
    return body.outputs[0].name if stated is not None else None


def edge_of(frame: Frame, text: str) -> Edge | None:
    """Return the edge that an id, an input's name, or `id.output` means; None where there is no such."""
    if text in frame.inputs:
        return Edge(INPUT, list(frame.inputs).index(text))
    if text == "input" and len(frame.inputs) == 1:
        return edge(INPUT)
    head, port = (text, "") if text in frame.ids else divided(text, frame.ids)
    index = frame.ids.get(head)
    if index is None:
        return None
    node = frame.nodes[index]
    if (head == text and len(node.outputs) == 1) or (UNKNOWN in node.outputs and not node.ports):
        return edge(index)
    if port in node.ports:
        return Edge(index, node.ports.index(port))
    return edge(index) if port and port == stated_output(node.body) else None


def resolve(ctx: Context, frame: Frame, reference: WrittenReference) -> Edge:
    """Return the edge that an id, an input's name, or `id.output` means. Raises Stop, reported."""
    text, loc, path, _ = reference
    edge = edge_of(frame, text)
    if edge is not None:
        return edge
    head, port = divided(text, frame.ids)
    if head not in frame.ids:
        raise unresolved(ctx, frame, reference, [*prefixes(text)])
    node = frame.nodes[frame.ids[head]]
    if node.body is None and UNKNOWN not in node.outputs:
        message = f"`{head}` is left out by its `when`, and has no output `{printable(port)}`"
        raise ctx.stop(
            Problem(
                "unknown-reference",
                message,
                loc,
                path=path,
                marks=[Mark((*node.loc, "when"), "left out here")],
                help=[f"`{head}` is there all the same: its first input stands for it"],
            )
        )
    there = [f"{head}.{p}" for p in node.ports]
    if head == text:
        help: Sequence[str] = [f"there is {', '.join(f'`{t}`' for t in there)}"]
        message = f"`{head}` has several outputs: say which"
    else:
        inside = [] if there else [f"use `{head}`; to read inside it, name the path under its `taps`"]
        help = did_you_mean(port, there) or inside
        message = f"`{head}` has no output `{printable(port)}`"
    raise ctx.stop(Problem("unknown-reference", message, loc, path=path, help=help))


def refer(here: EntrySite, blank: Node, name: str, target: Any) -> Node:
    """Return the node with what its argument `name` refers to among its inputs.

    Raises Stop, reported, and UnknownRead.
    """
    if target is UNKNOWN:
        raise UnknownRead
    if not isinstance(target, str):
        braced = isinstance(target, dict) and [*target.values()] == [None]  # a name in braces is a mapping to YAML
        help = no_name(f"{{{next(iter(target))}}}", (name,)) if braced else ()
        message = f"`{name}` is an id, not {printed(target)}"
        raise here.stop("bad-value", message, here.loc(name), help=help)
    edge = resolve(here.ctx, here.frame, WrittenReference(target, here.loc(name), here.name, here.item))
    return blank.replace(inputs=(*blank.inputs, edge), arriving=(*blank.arriving, here.frame.value(edge)))
