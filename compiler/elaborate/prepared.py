"""An entry prepared: what its text alone says of it, found once for all the times that it is elaborated."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.specs.entry import Comprehension, Entry, names_in
from speczoo.specs.expression.template import NAME, Template
from speczoo.specs.limits import MAGNITUDE
from speczoo.specs.reserved_names import bad_id
from speczoo.specs.spec import Spec

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


class Argument(NamedTuple):
    """An argument as it is written: whether it is plain, the one name that it is, if it is one, and whether it is one
    of the spec's defaults, which read the names of the spec.
    """

    key: str
    value: Any
    plain: bool
    name: str | None
    default: bool

    @classmethod
    def of(cls, key: str, value: Any, *, default: bool = False) -> Argument:
        match = NAME.fullmatch(value) if isinstance(value, str) else None
        return cls(key, value, is_plain(value), match[1] if match else None, default)


@dataclass(frozen=True, eq=False, slots=True)
class Evaluated:
    """The arguments of an entry where the names that they read have certain values: as a mapping, as a key, and as the
    layer that they make; and the work that they took, which is charged for again.
    """

    given: Mapping[str, Any]
    key: Hashable
    layer: Layer | None
    work: int


@dataclass(eq=False, slots=True)
class Operation:
    """An entry under an op: its arguments over the spec's defaults for it, and what follows from their text."""

    layer: type[Layer] | None  # that it is, where it is one whose arguments are values
    listed: bool  # it is a block, or a spec in use
    arguments: tuple[Argument, ...]
    written: Mapping[str, Any]  # as the spec has them, with the `shape` of a layer; of a spec in use without defaults
    computes: bool  # some of the defaults are no plain values
    constant: bool  # it is a layer, and all its arguments are plain
    texts: tuple[str, ...] | None  # what computes the others; None where some are no texts, or the spec's
    evaluated: dict[Hashable, Evaluated] = field(default_factory=dict)  # those that were right, by what they read
    _reads: tuple[str, ...] | None = None

    @classmethod
    def of(cls, op: str, entry: Entry, spec: Spec) -> Operation:
        """Return what an entry of a spec is under this op."""
        listed = op in spec.blocks or op in spec.use
        layer = Layer.registry.get(op) if not listed else None
        own, defaults = entry.arguments, spec.defaults.get(op, {})
        if layer is not None and _says_more(layer, own, defaults):
            layer = None
        given = {key: Argument.of(key, value, default=True) for key, value in defaults.items()}
        for key, value in own.items():
            if value is None and key in given:
                del given[key]
            else:
                given[key] = Argument.of(key, value)
        if layer is not None and entry.shape is not None and takes_shape(layer):
            given["shape"] = Argument.of("shape", entry.shape)
        shape = {"shape": entry.shape} if op in Layer.registry else {}
        written = {**(defaults if op not in spec.use else {}), **own, **shape}
        computes = any(not is_plain(value) for value in defaults.values())
        computed = [argument.value for argument in given.values() if not argument.plain]
        constant = layer is not None and not computed
        texts = tuple(computed) if not computes and all(type(value) is str for value in computed) else None
        return cls(layer, listed, tuple(given.values()), written, computes, constant, texts)

    def reads(self) -> tuple[str, ...]:
        """Return the names that its arguments read, of one whose texts were read before: reading is charged for."""
        if self._reads is None:
            self._reads = tuple(frozenset[str]().union(*(Template.of(text).names for text in self.texts or ())))
        return self._reads


def takes_shape(layer: type[Layer]) -> bool:
    """Return whether an entry's `shape` is an argument of this layer; it asserts the output's otherwise."""
    return "shape" in layer.model_fields


def _says_more(layer: type[Layer], own: Mapping[str, Any], defaults: Mapping[str, Any]) -> bool:
    """Return whether an argument refers to another value, or is an expression over places."""
    refers = any(name in arguments for name in layer.references for arguments in (own, defaults))
    return refers or any(isinstance(own.get(places), list) for key, places in layer.computed.items() if key in own)


@dataclass(eq=False, slots=True)
class Prepared:
    """What the text of an entry says. `name` is the id, where it is plain and right, `op` the op, where it is plain,
    and `named` the one name that it is otherwise; `share` the id of a module that is shared, where it is plain.
    `group` says whether it is an inline one; `sources` is where its inputs come from, None where it takes what is
    before it, or not all of them have plain names.
    """

    entry: Entry
    spec: Spec
    id: Any  # as it is written
    name: str | None
    op: str | None
    named: str
    when: str | None
    group: bool
    arguments: tuple[Argument, ...]
    simple: bool  # it has inputs that are named plainly, and nothing is asserted or tapped of it
    sources: tuple[str, ...] | None
    share: str | None
    lists: bool  # some of its inputs are those of a loop
    right: bool = False  # it was found right once
    body: Layer | None = None  # with its constant arguments, once they were found right
    _operations: dict[str, Operation] = field(default_factory=dict)
    _names: frozenset[str] | None = None

    @classmethod
    def of(cls, entry: Entry, spec: Spec) -> Prepared:
        op = entry.op or ""
        layer = Layer.registry.get(op) if op not in spec.blocks and op not in spec.use else None
        id = entry.id if isinstance(entry.id, str) and "$" not in entry.id else None
        name = id if id is not None and wrong_id(entry, id) is None else None
        arguments = tuple(Argument.of(key, value) for key, value in entry.arguments.items())
        sources = _sources(entry)
        before = entry.from_ is None and (layer is None or (layer.arity[1] == 1 and not layer.merges))
        nothing = entry.from_ is None and layer is not None and layer.arity[1] == 0
        read = NAME.fullmatch(op)
        plain = op if op and "$" not in op else None
        when = entry.when if isinstance(entry.when, str) else None
        share = entry.share if isinstance(entry.share, str) and is_plain(entry.share) else None
        other = (entry.layers is not None or share is not None) and not arguments
        simple = (
            (plain is not None or read is not None or other)
            and (before or nothing or bool(sources))
            and (name is not None or entry.id is None or (isinstance(entry.id, str) and "$" in entry.id))
            and (entry.shape is None or (layer is not None and takes_shape(layer)))
            and entry.taps is None
            and entry.when is when
        )
        named = read[1] if read else ""
        lists = isinstance(entry.from_, list) and any(isinstance(text, Comprehension) for text in entry.from_)
        return cls(
            entry,
            spec,
            entry.id,
            name,
            plain,
            named,
            when,
            entry.layers is not None,
            arguments,
            simple,
            () if nothing else sources,
            share,
            lists,
        )

    def operation(self, op: str) -> Operation:
        """Return what the entry is under this op."""
        found = self._operations.get(op)
        if found is None:
            found = self._operations[op] = Operation.of(op, self.entry, self.spec)
        return found

    @property
    def names(self) -> frozenset[str]:
        """The names that the entries of a group read, in what computes something and in what is left out."""
        if self._names is None:
            self._names = names_in(self.entry.layers)
        return self._names


def wrong_id(entry: Entry, id: str) -> str | None:
    """Return why an entry cannot have this id, as far as its text says what it is; None where it can."""
    op = Layer.registry.get(entry.op or "")
    return bad_id(id, module=op is None or op.op[0].isupper(), sequential=True)


def _sources(entry: Entry) -> tuple[str, ...] | None:
    """Return the names of what an entry takes, where it has plain ones."""
    written = entry.from_ if isinstance(entry.from_, list) else [entry.from_]
    names = tuple(text for text in written if isinstance(text, str) and is_plain(text))
    return names if len(names) == len(written) else None
