"""From a recipe's name or file to a checked `Recipe`, with every mistake at its line. Without torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from specs.diagnostics import Diagnostic, Report
from specs.document import Document, parse
from specs.source import Source
from specs.suggest import did_you_mean, nearest

from .recipe import Recipe

HOME = Path(__file__).parent.parent / "recipes"


def names() -> list[str]:
    """The recipes that come with the zoo, sorted."""
    return sorted(path.stem for path in HOME.glob("*.yaml"))


def find(what: str | Path) -> Path:
    """The file of a recipe: a path when it has a `/` or a suffix, else a name. Raises SpecError for an unknown name."""
    text = str(what)
    if "/" in text or text.endswith((".yaml", ".yml", ".json")):
        return Path(text)
    path = HOME / f"{text}.yaml"
    if path.is_file():
        return path
    report = Report()
    help = did_you_mean(text, names(), limit=0) or ("`zoo recipes` lists all",)
    report.add(Diagnostic("unknown-reference", f"there is no recipe `{text}`", help=help))
    report.raise_if_wrong()
    raise AssertionError


def load(what: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """A checked recipe: by name, by path, or from plain data; `overrides` are `a.b=VALUE`, or a mapping.

    Raises SpecError with everything that is wrong, each at its line.
    """
    report = Report()
    document: Document | None = None
    file: str | None = None
    if isinstance(what, Recipe):
        data: Any = what.model_dump(mode="json")
    elif isinstance(what, Mapping):
        data = dict(what)
    else:
        path = find(what)
        file = str(path)
        source = Source.read(path, report)
        document = parse(source, report) if source is not None else None
        report.raise_if_wrong()
        assert document is not None
        data = document.data
    pairs = overrides.items() if isinstance(overrides, Mapping) else [_split(text, report) for text in overrides]
    for key, value in pairs:
        data = _put(data, key.split("."), value)
    report.raise_if_wrong()
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        for diagnostic in _diagnose(error, data, document, file):
            report.add(diagnostic)
    report.raise_if_wrong()
    raise AssertionError


def _split(text: str, report: Report) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        report.add(Diagnostic("bad-value", f"--set wants KEY=VALUE, not `{text}`", help=("as in: --set epochs=3",)))
        return "", None
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _put(data: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of `data` with `value` at `path`."""
    key, *rest = path
    if isinstance(data, list) and key.isdigit() and int(key) < len(data):
        return [_put(item, rest, value) if rest and i == int(key) else value if i == int(key) else item
                for i, item in enumerate(data)]  # fmt: skip
    if isinstance(data, str) and rest:  # `network: NAME` is short for `network: {name: NAME}`
        data = {"name": data}
    inside = data if isinstance(data, dict) else {}
    return {**inside, key: _put(inside.get(key), rest, value) if rest else value}


def _diagnose(error: ValidationError, data: Any, document: Document | None, file: str | None) -> Iterable[Diagnostic]:
    mistakes = error.errors()
    meant = {_meant(mistake, data) for mistake in mistakes}
    for mistake in mistakes:
        if mistake["type"] == "missing" and mistake["loc"] in meant:
            continue  # it is there, under a name that is almost right
        path, model = _walk(data, mistake["loc"])
        code, message = "bad-value", ""
        help: tuple[str, ...] = ()
        name = ".".join(map(str, path))
        match mistake["type"]:
            case "extra_forbidden":
                code, message = "unknown-key", f"a recipe has no `{name}`"
                help = did_you_mean(str(path[-1]), model.model_fields if model else (), limit=30)
            case "missing":
                code, message = "missing-argument", f"`{name}` is missing"
                path = path[:-1]
            case "union_tag_invalid":
                context = mistake["ctx"]
                key = context["discriminator"].strip("'")
                path = (*path, key)
                message = f"`{name}` has no {key} `{context['tag']}`"
                known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
                help = did_you_mean(str(context["tag"]), known)
            case "union_tag_not_found":
                key = mistake["ctx"]["discriminator"].strip("'")
                code, message = "missing-argument", f"`{name}` does not say its `{key}`"
            case "value_error":
                message = f"{mistake['ctx']['error']}"
            case _:
                value = mistake["input"]
                shown = f" (here {value!r})" if isinstance(value, str | int | float | bool) or value is None else ""
                message = f"`{name}`: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}{shown}"
        span = document.span(path, key=code == "unknown-key") if document else None
        yield Diagnostic(code, message, span=span, file=file, help=help)


def _meant(mistake: Any, data: Any) -> tuple[str | int, ...] | None:
    """Where the value of a key that is not known was meant to stand."""
    if mistake["type"] != "extra_forbidden":
        return None
    loc = mistake["loc"]
    _, model = _walk(data, loc)
    near = nearest(str(loc[-1]), model.model_fields) if model else None
    return (*loc[:-1], near) if near else None


def _walk(data: Any, loc: Sequence[str | int]) -> tuple[tuple[str | int, ...], type[BaseModel] | None]:
    """pydantic's location without the union tags in it, and the model that the last step is a field of."""
    model: Any = Recipe
    path: list[str | int] = []
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        inside = isinstance(data, dict) and step in data
        listed = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if inside or listed:
            path.append(step)
            if not last:
                model = _models(model, step) if isinstance(model, type) else model
                data = data[step]
        elif last and not (isinstance(data, dict) and step in (data.get("op"), data.get("dataset"))):
            if isinstance(step, str) and isinstance(model, type) and step in getattr(model, "model_fields", ()):
                path.append(step)
        elif isinstance(model, list):
            model = next((m for m in model if step in _tags(m)), model)
    return tuple(path), model if isinstance(model, type) else None


def _models(model: type[BaseModel], field: str | int) -> Any:
    """The model of a field, or the models of a union, looked up through lists and annotations."""
    found = model.model_fields.get(str(field))
    models = list(_inside(found.annotation)) if found else []
    return models[0] if len(models) == 1 else models


def _inside(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _inside(part)


def _tags(model: type[BaseModel]) -> set[object]:
    fields = [model.model_fields[key] for key in ("op", "dataset") if key in model.model_fields]
    return {tag for field in fields for tag in getattr(field.annotation, "__args__", ())}
