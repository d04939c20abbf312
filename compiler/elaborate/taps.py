"""`taps` of an entry: values inside its list in place of its own output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.session import Item
from speczoo.compiler.taps import by_name, tapped
from speczoo.specs.problem import Loc, Problem, ProblemError


def elaborate_taps(ctx: Context, item: Item, node: Node) -> Node:
    """Return the node with its entry's taps in place of its own output. Raises Stop, reported."""
    loc: Loc = (*item.loc, "taps")
    if not isinstance(node.body, Composite):
        message = f"`taps` reads inside an entry, and `{node.op}` has no inside"
        raise ctx.stop(Problem("bad-value", message, loc, key=True, path=node.name))
    if node.shared is not None:
        message = "`taps` belong on the entry that makes the module, not where it is shared"
        raise ctx.stop(Problem("bad-value", message, loc, key=True, path=node.name))
    wanted = item.entry.taps
    if not wanted:
        raise ctx.stop(Problem("bad-value", "`taps` names nothing", loc, path=node.name))
    named: set[str] = set()
    for i, tap in enumerate(wanted if isinstance(wanted, list) else ()):
        if tap in named:
            raise ctx.stop(Problem("duplicate-id", f"`{tap}` is named twice", (*loc, i), path=node.name))
        named.add(tap)
    try:
        return with_taps(node, wanted)
    except ProblemError as error:
        (name,) = error.problem.loc
        at = wanted.index(str(name)) if isinstance(wanted, list) else name
        raise ctx.stop(replace(error.problem, loc=(*loc, at), path=node.name)) from None


def with_taps(node: Node, wanted: Sequence[str] | Mapping[str, str]) -> Node:
    """Return the node with taps in place of its own output. Raises ProblemError."""
    assert isinstance(node.body, Composite)
    body = tapped(node.body, by_name(wanted))
    return node.replace(body=body, outputs=body.values, ports=tuple(port.name for port in body.outputs))
