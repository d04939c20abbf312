"""A text checked as `zoo check` checks it, and what is known of each of its entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from speczoo import checking
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.errors import SpecError
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.source import Source

if TYPE_CHECKING:
    from speczoo.training.recipe_loader import RecipeReading


class Instance(NamedTuple):
    """An entry as it stands in a list, which is there so many `times` in the network."""

    node: Node
    composite: Composite
    times: int


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found of a text. `unit` is None where it is no spec at all, `recipe` where it is none of training.

    `variant` is the one in view: of it are `graph`, None where something is wrong, and `entries`: of each entry of this
    text, by its place, what it has become, in the order of the network. `complete` is false while only this variant is
    checked, and others are left. Of a recipe `graph` is its network.
    """

    source: Source
    unit: LoadedSpec | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    variant: str | None = None
    graph: Graph | None = None
    entries: Mapping[Loc, tuple[Instance, ...]] = field(default_factory=dict)
    complete: bool = True
    recipe: RecipeReading | None = None

    @property
    def known(self) -> bool:
        """Whether it could be read as what it is."""
        return self.unit is not None or self.recipe is not None

    @property
    def asks_others(self) -> bool:
        """Whether what other files say is part of it."""
        return self.recipe is not None or (self.unit is not None and bool(self.unit.spec.use))

    @property
    def clean(self) -> bool:
        """Whether there is nothing to say against it."""
        return self.complete and self.unit is not None and not self.diagnostics

    def diagnostics_of(self, source: Source) -> tuple[Diagnostic, ...]:
        """Return what is wrong with a text; nothing where this was found of another."""
        return self.diagnostics if source is self.source else ()

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self.unit.spec.variants) if self.unit is not None else ()


def analyses(
    source: Source, view: str | None = None, before: Analysis | None = None, limits: Limits = DEFAULT
) -> Iterator[Analysis]:
    """Yield what is found of a text: first with the variant in view, then with more and more of the others.

    The last one says what `zoo check` says. The view is the first variant where there is none of that name. Of a text
    that means the same as `before`, which was right, the other variants are not checked again.
    """
    report = Report()
    document = parse(source, report, limits)
    spec = load(document, report) if document is not None else None
    if document is None or spec is None:
        yield _as_recipe(source, report) or Analysis(source, None, tuple(report))
        return
    unit = LoadedSpec(spec, document)
    first: Analysis | None = None
    if view in spec.variants and view is not None:
        aside = Report()
        (in_view,) = checking.check_each(aside, unit, view, limits=limits)
        first = _of(unit, aside, in_view, complete=False)
        yield first
    for step in checking.check_each(report, unit, None, limits=limits):
        if first is None:
            first = _of(unit, report, step, complete=not spec.variants)
            if not first.complete:
                yield first
            if not report.diagnostics and _means_the_same(before, unit, first.variant):
                break
        else:
            yield replace(first, diagnostics=tuple(report))
    assert first is not None
    recipe = None if report.ok else _as_recipe(source, report)
    yield recipe or replace(first, diagnostics=tuple(report), complete=True)


def _of(unit: LoadedSpec, report: Report, step: checking.ElaboratedVariant, *, complete: bool) -> Analysis:
    entries = entries_of(step.root, unit) if step.root is not None else {}
    return Analysis(unit.document.source, unit, tuple(report), step.variant, step.graph, entries, complete)


def _means_the_same(before: Analysis | None, unit: LoadedSpec, variant: str | None) -> bool:
    """Return whether a text that was right in all its variants says the same.

    What other files say is not kept, nor what comments ignore.
    """
    if before is None or before.unit is None or not before.clean or unit.spec.use:
        return False
    if any("ignore" in source.text for source in (before.source, unit.document.source)):
        return False
    return before.source.path == unit.document.source.path and before.unit.spec == unit.spec


def _as_recipe(source: Source, report: Report) -> Analysis | None:
    """Return what is found of a text that is no network, but a recipe of training, where it says that it is one."""
    from speczoo.training import recipe_loader

    if not recipe_loader.is_recipe(source):
        return None
    try:
        reading = recipe_loader.read(source, with_network=True)
    except SpecError as error:
        return Analysis(source, None, tuple(error.diagnostics))
    wrong = () if reading.report.ok else tuple(replace(diagnostic, fix=()) for diagnostic in reading.report)
    return Analysis(source, None, wrong, graph=reading.network, recipe=reading)


def entries_of(root: Composite, unit: LoadedSpec) -> dict[Loc, tuple[Instance, ...]]:
    """Return what the entries of a text have become in a network, by their places."""
    found: dict[Loc, list[Instance]] = {}
    for composite, count in _lists(root).items():
        for node in composite.nodes if composite.unit.document is unit.document else ():
            found.setdefault(node.loc, []).append(Instance(node, composite, count))
    return {loc: tuple(instances) for loc, instances in found.items()}


def _lists(root: Composite) -> dict[Composite, int]:
    """Return the lists of a network in their order, each once, with how often it stands there."""
    order: dict[Composite, None] = {}
    inner_first: list[Composite] = []
    _visit(root, order, inner_first)
    counts = dict.fromkeys(order, 0)
    counts[root] = 1
    for composite in reversed(inner_first):
        for node in composite.nodes:
            if isinstance(node.body, Composite):
                counts[node.body] += counts[composite]
    return counts


def _visit(composite: Composite, order: dict[Composite, None], inner_first: list[Composite]) -> None:
    """Add a list and those inside it, as they are met first, and as they end."""
    order[composite] = None
    for node in composite.nodes:
        if isinstance(node.body, Composite) and node.body not in order:
            _visit(node.body, order, inner_first)
    inner_first.append(composite)


def source_of(text: str, path: Path | None, name: str) -> Source:
    """Return an unsaved text as `zoo check` would read it from its file."""
    return Source(str(path) if path is not None else name, text.removeprefix("\ufeff"), path)
