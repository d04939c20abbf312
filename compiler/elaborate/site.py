"""An entry where it stands: what the functions that elaborate it know of, and how what is wrong with it is reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.session import Item, Stop
from speczoo.compiler.scope import Scope
from speczoo.specs.problem import Loc, Problem


@dataclass(eq=False, slots=True)
class EntrySite:
    """An entry in its spec and its list so far: what it is called there, and what its expressions may read, what flows
    into it too, once that is known.
    """

    ctx: Context
    frame: Frame
    item: Item
    name: str
    scope: Scope

    def loc(self, *keys: str | int) -> Loc:
        """Return the place of the entry in the text, or of what stands in it."""
        return (*self.item.loc, *keys)

    def evaluate(self, value: Any, *keys: str | int) -> Any:
        """Return what stands at these keys, with its expressions computed. Raises Stop, reported, and UnknownRead."""
        return self.ctx.evaluate(value, self.scope, self.loc(*keys), self.name)

    def report(self, code: str, message: str, loc: Loc, **more: Any) -> None:
        """Report a problem with the entry."""
        self.ctx.report(Problem(code, message, loc, path=self.name, **more))

    def stop(self, code: str, message: str, loc: Loc, **more: Any) -> Stop:
        """Report a problem with the entry; the exception to raise, which gives it up."""
        return self.ctx.stop(Problem(code, message, loc, path=self.name, **more))
