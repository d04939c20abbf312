"""Arguments whose name is none: what was intended by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from speczoo.compiler.synonyms import ARGUMENTS, ARGUMENTS_ASKED, ARGUMENTS_ELSEWHERE
from speczoo.specs.entry import Entry, repeated
from speczoo.specs.keys import instead, keys
from speczoo.specs.problem import Problem
from speczoo.specs.suggestions import certain, did_you_mean, given_already, nearest, spelling
from speczoo.specs.value_kinds import could_be
from speczoo.specs.wording import listed, printable

#: What a list of arguments without names is called elsewhere.
BY_POSITION = ("args", "arguments", "params", "parameters", "kwargs")


def unknown_argument(
    wording: str,
    name: str,
    known: Collection[str],
    given: Mapping[str, Any],
    missing: list[str],
    *,
    chosen: bool = False,
) -> tuple[Problem, str | None]:
    """Return the problem with a name that is none of the `known`, and which of these was probably intended.

    `wording` begins the message: `Conv2d has no`. `chosen`: the names are those that an author declared. What the name
    stands for is taken from `missing`.
    """
    unknown = partial(Problem, "unknown-argument", f"{wording} `{printable(name)}`", (name,), key=True)
    if isinstance(inside := given[name], Mapping) and (nested := [k for k in known if k in inside]):
        missing[:] = [k for k in missing if k not in inside]
        return unknown(help=(f"write {listed(nested)} beside `op`, not inside `{printable(name)}`",)), None
    if name.lower() in BY_POSITION and isinstance(inside, list) and missing:
        example = f"`{missing[0]}: {inside[0]}`" if inside else f"`{missing[0]}: ...`"
        missing.clear()
        return unknown(help=(f"arguments are given by name, beside `op`: {example}",)), None
    free = [k for k in known if k not in given]
    needs, how = ARGUMENTS_ELSEWHERE.get(spelling(name), (None, ""))
    if how and (needs in known or (needs is None and certain(name, free, chosen=chosen) is None)):
        return unknown(help=(how,)), None
    synonyms = {} if chosen else _named(ARGUMENTS, free)
    asked = {**_named(ARGUMENTS_ASKED, free), **_named(ARGUMENTS_ASKED, missing)}.get(spelling(name))
    suggested = synonyms.get(spelling(name)) or nearest(name, missing) or (asked if asked in missing else None)
    suggested = suggested or nearest(name, known) or asked
    if suggested in given and certain(name, known, chosen=chosen) == suggested:
        return unknown(help=given_already(str(suggested))), None
    if suggested in given:
        suggested = nearest(name, free) or asked
    beside = [k for k in Entry.beside("op") if could_be(Entry, k, given[name])]
    words = instead(Entry, beside if suggested is None else (), certain=True)
    fix = certain(name, free, aliases=synonyms, chosen=chosen)
    if fix is None and (structural := certain(name, beside, aliases=words)):
        return unknown(replacement=structural, help=(f"did you mean `{structural}`?",)), None
    if suggested is None and (loop := repeated(name, given[name])):
        return unknown(help=(loop,)), None
    if suggested is None and (structural := nearest(name, beside, aliases=instead(Entry, beside))):
        return unknown(help=(f"did you mean `{structural}`?",)), None
    if suggested is None and (structural := instead(Entry, Entry.beside("op")).get(name.lower())):
        return unknown(help=(f"did you mean `{structural}`? It is {keys(Entry)[structural].holds}",)), None
    sizes = isinstance(given[name], int | list | tuple) and not isinstance(given[name], bool)
    if suggested is None and sizes and len(missing) == 1 and len(given.keys() - known) == 1:
        suggested = missing[0]  # one is missing, and one is too many
    if suggested is None:
        return unknown(help=did_you_mean(name, known, limit=16)), None
    help = f"did you mean `{suggested}`?"
    if suggested in missing:
        missing.remove(suggested)
        help += " (required, and missing here)"
    return unknown(replacement=fix if fix == suggested else None, help=(help,)), suggested


def _named(words: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return which of these names each of the words stands for."""
    return {word: name for name in names for word in words.get(name, "").split()}
