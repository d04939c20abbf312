"""The Python face: the same objects that the command prints."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from speczoo import catalogue
from speczoo.checking import InputShape, What, check_into, graph_into
from speczoo.compiler.emit.summary import Summary, summarise
from speczoo.compiler.graph import Graph
from speczoo.lazy_module import LazyModule
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.errors import SpecError, raise_if_wrong
from speczoo.specs.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from torch import nn

    from speczoo.compiler.analysis import diff as comparison
    from speczoo.compiler.analysis import sizes as analysis
else:  # what annotations name, for those who ask with typing.get_type_hints
    nn = LazyModule("torch.nn")
    analysis = LazyModule("speczoo.compiler.analysis.sizes")
    comparison = LazyModule("speczoo.compiler.analysis.diff")


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
