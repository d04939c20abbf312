"""Arguments against what takes them: a layer's fields, or the parameters that a block or spec declares."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from speczoo.compiler.layer import FLOAT32_MAX, Layer
from speczoo.compiler.scope import FLOW, Scope, expression_problem
from speczoo.compiler.synonyms import ARGUMENTS, ARGUMENTS_ASKED, ARGUMENTS_ELSEWHERE
from speczoo.compiler.unknown import UNKNOWN, UnknownRead
from speczoo.specs.expression import METER, ExpressionError, Template, UnknownName, evaluate
from speczoo.specs.keys import instead, keys
from speczoo.specs.limits import DEFAULT
from speczoo.specs.problem import Problem, ProblemError
from speczoo.specs.spec import TYPES, Entry, Param
from speczoo.specs.suggestions import certain, did_you_mean, nearest, said_already, spelling
from speczoo.specs.value_kinds import at, could_be, placed
from speczoo.specs.wording import listed, printable


class Intended(NamedTuple):
    """What a misspelt argument was meant to be: surely, in words, and probably."""

    replacement: str | None = None
    help: tuple[str, ...] = ()
    near: str | None = None


def argument_problems(
    layer: type[Layer], error: ValidationError, given: Mapping[str, Any]
) -> Iterator[tuple[Problem, str | None]]:
    """pydantic's complaints about a layer's arguments, one for each argument that is known, whose name begins its
    place; and the argument that a name which is none was probably meant to be."""
    fields = list(layer.model_fields)
    details = error.errors(include_url=False)
    missing = [str(d["loc"][0]) for d in details if d["type"] == "missing" and len(d["loc"]) == 1]
    reported: set[str] = set()
    for detail in details:
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] != "extra_forbidden":
            continue
        suggested = intended(name, fields, given, missing)
        message = f"{layer.op} has no `{printable(name)}`"
        fix = suggested.replacement if _accepts(layer, given, name, suggested.replacement) else None
        yield (
            Problem("unknown-argument", message, (name,), key=True, help=suggested.help, replacement=fix),
            suggested.near,
        )
    if missing:
        message = f"{layer.op} needs {listed(missing)}"
        yield Problem("missing-argument", message, (missing[0],), help=(_example(layer, missing),)), None
    for detail in details:
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if (detail["type"] in ("missing", "extra_forbidden") and len(detail["loc"]) == 1) or name in reported:
            continue
        if given.get(name) is UNKNOWN:
            continue
        reported.add(name)
        wanted = _wanted(layer, name, detail)
        inside = {placed(given.get(name), d["loc"][1:]): d for d in details if d["loc"][:1] == (name,)}
        path = next(filter(None, inside), ())
        problem = _bad(layer, given, name, path, f"`{name}: {printed(given.get(name))}` {wanted}")
        yield replace(problem, key=bool(path) and inside[path]["loc"][-1] == "[key]"), None


def _accepts(layer: type[Layer], given: Mapping[str, Any], name: str, meant: str | None) -> bool:
    """Whether what is given under one name may stand under another."""
    if meant not in layer.model_fields or given[name] is UNKNOWN:
        return True
    try:
        layer.model_validate({**{k: v for k, v in given.items() if k != name}, meant: given[name]})
    except ValidationError as error:
        return all(detail["loc"][:1] != (meant,) for detail in error.errors(include_url=False))
    return True


def _with(value: Any, path: Sequence[str | int], new: Any) -> Any:
    """The value with `new` at the end of the path."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(copy[path[0]], path[1:], new)
    return copy


def intended(
    name: str, known: Collection[str], given: Mapping[str, Any], missing: list[str], *, chosen: bool = False
) -> Intended:
    """What a misspelt argument was meant to be; `chosen`: the names are those that an author declared. What it stands
    for is missing no more."""
    if isinstance(inside := given[name], Mapping) and (nested := [k for k in known if k in inside]):
        missing[:] = [k for k in missing if k not in inside]
        return Intended(help=(f"write {listed(nested)} beside `op`, not inside `{printable(name)}`",))
    free = [k for k in known if k not in given]
    needs, how = ARGUMENTS_ELSEWHERE.get(spelling(name), (None, ""))
    if how and (needs in known or (needs is None and nearest(name, free) is None)):
        return Intended(help=(how,))
    synonyms = {} if chosen else _named(ARGUMENTS, free)
    asked = {**_named(ARGUMENTS_ASKED, free), **_named(ARGUMENTS_ASKED, missing)}.get(spelling(name))
    suggested = synonyms.get(spelling(name)) or nearest(name, missing) or (asked if asked in missing else None)
    suggested = suggested or nearest(name, known) or asked
    if suggested in given and certain(name, known, chosen=chosen) == suggested:
        return Intended(help=said_already(str(suggested)))
    if suggested in given:
        suggested = nearest(name, free) or asked
    beside = [k for k in Entry.beside("op") if could_be(Entry, k, given[name])]
    words = instead(Entry, beside if suggested is None else (), certain=True)
    fix = certain(name, free, aliases=synonyms, chosen=chosen)
    if fix is None and (structural := certain(name, beside, aliases=words)):
        return Intended(structural, (f"did you mean `{structural}`?",))
    if suggested is None and (structural := nearest(name, beside, aliases=instead(Entry, beside))):
        return Intended(help=(f"did you mean `{structural}`?",))
    if suggested is None and (structural := instead(Entry, Entry.beside("op")).get(name.lower())):
        return Intended(help=(f"did you mean `{structural}`? It is {keys(Entry)[structural].holds}",))
    sizes = isinstance(given[name], int | list | tuple) and not isinstance(given[name], bool)
    if suggested is None and sizes and len(missing) == 1 and len(given.keys() - known) == 1:
        suggested = missing[0]  # one is missing, and one is too many
    if suggested is None:
        return Intended(help=did_you_mean(name, known, limit=16))
    help = f"did you mean `{suggested}`?"
    if suggested in missing:
        missing.remove(suggested)
        help += " (required, and missing here)"
    return Intended(fix if fix == suggested else None, (help,), suggested)


def _named(words: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Which of these names each of the words stands for."""
    return {word: name for name in names for word in words.get(name, "").split()}


_EXAMPLES = {
    "out_channels": 64,
    "kernel_size": 3,
    "out_features": 10,
    "output_size": 1,
    "num_heads": 8,
    "num_groups": 32,
}


def _example(layer: type[Layer], missing: list[str]) -> str:
    arguments = ", ".join(f"{name}: {_EXAMPLES.get(name, '...')}" for name in missing)
    return f"for example `{{op: {layer.op}, {arguments}}}`"


def printed(value: Any) -> str:
    """A value in the spec's own words, shortened."""
    text = (
        repr(value)
        if isinstance(value, str)
        else str(value).replace("True", "true").replace("False", "false").replace("None", "null")
    )
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 60 else text[:57] + "..."


def _bad(layer: type[Layer], given: Mapping[str, Any], name: str, path: tuple[str | int, ...], message: str) -> Problem:
    """A value that is not what the argument takes; where it nearly is, with what it was meant to be."""
    wrong = at(given.get(name), path)
    near, sure = _word(layer, name, wrong)
    readings = _readings(wrong)
    for text in (*readings, *near):
        try:
            layer.model_validate({**given, name: _with(given.get(name), path, _read(text))})
        except ValidationError as error:
            if any(d["loc"][:1] == (name,) for d in error.errors(include_url=False)):
                continue
        help = (f"write `{text}`" if path else f"write `{name}: {text}`",)
        replacement = text if text in readings or text == sure else None
        return Problem("bad-value", message, (name, *path), help=help, replacement=replacement)
    return Problem("bad-value", message, (name, *path))


_DIGITS = re.compile(r"-?[1-9][0-9]{0,8}|0|-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,9}")


def _read(text: str) -> Any:
    if _DIGITS.fullmatch(text):
        return float(text) if "." in text else int(text)
    return {"true": True, "false": False}.get(text, text)


def _word(layer: type[Layer], name: str, value: Any) -> tuple[list[str], str | None]:
    """Of the words that an argument takes, the one that is nearly the one given, and the one that it can only be."""
    schema = layer.model_json_schema()["properties"].get(name, {}) if isinstance(value, str) else {}
    options = [
        o for option in (schema, *schema.get("anyOf", ())) for o in (*option.get("enum", ()), option.get("const"))
    ]
    words = [o for o in options if isinstance(o, str)]
    suggested = nearest(str(value), words)
    return [suggested] if suggested else [], certain(str(value), words)


def _readings(value: Any) -> list[str]:
    """What a value of the wrong type may have been meant to be: `"64"` and `64.0` are 64, 1 is true."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false", "yes", "no", "on", "off"):
        return ["true" if value.strip().lower() in ("true", "yes", "on") else "false"]
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return [value.strip()]
    if isinstance(value, float) and value == int(value) and abs(value) < 1e9:
        return [str(int(value))]
    if type(value) is int and value in (0, 1):
        return ["true" if value else "false"]
    return []


def _wanted(layer: type[Layer], name: str, detail: Any) -> str:
    """What this argument takes, in words, from its JSON schema."""
    kind = detail["type"]
    ctx = detail.get("ctx") or {}
    if kind in ("value_error", "assertion_error"):
        return f"is refused: {ctx.get('error', detail['msg'])}"
    schema = layer.model_json_schema()["properties"].get(name, {})
    return f"is not {_kinds(schema, number='_than' in kind)}"


def _kinds(schema: Mapping[str, Any], number: bool) -> str:
    """What a schema takes, in words; `number`: where what was given is one, of the wrong size."""
    if "anyOf" in schema:
        kinds = []
        for option in schema["anyOf"]:
            words = _kinds(option, number)
            if words not in kinds:
                kinds.append(words)
        return " or ".join(kinds)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{v}`" for v in schema["enum"])
    bounds = ""
    if schema.get("maximum") == FLOAT32_MAX:
        bounds = " that float32 holds" if number else ""
    elif "minimum" in schema and "maximum" in schema:
        bounds = f" from {schema['minimum']:g} to {schema['maximum']:g}"
    elif "minimum" in schema:
        bounds = f" of at least {schema['minimum']:g}"
    elif "exclusiveMinimum" in schema:
        bounds = f" above {schema['exclusiveMinimum']:g}"
    kind = schema.get("type")
    if kind == "array":
        count = schema.get("minItems")
        if count == schema.get("maxItems") == 1:
            return "a list of one number"
        return f"a list of {count} numbers" if count and count == schema.get("maxItems") else "a list of numbers"
    return _TYPES.get(str(kind), "what it takes") + bounds


_TYPES = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
    "object": "a mapping",
}


# -- parameters of blocks and specs -----------------------------------------------------------------------------

MANY = 12  # parameters of a cycle that are shown


def bind(
    declared: Mapping[str, Param],
    given: Mapping[str, Any],
    outer: Mapping[str, Any],
    owner: str,
    placeholders: Collection[str] = (),
    work: int = DEFAULT.work,
) -> tuple[dict[str, Any], list[Problem]]:
    """Values for all declared parameters, in the order declared; UNKNOWN where one is wrong or among `placeholders`.
    And what is wrong, each problem placed at a parameter's name, or nowhere where parameters are missing.

    A default may be an expression over the parameters before it and over `outer`. After the most mistakes that are
    reported, and after so much `work`, all others are UNKNOWN.
    """
    METER.spent += 3 * len(declared)
    most = METER.spent + work
    problems: list[Problem] = []
    missing = [n for n, p in declared.items() if p.required and n not in given and n not in placeholders]
    for name in islice((n for n in given if n not in declared and n not in placeholders), DEFAULT.mistakes):
        suggested = intended(name, declared, given, missing, chosen=True)
        message = f"{owner} has no parameter `{printable(name)}`"
        meant = suggested.replacement
        refused = meant in declared and fits(declared[str(meant)], given[name])[1]
        fix = None if refused and given[name] is not UNKNOWN else meant
        problems.append(Problem("unknown-argument", message, (name,), key=True, help=suggested.help, replacement=fix))
        placeholders = {*placeholders, *(n for n in declared if n not in given)}  # what was meant by it is unknown
    if missing:
        types = ", ".join(f"`{name}: {declared[name].type}`" for name in missing)
        help = (f"declared as {types}",)
        problems.append(Problem("missing-argument", f"{owner} needs {listed(missing)}", help=help))
    scope = dict(outer)
    most_problems = len(problems) + DEFAULT.mistakes
    for name in declared:
        if len(problems) >= most_problems or name in placeholders or METER.spent > most:
            scope[name] = UNKNOWN
            continue
        try:
            scope[name] = _value(name, declared, given, scope)
        except ProblemError as error:
            problems.append(error.problem)
            scope[name] = UNKNOWN
        if METER.spent > most:
            message = f"the parameters up to `{name}` take more than {work:,} operations"
            problems.append(Problem("limit-exceeded", message, (name,)))
    return {name: scope[name] for name in declared}, problems


def _value(name: str, declared: Mapping[str, Param], given: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
    """The value of one parameter; UNKNOWN where it hangs on what is. Raises ProblemError."""
    param = declared[name]
    if name in FLOW:
        message = f"`{name}` cannot be a parameter: the language has that name"
        raise ProblemError(Problem("bad-value", message, (name,), key=True))
    if name not in given and param.required:
        return UNKNOWN
    value = given[name] if name in given else _default(name, declared, given, scope)
    if value is UNKNOWN:
        return UNKNOWN
    checked, wrong = fits(param, value)
    if wrong:
        word = param.default if param.type == "str" and not isinstance(param.written, dict) else ""
        type = nearest(str(word), TYPES)
        help = (f"`{name}: {word}` declares a text; did you mean the type `{type}`?",) if type else ()
        raise ProblemError(Problem("bad-value", f"`{name}: {printed(value)}` {wrong}", (name,), help=help))
    return checked


def _default(name: str, declared: Mapping[str, Param], given: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
    """What the default of a parameter comes out as; UNKNOWN where it reads what is. Raises ProblemError."""
    try:
        return evaluate(declared[name].default, Scope(scope))
    except UnknownRead:
        return UNKNOWN
    except ExpressionError as error:
        problem = expression_problem(error, (name,))
        if isinstance(error, UnknownName) and error.unknown in declared:
            early = _too_early(name, str(error.unknown), declared, given, scope)
            if early is None:
                return UNKNOWN
            problem = early
    message = f"the default of `{name}`: {problem.message}"
    raise ProblemError(Problem(problem.code, message, (name,), help=problem.help))


def _too_early(
    name: str, wanted: str, declared: Mapping[str, Param], given: Collection[str], scope: Mapping[str, Any]
) -> Problem | None:
    """Why a default cannot read a parameter that is not before it; None for a loop that is reported where it begins."""
    by: dict[str, str] = {wanted: name}  # what reads each
    for needing in (found := [wanted]):
        METER.spent += 1
        for needed in sorted(_reads(declared[needing].default) & declared.keys()) if needing not in given else ():
            if needed not in by:
                by[needed] = needing
                found.append(needed)
    if name not in by:
        message = f"`{wanted}` comes later, and a default reads only the parameters before it"
        return Problem("unknown-param", message, help=(f"declare `{wanted}` before `{name}`",))
    way = [name, by[name]]
    while way[-1] != name:
        way.append(by[way[-1]])
    around = set(way)
    if scope.get(next(n for n in declared if n in around)) is UNKNOWN:
        return None
    shown = way if len(way) <= MANY else [*way[:2], "...", *way[-3:]]
    return Problem("cycle", f"it needs itself: {' -> '.join(reversed(shown))}")


def _reads(default: Any) -> set[str]:
    """The names in a default's expressions."""
    if isinstance(default, (list, dict)):
        return set().union(*map(_reads, default.values() if isinstance(default, dict) else default))
    try:
        names = Template.of(default).names if isinstance(default, str) else ()
    except ExpressionError:
        names = ()
    return {name.partition(".")[0] for name in names}


def holds_mapping(value: Any) -> bool:
    """Whether a mapping is in it: no expression can look into one, and no argument of a class is one."""
    return isinstance(value, dict) or (isinstance(value, list | tuple) and any(map(holds_mapping, value)))


def fits(param: Param, value: Any) -> tuple[Any, str | None]:
    """The value as the parameter's type has it (an int is a float where one is wanted), or why it is none."""
    kind = param.type
    if (value is None and not param.required and param.default is None) or (value is None and kind == "op"):
        return None, None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    integer = number and isinstance(value, int)
    sizes = isinstance(value, (list, tuple)) and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
    good = {
        "int": integer,
        "float": number,
        "bool": isinstance(value, bool),
        "str": isinstance(value, str),
        "op": isinstance(value, str),
        "list": isinstance(value, (list, tuple)),
        "pair": integer or (sizes and len(value) == 2),
        "shape": sizes,
        None: True,
    }[kind]
    if not good:
        words = {
            "int": "an integer",
            "float": "a number",
            "bool": "true or false",
            "str": "text",
            "op": "the name of an op",
            "list": "a list",
            "pair": "an integer or a list of two",
            "shape": "a list of sizes",
        }
        return value, f"is not {words[str(kind)]}"
    if holds_mapping(value):
        return value, "holds a mapping, which nothing can read"
    if kind == "float" and integer:
        value = float(value)
    if param.choices is not None and not any(type(c) is type(value) and c == value for c in param.choices):
        return value, f"is none of its choices: {', '.join(printed(c) for c in param.choices)}"
    if number and param.min is not None and value < param.min:
        return value, f"is below its least, {param.min}"
    if number and param.max is not None and value > param.max:
        return value, f"is above its most, {param.max}"
    return value, None
