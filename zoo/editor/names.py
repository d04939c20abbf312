"""What has a name in a text, and where each name is read: blocks, ids, parameters, loop variables and what is in use.

All of it is found in the tree, so that it is there in texts that are half-typed, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from speczoo.compiler.containers import prefixes
from speczoo.compiler.id_template import IdTemplate, parts_of_id
from speczoo.compiler.layer import Layer
from speczoo.editor.positions import Range
from speczoo.editor.tree import Listing, Mapping, TextNode, TextScalar, find, walk
from speczoo.specs.entry import Entry, variables
from speczoo.specs.expression import ExpressionError, Template
from speczoo.specs.problem import Loc

Kind: TypeAlias = Literal["block", "use", "param", "let", "variable", "place", "input", "id", "variant"]
#: Which kinds an expression reads.
READABLE: tuple[Kind, ...] = ("variable", "place", "let", "param", "input")


@dataclass(frozen=True, slots=True)
class Symbol:
    """What has a name: `home` is the part of the spec that it is known in, `at` where the name is given, `loc` the
    value beside it.
    """

    kind: Kind
    name: str
    home: Loc
    at: Range
    loc: Loc = field(compare=False, default=())


class Occurrence(NamedTuple):
    """A name where it stands; `given` where that is where it comes from."""

    at: Range
    symbol: Symbol
    given: bool = False


def closed_list(loc: Loc) -> Loc:
    """Return the place of the list whose ids a place may name: of the innermost `layers` around it."""
    for i in range(len(loc) - 2, -1, -1):
        if loc[i] == "layers" and isinstance(loc[i + 1], int):
            return loc[: i + 1]
    return ()


def entry_at(loc: Loc) -> Loc | None:
    """Return the place of the innermost entry around a place, or at it."""
    for i in range(len(loc) - 1, 0, -1):
        if isinstance(loc[i], int) and loc[i - 1] in Entry.LISTS:
            return loc[: i + 1]
    return None


def owner(loc: Loc) -> Loc:
    """Return the block that a place is in, or the spec."""
    return loc[:2] if loc[:1] == ("blocks",) and len(loc) > 2 else ()


@dataclass(frozen=True, eq=False)
class TextNames:
    """The names of one text."""

    root: TextNode

    # -- what there is --------------------------------------------------------------------------------------------

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """Whatever has a name, in the order of the text."""
        return tuple(self._symbols())

    def _symbols(self) -> Iterator[Symbol]:
        for section, kind in (("blocks", "block"), ("use", "use"), ("variants", "variant")):
            yield from self._keys((section,), kind, ())  # type: ignore[arg-type]
        for home in ((), *((("blocks", name)) for name in self.blocks)):
            yield from self._keys((*home, "params"), "param", home)
            yield from self._keys((*home, "let"), "let", home)
            yield from self._inputs(home)
        for loc, node in walk(self.root):
            if isinstance(node, Mapping):
                yield from self._of_mapping(loc, node)

    def _keys(self, loc: Loc, kind: Kind, home: Loc) -> Iterator[Symbol]:
        node = find(self.root, loc)
        for pair in node.pairs if isinstance(node, Mapping) else ():
            yield Symbol(kind, pair.key.text, home, Range(*pair.key.inner), (*loc, pair.key.text))

    def _inputs(self, home: Loc) -> Iterator[Symbol]:
        inputs = find(self.root, (*home, "inputs"))
        for i, item in enumerate(inputs.items if isinstance(inputs, Listing) else ()):
            name = item.get("id") if isinstance(item, Mapping) else item
            if isinstance(name, TextScalar) and name.text:
                yield Symbol("input", name.text, home, Range(*name.inner), (*home, "inputs", i))

    def _of_mapping(self, loc: Loc, node: Mapping) -> Iterator[Symbol]:
        loop, names = node.get("for"), node.get("at")
        for pair in loop.pairs if isinstance(loop, Mapping) else ():
            start = pair.key.inner[0]
            for name in variables(pair.key.text):
                at = pair.key.text.find(name)
                yield Symbol(
                    "variable", name, loc, Range(start + at, start + at + len(name)), (*loc, "for", pair.key.text)
                )
        for item in names.items if isinstance(names, Listing) else ():
            if isinstance(item, TextScalar):
                yield Symbol("place", item.text, loc, Range(*item.inner), (*loc, "at"))
        id = node.get("id")
        if isinstance(id, TextScalar) and id.text and entry_at(loc) == loc and loc:
            yield Symbol("id", id.text, closed_list(loc), Range(*id.inner), loc)

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        node = find(self.root, ("blocks",))
        return tuple(pair.key.text for pair in node.pairs) if isinstance(node, Mapping) else ()

    def ops(self) -> list[Symbol]:
        """Return what stands beside the layers as an op: blocks, and what is in use."""
        return [symbol for symbol in self.symbols if symbol.kind in ("block", "use")]

    def op(self, name: str) -> Symbol | None:
        """Return the block or spec in use of this name."""
        return next((symbol for symbol in self.ops() if symbol.name == name), None)

    @cached_property
    def _at_home(self) -> dict[tuple[Kind, Loc], list[Symbol]]:
        """The names of each kind by where they are known."""
        found: dict[tuple[Kind, Loc], list[Symbol]] = {}
        for symbol in self.symbols:
            found.setdefault((symbol.kind, symbol.home), []).append(symbol)
        return found

    def known(self, home: Loc, *kinds: Kind) -> list[Symbol]:
        """Return the names of these kinds that are known in a part of the spec, in order."""
        return [symbol for kind in kinds for symbol in self._at_home.get((kind, home), ())]

    def visible(self, loc: Loc) -> list[Symbol]:
        """Return what an expression at a place may read, what hides others first."""
        home = owner(loc)
        inner = [s for end in range(len(loc), 0, -1) for s in self.known(loc[:end], "variable", "place")]
        own = self.known(home, "let", "param", "input")
        outer = self.known((), "let", "param") if home else []
        return list({symbol.name: symbol for symbol in reversed([*inner, *own, *outer])}.values())[::-1]

    def ids(self, home: Loc) -> list[Symbol]:
        """Return the ids of a list, in order."""
        return self.known(home, "id")

    # -- where it is read -----------------------------------------------------------------------------------------

    @cached_property
    def occurrences(self) -> tuple[Occurrence, ...]:
        """Every name where it stands."""
        given = [Occurrence(symbol.at, symbol, True) for symbol in self.symbols]
        return tuple(dict.fromkeys([*given, *self._reads()]))

    def at(self, offset: int) -> Occurrence | None:
        """Return the name that stands at a place, the shortest where several do."""
        there = [each for each in self.occurrences if each.at.start <= offset <= each.at.end]
        return min(there, key=lambda each: (each.at.end - each.at.start, not each.given), default=None)

    def of(self, symbol: Symbol) -> list[Occurrence]:
        """Return every place of a name, in the order of the text.

        An id that is given several times is one name, and so are parameters of several blocks that one place sets.
        """
        there: set[Range] = set()
        same = {s for s in self.symbols if (s.kind, s.name, s.home) == (symbol.kind, symbol.name, symbol.home)}
        while more := {each.at for each in self.occurrences if each.symbol in same} - there:
            there |= more
            same |= {each.symbol for each in self.occurrences if each.at in more}
        found = {each.at: each for each in self.occurrences if each.symbol in same}
        return [found[at] for at in sorted(found)]

    def _reads(self) -> Iterator[Occurrence]:
        for loc, node in walk(self.root):
            if isinstance(node, Mapping):
                yield from self._keys_read(loc, node)
            elif isinstance(node, TextScalar) and node.text:
                if "$" in node.text:
                    yield from self._expression(loc, node)
                yield from self._word(loc, node)

    def _keys_read(self, loc: Loc, node: Mapping) -> Iterator[Occurrence]:
        """Yield what the keys of a mapping name: ops, parameters, paths."""
        for pair in node.pairs:
            found: Sequence[Symbol] = ()
            if loc == ("defaults",):
                found = self._named(pair.key.text, ("block", "use"))
            elif loc[-1:] == ("params",) and (loc[:1] == ("variants",) or loc == ("weights", "params")):
                found = self._named(pair.key.text, ("param",))
            elif loc[:1] == ("defaults",) and len(loc) == 2:
                found = self._argument(str(loc[1]), pair.key.text)
            elif loc == ("tie",):
                yield from self._path(pair.key, ("layers",))
            elif entry_at(loc) == loc and isinstance(op := node.get("op"), TextScalar):
                found = self._argument(op.text, pair.key.text)
            yield from (Occurrence(Range(*pair.key.inner), symbol) for symbol in found)

    def _named(self, name: str, kinds: Iterable[Kind]) -> list[Symbol]:
        return [symbol for symbol in self.known((), *kinds) if symbol.name == name]

    def _argument(self, op: str, name: str) -> list[Symbol]:
        """Return the parameter of a block that an argument sets; of every block that the op may be."""
        own = [s for s in self.symbols if s.kind == "param" and s.name == name and s.home]
        return own if "$" in op else [s for s in own if s.home == ("blocks", op)]

    def _expression(self, loc: Loc, scalar: TextScalar) -> Iterator[Occurrence]:
        visible = {symbol.name: symbol for symbol in reversed(self.visible(loc))}
        for name, at in expression_names(scalar):
            if name in visible:
                yield Occurrence(at, visible[name])

    def _word(self, loc: Loc, scalar: TextScalar) -> Iterator[Occurrence]:
        """Yield what a text names that is no expression."""
        last, entry = loc[-1], entry_at(loc)
        if (last == "op" and entry == loc[:-1]) or self._takes_op(loc):
            yield from (
                Occurrence(Range(*scalar.inner), symbol) for symbol in self._named(scalar.text, ("block", "use"))
            )
        elif last == "match" or loc[:1] == ("freeze",):
            yield from (Occurrence(Range(*scalar.inner), symbol) for symbol in self._named(scalar.text, ("block",)))
            yield from self._path(scalar, ("layers",))
        elif loc[:1] == ("tie",):
            yield from self._path(scalar, ("layers",))
        elif entry is not None and self.refers(loc):
            yield from self._reference(scalar, closed_list(loc), flowing=True)
        elif last == "from" and "outputs" in loc:
            yield from self._reference(scalar, (*owner(loc), "layers"), flowing=True)
        elif entry is not None and self.taps(loc) and (inside := self._inside(entry)) is not None:
            yield from self._path(scalar, inside)

    def refers(self, loc: Loc) -> bool:
        """Return whether what stands at a place of an entry names a value: in `from`, `share`, or an argument as
        `like`.
        """
        entry = entry_at(loc)
        if entry is None or len(loc) <= len(entry):
            return False
        key, inner = loc[len(entry)], loc[len(entry) + 1 :]
        op = find(self.root, (*entry, "op"))
        layer = Layer.registry.get(op.text) if isinstance(op, TextScalar) else None
        if inner and inner[-1] != "id" and not isinstance(inner[-1], int):
            return False
        return key in ("from", "share") or (layer is not None and key in layer.references)

    def taps(self, loc: Loc) -> bool:
        """Return whether a path inside an entry stands at a place: the id of a tap is one, unless its `from` is."""
        entry = entry_at(loc) or loc
        named = loc[-1] == "id" and find(self.root, (*loc[:-1], "from")) is not None
        return loc[len(entry) : len(entry) + 1] == ("taps",) and not named

    def _takes_op(self, loc: Loc) -> bool:
        """Return whether the name of an op stands at a place: in an argument or a parameter of that type."""
        entry = entry_at(loc)
        if entry is not None:
            op = find(self.root, (*entry, "op"))
            block = ("blocks", op.text) if isinstance(op, TextScalar) else ()
            return len(loc) == len(entry) + 1 and self._is_op((*block, "params", loc[-1]))
        if "params" in loc[:-1]:
            at = loc.index("params")
            name = loc[at + 1]
            return self._is_op((*(() if loc[0] == "variants" else loc[:at]), "params", name)) and loc[-1] != "type"
        return False

    def _is_op(self, loc: Loc) -> bool:
        declared = find(self.root, loc)
        kind = declared.get("type") if isinstance(declared, Mapping) else declared
        return isinstance(kind, TextScalar) and kind.text == "op"

    def _reference(self, scalar: TextScalar, home: Loc, *, flowing: bool) -> Iterator[Occurrence]:
        """Yield what a reference names: an entry, perhaps one of its outputs behind a dot, or what flows in."""
        start = scalar.inner[0]
        for head in prefixes(scalar.text):
            found = self._ids_of(head, home)
            if not found and flowing:
                found = [symbol for symbol in self.known(home[:-1], "input") if symbol.name == head]
            if found:
                yield from (Occurrence(Range(start, start + len(head)), symbol) for symbol in found)
                return

    def _ids_of(self, name: str, home: Loc) -> list[Symbol]:
        """Return the ids of a list that a name is, or that come out as it."""
        there = self.ids(home)
        same = [symbol for symbol in there if symbol.name == name]
        return same or [s for s in there if "$" in s.name and "$" not in name and _comes_out_as(s.name, name)]

    def _inside(self, entry: Loc) -> Loc | None:
        """Return the place of the list inside an entry: its own, or that of its block."""
        if find(self.root, (*entry, "layers")) is not None:
            return (*entry, "layers")
        op = find(self.root, (*entry, "op"))
        if isinstance(op, TextScalar) and op.text in self.blocks:
            return ("blocks", op.text, "layers")
        return None

    def _path(self, scalar: TextScalar, home: Loc) -> Iterator[Occurrence]:
        """Yield the ids along a path through lists, `encoder.layer1.conv.weight`, up to the first that is not known."""
        start, rest = scalar.inner[0], scalar.text
        inside: Loc | None = home
        while rest and inside is not None:
            for head in prefixes(rest):
                if found := self._ids_of(head, inside):
                    break
            else:
                return
            yield from (Occurrence(Range(start, start + len(head)), symbol) for symbol in found)
            start, rest = start + len(head) + 1, rest[len(head) + 1 :]
            inside = self._inside(found[0].loc)


def _comes_out_as(id: str, name: str) -> bool:
    """Return whether an id with expressions can be a name, whose dots are those that the id has."""
    return len(parts_of_id(id)) == name.count(".") + 1 and IdTemplate.of(id).could_read(name)


def expression_names(scalar: TextScalar) -> Iterator[tuple[str, Range]]:
    """Yield the names that the expressions of a text read, each at its place; nothing of one that cannot be read, or
    whose characters stand for others.
    """
    start, end = scalar.inner
    if end - start != len(scalar.text):
        return
    try:
        places = list(Template.of(scalar.text).places)
    except ExpressionError:
        return
    for name, (first, _) in places:
        first += start + (scalar.text[first] == "$")
        head = name.partition(".")[0]
        yield head, Range(first, first + len(head))
