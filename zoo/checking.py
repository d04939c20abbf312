"""Specs checked into a report, and the graphs that come out whole: what the Python face, commands and editors ask."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from speczoo import catalogue
from speczoo.arguments import Arguments
from speczoo.collector import patient
from speczoo.compiler.compile import check_unused_blocks, compile
from speczoo.compiler.composite import Composite
from speczoo.compiler.elaborate import Lookup, Shared, freeze
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import Document
from speczoo.specs.ignores import heed
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.spec import Spec

What: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Spec | catalogue.NamedText
InputShape = Sequence[int] | Mapping[str, Sequence[int]]

#: Graphs of these very texts, where there was nothing to say against them: a second look costs no elaboration.
_clean: OrderedDict[Any, Any] = OrderedDict()
REMEMBERED = 128
_keeping = threading.Lock()


def _remembered(key: Any) -> Any:
    with _keeping:
        try:
            if key not in _clean:
                return None
        except TypeError:  # an argument that is no plain data: reported by elaboration
            return None
        _clean.move_to_end(key)
        return _clean[key]


def _says_nothing(report: Report, heard: int, limits: Limits) -> bool:
    """Return whether a report that had heard of so much has heard of nothing since, and was not too full to."""
    return report.heard == heard and len(report.diagnostics) < limits.mistakes


def _remember(key: Any, unit: LoadedSpec, value: Any) -> None:
    """Keep what only this text decides: not what came from Python data or reads other files."""
    if unit.document.source.text and not unit.spec.use:
        with _keeping:
            _clean[key] = value
            while len(_clean) > REMEMBERED:
                _clean.popitem(last=False)


@patient()
def graph_into(
    report: Report,
    what: What,
    *,
    input: InputShape | None = None,
    taps: Any = None,
    limits: Limits = DEFAULT,
    params: Mapping[str, Any] | None = None,
) -> Graph | None:
    """Return the graph, or None with the reasons in `report`. What a spec expects of itself is `check`'s to verify."""
    found = catalogue.find(what, report, limits)
    if found is None:
        return None
    unit, variant = found
    given = Arguments.read(report, params or {}, input, taps, limits)
    if given is None:
        return None
    laid_over = freeze(given.params), freeze(given.input), freeze(given.taps)
    key = ("graph", unit.document.source, variant, *laid_over, limits)
    if (known := _remembered(key)) is not None:
        return known  # type: ignore[no-any-return]
    heard = report.heard
    made = chosen(report, unit, variant, given, limits)
    if made is not None and _says_nothing(report, heard, limits):
        _remember(key, unit, made)
    return made


def chosen(
    report: Report,
    unit: LoadedSpec,
    variant: str | None,
    given: Arguments,
    limits: Limits = DEFAULT,
    *,
    lookup: Lookup = catalogue.lookup,
    shared: Shared | None = None,
    explain: bool = True,
) -> Graph | None:
    """Return the graph of a spec under what is given beside it, or None with the reasons in `report`; `lookup`,
    `shared` and `explain` as `compile` has them.
    """
    params, shape = dict(given.params), given.input
    channels = params.pop("in_channels", None) if "in_channels" not in unit.spec.params else None
    if channels is not None and shape is None and unit.spec.input is not None:
        declared = (unit.spec.variants[variant].input if variant in unit.spec.variants else None) or unit.spec.input
        if isinstance(declared, list):
            shape = [channels, *declared[1:]]  # type: ignore[list-item]
    return compile(
        unit,
        report,
        variant=variant,
        params=params,
        input=shape,
        taps=given.taps,
        lookup=lookup,
        limits=limits,
        expect=False,
        shared=shared,
        explain=explain,
    )


@patient()
def check_into(
    report: Report,
    what: What,
    *,
    input: InputShape | None = None,
    limits: Limits = DEFAULT,
    params: Mapping[str, Any] | None = None,
) -> list[Graph]:
    """Return the graphs that come out whole; what `check` would raise goes into `report`."""
    found = catalogue.find(what, report, limits)
    if found is None:
        return []
    unit, variant = found
    given = Arguments.read(report, params or {}, input, None, limits)
    if given is None:
        return []
    key = (unit.document.source, variant, freeze(given.params), freeze(given.input), limits)
    if (known := _remembered(key)) is not None:
        return known  # type: ignore[no-any-return]
    heard = report.heard
    whole = check_unit(report, unit, variant, input=given.input, limits=limits, params=given.params)
    if _says_nothing(report, heard, limits):
        _remember(key, unit, whole)
    return whole


def check_unit(
    report: Report,
    unit: LoadedSpec,
    variant: str | None,
    *,
    input: InputShape | None = None,
    limits: Limits = DEFAULT,
    params: Mapping[str, Any] | None = None,
) -> list[Graph]:
    """Return the graphs of a spec that come out whole: of one variant, or of the spec by its own name, where that is
    enough to build it, and of all its variants. What only a later one meets says so.
    """
    steps = check_each(report, unit, variant, input=input, limits=limits, params=params)
    return [each.graph for each in steps if each.graph is not None]


class ElaboratedVariant(NamedTuple):
    """One variant of a spec, checked: its graph where it is right, and its list with placeholders for what is wrong;
    None where so much is wrong that there is no list.
    """

    variant: str | None
    graph: Graph | None
    root: Composite | None


def check_each(
    report: Report,
    unit: LoadedSpec,
    variant: str | None,
    *,
    input: InputShape | None = None,
    limits: Limits = DEFAULT,
    params: Mapping[str, Any] | None = None,
) -> Iterator[ElaboratedVariant]:
    """Yield what `check_unit` checks, one after the other, each as soon as it is done."""
    wanted: list[str | None] = [variant]
    if variant is None and unit.spec.variants:
        given = params or {}
        complete = not any(param.required and name not in given for name, param in unit.spec.params.items())
        wanted = [*wanted[:complete], *unit.spec.variants]
    shared, before, used = Shared(), len(report.diagnostics), dict[int, Document]()
    for number, v in enumerate(wanted):
        reported = len(report.diagnostics)
        made = compile(
            unit,
            report,
            variant=v,
            params=params,
            input=input,
            lookup=catalogue.lookup,
            limits=limits,
            shared=shared,
            last=False,
        )
        if number:
            report.diagnostics[reported:] = [_of_variant(d, v, unit) for d in report.diagnostics[reported:]]
        if made is not None:
            found = (each.unit for each in made.used.values() if isinstance(each, UsedSpec))
            used |= {id(each): each.document for each in found if each is not None}
        yield ElaboratedVariant(v, made, shared.roots.get(v))
        if made is None and (
            any(d.code == "limit-exceeded" for d in report.errors)
            or report.wrong >= 10 * limits.mistakes
            or len(report.errors) >= limits.mistakes
        ):
            break
    check_unused_blocks(shared)
    heed(report, before, unit.document, whole=variant is None)
    for document in used.values():
        heed(report, before, document, whole=False)


def _of_variant(diagnostic: Diagnostic, variant: str | None, unit: LoadedSpec) -> Diagnostic:
    """Say which variant, unless the place does."""
    span = unit.document.span(("variants", str(variant)))
    at = diagnostic.span
    if at is not None and span is not None and span.line <= at.line <= span.end_line:
        return diagnostic
    return replace(diagnostic, notes=(*diagnostic.notes, f"in the variant `{variant}`"))
