"""The JSON Schema (draft-07) of specs, for editors: completion, hover text and red lines while one types.

The arguments of each op hang on `if`/`then`, since editors report an arbitrary branch of a `oneOf`. What an expression
could stand for is a text with a `$` there. What needs the whole spec (names, shapes) is left to `zoo check`.
"""

from __future__ import annotations

import inspect
import json
import keyword
from typing import Any

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.compiler.reserved_names import LANGUAGE_NAMES, MODULE_NAMES
from speczoo.specs.spec import NAME, NETWORK, STRUCTURE, TYPES

Json = dict[str, Any]

EXPRESSION: Json = {"type": "string", "pattern": r"\$"}
TEXT: Json = {"type": "string"}


def schema() -> Json:
    """The schema as plain data."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A neural network as a spec",
        "type": "object",
        "required": ["spec", "name", "layers"],
        "additionalProperties": False,
        "properties": {
            "spec": {"const": 1, "description": "The version of the language."},
            "name": {"type": "string", "pattern": NETWORK, "maxLength": 100, "description": "The network's name."},
            **_words(),
            "input": _about(_ref("shape"), "What flows in, without the batch axis: `[3, 224, 224]`."),
            "inputs": _about(_list(_ref("input"), 1), "Several inputs, in place of `input`."),
            "params": _about(_ref("params"), "Parameters of the network: `name: type` (required) or `name: default`."),
            "use": _about(_named(TEXT), "Other specs as ops: `{Encoder: resnet34}` or `{Encoder: ./encoder.yaml}`."),
            "defaults": _about(_defaults(), "Arguments that every entry of an op starts from."),
            "blocks": _about(_named(_ref("block")), "Lists of entries with a name and parameters, used as ops."),
            "layers": _about(_ref("entries"), "The network: entries that run in order, as in nn.Sequential."),
            "outputs": _about(_list(_ref("output"), 1), "Several outputs; without it, what the last entry gives."),
            "init": _about(_list(_ref("init")), "How parameters start, in order; later rules win."),
            "freeze": _about(_list(TEXT), "Path globs whose parameters do not train."),
            "variants": _about(_named(_ref("variant"), NETWORK), "Named sets of parameters: what the zoo lists."),
            "weights": _ref("weights"),
            "expect": _ref("expect"),
        },
        "allOf": [
            {"if": {"required": ["inputs"]}, "then": {"not": {"required": ["input"]}}, "else": {"required": ["input"]}},
            {"if": {"required": ["defaults"]}, "else": _strict_lists()},
        ],
        "definitions": {**_grammar(), **{f"op.{name}": _op(layer) for name, layer in sorted(Layer.registry.items())}},
    }


def text() -> str:
    """The schema as JSON text, a definition a line."""
    whole = schema()
    definitions = whole.pop("definitions")
    head = json.dumps(whole, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = (f"  {json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in definitions.items())
    return head + ',\n "definitions": {\n' + ",\n".join(lines) + "\n }\n}\n"


# -- the grammar --------------------------------------------------------------------------------------------------


def _grammar() -> Json:
    scalar = {"type": ["boolean", "number", "string", "null"]}
    source = {"type": ["string", "number"]}
    param = _object(
        {
            "type": {"enum": list(TYPES)},
            "default": {},
            "min": {"type": ["number", "null"]},
            "max": {"type": ["number", "null"]},
            "choices": {"type": ["array", "null"]},
            "doc": {"type": ["string", "null"]},
        },
        anyOf=[{"required": ["type"]}, {"required": ["default"]}],
    )
    counts = {key: _null({"type": "integer"}) for key in ("params", "trainable_params", "macs")}
    sizes = _list({"type": "integer"})
    return {
        "shape": {"anyOf": [_list({"anyOf": [{"type": "integer"}, EXPRESSION]}), EXPRESSION]},
        "input": _object(
            {"id": _name(), "shape": _ref("shape"), "dtype": {"enum": ["float32", "int64", "bool"]}},
            required=["id", "shape"],
        ),
        "params": _named({"if": {"type": "object"}, "then": param}),
        "block": _object(
            {
                "doc": _null(TEXT),
                "params": _ref("params"),
                "inputs": _null(_list(_name(), 1)),
                "layers": _ref("entries"),
                "outputs": _null(_list(_ref("output"))),
            },
            required=["layers"],
        ),
        "output": _object(
            {
                "id": _name(),
                "from": TEXT,
                "training_only": {"type": "boolean"},
                "when": {"anyOf": [{"type": "boolean"}, EXPRESSION]},
            },
            required=["id", "from"],
        ),
        "expect": _null(_object({**counts, "output": {"anyOf": [sizes, _named(sizes), {"type": "null"}]}})),
        "weights": {
            "anyOf": [
                {"type": "string", "pattern": "^torchvision:[A-Za-z0-9_]+$"},
                _object(
                    {"from": TEXT, "params": {"type": "object"}, "rename": _object({}, additionalProperties=TEXT)},
                    required=["from"],
                ),
                {"type": "null"},
            ],
        },
        "variant": _object(
            {
                **_words(),
                "params": _named({}),
                "input": _null(_ref("shape")),
                "weights": _ref("weights"),
                "expect": _ref("expect"),
            }
        ),
        "init": {"type": "object", "required": ["match"], "minProperties": 2, "properties": {"match": TEXT}},
        "published": {"type": ["object", "null"], "additionalProperties": scalar},
        "entries": _list(_ref("entry"), 1),
        "entry": {
            "type": "object",
            "properties": _structure(source),
            "anyOf": [{"required": [kind]} for kind in ("op", "layers", "do", "share")],
            "allOf": [
                _only("layers"),
                _only("do"),
                _only("share"),
                *(_applies(name) for name in sorted(Layer.registry)),
            ],
        },
        "strict entry": {
            "allOf": [
                {"properties": {key: _list(_ref("strict entry")) for key in ("layers", "do")}},
                *(_requires(name, layer) for name, layer in sorted(Layer.registry.items()) if _required(layer)),
            ]
        },
    }


def _id() -> Json:
    taken = sorted({*MODULE_NAMES, *LANGUAGE_NAMES, *keyword.kwlist} - {"half", "double", "float"})
    return {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$", "maxLength": 100, "not": {"enum": taken}}


def _defaults() -> Json:
    """Arguments by op: those of layers are known, those of blocks are not."""
    arguments = {"type": "object", "propertyNames": {"not": {"enum": list(STRUCTURE)}}}
    known = {name: {"allOf": [_ref(f"op.{name}"), arguments]} for name in sorted(Layer.registry)}
    return {**_named(arguments), "properties": known}


def _words() -> Json:
    return {
        "title": _about(_null(TEXT), "What the network is, in a line."),
        "reference": _about({"anyOf": [TEXT, _list(TEXT), {"type": "null"}]}, "Where it was published."),
        "year": {"type": ["integer", "null"]},
        "source": _about(_null(TEXT), "Where this spec is from and where it departs from that."),
        "published": _about(_ref("published"), "Figures as printed there; shown, never computed with."),
        "notes": _about(_null(_object({}, additionalProperties=TEXT)), "What there is to say of a published figure."),
    }


def _structure(source: Json) -> Json:
    """What an entry says that is no argument of its op."""
    loop = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["array", "string"]}}
    known = sorted(Layer.registry)
    described = [inspect.getdoc(Layer.registry[name]) or "" for name in known]
    return {
        "id": _about({"anyOf": [_id(), EXPRESSION, {"type": "null"}]}, "The attribute's name, as in the state_dict."),
        "op": {
            "description": "A layer, a function, a block of this spec, or a spec under `use`.",
            "anyOf": [{"enum": known, "markdownEnumDescriptions": described}, TEXT],
        },
        "layers": _about(_ref("entries"), "An inline group: a module of its own."),
        "do": _about(_ref("entries"), "Entries spliced into this list, beside `for` or `when`."),
        "for": _about(_null(loop), "The loop, zipped: `{i: 1..4, channels: [64, 128, 256, 512]}`."),
        "when": _about({"anyOf": [{"type": ["boolean", "null"]}, EXPRESSION]}, "Whether the entry is there."),
        "from": _about(
            {"anyOf": [source, _list(source), {"type": "null"}]},
            "Ids of this list that come earlier, or `input`; without it, the entry before this one.",
        ),
        "taps": _about(
            {"anyOf": [_list(TEXT), _named(TEXT), {"type": "null"}]},
            "Paths inside, readable as `id.path` in place of the output.",
        ),
        "share": _about(TEXT, "The id of an entry whose module is applied again."),
        "shape": _about(_null(_ref("shape")), "An assertion on the output, without the batch axis."),
    }


def _only(kind: str) -> Json:
    """What stands beside `layers`, `do` and `share`."""
    beside = {
        "layers": ("id", "for", "when", "from", "taps", "shape"),
        "do": ("for", "when"),
        "share": ("id", "for", "when", "from", "taps", "shape"),
    }[kind]
    then: Json = {"properties": {key: {} for key in (kind, *beside)}, "additionalProperties": False}
    if kind == "do":
        then["anyOf"] = [{"required": ["for"]}, {"required": ["when"]}]
    return {"if": {"required": [kind]}, "then": then}


# -- the ops ------------------------------------------------------------------------------------------------------


def _is(op: str) -> Json:
    return {"required": ["op"], "properties": {"op": {"const": op}}}


def _applies(op: str) -> Json:
    return {"if": _is(op), "then": _ref(f"op.{op}")}


def _requires(op: str, layer: type[Layer]) -> Json:
    return {"if": _is(op), "then": {"required": _required(layer)}}


def _required(layer: type[Layer]) -> list[str]:
    return [name for name, field in layer.model_fields.items() if field.is_required()]


def _strict_lists() -> Json:
    """Where nothing is said under `defaults`, every entry says what its op requires."""
    lists = {"layers": _list(_ref("strict entry"))}
    return {"properties": {**lists, "blocks": {"additionalProperties": {"properties": lists}}}}


def _op(layer: type[Layer]) -> Json:
    structural: Json = {key: {} for key in ("id", "op", "for", "when", "from", "taps", "shape")}
    return {
        "description": inspect.getdoc(layer) or "",
        "properties": {**structural, **_arguments(layer)},
        "additionalProperties": False,
    }


def _arguments(layer: type[Layer]) -> Json:
    fields = layer.model_json_schema().get("properties", {})
    references = {name: _about(TEXT, "The id of a value.") for name in layer.references}
    return {name: _argument(field) for name, field in fields.items() if name != "shape"} | references


def _argument(field: Json) -> Json:
    """A field as an entry may give it: an expression in place of any value, null for torch's default."""
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
    return {"$ref": f"#/definitions/{name.replace(' ', '%20')}"}


def _about(part: Json, description: str) -> Json:
    return {"allOf": [part], "description": description} if "$ref" in part else {**part, "description": description}


def _list(items: Json, least: int = 0) -> Json:
    return {"type": "array", "items": items} | ({"minItems": least} if least else {})


def _name() -> Json:
    return {"type": "string", "pattern": NAME, "maxLength": 100}


def _named(value: Json, pattern: str = NAME) -> Json:
    return {"type": "object", "propertyNames": {"pattern": pattern, "maxLength": 100}, "additionalProperties": value}


def _object(properties: Json, **more: Any) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def _null(part: Json) -> Json:
    return {"anyOf": [part, {"type": "null"}]}
