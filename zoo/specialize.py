"""One network of a family as a spec of its own: its variant's values as defaults, comments kept, no variants.

`zoo build -o FOLDER` writes it beside source and weights, and `zoo new --from` starts from it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speczoo import catalogue, metadata
from speczoo.compiler.compile import compile
from speczoo.compiler.emit.resolved import inputs
from speczoo.compiler.graph import Graph
from speczoo.specs import edit
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.flow_style import flow
from speczoo.specs.keys import keys
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.origin import Words
from speczoo.specs.source import Source, line_end
from speczoo.specs.spec import Spec


def text(graph: Graph, name: str, overrides: Mapping[str, Any] | None = None, *, fresh: bool = False) -> str:
    """Return the spec of a graph under a name, YAML or JSON as its family is written.

    `overrides` are the parameters that were set from outside. `fresh` leaves out what is true of the original alone:
    figures that were printed of it. Where its weights are stays as long as they fit.
    """
    data = specialised(graph, name, overrides or {}, fresh=fresh)
    source = graph.unit.document.source
    block = not source.text.lstrip().startswith("{") and bool(source.text)
    written = _edited(graph.unit, data) if block else json.dumps(data, indent=2) + "\n"
    return written if read(written) == read(json.dumps(data)) else json.dumps(data, indent=2) + "\n"


def companions(graph: Graph) -> dict[Path, bytes]:
    """Return the files that the spec of a graph uses, near and far, by their paths beside it: the texts that were
    checked.

    Raises ValueError where links make two of them one path, or a path lead out of the folder.
    """
    out: dict[Path, bytes] = {}
    left, visited = [(graph.unit, Path())], set[int]()
    while left:
        unit, folder = left.pop()
        for name in unit.spec.use.values():
            used = graph.use(unit, name)
            if used is None or not catalogue.is_path(name):
                continue
            path = Path(os.path.normpath(folder / catalogue.split(name)[0]))
            text = used.document.source.text.encode()
            if ".." in path.parts or out.setdefault(path, text) != text:
                raise ValueError(f"`{name}` leads over links, and has no place in another folder")
            if id(used.spec) not in visited:
                visited.add(id(used.spec))
                left.append((used, path.parent))
    return out


def specialised(graph: Graph, name: str, overrides: Mapping[str, Any], *, fresh: bool = False) -> dict[str, Any]:
    """Return the spec of a graph under a name, as `text` writes it."""
    spec, document = graph.unit
    variant = graph.settings.variant
    chosen = spec.variants.get(variant) if variant else None
    data = json.loads(json.dumps({k: v for k, v in document.data.items() if k != "variants"}))
    data["name"] = name
    values = {**(chosen.params if chosen else {}), **{k: v for k, v in overrides.items() if k in spec.params}}
    for key, value in values.items():
        data["params"][key] = _default(spec, key, value)
    shapes = {key: list(value.shape) for key, value in graph.settings.inputs}
    if spec.inputs is None and ((chosen and chosen.input is not None) or graph.settings.changed):
        data["input"] = shapes["input"] if graph.settings.changed or chosen is None else chosen.input
    elif spec.inputs is not None and graph.settings.changed:
        data |= inputs(graph)
    for key in keys(Words):
        data[key] = metadata.word(document.data, variant, key)
    weights = chosen.weights if chosen and chosen.weights else spec.weights
    long = weights.model_dump(by_alias=True, exclude_defaults=True) if weights else {}
    data["weights"] = long if len(long) > 1 else long.get("from")
    if fresh or graph.settings.changed:
        data["published"] = data["notes"] = None
    if weights is not None and graph.settings.changed and not _fit(graph):
        data["weights"] = None
    data["expect"] = _expect(graph)
    return {k: v for k, v in data.items() if v is not None}


def _fit(graph: Graph) -> bool:
    """Return whether weights of the network as it is when nobody changes it are weights of this one, but for its number
    of classes.
    """
    classes = {k: v for k, v in graph.settings.params.items() if k == "num_classes"}
    variant = graph.settings.variant
    plain = compile(graph.unit, Report(), variant=variant, params=classes, lookup=catalogue.lookup, expect=False)
    return plain is not None and plain.state == graph.state


def _default(spec: Spec, key: str, value: Any) -> Any:
    """Return a parameter with another default, in the form it was written in where that says its type."""
    param = spec.params[key]
    value = float(value) if param.type == "float" and type(value) is int else value
    if isinstance(param.written, dict):
        return {**param.written, "default": value}
    return {"type": param.type, "default": value} if param.required else value


def _expect(graph: Graph) -> dict[str, Any]:
    outputs = {name: list(shape) for name, shape in graph.outputs.items()}
    output: Any = outputs if len(outputs) > 1 else next(iter(outputs.values()))
    return {"params": graph.params, "macs": graph.macs, "output": output}


def read(written: str) -> Spec | None:
    """Return the spec that a text is; None where it is none."""
    report = Report()
    document = parse(Source.of(written), report)
    return load(document, report) if document else None


def _edited(unit: LoadedSpec, data: Mapping[str, Any]) -> str:
    """Return the text of a unit with what differs in `data` replaced, everything else as it stands."""
    document = unit.document
    lines = document.source.text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    edits: list[tuple[int, int, str]] = []

    def place(path: tuple[str, ...], *, key: bool = False) -> tuple[int, int]:
        span = document.span(path, key=key)
        assert span is not None
        return starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1

    def replace(path: tuple[str, ...], value: Any) -> None:
        start, end = place(path)
        while end > start and document.source.text[end - 1] in "\r\n ":
            end -= 1
        edits.append((start, end, flow(value)))

    added: list[str] = []
    for key in {**document.data, **data}:
        if key not in data:
            start, end = place((key,), key=True)[0], place((key,))[1]
            after = next((s for s in starts if s >= end), starts[-1])
            edits.append((start, after, ""))
        elif key not in document.data:
            added.append(f"{key}: {flow(data[key])}\n")
        elif data[key] != document.data[key]:
            inside = document.data[key]
            if key == "params" and list(inside) == list(data[key]):
                for name in inside:
                    if inside[name] != data[key][name]:
                        replace((key, name), data[key][name])
            else:
                replace((key,), data[key])
    text = _SCHEMA_BESIDE.sub("", edit.replaced(document.source.text, edits).replace("\r\n", "\n"))
    text = text.rstrip("\n") + "\n" + ("\n" + "".join(added) if added else "")
    return text.replace("\n", line_end(document.source.text))


#: Where an editor finds the schema, by a path that leads nowhere from another folder.
_SCHEMA_BESIDE = re.compile(r"^#[ \t]*yaml-language-server:[ \t]*\$schema=(?!https?:).*\n", re.MULTILINE)


def suffix(written: str) -> str:
    """Return `.json` or `.yaml`, as the text is."""
    return ".json" if written.startswith("{") else ".yaml"


def path_in(folder: Path, name: str, written: str) -> Path:
    """Return where a spec of this name goes in a folder."""
    return folder / f"{name}{suffix(written)}"
