"""Entries and lists of a spec in the making: what the language says, before it is folded and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias


class Feed(NamedTuple):
    """What an entry takes: an output of an entry of the same list, or one of the list's inputs, which is no entry."""

    entry: ImportedEntry | None
    port: int = 0


class Turns(NamedTuple):
    """The turns of a loop: whole numbers, both ends in them."""

    first: int
    last: Any

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


#: An input of an entry: a value, or a number among the values of an `add` or the like, which may be an expression.
Operand: TypeAlias = Feed | int | float | str


@dataclass(eq=False)
class ImportedEntry:
    """One entry. `name` is its path in the state_dict below its list, `named` whether that has to stay.

    A layer or function has an `op` and arguments; a module with an inside has a `body`, and an op where that is a
    block; `share` is the entry whose module it is again. `references` are arguments that name values.
    """

    op: str
    args: dict[str, Any] = field(default_factory=dict)
    inputs: list[Operand] = field(default_factory=list)
    name: str = ""
    named: bool = False
    module: bool = False
    references: dict[str, Feed] = field(default_factory=dict)
    ports: int = 1
    body: ImportedList | None = None
    share: ImportedEntry | None = None
    flowing: list[tuple[int, ...]] = field(default_factory=list)  # the shapes that it takes
    when: str = ""
    loop: dict[str, Any] = field(default_factory=dict)
    last_name: str = ""  # of the last turn of a loop
    spliced: bool = False  # whether its body is entries of this list, a turn each
    outputs: list[str] = field(default_factory=list)  # their names, where a block has several
    takes: tuple[str, ...] = ()  # the parameters of its block

    @property
    def sources(self) -> list[Feed]:
        """The values that it takes, what its arguments name after the others."""
        return [each for each in (*self.inputs, *self.references.values()) if isinstance(each, Feed)]


@dataclass(eq=False)
class ImportedList:
    """A list of entries with its inputs and outputs: the inside of a module.

    `kind` is the class of the module, `sequential` whether the list is its nn.Sequential. `output_names` is what the
    model calls its outputs, nothing where it has no name for one.
    """

    kind: str
    inputs: list[str] = field(default_factory=lambda: ["input"])
    channels: list[tuple[int, ...]] = field(default_factory=list)  # the shapes that flow in
    entries: list[ImportedEntry] = field(default_factory=list)
    outputs: list[Feed] = field(default_factory=list)
    training_only: list[bool] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    sequential: bool = False

    def readers(self, source: Feed) -> int:
        """Return how many entries and outputs take a value."""
        return sum(entry.sources.count(source) for entry in self.entries) + self.outputs.count(source)

    def replace(self, values: Mapping[Feed, Operand]) -> None:
        """Give everything that takes one of these values what stands beside it."""

        def now(operand: Operand) -> Operand:
            return values.get(operand, operand) if isinstance(operand, Feed) else operand

        for entry in self.entries:
            entry.inputs = [now(operand) for operand in entry.inputs]
            entry.references = {name: now(source) for name, source in entry.references.items()}  # type: ignore[misc]
        self.outputs = [now(source) for source in self.outputs]  # type: ignore[misc]

    def used(self, entry: ImportedEntry) -> bool:
        """Return whether anything in the list takes what an entry gives."""
        takes = (source.entry for other in self.entries for source in other.sources)
        shared = (other.share for other in self.entries)
        return any(each is entry for each in (*takes, *shared, *(out.entry for out in self.outputs)))

    def walk(self) -> Iterator[ImportedList]:
        """Yield all lists inside, innermost first, and this one."""
        for entry in self.entries:
            if entry.body is not None:
                yield from entry.body.walk()
        yield self


def is_chain(made: ImportedList) -> bool:
    """Return whether each entry takes what the one before it gives, and nothing else is taken."""
    before = Feed(None)
    for entry in made.entries:
        if entry.share is not None or entry.inputs != [before] or entry.references or entry.ports > 1:
            return False
        before = Feed(entry)
    return len(made.inputs) == 1 and made.outputs == [before] and bool(made.entries)
