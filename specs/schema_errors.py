"""Departures from the grammar: each reported at its line in the language's own words, and mended or left as a
placeholder, so that the rest of the spec can be checked in the same run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from speczoo.specs.copying import unshared
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import Document
from speczoo.specs.entry import Entry, repeated
from speczoo.specs.grammar import NAME, Grammar
from speczoo.specs.keys import Model, instead, is_model, key_at, keys, kinds_at, model_at
from speczoo.specs.limits import DEFAULT
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.schema_help import OWN, intended, intended_by_key, words
from speczoo.specs.spec import Block, Spec
from speczoo.specs.suggestions import certain, did_you_mean, given_already, nearest, spelling, unqualified
from speczoo.specs.value_kinds import at, could_be, placed
from speczoo.specs.wording import listed, printable, printed

ROUNDS = 10  # what is mended may uncover what is wrong around it
PLACEHOLDER = {"op": "ReLU"}


def mend(error: ValidationError, document: Document, report: Report) -> Spec | None:
    """Report what is wrong, and return the Spec with placeholders there; None where nothing can be made of it."""
    work = _Work(document)
    for _ in range(ROUNDS):
        details = error.errors(include_url=False)
        for problem in work.round(details[: DEFAULT.mistakes]):
            diagnostic = problem.located(document)
            report.add(diagnostic if problem.loc else replace(diagnostic, span=document.span(())))
        if len(details) > DEFAULT.mistakes:
            return None
        try:
            spec = Spec.model_validate(work.data)
        except ValidationError as again:
            error = again
            continue
        spec._placeholders = frozenset(work.placeholders)
        return spec
    return None


class _Work:
    """The data of a document being mended. Paths stay those of the document: a mended key is known there too.

    What yields problems mends as well, once it is read to its end.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.data: dict[str, Any] = unshared(document.data)
        self.placeholders: set[Loc] = set()
        self.guessed: set[Loc] = set()  # where something stands under the name that it was probably intended to have

    def round(self, details: list[ErrorDetails]) -> Iterator[Problem]:
        located = [
            (detail, placed(self.data, detail["loc"], missing=detail["type"] == "missing")) for detail in details
        ]
        missing = [path for detail, path in located if detail["type"] == "missing"]
        before = set(self.guessed)
        inputs: list[Loc] = [] if {"input", "inputs"} & set(self.data) else [("input",), ("inputs",)]
        for detail, path in located:
            if detail["type"] == "extra_forbidden":
                yield from self.extra(path, [*missing, *inputs])
        if not {"input", "inputs"} & set(self.data):
            missing.append(("input",))
        groups: dict[Loc, list[str]] = {}
        for path in dict.fromkeys(missing):
            if path not in self.guessed:
                groups.setdefault(path[:-1], []).append(str(path[-1]))
        for parents, names in groups.items():
            free = []
            for name in names:
                if (problem := self.misspelt(parents, (name,))) is not None:
                    yield problem
                else:
                    free.append(name)
            if free:
                yield self.missing(parents, free)
        reported = {*missing, *(self.guessed - before)}
        # of several ways to say a thing, the one that was nearly written is reported
        deeper = {path[:n] for path in (*reported, *(path for _, path in located)) for n in range(len(path))}
        # and of several complaints about it, the one that a model has words for
        for detail, path in sorted(located, key=lambda each: each[0]["type"] not in OWN):
            if detail["type"] in ("extra_forbidden", "missing") or path in reported or path in deeper:
                continue
            reported.add(path)
            if path in before:
                self.placeholder(path)  # the guess was wrong
            else:
                yield from self.wrong(detail, path)

    def extra(self, path: Loc, missing: list[Loc]) -> Iterator[Problem]:
        """Report a key that is not in the grammar; where it is nearly one that is missing or free, it is taken for
        that.
        """
        parents, last = path[:-1], path[-1]
        holder, model = self._at(parents), _model(parents)
        if not isinstance(holder, dict) or last not in holder:
            return
        word, value, known = str(last), holder.pop(last), list(keys(model))
        if model is Block and word == "input":
            help = "a block takes what flows in, of any shape; where it takes several values, `inputs` names them"
            yield Problem("unknown-key", "a block has no `input`", path, key=True, help=(help,))
            return
        needed = [str(p[-1]) for p in missing if p[:-1] == parents]
        one_of = ("input", "inputs") if {"input", "inputs"} & holder.keys() else ()
        free = [k for k in known if k not in holder and k not in one_of]
        likely = _Likely.of(model, word, value, needed, free)
        suggested = likely.key
        if suggested is None and model is Spec and isinstance(value, int | float | str) and word.isidentifier():
            help = f"if it is a parameter, it stands under `params`: `params: {{{word}: {printed(value)}}}`"
            yield Problem("unknown-key", f"there is no `{word}` here", path, key=True, help=(help,))
            if isinstance(params := holder.setdefault("params", {}), dict):
                params.setdefault(word, value)
            return
        message = f"there is no `{printable(last)}` here"
        if suggested is None or suggested not in free:
            other = given_already(suggested) if suggested is not None else did_you_mean(word, known, limit=16)
            yield Problem("unknown-key", message, path, key=True, help=other)
            return
        replacement = suggested if likely.certain else None
        yield Problem("unknown-key", message, path, key=True, help=likely.help, replacement=replacement)
        if not likely.needed and any(key in ("inputs", "outputs") for key in parents):
            return  # a guess at what flows in or out would be reported again wherever it flows
        holder[suggested] = value
        self.document.also(path, suggested)
        self.guessed.add((*parents, suggested))

    def missing(self, parents: Loc, names: list[str]) -> Problem:
        words = f"{listed(names)} {'is' if len(names) == 1 else 'are'} missing"
        known = keys(_model(parents))
        help = tuple(f"`{name}` is {known[name].holds}" for name in names if name in known)
        for name in names:
            self.placeholder((*parents, name))
        return Problem("missing-argument", words, parents, key=isinstance((*parents, 0)[-1], str), help=help)

    def wrong(self, detail: ErrorDetails, path: Loc) -> Iterator[Problem]:
        kind, context = detail["type"], detail.get("ctx") or {}
        if any(
            placeholder[: len(path)] == path or placeholder == path[: len(placeholder)]
            for placeholder in self.document.placeholders
            if path
        ):
            self.placeholder(path)  # reported already, by who read the text
            return
        alone = kind == "entry_kind" and context["key"] == "do"
        if alone and (misspelt := self.misspelt(path, sorted(Entry.BESIDE_DO)) or self.repeated(path)):
            yield misspelt
            return
        if kind in ("entry_kind", "entry_extra"):
            code = "bad-value" if kind == "entry_kind" else "unknown-key"
            help = self.no_module(path) if context["key"] == "layers" else ()
            yield Problem(code, detail["msg"], (*path, str(context["key"])), key="value" not in context, help=help)
        elif kind == "entry_empty":
            yield self.no_op(path, detail["msg"])
            return
        elif kind == "missing_input":  # it is there, and says nothing
            path = ("input",) if "input" in self.data else ("inputs",)
            yield Problem("bad-value", f"`{path[0]}` is {keys(Spec)[str(path[0])].holds}; not nothing", path)
        elif kind == "inputs":
            path, marks = ("inputs",), [Mark(("input",), "and here", key=True)]
            yield Problem("bad-value", detail["msg"] + ", not both", path, key=True, marks=marks)
        elif kind == "too_short" and path:
            yield Problem("bad-value", f"`{path[-1]}` is empty", path)
        else:
            of_key = detail["loc"][-1:] == ("[key]",)
            help, replacement = (intended_by_key(path), None) if of_key else intended(path, detail.get("input"))
            help = () if kind == "version" else help  # the message says it
            yield Problem("bad-value", words(detail, path), path, key=of_key, help=help, replacement=replacement)
            if of_key and _entry(path) is None:
                self._drop(path)
                self.placeholders.add(path)
                return
        self.placeholder(path)

    def no_op(self, path: Loc, message: str) -> Problem:
        """Report an entry that is nothing: its `op` is misspelt, called by another name, or not there."""
        there = self._at(path)
        splices = isinstance(there, dict) and not Entry.BESIDE_DO.isdisjoint(there)
        misspelt = self.misspelt(path, [kind for kind in Entry.KINDS if splices or kind != "do"])
        if misspelt is not None:
            return misspelt
        name = next((key for key in there or () if key[:1].isupper()), "NAME") if isinstance(there, dict) else "NAME"
        inside = there.get(name) if isinstance(there, dict) else None
        help = "write `- {op: NAME}`, or remove the `-`"
        if isinstance(inside, dict) and inside:
            help = f"write `{{op: {printable(name)}{''.join(f', {printable(key)}: ...' for key in list(inside)[:3])}}}`"
        elif there:
            help = f"write `op: {printable(name)}`"
        self.placeholder(path)
        return Problem("missing-argument", message, path, help=(help,))

    def misspelt(self, path: Loc, names: Collection[str]) -> Problem | None:
        """Return the problem with a key at `path` that can only be one of these names, missing there; it is renamed."""
        holder, model = self._at(path), _model(path)
        aliases = instead(model, names)
        for key, value in holder.items() if isinstance(holder, dict) else ():
            suggested = nearest(key, names, aliases=aliases) if key not in keys(model) else None
            if suggested is None or not could_be(model, suggested, value):
                continue
            only = suggested == certain(key, names, aliases=instead(model, names, certain=True))
            holder[suggested] = holder.pop(key)
            self.document.also((*path, key), suggested)
            self.guessed.add((*path, suggested))
            return Problem(
                "unknown-key",
                f"there is no `{printable(key)}` here",
                (*path, key),
                key=True,
                help=(f"did you mean `{suggested}`? (required, and missing here)",),
                replacement=suggested if only else None,
            )
        return None

    def no_module(self, path: Loc) -> tuple[str, ...]:
        """Return the help for an op with `layers` inside, which elsewhere is a module that holds others."""
        op = at(self.data, (*path, "op"))
        if not isinstance(op, str):
            return ()
        if spelling(unqualified(op)) in ("sequential", "modulelist"):
            return ("leave `op` out: a list of `layers` is an nn.Sequential",)
        return ("leave `op` out: it is a group then; a list with a name is a block, under `blocks`",)

    def repeated(self, path: Loc) -> Problem | None:
        """Return the problem with a number of repetitions beside a `do`, which becomes a loop."""
        holder = self._at(path)
        for key, value in holder.items() if isinstance(holder, dict) else ():
            if key not in keys(Entry) and (help := repeated(key, value)):
                del holder[key]
                holder["for"] = {"_": f"1..{value}"}
                self.guessed.add((*path, "for"))
                return Problem("unknown-key", f"there is no `{key}` here", (*path, key), key=True, help=(help,))
        return None

    def placeholder(self, path: Loc) -> None:
        """Put something harmless in place of the least part around `path` that makes sense, and remember where."""
        entry = _entry(path)
        if entry is not None and entry[0] in ("layers", "blocks"):
            before = self._at(entry)
            named = before.get("id") if isinstance(before, dict) else None
            self._set(entry, PLACEHOLDER | ({"id": named} if isinstance(named, str) else {}))
            self.placeholders.add(entry)
            return
        if not path:
            return
        base = path[:2] if path[:1] in (("blocks",), ("variants",)) and len(path) > 2 else ()
        here = path[: len(base) + 1]
        section = str(here[-1])
        item = path[: len(here) + 1]
        if path[:1] == ("blocks",) and path != ("blocks",) and (not base or section == "layers"):
            self._set(path[:2], {**(self._at(base) if base else {}), "layers": [PLACEHOLDER]})
            here = path[:2]
        elif here == ("layers",):
            self.data["layers"] = [PLACEHOLDER]
            self.placeholders.add(("layers", 0))
        elif section in ("spec", "name"):
            self.data[section] = {"spec": 1, "name": "spec"}[section]
            return
        elif (
            (make := _ITEMS.get((*map(str, base[:1]), section)))
            and len(item) > len(here)
            and isinstance(self._at(here), list)
        ):
            self.item(item, make)
            return
        elif here == ("input",) or here == ("inputs",):
            if section == "inputs" or not isinstance(self.data.get("input"), (list, str)):
                self.placeholders.add(("inputs",))  # what they are called is unknown, too
            self.data.pop("inputs", None)
            self.data["input"] = [1]
            here = ("input",)
        elif section == "params" and len(item) > len(here) and base[:1] != ("variants",):
            self._set(item, None)
            here = item
        elif len(item) > len(here) and _can_go(item):
            self._drop(item)
            here = item
        else:
            self._drop(here)
        self.placeholders.add(here)

    def item(self, path: Loc, make: Callable[[dict[str, Any], str], Any]) -> None:
        """Put what can stand for it in place of an item; its name stays, where that can be read."""
        there = self._at(path)
        name = there.get("id") if isinstance(there, dict) else there if path[-2] == "inputs" else None
        if not isinstance(name, str) or not re.fullmatch(NAME, name) or len(name) > 100:
            name = f"_{path[-1]}"
            self.placeholders.add((*path, "id"))
        self._set(path, make(there if isinstance(there, dict) else {}, name))
        self.placeholders.add(path)

    def _at(self, path: Loc) -> Any:
        return at(self.data, path)

    def _set(self, path: Loc, value: Any) -> None:
        holder = self._at(path[:-1])
        if isinstance(holder, dict) or (isinstance(holder, list) and path[-1] in range(len(holder))):
            holder[path[-1]] = value  # type: ignore[index]

    def _drop(self, path: Loc) -> None:
        holder = self._at(path[:-1])
        if isinstance(holder, dict):
            holder.pop(path[-1], None)


#: What stands for an item of a list that is wrong: of the item as it is, if it is a mapping, and its name.
_ITEMS: dict[tuple[str, ...], Callable[[dict[str, Any], str], Any]] = {
    ("inputs",): lambda there, name: {"id": name, "shape": [1]},
    ("blocks", "inputs"): lambda there, name: name,
    ("outputs",): lambda there, name: {"id": name, "from": "input"},
    ("blocks", "outputs"): lambda there, name: {"id": name, "from": "input"},
    ("init",): lambda there, name: {**there, "match": "**"},
    ("freeze",): lambda there, name: "**",
}


class _Likely(NamedTuple):
    """The key that one which is not in the grammar was probably intended to be, and the help that says so: whether it
    is missing, and whether no other could be intended, for a value that fits it.
    """

    key: str | None
    help: tuple[str, ...] = ()
    needed: bool = False
    certain: bool = False

    @classmethod
    def of(cls, model: Model, word: str, value: Any, needed: Sequence[str], free: Sequence[str]) -> _Likely:
        """Return it for a word with this value, where some keys are needed, and some free."""
        needed = [k for k in needed if could_be(model, k, value)] or needed
        fitting = [k for k in free if could_be(model, k, value)]
        key = (
            nearest(word, needed, aliases=instead(model, needed))
            or instead(model, fitting).get(word.lower())
            or nearest(word, known := list(keys(model)), aliases=instead(model, known))
        )
        if key is None or key not in free:
            return cls(key)
        required = " (required, and missing here)" if key in needed else ""
        holds = "" if key in fitting else f" It is {keys(model)[key].holds}"
        only = word not in keys(model)[key].perhaps and key == certain(word, free, aliases=instead(model, [key]))
        return cls(key, (f"did you mean `{key}`?{required}{holds}",), key in needed, key in fitting and only)


def _model(path: Loc) -> Model:
    """Return the model of the mapping at a path; one without keys where the grammar has none there."""
    return model_at(Spec, path) or Grammar


def _entry(path: Loc) -> Loc | None:
    """Return the innermost entry around a path."""
    ends = (end for end in range(len(path), 0, -1) if isinstance(path[end - 1], int))
    return next((path[:end] for end in ends if model_at(Spec, path[:end]) is Entry), None)


def _can_go(path: Loc) -> bool:
    """Return whether the rest makes sense without the key at this path."""
    key, around = key_at(Spec, path), kinds_at(Spec, path[:-1])
    return not key.required if key else any(is_model(kind) or get_origin(kind) is dict for kind in around)
