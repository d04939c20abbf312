"""`let`: names for computed values of a block or of a spec, which its entries read."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.session import Stop
from speczoo.compiler.layer import Value
from speczoo.compiler.parameters import holds_mapping
from speczoo.compiler.scope import Scope, layered
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.entry import names_in
from speczoo.specs.expression import METER
from speczoo.specs.problem import Loc, Problem


def with_let(
    ctx: Context,
    let: Mapping[str, Any],
    names: Mapping[str, Any],
    inputs: Sequence[tuple[str, Value | Unknown]],
    loc: Loc,
) -> Mapping[str, Any]:
    """Return the names of a list with what its `let`, which stands at `loc`, adds to them, in order; UNKNOWN where that
    is wrong, and reported, or unknown. Raises Halt, reported, where it takes too much work.
    """
    METER.spent += 3 * len(let)
    found: dict[str, Any] = {}
    scope = Scope(ChainMap(found, names), inputs[0][1] if inputs else None, dict(inputs))  # type: ignore[arg-type]
    for name, written in let.items():
        try:
            found[name] = _value(ctx, let, name, written, scope, (*loc, name))
        except (Stop, UnknownRead):
            found[name] = UNKNOWN
    return layered(names, found)


def _value(ctx: Context, let: Mapping[str, Any], name: str, written: Any, scope: Scope, loc: Loc) -> Any:
    """Return what a name of `let` stands for. Raises Stop, reported, and UnknownRead."""
    later = [other for other in names_in(written) if other in let and not scope.knows(other)]
    if later:
        message = f"`{later[0]}` is not known yet: `let` reads only what stands before it"
        help = [f"put `{later[0]}` before `{name}`"] if later[0] != name else []
        raise ctx.stop(Problem("unknown-param", message, loc, help=help))
    got = ctx.evaluate(written, scope, loc)
    if holds_mapping(got):
        message = f"`{name}` holds a mapping, which nothing can read"
        raise ctx.stop(Problem("bad-value", message, loc))
    return got
