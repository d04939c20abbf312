"""Templates: the strings of a spec that hold `$name` and `$(expression)`, and the ranges `A..B`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from speczoo.specs.expression.evaluation import Compiled, Readable, compiled
from speczoo.specs.expression.interpolation import INTERPOLATION, respelt_mark
from speczoo.specs.expression.operators import METER, Computed, kind
from speczoo.specs.expression.syntax import (
    parse,
)
from speczoo.specs.expression.tree import (
    DEPTH,
    INTEGER,
    Constant,
    Expr,
    ExpressionError,
    Name,
    Offsets,
    names_of,
    readings,
)
from speczoo.specs.limits import CHARACTERS, ITEMS, TURNS

NAME = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
INT = re.compile(r"-?\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Template:
    """A string with zero or more `$name` and `$(expression)` in it; `$$` is a dollar.

    `names` are those it reads, attributes as `input.channels`; `places` is every one of them where it stands.
    """

    text: str
    parts: tuple[str | Expr, ...]
    places: tuple[tuple[str, Offsets], ...]
    names: frozenset[str]
    runs: tuple[str | Compiled, ...]

    @staticmethod
    def of(value: str) -> Template:
        """Read a string. Raises ExpressionError."""
        return _template(value)

    @property
    def expression(self) -> Expr | None:
        """The tree, when one `$name` or `$(expression)` is the whole string."""
        return self.parts[0] if len(self.parts) == 1 and not isinstance(self.parts[0], str) else None

    def evaluate(self, scope: Readable) -> Computed:
        """Return the value in `scope`: typed when one part covers the whole string, else a string.

        Ints, floats and strings can be pieces of a string, bools, nulls and lists cannot. Raises ExpressionError.
        """
        if len(self.runs) == 1 and not isinstance(run := self.runs[0], str):
            return run(scope)
        text = ""
        for part, run in zip(self.parts, self.runs, strict=True):
            if isinstance(part, str) or isinstance(run, str):
                text += str(run)
                continue
            piece = run(scope)
            if type(piece) not in (int, float, str):
                raise ExpressionError(f"{kind(piece)} cannot be a piece of a string", *part.at)
            text += str(piece)
            if len(text) > CHARACTERS:
                raise ExpressionError(f"the string is longer than {CHARACTERS} characters", *part.at, limit=True)
        return text


@lru_cache(maxsize=16_384)
def _template(value: str) -> Template:
    METER.spent += 2 * len(value)  # reading is dearer than computing
    parts: list[str | Expr] = []
    text, position = "", 0
    while position < len(value):
        dollar = value.find("$", position)
        if dollar < 0:
            text, position = text + value[position:], len(value)
        elif value.startswith("$$", dollar):
            text, position = text + value[position : dollar + 1], dollar + 2
        else:
            if text := text + value[position:dollar]:
                parts.append(text)
            expr, position = _part(value, dollar)
            parts.append(expr)
            text = ""
    if text:
        parts.append(text)
    read = [part for part in parts if not isinstance(part, str)]
    places = tuple((name.name, name.at) for part in read for name in readings(part))
    names = frozenset[str]().union(*map(names_of, read))
    runs = tuple(part if isinstance(part, str) else compiled(part) for part in parts)
    return Template(value, tuple(parts), places, names, runs)


def _part(value: str, start: int) -> tuple[Expr, int]:
    """Return the `$name` or `$(expression)` at `start`, and where it ends."""
    if match := NAME.match(value, start):
        return Name(match[1], at=match.span()), match.end()
    if not value.startswith("(", start + 1):
        raise _unreadable(value, start)
    end = _closing(value, start + 2)
    return parse(value[start + 2 : end], start + 2), end + 1


def _unreadable(value: str, start: int) -> ExpressionError:
    """Return why the dollar at `start` begins no expression."""
    mark = INTERPOLATION.match(value, start)
    if mark is None:
        return ExpressionError("a `$` stands before a name or `(`; write `$$` for a dollar", start, start + 1)
    ours = respelt_mark(mark)
    if ours is None:
        message = "there is no `${...}` here: `$name` reads a parameter of this spec, `$(...)` computes"
        return ExpressionError(message, *mark.span())
    message = f"`{mark[0]}` is written `{ours.text}` here"
    return ExpressionError(message, *mark.span(), instead=ours.text, names=tuple(ours.names))


def _closing(value: str, start: int) -> int:
    """Return where the parenthesis before `start` is closed, strings skipped."""
    depth, position = 1, start
    while position < len(value):
        character = value[position]
        if character in "'\"":
            position = value.find(character, position + 1)
            if position < 0:
                break
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    hint = "in flow style YAML wants quotes around what holds a comma, a bracket or a ` #`"
    raise ExpressionError(f"`$(` is never closed; {hint}", start - 2, len(value))


def evaluate(value: Computed, scope: Readable) -> Computed:
    """Return the data with every template in it replaced by its value; keys stay as they are.

    Raises ExpressionError, whose `path` leads to the string at fault.
    """
    if isinstance(value, str):
        found = Template.of(value).evaluate(scope) if "$" in value else value
    else:
        found = _evaluate(value, scope, 0)
    if type(found) in (list, dict):
        _measure(found)
    return found


def _measure(value: Computed) -> None:
    """Raise ExpressionError for lists within lists, each small, that are too much together."""
    count, rest = 0, [value]
    while rest:
        inner = rest.pop()
        inside = inner.values() if isinstance(inner, dict) else inner
        count += len(inner)
        METER.spent += len(inner)
        if count > ITEMS:
            raise ExpressionError(f"the list would have more than {ITEMS} items", limit=True)
        rest += [item for item in inside if isinstance(item, (list, dict))]


def _evaluate(value: Computed, scope: Readable, depth: int) -> Computed:
    if isinstance(value, str):
        return Template.of(value).evaluate(scope) if "$" in value else value
    if not isinstance(value, (list, tuple, dict)):
        return value
    if depth > DEPTH:
        raise ExpressionError(f"nests more than {DEPTH} deep", limit=True)
    found: list[Computed] = []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in entries:
        try:
            found.append(_evaluate(item, scope, depth + 1))
        except ExpressionError as error:
            error.problem = error.problem.below((key,))
            raise
    return dict(zip(value, found, strict=True)) if isinstance(value, dict) else found


def range_of(value: Computed, scope: Readable) -> range | None:
    """Return the range that a string `A..B` says, both ends in it; None when the value is no such string.

    Each end is an int, `$name` or `$(expression)`; the range is empty when B < A. Raises ExpressionError.
    """
    ends = _ends(value) if isinstance(value, str) and ".." in value else None
    if ends is None:
        return None
    (first, start), (last, stop) = ends
    low, high = start(scope), stop(scope)
    for expr, end in ((first, low), (last, high)):
        if type(end) is not int:
            raise ExpressionError(f"a range runs from int to int; this end is {kind(end)}", *expr.at)
    if high - low >= TURNS:
        message = f"the range {low}..{high} has {high - low + 1} turns, more than {TURNS}"
        raise ExpressionError(message, first.at[0], last.at[1], limit=True)
    return range(low, high + 1)


@lru_cache(maxsize=4_096)
def _ends(value: str) -> tuple[tuple[Expr, Compiled], tuple[Expr, Compiled]] | None:
    first = _end(value, 0)
    if first is None or not value.startswith("..", first[1]):
        return None
    last = _end(value, first[1] + 2)
    if last is None or last[1] != len(value):
        return None
    return (first[0], compiled(first[0])), (last[0], compiled(last[0]))


def _end(value: str, start: int) -> tuple[Expr, int] | None:
    if value.startswith("$", start):
        return _part(value, start)
    match = INT.match(value, start)
    if match is None:
        return None
    if len(match[0]) > 20 or abs(int(match[0])) > INTEGER:
        raise ExpressionError("the number is larger than 2**63", *match.span(), limit=True)
    return Constant(int(match[0]), at=match.span()), match.end()
