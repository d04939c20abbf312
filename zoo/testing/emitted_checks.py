"""What `check_layer` asks of a case in a spec: its arguments as data, and the code that is written for it."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import speczoo
from speczoo.specs.errors import SpecError
from speczoo.testing.cases import Case
from speczoo.testing.oracle import evaluated, prepared, quiet, seeded, tensors
from speczoo.testing.trial import Disagreement, Trial
from speczoo.verify import Unpredicted

LAYER = "layer"  # the id of the entry
BESIDE = "beside"  # that of an input which it does not take


def arguments(trial: Trial) -> None:
    """Check that the arguments are plain data that make the same layer again: as given, and as the layer has them."""
    layer, kind = trial.layer, type(trial.layer)
    for data in (trial.case.arguments, layer.model_dump(mode="json", exclude_unset=True)):
        try:
            again = kind(**json.loads(json.dumps(data)))
        except (TypeError, ValueError) as error:
            text = str(error).partition("\n")[0]
            raise Disagreement(trial.case, "its arguments do not go through JSON", ("error", text)) from None
        if again != layer:
            sides = [("was", repr(layer)), ("is", repr(again))]
            raise Disagreement(trial.case, "its arguments come back from JSON as others", *sides)


def network(case: Case) -> dict[str, Any]:
    """Return the case as a spec of one layer, with an output for each of the layer's."""
    inputs, taken = [], []
    entries: list[dict[str, Any]] = []
    for i, value in enumerate(case.inputs):
        taken.append(f"in{i}" if value.batched or value.shape else 2)
        if value.batched:
            inputs.append({"id": f"in{i}", "shape": list(value.shape), "dtype": value.dtype})
        elif value.shape and value.is_float:
            entries.append({"id": f"in{i}", "op": "Parameter", "shape": list(value.shape)})
        elif value.shape:
            number = True if value.dtype == "bool" else 0
            entries.append({"id": f"in{i}", "op": "Buffer", "shape": list(value.shape), "value": number})
    layer = case.accepted()
    assert layer is not None
    entry: dict[str, Any] = {"id": LAYER, "op": case.op, **case.arguments}
    for name in reversed(layer.referred(len(taken))):
        entry[name] = taken.pop()
    entry["from"] = taken if len(taken) > 1 else taken[0]
    made = layer.apply(*case.inputs)
    ports = [f"{LAYER}.{i}" for i in range(len(made))] if layer.several and len(made) > 1 else [LAYER]
    entries.append(entry)
    if not any(value.batched for value in made):  # what comes out gets the batch of a value beside it
        inputs.append({"id": BESIDE, "shape": [1]})
        for i, (port, value) in enumerate(zip(ports, made, strict=True)):
            sizes = [-1] * len(value.shape)
            entries.append({"id": f"of_all{i}", "op": "expand", "from": port, "size": sizes, "like": BESIDE})
        ports = [f"of_all{i}" for i in range(len(ports))]
    outputs = [{"id": f"out{i}", "from": port} for i, port in enumerate(ports)]
    return {"spec": 1, "name": "net", "inputs": inputs, "layers": entries, "outputs": outputs}


def source(trial: Trial) -> None:
    """Check that a spec of the layer is accepted, and that what is built of it computes what the layer's own call does,
    copied and pickled too.
    """
    case, layer = trial.case, trial.layer
    alone = not any(value.batched for value in trial.predicted)
    named = [v for v in case.inputs if v.batched or (alone and not layer.numbers)] + [*trial.predicted] * alone
    if not case.inputs or not all(value.shape for value in named):
        return  # nothing flows in, or comes out, that can be the input of a network, or its output
    spec = network(case)
    try:
        with quiet():
            model = speczoo.build(spec, seed=0)
    except SpecError as error:
        if layer.no_backward() is not None or all(d.code == "unsafe-inplace" for d in error.diagnostics):
            return
        raise Disagreement(case, "it is refused in a spec", ("check", error.diagnostics[0].message)) from None
    except Unpredicted as error:
        raise Disagreement(case, "what is built is not what the layer says", ("built", str(error))) from None
    except Exception as error:  # whatever a custom layer's module raises as it is made
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise Disagreement(case, "the source that is written for it does not run", ("error", text)) from None
    with seeded():
        given = tensors(layer, case, trial.batch)
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    given = [own.get(f"in{i}", x) for i, x in enumerate(given)]
    scope, expression = prepared(layer.call(*case.inputs), given)
    scope["module"] = copy.deepcopy(dict(model.named_children()).get(LAYER, scope["module"]))  # statistics move apart
    arriving = [x for x, value in zip(given, case.inputs, strict=True) if value.batched]
    arriving += [torch.zeros(trial.batch, 1)] * alone
    try:
        copies = [model, copy.deepcopy(model)]
        copies += [pickle.loads(pickle.dumps(model))] if layer.wrap() is None else []  # which torch does not pickle
    except Exception as error:  # whatever a module of one's own raises
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise Disagreement(case, "what is built cannot be copied and pickled", ("error", text)) from None
    for training in (True, False):
        scope["self"].train(training)
        expected = _outputs(scope["module"], training, lambda: evaluated(_fresh(scope), expression))
        expected = [x.expand(trial.batch, *x.shape) for x in expected] if alone else expected
        for built in copies:
            came = _outputs(built, training, partial(_called, built, arriving))
            if not all(torch.equal(a, b) or (a != a).any() for a, b in zip(came, expected, strict=True)):
                raise Disagreement(case, "what is built for a spec computes something else than `call`")


def _called(module: nn.Module, given: list[Tensor]) -> Any:
    return module(*(x.clone() for x in given))


def _fresh(scope: dict[str, Any]) -> dict[str, Any]:
    return {name: x.clone() if isinstance(x, Tensor) else x for name, x in scope.items()}


def _outputs(module: Any, training: bool, call: Callable[[], Any]) -> list[Tensor]:
    """Return what comes out of a call, computed in a mode of the module and from one seed."""
    if isinstance(module, nn.Module):
        module.train(training)
    with seeded(1), quiet(), torch.no_grad():
        out = call()
    return [out] if isinstance(out, Tensor) else list(out)
