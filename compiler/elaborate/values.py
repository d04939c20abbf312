"""The values of expressions: each is a function of what it reads, so it is computed once where it reads the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
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
        self.names: dict[str, tuple[str, ...]] = {}  # what each text reads

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
        if text not in self.names:
            self.names[text] = tuple(Template.of(text).names)
        key: list[Hashable] = [text, left_open]
        for name in self.names[text]:
            if name in left_open:
                continue
            found = scope.exact(name)
            if found is None:
                return compute(text, scope)
            key.append(found)
        read = tuple(key)
        known = self.known.get(read)
        if known is not None:
            METER.spent += known[1]
            return known[0]
        before = METER.spent
        found = compute(text, scope)
        if not isinstance(found, list):  # nobody changes another's
            self.known[read] = found, METER.spent - before
        return found
