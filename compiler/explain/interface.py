"""What explanations read of an elaboration that has met a problem. So they know nothing of how it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from speczoo.compiler.composite import Node, Settings
from speczoo.compiler.dataflow import Operand
from speczoo.compiler.layer import Value
from speczoo.compiler.unknown import Unknown
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Entry


class OpenList(Protocol):
    """A list under construction. `sources` is where the inputs of the entry that is being elaborated come from."""

    @property
    def nodes(self) -> Sequence[Node]: ...
    @property
    def loc(self) -> Loc: ...
    @property
    def sources(self) -> Sequence[Operand]: ...
    def value(self, source: Operand) -> Value | Unknown: ...


class Position(Protocol):
    """An entry, its place, and its turns of the loops around it."""

    @property
    def entry(self) -> Entry: ...
    @property
    def loc(self) -> Loc: ...
    @property
    def turns(self) -> Sequence[Any]: ...


class Text(Protocol):
    """The spec that is being elaborated, and the blocks that led into the open list: (path, where used, name)."""

    @property
    def unit(self) -> LoadedSpec: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def trail(self) -> Sequence[tuple[str, Loc | str | None, str]]: ...
    def written(self, loc: Loc) -> Any: ...
