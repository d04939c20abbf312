"""Arguments that are expressions over places: the names of an entry's scope put in, those of the places left open."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Any

from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.identifiers import variable
from speczoo.compiler.scope import FLOW, Scope, check_names, layered
from speczoo.compiler.unknown import UNKNOWN, UnknownRead
from speczoo.specs.expression import FUNCTIONS, METER, ExpressionError
from speczoo.specs.expression.syntax import CONSTANTS, WORDS
from speczoo.specs.foreign_values import is_nothing
from speczoo.specs.problem import Problem
from speczoo.specs.wording import printable

#: Names of the language that a place would hide.
LANGUAGE_NAMES = frozenset({*CONSTANTS, *WORDS, *FLOW})


def over_places(here: EntrySite, key: str, places: str) -> Any:
    """Return an argument as an expression in which only the places that the argument `places` names are names; UNKNOWN
    where it is wrong, and reported, or hangs on what is unknown.
    """
    ctx, scope, arguments = here.ctx, here.scope, here.item.entry.arguments
    loc, value = here.loc(key), arguments[key]
    names = tuple(name for name in arguments[places] if isinstance(name, str))
    problem = next(_wrong_names(here, places, names), None)
    if problem is None and "$" not in value:
        help = [] if is_nothing(value) else [f"write `{key}: $({value})`"]
        problem = Problem("bad-value", f"`{key}: {printable(value)}` is a text", loc, path=here.name, help=help)
    if problem is not None:
        ctx.report(problem)
        return UNKNOWN
    METER.spent += 4 * len(value)
    around = Scope(layered(scope.names, dict.fromkeys(names, 0)), scope.flow, scope.inputs)
    try:
        check_names(value, around)
        return f"$({ctx.session.shared.values.closed(value, around, names)})"
    except ExpressionError as error:
        ctx.bad_expression(error, around, loc, here.name)
    except UnknownRead:
        pass
    return UNKNOWN


def _wrong_names(here: EntrySite, places: str, names: tuple[str, ...]) -> Iterator[Problem]:
    """Yield names of places that mean something else here, or to Python."""
    scope, path = here.scope, here.name
    for k, name in enumerate(names):
        loc = here.loc(places, k)
        if scope.knows(name):
            yield Problem(
                "bad-value", f"`{name}` already means something here: name the place otherwise", loc, path=path
            )
        elif (why := bad_place(name)) is not None:
            message = f"`{printable(name)}` cannot be the name of a place: {why}"
            other = variable(name)
            free = bad_place(other) is None and other not in names and not scope.knows(other)
            help = [f"`{other}` can be one"] if free else []
            yield Problem("bad-value", message, loc, path=path, help=help)


def bad_place(name: str) -> str | None:
    """Return why `name` cannot be the name of a place, or None: it is a variable of the code that computes them."""
    if not name.isidentifier() or not name.isascii():
        return "names of places are ASCII letters, digits and underscores, and start with no digit"
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if name in FUNCTIONS or name in LANGUAGE_NAMES:
        return "the language has that name"
    if name.startswith("__"):
        return "Python has another name for it inside a class"
    return "the code of the network has that name for something else" if variable(name) != name else None
