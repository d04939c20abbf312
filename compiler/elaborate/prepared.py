"""An entry prepared: what its text alone says of it, found once for all the times that it is elaborated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.compiler.reserved_names import bad_id
from speczoo.specs.spec import Entry, Spec

#: Types whose values have no expression in them.
PLAIN = frozenset({int, float, bool, type(None)})


def is_plain(value: Any) -> bool:
    """Return whether a value is itself, whatever the names around it stand for."""
    kind = type(value)
    return kind in PLAIN or (kind is str and "$" not in value)


@dataclass(eq=False, slots=True)
class Prepared:
    """`name` is the id, where it is plain and right, `op` the op, where it is plain, and `layer` what it is, where that
    is a layer. `arguments` are those of the entry, each with whether it is plain; `constant` says that all are, and
    those of `defaults` too.
    """

    entry: Entry
    name: str | None
    op: str | None
    layer: type[Layer] | None
    arguments: tuple[tuple[str, Any, bool], ...]
    constant: bool
    spec: Spec
    body: Layer | None = None  # with its constant arguments, once they were found right
    _written: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Entry, spec: Spec) -> Prepared:
        op = entry.op or ""
        named = Layer.registry.get(op)
        layer = named if op not in spec.blocks and op not in spec.use else None
        id = entry.id if isinstance(entry.id, str) and "$" not in entry.id else None
        module = named is None or named.op[0].isupper()
        name = id if id is not None and bad_id(id, module=module, sequential=True) is None else None
        arguments = tuple((key, value, is_plain(value)) for key, value in entry.arguments.items())
        fixed = [plain for _, _, plain in arguments] + [is_plain(v) for v in spec.defaults.get(op, {}).values()]
        constant = layer is not None and all(fixed) and entry.shape is None and not layer.references
        return cls(entry, name, op if op and "$" not in op else None, layer, arguments, constant, spec)

    def written(self, op: str) -> Mapping[str, Any]:
        """Return the arguments as the spec has them where the entry is of this op: over the spec's defaults for it but
        for a spec in use, and with its `shape` where it is a layer.
        """
        if op not in self._written:
            defaults = self.spec.defaults.get(op, {}) if op not in self.spec.use else {}
            shape = {"shape": self.entry.shape} if op in Layer.registry else {}
            self._written[op] = {**defaults, **self.entry.arguments, **shape}
        return self._written[op]
