"""What is wrong with the data of a recipe, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from speczoo.specs.keys import instead, key_at, keys, model_at
from speczoo.specs.limits import DEFAULT
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.suggestions import did_you_mean, nearest
from speczoo.specs.value_kinds import placed
from speczoo.training.recipe import Recipe


def recipe_problems(error: ValidationError, data: Any) -> Iterator[Problem]:
    """Yield what is wrong with a recipe, the first of its mistakes."""
    mistakes = error.errors()[: DEFAULT.mistakes]
    suggested = {_suggested(mistake, data) for mistake in mistakes}
    for mistake in mistakes:
        path = placed(data, mistake["loc"], missing=mistake["type"] == "missing")
        if mistake["type"] == "missing" and path in suggested:
            continue  # it is there, under a name that is almost right
        code, message = "bad-value", ""
        help: tuple[str, ...] = ()
        name = ".".join(map(str, path))
        match mistake["type"]:
            case "extra_forbidden":
                code, message = "unknown-key", f"a recipe has no `{name}`"
                known, words = _known(path, data)
                help = did_you_mean(str(path[-1]), known, aliases=words, limit=30)
            case "missing":
                code, message = "missing-argument", f"`{name}` is missing"
                key = key_at(Recipe, path, data)
                help = (f"`{key.name}` is {key.holds}",) if key and key.holds else ()
                path = path[:-1]
            case "union_tag_invalid":
                context = mistake["ctx"]
                key_name = context["discriminator"].strip("'")
                path = (*path, key_name)
                message = f"`{name}` has no {key_name} `{context['tag']}`"
                tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
                help = did_you_mean(str(context["tag"]), tags)
            case "union_tag_not_found":
                key_name = mistake["ctx"]["discriminator"].strip("'")
                code, message = "missing-argument", f"`{name}` does not say its `{key_name}`"
            case "value_error":
                message = f"`{name}`: {mistake['ctx']['error']}" if name else f"{mistake['ctx']['error']}"
            case _:
                value = mistake["input"]
                shown = f" (here {value!r})" if isinstance(value, str | int | float | bool) or value is None else ""
                message = f"`{name}`: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}{shown}"
        yield Problem(code, message, path, key=code == "unknown-key", help=help)


def _suggested(mistake: ErrorDetails, data: Any) -> Loc | None:
    """Return where the value of a key that is not known was intended to stand."""
    if mistake["type"] != "extra_forbidden":
        return None
    path = placed(data, mistake["loc"])
    known, words = _known(path, data)
    near = nearest(str(path[-1]), known, aliases=words)
    return (*path[:-1], near) if near else None


def _known(path: Loc, data: Any) -> tuple[list[str], dict[str, str]]:
    """Return the keys of the mapping around a path, and what people write instead."""
    model = model_at(Recipe, path[:-1], data)
    return (list(keys(model)), instead(model, keys(model))) if model else ([], {})
