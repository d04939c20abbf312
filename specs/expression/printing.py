"""Expressions as Python source, simplified and with no more parentheses than needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from speczoo.specs.expression.evaluation import compiled
from speczoo.specs.expression.syntax import (
    ADD,
    AND,
    COMPARE,
    IF,
    INFIX,
    NOT,
    POSTFIX,
    POWER,
    UNARY,
    parse,
)
from speczoo.specs.expression.tree import (
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
    SliceOf,
    Unary,
    names_of,
)

PYTHON = frozenset({"min", "max", "abs", "round", "len", "sum", "int", "float"})  # what Python has under this name
MATH = frozenset({"sqrt", "exp", "log", "sin", "cos"})  # what its module `math` has
ATOM = re.compile(r"[A-Za-z_][\w.]*(?:\[[\w.]*\])*", re.ASCII)
WHOLE = frozenset({"len", "int"})

Names = Callable[[str], "str | None"]


class Untranslatable(Exception):
    """There is no Python expression that says the same."""


def to_python(expr: Expr, names: Names, is_int: Callable[[str], bool] = lambda name: True) -> str | None:
    """Return the expression as Python source, or None where Python has no plain equivalent.

    `names` gives the Python expression that stands for a name (`channels`, `input.channels`), or None. What it gives as
    a literal is computed with; `x * 1`, `x + 0`, `x * k // k` and the like lose what changes nothing, the last only
    for names of which `is_int` holds. A `not`, `and`, `or` or `if` of what is known is decided.

    Where the expression has a value, the source has it too, except that Python's `==` and `in` take True for 1: names
    that are compared are expected to hold values of one kind.
    """
    try:
        return source(Simplifier(names, is_int).simplify(expr), 0)
    except Untranslatable:
        return None


class Simplifier:
    """Rewrites a tree with names replaced; a `Name` in its results holds Python source."""

    def __init__(self, names: Names, is_int: Callable[[str], bool]) -> None:
        self.names = names
        self.is_int = is_int
        self.whole: set[str] = set()  # source texts that stand for ints

    def simplify(self, expr: Expr) -> Expr:
        match expr:
            case Constant():
                return expr
            case Name(name=name):
                return self.name(name)
            case Attribute(name=name, attribute=attribute):
                return self.name(f"{name}.{attribute}")
            case IfElse():
                test = self.simplify(expr.test)
                if isinstance(test, Constant):
                    return self.simplify(expr.value if truth(test) else expr.other)
                return replace(expr, test=test, value=self.simplify(expr.value), other=self.simplify(expr.other))
            case BoolOp():
                return self.junction(expr)
            case Compare():
                return self.comparison(replace(expr, operands=self.each(expr.operands)))
            case Unary():
                return folded(replace(expr, operand=self.simplify(expr.operand)))
            case Binary():
                new = folded(replace(expr, left=self.simplify(expr.left), right=self.simplify(expr.right)))
                return self.arithmetic(new) if isinstance(new, Binary) else new
            case ListOf():
                return folded(replace(expr, items=self.each(expr.items)))
            case Index():
                return folded(replace(expr, value=self.simplify(expr.value), index=self.simplify(expr.index)))
            case SliceOf():
                value, start, stop, step = self.each((expr.value, expr.start, expr.stop, expr.step))
                return folded(replace(expr, value=value, start=start, stop=stop, step=step))
            case FunctionCall():
                return self.call(replace(expr, arguments=self.each(expr.arguments)))

    def each(self, parts: tuple[Expr, ...]) -> tuple[Expr, ...]:
        return tuple(map(self.simplify, parts))

    def name(self, name: str) -> Expr:
        text = self.names(name)
        if text is None:
            raise Untranslatable(name)
        try:
            literal = parse(text)
            if not names_of(literal):
                return Constant(compiled(literal)({}))
        except ExpressionError:
            pass  # Python that this language does not have
        if self.is_int(name):
            self.whole.add(text)
        return Name(text)

    def junction(self, expr: BoolOp) -> Expr:
        decides = expr.operator == "or"
        rest: list[Expr] = []
        for operand in expr.operands:
            new = self.simplify(operand)
            if isinstance(new, Constant):
                if truth(new) is decides:
                    return Constant(decides)
            elif isinstance(new, BoolOp) and new.operator == expr.operator:
                rest.extend(new.operands)
            else:
                rest.append(new)
        if len(rest) > 1:
            return replace(expr, operands=tuple(rest))
        return rest[0] if rest else Constant(not decides)

    def comparison(self, expr: Compare) -> Expr:
        new = expr
        while isinstance(
            first := folded(replace(new, operators=new.operators[:1], operands=new.operands[:2])), Constant
        ):
            if len(new.operators) == 1 or first.value is False:
                return first
            new = replace(new, operators=new.operators[1:], operands=new.operands[1:])
        operators = list(new.operators)
        for i, symbol in enumerate(operators):
            pair = new.operands[i : i + 2]
            if symbol in ("in", "not in"):
                if is_bool(pair[0]) or any(map(is_bool, members(pair[1]))):
                    raise Untranslatable("True is 1 to Python")
            elif symbol in ("==", "!=") and any(is_bool(part) or part == Constant(None) for part in pair):
                if any(isinstance(part, Constant) and type(part.value) in (int, float, str, list) for part in pair):
                    raise Untranslatable("True is 1 to Python")
                operators[i] = "is" if symbol == "==" else "is not"
        return replace(new, operators=tuple(operators))

    def arithmetic(self, expr: Binary) -> Expr:
        """Return `x * 1`, `1 * x`, `x + 0`, `0 + x`, `x - 0` are x; for an int x, so are `x // 1` and `x * k // k`."""
        match expr:
            case Binary(operator="*", left=Constant(value=1), right=x) if is_int(expr.left) and not is_list(x):
                return x
            case Binary(operator="+", left=Constant(value=0), right=x) if is_int(expr.left):
                return x
            case Binary(operator="*", left=x, right=Constant(value=1)) if is_int(expr.right):
                return x
            case Binary(operator="+" | "-", left=x, right=Constant(value=0)) if is_int(expr.right):
                return x
            case Binary(operator="//", left=x, right=Constant(value=1)) if is_int(expr.right) and self.is_whole(x):
                return x
            case Binary(operator="//", left=Binary(operator="*", left=x, right=y), right=Constant(value=k)):
                if not is_int(expr.right) or k < 1:
                    return expr
                for factor, known in ((x, y), (y, x)):
                    if is_int(known) and known == expr.right and self.is_whole(factor):
                        return factor
        return expr

    def is_whole(self, expr: Expr) -> bool:
        """Return whether the value is known to be an int."""
        match expr:
            case Constant():
                return is_int(expr)
            case Name(name=text):
                return text in self.whole
            case Unary(operator="-" | "+", operand=operand):
                return self.is_whole(operand)
            case Binary(operator="+" | "-" | "*" | "//" | "%", left=left, right=right):
                return self.is_whole(left) and self.is_whole(right)
            case IfElse(value=value, other=other):
                return self.is_whole(value) and self.is_whole(other)
            case FunctionCall(function="min" | "max" | "abs", arguments=arguments):
                return all(map(self.is_whole, arguments))
            case FunctionCall(function=function, arguments=arguments):
                return function in WHOLE or (function == "round" and len(arguments) == 1)
        return False

    def call(self, expr: FunctionCall) -> Expr:
        new = folded(expr)
        if isinstance(new, FunctionCall) and new.function in MATH:
            return replace(new, function=f"math.{new.function}")
        if isinstance(new, FunctionCall) and new.function not in PYTHON:
            raise Untranslatable(new.function)
        return new


def folded(expr: Expr) -> Expr:
    """Return the value, when all the parts are known and it has one: what has none may stand where it is never asked
    for.
    """
    if not all(isinstance(part, Constant) for part in expr.children()):
        return expr
    try:
        return Constant(compiled(expr)({}))
    except ExpressionError as error:
        if error.problem.code == "limit-exceeded":
            raise Untranslatable(str(error)) from None
        return expr


def truth(constant: Constant) -> bool:
    if type(constant.value) is not bool:
        raise Untranslatable("a condition is a bool")
    return constant.value


def is_int(expr: Expr) -> bool:
    return isinstance(expr, Constant) and type(expr.value) is int


def is_list(expr: Expr) -> bool:
    return isinstance(expr, ListOf | SliceOf) or (isinstance(expr, Constant) and type(expr.value) is list)


def is_bool(expr: Expr) -> bool:
    """Return whether the value is known to be a bool."""
    if isinstance(expr, Constant):
        return type(expr.value) is bool
    return isinstance(expr, Compare | BoolOp) or (isinstance(expr, Unary) and expr.operator == "not")


def members(expr: Expr) -> tuple[Expr, ...]:
    """Return the items of a list that is written out."""
    if isinstance(expr, Constant) and type(expr.value) is list:
        return tuple(map(Constant, expr.value))
    return expr.items if isinstance(expr, ListOf) else ()


def source(expr: Expr, power: int) -> str:
    """Return the text, in parentheses where it binds looser than `power`."""
    text, binds = written(expr)
    return text if binds >= power else f"({text})"


def written(expr: Expr) -> tuple[str, int]:
    """Return the text and how tight it binds, in the powers of the parser."""
    match expr:
        case Constant() | Name() | ListOf() | Index() | SliceOf() | FunctionCall():
            return _atom(expr)
        case Unary(operator="not", operand=operand):
            return f"not {source(operand, NOT)}", NOT
        case Unary(operator=symbol, operand=operand):
            return f"{symbol}{source(operand, UNARY)}", UNARY
        case Binary(operator="**", left=left, right=right):
            return f"{source(left, POSTFIX)} ** {source(right, UNARY)}", POWER
        case Binary(operator=symbol, left=left, right=right):
            binds = INFIX[symbol]
            return f"{source(left, binds)} {symbol} {source(right, binds + 1)}", binds
        case Compare(operators=symbols, operands=operands):
            first, *rest = (source(operand, ADD) for operand in operands)
            return " ".join([first, *(f"{s} {part}" for s, part in zip(symbols, rest, strict=True))]), COMPARE
        case BoolOp(operator=symbol, operands=operands):
            binds = AND if symbol == "and" else INFIX["or"]
            return f" {symbol} ".join(source(operand, binds + 1) for operand in operands), binds
        case IfElse(test=test, value=value, other=other):
            return f"{source(value, IF + 1)} if {source(test, IF + 1)} else {source(other, IF)}", IF
        case Attribute():
            raise Untranslatable("attributes are replaced before")


def _atom(expr: Constant | Name | ListOf | Index | SliceOf | FunctionCall) -> tuple[str, int]:
    """Return what stands by itself, or ends in a bracket."""

    def each(parts: tuple[Expr, ...]) -> str:
        return ", ".join(source(part, IF) for part in parts)

    match expr:
        case Constant(value=value):
            negative = type(value) in (int, float) and repr(value)[0] == "-"
            return repr(as_tuple(value)), UNARY if negative else POSTFIX
        case Name(name=text):
            return text, POSTFIX if ATOM.fullmatch(text) else 0
        case ListOf(items=items):  # what the names stand for are tuples, which are joined with and equal to no list
            return f"({each(items)}{',' * (len(items) == 1)})", POSTFIX
        case Index(value=value, index=index):
            return f"{source(value, POSTFIX)}[{source(index, IF)}]", POSTFIX
        case SliceOf(value=value, start=start, stop=stop, step=step):
            bounds = [bound(part) for part in (start, stop, step)]
            return f"{source(value, POSTFIX)}[{':'.join(bounds if bounds[2] else bounds[:2])}]", POSTFIX
        case FunctionCall(function=function, arguments=arguments):
            return f"{function}({each(arguments)})", POSTFIX


def as_tuple(value: Any) -> Any:
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


def bound(expr: Expr) -> str:
    absent: Any = Constant(None)
    return "" if expr == absent else source(expr, IF)
