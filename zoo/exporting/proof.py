"""An exported network beside its module: with weights drawn anew, so that nothing that starts at 0 or 1 hides anything,
at the size that it was traced with and at another number of samples and another size; and with its own weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from speczoo.compiler.analysis.sizes import Axis
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape
from speczoo.exporting.exported import BATCH, NotExported, VerifiedRun
from speczoo.exporting.tracing import TracedProgram, at, inputs, quiet, reason
from speczoo.module_mode import in_mode
from speczoo.verify import draw_anew

#: How far outputs may be apart, as a part of the largest number.
CLOSE = 1e-4
#: How far float32 rounds, and how many times what rounding an input does two ways to compute the same may differ by.
ROUNDING, SPREAD = 2.0**-22, 10.0
#: By how much drawn norms are calmed, one after the other, until rounding does little and no further: in a network that
#: gives much the same whatever flows, nothing that is wrong shows.
CALMING = (0.0, *[0.25] * 6)
#: Whose weights a run had: those that were drawn, or the module's.
DRAWN, OWN = "drawn", "its own"
OTHER_BATCH = 1  # what most people run, and what exporters take for a constant
#: Runs what was exported on inputs, in the order of the spec's; gives the outputs in order.
Runner: TypeAlias = Callable[[Sequence[Tensor]], Sequence[Tensor]]


@contextmanager
def drawn_weights(graph: Graph, module: nn.Module) -> Iterator[None]:
    """Give a module other weights and statistics while this lasts, such that rounding does little to what it gives."""
    own = {key: value.clone() for key, value in module.state_dict().items()}
    given = inputs(graph, BATCH)
    draw_anew(module)
    for share in CALMING:
        if _disturbed(module, given) <= CLOSE / SPREAD:  # not where it overflows
            break
        _settle(module, given, share)
    try:
        yield
    finally:
        module.load_state_dict(own)


def _settle(module: nn.Module, given: Sequence[Tensor], share: float) -> None:
    """Give batch norms the statistics of what flows, so that it neither grows nor vanishes over many layers, and move
    what they give by a share of the way to 1, so that more of it passes a ReLU: of what is cut in half a large part is
    mean, which the next norm takes away, and what rounding did is a larger part of the rest, each time.

    A norm has those of what flows in where it is applied first, as evaluation has it with the norms before it settled:
    in training mode they would differ a little, which is much over many layers.
    """
    settled: set[nn.Module] = set()

    def settle(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        if norm in settled:
            return
        settled.add(norm)
        variance, mean = torch.var_mean(inputs[0].transpose(0, 1).flatten(1), 1, correction=0)
        for statistic, value in ((norm.running_mean, mean), (norm.running_var, variance)):
            assert isinstance(statistic, Tensor)
            statistic.copy_(value)

    norms = [each for each in module.modules() if isinstance(each, _BatchNorm) and each.track_running_stats]
    with ExitStack() as hooks, torch.no_grad():
        for norm in norms:
            hooks.enter_context(norm.register_forward_pre_hook(settle))
            if norm.affine:
                norm.weight.mul_(1 - share)
                norm.bias.mul_(1 - share).add_(share)
        _of_module(module, given)


def runs(
    graph: Graph, module: nn.Module, traced: TracedProgram, run: Runner, other: Mapping[Axis, int]
) -> list[VerifiedRun]:
    """Return the runs beside a module with drawn weights: as it was traced, and at the `other` size of the axes that
    are open. Raises NotExported where the outputs are not the same.
    """
    open = {(axis.input, axis.dim) for axis in traced.open}
    sizes = {axis: size for axis, size in other.items() if (axis.input, axis.dim) in open}
    batch = OTHER_BATCH if any(axis.dim == 0 for axis in traced.open) else BATCH
    tried = [(BATCH, at(graph, {})), *([(batch, at(graph, sizes))] if open else [])]
    return [beside(graph, module, run, batch, shapes, DRAWN) for batch, shapes in tried]


def beside(
    graph: Graph, module: nn.Module, run: Runner, batch: int, shapes: Mapping[str, Shape], weights: str
) -> VerifiedRun:
    """Return a run on random inputs of these shapes. Raises NotExported where the outputs are not the module's."""
    given = inputs(graph, batch, shapes)
    wanted = _of_module(module, given)
    if weights == DRAWN and not _finite(wanted):  # logarithms and roots take what is above 0
        given = [x.abs() if x.is_floating_point() else x for x in given]
        wanted = _of_module(module, given)
    given_shapes = {name: tuple(x.shape) for name, x in zip(shapes, given, strict=True)}
    where = ", ".join("x".join(map(str, shape)) for shape in given_shapes.values())
    try:
        with quiet():
            came = run(given)
    except Exception as error:  # what runtimes raise is not documented
        raise NotExported(f"what was exported does not run at {where}: {reason(error)}") from error
    for want, got in zip(wanted, came, strict=True):
        if want.shape != got.shape:
            raise NotExported(f"at {where} {tuple(got.shape)} comes out of what was exported, and not {(*want.shape,)}")
    apart = max(map(difference if weights == DRAWN else _where_finite, wanted, came))
    rounding = 0.0 if apart <= CLOSE or weights == DRAWN else rounded(module, given)
    if not apart <= max(CLOSE, SPREAD * rounding):
        raise NotExported(f"at {where} what was exported gives other numbers: {apart:.1e} of the largest apart")
    return VerifiedRun(given_shapes, weights, apart, rounding)


def rounded(module: nn.Module, given: Sequence[Tensor]) -> float:
    """Return how far apart outputs are, as `difference` has it, where inputs are apart by what float32 rounds; 0 where
    they are not finite. Where that is far, no two ways to compute the network give the same numbers.
    """
    apart = _disturbed(module, given)
    return apart if math.isfinite(apart) else 0.0


def _disturbed(module: nn.Module, given: Sequence[Tensor]) -> float:
    """Return how far apart outputs are, nan where they are not finite, for inputs that are apart by what float32
    rounds.
    """
    generator = torch.Generator().manual_seed(0)
    other = [
        x * (1 + ROUNDING * torch.randn(x.shape, generator=generator)) if x.is_floating_point() else x for x in given
    ]
    return max(map(difference, _of_module(module, given), _of_module(module, other)))


def _finite(values: Sequence[Tensor]) -> bool:
    return all(value.isfinite().all() for value in values)


def _where_finite(wanted: Tensor, came: Tensor) -> float:
    """Return how far two values are apart where both are finite; nan where one alone is. What a network overflows to
    with the weights that it starts from says nothing about its export.
    """
    finite = wanted.isfinite()
    if not torch.equal(finite, came.isfinite()):
        return math.nan
    return difference(wanted[finite], came[finite])


def difference(wanted: Tensor, came: Tensor) -> float:
    """Return how far two values are apart at most, as a part of the largest number; nan where one is not finite."""
    if not wanted.numel():
        return 0.0
    wanted, came = wanted.detach().double(), came.detach().double()
    largest = float(wanted.abs().max())
    return float((wanted - came).abs().max()) / (largest or 1.0)


def _of_module(module: nn.Module, given: Sequence[Tensor]) -> list[Tensor]:
    """Return what a module makes of inputs, which stay as they are where it works in place."""
    with torch.no_grad(), in_mode(module, training=False):
        return tensors(module(*(x.clone() for x in given)))


def tensors(came: Any) -> list[Tensor]:
    """Return what comes out of a module, in order."""
    if isinstance(came, Tensor):
        return [came]
    return list(came.values()) if isinstance(came, Mapping) else list(came)
