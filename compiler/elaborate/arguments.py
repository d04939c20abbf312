"""The arguments of an entry: their values, and how what is wrong with them is reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from speczoo.compiler.composite import Node
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.places import over_places
from speczoo.compiler.elaborate.prepared import is_settled
from speczoo.compiler.elaborate.session import Doubt, Item, Stop
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, UnknownRead
from speczoo.specs.keys import instead
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.spec import Entry, repeated
from speczoo.specs.suggestions import certain, did_you_mean
from speczoo.specs.wording import printable


def evaluate_arguments(
    ctx: Context, item: Item, op: str, scope: Scope, path: str, computed: Mapping[str, str] = {}
) -> dict[str, Any]:
    """Return the entry's arguments over the spec's defaults for this op; null in the entry takes a default back. Those
    that are `computed` over places are closed, see `Layer`.

    What is wrong, and reported, or hangs on what is unknown, is UNKNOWN.
    """
    if op not in ctx.defaults:
        base, own = ctx.unit.spec.defaults.get(op, {}), Scope(ctx.names)
        ctx.defaults[op] = {k: evaluate_argument(ctx, v, own, ("defaults", op, k), "") for k, v in base.items()}
    out = dict(ctx.defaults[op])
    for key, value, plain, name, _ in item.prepared.arguments:
        if value is None and key in out:
            del out[key]
        elif isinstance(value, str) and isinstance(item.entry.arguments.get(computed.get(key, "")), list):
            out[key] = over_places(ctx, item, key, computed[key], scope, path)
        elif plain and not ctx.partly_refused:
            out[key] = value
        elif name is not None and not ctx.partly_refused and is_settled(found := scope.names.get(name)):
            out[key] = found
        else:
            out[key] = evaluate_argument(ctx, value, scope, (*item.loc, key), path)
    return out


def evaluate_argument(ctx: Context, value: Any, scope: Scope, loc: Loc, path: str) -> Any:
    """Return the value of one argument; UNKNOWN where it is wrong, and reported, or hangs on what is unknown."""
    try:
        return ctx.evaluate(value, scope, loc, path)
    except (Stop, UnknownRead):
        return UNKNOWN


def no_arguments(ctx: Context, item: Item, what: str, kind: str) -> None:
    """Raise Doubt, reported, where an entry has arguments and its kind takes none."""
    if not item.entry.arguments:
        return
    keys = Entry.beside(kind)
    words = instead(Entry, keys)
    for key, value in item.entry.arguments.items():
        ctx.report(
            Problem(
                "unknown-key",
                f"{what} has no `{printable(key)}`",
                (*item.loc, key),
                key=True,
                help=[loop] if (loop := repeated(key, value)) else did_you_mean(key, [kind, *keys], aliases=words),
                replacement=certain(key, keys, aliases=instead(Entry, keys, certain=True)),
            )
        )
    raise Doubt


def wrong_count(ctx: Context, item: Item, blank: Node, name: str, wanted: Sequence[str]) -> Stop:
    """Report that a list takes another number of inputs."""
    takes = f"`{name}` takes {len(wanted)} input{'s' * (len(wanted) > 1)} ({', '.join(wanted)})"
    if item.entry.from_ is None:
        message, key = f"{takes}: say which in `from`", "op" if item.entry.op is not None else "share"
        return ctx.stop(Problem("missing-argument", message, (*item.loc, key), path=blank.name))
    message = f"{takes}, not {len(blank.inputs)}"
    return ctx.stop(Problem("bad-value", message, (*item.loc, "from"), path=blank.name))


def report_arguments(ctx: Context, item: Item, op: str, path: str, problems: Iterable[Problem]) -> None:
    """Report what is wrong with the arguments of a block or a spec in use: where they are given, or where declared."""
    spec = ctx.unit.spec
    for problem in problems:
        name, key = next(map(str, problem.loc), None), problem.key
        if name is not None and name in item.entry.arguments:
            loc: Loc = (*item.loc, name)
        elif name is not None and name in spec.defaults.get(op, {}):
            loc = ("defaults", op, name)
        elif op in spec.blocks and name in spec.blocks[op].params:
            loc = ("blocks", op, "params", str(name), *(() if key else ("default",)))
        else:
            loc, key = (*item.loc, "op"), False
        ctx.report(replace(problem, loc=loc, key=key, path=path))
