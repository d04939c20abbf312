"""What was chosen of a spec: its variant, the values of its parameters, and what flows in."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from speczoo.compiler.composite import Settings
from speczoo.compiler.layer import Value
from speczoo.compiler.loops import columns, row
from speczoo.compiler.parameters import bind
from speczoo.compiler.scope import Scope, expression_problem, layered
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import METER, ExpressionError, evaluate
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.reserved_names import bad_input
from speczoo.specs.spec import Input, Spec
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.wording import printable


class ChosenSettings(NamedTuple):
    """What was chosen, None where there is no such variant; what is wrong with it, placed in the spec; what is wrong
    with the arguments of a spec in use, each problem placed at an argument's name, or nowhere where some are missing;
    and what such a spec takes, where another number of values flows in.
    """

    settings: Settings | None
    problems: Sequence[Problem] = ()
    of_given: Sequence[Problem] = ()
    takes: Sequence[str] | None = None


class Declared(NamedTuple):
    """An input as the spec declares it, or one turn of a loop of them: where it stands, and what its shape may read."""

    id: str
    shape: Any
    dtype: str
    loc: Loc
    names: Mapping[str, Any]


class Raising:
    """Computes what stands in a spec, and raises each problem."""

    def evaluate(self, value: Any, scope: Scope, loc: Loc) -> Any:
        """Return `value` with its expressions computed. Raises ProblemError and UnknownRead."""
        try:
            return evaluate(value, scope)
        except ExpressionError as error:
            raise self.bad_expression(error, scope, loc) from None

    def bad_expression(self, error: ExpressionError, scope: Scope, loc: Loc) -> ProblemError:
        """Return the error of an expression that has no value."""
        return ProblemError(expression_problem(error, loc, scope))

    def stop(self, problem: Problem) -> ProblemError:
        """Return the error of a problem."""
        return ProblemError(problem)


READER = Raising()
TURN = 4  # as much work as the name of an input takes, at least


def choose(
    unit: LoadedSpec,
    *,
    variant: str | None = None,
    params: Mapping[str, Any],
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    values: Sequence[Value | Unknown] | None = None,
    limits: Limits = DEFAULT,
) -> ChosenSettings:
    """Return the spec's parameters and inputs for a variant and what is laid over it.

    `values` flow in where another spec uses it, whose arguments the `params` are.
    """
    spec = unit.spec
    if variant is not None and variant not in spec.variants:
        message = f"`{spec.name}` has no variant `{variant}`"
        help = did_you_mean(variant, spec.variants)
        return ChosenSettings(None, [Problem("unknown-reference", message, ("variants",), key=True, help=help)])
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
    own_loc = ("variants", str(variant), "input")
    declared, wrong_inputs = _declared(unit, bound, own_input, own_loc, limits)
    takes = None
    if values is None:
        inputs, wrong_shapes = _inputs(unit, declared, own_loc, input, limits)
        wrong_inputs += wrong_shapes
    elif declared is not None and len(values) == len(declared):
        inputs = list(zip([given.id for given in declared], values, strict=True))
    else:
        inputs = [("input", UNKNOWN)]
        takes = None if declared is None or _unsure(unit) else [given.id for given in declared]
    settings = Settings(
        variant or spec.name,
        variant,
        bound,
        tuple(inputs),  # type: ignore[arg-type]  # what is unknown meets an error that is reported
        chosen.expect if chosen and chosen.expect else spec.expect if not chosen else None,
        changed=bool(params) or input is not None or values is not None,
        unnamed=declared is None,
    )
    return ChosenSettings(settings, [*problems, *wrong_inputs], of_given, takes)


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
            yield replace(problem, code=code, loc=(), key=False, parameter=name)
        elif name in own:
            yield replace(problem, code=code, loc=("variants", str(variant), "params", name))
        else:
            yield replace(problem, code=code, loc=("params", name, *(() if problem.key else ("default",))))


def _unsure(unit: LoadedSpec) -> bool:
    """Return whether something of what flows in was refused, so that it is unknown how many values do."""
    return any(placeholder[0] in ("input", "inputs") for placeholder in unit.spec.placeholders)


def _declared(
    unit: LoadedSpec, params: Mapping[str, Any], own: Any, own_loc: Loc, limits: Limits
) -> tuple[list[Declared] | None, list[Problem]]:
    """Return what flows in, loops unrolled, None where that is unknown, or takes too much work; and what is wrong with
    ids and loops.
    """
    spec = unit.spec
    if spec.inputs is None:
        loc: Loc = ("input",) if own is None else own_loc
        return [Declared("input", spec.input if own is None else own, "float32", loc, params)], []
    if ("inputs",) in spec.placeholders:
        return None, []
    out: list[Declared] = []
    most = METER.spent + limits.work
    try:
        for k, given in enumerate(spec.inputs):
            for own in _turns(given, ("inputs", k), params):
                out.append(own)
                METER.spent += TURN
                if METER.spent > most:
                    return None, []
                if len(out) > limits.entries:
                    message = f"more than {limits.entries:,} inputs would flow in"
                    return None, [Problem("limit-exceeded", message, own.loc)]
    except UnknownRead:
        return None, []
    except ProblemError as error:
        return None, [error.problem]
    if not out:
        return None, [Problem("bad-value", f"nothing flows into `{spec.name}`: its loops have no turns", ("inputs",))]
    problems = list(_name_problems(unit, out))
    return None if problems and len(out) > len(spec.inputs) else out, problems


def _turns(given: Input, loc: Loc, params: Mapping[str, Any]) -> Iterator[Declared]:
    """Yield an input, or those of its loop. Raises ProblemError and UnknownRead."""
    if given.for_ is None:
        yield Declared(given.id, given.shape, given.dtype, loc, params)
        return
    values, count = columns(READER, given.for_, loc, params, {})
    for turn in range(count):
        names = layered(params, row(values, turn))
        id = READER.evaluate(given.id, Scope(names), (*loc, "id"))
        yield Declared(str(id), given.shape, given.dtype, loc, names)


def _inputs(
    unit: LoadedSpec, declared: Sequence[Declared] | None, own_loc: Loc, given: Any, limits: Limits
) -> tuple[list[tuple[str, Value | Unknown]], list[Problem]]:
    """Return the inputs by name, UNKNOWN where one is wrong; and what is wrong with their shapes."""
    spec = unit.spec
    if declared is None or own_loc in spec.placeholders:
        return [("input", UNKNOWN)], []
    names = [own.id for own in declared]
    inputs: dict[str, Value | Unknown] = dict.fromkeys(names, UNKNOWN)
    problems: list[Problem] = []
    if isinstance(given, Mapping):
        if strange := [g for g in given if g not in inputs]:
            help = did_you_mean(strange[0], names)
            problems.append(Problem("unknown-reference", f"there is no input `{strange[0]}`", help=help))
            given = None
    elif given is not None:
        if len(declared) > 1:
            message = f"`{spec.name}` has several inputs: say which ({', '.join(f'{n}=...' for n in names)})"
            problems.append(Problem("bad-value", message))
        given = {names[0]: given}
    if ("input",) in spec.placeholders and not given:
        return [*inputs.items()], problems
    most, wrong = METER.spent + limits.work, set[Loc]()
    for own in declared:
        if own.loc in spec.placeholders or own.loc in wrong or METER.spent > most:
            continue
        try:
            inputs[own.id] = _input(own, (given or {}).get(own.id), limits)
        except UnknownRead:
            continue
        except ProblemError as error:
            wrong.add(own.loc)  # reported of the first turn of a loop alone
            problems.append(error.problem)
    return [(name, inputs[name]) for name in names], problems


def _name_problems(unit: LoadedSpec, declared: Sequence[Declared]) -> Iterator[Problem]:
    """Yield ids of inputs that are given twice, or cannot be ids: of a loop the first alone."""
    spec, taken, wrong = unit.spec, set[str](), set[Loc]()
    for own in declared:
        loc = (*own.loc, "id")
        if own.loc in wrong or not spec.placeholders.isdisjoint((loc, own.loc)):
            continue
        if (problem := _name_problem(spec, own, taken)) is not None:
            wrong.add(own.loc)
            yield replace(problem, loc=loc)
        taken.add(own.id)


def _name_problem(spec: Spec, own: Declared, taken: Collection[str]) -> Problem | None:
    """Return why an input cannot have its id, without a place; None where it can."""
    looped = len(own.names) > len(spec.params)
    if own.id in taken:
        return Problem("duplicate-id", f"`{own.id}` is already the id of another input")
    if why := bad_input(own.id):
        return Problem("bad-value", f"`{printable(own.id)}` cannot be the id of an input: {why}")
    if own.id in spec.params or (looped and own.id in spec.let):
        other = "a parameter" if own.id in spec.params else "a name under `let`"
        return Problem("duplicate-id", f"`{own.id}` is already {other}")
    return None


def _input(own: Declared, over: Sequence[int] | None, limits: Limits) -> Value:
    """Return what flows in by this name. Raises ProblemError and UnknownRead."""
    name = own.id
    loc: Loc = own.loc if own.loc[0] != "inputs" else (*own.loc, "shape")
    got = list(over) if over is not None else READER.evaluate(own.shape, Scope(own.names), loc)
    if over is not None:
        loc = ()
    if not isinstance(got, list) or (not got and own.loc[0] != "inputs"):
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
    return Value(tuple(got), own.dtype)
