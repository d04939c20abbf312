"""The values of expressions: each is a function of what it reads, so it is computed once where it reads the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from speczoo.compiler.scope import Scope
from speczoo.specs.expression import METER, Template, evaluate
from speczoo.specs.expression.closing import closed


class Values:
    """What expressions came out as, by their texts and what they read, and the work that it took: that is charged for
    again.
    """

    def __init__(self) -> None:
        self.known: dict[Any, tuple[Any, int]] = {}
        self.names: dict[Any, tuple[str, ...]] = {}  # what each text reads, but for what is left open in it

    def of(self, value: Any, scope: Scope) -> Any:
        """Return the value with its expressions computed. Raises ExpressionError and UnknownRead."""
        if type(value) is not str:
            return evaluate(value, scope)
        return self._once(value, scope, (), evaluate)

    def closed(self, text: str, scope: Scope, left_open: tuple[str, ...]) -> str:
        """Return an expression in which only the names left open are names, see `closed`. Raises ExpressionError and
        UnknownRead.
        """
        found: str = self._once(text, scope, left_open, lambda text, scope: closed(text, scope, left_open))
        return found

    def _once(self, text: str, scope: Scope, left_open: tuple[str, ...], compute: Callable[[str, Scope], Any]) -> Any:
        """Return what is computed of a text, where it reads what it read before: what came out then."""
        place = (text, left_open)
        names = self.names.get(place)
        if names is None:
            names = self.names[place] = tuple(Template.of(text).names.difference(left_open))
        values = scope.exactly(names)
        if None in values:
            return compute(text, scope)
        read = (place, values)
        known = self.known.get(read)
        if known is not None:
            METER.spent += known[1]
            return known[0]
        before = METER.spent
        found = compute(text, scope)
        if not isinstance(found, list):  # nobody changes another's
            self.known[read] = found, METER.spent - before
        return found
