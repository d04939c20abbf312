"""What of a model no spec can say: reported with the line of the user's code, and all of it in one run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class CodeLine:
    """A line of the user's code: the innermost of a call that is not torch's."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Refusal:
    """One thing that a spec cannot express: which module's forward does it, what, where, and why not."""

    path: str
    what: str
    why: str
    place: CodeLine | None = None
    without_numbers: bool = False  # a run on real tensors would know more

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        inside = f" in `{self.path}`" if self.path else ""
        return f"{where}{self.what}{inside}: {self.why}"


class Unsayable(Exception):
    """A call that no entry stands for; whoever converts calls makes a Refusal of it, and goes on."""


class NumbersUnknown(Unsayable):
    """A call that takes numbers of a constant that the device `meta` does not have."""


class ImportRefused(Exception):
    """A model that does not become a spec: all reasons that one run found."""

    def __init__(self, name: str, refusals: Iterable[Refusal]) -> None:
        self.name, self.refusals = name, tuple(dict.fromkeys(refusals))
        super().__init__("\n".join([f"{name} cannot be written as a spec:", *(f"  {each}" for each in self.refusals)]))
