"""An entry prepared: what its text alone says of it, found once for all the times that it is elaborated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.compiler.reserved_names import bad_id
from speczoo.specs.expression.template import NAME
from speczoo.specs.limits import MAGNITUDE
from speczoo.specs.spec import Comprehension, Entry, Spec

#: Types whose values have no expression in them.
PLAIN = frozenset({int, float, bool, type(None)})


def is_plain(value: Any) -> bool:
    """Return whether a value is itself, whatever the names around it stand for."""
    kind = type(value)
    return kind in PLAIN or (kind is str and "$" not in value)


def is_settled(value: Any) -> bool:
    """Return whether reading the value of a name gives this value as it is."""
    kind = type(value)
    return kind is str or kind is bool or kind is float or (kind is int and -MAGNITUDE <= value <= MAGNITUDE)


def says_reference(layer: type[Layer], entry: Entry, spec: Spec) -> bool:
    """Return whether an entry of this op refers to another value in an argument."""
    given = (entry.arguments, spec.defaults.get(layer.op, {}))
    return any(name in arguments for name in layer.references for arguments in given)


class Argument(NamedTuple):
    """An argument as it is written: whether it is plain, and the one name that it is, if it is one."""

    key: str
    value: Any
    plain: bool
    name: str | None

    @classmethod
    def of(cls, key: str, value: Any) -> Argument:
        match = NAME.fullmatch(value) if isinstance(value, str) else None
        return cls(key, value, is_plain(value), match[1] if match else None)


@dataclass(eq=False, slots=True)
class Prepared:
    """What the text of an entry says. `name` is the id, where it is plain and right, `op` the op, where it is plain,
    `named` the one name that it is otherwise, and `layer` what it is, where that is a layer. `constant` says that all
    arguments are plain, those of `defaults` too. `sources` is where its inputs come from; None where it takes what is
    before it.
    """

    entry: Entry
    name: str | None
    op: str | None
    named: str
    when: str | None
    layer: type[Layer] | None
    arguments: tuple[Argument, ...]
    constant: bool
    spec: Spec
    simple: bool  # it is a layer or a block, of inputs that are named plainly, and nothing is asserted of it
    sources: tuple[str, ...] | None
    lists: bool  # some of its inputs are those of a loop
    right: bool = False  # it is simple, and was found right once
    body: Layer | None = None  # with its constant arguments, once they were found right
    _written: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Entry, spec: Spec) -> Prepared:
        op = entry.op or ""
        registered = Layer.registry.get(op)
        layer = registered if op not in spec.blocks and op not in spec.use else None
        id = entry.id if isinstance(entry.id, str) and "$" not in entry.id else None
        module = registered is None or registered.op[0].isupper()
        name = id if id is not None and bad_id(id, module=module, sequential=True) is None else None
        arguments = tuple(Argument.of(key, value) for key, value in entry.arguments.items())
        fixed = [argument.plain for argument in arguments] + [is_plain(v) for v in spec.defaults.get(op, {}).values()]
        refers = layer is not None and says_reference(layer, entry, spec)
        constant = layer is not None and all(fixed) and entry.shape is None and not refers
        sources = _sources(entry)
        before = entry.from_ is None and (layer is None or (layer.arity[1] == 1 and not layer.merges))
        read = NAME.fullmatch(op)
        plain = op if op and "$" not in op else None
        when = entry.when if isinstance(entry.when, str) else None
        simple = (
            (plain is not None or read is not None)
            and (before or bool(sources))
            and (name is not None or entry.id is None)
            and entry.shape is entry.taps is None
            and entry.when is when
            and not refers
        )
        named = read[1] if read else ""
        lists = isinstance(entry.from_, list) and any(isinstance(text, Comprehension) for text in entry.from_)
        return cls(entry, name, plain, named, when, layer, arguments, constant, spec, simple, sources, lists)

    def written(self, op: str) -> Mapping[str, Any]:
        """Return the arguments as the spec has them where the entry is of this op: over the spec's defaults for it but
        for a spec in use, and with its `shape` where it is a layer.
        """
        if op not in self._written:
            defaults = self.spec.defaults.get(op, {}) if op not in self.spec.use else {}
            shape = {"shape": self.entry.shape} if op in Layer.registry else {}
            self._written[op] = {**defaults, **self.entry.arguments, **shape}
        return self._written[op]


def _sources(entry: Entry) -> tuple[str, ...] | None:
    """Return the names of what an entry takes, where it has plain ones."""
    written = entry.from_ if isinstance(entry.from_, list) else [entry.from_]
    names = tuple(text for text in written if isinstance(text, str) and is_plain(text))
    return names if len(names) == len(written) else None
