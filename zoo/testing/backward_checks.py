"""What `check_layer` asks of a case's backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError

from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.weight_norms import spectral
from speczoo.testing.cases import Case
from speczoo.testing.oracle import BATCH, evaluated, prepared, quiet, seeded, tensors
from speczoo.testing.trial import Disagreement, Trial

OUTPUT = "output"  # what autograd may keep, beside the inputs by their numbers


def applied(layer: Layer, case: Case, training: bool = True, batch: int = BATCH) -> tuple[list[Any], list[Tensor]]:
    """Return what flows in, each behind a leaf that wants its gradient, and what comes out."""
    given = [x.requires_grad_().clone() if _floats(x) else x for x in tensors(layer, case, batch)]
    scope, expression = prepared(layer.call(*case.inputs), given, training=training)
    return given, evaluated(scope, expression)


def _floats(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def backward(trial: Trial) -> None:
    """Check that what goes forward goes backward, unless `no_backward` says why not."""
    if trial.layer.no_backward() is not None:
        return
    for training in (True, False):
        with seeded(), quiet():
            given, made = applied(trial.layer, trial.case, training, trial.batch)
            ends = [out.sum() for out in made if out.requires_grad]
            if not ends and any(map(_floats, made)) and (any(map(_floats, given)) or trial.trained.parameters):
                raise Disagreement(trial.case, "no gradient comes back: its output is cut off from its input")
            try:
                if ends:
                    torch.autograd.backward(ends)
            except Exception as error:  # whatever a backward pass of one's own raises
                raise Disagreement(trial.case, "it has no backward pass", ("torch", _first_line(error))) from None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def saves(trial: Trial) -> None:
    """Check that autograd keeps nothing for the backward pass but what `saves` and `saves_inplace` say."""
    layer, case = trial.layer, trial.case
    if layer.no_backward() is not None:
        return
    for target in sorted({*range(len(case.inputs)), OUTPUT} - declared(layer, len(case.inputs)), key=str):
        if not (layer.views and target == OUTPUT) and fails_after_writing(layer, case, target):
            kept = "its output" if target == OUTPUT else f"its input {target}" if target else "its input"
            field = "saves_inplace" if layer.inplace_ else "saves"
            raise Disagreement(case, f"autograd keeps {kept} for the backward pass, and `{field}` does not say so")


def declared(layer: Layer, count: int) -> set[int | str]:
    """Return what may be kept of so many inputs, where gradients are wanted of all."""
    match layer.saved:
        case "output":
            return {OUTPUT, *((0,) if layer.inplace_ else ())}
        case "input":
            return {*range(count), *((OUTPUT,) if layer.inplace_ else ())}
        case "factors":
            return set(range(count)) if count > 1 else set()
        case "both":
            return {*range(count), OUTPUT}
    return set()


def fails_after_writing(layer: Layer, case: Case, target: int | str) -> bool:
    """Return whether the backward pass fails once an input, by its number, or the output is written over."""
    with seeded(), quiet():
        given, made = applied(layer, case)
        ends = [out.clone() for out in made if out.requires_grad]
        written = made[0] if target == OUTPUT else given[int(target)]
        if not ends or not _floats(written):
            return False
        with torch.no_grad():
            written.mul_(1.0)
        try:
            torch.autograd.backward([end.sum() for end in ends])
        except RuntimeError as error:
            if "modified by an inplace operation" not in str(error):
                raise
            return True
    return False


def gradients(trial: Trial) -> None:
    """Check that the gradients of inputs and parameters are those that differences give, in double precision.

    A layer that computes in single precision alone is not looked at, nor what comes out as no number.
    """
    layer = trial.layer
    if layer.no_backward() is not None or not trial.case.inputs:
        return
    with seeded(), quiet():
        given = [x.double() if _floats(x) else x for x in tensors(layer, trial.case, trial.batch)]
        scope, expression = prepared(layer.call(*trial.case.inputs), given)
        module = scope["module"].double() if isinstance(scope["module"], nn.Module) else nn.Module()
        if spectral(getattr(layer, "norm", None)):
            module.eval()  # while training each pass moves its vectors, of which it gives no gradients
        own = dict(module.named_parameters())
        places = [i for i, x in enumerate(given) if _floats(x)]

        def computed(*leaves: Tensor) -> tuple[Tensor, ...]:
            flowing = dict(zip(places, leaves, strict=False))
            arriving = {f"x{i}": flowing[i].clone() if i in flowing else x for i, x in enumerate(given)}
            called = _With(module, dict(zip(own, leaves[len(places) :], strict=True)))
            with seeded(1):
                out = evaluated({**scope, **arriving, "module": called}, expression)
            return tuple(x for x in out if x.requires_grad)

        leaves = [x.detach().clone().requires_grad_() for x in (*(given[i] for i in places), *own.values())]
        try:
            made = computed(*leaves) if leaves else ()
            if not made or any(x.isnan().any() for x in made):
                return
        except RuntimeError:
            return
        try:
            torch.autograd.gradcheck(computed, leaves, fast_mode=True, nondet_tol=1e-9)
        except GradcheckError as error:
            sides = ("torch", _first_line(error))
            raise Disagreement(trial.case, "its gradients are not those of what it computes", sides) from None


class _With:
    """A module that is called with these parameters in place of its own, and writes to no buffer of its own."""

    def __init__(self, module: nn.Module, parameters: dict[str, Tensor]) -> None:
        self.module, self.parameters = module, parameters

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    def __call__(self, *given: Any, **options: Any) -> Any:
        buffers = {name: value.clone() for name, value in self.module.named_buffers()}
        return torch.func.functional_call(self.module, self.parameters | buffers, given, options)
