"""Where networks are found: by name in the zoo's own folder, by path anywhere, or as data in Python."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from speczoo.specs import files as disk
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import Document, parse
from speczoo.specs.errors import SpecError, raise_if_wrong
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.problem import Problem
from speczoo.specs.source import Source
from speczoo.specs.suggestions import did_you_mean

NETWORKS = Path(__file__).resolve().parent / "networks"
BLOCKS = NETWORKS / "blocks"  # what several families use; found by name, and no networks of their own

#: What people call a network that has another name here.
ALIASES = {"cnn": "mnist_cnn", "inception": "googlenet_2014", "vggnet": "vgg16"}

#: Endings of the files that `zoo export` writes.
EXPORTED = (".onnx", ".pt2", ".safetensors")
#: Endings of the files of specs, a variant behind them.
_ENDING = re.compile(r"\.(ya?ml|json|cfg)(:[^/\\]*)?$")
#: YAML with a line for each key, or JSON: no name and no path has such a thing.
_TEXT = re.compile(r"^[ \t]*[\"']?(spec|layers)[\"']?[ \t]*:", re.MULTILINE)


class NamedText(NamedTuple):
    """The text of a spec under a name, that of standard input, and the variant that is asked for."""

    source: Source
    variant: str | None = None


def find(what: object, report: Report, limits: Limits = DEFAULT) -> tuple[LoadedSpec, str | None] | None:
    """Return the spec that `what` means and the variant of it, or None with the reason in `report`.

    A catalogue name (`resnet34`), a path (`net.yaml`, `net.yaml:small`), the text of a spec, a Text, data, or a Spec.
    """
    if isinstance(what, NamedText):
        unit = unit_of(what.source, report, limits)
        return (unit, what.variant) if unit else None
    if isinstance(what, Mapping):
        try:
            document = Document.of(what, str(what.get("name", "<data>")), limits)
        except SpecError as error:
            for diagnostic in error.diagnostics:
                report.add(diagnostic)
            return None
        unit = _loaded(document, report)
        return (unit, None) if unit else None
    if not isinstance(what, str | os.PathLike):
        from speczoo.specs.spec import Spec  # an eighth of `zoo list`, as in `_loaded`

        if isinstance(what, Spec):
            return LoadedSpec(what, Document.of(what.to_data(), what.name)), None
        message = f"a network is a name, a path, the text of a spec, data or a Spec, not a {type(what).__name__}"
        report.add(Problem("unknown-reference", message).at())
        return None
    text = os.fspath(what)
    if isinstance(what, str) and is_text(text):
        unit = unit_of(Source.of(text), report, limits)
        return (unit, None) if unit else None
    if os.path.isdir(text) and not (isinstance(what, str) and text in index()):
        message = f"there is no spec in the folder `{text}`: a spec is a YAML or JSON file that says `spec: 1`"
        report.add(Problem("unreadable", message).at())
        return None
    if not isinstance(what, str) or is_path(text):
        path, variant = split(text)
        unit = read(path, report, limits)
        return (unit, variant) if unit else None
    return named(text, report)


def found(what: object, limits: Limits = DEFAULT) -> tuple[LoadedSpec, str | None]:
    """Return what `find` does. Raises SpecError."""
    report = Report()
    unit = find(what, report, limits)
    raise_if_wrong(report)
    assert unit is not None
    return unit


def is_text(what: str) -> bool:
    """Return whether this is the text of a spec, and neither a name nor a path."""
    flow = what.strip().startswith("{") and what.strip().endswith("}")
    return flow or ("\n" in what.strip() and _TEXT.search(what) is not None)


def is_file(what: str | NamedText) -> bool:
    """Return whether it is a file, which may hold several networks: a path, or what was read already."""
    return isinstance(what, NamedText) or is_path(what)


def is_path(text: str) -> bool:
    """Return whether it is a path, with a separator or a suffix; anything else is a catalogue name."""
    return "/" in text or "\\" in text or bool(_ENDING.search(text)) or is_exported(text)


def is_exported(path: str | os.PathLike[str]) -> bool:
    """Return whether a path ends as a file that `zoo export` writes, which carries its spec."""
    return os.fspath(path).lower().endswith(EXPORTED)


def split(text: str) -> tuple[Path, str | None]:
    """Split `net.yaml:small` into the file and its variant."""
    match = re.fullmatch(r"(.+\.(?:ya?ml|json)):([^/\\]+)", text, re.DOTALL)
    return (Path(match[1]), match[2]) if match else (Path(text), None)


def read(path: Path, report: Report, limits: Limits = DEFAULT) -> LoadedSpec | None:
    """Return the spec in a file, or that which an exported one carries, or None with the reasons in `report`."""
    if not is_exported(path):
        return unit_of(Source.read(path, report, limits), report, limits)
    from speczoo import embedded  # zipfile, which no other file waits for

    return unit_of(embedded.source(path, report, limits), report, limits)


def unit_of(source: Source | None, report: Report, limits: Limits = DEFAULT) -> LoadedSpec | None:
    """Return the spec that a text is, or None with the reasons in `report`."""
    document = parse(source, report, limits) if source else None
    return _loaded(document, report) if document else None


def _loaded(document: Document, report: Report) -> LoadedSpec | None:
    from speczoo.specs.load import load  # pydantic and the models of the grammar, which no list of names waits for

    spec = load(document, report)
    return LoadedSpec(spec, document) if spec else None


@lru_cache(maxsize=256)
def _own_document(path: Path, stamp: int) -> Document:
    report = Report()
    source = Source.read(path, report)
    document = parse(source, report) if source else None
    raise_if_wrong(report)
    assert document is not None
    return document


@lru_cache(maxsize=256)
def _own(path: Path, stamp: int) -> LoadedSpec:
    report = Report()
    unit = _loaded(_own_document(path, stamp), report)
    raise_if_wrong(report)
    assert unit is not None
    return unit


def own_document(path: Path) -> Document:
    """Return what a file of the zoo's own says, read once and not held to the grammar: tests do that."""
    return _own_document(path, path.stat().st_mtime_ns)


def own(path: Path) -> LoadedSpec:
    """Return a spec of the zoo's own, read once."""
    return _own(path, path.stat().st_mtime_ns)


def files() -> list[Path]:
    """Return the zoo's files, one a family."""
    return sorted(NETWORKS.glob("*.yaml"))


def entries(path: Path) -> list[tuple[str, str | None]]:
    """Return the networks that a file of the zoo offers: its variants, or itself."""
    data = own_document(path).data
    return [(name, name) for name in data.get("variants", ())] or [(data["name"], None)]


@lru_cache(maxsize=1)
def _index(stamps: tuple[tuple[Path, int], ...]) -> dict[str, tuple[Path, str | None]]:
    return {name: (path, variant) for path, _ in stamps for name, variant in entries(path)}


def index() -> dict[str, tuple[Path, str | None]]:
    """Return every catalogue name with its file and variant."""
    return _index(tuple((path, path.stat().st_mtime_ns) for path in files()))


#: Where names were found, so that a second look need not search.
_found: dict[str, tuple[Path, int, str | None]] = {}


def named(name: str, report: Report) -> tuple[LoadedSpec, str | None] | None:
    """Return a network of the catalogue, by its name or what people call it. Only files that hold the name are read."""
    name = ALIASES.get(name, name)
    block = BLOCKS / f"{name}.yaml"
    if name.isidentifier() and os.path.isfile(block):
        return own(block), None
    if name in _found:
        path, stamp, variant = _found[name]
        if path.exists() and path.stat().st_mtime_ns == stamp:
            return own(path), variant
    for path in files():
        if path.stem == name or re.search(rf"\b{re.escape(name)}\b", path.read_text(encoding="utf-8")):
            for found, variant in entries(path):
                if found == name:
                    _found[name] = (path, path.stat().st_mtime_ns, variant)
                    return own(path), variant
    family = next((p for p in files() if p.stem == name or own(p).spec.name == name), None)
    if family is not None:
        spec = own(family).spec
        if not any(p.required for p in spec.params.values()):
            return own(family), None
        message = f"`{name}` is a family: name one of its networks"
        report.add(Problem("unknown-reference", message, help=(", ".join(spec.variants),)).at())
        return None
    help = did_you_mean(name, (*index(), *ALIASES), limit=0)
    if not help and os.path.isfile(name):  # which is false for names that no file can have
        help = (f"a file of that name is here, as `./{name}`",)
    help = help or ("`zoo list` shows what there is; a path has a `/` or ends in `.yaml` or `.json`",)
    report.add(Problem("unknown-reference", f"there is no network `{name}` in the zoo", help=help).at())
    return None


def names(pattern: str = "*", exclude: str | list[str] = ()) -> list[str]:  # type: ignore[assignment]
    """Return catalogue names that match a glob and none of the globs of `exclude`, sorted as people count."""
    refused = [exclude] if isinstance(exclude, str) else list(exclude)
    found = (
        n for n in index() if fnmatch.fnmatchcase(n, pattern) and not any(fnmatch.fnmatchcase(n, r) for r in refused)
    )
    return sorted(found, key=natural)


def natural(name: str) -> list[Any]:
    return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]


#: What says that a file of YAML or JSON is a spec, or a recipe, with the version of its language.
_SAYS = re.compile(rb"^[ \t]*\{?[ \t]*[\"']?(spec|recipe)[\"']?[ \t]*:[ \t]*[\"']?\d", re.MULTILINE)
SUFFIXES = (".yaml", ".yml", ".json")


def says(path: Path) -> str:
    """Return whether a file of YAML or JSON calls itself a `spec` or a `recipe`; empty where it does neither."""
    try:
        found = _SAYS.search(disk.read(path, DEFAULT.bytes)) if path.suffix in SUFFIXES else None
    except (OSError, ValueError):  # it cannot be read, or is no file
        return ""
    return found[1].decode() if found else ""


def below(folder: Path) -> list[str]:
    """Return the specs and recipes in a folder and in those inside it, as paths, in order; hidden ones are left out."""
    out: list[str] = []
    waiting = [str(folder)]
    while waiting:  # a level at a time: os.walk calls itself for the next one, which Python bounds
        home, folders, names_ = next(os.walk(waiting.pop()), ("", [], []))
        inside = [os.path.join(home, name) for name in sorted(folders, reverse=True) if not name.startswith(".")]
        waiting += [path for path in inside if not os.path.islink(path)]
        out += [str(path) for name in sorted(names_) if not name.startswith(".") and says(path := Path(home, name))]
    return out


def expand(patterns: Iterator[str] | list[str] | tuple[str, ...]) -> list[str]:
    """Return names, globs over names, files, globs over files and folders, as networks' names and paths."""
    out: list[str] = []
    for pattern in patterns:
        if os.path.isdir(pattern) and (is_path(pattern) or pattern not in index()):
            out += below(Path(pattern)) or [pattern]
        elif is_path(pattern):
            path, variant = split(pattern)
            if any(c in pattern for c in "*?[") and not path.exists():
                hits = sorted(
                    str(p)
                    for p in Path(path.anchor or ".").glob(
                        str(path.relative_to(path.anchor)) if path.anchor else str(path)
                    )
                )
                out += [f"{h}:{variant}" if variant else h for h in hits] or [pattern]
            else:
                out.append(pattern)
        elif any(c in pattern for c in "*?["):
            out += names(pattern) or [pattern]
        else:
            out.append(pattern)
    return list(dict.fromkeys(out))


def lookup(name: str, asking: LoadedSpec) -> UsedSpec | str:
    """Return what `use: {Encoder: name}` means: a catalogue name, or a path inside the folder of the spec that asks.

    Returns what was found, or the reason why there is nothing.
    """
    report = Report()
    if is_path(name):
        home = asking.document.source.path
        if home is None:
            return f"`{name}` is a path, and this spec comes from no file"
        path, variant = split(name)
        try:
            if path.is_absolute():  # a spec that uses it could not be copied
                raise disk.Outside
            data = disk.read_inside(home.parent, path, DEFAULT.bytes + 1)
        except disk.Outside:
            return f"`{name}` leads out of the folder of this spec"
        except (OSError, ValueError):  # nothing is there, a folder or a pipe, or it is no name: too long, a NUL
            return f"there is no file `{name[:80]}`"
        unit, reported = _used(home.parent / path, data)
        return UsedSpec(unit, variant, reported)
    found = named(name, report)
    if found is None:
        first = report.diagnostics[0]
        return first.message + (f" ({first.help[0]})" if first.help else "")
    return UsedSpec(*found)


@lru_cache(maxsize=256)
def _used(path: Path, data: bytes) -> tuple[LoadedSpec | None, tuple[Diagnostic, ...]]:
    """Return what a file holds that is named where it is used, and what there is to say of it."""
    report = Report()
    return unit_of(Source.decode(data, str(path), report), report), tuple(report)
