"""The Python face: the same objects that the command prints."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, TypeAlias

from speczoo import catalogue
from speczoo.arguments import Arguments
from speczoo.collector import patient
from speczoo.compiler.compile import check_unused_blocks, compile
from speczoo.compiler.composite import Composite
from speczoo.compiler.elaborate import Lookup, Shared, freeze
from speczoo.compiler.emit.summary import Summary, summarise
from speczoo.compiler.graph import Graph
from speczoo.lazy_module import LazyModule
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import Document
from speczoo.specs.errors import SpecError, raise_if_wrong
from speczoo.specs.ignores import heed
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.spec import Spec

if TYPE_CHECKING:
    from torch import nn

    from speczoo.compiler.analysis import diff as comparison
    from speczoo.compiler.analysis import sizes as analysis
else:  # what annotations name, for those who ask with typing.get_type_hints
    nn = LazyModule("torch.nn")
    analysis = LazyModule("speczoo.compiler.analysis.sizes")
    comparison = LazyModule("speczoo.compiler.analysis.diff")

What: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Spec | catalogue.NamedText
InputShape = Sequence[int] | Mapping[str, Sequence[int]]


#: Graphs of these very texts, where there was nothing to say against them: a second look costs no walk.
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


def graph(
    what: What,
    *,
    input: InputShape | None = None,
    taps: Sequence[str] | Mapping[str, str] | None = None,
    limits: Limits = DEFAULT,
    **params: Any,
) -> Graph:
    """Return the checked graph of a network: shapes, weights, costs; torch is not imported.

    `what` is a catalogue name, a path (`net.yaml`, `net.yaml:small`), the text of a spec, data or a Spec. `input` is a
    shape without the batch axis (by name where there are several). Numbers, sequences and mappings may be of any kind.
    Raises SpecError.
    """
    report = Report()
    made = graph_into(report, what, input=input, taps=taps, limits=limits, params=params)
    raise_if_wrong(report)
    assert made is not None
    return made


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


def build(
    what: What,
    weights: Any = None,
    *,
    input: InputShape | None = None,
    device: Any = None,
    dtype: Any = None,
    seed: SupportsIndex | None = None,
    taps: Sequence[str] | Mapping[str, str] | None = None,
    optimize: bool = False,
    **params: Any,
) -> nn.Module:
    """Return the network as an nn.Module, in training mode, with fresh weights or with `weights`.

    `weights` is a name of torchvision's (`"DEFAULT"`, `"IMAGENET1K_V1"`), a path to .safetensors or .pt, or a
    state_dict. `dtype` is torch's or its name (`"float16"`). `params` are the spec's own (`num_classes=2`);
    `in_channels=1` changes the input's first axis; `taps` name inner values to return instead of the output.
    `optimize` gives one for evaluation alone, in that mode: batch norms folded, in place where that is safe, computed
    by oneDNN on a CPU; no parameter trains. Raises SpecError where the spec is wrong, WeightsError where the weights
    are, ValueError for another dtype, TypeError for a seed that is no whole number.
    """
    made, model = built(what, weights, Factory(device, dtype, seed), input=input, taps=taps, **params)
    if not optimize:
        return model
    from speczoo.folding import optimized
    from speczoo.verify import hold

    state = model.state_dict()
    del model  # whose weights are written over
    return hold(*optimized(made, state))


class Factory(NamedTuple):
    """What torch's factories make weights with: as `build` has it."""

    device: Any = None
    dtype: Any = None
    seed: SupportsIndex | None = None


def built(what: What, weights: Any, factory: Factory, /, **given: Any) -> tuple[Graph, nn.Module]:
    """Return the graph of a network, as `graph` makes it of what is `given`, and the module that `build` makes of it.
    Raises as `build` does.
    """
    made = graph(what, **given)
    from speczoo.compiler.emit import module
    from speczoo.verify import hold

    device, dtype, seed = factory.device, _dtype(factory.dtype), factory.seed
    seed = None if seed is None else index(seed)
    if weights is None:
        return made, hold(made, module.build(made, device=device, dtype=dtype, seed=seed))
    from speczoo.weights import build_with, params_with, report_of

    if brought := {name: value for name, value in params_with(made, weights).items() if name not in given}:
        made = graph(what, **given, **brought)
    model = hold(made, build_with(made, weights, device=device, dtype=dtype, seed=seed))
    if (report := report_of(model)).missing:
        logging.getLogger("zoo").warning("%s: %s", made.name, report)
    return made, model


def _dtype(given: Any) -> Any:
    """Return torch's type of numbers: itself, or by its name. Raises ValueError."""
    if given is None:
        return None
    import torch

    found = getattr(torch, given.removeprefix("torch."), None) if isinstance(given, str) else given
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f"dtype is one of torch's for fractions, or its name, as 'float16', not {given!r}")
    return found


get_model = build


def list_models(pattern: str = "*", exclude: str | list[str] = ()) -> list[str]:  # type: ignore[assignment]
    """Return names of the catalogue that match a glob and none of those in `exclude`."""
    return catalogue.names(pattern, exclude)


def summary(what: What, *, input: InputShape | None = None, taps: Any = None, **params: Any) -> Summary:
    """Return shapes, parameters and MACs layer by layer, and their totals. Raises SpecError."""
    return summarise(graph(what, input=input, taps=taps, **params))


def fingerprint(what: What, *, input: InputShape | None = None, taps: Any = None, **params: Any) -> str:
    """Return a hash of what a network computes, `v1:` and 64 hexadecimal digits: equal where two compute the same,
    however their specs are written. Raises SpecError.
    """
    from speczoo.compiler.analysis import fingerprint as hashing

    return hashing.fingerprint(graph(what, input=input, taps=taps, **params))


def diff(first: What, second: What) -> comparison.Diff:
    """Return what changed from one network to another: each change, totals, and which weights of the first the second
    takes. A network under other parameters is `speczoo.compiler.analysis.diff.diff`'s to compare, of two graphs. Raises
    SpecError.
    """
    return comparison.diff(graph(first), graph(second))


def sizes(what: What, *, input: InputShape | None = None, taps: Any = None, **params: Any) -> analysis.Sizes:
    """Return which sizes of its input a network takes, as it is built for the declared one: `.accepts(97, 96)`,
    `.output(97, 96)`. Raises SpecError.
    """
    return analysis.Sizes(graph(what, input=input, taps=taps, **params))


def source(
    what: What, *, input: InputShape | None = None, taps: Any = None, optimize: bool = False, **params: Any
) -> str:
    """Return the network as Python source that needs torch alone: a string, which a notebook shows folded; with
    `optimize` that of the network that `build` gives for evaluation. Raises SpecError.
    """
    from speczoo.compiler.emit.python import source as emitted  # what writes code, no check waits for
    from speczoo.compiler.emit.source_text import SourceText

    made = graph(what, input=input, taps=taps, **params)
    if optimize:
        from speczoo.compiler.optimize import optimize as optimized

        made = optimized(made).graph
    return SourceText.of(made.name, emitted(made))


def check(
    what: What, *, input: InputShape | None = None, limits: Limits = DEFAULT, **params: Any
) -> tuple[Diagnostic, ...]:
    """Return everything there is to say against a spec; the warnings, when nothing is wrong.

    A file or family is checked in all its variants. Raises SpecError, which carries the diagnostics.
    """
    report = Report()
    check_into(report, what, input=input, limits=limits, params=params)
    raise_if_wrong(report)
    return tuple(report)


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


__all__ = [
    "Graph",
    "SpecError",
    "Summary",
    "build",
    "check",
    "diff",
    "fingerprint",
    "get_model",
    "graph",
    "list_models",
    "sizes",
    "source",
    "summary",
]
