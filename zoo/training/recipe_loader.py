"""From a recipe's name or file to a checked `Recipe`, with every mistake at its line. Without torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from speczoo import catalogue
from speczoo.specs import files
from speczoo.specs.diagnostics import Diagnostic, Report, Span
from speczoo.specs.document import Document, parse
from speczoo.specs.errors import SpecError, raise_if_wrong
from speczoo.specs.keys import Model
from speczoo.specs.problem import Loc, Problem, pointer
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from speczoo.specs.suggestions import did_you_mean
from speczoo.training.recipe import Network, Recipe
from speczoo.training.recipe_words import choices
from speczoo.training.shapes import ImageShape, after, stored

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph
from speczoo.training.recipe_errors import recipe_problems

HOME = Path(__file__).resolve().parent.parent / "recipes"


def names() -> list[str]:
    """Return the recipes that come with the zoo, sorted."""
    return sorted(path.stem for path in HOME.glob("*.yaml"))


def find(what: str | Path) -> Path:
    """Return the file of a recipe: a path when it has a `/` or a suffix, else a name.

    Raises SpecError for an unknown name.
    """
    text = str(what)
    if "/" in text or text.endswith((".yaml", ".yml", ".json")):
        return Path(text)
    path = HOME / f"{text}.yaml"
    if path.is_file():
        return path
    help = did_you_mean(text, names(), limit=0) or ("`zoo recipes` lists all",)
    raise SpecError([Problem("unknown-reference", f"there is no recipe `{text}`", help=help).at()])


class _Text:
    """A recipe's data with what was laid over it, and where each value was written."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.data: Any = _spelt_out(document.data)
        self.over: list[tuple[list[str], str]] = []

    def put(self, path: list[str], value: Any, origin: str) -> None:
        self.data = _spelt_out(_put(self.data, path, value))
        self.over.append((path, origin))

    def place(self, path: Sequence[str | int], *, key: bool = False) -> tuple[str | None, Span | None]:
        """Return the file and the place in it; or the override that gave the value at `path`, or all there is of it."""
        steps = [str(step) for step in path]
        for over, origin in reversed(self.over):
            if steps[: len(over)] == over or (over[: len(steps)] == steps and not _has(self.document.data, path)):
                return origin, None
        file = self.document.source.path
        return str(file) if file else None, self.document.span(tuple(path), key=key)

    def located(self, problem: Problem) -> Diagnostic:
        """Return the problem as it is shown, at the place of its value."""
        file, span = self.place(problem.loc, key=problem.key)
        return problem.at(file, span, pointer=pointer(problem.loc, self.document.data) if span is not None else None)


def load(
    what: str | Path | Source | Mapping[str, Any] | Recipe,
    overrides: str | Sequence[str] | Mapping[str, Any] = (),
    *,
    home: Path | None = None,
    with_network: bool = False,
) -> Recipe:
    """Return a checked recipe: by name, by path, as text or plain data; `overrides` are `a.b=VALUE`, or a mapping.

    A network that the recipe names by a path lies in the recipe's own folder, which is `home` for plain data.
    `with_network` checks the network as well, with its parameters, on images of the recipe's shape.

    Raises SpecError with everything that is wrong, each at its line.
    """
    reading = read(what, overrides, home=home, with_network=with_network)
    raise_if_wrong(reading.report)
    assert reading.recipe is not None
    return reading.recipe


@dataclass(frozen=True)
class RecipeReading:
    """What a recipe's text comes to, as far as it is right; in `report` everything that is wrong.

    `flow` is the shape of an image by the place of what makes it: the data, and each transform behind it. `network` is
    the graph of the network on such images, where it was asked for.
    """

    document: Document
    report: Report
    recipe: Recipe | None
    flow: Mapping[Loc, ImageShape]
    network: Graph | None


def read(
    what: str | Path | Source | Mapping[str, Any] | Recipe,
    overrides: str | Sequence[str] | Mapping[str, Any] = (),
    *,
    home: Path | None = None,
    with_network: bool = False,
) -> RecipeReading:
    """Return what a recipe comes to, as `load` takes it, be it right or wrong.

    Raises SpecError for a text that cannot be read as data, and for overrides that are wrong.
    """
    report, laid_over = Report(), Report()
    text, home = _read(what, home, report)
    for key, value, origin in _overrides(overrides, laid_over):
        text.put(key, value, origin)
    if not laid_over.ok:
        raise SpecError([*report, *laid_over])
    recipe, network, graph = None, _network(text, home, report), None
    flow = dict(_flow(text, report))
    try:
        recipe = Recipe.model_validate(text.data).model_copy(update={"network": network})
    except ValidationError as error:
        for problem in recipe_problems(error, text.data):
            report.add(text.located(problem))
    if with_network and network is not None:
        shape = [*flow.values()][-1] if flow and _whole(flow, text.data) else None
        graph = _check_network(network, text, shape, report)
    return RecipeReading(text.document, report, recipe, flow, graph)


def is_recipe(source: Source | None) -> bool:
    """Return whether a text says that it is a recipe."""
    document = parse(source, Report()) if source else None
    return document is not None and "recipe" in document.data


def language_of(source: Source) -> Model:
    """Return the model of what a text is in: of recipes where it says that it is one, else of specs."""
    document = parse(source, Report())
    return Recipe if document is not None and "recipe" in document.data and "spec" not in document.data else Spec


def _read(
    what: str | Path | Source | Mapping[str, Any] | Recipe, home: Path | None, report: Report
) -> tuple[_Text, Path | None]:
    """Return the recipe's text, and the folder that it is at home in."""
    if isinstance(what, Recipe | Mapping):
        data = what.model_dump(mode="json") if isinstance(what, Recipe) else dict(what)
        return _Text(Document.of(data, "the recipe")), home
    path = find(what) if not isinstance(what, Source) else what.path or Path()
    source = Source.read(path, report) if not isinstance(what, Source) else what
    document = parse(source, report) if source is not None else None
    if document is None:
        raise SpecError(report.diagnostics)
    return _Text(document), path.parent


def _overrides(given: str | Sequence[str] | Mapping[str, Any], report: Report) -> Iterable[tuple[list[str], Any, str]]:
    """Return path, value, and what to call it when it is wrong."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            origin = f"set {name}"
            try:
                yield str(name).split("."), Document.of({"value": value}, origin).data["value"], origin
            except SpecError as error:
                for diagnostic in error.diagnostics:
                    report.add(diagnostic)
        return
    for text in [given] if isinstance(given, str) else given:
        origin = f"--set {text}" if len(text) < 80 else f"--set {text[:76]}..."
        key, equals, value = text.partition("=")
        path = key.split(".")
        if not equals or not all(path):
            help = ("as in: --set epochs=3",)
            report.add(Problem("bad-value", f"--set wants KEY=VALUE, not `{text}`", help=help).at())
            continue
        read = Report()
        document = parse(Source.of(f"value: {value}", origin), read)
        for diagnostic in read:
            report.add(replace(diagnostic, file=origin, span=None))
        if document is not None and document.data.keys() == {"value"}:
            yield path, document.data["value"], origin
        elif read.ok:
            report.add(Problem("bad-value", "this is not one value").at(origin))


def _spelt_out(data: Any) -> Any:
    """Read `network: NAME` as `network: {name: NAME}`."""
    named = isinstance(data, dict) and isinstance(data.get("network"), str)
    return {**data, "network": {"name": data["network"]}} if named else data


def _put(data: Any, path: Sequence[str], value: Any) -> Any:
    """Return a copy of `data` with `value` at `path`."""
    key, *rest = path
    if isinstance(data, list) and key.isdigit() and int(key) < len(data):
        return [_put(item, rest, value) if rest and i == int(key) else value if i == int(key) else item
                for i, item in enumerate(data)]  # fmt: skip
    inside = data if isinstance(data, dict) else {}
    return {**inside, key: _put(inside.get(key), rest, value) if rest else value}


def _has(data: Any, path: Sequence[str | int]) -> bool:
    try:
        for step in path:
            data = data[step]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _network(text: _Text, home: Path | None, report: Report) -> Network | None:
    """Return the recipe's network, with its full path where the recipe's own text names it by a path; None where that
    part of the recipe is wrong.
    """
    try:
        network = Network.model_validate(text.data.get("network"))
    except ValidationError:
        return None
    overridden = any(over in (["network"], ["network", "name"]) for over, _ in text.over)
    if home is None or overridden or not catalogue.is_path(network.name):
        return network
    if (found := at_home(network.name, home)) is None:
        message = f"`{network.name}` leads out of the folder of this recipe"
        report.add(text.located(Problem("unknown-reference", message, ("network", "name"))))
        return None
    return network.model_copy(update={"name": found})


def at_home(name: str, home: Path) -> str | None:
    """Return what a recipe in a folder calls a network as it is found from anywhere: of a path the full one; None where
    that leads out of the folder.
    """
    if not catalogue.is_path(name):
        return name
    path, variant = catalogue.split(name)
    try:
        found = files.inside(home, path)
    except (OSError, ValueError):
        return None
    return f"{found}:{variant}" if variant else str(found)


def _flow(text: _Text, report: Report) -> Iterator[tuple[Loc, ImageShape]]:
    """Yield the shape of an image as it is stored and behind each transform, up to the first part that is wrong or
    does not say it; of crops it is reported.
    """
    data = _part(text.data, "data", "data")
    shape = stored(data) if data is not None else None
    if shape is None:
        return
    yield ("data",), shape
    transforms = text.data.get("transforms")
    for name in ("prepare", "augment") if isinstance(transforms, dict) else ():
        steps = transforms.get(name) or ()
        for index in range(len(steps) if isinstance(steps, list) else 0):
            step = _part(steps, index, name)
            try:
                shape = after(shape, step) if step is not None else None
            except ValueError as error:
                loc = ("transforms", name, index, "size")
                report.add(text.located(Problem("bad-value", f"`transforms.{name}.{index}`: {error}", loc)))
                return
            if shape is None:
                return
            yield ("transforms", name, index), shape


def _part(data: Any, step: str | int, place: str) -> BaseModel | None:
    """Return what a word chooses of those that a key may have; None where it is wrong, which is reported elsewhere."""
    part = data.get(step) if isinstance(data, dict) else data[step]
    if not isinstance(part, dict):
        return None
    for choice in choices().values():
        if choice.place.name == place and part.get(choice.tag.name) == choice.word:
            with suppress(ValidationError):
                return choice.model.model_validate(part)
    return None


def _whole(flow: Mapping[Loc, ImageShape], data: Any) -> bool:
    """Return whether the shape of what flows into the network is known: behind all transforms."""
    transforms = data.get("transforms")
    lists = [transforms.get(name) for name in ("prepare", "augment")] if isinstance(transforms, dict) else []
    return len(flow) == 1 + sum(len(each) for each in lists if isinstance(each, list))


def _is_spec(path: Path) -> bool:
    """Return whether a file is there to be a spec, be it a wrong one: nothing is shown of any other."""
    report = Report()
    source = Source.read(path, report)
    if source is None:
        return True  # there is nothing to show
    document = parse(source, report)
    if document is None:
        return re.search(r"\bspec\b[\"']?\s*:", source.text) is not None
    return bool(document.data.keys() & {"spec", "layers", "blocks"})


def _check_network(network: Network, text: _Text, shape: ImageShape | None, report: Report) -> Graph | None:
    """Return the network, and report what is wrong with it: in its own text, or in what the recipe asks of it."""
    from speczoo.checking import graph_into

    reported = Report()
    if catalogue.is_path(network.name) and not _is_spec(catalogue.split(network.name)[0]):
        message = f"`{network.name}` is no spec that can be read"
        report.add(text.located(Problem("unreadable", message, ("network", "name"))))
        return None
    input = network.input or (list(shape) if shape else None)
    found, graph = catalogue.find(network.name, reported), None
    if found is not None and (input or found[0].spec.input):
        graph = graph_into(reported, network.name, input=input, params=network.params)
    file, span = text.place(("network", "name"))
    place = f"{file or 'the recipe'}{f':{span.line}' if span else ''}"
    images = f" on images of {' x '.join(map(str, input))}" if input else ""
    for diagnostic in reported:
        if diagnostic.span is not None:
            notes = (*diagnostic.notes, f"the network of {place}{images}")
            report.add(replace(diagnostic, notes=notes))
            continue
        given = diagnostic.parameter
        where, at = text.place(("network", "name") if given is None else ("network", "params", given))
        report.add(replace(diagnostic, file=where, span=at))
    return graph
