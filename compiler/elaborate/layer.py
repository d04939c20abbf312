"""A layer of the registry where it stands: its arguments, whether they are right, what comes out of it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, get_args
from weakref import WeakValueDictionary

from pydantic import ValidationError

from speczoo.compiler.application import Application
from speczoo.compiler.arguments import argument_problems
from speczoo.compiler.composite import Node
from speczoo.compiler.elaborate.arguments import evaluate_argument, evaluate_arguments
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.prepared import takes_shape
from speczoo.compiler.elaborate.references import refer
from speczoo.compiler.elaborate.session import Doubt, Stop, freeze
from speczoo.compiler.elaborate.site import EntrySite
from speczoo.compiler.explain.shape_errors import RefusedInputs, explain
from speczoo.compiler.explain.value_origins import given
from speczoo.compiler.layer import Layer, ShapeError
from speczoo.compiler.scope import FLOW
from speczoo.compiler.unknown import UNKNOWN, UnknownOperand, UnknownRead
from speczoo.specs.expression import METER, ExpressionError, Template, names_of, parse, respelt
from speczoo.specs.foreign_values import as_list, readings
from speczoo.specs.problem import Problem
from speczoo.specs.value_kinds import at

INTERNED: WeakValueDictionary[Any, Layer] = WeakValueDictionary()  # those that are right, by their arguments
LARGEST = 2**31 - 1  # what all of torch takes for a size, a stride or an axis


def elaborate_layer(here: EntrySite, blank: Node) -> Node:
    """Return the node of a layer. Raises Stop, reported, and UnknownRead."""
    ctx, op, entry = here.ctx, blank.op, here.item.entry
    layer, prepared = Layer.registry[op], here.item.prepared
    if prepared.body is not None:
        return apply(here, blank, prepared.body)
    arguments = dict(evaluate_arguments(here, op, layer.computed))
    if entry.shape is not None and takes_shape(layer):
        arguments["shape"] = evaluate_argument(here, "shape", entry.shape)
    for name in layer.references:
        if name in arguments and (arguments[name] is not None or name not in layer.model_fields):
            blank = refer(here, blank, name, arguments.pop(name))
            arguments |= {name: True} if name in layer.model_fields else {}
    right = right_layer(ctx, layer, arguments, freeze(arguments))
    body = right if right is not None else _doubtful(here, layer, arguments, blank)
    made = apply(here, blank, body)
    if not ctx.partly_refused and not layer.computed and made.body is right:
        prepared.right = True
        constant = prepared.op is not None and prepared.operation(op).constant
        prepared.body = body if constant else None
    return made


def right_layer(ctx: Context, layer: type[Layer], arguments: dict[str, Any], frozen: Hashable) -> Layer | None:
    """Return the layer with these arguments, `frozen` as a key: strict, closed, complete; None where some are wrong or
    UNKNOWN. Equal ones are the same object for as long as somebody has one.
    """
    interned = INTERNED if not layer.computed else ctx.session.shared.computed
    key = (layer, frozen)
    found = interned.get(key)
    if found is not None or UNKNOWN in arguments.values() or next(_too_large(layer, arguments), None) is not None:
        return found
    try:
        found = interned[key] = layer.model_validate(arguments)
    except ValidationError:
        return None
    return found


# -- its arguments ----------------------------------------------------------------------------------------------------


def _doubtful(here: EntrySite, layer: type[Layer], arguments: dict[str, Any], node: Node) -> Layer:
    """Return the layer with arguments of which some are wrong, which is reported, or UNKNOWN, without these where the
    shape does not hang on them; raises Stop and UnknownRead where it does.
    """
    for name, number in _too_large(layer, arguments):
        where = here.loc(name if name in here.item.entry.arguments else "op")
        raise here.stop("limit-exceeded", f"`{name}: {number}` is larger than any size can be", where)
    wrong: Collection[str] = ()
    stop: Exception = UnknownRead()
    try:
        layer.model_validate(arguments)
    except ValidationError as error:
        wrong, stop = _report_arguments(here, layer, arguments, error)
    without = None if isinstance(stop, Doubt) else without_wrong(layer, arguments, wrong, node)
    if without is not None:
        return without
    try:
        raise stop from None
    finally:
        del stop  # or it and all that is elaborated here would hold each other


def _too_large(layer: type[Layer], arguments: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the numbers that are larger than any size, with the arguments that they stand in."""
    for name, value in arguments.items():
        for number in value if isinstance(value, (list, tuple)) else (value,):
            if type(number) is int and abs(number) > LARGEST and not _takes_float(layer, name):
                yield name, number


@cache
def _takes_float(layer: type[Layer], name: str) -> bool:
    """Return whether an argument is a number of any kind, and no size."""
    field = layer.model_fields.get(name)
    return field is not None and float in (field.annotation, *get_args(field.annotation))


def _report_arguments(
    here: EntrySite, layer: type[Layer], arguments: dict[str, Any], error: ValidationError
) -> tuple[set[str], Stop]:
    """Report what is wrong with the arguments. Returns which ones, what misspelt names were intended to be among them,
    and how to give the entry up.
    """
    ctx, own_arguments = here.ctx, here.item.entry.arguments
    defaults = ctx.unit.spec.defaults.get(layer.op, {})
    wrong, doubtful = set[str](), False
    under = {name: value for name, value in ctx.defaults[layer.op].items() if name in own_arguments}
    for problem, near in argument_problems(layer, error, arguments, under):
        name = str(problem.loc[0])
        own = name in own_arguments
        wrong |= {name, near or name}
        if problem.code == "missing-argument" and ctx.misnamed_defaults:
            continue  # it may stand under an op's name that is wrong, and reported
        doubtful |= problem.code == "unknown-argument" and own and near is None
        there = own or name == "shape"
        loc = here.loc(name) if there else ("defaults", layer.op, name)
        if not there and name not in defaults:
            loc = here.loc("op")
        raw, value = own_arguments.get(name, defaults.get(name)), arguments.get(name)
        marks, given_at = given(ctx, here.frame, here.item, raw, value) if not problem.key else ([], None)
        help, replacement = _advice(problem, raw, value, here.item.names)
        ctx.report(
            replace(
                problem,
                loc=(*loc, *problem.loc[1:]),
                key=problem.key and (there or name in defaults),
                path=here.name,
                marks=marks,
                help=help,
                replacement=replacement,
                given_at=given_at,
            )
        )
    return wrong, Doubt() if doubtful else Stop()


def without_wrong(layer: type[Layer], arguments: dict[str, Any], wrong: Collection[str], node: Node) -> Layer | None:
    """Return the layer without its arguments that are wrong or unknown; None where what comes out of it hangs on
    them.
    """
    if UNKNOWN in node.arriving:
        return None
    lost = {*wrong, *(name for name, value in arguments.items() if value is UNKNOWN)}
    try:
        made = layer.model_validate({name: value for name, value in arguments.items() if name not in lost})
        rest = (lost & layer.model_fields.keys()) - {*layer.derives}  # those come from the input all the same
        asked = made.model_copy(update=dict.fromkeys(rest, UnknownOperand())).apply(*node.arrived)
    except ShapeError:
        return made
    except (ValidationError, UnknownRead, OverflowError, TypeError):
        return None
    try:
        return made if made.apply(*node.arrived) == asked else None
    except ShapeError:  # it lacks what was left out
        return None


def _advice(problem: Problem, written: Any, value: Any, names: Collection[str]) -> tuple[Sequence[str], str | None]:
    """Return the help for a wrong argument, by what is written and what it came out as, and the word that mends it."""
    name, *path = problem.loc
    if isinstance(written, dict) and [*written.values()] == [None]:
        written = f"{{{next(iter(written))}}}"  # which is a name to Python's `format`, and a mapping to YAML
    part = written if isinstance(written, str) else at(written, tuple(path))
    computes = isinstance(part, str) and "$" in part
    if problem.code != "bad-value" or (not computes and (problem.help or path)):
        return problem.help, problem.replacement
    if not isinstance(written, str) or path:
        return (), None  # no constant mends an expression
    if problem.help and isinstance(value, str) and (text := _intended(written, value)) is not None:
        if computes and Template.of(written).expression is not None:
            return (f"write `{text}` where `{written}` is given",), None
        return (f"write `{name}: {text}`",), problem.replacement and text
    if (marked := respelt(written)) is not None:
        return (f"write `{name}: {marked.text}`",), marked.text if marked.names <= {*names, *FLOW} else None
    integer = isinstance(value, float) and problem.replacement is not None  # one is wanted, and this is nearly one
    computed = _expression(written, value, names, integer)
    if computed is None:
        return (), None
    return (f"write `{name}: {computed}`",), computed if computes and isinstance(value, str) else None


def _intended(written: str, value: str) -> str | None:
    """Return what was intended by a text of values, where one that is computed stands in it: `($k, 3)` is `[$k, 3]`."""
    single = Template.of(written).expression is not None
    reading = next(readings(value), None) if single else as_list(written)
    return reading.text if reading is not None else None


def _expression(written: str, value: Any, names: Collection[str], integer: bool) -> str | None:
    """Return the expression that was intended: `$(c * 2)` for `$c * 2`, `$c` for `c` where that is a name, and
    `$(int(c * 0.5))` for `$(c * 0.5)` where that comes out as no integer.
    """
    plain = written.replace("$", "")
    try:
        single, read = Template.of(written).expression, names_of(parse(plain))
    except ExpressionError:
        return None
    if not read <= {*names, *FLOW} or (not read and (single is not None or plain.isidentifier())):
        return None
    if single is not None:
        inner = plain[1:-1] if written.startswith("$(") else plain
        return f"$(int({inner}))" if integer else None
    if not isinstance(value, str):
        return None
    return f"${plain}" if plain.isidentifier() else f"$({plain})"


# -- what comes out of it ---------------------------------------------------------------------------------------------


def apply(here: EntrySite, node: Node, body: Layer) -> Node:
    """Return the node with what comes out of a layer here.

    Raises Stop for inputs that it does not take, reported at the argument or the inputs that the layer speaks of.
    """
    if UNKNOWN in node.arriving:
        return _applied_blindly(here, node, body)
    key, known = (id(body), node.arriving), here.ctx.session.shared.applied
    if key in known:
        return applied(here, node, known[key])
    application = Application.of(body, node.arrived)
    try:
        made = within_limits(here, node, application)
    except ShapeError as error:
        report_shape(here, node, body, error)
        if error.argument not in body.derives or getattr(body, error.argument) is None:
            raise Stop from None
        derived = body.model_copy(update={error.argument: None})  # known without being stated
        return apply(here, node, derived)
    known[key] = application
    return made


def within_limits(here: EntrySite, node: Node, application: Application) -> Node:
    """Return the node of a layer with what comes out of it.

    Raises Stop, reported, where it is larger than the limits; raises ShapeError.
    """
    if what := application.excess(here.ctx.session.limits.params):
        loc = here.loc("op" if here.item.entry.op is not None else "share")
        raise here.stop("limit-exceeded", f"`{node.op}` would {what}", loc)
    return applied(here, node, application)


def applied(here: EntrySite, node: Node, application: Application) -> Node:
    """Return the node of a layer with what comes out of it."""
    METER.spent += application.work
    here.ctx.step(here.loc(), len(application.outputs) - 1)  # each is a value to keep
    return node.applying(application)


def _applied_blindly(here: EntrySite, node: Node, body: Layer) -> Node:
    """Return the node where what flows in is unknown: so is what comes out, but the arguments are held to each
    other.
    """
    try:
        if not here.frame.inputs_wrong:
            body.count(len(node.arriving))
        body.check(*(None if value is UNKNOWN else value.shape for value in node.arriving))
    except ShapeError as error:
        report_shape(here, node, body, error)
        raise Stop from None
    count = min(int(getattr(body, "chunks", 1)), 1_000) if body.several else 1
    return node.replace(body=body, outputs=(UNKNOWN,) * count)


def report_shape(here: EntrySite, node: Node, body: Layer, error: ShapeError) -> None:
    """Report that a layer does not take what flows in."""
    ctx, frames = here.ctx, [*here.ctx.session.frames[:-1], here.frame]
    ctx.report(explain(RefusedInputs(ctx, frames, here.item, node, body, error)))
