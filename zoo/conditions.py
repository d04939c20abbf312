"""Which rows are wanted, in the specs' own small language of expressions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from speczoo.specs.expression import Expr, ExpressionError, Template, names_of
from speczoo.specs.suggestions import did_you_mean


class ConditionError(ValueError):
    """What was written is no condition of these rows."""


class Condition:
    """`params < 5e6 and macs < 1e9`: true or false of a row."""

    def __init__(self, text: str, known: Collection[str]) -> None:
        """Raise ConditionError for what is no expression, and for what reads other names than those of a row."""
        try:
            self._template = Template.of(f"$({text})")
        except ExpressionError as error:
            raise ConditionError(str(error)) from None
        if not isinstance(self._template.expression, Expr):
            raise ConditionError(f"{text!a} is not one expression")
        self.names = names_of(self._template.expression)
        for name in sorted(self.names - set(known)):
            hint = " ".join(did_you_mean(name, known)) or f"a row has {', '.join(known)}"
            raise ConditionError(f"there is no `{name}`: {hint}; a text stands in quotes")

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Return whether it is true of a row; one that asks for what a row does not say (a year) is false there.

        Raises ConditionError where it is neither true nor false.
        """
        scope = {name: row.get(name) for name in self.names}
        if None in scope.values():
            return False
        try:
            value = self._template.evaluate(scope)
        except ExpressionError as error:
            raise ConditionError(str(error)) from None
        if not isinstance(value, bool):
            raise ConditionError(f"it is true or false, as 'params < 10e6', and this is {value!a}")
        return value
