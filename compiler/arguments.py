"""The arguments of a layer against its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import ValidationError

from speczoo.compiler.layer import FLOAT32_MAX, Layer
from speczoo.compiler.unknown import UNKNOWN
from speczoo.compiler.unknown_arguments import unknown_argument
from speczoo.specs.foreign_values import Reading, is_nothing, readings
from speczoo.specs.problem import Problem
from speczoo.specs.suggestions import certain, nearest
from speczoo.specs.value_kinds import at, placed
from speczoo.specs.wording import listed, printed


def argument_problems(
    layer: type[Layer], error: ValidationError, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Iterator[tuple[Problem, str | None]]:
    """Yield pydantic's complaints about a layer's arguments, one for each argument that is known, whose name begins its
    place; and the argument that was probably intended by a name that is none. `defaults` are what arguments are that an
    entry leaves out, as far as the spec says it.
    """
    fields = list(layer.model_fields)
    details = error.errors(include_url=False)
    missing = [str(d["loc"][0]) for d in details if d["type"] == "missing" and len(d["loc"]) == 1]
    reported: set[str] = set()
    for detail in details:
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] != "extra_forbidden":
            continue
        problem, intended = unknown_argument(f"{layer.op} has no", name, fields, given, missing)
        if not _accepts(layer, given, name, problem.replacement):
            problem = replace(problem, replacement=None)
        yield problem, intended
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
        problem = _bad(layer, given, name, path, f"`{name}: {printed(given.get(name))}` {wanted}", defaults)
        yield replace(problem, key=bool(path) and inside[path]["loc"][-1] == "[key]"), None


def _accepts(layer: type[Layer], given: Mapping[str, Any], name: str, intended: str | None) -> bool:
    """Return whether what is given under one name may stand under another."""
    if intended not in layer.model_fields or given[name] is UNKNOWN:
        return True
    try:
        layer.model_validate({**{k: v for k, v in given.items() if k != name}, intended: given[name]})
    except ValidationError as error:
        return all(detail["loc"][:1] != (intended,) for detail in error.errors(include_url=False))
    return True


def _with(value: Any, path: Sequence[str | int], new: Any) -> Any:
    """Return the value with `new` at the end of the path."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(copy[path[0]], path[1:], new)
    return copy


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


def _bad(
    layer: type[Layer],
    given: Mapping[str, Any],
    name: str,
    path: tuple[str | int, ...],
    message: str,
    defaults: Mapping[str, Any],
) -> Problem:
    """Return the problem of a value that the argument does not take; where it nearly does, with what was intended."""
    wrong = at(given.get(name), path)
    if is_nothing(wrong) and not path and (help := _without(layer, name, wrong, defaults)):
        return Problem("bad-value", message, (name,), help=(help,))
    for text, value, certainly in (*readings(wrong), *_words(layer, name, wrong)):
        try:
            layer.model_validate({**given, name: _with(given.get(name), path, value)})
        except ValidationError as error:
            if any(d["loc"][:1] == (name,) for d in error.errors(include_url=False)):
                continue
        help = f"write `{text}`" if path else f"write `{name}: {text}`"
        return Problem("bad-value", message, (name, *path), help=(help,), replacement=text if certainly else None)
    return Problem("bad-value", message, (name, *path))


def _without(layer: type[Layer], name: str, wrong: Any, defaults: Mapping[str, Any]) -> str:
    """Return what to do where nothing is given to an argument that takes no null; empty where it takes that."""
    field = layer.model_fields[name]
    if field.is_required():
        return f"it must be written, for example `{name}: {_EXAMPLES.get(name, '...')}`"
    if name in layer.derives:
        return f"leave `{name}` out: it follows from what flows in"
    if name in defaults:
        return f"leave `{name}` out for the `{printed(defaults[name])}` of `defaults`; `{name}: null` is without that"
    if field.default is None:
        return ""
    off = f"; `{name}: false` is without" if field.default is True else ""
    return f"leave `{name}` out: it is `{printed(field.default)}` then{off}"


def _words(layer: type[Layer], name: str, value: Any) -> Iterator[Reading]:
    """Yield the word of an argument that may be intended."""
    schema = _schema(layer).get(name, {}) if isinstance(value, str) else {}
    options = [
        o for option in (schema, *schema.get("anyOf", ())) for o in (*option.get("enum", ()), option.get("const"))
    ]
    words = [o for o in options if isinstance(o, str)]
    if suggested := nearest(str(value), words):
        yield Reading(suggested, suggested, suggested == certain(str(value), words))


def _wanted(layer: type[Layer], name: str, detail: Any) -> str:
    """Return what this argument takes, in words, from its JSON schema."""
    kind = detail["type"]
    ctx = detail.get("ctx") or {}
    if kind in ("value_error", "assertion_error"):
        return f"is refused: {ctx.get('error', detail['msg'])}"
    return f"is not {taken(layer, name, number='_than' in kind)}"


def taken(layer: type[Layer], name: str, *, number: bool = True) -> str:
    """Return what an argument takes, in words: "an integer of at least 1 or a list of 2 numbers". `number`: whether
    bounds that are float32's own are stated.
    """
    return _kinds(_schema(layer).get(name, {}), number)


@cache
def _schema(layer: type[Layer]) -> Mapping[str, Any]:
    """Return the JSON schemas of a layer's arguments."""
    return layer.model_json_schema()["properties"]  # type: ignore[no-any-return]


def _kinds(schema: Mapping[str, Any], number: bool) -> str:
    """Return what a schema takes, in words; `number`: where what was given is one, of the wrong size."""
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
    if "pattern" in schema:
        return "an expression"
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
