"""The JSON Schema (draft-07) of specs, for editors: completion, hover text and red lines while one types.

The keys are pydantic's, from the models of the grammar; what their validators hold is added here. The arguments of each
op hang on `if`/`then`, since editors report an arbitrary branch of a `oneOf`. What an expression could stand for is a
text with a `$` there. What needs the whole spec (names, shapes) is left to `zoo check`.
"""

from __future__ import annotations

import inspect
import json
import keyword
from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DictSchema, WithDefaultSchema

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.compiler.reference import describe
from speczoo.compiler.reserved_names import LANGUAGE_NAMES, MODULE_NAMES
from speczoo.specs.grammar import TEMPLATE
from speczoo.specs.keys import keys, models
from speczoo.specs.parameter import Param
from speczoo.specs.spec import STRUCTURE, Entry, InitRule, Spec, Weights

Json = dict[str, Any]

EXPRESSION: Json = {"type": "string", "pattern": TEMPLATE}
TEXT: Json = {"type": "string"}


class _Draft7(GenerateJsonSchema):
    """pydantic's schema, with names in the way of draft-07, and no titles or defaults that say nothing."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: WithDefaultSchema) -> Json:
        out = super().default_schema(schema)
        return out if out.get("default") or out.get("default") is False else _without(out, "default")

    def dict_schema(self, schema: DictSchema) -> Json:
        out = super().dict_schema(schema)
        for pattern, value in out.pop("patternProperties", {}).items():
            names = {"pattern": pattern, **out.pop("propertyNames", {})}
            out |= {"propertyNames": names, "additionalProperties": value}
        return out


def schema() -> Json:
    """Return the schema as plain data."""
    grammar = Spec.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Draft7)
    parts: Json = grammar.pop("$defs") | {"Spec": grammar}
    for model in models(Spec):
        part = parts[model.__name__]
        part["properties"] = {name: _about(part["properties"][name], key.help) for name, key in keys(model).items()}
    for model, more in _BEYOND_TYPES.items():
        parts[model.__name__] = more(parts[model.__name__])
    ops = {f"op.{name}": _op(layer) for name, layer in sorted(Layer.registry.items())}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **parts.pop("Spec"),
        "title": "A neural network as a spec",
        "definitions": {**parts, "StrictEntry": _strict_entry(), **ops},
    }


def text() -> str:
    """Return the schema as JSON text, a definition a line."""
    whole = schema()
    definitions = whole.pop("definitions")
    head = json.dumps(whole, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = (f"  {json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in definitions.items())
    return head + ',\n "definitions": {\n' + ",\n".join(lines) + "\n }\n}\n"


# -- what the models say beyond their types -------------------------------------------------------------------------


def _spec(part: Json) -> Json:
    properties = part["properties"]
    for name in ("input", "inputs"):  # one of them is there, and says something
        properties[name] = _not_null(properties[name])
    properties["defaults"]["additionalProperties"] |= {"propertyNames": {"not": {"enum": list(STRUCTURE)}}}
    arguments = properties["defaults"]["additionalProperties"]
    properties["defaults"]["properties"] = {
        name: {"allOf": [_ref(f"op.{name}"), arguments]} for name in sorted(Layer.registry)
    }
    return part | {
        "allOf": [
            {"if": {"required": ["inputs"]}, "then": {"not": {"required": ["input"]}}, "else": {"required": ["input"]}},
            {"if": {"required": ["defaults"]}, "else": _strict_lists()},
        ]
    }


def _param(part: Json) -> Json:
    """Return the schema of a parameter: a type, a default, or the long form."""
    return {"if": {"type": "object"}, "then": part | {"anyOf": [{"required": ["type"]}, {"required": ["default"]}]}}


def _weights(part: Json) -> Json:
    return {"anyOf": [_without(part["properties"]["from"], "description"), part]}


def _init_rule(part: Json) -> Json:
    return part | {"minProperties": 1 + len(part["required"])}


def _entry(part: Json) -> Json:
    properties = {name: _not_null(value) for name, value in part["properties"].items()}
    known = sorted(Layer.registry)
    described = [inspect.getdoc(Layer.registry[name]) or "" for name in known]
    properties["id"]["anyOf"] = [_id(), EXPRESSION]
    properties["op"] = {
        "description": properties["op"]["description"],
        "anyOf": [{"enum": known, "markdownEnumDescriptions": described}, TEXT],
    }
    return part | {
        "properties": properties,
        "anyOf": [{"required": [kind]} for kind in Entry.KINDS],
        "allOf": [
            *(_only(kind) for kind in Entry.KINDS if kind != "op"),
            *(_applies(name) for name in sorted(Layer.registry)),
        ],
    }


_BEYOND_TYPES: dict[type, Callable[[Json], Json]] = {
    Spec: _spec, Param: _param, Weights: _weights, InitRule: _init_rule, Entry: _entry,
}  # fmt: skip


def _id() -> Json:
    taken = sorted({*MODULE_NAMES, *LANGUAGE_NAMES, *keyword.kwlist} - {"half", "double", "float"})
    pattern = r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*$"
    return {"type": "string", "pattern": pattern, "maxLength": 100, "not": {"enum": taken}}


def _only(kind: str) -> Json:
    """Return what stands beside `layers`, `do` and `share`."""
    then: Json = {"properties": {key: {} for key in (kind, *Entry.beside(kind))}, "additionalProperties": False}
    if kind == "do":
        then["anyOf"] = [{"required": [key]} for key in Entry.beside(kind)]
    return {"if": {"required": [kind]}, "then": then}


def _strict_entry() -> Json:
    """Return an entry that says what its op requires."""
    return {
        "allOf": [
            {"properties": {key: _list(_ref("StrictEntry")) for key in Entry.LISTS}},
            *(_requires(name, layer) for name, layer in sorted(Layer.registry.items()) if _required(layer)),
        ]
    }


def _strict_lists() -> Json:
    """Return where nothing is said under `defaults`, every entry says what its op requires."""
    lists = {"layers": _list(_ref("StrictEntry"))}
    return {"properties": {**lists, "blocks": {"additionalProperties": {"properties": lists}}}}


# -- the ops ------------------------------------------------------------------------------------------------------


def _is(op: str) -> Json:
    return {"required": ["op"], "properties": {"op": {"const": op}}}


def _applies(op: str) -> Json:
    return {"if": _is(op), "then": _ref(f"op.{op}")}


def _requires(op: str, layer: type[Layer]) -> Json:
    return {"if": _is(op), "then": {"required": _required(layer)}}


def _required(layer: type[Layer]) -> list[str]:
    return [name for name, field in layer.model_fields.items() if field.is_required()]


def _op(layer: type[Layer]) -> Json:
    structural: Json = {key: {} for key in ("op", *Entry.beside("op"))}
    return {
        "description": inspect.getdoc(layer) or "",
        "properties": {**structural, **_arguments(layer)},
        "additionalProperties": False,
    }


def _arguments(layer: type[Layer]) -> Json:
    fields = layer.model_json_schema().get("properties", {})
    arguments = {name: _argument(field) for name, field in fields.items() if name != "shape"}
    arguments |= dict.fromkeys(layer.references, TEXT)
    return {name: _about(part, describe(layer, name)) for name, part in arguments.items()}


def _argument(field: Json) -> Json:
    """Return a field as an entry may give it: an expression in place of any value, null for torch's default."""
    out = _open({key: value for key, value in field.items() if key not in ("title", "default")})
    options = [*out["anyOf"], {"type": "null"}] if set(out) == {"anyOf"} else [out, {"type": "null"}]
    unique = [option for i, option in enumerate(options) if option not in options[:i]]
    return {"anyOf": unique} | ({"default": field["default"]} if "default" in field else {})


def _open(part: Any) -> Any:
    """Draft 2020-12 as draft-07, with an expression admitted wherever a value stands."""
    if "anyOf" in part:
        options = [option for each in part["anyOf"] for option in (_open(each).get("anyOf") or [_open(each)])]
        return {"anyOf": [option for i, option in enumerate(options) if option not in options[:i]]}
    out = {key: value for key, value in part.items() if key != "title"}
    if "prefixItems" in out:
        out["items"] = [_open(item) for item in out.pop("prefixItems")]
        out["additionalItems"] = False
    elif isinstance(out.get("items"), dict):
        out["items"] = _open(out["items"])
    if isinstance(out.get("additionalProperties"), dict):
        out["additionalProperties"] = _open(out["additionalProperties"])
    return {"anyOf": [out, EXPRESSION]} if out.get("type") != "null" else out


# -- small words --------------------------------------------------------------------------------------------------


def _ref(name: str) -> Json:
    return {"$ref": f"#/definitions/{name}"}


def _about(part: Json, description: str) -> Json:
    return {"allOf": [part], "description": description} if "$ref" in part else {**part, "description": description}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _without(part: Json, key: str) -> Json:
    return {name: value for name, value in part.items() if name != key}


def _not_null(part: Json) -> Json:
    """Take null out of what a schema lets through: what an entry says, it says."""
    *options, null = part["anyOf"]
    assert null == {"type": "null"}
    return _without(part, "anyOf") | (options[0] if len(options) == 1 else {"anyOf": options})
