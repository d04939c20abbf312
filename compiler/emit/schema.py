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
from speczoo.specs.entry import STRUCTURE, Entry
from speczoo.specs.grammar import TEMPLATE
from speczoo.specs.keys import Model, keys, models
from speczoo.specs.origin import Weights
from speczoo.specs.parameter import Param
from speczoo.specs.reserved_names import LANGUAGE_NAMES, MODULE_NAMES
from speczoo.specs.spec import InitRule, Spec

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


def grammar(root: Model) -> Json:
    """Return the schemas of a model and of all that it is made of, by name, each key with what it says and holds."""
    whole = root.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Draft7)
    parts = {name: _without(part, "title") for name, part in {**whole.pop("$defs"), root.__name__: whole}.items()}
    for model in models(root):
        part = parts[model.__name__]
        part["properties"] = {name: _about(part["properties"][name], key.help) for name, key in keys(model).items()}
    return parts


def schema() -> Json:
    """Return the schema as plain data."""
    parts = grammar(Spec)
    for model, more in _BEYOND_TYPES.items():
        parts[model.__name__] = more(parts[model.__name__])
    ops = {f"op.{name}": _op(layer) for name, layer in sorted(Layer.registry.items())}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **parts.pop("Spec"),
        "definitions": {**parts, "StrictEntry": _strict_entry(), "SpeltEntry": _spelt_entry(), **ops},
    }


def text(whole: Json | None = None) -> str:
    """Return the schema, or another one, as JSON text, a definition a line."""
    whole = schema() if whole is None else dict(whole)
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
            {"if": {"required": ["defaults"]}, "else": _lists("StrictEntry")},
            {"if": _spelt_names(), "then": _lists("SpeltEntry")},
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
    known = [_about({"const": name}, _description(layer)) for name, layer in sorted(Layer.registry.items())]
    properties["id"]["anyOf"] = [_id(), EXPRESSION]
    properties["op"] = {"description": properties["op"]["description"], "anyOf": [*known, TEXT]}
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
    """Return an entry that says what its op requires; it need not where `defaults` could say it."""
    return {
        "allOf": [
            {"properties": {key: _list(_ref("StrictEntry")) for key in Entry.LISTS}},
            *(_requires(name, layer) for name, layer in sorted(Layer.registry.items()) if _required(layer)),
        ]
    }


def _spelt_entry() -> Json:
    """Return an entry whose op is none of the language's in other capitals, as `conv2d` and `Relu` are."""
    op = {"pattern": _spelt(), "patternErrorMessage": "Ops are spelt as in PyTorch: Conv2d, ReLU."}
    return {"properties": {"op": op, **{key: _list(_ref("SpeltEntry")) for key in Entry.LISTS}}}


def _spelt_names() -> Json:
    """Return where no block and no used spec has such a name, so that it could be intended."""
    named = {"propertyNames": {"pattern": _spelt()}}
    return {"properties": {"blocks": named, "use": named}}


def _spelt() -> str:
    """Return the pattern of what is no class of torch's but for its capitals, without the flag that readers lack."""
    ops = [op for op in sorted(Layer.registry) if op[:1].isupper()]
    letters = ("".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in op) for op in ops)
    return f"^(?:{'|'.join(ops)})$|^(?!(?:{'|'.join(letters)})$)"


def _lists(entry: str) -> Json:
    """Return where every entry of a spec and of its blocks is one of these."""
    lists = {"layers": _list(_ref(entry))}
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
        "description": _description(layer),
        "properties": {**structural, **_arguments(layer)},
        "additionalProperties": False,
    }


def _description(layer: type[Layer]) -> str:
    return inspect.getdoc(layer) or ""


def _arguments(layer: type[Layer]) -> Json:
    fields = layer.model_json_schema().get("properties", {})
    arguments = {name: _argument(field) for name, field in fields.items() if name != "shape"}
    arguments |= dict.fromkeys(layer.references, TEXT)
    return {name: _about(part, _meaning(layer, name)) for name, part in arguments.items()}


def _meaning(layer: type[Layer], argument: str) -> str:
    """Return what an argument does, and what it is where it is left out: readers show no default."""
    field = layer.model_fields.get(argument)
    if field is None or argument in layer.references or argument in layer.derives:
        return describe(layer, argument)
    default = "Required." if field.is_required() else f"Default: {json.dumps(field.default)}."
    return f"{describe(layer, argument)} {default}".lstrip()


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
