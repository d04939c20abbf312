"""Which format a file has, and its network as the text of a spec, checked before anybody sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from speczoo.checking import check_unit
from speczoo.compiler.graph import Graph
from speczoo.importing.defaults import with_defaults
from speczoo.importing.sources import keras, layout, ultralytics
from speczoo.importing.sources.translation import Translation
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import Document, parse
from speczoo.specs.errors import SpecError, raise_if_wrong
from speczoo.specs.foreign import format_of
from speczoo.specs.limits import Limits
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Problem
from speczoo.specs.source import Source
from speczoo.specs.wording import printable

InputShapes = Sequence[int] | Mapping[str, Sequence[int]] | None
#: What a file of another library may be: a line for each argument makes them long.
LIMITS = Limits(bytes=8 << 20, values=400_000)
SUFFIXES = (".yaml", ".yml", ".json")
READERS = {"keras": keras.read, "ultralytics": ultralytics.read}


def is_file(argument: str) -> bool:
    """Return whether what is to be imported is a file, and no name in Python."""
    return argument.endswith(SUFFIXES) or os.sep in argument or argument == "-"


@dataclass(frozen=True)
class ImportedFile:
    """A file as a spec: `str` is its text, `graphs` the checked networks, one for each variant where it has some."""

    name: str
    text: str
    graphs: tuple[Graph, ...]

    def __str__(self) -> str:
        return self.text


def imported(source: Source, input: InputShapes = None, limits: Limits = LIMITS) -> ImportedFile:
    """Return a network in another library's format as a spec.

    `input` stands in place of the sizes that the file says, or leaves open: channels first, without the batch. Raises
    SpecError with all that has no counterpart, each at its line.
    """
    report = Report()
    document = parse(source, report, limits)
    raise_if_wrong(report)
    assert document is not None
    found = format_of(document.data)
    if found is None or found.name not in READERS:
        raise SpecError([_unknown(found.what if found else "").located(document)])
    problems: list[Problem] = []
    made = READERS[found.name](document.data, input, problems, document.source.name)
    report = Report()
    for problem in problems:
        report.add(problem.located(document))
    raise_if_wrong(report)
    assert made is not None
    file = printable(PurePath(document.source.name).name)
    spec = {"spec": 1, "name": made.spec["name"], "source": f"{file}, {made.words}", **made.spec}
    return _finished(with_defaults(spec), made, document)


def _finished(spec: dict[str, Any], made: Translation, document: Document) -> ImportedFile:
    """Return a spec with what it comes to under `expect`. Raises SpecError where it is none after all, at
    the places of the file.
    """
    for graph in _checked(layout.text(spec), made, document):
        if graph.settings.variant is None:
            behind = {"variants": spec.pop("variants")} if "variants" in spec else {}
            spec |= {"expect": _expect(graph), **behind}
        else:
            spec["variants"][graph.settings.variant]["expect"] = _expect(graph)
    text = layout.text(spec)
    return ImportedFile(spec["name"], text, tuple(_checked(text, made, document)))


def _expect(graph: Graph) -> dict[str, Any]:
    outputs = {name: list(shape) for name, shape in graph.outputs.items()}
    return {
        "params": graph.params,
        "macs": graph.macs,
        "output": outputs if len(outputs) > 1 else next(iter(outputs.values())),
    }


def _checked(text: str, made: Translation, document: Document) -> list[Graph]:
    report = Report()
    source = Source.of(text, "<import>")
    read = parse(source, report)
    spec = load(read, report) if read is not None else None
    graphs = check_unit(report, LoadedSpec(spec, read), None) if spec is not None and read is not None else []
    if report.diagnostics:
        raise SpecError(_at_home(each, made, document) for each in report.diagnostics)
    return graphs


def _at_home(found: Diagnostic, made: Translation, document: Document) -> Diagnostic:
    """Return what is wrong with the spec at the place in the file that became it."""
    first = (found.path or "").partition(".")[0]
    loc = made.places.get(first, ())
    notes = (*found.notes, "so says a check of what was imported")
    span = document.span(loc) if loc else None
    return replace(found, file=document.source.name, span=span, labels=(), fix=(), notes=notes, severity="error")


def _unknown(what: str) -> Problem:
    message = (
        f"this is {what}, which nothing here reads" if what else "this is no file of another library that is known"
    )
    help = ("known are models of Ultralytics (`backbone` and `head`) and of Keras (`class_name` and `config`)",)
    return Problem("unreadable", message, help=help)
