"""The values of constructor expressions: Python texts of a program, computed without being executed."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

Attributes: TypeAlias = Mapping[str, Any]

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
CALLED: dict[str, Callable[..., Any]] = {f.__name__: f for f in (min, max, abs, round, len, sum, int, float)}
CALLED |= {f"math.{f.__name__}": f for f in (math.sqrt, math.exp, math.log, math.sin, math.cos)}
WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,18})\Z")


@dataclass(frozen=True)
class Global:
    """A name of the text's top: torch's, imported, or a class of the program."""

    name: str

    def __str__(self) -> str:
        return self.name


class NoValueError(Exception):
    """A text that has no value here."""


def value(text: str, names: Attributes, own: Attributes | None = None) -> Any:
    """Return what a text gives where `names` are bound, and `own` are what stands on `self`. Raises NoValueError."""
    if WHOLE.match(text):
        return int(text)
    try:
        return _Scope(names, own or {}).of(_parsed(text))
    except NoValueError:
        raise
    except Exception as error:  # what Python would raise when the network is built
        raise NoValueError(f"`{text}`, which raises {type(error).__name__}: {error}") from None


@lru_cache(maxsize=4_096)
def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoValueError(f"`{text}`, which is no Python") from None


@dataclass(frozen=True)
class _Scope:
    names: Attributes
    own: Attributes

    def of(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name(id=name):
                return self.names[name] if name in self.names else Global(name)
            case ast.Attribute() | ast.Call():
                return self.attribute(node) if isinstance(node, ast.Attribute) else self.call(node)
            case ast.Tuple() | ast.List():
                items = [self.of(item) for item in node.elts]
                return tuple(items) if isinstance(node, ast.Tuple) else items
            case ast.Dict():
                keys = [self.of(key) for key in node.keys if key is not None]
                return dict(zip(keys, map(self.of, node.values), strict=True))
            case ast.BinOp():
                return ARITHMETIC[type(node.op)](self.of(node.left), self.of(node.right))
            case ast.UnaryOp():
                return SIGNS[type(node.op)](self.of(node.operand))
            case ast.Compare() | ast.BoolOp() | ast.IfExp():
                return self.decided(node)
            case ast.Subscript(slice=ast.Slice() as cut):
                ends = (None if part is None else self.of(part) for part in (cut.lower, cut.upper, cut.step))
                return self.of(node.value)[slice(*ends)]
            case ast.Subscript():
                return self.of(node.value)[self.of(node.slice)]
        raise NoValueError(f"`{ast.unparse(node)}`")

    def decided(self, node: ast.Compare | ast.BoolOp | ast.IfExp) -> Any:
        if isinstance(node, ast.IfExp):
            return self.of(node.body if self.of(node.test) else node.orelse)
        if isinstance(node, ast.BoolOp):
            result = None
            for part in node.values:
                result = self.of(part)
                if bool(result) is isinstance(node.op, ast.Or):
                    break
            return result
        left = self.of(node.left)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.of(part)
            if not COMPARISONS[type(op)](left, right):
                return False
            left = right
        return True

    def attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            if node.attr not in self.own:
                raise NoValueError(f"`self.{node.attr}`, which nothing sets")
            return self.own[node.attr]
        owner = self.of(node.value)
        if not isinstance(owner, Global):
            raise NoValueError(f"`{ast.unparse(node)}`")
        return Global(f"{owner.name}.{node.attr}")

    def call(self, node: ast.Call) -> Any:
        function = self.of(node.func)
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id="self"), ast.Constant(value=name)]):
                return self.own[str(name)]
            case ast.Call(keywords=[]) if isinstance(function, Global) and function.name in CALLED:
                return CALLED[function.name](*map(self.of, node.args))
        raise NoValueError(f"`{ast.unparse(node)}`")


def same(spec: Any, code: Any) -> bool:
    """Return whether torch takes both for the same: kinds count, but that 2 and 2.0 are one number."""
    if isinstance(spec, (list, tuple)) and type(spec) is type(code):
        return len(spec) == len(code) and all(map(same, spec, code))
    numbers = {type(spec), type(code)} <= {int, float}
    return (numbers or type(spec) is type(code)) and bool(spec == code)


def written(data: Any) -> str:
    """Return plain data as Python; one text for one value."""
    if isinstance(data, float) and data in (float("inf"), float("-inf")):
        return f"float('{data}')"
    if isinstance(data, tuple):
        return f"({', '.join(map(written, data))}{',' * (len(data) == 1)})"
    if isinstance(data, list):
        return f"[{', '.join(map(written, data))}]"
    return str(data) if isinstance(data, Global) else repr(data)
