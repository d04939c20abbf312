"""What one compilation shares, and how an entry or a walk is given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.graph import Composite, Unit
from specs.diagnostics import Diagnostic, Report
from specs.expression import METER
from specs.limits import DEFAULT, Limits
from specs.spec import Entry, Loc
from specs.unit import Found
from specs.words import printable

if TYPE_CHECKING:
    from compiler.walk.wires import Wires


class Sized(NamedTuple):
    """A refusal that another size of the input may mend, and the other ways to mend it."""

    diagnostic: Diagnostic
    otherwise: str


#: Finds the spec that `use` names: (name, the unit that asks) -> what was found, or why there is nothing.
Lookup: TypeAlias = Callable[[str, Unit], Found | str]


@dataclass
class Shared:
    """What compilations of one unit share, its variants': the lists that are done, and how much was placed and read."""

    done: dict[Any, Composite] = field(default_factory=dict)
    sound: set[Any] = field(default_factory=set)  # the entries that are left out and right
    entries: int = 0
    found: dict[Any, Found | str] = field(default_factory=dict)  # what `use` names, by name and asker
    texts: dict[int, int] = field(default_factory=dict)  # how long the specs in use are
    named: set[Any] = field(default_factory=set)  # the places whose expressions read only names that are there
    written: dict[Any, Any] = field(default_factory=dict)  # the ids of a list as its text has them, by its place
    besides: set[int] = field(default_factory=set)  # the specs whose parts beside `layers` were looked at
    metered: int = field(default_factory=lambda: METER.spent)  # where expressions started to count


@dataclass
class Session:
    """What one compilation shares: where errors go, what is allowed, which lists are open, which are done."""

    report: Report
    lookup: Lookup
    limits: Limits = DEFAULT
    shared: Shared = field(default_factory=Shared)
    before: int = 0  # entries that other variants have taken
    open: list[tuple[Any, str]] = field(default_factory=list)
    steps: int = 0
    told: int = 0  # errors, those told before at the same place too
    aside: set[Any] = field(default_factory=set)  # the entries that are left out and looked at
    walked: set[Any] = field(default_factory=set)  # the blocks that are in use
    places: list[Wires] = field(default_factory=list)  # the lists that are being filled, each in an entry of the last
    teaches: bool = True  # whether somebody will read what is told
    sized: list[Sized] = field(default_factory=list)  # what other sizes of the input may mend

    @property
    def done(self) -> dict[Any, Composite]:
        return self.shared.done

    def named(self, name: str, asking: Unit) -> Found | str:
        """What `use` means by a name, looked up once; what is wrong with its text is told in its own file."""
        key = (id(asking.spec), name)
        if key not in self.shared.found:
            found = self.shared.found[key] = self.lookup(name, asking)
            if not isinstance(found, str):
                for diagnostic in found.told:
                    self.report.add(diagnostic)
                if found.unit is not None:
                    document = found.unit.document
                    self.shared.texts[id(document)] = len(document.source.text)
        return self.shared.found[key]


class Stop(Exception):
    """This entry is wrong and told: leave a hole."""


class Doubt(Stop):
    """And with what was meant by a key that is wrong, the entry may not even be there."""


class Halt(Exception):
    """A limit is passed and told: nothing more is expanded."""


@dataclass
class Item:
    """An entry to place, with its loop variables: what is left of a list after `for`, `do` and their `when`.

    `sure` is false where these are wrong, and told, or unknown: perhaps it is not there.
    """

    entry: Entry
    loc: Loc
    names: Mapping[str, Any]
    turns: tuple[Any, ...]
    sure: bool = True


def freeze(value: Any) -> Any:
    """Plain data as a hashable key; 1, 1.0 and True stay apart."""
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value
    if kind is float or kind is bool:
        return (kind.__name__, value)
    if isinstance(value, (list, tuple)):
        return ("list", *map(freeze, value))
    if isinstance(value, Mapping):
        return ("dict", *((k, freeze(v)) for k, v in value.items()))
    return (kind.__name__, value)


def no_variant(found: Found) -> str | None:
    """What is wrong with the variant that `use` names."""
    if found.unit is None or found.variant is None or found.variant in found.unit.spec.variants:
        return None
    return f"`{found.unit.spec.name}` has no variant `{printable(found.variant)}`"
