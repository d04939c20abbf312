"""What `check_layer` asks of a case: what the layer says, beside what torch does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from speczoo.compiler.layer import Layer, Shape, ShapeError, show
from speczoo.specs.wording import listed
from speczoo.testing.oracle import evaluated, prepared, quiet, seeded, tensors
from speczoo.testing.trial import Disagreement, Trial


def runs(trial: Trial) -> None:
    """Check that the module is made and applied with these arguments."""
    if trial.refusal is not None:
        raise Disagreement(trial.case, "the layer takes it, torch does not", ("torch", trial.refusal))


def refused(trial: Trial) -> None:
    """Check that torch refuses what the layer does."""
    try:
        if trial.refusal is None:
            raise Disagreement(trial.case, "the layer refuses it, torch does not")
    except ShapeError:  # the call itself cannot be written
        return


def shape(trial: Trial) -> None:
    """Check that what comes out has the shapes of `infer`, and the kinds of `dtype`."""
    lead = (trial.batch,) if any(value.batched for value in trial.predicted) else ()
    own = None if trial.case.inputs else stored(trial.layer)
    stated = [own or (*lead, *value.shape) for value in trial.predicted]
    for result in (trial.trained, trial.evaluated):
        came = [tuple(out.shape) for out in result.outputs]
        if came != stated:
            sides = [("infer", _shapes(stated, len(lead))), ("torch", _shapes(came, len(lead)))]
            raise Disagreement(trial.case, "another shape comes out than `infer` says", *sides)
        kinds = [str(out.dtype).removeprefix("torch.") for out in result.outputs]
        if kinds != [value.dtype for value in trial.predicted]:
            sides = [("dtype", ", ".join(value.dtype for value in trial.predicted)), ("torch", ", ".join(kinds))]
            raise Disagreement(trial.case, "other numbers come out than `dtype` says", *sides)


def stored(layer: Layer) -> Shape | None:
    """Return the shape of a Parameter or a Buffer as it is stored; None of another layer."""
    return (layer.weights() | layer.buffers() | layer.unsaved()).get("")


def _shapes(shapes: list[Shape], skip: int) -> str:
    return ", ".join(show(shape[skip:]) for shape in shapes)


def weights(trial: Trial) -> None:
    """Check that the state_dict is `weights` and `buffers`, in order, and `weights` are its parameters."""
    weights, buffers = trial.layer.weights(*trial.shapes), trial.layer.buffers(*trial.shapes)
    result = trial.trained
    stated, came = list((weights | buffers).items()), list(result.state.items())
    if stated != came:
        at = next((i for i, (mine, its) in enumerate(zip(stated, came, strict=False)) if mine != its), None)
        at = min(len(stated), len(came)) if at is None else at
        sides = [("weights", _entry(stated, at)), ("torch", _entry(came, at))]
        raise Disagreement(trial.case, "the state_dict is not what `weights` and `buffers` say", *sides)
    if set(weights) != result.parameters:
        odd = listed(sorted(set(weights) ^ result.parameters))
        raise Disagreement(trial.case, f"{odd}: parameters belong in `weights`, other tensors in `buffers`")
    if (named := type(trial.layer).parameters) and not weights.keys() <= set(named):
        raise Disagreement(trial.case, f"`parameters` lacks {listed(sorted(set(weights) - set(named)))}")


def _entry(state: list[tuple[str, Shape]], at: int) -> str:
    return f"{state[at][0]} of {show(state[at][1])}" if at < len(state) else f"{at} entries"


def macs(trial: Trial) -> None:
    """Check that `macs` is half of what torch's flop counter counts for one sample; of what has no batch, for all."""
    stated = trial.layer.macs(trial.predicted[0].shape, *trial.shapes)
    counted = trial.trained.macs * (1 if trial.predicted[0].batched else trial.batch)
    if stated != counted:
        sides = [("macs", f"{stated:,}"), ("torch", f"{counted:,.15g}")]
        raise Disagreement(trial.case, "torch's flop counter finds other multiply-accumulates than `macs` says", *sides)


def memory(trial: Trial) -> None:
    """Check that it writes over its input where it is in place, and there alone, and that `views` says what may be its
    input's.
    """
    layer = trial.layer
    for result in (trial.trained, trial.evaluated):
        if over := result.changed - ({0} if layer.inplace_ else set()):
            raise Disagreement(trial.case, f"its input {min(over)} is written over, and it is not in place")
    if layer.inplace_ and not trial.trained.aliases:
        raise Disagreement(trial.case, "its output has a memory of its own, and it claims to be in place")
    if not layer.inplace_ and not layer.views and (trial.trained.aliases or trial.evaluated.aliases):
        raise Disagreement(trial.case, "its output lies in its input's memory, and `views` is false")


def state(trial: Trial) -> None:
    """Check that no weight changes and no tensor comes or goes as it runs; evaluated, that no buffer changes, and one
    input gives one result.
    """
    for training in (True, False):
        with seeded(), quiet():
            given = tensors(trial.layer, trial.case, trial.batch)
            scope, expression = prepared(trial.layer.call(*trial.case.inputs), given, training=training)
            module = scope["module"]
            if not isinstance(module, nn.Module):
                return
            before = {name: _kept(value) for name, value in module.state_dict().items()}
            runs = [_again(scope, expression, given) for _ in range(2)]
        kept = dict(module.named_parameters()) if training else module.state_dict()
        mode = "training" if training else "evaluation"
        if odd := module.state_dict().keys() ^ before.keys():
            raise Disagreement(trial.case, f"{listed(sorted(odd))} of its state comes or goes as it runs in {mode}")
        for name in kept:
            after = _kept(module.state_dict()[name])
            if after.shape != before[name].shape or not torch.equal(after, before[name]):
                raise Disagreement(trial.case, f"its state changes as it runs in {mode}: `{name}`")
        if not training and not all(torch.equal(a, b) for a, b in zip(*runs, strict=True)):
            raise Disagreement(trial.case, "evaluated twice on one input it gives two results: it has a state besides")


def _kept(value: Tensor) -> Tensor:
    return torch.empty(0) if is_lazy(value) else value.detach().nan_to_num().clone()


def _again(scope: dict[str, Any], expression: str, given: list[Any]) -> list[Tensor]:
    fresh = {f"x{i}": x.clone() if isinstance(x, Tensor) else x for i, x in enumerate(given)}
    with torch.no_grad(), seeded(1):
        return [_kept(out) for out in evaluated(scope | fresh, expression)]
