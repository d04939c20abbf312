"""Expressions over the places of a tensor, as torch computes them for all places at once.

What an expression gives at a place is what the language gives there: whole numbers are exact, fractions are computed in
double precision. `text` writes that for tensors of whole numbers, one for each axis of places, or of doubles where
`doubles` says so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from speczoo.compiler.cached import cached_property
from speczoo.specs.expression import (
    Binary,
    BoolOp,
    Compare,
    Constant,
    Expr,
    ExpressionError,
    FunctionCall,
    IfElse,
    Name,
    Unary,
    parse,
)
from speczoo.specs.expression.closing import closed
from speczoo.specs.expression.evaluation import compiled

Kind: TypeAlias = Literal["bool", "int", "float"]

#: Functions that torch has for tensors, those of fractions alone, and those that make whole numbers of them.
OF_FLOATS = {"sqrt": "torch.sqrt", "exp": "torch.exp", "log": "torch.log", "sin": "torch.sin", "cos": "torch.cos"}
TO_WHOLE = {"floor": "torch.floor", "ceil": "torch.ceil", "round": "torch.round", "int": "torch.trunc"}
LEAST = {"min": ("torch.minimum", "max"), "max": ("torch.maximum", "min")}
JOINED = {"and": " & ", "or": " | "}
#: What such expressions read of torch.
TENSOR_FUNCTIONS = (
    "torch.arange", "torch.meshgrid", "torch.float64", "torch.where", "torch.full_like", "torch.abs", "torch.clamp",
    "torch.minimum", "torch.maximum", *OF_FLOATS.values(), *TO_WHOLE.values(),
)  # fmt: skip
#: How tight the operators of Python bind, as far as it matters here.
LOOSE, COMPARED, ORED, ANDED, SUM, PRODUCT, SIGN, POWER, ATOM = range(9)
BINDS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT}


class NotForAll(Exception):
    """There is no such expression of tensors; says what is in its way."""


class PrintedPart(NamedTuple):
    """A text, how tight it binds, what it gives, and whether that is a tensor."""

    text: str
    binds: int
    kind: Kind
    tensor: bool = True

    def within(self, binds: int) -> str:
        return self.text if self.binds >= binds else f"({self.text})"


@dataclass(frozen=True)
class TensorExpression:
    """An expression over these names of places. Raises NotForAll, as it is asked for anything, where torch has none."""

    source: str
    names: tuple[str, ...]

    @cached_property
    def tree(self) -> Expr:
        try:
            return parse(closed(f"$({self.source})", {}, self.names))  # what is constant in it is one number
        except ExpressionError:
            raise NotForAll("lists and texts have no place in it") from None

    @cached_property
    def kind(self) -> Kind:
        return self._part(self.tree).kind

    @cached_property
    def text(self) -> str:
        """The expression of tensors."""
        return self._part(self.tree).text

    @cached_property
    def operand(self) -> str:
        """The expression as what a method is called of."""
        return self._part(self.tree).within(ATOM)

    @cached_property
    def varies(self) -> bool:
        """Whether it is a tensor, and not one number."""
        return self._part(self.tree).tensor

    @property
    def constant(self) -> bool | int | float:
        """The one number that it is."""
        return compiled(self.tree)({})  # type: ignore[no-any-return]

    @cached_property
    def plain(self) -> bool:
        """Whether it is a choice between constants: torch's own float then holds what comes out."""
        return _chosen(self.tree)

    @cached_property
    def doubles(self) -> bool:
        """Whether it computes with fractions, or divides by what may be 0 where it is not asked for."""
        return any(map(_fractional, _tests(self.tree) if self.plain else (self.tree,)))

    # -- the parts ----------------------------------------------------------------------------------------------------

    def _part(self, expr: Expr) -> PrintedPart:
        match expr:
            case Constant(value=bool() | int() | float() as value):
                kind: Kind = "bool" if type(value) is bool else "int" if type(value) is int else "float"
                return PrintedPart(repr(value), SIGN if repr(value).startswith("-") else ATOM, kind, tensor=False)
            case Name(name=name) if name in self.names:
                return PrintedPart(name, ATOM, "int")
            case Unary(operator="not", operand=operand):
                part = self._of("bool", operand)
                return PrintedPart(f"~{part.within(SIGN)}", SIGN, "bool")
            case Unary(operator=sign, operand=operand):
                part = self._number(operand)
                return PrintedPart(f"{sign}{part.within(SIGN)}", SIGN, part.kind, part.tensor)
            case Binary():
                return self._arithmetic(expr)
            case Compare():
                return self._comparison(expr)
            case BoolOp(operator=word, operands=operands):
                parts = [self._of("bool", operand).within(SUM) for operand in operands]
                return PrintedPart(JOINED[word].join(parts), ANDED if word == "and" else ORED, "bool")
            case IfElse():
                return self._choice(expr)
            case FunctionCall():
                return self._call(expr)
        raise NotForAll("lists, texts and indices have no place in it")

    def _of(self, kind: Kind, expr: Expr) -> PrintedPart:
        part = self._part(expr)
        if part.kind != kind:
            raise NotForAll(f"`{part.text}` is no {kind}")
        return part

    def _number(self, expr: Expr) -> PrintedPart:
        part = self._part(expr)
        if part.kind == "bool":
            raise NotForAll(f"`{part.text}` is no number")
        return part

    def _arithmetic(self, expr: Binary) -> PrintedPart:
        left, right, sign = self._number(expr.left), self._number(expr.right), expr.operator
        whole = left.kind == right.kind == "int"
        tensor = left.tensor or right.tensor
        if sign == "**":
            kind: Kind = "int" if whole and isinstance(expr.right, Constant) and expr.right.value >= 0 else "float"
            return PrintedPart(f"{left.within(ATOM)} ** {right.within(SIGN)}", POWER, kind, tensor)
        binds = BINDS[sign]
        text = f"{left.within(binds)} {sign} {right.within(binds + 1)}"
        return PrintedPart(text, binds, "int" if whole and sign != "/" else "float", tensor)

    def _comparison(self, expr: Compare) -> PrintedPart:
        parts = [self._part(operand) for operand in expr.operands]
        if any(sign in ("in", "not in") for sign in expr.operators):
            raise NotForAll("`in` asks a list")
        if len({part.kind == "bool" for part in parts}) > 1:
            raise NotForAll(f"`{parts[0].text}` and `{parts[1].text}` are of two kinds")
        each = [
            f"{a.within(ORED)} {sign} {b.within(ORED)}"
            for a, sign, b in zip(parts, expr.operators, parts[1:], strict=False)
        ]
        return (
            PrintedPart(each[0], COMPARED, "bool")
            if len(each) == 1
            else PrintedPart(" & ".join(f"({e})" for e in each), ANDED, "bool")
        )

    def _choice(self, expr: IfElse) -> PrintedPart:
        test, parts = self._of("bool", expr.test), [self._part(expr.value), self._part(expr.other)]
        kinds = {part.kind for part in parts}
        if "bool" in kinds and len(kinds) > 1:
            raise NotForAll(f"`{parts[0].text}` and `{parts[1].text}` are of two kinds")
        kind: Kind = parts[0].kind if len(kinds) == 1 else "float"
        texts = [part.text for part in parts]
        alone = not (self.plain or parts[0].tensor or parts[1].tensor)
        if self.doubles and kind != "bool" and alone:
            texts[0] = f"torch.full_like({self.names[0]}, {texts[0]})"  # two numbers alone would be single precision
        return PrintedPart(f"torch.where({test.text}, {', '.join(texts)})", ATOM, kind)

    def _call(self, expr: FunctionCall) -> PrintedPart:
        name, parts = expr.function, [self._number(argument) for argument in expr.arguments]
        first = parts[0]
        if name in LEAST and len(parts) > 1 and any(part.tensor for part in parts):
            return self._least(name, parts)
        whole = first.kind == "int"
        match name:
            case _ if len(parts) > 1 or not first.tensor:
                pass
            case "float":
                return first._replace(kind="float")
            case "abs":
                return PrintedPart(f"torch.abs({first.text})", ATOM, first.kind)
            case "floor" | "ceil" | "round" | "int":
                return first if whole else PrintedPart(f"{TO_WHOLE[name]}({first.text})", ATOM, "int")
            case "sqrt" | "exp" | "log" | "sin" | "cos":
                return PrintedPart(f"{OF_FLOATS[name]}({first.text})", ATOM, "float")
        raise NotForAll(f"`{name}` is not computed for all places")

    @staticmethod
    def _least(name: str, parts: list[PrintedPart]) -> PrintedPart:
        function, bound = LEAST[name]
        kind: Kind = "int" if all(part.kind == "int" for part in parts) else "float"
        tensors = [part.text for part in parts if part.tensor]
        text = tensors[0]
        for other in tensors[1:]:
            text = f"{function}({text}, {other})"
        for number in (part.text for part in parts if not part.tensor):
            text = f"torch.clamp({text}, {bound}={number})"
        return PrintedPart(text, ATOM, kind)


def _fractional(expr: Expr) -> bool:
    """Return whether fractions are computed with, or a quotient of whole numbers may have none."""
    match expr:
        case Binary(operator="/" | "**"):
            return True
        case Binary(operator="//" | "%", right=divisor) if not (isinstance(divisor, Constant) and divisor.value):
            return True
        case FunctionCall(function=function) if function in OF_FLOATS or function == "float":
            return True
        case Constant(value=value):
            return type(value) is float
    return any(map(_fractional, expr.children()))


def _chosen(expr: Expr) -> bool:
    """Return whether it is a number, or a choice between numbers."""
    if isinstance(expr, IfElse):
        return _chosen(expr.value) and _chosen(expr.other)
    return isinstance(expr, Constant) or _negative(expr)


def _negative(expr: Expr) -> bool:
    return isinstance(expr, Unary) and expr.operator == "-" and isinstance(expr.operand, Constant)


def _tests(expr: Expr) -> Collection[Expr]:
    """Return what choices between numbers ask."""
    if not isinstance(expr, IfElse):
        return ()
    return (expr.test, *_tests(expr.value), *_tests(expr.other))
