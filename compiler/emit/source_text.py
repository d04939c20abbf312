"""Source as a text that shows itself: in a notebook folded, and short where it stands among others."""

from __future__ import annotations

from typing import Self

from speczoo.compiler.folded_html import folded_text


class SourceText(str):
    """The text of a network's module, a string like any other; `name` is the network's."""

    name: str

    @classmethod
    def of(cls, name: str, text: str) -> Self:
        made = cls(text)
        made.name = name
        return made

    @property
    def heading(self) -> str:
        return f"Source of {self.name}: {len(self.splitlines())} lines"

    def __repr__(self) -> str:
        return f"<{self.heading}>"

    def _repr_html_(self) -> str:
        return folded_text(self.heading, self)
