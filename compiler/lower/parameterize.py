"""Columns: a number of a block, read across all instances of it.

A column whose values agree is a literal. One whose values differ becomes Python over the class's constructor
arguments: the spec's own expression where Python can say it, an expression that is known to have the same values, or
an argument of its own. What is chosen is right for every instance because the values are compared, all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.identifiers import TAKEN, FreeNames, variable
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.lower.instance_grouping import InstanceGroup
from speczoo.compiler.program import ConstructorArgument
from speczoo.compiler.unknown import UNKNOWN
from speczoo.specs.expression import Compare, Constant, Expr, ExpressionError, Name, to_python
from speczoo.specs.expression import Template as Text

SEARCHED = 64  # columns, the last that were stated first, among which an equal one is looked for
SUMMED = 32  # those among which one is looked for that it is a multiple of, or two that it is the sum of

#: Stands where an instance leaves the entry out: fits any value.
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()


@dataclass(frozen=True)
class AlignedEntries:
    """The entries that stand at one place, and the lists that they stand in, one for each instance of the class: lists
    of their own inside inline groups."""

    nodes: Sequence[Node | None]
    lists: Sequence[Composite | None]

    @property
    def arriving(self) -> list[Value | None]:
        """What flows into each; where there are no entries, into each list."""
        if not self.nodes:
            return self.inputs("input")
        return [None if n is None or not n.arrived else n.arrived[0] for n in self.nodes]

    def inputs(self, name: str) -> list[Value | None]:
        """Return what flows into each one's list by this name; `input` is the first of all."""
        return [None if c is None else self._input(c, name) for c in self.lists]

    @staticmethod
    def _input(composite: Composite, name: str) -> Value | None:
        named = {called: None if value is UNKNOWN else value for called, value in composite.inputs}
        return named[name] if name in named else next(iter(named.values()), None) if name == "input" else None


class PythonText(str):
    """Text that is Python already."""


def literal(value: Any) -> str:
    """Return Python text of plain data."""
    if isinstance(value, PythonText):
        return str(value)
    if isinstance(value, str):
        plain = value.isascii() and value.isprintable() and '"' not in value and "\\" not in value
        return json.dumps(value) if plain else repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    assert value is None or isinstance(value, (bool, int, float)), value
    return repr(value)


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _same_number(given: Any, value: Any) -> bool:
    """Return `same`, of what an expression gives and what a layer has made of it: a float may be written as an int, a
    tuple as a list.
    """
    if isinstance(given, (list, tuple)) and isinstance(value, (list, tuple)):
        return len(given) == len(value) and all(map(_same_number, given, value))
    return same(given, value) or (type(given) is int and type(value) is float and given == value)


def agree(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return all(x is ABSENT or y is ABSENT or same(x, y) for x, y in zip(a, b, strict=True))


class Columns:
    """The constructor arguments of one class, found as its numbers are asked for."""

    def __init__(
        self, group: InstanceGroup, declared: Mapping[str, Any], let: Mapping[str, Any], taken: frozenset[str]
    ) -> None:
        self.group = group
        self.declared = declared  # the block's own parameters: order, defaults, types
        self.let = let  # and its names for computed values
        self.variables: dict[str, str] = {}  # those that were stated, by what the constructor calls them
        self.readable = group.instances[0].scope  # the names that its expressions may read: often many
        self.read: dict[str, list[Any]] = {}  # the columns of those that are asked for
        self.known: dict[str, list[Any]] = {}  # what was stated before, the last at the end, and its values
        self.used: dict[str, list[Any]] = {}
        self.taken = taken
        self.reserved = {*self.readable, *declared}
        self.renamed: dict[str, str] = {}
        self.names = FreeNames(TAKEN | taken | set(self.inputs))

    def scope(self, name: str) -> list[Any]:
        """Return the column of a name that may be read: all instances have the same names."""
        if name not in self.read:
            self.read[name] = [self._value(name, i.scope[name]) for i in self.group.instances]
        return self.read[name]

    def _value(self, name: str, value: Any) -> Any:
        if (
            name in self.declared
            and self.declared[name].type == "op"
            and isinstance(value, str)
            and value in Layer.registry
        ):
            layer = Layer.registry[value]
            return PythonText(layer.torch or f"nn.{layer.op}")
        return (
            tuple(value)
            if isinstance(value, list) and all(isinstance(v, int) for v in value) and len(value) <= 3
            else value
        )

    # -- the arguments ----------------------------------------------------------------------------------------

    def parameters(self) -> list[tuple[ConstructorArgument, list[Any]]]:
        """Return the constructor's arguments with their values per instance: sizes of inputs, the block's own,
        others.
        """
        out = []
        for name in dict.fromkeys((*self.inputs, *self.declared, *self.used)):
            if name not in self.used:
                continue
            column = self.used[name]
            default = None
            param = self.declared.get(name)
            if (
                param is not None
                and not param.required
                and (param.default is None or isinstance(param.default, (bool, int, float)) or param.type == "op")
            ):
                default = literal(self._value(name, param.default))
            kind = _type(column)
            if default is None and any(v is ABSENT for v in column):  # asked for only where what needs it is there
                default, kind = "None", kind if kind.endswith("None") else f"{kind} | None"
            out.append((ConstructorArgument(self.rename(name), kind, default), column))
        required = [p for p in out if p[0].default is None]
        return required + [p for p in out if p[0].default is not None]

    def rename(self, name: str) -> str:
        """Return what the constructor calls one of its arguments."""
        if name not in self.renamed:
            new = variable(name, self.taken)
            self.renamed[name] = name if new == name else self.names.new(new, self.reserved)
        return self.renamed[name]

    @cached_property
    def inputs(self) -> dict[str, list[Any]]:
        """The sizes of what flows into the class, by the names that its constructor gives them."""
        out: dict[str, list[Any]] = {}
        several = len(self.group.instances[0].inputs) > 1
        for k, (name, value) in enumerate(self.group.instances[0].inputs):
            shapes = [i.inputs[k][1].shape for i in self.group.instances]  # type: ignore[union-attr]
            if value is UNKNOWN or not all(shapes):
                continue
            rank = len(value.shape)
            kind = "features" if rank == 1 else "channels"
            out[f"{name}_{kind}" if several else f"in_{kind}"] = [s[0] for s in shapes]
            if rank == 2:
                out[f"{name}_features" if several else "in_features"] = [s[-1] for s in shapes]
        return out

    def use(self, name: str, column: list[Any]) -> str:
        self.used[name] = column
        return self.rename(name)

    # -- text for a column ------------------------------------------------------------------------------------

    def text(
        self, column: Sequence[Any], *, raw: Any = None, at: AlignedEntries | None = None, hint: str = "value"
    ) -> str:
        """Return Python for the column.

        `raw` is what the spec says, `at` where it stands, `hint` names an argument where one must be made.
        """
        column = list(column)
        values = [v for v in column if v is not ABSENT]
        constant = all(same(v, values[0]) for v in values)
        if constant and len(values) == len(column):
            return literal(values[0])
        if isinstance(raw, list) and all(isinstance(v, tuple) and len(v) == len(raw) for v in values):
            return self._elements(column, raw, at, hint)
        written = self._written(column, raw, at)
        if written is not None:
            found, column = written
            if not (found.isidentifier() or isinstance(values[0], PythonText)):
                name = self._equal(column)
                if name and name.isidentifier():
                    found = name  # the same by another way round
        elif constant:  # of those that have it: rather a name that says the same than a number that happens to be it
            return (self._equal(column) if type(values[0]) is int and values[0] > 1 else None) or literal(values[0])
        else:
            found = self._equal(column) or self._computed(column) or ""
        if not found:
            found = self.use(self.names.new(variable(hint), self.reserved), column)
        self.known[found] = self.known.pop(found, column)
        return found

    def _elements(self, column: list[Any], raw: list[Any], at: AlignedEntries | None, hint: str) -> str:
        """Return a tuple, element by element."""
        parts = []
        for i, element in enumerate(raw):
            elements = [v if v is ABSENT else v[i] for v in column]
            parts.append(self.text(elements, raw=element, at=at, hint=f"{hint}_{i}"))
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"

    def _written(self, column: list[Any], raw: Any, at: AlignedEntries | None) -> tuple[str, list[Any]] | None:
        """Return the spec's own expression over the class's arguments, and what it gives for each instance; None where
        Python cannot say it, or where its names mean something else here than to the entry.
        """
        if not isinstance(raw, str) or "$" not in raw:
            return None
        try:
            template = Text.of(raw)
        except ExpressionError:
            return None
        expression = template.expression
        if expression is None:
            return None
        codes = isinstance(expression, Name) or _asks_null(expression)
        before = dict(self.used), dict(self.known), set(self.names.taken), dict(self.variables)
        read: dict[str, list[Any]] = {}
        text: str | None = to_python(expression, lambda name: self._name(name, at, codes, read))
        # the names of classes, which the expression may give by these alone
        classes = any(isinstance(value, PythonText) for value in column)
        given = [_given(template, read, k) for k in range(len(column))]
        right = all(v is ABSENT or _same_number(g, v) for g, v in zip(given, column, strict=True))
        if text is None or not right or (classes and (not codes or '"' in text or "'" in text)):
            self.used, self.known, self.names.taken, self.variables = (
                before  # nothing may rest on an argument that is not made
            )
            return None
        return text, [g if v is ABSENT else v for g, v in zip(given, column, strict=True)]

    def _name(self, name: str, at: AlignedEntries | None, codes: bool, read: dict[str, list[Any]]) -> str | None:
        """Return Python for a name, whose column is noted in `read`."""
        if name in self.readable:
            column = read[name] = self.scope(name)
            values = [v for v in column if v is not ABSENT]
            if any(isinstance(v, PythonText) for v in values) and not codes:
                return None
            if all(same(v, values[0]) for v in values):
                return literal(values[0])
            return self._let(name) if name in self.let else self.use(name, column)
        if at is None:
            return None
        head, _, fact = name.partition(".")
        if name in ("in_channels", "in_features"):
            sizes, fact = at.arriving, name.removeprefix("in_")
        elif fact in ("channels", "features"):
            sizes = at.inputs(head)
        else:
            return None
        axis = -1 if fact == "features" else 0
        column = read[name] = [ABSENT if v is None or not v.shape else v.shape[axis] for v in sizes]
        return None if all(v is ABSENT for v in column) else self.text(column, hint=name.replace("input.", "in_"))

    def _let(self, name: str) -> str:
        """Return Python for a name of `let`: a variable that the constructor computes from its arguments; where Python
        cannot say how, an argument.
        """
        called = self.rename(name)
        if called in self.variables:
            return called
        column = self.scope(name)
        written = self._written(column, self.let[name], AlignedEntries((), self.group.instances))
        if written is None:
            return self.use(name, column)
        if written[0].isidentifier():
            return written[0]
        self.variables[called] = written[0]
        self.known[called] = column
        return called

    def _equal(self, column: list[Any]) -> str | None:
        for text, known in islice(reversed(self.known.items()), SEARCHED):
            if agree(known, column) and _covers(known, column):
                return text
        for name, flowing in islice(self.inputs.items(), SEARCHED):
            if agree(flowing, column):
                return self.use(name, flowing)
        for name in islice(self.declared, SEARCHED):
            if name in self.readable and agree(self.scope(name), column):
                return self.use(name, self.scope(name))
        for name in islice(self.let, SEARCHED):
            if agree(self.scope(name), column):
                return self._let(name)
        return None

    def _computed(self, column: list[Any]) -> str | None:
        """Return a small multiple, a fraction, or a sum of what is known."""
        if not all(v is ABSENT or type(v) is int for v in column):
            return None
        last = islice(reversed(self.known.items()), SUMMED)
        bases = {text: known for text, known in last if _integers(known) and _covers(known, column)}
        for name, flowing in islice(self.inputs.items(), SUMMED):
            bases.setdefault(name, flowing)
        for name in islice(self.declared, SUMMED):
            if name in self.readable and _integers(self.scope(name)):
                bases.setdefault(name, self.scope(name))
        return self._of(column, list(bases.items())[:SUMMED])

    def _of(self, column: list[Any], bases: list[tuple[str, list[Any]]]) -> str | None:
        for text, base in bases:
            if text.isidentifier():
                for k in range(2, 9):
                    if all(v is ABSENT or v == k * b for v, b in zip(column, base, strict=True)):
                        return f"{k} * {self._take(text, base)}"
                    if all(v is ABSENT or v * k == b for v, b in zip(column, base, strict=True)):
                        return f"{self._take(text, base)} // {k}"
        for i, (text, base) in enumerate(bases):
            for other, more in bases[i + 1 :]:
                if all(v is ABSENT or v == a + b for v, a, b in zip(column, base, more, strict=True)):
                    return f"{self._take(other, more)} + {self._take(text, base)}"
            rest = [v - b for v, b in zip(column, base, strict=True) if v is not ABSENT]
            if text.isidentifier() and len(set(rest)) == 1 and rest[0] > 0:
                return f"{self._take(text, base)} + {rest[0]}"
        return None

    def _take(self, text: str, column: list[Any]) -> str:
        if text in self.variables or not (text in self.readable or text in self.inputs):
            return text
        return self.use(text, column)


def _given(template: Text, read: Mapping[str, Sequence[Any]], k: int) -> Any:
    """Return what an expression gives for one instance, by the columns of its names; ABSENT where it has no value."""
    scope: dict[str, Any] = {}
    for name, column in read.items():
        head, _, fact = name.partition(".")
        if column[k] is not ABSENT and fact:
            scope.setdefault(head, {})[fact] = column[k]
        elif column[k] is not ABSENT:
            scope[name] = column[k]
    try:
        return template.evaluate({name: list(v) if type(v) is tuple else v for name, v in scope.items()})
    except ExpressionError:
        return ABSENT


def _asks_null(expression: Expr) -> bool:
    return isinstance(expression, Compare) and len(expression.operands) == 2 and Constant(None) in expression.operands


def _covers(known: Sequence[Any], column: Sequence[Any]) -> bool:
    """Return whether what is known has a value wherever the column has one: an argument that only some instances are
    given is None for the others.
    """
    return all(k is not ABSENT for k, v in zip(known, column, strict=True) if v is not ABSENT)


def _integers(column: Sequence[Any]) -> bool:
    return all(v is ABSENT or type(v) is int for v in column)


def _type(column: Sequence[Any]) -> str:
    kinds = list(dict.fromkeys(_kind(value) for value in column if value is not ABSENT))
    kinds.sort(key=lambda kind: (kind == "None", kind.startswith("tuple")))
    return " | ".join(kinds)


def _kind(value: Any) -> str:
    """Return the type of a value as an annotation says it."""
    if isinstance(value, PythonText):
        return "type[nn.Module]"
    if isinstance(value, tuple):
        return f"tuple[{', '.join(map(_kind, value)) or '()'}]"
    return "None" if value is None else type(value).__name__
