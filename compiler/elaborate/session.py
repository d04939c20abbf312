"""What one compilation shares, and how an entry or the elaboration is given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Settings
from speczoo.compiler.elaborate.frame import Frame
from speczoo.compiler.elaborate.prepared import Prepared
from speczoo.compiler.elaborate.prepared_list import PlacedEntry
from speczoo.compiler.elaborate.values import Values
from speczoo.compiler.layer import Layer
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import Document
from speczoo.specs.entry import Entry
from speczoo.specs.expression import METER
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.problem import Loc, Problem

#: Finds the spec that `use` names: (name, the unit that asks) -> what was found, or why there is nothing.
Lookup: TypeAlias = Callable[[str, LoadedSpec], UsedSpec | str]


class Elaborated(NamedTuple):
    """The list of a block, or of a spec in use, and what it is charged for besides, each time that it is met: the work
    that its parameters took, and layers.
    """

    body: Composite
    work: int
    entries: int = 0


@dataclass(slots=True)
class Shared:
    """What compilations of one unit share, its variants': the lists that are elaborated, and how much was spent."""

    done: dict[Any, Composite] = field(default_factory=dict)
    roots: dict[str | None, Composite] = field(default_factory=dict)  # the networks, whole or not, by their variants
    right_inactive: set[Any] = field(default_factory=set)  # the entries that are left out and right
    entries: int = 0
    outer: dict[Any, int] = field(default_factory=dict)  # numbers for the parameters that blocks may read
    lists: dict[Any, Elaborated] = field(default_factory=dict)  # blocks and specs in use, by their `Context.list_key`
    bound: dict[Any, tuple[Mapping[str, Any], int]] = field(default_factory=dict)  # parameters of blocks, and the work
    chosen: dict[Any, tuple[Settings, int]] = field(default_factory=dict)  # of specs in use, and the work it took
    found: dict[Any, UsedSpec | str] = field(default_factory=dict)  # what `use` names, by name and asker
    texts: set[int] = field(default_factory=set)  # the texts of specs in use
    text_length: int = 0  # of all these together
    #: Layers applied within the limits, by their ids and what flows in.
    applied: dict[Any, Application] = field(default_factory=dict)
    computed: dict[Any, Layer] = field(default_factory=dict)  # layers that are computed over places, by their arguments
    again: dict[Any, Application] = field(default_factory=dict)  # those of shared modules, with what flowed in first
    prepared: dict[int, Prepared] = field(default_factory=dict)  # the entries, by their ids
    placed: dict[Any, Sequence[PlacedEntry]] = field(default_factory=dict)  # of lists, by their ids and what flows in
    values: Values = field(default_factory=Values)  # of expressions
    named: set[Any] = field(default_factory=set)  # the places whose expressions read only names that are there
    written: dict[Any, Any] = field(default_factory=dict)  # the ids of a list as its text has them, by its place
    checked: set[int] = field(default_factory=set)  # the specs whose parts beside `layers` were checked
    instantiated: set[Any] = field(default_factory=set)  # the blocks that are in use
    unused: Callable[[], None] | None = None  # checks the blocks that nothing uses
    settled: set[int] = field(default_factory=set)  # the specs whose init rules are right whatever their parameters
    followed: set[int] = field(default_factory=set)  # the specs of which all that they use was looked up
    metered: int = field(default_factory=lambda: METER.spent)  # where expressions started to count

    def count(self, document: Document) -> None:
        """Add the text of a spec in use to their length, once."""
        if id(document) not in self.texts:
            self.texts.add(id(document))
            self.text_length += len(document.source.text)


@dataclass(slots=True)
class Session:
    """What one compilation shares: where problems go, what is allowed, which lists are open, which are done."""

    report: Report
    lookup: Lookup
    limits: Limits = DEFAULT
    shared: Shared = field(default_factory=Shared)
    before: int = 0  # entries that other variants have taken
    open: list[tuple[Any, str]] = field(default_factory=list)
    steps: int = 0
    reported: int = 0  # errors, those reported before at the same place too
    inactive: set[Any] = field(default_factory=set)  # the entries that are left out and looked at
    frames: list[Frame] = field(default_factory=list)  # the lists that are being filled, each in an entry of the last
    #: Whether a spec in use is right by itself: what it is not wrong about alone is its user's problem. None where
    #: nobody will read what is reported.
    right_alone: Callable[[LoadedSpec, str | None], bool] | None = None
    #: What other sizes of the input may mend, and as what it is reported.
    resizable: list[tuple[Problem, Diagnostic]] = field(default_factory=list)
    most_work: int = field(init=False)  # what METER may come to
    most_entries: int = field(init=False)  # what the entries of all variants may come to, with this one

    def __post_init__(self) -> None:
        self.most_work = self.shared.metered + self.limits.work
        self.most_entries = min(self.before + self.limits.entries, self.limits.file_entries)

    @property
    def done(self) -> dict[Any, Composite]:
        return self.shared.done

    def named(self, name: str, asking: LoadedSpec) -> UsedSpec | str:
        """Return what `use` means by a name, looked up once; what is wrong with its text is reported in its own
        file.
        """
        key = (id(asking.spec), name)
        if key not in self.shared.found:
            found = self.shared.found[key] = self.lookup(name, asking)
            if not isinstance(found, str):
                for diagnostic in found.reported:
                    self.report.add(diagnostic)
                if found.unit is not None:
                    self.shared.count(found.unit.document)
        return self.shared.found[key]


class Stop(Exception):
    """This entry is wrong, and reported: a placeholder stands for it."""


class Doubt(Stop):
    """And with what was intended by a key that is wrong, the entry may not even be there."""


class Halt(Exception):
    """A limit is passed, and reported: nothing more is elaborated."""


@dataclass(slots=True)
class Item:
    """An entry to elaborate, with its loop variables: what is left of a list after `for`, `do` and their `when`.

    `certain` is false where these are wrong, and reported, or unknown: perhaps it is not there.
    """

    entry: Entry
    loc: Loc
    names: Mapping[str, Any]
    turns: tuple[Any, ...]
    prepared: Prepared
    certain: bool = True
    listed: Sequence[tuple[Loc, object]] | None = None  # what its `from` comes out as, where it has loops

    @property
    def taken(self) -> Sequence[tuple[Loc, object]]:
        """What its `from` names, each at its place."""
        written, loc = self.entry.from_, (*self.loc, "from")
        if self.listed is not None or written is None:
            return self.listed or ()
        return [((*loc, i), text) for i, text in enumerate(written)] if isinstance(written, list) else [(loc, written)]


SCALARS = frozenset({int, float, bool, str, type(None)})


def freeze(value: Any) -> Any:
    """Return plain data as a hashable key; 1, 1.0 and True stay apart."""
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value
    if kind is dict:
        kinds = tuple(map(type, value.values()))
        return (kinds, *value.items()) if SCALARS.issuperset(kinds) else _frozen(value)
    if kind is float or kind is bool:
        return (kind.__name__, value)
    if isinstance(value, (list, tuple)):
        return ("list", *map(freeze, value))
    if isinstance(value, Mapping):
        return _frozen(value)
    return (kind.__name__, value)


def _frozen(value: Mapping[Any, Any]) -> Any:
    return ("dict", *[(key, freeze(inner)) for key, inner in value.items()])
