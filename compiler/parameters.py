"""The parameters that a block or a spec declares, and the values they have where it is used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from speczoo.compiler.scope import FLOW, Scope, expression_problem
from speczoo.compiler.unknown import UNKNOWN, UnknownRead
from speczoo.compiler.unknown_arguments import unknown_argument
from speczoo.specs.entry import names_in
from speczoo.specs.expression import METER, ExpressionError, UnknownName, evaluate
from speczoo.specs.expression.operators import is_number
from speczoo.specs.limits import DEFAULT
from speczoo.specs.parameter import TYPES, Param
from speczoo.specs.problem import Problem, ProblemError
from speczoo.specs.suggestions import nearest
from speczoo.specs.wording import listed, printed

MANY = 12  # parameters of a cycle that are shown
SCALARS = frozenset({int, float, bool, str, type(None)})


def bind(
    declared: Mapping[str, Param],
    given: Mapping[str, Any],
    outer: Mapping[str, Any],
    owner: str,
    placeholders: Collection[str] = (),
    work: int = DEFAULT.work,
) -> tuple[dict[str, Any], list[Problem]]:
    """Return values for all declared parameters, in the order declared; UNKNOWN where one is wrong or among
    `placeholders`. And what is wrong, each problem placed at a parameter's name, or nowhere where parameters are
    missing.

    A default may be an expression over the parameters before it and over `outer`. After the most mistakes that are
    reported, and after so much `work`, all others are UNKNOWN.
    """
    METER.spent += 3 * len(declared)
    most = METER.spent + work
    problems: list[Problem] = []
    missing = [n for n, p in declared.items() if p.required and n not in given and n not in placeholders]
    for name in islice((n for n in given if n not in declared and n not in placeholders), DEFAULT.mistakes):
        problem, _ = unknown_argument(f"{owner} has no parameter", name, declared, given, missing, chosen=True)
        intended = problem.replacement
        if (
            intended is not None
            and intended in declared
            and given[name] is not UNKNOWN
            and fits(declared[intended], given[name])[1]
        ):
            problem = replace(problem, replacement=None)
        problems.append(problem)
        placeholders = {*placeholders, *(n for n in declared if n not in given)}  # what was intended is unknown
    if missing:
        types = ", ".join(f"`{name}: {declared[name].type}`" for name in missing)
        help = (f"declared as {types}",)
        problems.append(Problem("missing-argument", f"{owner} needs {listed(missing)}", help=help))
    scope = dict(outer)
    most_problems = len(problems) + DEFAULT.mistakes
    for name in declared:
        if len(problems) >= most_problems or name in placeholders or METER.spent > most:
            scope[name] = UNKNOWN
            continue
        try:
            scope[name] = _value(name, declared, given, scope)
        except ProblemError as error:
            problems.append(error.problem)
            scope[name] = UNKNOWN
        if METER.spent > most:
            message = f"the parameters up to `{name}` take more than {work:,} operations"
            problems.append(Problem("limit-exceeded", message, (name,)))
    return {name: scope[name] for name in declared}, problems


def _value(name: str, declared: Mapping[str, Param], given: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
    """Return the value of one parameter; UNKNOWN where it hangs on what is. Raises ProblemError."""
    param = declared[name]
    if name in FLOW:
        message = f"`{name}` cannot be a parameter: the language has that name"
        raise ProblemError(Problem("bad-value", message, (name,), key=True))
    if name not in given and param.required:
        return UNKNOWN
    value = given[name] if name in given else _default(name, declared, given, scope)
    if value is UNKNOWN:
        return UNKNOWN
    checked, wrong = fits(param, value)
    if wrong:
        word = param.default if param.type == "str" and not isinstance(param.written, dict) else ""
        type = _intended_type(str(word), value)
        help = (f"`{name}: {word}` declares a text; did you mean the type `{type}`?",) if type else ()
        raise ProblemError(Problem("bad-value", f"`{name}: {printed(value)}` {wrong}", (name,), help=help))
    return checked


def _intended_type(word: str, value: Any) -> str | None:
    """Return the type that a word is almost, of those that take the value where one does: `list` for `ints` and `[3]`.
    None where the word is like no type.
    """
    near = nearest(word, TYPES)
    taking = [type for type, (_, good) in KINDS.items() if good(value)]
    return nearest(word, taking) or next(iter(taking), near) if near else None


def _default(name: str, declared: Mapping[str, Param], given: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
    """Return what the default of a parameter comes out as; UNKNOWN where it reads what is. Raises ProblemError."""
    try:
        return evaluate(declared[name].default, Scope(scope))
    except UnknownRead:
        return UNKNOWN
    except ExpressionError as error:
        problem = expression_problem(error, (name,), Scope(scope))
        if isinstance(error, UnknownName) and error.unknown in declared:
            early = _too_early(name, str(error.unknown), declared, given, scope)
            if early is None:
                return UNKNOWN
            problem = early
    message = f"the default of `{name}`: {problem.message}"
    raise ProblemError(Problem(problem.code, message, (name,), help=problem.help))


def _too_early(
    name: str, wanted: str, declared: Mapping[str, Param], given: Collection[str], scope: Mapping[str, Any]
) -> Problem | None:
    """Return why a default cannot read a parameter that is not before it; None for a loop that is reported where it
    begins.
    """
    by: dict[str, str] = {wanted: name}  # what reads each
    for needing in (found := [wanted]):
        METER.spent += 1
        for needed in sorted(names_in(declared[needing].default) & declared.keys()) if needing not in given else ():
            if needed not in by:
                by[needed] = needing
                found.append(needed)
    if name not in by:
        message = f"`{wanted}` comes later, and a default reads only the parameters before it"
        return Problem("unknown-param", message, help=(f"declare `{wanted}` before `{name}`",))
    way = [name, by[name]]
    while way[-1] != name:
        way.append(by[way[-1]])
    around = set(way)
    if scope.get(next(n for n in declared if n in around)) is UNKNOWN:
        return None
    shown = way if len(way) <= MANY else [*way[:2], "...", *way[-3:]]
    return Problem("cycle", f"it needs itself: {' -> '.join(reversed(shown))}")


def holds_mapping(value: Any) -> bool:
    """Return whether a mapping is in it: no expression can look into one, and no argument of a class is one."""
    if type(value) in SCALARS:
        return False
    return isinstance(value, dict) or (isinstance(value, list | tuple) and any(map(holds_mapping, value)))


def _sizes(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(type(size) is int for size in value)


#: The types of parameters: what their values are, in words, and whether one is such a value.
KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("an integer", lambda value: type(value) is int),
    "float": ("a number", is_number),
    "bool": ("true or false", lambda value: type(value) is bool),
    "str": ("text", lambda value: isinstance(value, str)),
    "op": ("the name of an op", lambda value: isinstance(value, str)),
    "list": ("a list", lambda value: isinstance(value, list | tuple)),
    "pair": ("an integer or a list of two", lambda value: type(value) is int or (_sizes(value) and len(value) == 2)),
    "shape": ("a list of sizes", _sizes),
}


def fits(param: Param, value: Any) -> tuple[Any, str | None]:
    """Return the value as the parameter's type has it (an int is a float where one is wanted), or why it is none."""
    kind = param.type
    if (value is None and not param.required and param.default is None) or (value is None and kind == "op"):
        return None, None
    if kind is not None:
        words, good = KINDS[kind]
        if not good(value):
            return value, f"is not {words}"
    if holds_mapping(value):
        return value, "holds a mapping, which nothing can read"
    number = is_number(value)
    if kind == "float" and type(value) is int:
        value = float(value)
    if param.choices is not None and not any(type(c) is type(value) and c == value for c in param.choices):
        return value, f"is none of its choices: {', '.join(printed(c) for c in param.choices)}"
    if number and param.min is not None and value < param.min:
        return value, f"is below its least, {param.min}"
    if number and param.max is not None and value > param.max:
        return value, f"is above its most, {param.max}"
    return value, None
