"""The tree of an expression, its bounds, and the one error that everything about expressions raises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from speczoo.specs.limits import EXPRESSION_DEPTH, EXPRESSION_LENGTH, MAGNITUDE
from speczoo.specs.problem import Problem, ProblemError

LENGTH = EXPRESSION_LENGTH
DEPTH = EXPRESSION_DEPTH  # a sum of n terms nests n deep
INTEGER = MAGNITUDE

Offsets: TypeAlias = tuple[int, int]  # from, to: character offsets into the string that holds the expression

MANY = LENGTH
FUNCTIONS = {  # name: fewest and most arguments
    "min": (1, MANY),
    "max": (1, MANY),
    "abs": (1, 1),
    "ceil": (1, 1),
    "floor": (1, 1),
    "round": (1, 2),
    "sqrt": (1, 1),
    "exp": (1, 1),
    "log": (1, 1),
    "sin": (1, 1),
    "cos": (1, 1),
    "len": (1, 1),
    "sum": (1, 1),
    "int": (1, 1),
    "float": (1, 1),
    "make_divisible": (2, 3),
}


class ExpressionError(ProblemError):
    """An expression cannot be read or has no value.

    The problem's place counts from the data given to `evaluate`; its part is the stretch from `offset` to `end`, in
    characters of the string there. `limit` says that a bound was hit, rather than a rule broken. `unknown` is the name,
    attribute or function that was not found and `names` what could have stood in its place; where nothing is unknown,
    they are what `instead` reads, the same as a spec says it.
    """

    code = "bad-expression"

    def __init__(
        self,
        message: str,
        offset: int = 0,
        end: int = 0,
        *,
        limit: bool = False,
        unknown: str | None = None,
        names: tuple[str, ...] = (),
        instead: str | None = None,
    ) -> None:
        code = "limit-exceeded" if limit else self.code
        super().__init__(Problem(code, message, part=(offset, end) if end > offset else None, replacement=instead))
        self.unknown = unknown
        self.names = names


class UnknownName(ExpressionError):
    """No parameter, loop variable or input has this name."""

    code = "unknown-param"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionNode:
    """`at` and `height` (levels of the tree, this one included) take no part in equality."""

    at: Offsets = field(default=(0, 0), compare=False, repr=False)
    height: int = field(default=1, compare=False, repr=False)

    def children(self) -> Iterator[Expr]:
        for name in self.__slots__:  # those of its own class: what all nodes have is no expression
            value = getattr(self, name)
            if isinstance(value, ExpressionNode):
                yield value  # type: ignore[misc]
            elif isinstance(value, tuple):
                yield from (part for part in value if isinstance(part, ExpressionNode))  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Constant(ExpressionNode):
    """A literal: int, float, str, bool or None."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(ExpressionNode):
    name: str


@dataclass(frozen=True, slots=True)
class Attribute(ExpressionNode):
    """`name.attribute`: one level, on names only."""

    name: str
    attribute: str


@dataclass(frozen=True, slots=True)
class ListOf(ExpressionNode):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Index(ExpressionNode):
    value: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class SliceOf(ExpressionNode):
    """`value[start:stop:step]`; what is left out is Constant(None)."""

    value: Expr
    start: Expr
    stop: Expr
    step: Expr


@dataclass(frozen=True, slots=True)
class Unary(ExpressionNode):
    """`operator` is one of `- + not`."""

    operator: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(ExpressionNode):
    """`operator` is one of `+ - * / // % **`."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Compare(ExpressionNode):
    """A chain: `operators[i]` stands between `operands[i]` and `operands[i + 1]`."""

    operators: tuple[str, ...]
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class BoolOp(ExpressionNode):
    """`and` or `or` over two or more operands."""

    operator: str
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class IfElse(ExpressionNode):
    """`value if test else other`."""

    test: Expr
    value: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class FunctionCall(ExpressionNode):
    function: str
    arguments: tuple[Expr, ...]


Expr: TypeAlias = (
    Constant | Name | Attribute | ListOf | Index | SliceOf | Unary | Binary | Compare | BoolOp | IfElse | FunctionCall
)


def readings(expr: Expr) -> Iterator[Name | Attribute]:
    """Yield the names that an expression reads, and their attributes, from left to right."""
    stack: list[Expr] = [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, Name | Attribute):
            yield node
        stack.extend(reversed([*node.children()]))


def names_of(expr: Expr) -> frozenset[str]:
    """Return the names an expression reads, attributes as `input.channels`."""
    found = readings(expr)
    return frozenset(read.name if isinstance(read, Name) else f"{read.name}.{read.attribute}" for read in found)
