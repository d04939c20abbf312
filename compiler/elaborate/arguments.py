"""The arguments of an entry: their values, and how what is wrong with them is reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.places import over_places
from speczoo.compiler.elaborate.prepared import is_settled
from speczoo.compiler.elaborate.session import Doubt, Stop
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.scope import Scope
from speczoo.compiler.unknown import UNKNOWN, UnknownRead
from speczoo.specs.entry import Entry, repeated
from speczoo.specs.keys import instead
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.suggestions import certain, did_you_mean
from speczoo.specs.wording import printable


def evaluate_arguments(here: EntrySite, op: str, computed: Mapping[str, str] = {}) -> dict[str, Any]:
    """Return the entry's arguments over the spec's defaults for this op; null in the entry takes a default back. Those
    that are `computed` over places are closed, see `Layer`.

    What is wrong, and reported, or hangs on what is unknown, is UNKNOWN.
    """
    ctx, item, names = here.ctx, here.item, here.scope.names
    if op not in ctx.defaults:
        base, own = ctx.unit.spec.defaults.get(op, {}), Scope(ctx.names)
        ctx.defaults[op] = {k: _value(ctx, v, own, ("defaults", op, k), "") for k, v in base.items()}
    out = dict(ctx.defaults[op])
    for key, value, plain, name, _ in item.prepared.arguments:
        if value is None and key in out:
            del out[key]
        elif isinstance(value, str) and isinstance(item.entry.arguments.get(computed.get(key, "")), list):
            out[key] = over_places(here, key, computed[key])
        elif plain and not ctx.partly_refused:
            out[key] = value
        elif name is not None and not ctx.partly_refused and is_settled(found := names.get(name)):
            out[key] = found
        else:
            out[key] = evaluate_argument(here, key, value)
    return out


def evaluate_argument(here: EntrySite, key: str, value: Any) -> Any:
    """Return the value of one argument; UNKNOWN where it is wrong, and reported, or hangs on what is unknown."""
    return _value(here.ctx, value, here.scope, here.loc(key), here.name)


def _value(ctx: Context, value: Any, scope: Scope, loc: Loc, path: str) -> Any:
    try:
        return ctx.evaluate(value, scope, loc, path)
    except (Stop, UnknownRead):
        return UNKNOWN


def no_arguments(here: EntrySite, what: str, kind: str) -> None:
    """Raise Doubt, reported, where an entry has arguments and its kind takes none."""
    arguments = here.item.entry.arguments
    if not arguments:
        return
    keys = Entry.beside(kind)
    words = instead(Entry, keys)
    for key, value in arguments.items():
        here.ctx.report(
            Problem(
                "unknown-key",
                f"{what} has no `{printable(key)}`",
                here.loc(key),
                key=True,
                help=[loop] if (loop := repeated(key, value)) else did_you_mean(key, [kind, *keys], aliases=words),
                replacement=certain(key, keys, aliases=instead(Entry, keys, certain=True)),
            )
        )
    raise Doubt


def wrong_count(here: EntrySite, given: int, name: str, wanted: Sequence[str]) -> Stop:
    """Report that a list takes another number of inputs than are given."""
    takes = f"`{name}` takes {len(wanted)} input{'s' * (len(wanted) > 1)} ({', '.join(wanted)})"
    entry = here.item.entry
    if entry.from_ is None:
        key = "op" if entry.op is not None else "share"
        return here.stop("missing-argument", f"{takes}: say which in `from`", here.loc(key))
    return here.stop("bad-value", f"{takes}, not {given}", here.loc("from"))


def report_arguments(here: EntrySite, op: str, problems: Iterable[Problem]) -> None:
    """Report what is wrong with the arguments of a block or a spec in use: where they are given, or where declared."""
    spec, arguments = here.ctx.unit.spec, here.item.entry.arguments
    for problem in problems:
        name, key = next(map(str, problem.loc), None), problem.key
        if name is not None and name in arguments:
            loc = here.loc(name)
        elif name is not None and name in spec.defaults.get(op, {}):
            loc = ("defaults", op, name)
        elif op in spec.blocks and name in spec.blocks[op].params:
            loc = ("blocks", op, "params", str(name), *(() if key else ("default",)))
        else:
            loc, key = here.loc("op"), False
        here.ctx.report(replace(problem, loc=loc, key=key, path=here.name))
