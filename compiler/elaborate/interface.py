"""What the kinds of entries may ask of the driver: the lists inside them. So none of them knows another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from speczoo.compiler.composite import Composite, Settings
from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.frame import Frame, WrittenList
from speczoo.compiler.elaborate.session import Item
from speczoo.compiler.layer import Value
from speczoo.compiler.unknown import Unknown
from speczoo.specs.entry import Entry
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Block


class Elaborator(Protocol):
    """Elaborates the lists of one spec, for one choice of its parameters."""

    context: Context

    def expand(
        self,
        written: WrittenList,
        names: Mapping[str, Any],
        inputs: Sequence[tuple[str, Value | Unknown]],
        *,
        arguments: Mapping[str, Any] | None = None,
        settings: Settings | None = None,
    ) -> Composite:
        """Return a list of entries, elaborated one after the other."""

    def spec(self, kind: Literal["network", "use"], name: str, arguments: Mapping[str, Any] | None = None) -> Composite:
        """Return the layers of the whole spec: a network, or one that is in use with these arguments."""

    def block(
        self,
        name: str,
        block: Block,
        arguments: Mapping[str, Any],
        inputs: Sequence[tuple[str, Value | Unknown]],
        loc: Loc,
    ) -> Composite:
        """Return the list of a block for these arguments and what flows in, elaborated once."""

    def interned(self, key: Any, name: str, loc: Loc, make: Callable[[], Composite]) -> Composite:
        """Return the list of this key, made once; `loc` is where it is asked for. Raises Stop, reported, for one that
        contains itself.
        """

    def of(self, unit: LoadedSpec, settings: Settings) -> Elaborator:
        """Return the elaborator of a spec in use."""

    def entry(self, frame: Frame, item: Item) -> None:
        """Elaborate an entry of a list."""

    def left_out(self, frame: Frame, entry: Entry, loc: Loc, names: Mapping[str, Any]) -> None:
        """Check an entry that is left out, once in a compilation."""

    def check_unused_blocks(self) -> None:
        """Elaborate blocks that nothing uses, for what is wrong whatever their parameters and inputs are."""

    def check_declarations(self) -> bool:
        """Check a spec beside its layers; whether its init rules can be computed."""
