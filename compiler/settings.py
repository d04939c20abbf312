"""What was chosen of a spec: its variant, the values of its parameters, and what flows in."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from speczoo.compiler.composite import Settings
from speczoo.compiler.layer import Value
from speczoo.compiler.parameters import bind
from speczoo.compiler.scope import Scope, expression_problem
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import ExpressionError, evaluate
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.reserved_names import bad_input
from speczoo.specs.suggestions import did_you_mean


class Choice(NamedTuple):
    """What was chosen, None where there is no such variant; what is wrong with it, placed in the spec; and what is
    wrong with the arguments of a spec in use, each problem placed at an argument's name, or nowhere where some are
    missing.
    """

    settings: Settings | None
    problems: Sequence[Problem] = ()
    of_given: Sequence[Problem] = ()


def choose(
    unit: LoadedSpec,
    *,
    variant: str | None = None,
    params: Mapping[str, Any],
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    values: Sequence[Value | Unknown] | None = None,
    limits: Limits = DEFAULT,
) -> Choice:
    """Return the spec's parameters and inputs for a variant and what is laid over it.

    `values` flow in where another spec uses it, whose arguments the `params` are.
    """
    spec = unit.spec
    if variant is not None and variant not in spec.variants:
        message = f"`{spec.name}` has no variant `{variant}`"
        help = did_you_mean(variant, spec.variants)
        return Choice(None, [Problem("unknown-reference", message, ("variants",), key=True, help=help)])
    chosen = spec.variants[variant] if variant is not None else None
    own = dict(chosen.params) if chosen else {}
    bases: tuple[Loc, ...] = (("params",), ("variants", str(variant), "params"))
    placeholders = {str(name) for base in bases for name in unit.under(base)}
    if not spec.placeholders.isdisjoint(bases):
        placeholders |= {*spec.params, *own, *params}
    bound, wrong = bind(spec.params, {**own, **params}, {}, f"`{spec.name}`", placeholders, limits.work)
    if values is not None:
        of_given = [problem for problem in wrong if not problem.loc or problem.loc[0] in params]
        problems = list(_placed(unit, variant, (), [problem for problem in wrong if problem not in of_given]))
    else:
        of_given, problems = [], list(_placed(unit, variant, params, wrong))
    own_input = chosen.input if chosen else None
    inputs, wrong_inputs = _inputs(unit, bound, own_input, ("variants", str(variant), "input"), input, values, limits)
    settings = Settings(
        variant or spec.name,
        variant,
        bound,
        tuple(inputs),  # type: ignore[arg-type]  # what is unknown meets an error that is reported
        chosen.expect if chosen and chosen.expect else spec.expect if not chosen else None,
        changed=bool(params) or input is not None or values is not None,
    )
    return Choice(settings, [*problems, *wrong_inputs], of_given)


def _placed(
    unit: LoadedSpec, variant: str | None, given: Collection[str], problems: Iterable[Problem]
) -> Iterator[Problem]:
    """Yield problems with parameters where the text has these: in the variant or where declared; none has what a caller
    has given.
    """
    spec = unit.spec
    own = spec.variants[variant].params if variant is not None else {}
    for problem in problems:
        name = next(map(str, problem.loc), None)
        code = "unknown-param" if problem.code == "unknown-argument" else problem.code
        if name is None:
            among = f": choose one of its variants, {', '.join(list(spec.variants)[:12])}" if spec.variants else ""
            message = problem.message + (among if variant is None else "")
            yield replace(problem, message=message, loc=("variants", variant) if variant else ("params",), key=True)
        elif name in given:
            yield replace(problem, code=code, loc=(), key=False)
        elif name in own:
            yield replace(problem, code=code, loc=("variants", str(variant), "params", name))
        else:
            yield replace(problem, code=code, loc=("params", name, *(() if problem.key else ("default",))))


def _inputs(
    unit: LoadedSpec,
    params: Mapping[str, Any],
    own: Any,
    own_loc: Loc,
    given: Any,
    values: Sequence[Value | Unknown] | None,
    limits: Limits,
) -> tuple[list[tuple[str, Value | Unknown]], list[Problem]]:
    """Return the inputs by name, UNKNOWN where one is wrong; and what is wrong with them."""
    spec = unit.spec
    declared: list[tuple[str, Any, str, Loc]] = []
    if spec.inputs is None:
        declared.append(
            ("input", spec.input if own is None else own, "float32", ("input",) if own is None else own_loc)
        )
    else:
        declared += [(i.id, i.shape, i.dtype, ("inputs", k, "shape")) for k, i in enumerate(spec.inputs)]
    names = [n for n, *_ in declared]
    problems = list(_name_problems(unit, names))
    unnamed = ("inputs",) in spec.placeholders
    unknown: list[tuple[str, Value | Unknown]] = [(n, UNKNOWN) for n in names]
    if values is not None:
        if len(values) != len(declared) and unnamed:
            return [("input", UNKNOWN)], problems
        if len(values) != len(declared):
            message = f"`{spec.name}` takes {len(declared)} inputs, not {len(values)}"
            return unknown, [*problems, Problem("bad-value", message)]
        return list(zip(names, values, strict=True)), problems
    if unnamed or own_loc in spec.placeholders:
        return [("input", UNKNOWN)], problems
    if isinstance(given, Mapping):
        if strange := [g for g in given if g not in names]:
            help = did_you_mean(strange[0], names)
            problems.append(Problem("unknown-reference", f"there is no input `{strange[0]}`", help=help))
            given = None
    elif given is not None:
        if len(declared) > 1:
            message = f"`{spec.name}` has several inputs: say which ({', '.join(f'{n}=...' for n in names)})"
            problems.append(Problem("bad-value", message))
        given = {names[0]: given}
    if ("input",) in spec.placeholders and not given:
        return unknown, problems
    inputs = dict(unknown)
    for name, shape, dtype, loc in declared:
        if loc[:2] not in spec.placeholders:
            try:
                inputs[name] = _input(name, shape, dtype, loc, params, (given or {}).get(name), limits)
            except UnknownRead:
                continue
            except ProblemError as error:
                problems.append(error.problem)
    return [(name, inputs[name]) for name in names], problems


def _name_problems(unit: LoadedSpec, names: Sequence[str]) -> Iterator[Problem]:
    """Yield ids of inputs that are given twice, or cannot be ids."""
    spec = unit.spec
    for k, name in enumerate(names):
        loc = ("inputs", k, "id")
        if loc in spec.placeholders:
            continue
        if name in names[:k]:
            yield Problem("duplicate-id", f"`{name}` is already the id of another input", loc)
        elif why := bad_input(name) if spec.inputs is not None else None:
            yield Problem("bad-value", f"`{name}` cannot be the id of an input: {why}", loc)


def _input(
    name: str,
    shape: Any,
    dtype: str,
    loc: Loc,
    params: Mapping[str, Any],
    over: Sequence[int] | None,
    limits: Limits,
) -> Value:
    """Return what flows in by this name. Raises ProblemError and UnknownRead."""
    try:
        got = list(over) if over is not None else evaluate(shape, Scope(params))
    except ExpressionError as error:
        raise ProblemError(expression_problem(error, loc, Scope(params))) from None
    if over is not None:
        loc = ()
    if not isinstance(got, list) or not got:
        message = f"the shape of `{name}` is a list of sizes without the batch axis, not {got!r}"
        raise ProblemError(Problem("bad-value", message, loc))
    for k, size in enumerate(got):
        at = (*loc, k) if loc else loc
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            message = f"the shape of `{name}` holds {size!r}: sizes are integers of at least 1, "
            message += "and the batch axis is not written"
            raise ProblemError(Problem("bad-value", message, at))
        if size > 2**31:
            raise ProblemError(Problem("limit-exceeded", f"the shape of `{name}` is beyond what a tensor can be", at))
    if len(got) > 8:
        raise ProblemError(Problem("limit-exceeded", f"the shape of `{name}` has more than 8 axes", loc))
    if math.prod(got) > limits.params:
        message = f"`{name}` would be a tensor of more than {limits.params:,} numbers"
        raise ProblemError(Problem("limit-exceeded", message, loc))
    return Value(tuple(got), dtype)
