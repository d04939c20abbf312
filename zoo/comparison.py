"""Two networks that are compared: where each comes from, and which of two files' networks are each other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from speczoo import catalogue, checking, console, revisions
from speczoo.arguments import Arguments
from speczoo.compiler.analysis.diff import Diff, diff
from speczoo.compiler.elaborate import Lookup
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Report
from speczoo.specs.errors import raise_if_wrong
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec


@dataclass(frozen=True)
class Overlay:
    """What lies over a spec."""

    params: Mapping[str, Any]
    input: Any = None
    limits: Limits = DEFAULT


class Side(NamedTuple):
    """A spec that is compared, as it was asked for."""

    asked: str
    unit: LoadedSpec
    variant: str | None
    lookup: Lookup
    given: Overlay

    def variants(self) -> list[str | None]:
        """Return the networks of a family: its own name, where that is enough to build it, and its variants."""
        spec = self.unit.spec
        complete = not any(p.required and name not in self.given.params for name, p in spec.params.items())
        return [*([None] if complete else []), *spec.variants]

    def graph(self, variant: str | None) -> Graph:
        """Raise SpecError."""
        report = Report()
        given = Arguments(dict(self.given.params), self.given.input, None)
        made = checking.chosen(report, self.unit, variant, given, self.given.limits, lookup=self.lookup)
        raise_if_wrong(report)
        assert made is not None
        return made


class Compared(NamedTuple):
    """Two networks that were compared, and what they are called; without a diff, one that is `added`, or is gone."""

    names: tuple[str, str]
    diff: Diff | None
    added: bool = False


def side(asked: str, given: Overlay) -> Side:
    """Return the spec that is asked for. Raises SpecError, and RevisionError where git knows no such revision."""
    report, lookup, variant = Report(), catalogue.lookup, None
    if asked == "-":
        source = console.stdin(report, given.limits)
        unit, asked = catalogue.unit_of(source, report, given.limits) if source else None, "<stdin>"
    elif (found := revisions.split(asked)) is not None:
        name, path, variant = found
        revision = revisions.Revision.of(name)
        unit, lookup = revision.spec(path, report, given.limits), revision.lookup
    else:
        unit, variant = catalogue.find(asked, report, given.limits) or (None, None)
    raise_if_wrong(report)
    assert unit is not None
    return Side(asked, unit, variant, lookup, given)


def compared(old: Side, new: Side) -> list[Compared]:
    """Return the diffs of two specs: of each variant of two files with variants. Raises SpecError."""
    families = old.unit.spec.variants and new.unit.spec.variants and old.variant is None and new.variant is None
    if not families:
        graphs = old.graph(old.variant), new.graph(new.variant)
        names = graphs[0].name, graphs[1].name
        return [Compared((old.asked, new.asked) if names[0] == names[1] else names, diff(*graphs))]
    before, after = old.variants(), new.variants()
    found = []
    for name in dict.fromkeys([*before, *after]):
        names = (old.asked, new.asked) if name is None else (f"{old.asked}:{name}", f"{new.asked}:{name}")
        if name in before and name in after:
            found.append(Compared(names, diff(old.graph(name), new.graph(name))))
        elif name is not None:
            found.append(Compared(names, None, added=name in after))
    return found
