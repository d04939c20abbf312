"""Expressions over names that have no value yet: what is known of one put in place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from speczoo.specs.expression.evaluation import Readable, compiled
from speczoo.specs.expression.printing import Simplifier, Untranslatable, folded, source
from speczoo.specs.expression.template import Template
from speczoo.specs.expression.tree import Attribute, Compare, Constant, Expr, ExpressionError, FunctionCall, Name

#: How the language itself writes what Python writes of truths.
OWN = {"is": "==", "is not": "!="}


class _Closer(Simplifier):
    """Puts constants for all names but those that are left open; functions stay the language's own."""

    def __init__(self, scope: Readable, left_open: Collection[str]) -> None:
        super().__init__(lambda name: name, lambda name: True)
        self.scope, self.left_open = scope, left_open

    def simplify(self, expr: Expr) -> Expr:
        if isinstance(expr, Name | Attribute) and expr.name not in self.left_open:
            return Constant(compiled(expr)(self.scope))
        return super().simplify(expr)

    def call(self, expr: FunctionCall) -> Expr:
        return folded(expr)

    def comparison(self, expr: Compare) -> Expr:
        made = super().comparison(expr)
        if not isinstance(made, Compare):
            return made
        return replace(made, operators=tuple(OWN.get(sign, sign) for sign in made.operators))


def closed(text: str, scope: Readable, left_open: Collection[str]) -> str:
    """Return the source of an expression, `$(...)`, in which only the names left open are names.

    Raises ExpressionError, also where a text is no single expression, and whatever reading the scope raises.
    """
    expression = Template.of(text).expression
    if expression is None:
        raise ExpressionError("a value for each place is one expression, `$(...)`", 0, len(text))
    try:
        return source(_Closer(scope, left_open).simplify(expression), 0)
    except Untranslatable:
        raise ExpressionError("this cannot be computed for all places", 0, len(text)) from None
