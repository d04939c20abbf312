"""What an entry reads, by the trees of its expressions: which names, and the same under others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from speczoo.importing.columns import Led
from speczoo.importing.entries import Feed, ImportedEntry, Turns
from speczoo.specs.entry import names_in
from speczoo.specs.expression import (
    Attribute,
    Compare,
    Constant,
    Expr,
    ExpressionError,
    Name,
    Template,
    substituted,
)
from speczoo.specs.expression.tree import Offsets


def values_of(entry: ImportedEntry) -> list[Any]:
    """Return the values that an entry is given, by arguments and loops."""
    return [*entry.args.values(), *entry.loop.values()]


def read_by(entry: ImportedEntry) -> frozenset[str]:
    """Return the names that an entry reads, of `input.channels` the first."""
    numbers = [operand for operand in entry.inputs if not isinstance(operand, Feed)]
    return read_in([*values_of(entry), entry.op, entry.when, entry.name, numbers])


def read_in(value: Any) -> frozenset[str]:
    """Return the names that a value reads."""
    return names_in(_written(value))


def mentions(value: Any, word: str) -> bool:
    """Return whether a value is this word, or may come out as it."""
    if isinstance(value, str):
        return value == word or any(Constant(word) == part for part in _parts(value))
    if isinstance(value, Mapping):
        return any(mentions(each, word) for each in value.values())
    return isinstance(value, list | tuple) and any(mentions(each, word) for each in value)


def changed(value: Any, change: Callable[[str], Any], names: Mapping[str, str] | None = None) -> Any:
    """Return a value with its texts changed, those inside it too; `names` are others for the variables of loops."""
    if isinstance(value, Led):
        variable = (names or {}).get(value.variable, value.variable)
        return Led(variable, changed(value.first, change, names), changed(value.rest, change, names))
    if isinstance(value, Turns):
        return Turns(value.first, changed(value.last, change, names))
    if isinstance(value, list):
        return [changed(each, change, names) for each in value]
    return change(value) if isinstance(value, str) and "$" in value else value


def reword(entry: ImportedEntry, names: Mapping[str, str]) -> None:
    """Call what an entry reads otherwise; the places that the value of a buffer reads are its own."""
    places: Collection[str] = entry.args.get("at", ())
    others = {name: other for name, other in names.items() if name not in places}

    def now(value: Any, names: Mapping[str, str] = names) -> Any:
        return changed(value, lambda text: substituted(text, names), names) if names else value

    entry.args = {each: now(value, others if each == "value" else names) for each, value in entry.args.items()}
    entry.loop = {each: now(value) for each, value in entry.loop.items()}
    entry.inputs = [operand if isinstance(operand, Feed) else now(operand) for operand in entry.inputs]
    entry.name, entry.op, entry.when = now(entry.name), now(entry.op), now(entry.when)


def name_in(text: str) -> str:
    """Return the one name, or attribute of one, that a text is; nothing of another text."""
    match Template.of(text).expression:
        case Name(name=name):
            return name
        case Attribute(name=name, attribute=attribute):
            return f"{name}.{attribute}"
    return ""


def earlier(text: str, variable: str) -> str:
    """Return a text that compares a loop's variable with numbers, with the numbers before these."""
    end, out = 0, ""
    for (start, stop), number in sorted(_compared(text, variable)):
        out += f"{text[end:start]}{number - 1}"
        end = stop
    return out + text[end:]


def _compared(text: str, variable: str) -> Iterator[tuple[Offsets, int]]:
    """Yield the numbers that a loop's variable is compared with, and where they stand."""
    for part in _parts(text):
        match part:
            case Compare(operands=(Name(name=name), Constant(value=int(number)) as constant)) if name == variable:
                yield constant.at, number


def _written(value: Any) -> Any:
    """Return a value as data of a spec."""
    if isinstance(value, Led | Turns):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _written(each) for key, each in value.items()}
    return [*map(_written, value)] if isinstance(value, list | tuple) else value


def _parts(text: str) -> Iterator[Expr]:
    """Yield all that the expressions of a text are made of; one that cannot be read has none."""
    try:
        left = [part for part in Template.of(text).parts if not isinstance(part, str)] if "$" in text else []
    except ExpressionError:
        return
    while left:
        part = left.pop()
        yield part
        left += part.children()
