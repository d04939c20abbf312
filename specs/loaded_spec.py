"""A spec together with the text it came from: what the compiler takes and the catalogue finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.document import Document
from speczoo.specs.problem import Loc

if TYPE_CHECKING:  # pydantic, which no list of names waits for
    from speczoo.specs.spec import Spec


class LoadedSpec(NamedTuple):
    """A spec, and the text it came from."""

    spec: Spec
    document: Document

    def __repr__(self) -> str:
        return f"<LoadedSpec of {self.spec.name}, {self.document.source.name}>"

    def under(self, base: Loc) -> frozenset[str | int]:
        """Return the steps down from `base` to what is wrong, and reported."""
        depth, placeholders = len(base), self.spec.placeholders | self.document.placeholders
        return frozenset(
            placeholder[depth]
            for placeholder in placeholders
            if len(placeholder) > depth and placeholder[:depth] == base
        )


class UsedSpec(NamedTuple):
    """What `use` names: a spec, perhaps one of its variants, and what reading it found; no unit where that fails."""

    unit: LoadedSpec | None
    variant: str | None = None
    reported: tuple[Diagnostic, ...] = ()
