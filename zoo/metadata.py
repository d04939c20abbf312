"""What is known of a network in one line, without walking through its layers where its spec says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from speczoo import catalogue
from speczoo.specs.diagnostics import Report
from speczoo.specs.errors import raise_if_wrong
from speczoo.specs.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from pathlib import Path

    from speczoo.compiler.elaborate import Shared
    from speczoo.compiler.graph import Graph
    from speczoo.specs.loaded_spec import LoadedSpec


@dataclass(frozen=True)
class Metadata:
    """A row of `zoo list`.

    `input` is the shape without the batch axis, or shapes by name where there are several inputs; `params` and `macs`
    are those of the spec's `expect`, which `zoo check` holds the network to, and counted where it does not say them.
    """

    name: str
    family: str
    title: str
    input: list[int] | dict[str, list[int]]
    params: int
    macs: int
    year: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def of(asked: str | catalogue.NamedText, limits: Limits = DEFAULT) -> list[Metadata]:
    """Return the facts of a name of the catalogue, of a file's variant, or of all variants of a file or text, which
    keep its limits together. Raises SpecError.
    """
    report = Report()
    found = catalogue.find(asked, report, limits)
    raise_if_wrong(report)
    assert found is not None
    unit, variant = found
    offered: list[str | None] = [variant] if variant or not catalogue.is_file(asked) else [*unit.spec.variants]
    counting = Counting(unit, limits)
    return [_of(unit.document.data, v, counting) for v in offered or [None]]


class Counting:
    """Counts what networks of one file have, where their spec does not say it."""

    def __init__(self, unit: LoadedSpec, limits: Limits) -> None:
        self.unit, self.limits = unit, limits

    @cached_property
    def shared(self) -> Shared:
        from speczoo.compiler.elaborate import Shared

        return Shared()

    def __call__(self, variant: str | None) -> Graph:
        """Raise SpecError."""
        from speczoo.compiler.compile import compile

        report = Report()
        made = compile(
            self.unit,
            report,
            variant=variant,
            lookup=catalogue.lookup,
            limits=self.limits,
            expect=False,
            shared=self.shared,
        )
        raise_if_wrong(report)
        assert made is not None
        return made


def _of(data: Mapping[str, Any], variant: str | None, count: Callable[[str | None], Graph]) -> Metadata:
    """Return the row of a spec that is right, by what its text says."""
    chosen = data.get("variants", {}).get(variant)
    expect = (data if chosen is None else chosen).get("expect") or {}
    input = _input(data, chosen or {})
    params, macs = expect.get("params"), expect.get("macs")
    if input is None or type(params) is not int or type(macs) is not int or (variant and chosen is None):
        graph = count(variant)
        shapes = {name: list(value.shape) for name, value in graph.settings.inputs}
        input, params, macs = shapes if "inputs" in data else shapes["input"], graph.params, graph.macs
    title, year = word(data, variant, "title"), word(data, variant, "year")
    return Metadata(variant or data["name"], data["name"], title or "", input, params, macs, year)


def _input(data: Mapping[str, Any], chosen: Mapping[str, Any]) -> list[int] | dict[str, list[int]] | None:
    """Return the input where it is written in plain numbers, without loops."""
    several = data.get("inputs")
    if several and any("for" in each for each in several):
        return None
    shapes = {i["id"]: i["shape"] for i in several} if several else {"": chosen.get("input") or data.get("input")}
    plain = {
        name: [*shape] for name, shape in shapes.items() if isinstance(shape, list) and {*map(type, shape)} <= {int}
    }
    if len(plain) < len(shapes):
        return None
    return plain if several else plain[""]


def word(data: Mapping[str, Any], variant: str | None, key: str) -> Any:
    """Return `title`, `reference`, `year`, `source`, `published` or `notes` of a spec's data: the variant's own, else
    the family's.

    What is printed of one network is not printed of its siblings: `published` and `notes` are not inherited.
    """
    chosen = data.get("variants", {}).get(variant)
    own = None if chosen is None else chosen.get(key)
    return own if own is not None or (chosen is not None and key in ("published", "notes")) else data.get(key)


def everything() -> list[Metadata]:
    """Return all networks of the zoo, family by family as their files have them."""
    networks = [(path, catalogue.own_document(path).data, variant) for path, variant in catalogue.index().values()]
    return [_of(data, variant, partial(_counted, path)) for path, data, variant in networks]


def _counted(path: Path, variant: str | None) -> Graph:
    return Counting(catalogue.own(path), DEFAULT)(variant)
