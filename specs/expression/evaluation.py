"""Evaluation: an expression's tree becomes nested closures over a scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

from speczoo.specs.expression.operators import (
    CALLS,
    METER,
    Computed,
    OperationError,
    arithmetic,
    bounded,
    comparison,
    index,
    kind,
    listed,
    slice_of,
    truth,
    unary,
)
from speczoo.specs.expression.tree import (
    INTEGER,
    Attribute,
    Binary,
    BoolOp,
    Compare,
    Constant,
    Expr,
    ExpressionError,
    FunctionCall,
    IfElse,
    Index,
    ListOf,
    Name,
    Offsets,
    SliceOf,
    Unary,
    UnknownName,
)

Readable: TypeAlias = Mapping[str, Computed]
Compiled: TypeAlias = Callable[[Readable], Computed]


def apply(at: Offsets, function: Callable[..., Computed], *operands: Compiled) -> Compiled:
    """Evaluate the operands, then the function of them; what it refuses is reported at this place."""
    if len(operands) == 2:
        left, right = operands

        def run_pair(scope: Readable) -> Computed:
            METER.spent += 1
            try:
                return function(left(scope), right(scope))
            except FAILURES as failure:
                raise located(failure, at) from None

        return run_pair

    def run(scope: Readable) -> Computed:
        METER.spent += 1
        try:
            return function(*[operand(scope) for operand in operands])
        except FAILURES as failure:
            raise located(failure, at) from None

    return run


VALUES = frozenset({int, float, str, bool, list, tuple, type(None)})  # none is a Mapping, which is dear to ask
FAILURES = (OperationError, ZeroDivisionError, OverflowError)


def located(failure: Exception, at: Offsets) -> ExpressionError:
    match failure:
        case OperationError(limit=limit):
            return ExpressionError(str(failure), *at, limit=limit)
        case ZeroDivisionError():
            return ExpressionError("division by zero", *at)
    return ExpressionError("the result is too large for a float", *at)


def compiled(expr: Expr) -> Compiled:
    """Return a function from a scope to the value of the expression in it; it raises ExpressionError and nothing
    else.
    """
    at = expr.at
    match expr:
        case Constant(value=value):
            return lambda scope: value
        case Name(name=name):
            return reading(name, at)
        case Attribute(name=name, attribute=attribute):
            return reading_attribute(name, attribute, at)
        case ListOf(items=items):
            return apply(at, listed, *map(compiled, items))
        case Index(value=value, index=position):
            return apply(at, index, compiled(value), compiled(position))
        case SliceOf(value=value, start=start, stop=stop, step=step):
            return apply(at, slice_of, *map(compiled, (value, start, stop, step)))
        case Unary(operator=symbol, operand=operand):
            return apply(at, unary(symbol), compiled(operand))
        case Binary(operator=symbol, left=left, right=right):
            return apply(at, arithmetic(symbol), compiled(left), compiled(right))
        case Compare(operators=(symbol,), operands=(left, right)):
            return apply(at, comparison(symbol), compiled(left), compiled(right))
        case Compare(operators=symbols, operands=operands):
            return chained(symbols, operands)
        case BoolOp(operator=symbol, operands=operands):
            return junction(symbol, operands)
        case IfElse(test=test, value=value, other=other):
            condition = asked("if", test)
            then, otherwise = compiled(value), compiled(other)
            return lambda scope: then(scope) if condition(scope) else otherwise(scope)
        case FunctionCall(function=function, arguments=arguments):
            call = CALLS[function]
            return apply(at, lambda *values: bounded(call(*values)), *map(compiled, arguments))


def reading(name: str, at: Offsets) -> Compiled:
    """Return what reads a name: the function raises ExpressionError where that is none, or no value."""

    def run(scope: Readable) -> Computed:
        value = look_up(name, scope, at)
        if type(value) not in VALUES and isinstance(value, Mapping):
            attributes = ", ".join(f"`$({name}.{key})`" for key in value)
            raise ExpressionError(f"`{name}` is no value; it has {attributes or 'nothing to read'}", *at)
        return admitted(value, name, at)

    return run


def reading_attribute(name: str, attribute: str, at: Offsets) -> Compiled:
    """Return what reads an attribute of a name, `input.height`: the function raises ExpressionError where there is
    none.
    """

    def run(scope: Readable) -> Computed:
        owner = look_up(name, scope, at)
        if not isinstance(owner, Mapping):
            raise ExpressionError(f"`{name}` is {kind(owner)}: it has no attributes", *at)
        try:
            value = owner[attribute]
        except KeyError:
            known = tuple(owner)
            has = "; it has " + ", ".join(f"`{key}`" for key in known) if known else ""
            message = f"`{name}` has no attribute `{attribute}`{has}"
            raise ExpressionError(message, *at, unknown=attribute, names=known) from None
        return admitted(value, f"{name}.{attribute}", at)

    return run


def admitted(value: Computed, name: str, at: Offsets) -> Computed:
    if type(value) is int and not -INTEGER <= value <= INTEGER:
        raise ExpressionError(f"`{name}` is larger than 2**63", *at, limit=True)
    return list(value) if type(value) is tuple else value


def look_up(name: str, scope: Readable, at: Offsets) -> Computed:
    try:
        return scope[name]
    except KeyError:
        message = f"nothing here is called `{name}`"
        raise UnknownName(message, *at, unknown=name, names=tuple(scope)) from None


def chained(symbols: tuple[str, ...], operands: tuple[Expr, ...]) -> Compiled:
    """Return `a < b <= c`: each operand is evaluated at most once, and none after the first comparison that fails."""
    first, *rest = map(compiled, operands)
    steps = [
        (comparison(symbol), run, (left.at[0], right.at[1]))
        for symbol, run, (left, right) in zip(symbols, rest, pairwise(operands), strict=True)
    ]

    def run(scope: Readable) -> Computed:
        left = first(scope)
        for compare, operand, at in steps:
            right = operand(scope)
            try:
                if not compare(left, right):
                    return False
            except FAILURES as failure:
                raise located(failure, at) from None
            left = right
        return True

    return run


def asked(symbol: str, operand: Expr) -> Callable[[Readable], bool]:
    """Return what evaluates an operand that has to be true or false."""
    compute, at = compiled(operand), operand.at

    def run(scope: Readable) -> bool:
        METER.spent += 1
        found = compute(scope)
        try:
            return truth(found, symbol)
        except OperationError as failure:
            raise located(failure, at) from None

    return run


def junction(symbol: str, operands: tuple[Expr, ...]) -> Compiled:
    """Return `and`, `or`: no operand is evaluated after the one that decides."""
    decides = symbol == "or"
    runs = [asked(symbol, operand) for operand in operands]

    def run(scope: Readable) -> bool:
        for operand in runs:
            value: bool = operand(scope)
            if value is decides:
                return value
        return not decides

    return run
