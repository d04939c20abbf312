"""Loops of any list: the values that each variable of a `for` takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from speczoo.compiler.layer import Value
from speczoo.compiler.parameters import holds_mapping
from speczoo.compiler.scope import FLOW, Scope
from speczoo.compiler.unknown import Unknown
from speczoo.specs.entry import variables
from speczoo.specs.expression import ExpressionError, names_of, parse, range_of
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.wording import printable

_CALLED = re.compile(r"range\((?:(-?[0-9]{1,9}), *)?(-?[0-9]{1,9})\)")
RANGE = re.compile(r"(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})")
NUMBER = re.compile(r"-?[0-9]{1,18}")
LONGEST = 200  # characters of a text that is taken for a range


class LoopReader(Protocol):
    """Who computes what a loop says, and raises what it makes of a problem."""

    def evaluate(self, value: Any, scope: Scope, loc: Loc) -> Any:
        """Return `value` with its expressions computed. Raises UnknownRead, and what `stop` makes."""

    def bad_expression(self, error: ExpressionError, scope: Scope, loc: Loc) -> Exception:
        """Return what is raised for an expression that has no value."""

    def stop(self, problem: Problem) -> Exception:
        """Return what is raised for a problem."""


def columns(
    reader: LoopReader,
    loop: Mapping[str, Any],
    loc: Loc,
    names: Mapping[str, Any],
    inputs: Mapping[str, Value | Unknown],
) -> tuple[Mapping[str, Sequence[Any]], int]:
    """Return the values of each variable of a `for`, and how many there are of each. Raises UnknownRead, and what the
    reader makes of a problem.
    """
    found: dict[str, Sequence[Any]] = {}
    for key, value in loop.items():
        named = variables(key)
        _check_variables(reader, named, {*found}, (*loc, "for", key), names, inputs)
        rows = column(reader, value, Scope(names, inputs=inputs), (*loc, "for", key))
        if len(named) > 1:
            _check_rows(reader, rows, key, len(named), (*loc, "for", key))
            found |= {variable: [values[j] for values in rows] for j, variable in enumerate(named)}
        else:
            found[named[0]] = rows
    if len({len(c) for c in found.values()}) > 1:
        raise _unequal(reader, loop, loc, found)
    return found, len(next(iter(found.values()), ()))


def _check_variables(
    reader: LoopReader,
    named: Sequence[str],
    before: set[str],
    loc: Loc,
    names: Mapping[str, Any],
    inputs: Mapping[str, Value | Unknown],
) -> None:
    """Raise what the reader makes of what cannot be the name of a loop variable here."""
    for variable in named:
        if not variable.isidentifier() or not variable.isascii():
            message = f"`{printable(variable)}` cannot be the name of a loop variable: these are ASCII letters, digits "
            message += "and underscores, and start with no digit"
            raise reader.stop(Problem("bad-value", message, loc, key=True))
        if named.count(variable) > 1:
            raise reader.stop(Problem("bad-value", f"`{variable}` is named twice", loc, key=True))
        if variable in names or variable in FLOW or variable in before or variable in inputs:
            message = f"the loop variable `{variable}` would hide a name that is visible here"
            raise reader.stop(Problem("bad-value", message, loc, key=True, help=["choose another name"]))
        before.add(variable)


def _check_rows(reader: LoopReader, rows: Sequence[Any], key: str, count: int, loc: Loc) -> None:
    """Raise what the reader makes of it where a row has another number of values than there are variables."""
    for j, row in enumerate(rows):
        if not isinstance(row, (list, tuple)) or len(row) != count:
            got = f"{len(row)} values" if isinstance(row, (list, tuple)) else "one value"
            message = f"row {j + 1} has {got} for the {count} variables `{printable(key)}`"
            raise reader.stop(Problem("bad-value", message, (*loc, j)))


def _unequal(reader: LoopReader, loop: Mapping[str, Any], loc: Loc, columns: Mapping[str, Sequence[Any]]) -> Exception:
    """Return what is raised for loops of unequal length, at the first that differs from the one before it."""
    lengths = ", ".join(f"`{k}` has {len(c)}" for k, c in columns.items())
    keys = {variable: key for key in loop for variable in variables(key)}
    first = next(iter(columns))
    odd = next(k for k, c in columns.items() if len(c) != len(columns[first]))
    message = f"the lists of a loop are zipped and must be equally long: {lengths}"
    marks = [Mark((*loc, "for", keys[first]), f"{len(columns[first])} turns here")]
    text = f"{len(columns[odd])} turns here"
    return reader.stop(Problem("bad-value", message, (*loc, "for", keys[odd]), marks=marks, text=text))


def column(reader: LoopReader, value: Any, scope: Scope, loc: Loc) -> Sequence[Any]:
    """Return the values that a loop variable takes: `1..$depth`, a list, or an expression that gives a list.

    Raises UnknownRead, and what the reader makes of a problem.
    """
    try:
        if isinstance(value, str) and (span := range_of(value, scope)) is not None:
            return span
    except ExpressionError as error:
        raise reader.bad_expression(error, scope, loc) from None
    got = reader.evaluate(value, scope, loc)
    if not isinstance(got, (list, tuple)):
        message = f"a loop runs over a range (`1..4`) or a list, not {got!r}"
        help = [f"write `{span}`" for span in _range_of_python(value, got)]
        if (marked := _range_of_names(value, scope)) is not None:
            help = [f"write `{marked}`"]
        raise reader.stop(Problem("bad-value", message, loc, help=help, replacement=marked))
    if holds_mapping(got):
        raise reader.stop(
            Problem("bad-value", "a loop runs over numbers, texts and lists of them, not over mappings", loc)
        )
    if (problem := _range_in_list(value, got, loc)) is not None:
        raise reader.stop(problem)
    return list(got)


def row(columns: Mapping[str, Sequence[Any]], turn: int) -> dict[str, Any]:
    """Return the values of the variables of a `for` at one turn."""
    return {variable: column[turn] for variable, column in columns.items()}


def _range_in_list(written: object, values: Sequence[Any], loc: Loc) -> Problem | None:
    """Return what is wrong with a list of which one value is the text of a range, `[1..3]`; None where none is."""
    j = next((j for j, value in enumerate(values) if isinstance(value, str) and RANGE.fullmatch(value)), None)
    if j is None:
        return None
    first, last = values[j].split("..")
    message = f"`{values[j]}` is a text in a list, and no range: the loop would have one turn for it"
    if not isinstance(written, list):
        return Problem("bad-value", message, loc)
    span = written[j]
    if len(written) == 1:
        return Problem("bad-value", message, loc, help=[f"a range stands without brackets: `{span}`"], replacement=span)
    help = f"write its numbers one by one, from {first} to {last}"
    return Problem("bad-value", message, (*loc, j), help=[help])


def _range_of_names(written: object, scope: Scope) -> str | None:
    """Return the range that is intended by one whose ends are names without a `$`, `1..depth`; None of another text."""
    ends = written.split("..") if isinstance(written, str) and len(written) <= LONGEST else []
    marked = [end if NUMBER.fullmatch(end) or end[:1] == "$" else _marked(end, scope) for end in ends]
    return "..".join(end for end in marked if end is not None) if len(marked) == 2 and None not in marked else None


def _marked(end: str, scope: Scope) -> str | None:
    """Return an end of a range as an expression; None where it is none over what is known here."""
    try:
        read = names_of(parse(end))
    except ExpressionError:
        return None
    if not read or not all(scope.knows(name.partition(".")[0]) for name in read):
        return None
    return f"${end}" if end.isidentifier() else f"$({end})"


def _range_of_python(written: object, value: object) -> Iterator[str]:
    """Yield the range that is intended by a number of turns, `$depth`, or by `range(4)`."""
    if type(value) is int and value > 0:
        yield f"1..{written}"
    elif isinstance(value, str) and (ends := _CALLED.fullmatch(value)):
        yield f"{ends[1] or 0}..{int(ends[2]) - 1}"
