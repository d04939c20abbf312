"""The JSON Schema (draft-07) of recipes, for editors."""

from __future__ import annotations

from typing import Any

from speczoo.compiler.emit import schema
from speczoo.training.recipe import Network, Recipe

Json = dict[str, Any]


def recipe_schema() -> Json:
    """Return the schema as plain data."""
    parts = {name: _chosen(part) for name, part in schema.grammar(Recipe).items()}
    network = parts[Recipe.__name__]["properties"]["network"]
    by_name = {"type": "string", "description": "The name of a network, or the path of a spec."}
    parts[Recipe.__name__]["properties"]["network"] = {
        "description": network["description"],
        "if": {"type": "string"},
        "then": by_name,
        "else": {"$ref": f"#/definitions/{Network.__name__}"},
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", **parts.pop(Recipe.__name__), "definitions": parts}


def _chosen(part: Any) -> Any:
    """Let a word choose between alternatives by `if` and `then`: of a `oneOf` editors report an arbitrary branch."""
    if isinstance(part, list):
        return [_chosen(each) for each in part]
    if not isinstance(part, dict):
        return part
    part = {key: _chosen(value) for key, value in part.items()}
    if "discriminator" not in part:
        return part
    key, mapping = part["discriminator"]["propertyName"], part["discriminator"]["mapping"]
    rest = {name: value for name, value in part.items() if name not in ("discriminator", "oneOf")}
    branches = [
        {"if": {"properties": {key: {"const": word}}, "required": [key]}, "then": {"$ref": target}}
        for word, target in mapping.items()
    ]
    words = {"properties": {key: {"enum": [*mapping]}}, "required": [key]}
    return rest | {"type": "object", **words, "allOf": branches}
