"""What differs between instances of a block: one number for each, and the shortest words that give all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

from speczoo.importing.entries import ImportedEntry
from speczoo.importing.formulas import numbers, of_sides, with_numbers
from speczoo.specs.entry import Entry
from speczoo.specs.keys import keys

#: What an entry says by itself, or reads, so that no parameter is called so.
RESERVED = frozenset([*keys(Entry), "input", "in_channels", "in_features", "in_shape"])

#: Arguments of what slides over a map, which no number of channels has to do with.
WINDOW = frozenset(["kernel", "stride", "padding", "dilation", "output_padding"])

#: Arguments that state sizes, which alone have to do with the height and width of a map.
SIZES = frozenset(["shape", "unflattened_size", "size", "split_size"])
HEIGHT, WIDTH = "input.height", "input.width"
#: What the turns of a loop are called as a parameter, which no size has to do with.
DEPTH = "depth"
#: What a number in the rule of a constant is called as a parameter.
SIDE = "side"

#: How many parameters a list takes that is better one by itself.
MANY = 4
#: Halves and quarters that are less are what somebody would multiply by.
FEW = 6

#: Numbers of channels and the like, which a condition compares.
WIDTHS = frozenset(["input.channels", "input.features", "in_channels", "channels", "features"])


class Absent(Enum):
    """What an argument is in an instance that its entry is left out of: whatever one likes."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Led(NamedTuple):
    """An argument of a loop whose first turn has another one than the rest."""

    variable: str
    first: Any
    rest: Any

    def __str__(self) -> str:
        if isinstance(self.first, bool) and isinstance(self.rest, bool):
            return f"$({self.variable} {'==' if self.first else '!='} 1)"
        return f"$({inner(self.first)} if {self.variable} == 1 else {inner(self.rest)})"


#: A value for each instance.
Column = tuple[Any, ...]


def key(column: Sequence[Any]) -> str:
    """Return what tells columns apart: 1 is not True, nor 1.0."""
    return repr(list(column))


def inner(value: Any) -> str:
    """Return a value as a part of an expression."""
    if isinstance(value, str):
        plain = re.fullmatch(r"\$(\w+)|\$\(([\w.]+)\)", value)
        return plain[1] or plain[2] if plain else value[1:] if value.startswith("$(") else f"'{value}'"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)


@dataclass
class ColumnWords:
    """The words that give columns in one block: what flows in, and the parameters so far."""

    words: dict[str, Column] = field(default_factory=dict)
    params: dict[str, Column] = field(default_factory=dict)
    taken: Collection[str] = ()
    mark: str = ""  # what the names of parameters begin with
    turns: dict[str, Column] = field(default_factory=dict)  # the variable of a loop, which conditions may read
    filled: set[str] = field(default_factory=set)  # the parameters that some instances have no use for
    whens: list[tuple[ImportedEntry, str, Column, dict[str, Column]]] = field(default_factory=list)

    def say(self, column: Column, wanted: str, here: Mapping[str, Column]) -> Any:
        """Return what stands for a column: the value, an expression over words, or a parameter of that name.

        `here` are words that hold at its own entry alone.
        """
        there = [each for each in column if each is not ABSENT]
        if len({key([each]) for each in there}) == 1:
            return there[0]
        if any(isinstance(each, Led) for each in there):
            return self._led(column, wanted, here)
        if all(isinstance(each, list) for each in there) and len({len(each) for each in there}) == 1:
            wide = [each if isinstance(each, list) else [ABSENT] * len(there[0]) for each in column]
            return self._list([*zip(*wide, strict=True)], wanted, here) or self._param(column, wanted)
        if all(isinstance(each, str) and each.startswith("$(") for each in there):
            return self._rule(column)
        for text in self.expressions(column, here, wanted):
            return text
        if all(type(each) is bool for each in there):
            turns = {
                name: tuple(n for n, it in zip(its, column, strict=True) if it is not ABSENT)
                for name, its in self.turns.items()
            }
            for text, truths in _of_turns(turns):
                if truths == tuple(there):
                    return f"$({text})"
        return self._param(column, wanted)

    def _param(self, column: Column, wanted: str) -> str:
        """Return a parameter that has these values."""
        name = self._begun(column, wanted) or self._free(wanted)
        before = self.params.get(name, column)
        self.params[name] = tuple(b if a is ABSENT else a for a, b in zip(column, before, strict=True))
        return f"${name}"

    def _list(self, parts: Sequence[Column], wanted: str, here: Mapping[str, Column]) -> list[Any] | None:
        """Return a list by what stands for its parts; None where these would be several parameters more, for which the
        whole is one.
        """
        before = dict(self.params)
        made = _both_sides([self.say(part, wanted, here) for part in parts])
        if len(self.params) - len(before) < MANY:
            return made
        self.params = before
        return None

    def _rule(self, column: Column) -> str:
        """Return a rule that gives rules which differ in numbers alone, the smallest of which is the side of a grid."""
        first = next(each for each in column if each is not ABSENT)
        rows = [[ABSENT] * len(numbers(first)) if each is ABSENT else numbers(each) for each in column]
        columns = [*zip(*rows, strict=True)]
        texts: dict[str, Any] = {}
        for each in sorted(columns, key=lambda each: max(abs(n) for n in each if n is not ABSENT)):
            texts[key(each)] = self.say(each, SIDE, {})
        return with_numbers(first, [_number(texts[key(each)]) for each in columns])

    def _led(self, column: Column, wanted: str, here: Mapping[str, Column]) -> Any:
        variable = next(each.variable for each in column if isinstance(each, Led) and each.variable)
        first, rest = (
            self.say(tuple(each[part] if isinstance(each, Led) else each for each in column), wanted, here)
            for part in (1, 2)
        )
        return first if key([first]) == key([rest]) else Led(variable, first, rest)

    def expressions(self, column: Column, here: Mapping[str, Column], wanted: str) -> Iterator[str]:
        """Yield expressions that give a column, the simplest first: sizes by sizes, and windows by windows."""
        there = [place for place, each in enumerate(column) if each is not ABSENT]
        column = tuple(column[place] for place in there)
        known = {
            name: cut
            for name, each in {**here, **self.params, **self.words}.items()
            if ABSENT not in (cut := tuple(each[place] for place in there))
        }
        if wanted in WINDOW:
            yield from _of_windows(column, {k: v for k, v in known.items() if _stem(k) in WINDOW}, wanted)
            return
        if wanted == SIDE:
            yield from of_sides(column, {name: each for name, each in known.items() if _stem(name) == SIDE})
            return
        if wanted not in SIZES:
            known = {name: each for name, each in known.items() if name not in (HEIGHT, WIDTH)}
        known = {name: each for name, each in known.items() if (_stem(name) == DEPTH) == (wanted == DEPTH)}
        for name, each in known.items():
            if key(each) == key(column):
                yield f"${name}" if name.isidentifier() else f"$({name})"
        if wanted == DEPTH:
            return
        if not all(type(each) is int and each > 0 for each in column):
            return
        if HEIGHT in known and all(a * b == c for a, b, c in zip(known[HEIGHT], known[WIDTH], column, strict=True)):
            yield f"$({HEIGHT} * {WIDTH})"
        for name, each in known.items():
            if all(type(n) is int and n > 0 for n in each):
                yield from _multiples(name, each, column)

    def _begun(self, column: Column, wanted: str) -> str | None:
        """Return a parameter of that name whose values so far are these, where both have one."""
        for name, each in self.params.items():
            pairs = [(a, b) for a, b in zip(column, each, strict=True) if a is not ABSENT and b is not ABSENT]
            if ABSENT in each and pairs and _stem(name) == wanted and all(key([a]) == key([b]) for a, b in pairs):
                return name
        return None

    def conclude(self) -> None:
        """Give parameters a value in instances that have no use for it, and say when entries are there."""
        for name, column in self.params.items():
            usual = usual_of([each for each in column if each is not ABSENT])
            self.filled |= {name} if ABSENT in column else set()
            self.params[name] = tuple(usual if each is ABSENT else each for each in column)
        for entry, wanted, column, words in self.whens:
            entry.when = self._when(column, wanted, words)

    def _when(self, column: Column, wanted: str, words: Mapping[str, Column]) -> str:
        """Return the condition that gives truths: of strides and widths, or a parameter of its own."""
        there = [place for place, each in enumerate(column) if each is not ABSENT]
        truths = tuple(column[place] for place in there)
        words = {**words, **{name: each for name, each in self.params.items() if name not in self.filled}}
        known = {name: tuple(each[place] for place in there) for name, each in words.items()}
        turns = {name: tuple(each[place] for place in there) for name, each in self.turns.items()}
        atoms = [atom for atom in (*_of_turns(turns), *_atoms(known)) if len(set(atom[1])) > 1]
        atoms.sort(key=lambda atom: " * " in atom[0])
        for text, each in atoms:
            if each == truths:
                return f"${text}" if text.isidentifier() else f"$({text})"
        for text, each in atoms:
            for other, more in atoms:
                if tuple(a or b for a, b in zip(each, more, strict=True)) == truths:
                    return f"$({text} or {other})"
                if tuple(a and b for a, b in zip(each, more, strict=True)) == truths:
                    return f"$({text} and {other})"
        name = self._free(wanted)
        self.params[name] = tuple(each is True for each in column)
        return f"${name}"

    def _free(self, wanted: str) -> str:
        wanted = self.mark + (f"{wanted}_" if wanted in RESERVED else wanted)
        numbered = [wanted, *(f"{wanted}_{number}" for number in range(2, 100))]
        return next(name for name in numbered if not {name} & {*self.params, *self.words, *self.taken})


def _number(value: Any) -> str:
    """Return a number in a rule as a part of it."""
    text = inner(value)
    return f"({text})" if " " in text and not text.startswith("(") else text


def _both_sides(values: list[Any]) -> list[Any]:
    """Return values with the width where the height stands behind the height, of maps that are as high as wide."""
    pairs = zip([None, *values], values, strict=False)
    return [each.replace(HEIGHT, WIDTH) if each == before and HEIGHT in str(each) else each for before, each in pairs]


def _stem(name: str) -> str:
    return re.sub(r"_\d+$", "", name).strip("_")


def usual_of(values: Sequence[Any]) -> Any:
    """Return the value that most have."""
    texts = [key([each]) for each in values]
    return values[texts.index(max(texts, key=texts.count))]


def _of_turns(turns: Mapping[str, Column]) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """Yield whether a turn is the first, the last, or none of these."""
    for name, column in turns.items():
        yield f"{name} > {min(column)}", tuple(each > min(column) for each in column)
        yield f"{name} < {max(column)}", tuple(each < max(column) for each in column)
        yield f"{name} == {min(column)}", tuple(each == min(column) for each in column)
        yield f"{name} == {max(column)}", tuple(each == max(column) for each in column)


def _atoms(known: Mapping[str, Column]) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """Yield comparisons that whoever writes a block would think of, with what they come out as."""
    for name, column in known.items():
        if all(type(each) is bool for each in column):
            yield name, column
            yield f"not {name}", tuple(not each for each in column)
        elif _stem(name) == "stride":
            yield f"{name} != 1", tuple(each not in (1, [1, 1]) for each in column)
            yield f"{name} == 1", tuple(each in (1, [1, 1]) for each in column)
    wide = {name: column for name, column in known.items() if _stem(name) in WIDTHS and ABSENT not in column}
    for name, other in combinations(wide, 2):
        for times in (1, 2, 4) if other == "channels" else (1,):
            text = other if times == 1 else f"{times} * {other}"
            same = tuple(a == times * b for a, b in zip(wide[name], wide[other], strict=True))
            yield f"{name} != {text}", tuple(not each for each in same)
            yield f"{name} == {text}", same


def _of_windows(column: Column, known: Mapping[str, Column], wanted: str) -> Iterator[str]:
    """Yield what gives an argument of a window by others: themselves, or the padding that keeps a size."""
    for name, each in known.items():
        if key(each) == key(column) and wanted.rstrip("_") == _stem(name):
            yield f"${name}"
        halves = [n // 2 for n in each if type(n) is int]
        if wanted == "padding" and key(halves) == key(column):
            yield f"$({name} // 2)"


def _multiples(name: str, known: Column, column: Column) -> Iterator[str]:
    ratio = Fraction(column[0], known[0])
    if all(Fraction(a, b) == ratio for a, b in zip(column, known, strict=True)):
        if ratio.denominator == 1:
            yield f"$({ratio.numerator} * {name})"
        elif ratio.numerator == 1:
            yield f"$({name} // {ratio.denominator})"
        elif ratio.denominator in (2, 4) and ratio.numerator < FEW:
            yield f"$({ratio.numerator} * {name} // {ratio.denominator})"
    if ratio < 1 and len(set(column)) > 1:
        by = math.floor(1 / ratio)
        if by > 1 and all(a == b // by for a, b in zip(column, known, strict=True)):
            yield f"$({name} // {by})"


def type_of(column: Column) -> str | None:
    """Return the type of a parameter that has these values; None where no one type holds them."""
    kinds = {type(each) for each in column}
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int"
    if kinds <= {int, float}:
        return "float"
    if kinds == {str}:
        return "op" if all(each[:1].isupper() for each in column) else "str"
    pairs = all(type(each) is int or (isinstance(each, list) and len(each) == 2) for each in column)
    if pairs and all(type(n) is int for each in column if isinstance(each, list) for n in each):
        return "pair"
    return "list" if kinds == {list} else None


def default_of(column: Column) -> Any:
    """Return what most instances have, where that is more than half of them; None where there is no such value."""
    most = usual_of(column)
    return most if 2 * [*map(key, zip(column))].count(key([most])) > len(column) >= 3 else None
