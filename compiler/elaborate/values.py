"""The values of expressions: each is a function of what it reads, so it is computed once where it reads the same."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from speczoo.compiler.scope import Scope
from speczoo.specs.expression import METER, Template, evaluate


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
        if value not in self.names:
            self.names[value] = tuple(Template.of(value).names)
        key: list[Hashable] = [value]
        for name in self.names[value]:
            found = scope.exact(name)
            if found is None:
                return evaluate(value, scope)
            key.append(found)
        known = self.known.get(tuple(key))
        if known is not None:
            METER.spent += known[1]
            return known[0]
        before = METER.spent
        found = evaluate(value, scope)
        if not isinstance(found, list):  # nobody changes another's
            self.known[tuple(key)] = found, METER.spent - before
        return found
