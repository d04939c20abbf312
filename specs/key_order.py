"""The order in which the keys of a spec are written: that of the models, and in an entry of its op's arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from speczoo.specs.entry import STRUCTURE, Entry
from speczoo.specs.keys import Model, keys, model_at
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Output

_BEHIND = STRUCTURE.index(Entry.ARGUMENTS_BEFORE)
FIRST, LAST = STRUCTURE[:_BEHIND], STRUCTURE[_BEHIND:]

#: The arguments of an op in their order; those that it does not name come behind, as they were.
ArgumentsOf = Callable[[str], Sequence[str]]


@dataclass
class KeyOrder:
    """The order of the keys of one document's mappings; of those without a model, whose keys are names, as written."""

    whole: Any
    arguments: ArgumentsOf
    root: Model  # of all of the document
    _places: dict[str, dict[str, int]] = field(default_factory=dict)  # of each op's arguments in their order

    def model(self, at: Loc) -> Model | None:
        """Return the model of the mapping at a place; None where its keys are names."""
        return model_at(self.root, at, self.whole)

    def of(self, at: Loc, data: dict[str, Any]) -> list[str]:
        """Return the keys of the mapping at a place in order; those that its model does not have are the last."""
        model = self.model(at)
        if model is Entry:
            return self._of_entry(data)
        known = [key for key in keys(model) if key in data] if model else []
        return [*known, *(key for key in data if key not in known)]

    def applied(self, data: Any, at: Loc = ()) -> Any:
        """Return the data with all its keys in order."""
        if isinstance(data, dict):
            return {key: self.applied(data[key], (*at, key)) for key in self.of(at, data)}
        if isinstance(data, list):
            return [self.applied(item, (*at, i)) for i, item in enumerate(data)]
        return data

    def holds(self, at: Loc, data: Any) -> bool:
        """Return whether all keys of what stands at a place are in order."""
        if isinstance(data, dict):
            return list(data) == self.of(at, data) and all(self.holds((*at, key), data[key]) for key in data)
        return not isinstance(data, list) or all(self.holds((*at, i), item) for i, item in enumerate(data))

    def has_entries(self, at: Loc, data: Any) -> bool:
        """Return whether a list of entries, or of outputs, is in what stands at a place."""
        if isinstance(data, dict):
            return any(self.has_entries((*at, key), value) for key, value in data.items())
        return isinstance(data, list) and bool(data) and self.model((*at, 0)) in (Entry, Output)

    def _of_entry(self, data: dict[str, Any]) -> list[str]:
        op = data.get("op")
        known = self._known(op) if isinstance(op, str) else {}
        given = [key for key in data if key not in FIRST and key not in LAST]
        arguments = sorted(given, key=lambda key: known.get(key, len(known)))
        last = [key for key in LAST if key in data]
        if "shape" in known and "shape" in last:  # an argument here
            last.remove("shape")
            arguments.insert(min(known["shape"], len(arguments)), "shape")
        return [*(key for key in FIRST if key in data), *arguments, *last]

    def _known(self, op: str) -> dict[str, int]:
        if op not in self._places:
            self._places[op] = {key: place for place, key in enumerate(self.arguments(op))}
        return self._places[op]
