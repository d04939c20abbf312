"""What explanations read of an elaboration that has met a problem. So they know nothing of how it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from speczoo.compiler.composite import Node, Settings
from speczoo.compiler.dataflow import Operand
from speczoo.compiler.layer import Value
from speczoo.compiler.unknown import Unknown
from speczoo.specs.entry import Entry
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc

#: A block or spec on the way to a list: the path so far, where it is used, its name. A place of another file is a
#: function that gives it as a text.
TrailStep: TypeAlias = tuple[str, Loc | Callable[[], str] | None, str]


class OpenList(Protocol):
    """A list under construction. `sources` is where the inputs of the entry that is being elaborated come from."""

    @property
    def nodes(self) -> Sequence[Node]: ...
    @property
    def loc(self) -> Loc: ...
    @property
    def sources(self) -> Sequence[Operand]: ...
    def value(self, source: Operand) -> Value | Unknown: ...


class EntryPosition(Protocol):
    """An entry, its place, its turns of the loops around it, and what its `from` names, each at its place."""

    @property
    def entry(self) -> Entry: ...
    @property
    def loc(self) -> Loc: ...
    @property
    def turns(self) -> Sequence[Any]: ...
    @property
    def taken(self) -> Sequence[tuple[Loc, object]]: ...


class ElaboratedText(Protocol):
    """The spec that is being elaborated, and the way that led into the open list."""

    @property
    def unit(self) -> LoadedSpec: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def trail(self) -> Sequence[TrailStep]: ...
    def written(self, loc: Loc) -> Any: ...
