"""A model of Keras as a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from speczoo.compiler.layer import Layer
from speczoo.importing.sources.entries import Entries, Tensor, identifier
from speczoo.importing.sources.keras import activations, dense, sequences, windows  # noqa: F401  (register what they map)
from speczoo.importing.sources.keras.config import ConfigReader, KerasLayer, KerasModel, Ref
from speczoo.importing.sources.keras.order import OrderedCall, channels_first_wanted, offsets, steps
from speczoo.importing.sources.keras.site import MAPPED, Enough, KerasList, SharedModules, Site, mapped, unknown
from speczoo.importing.sources.repeats import folded
from speczoo.importing.sources.translation import Translation
from speczoo.specs.problem import Problem, ProblemError
from speczoo.specs.wording import printable

MOST_INPUTS = 64
InputShapes = Sequence[int] | Mapping[str, Sequence[int]] | None


def read(data: dict[str, Any], input: InputShapes, problems: list[Problem], file: str = "") -> Translation | None:
    """Return the spec of a configuration; what is wrong, or has no counterpart, is added to `problems`.

    `input` are sizes that stand in place of the file's, in the spec's order: channels, height, width.
    """
    reader = ConfigReader()
    if "class_name" not in data:  # what Keras keeps of a model without saying that it is one
        data = {"class_name": "Functional" if "output_layers" in data else "Sequential", "config": data}
        model = reader.model(data, ())
    else:
        model = reader.model(data, ())
    problems += reader.problems
    if model is None or problems:
        return None
    shared = SharedModules(problems=problems)
    inputs = _inputs(model, input, problems)
    if problems:
        return None
    names = [tensor.name for tensor in inputs]
    place = KerasList(Entries(tuple(names)), (), shared)
    try:
        outputs = build(model, place, inputs)
    except ProblemError as error:
        problems.append(error.problem)
    if problems:
        return None
    return Translation(_spec(model, inputs, outputs, place), dict(place.entries.places()), _words(model, reader))


def _words(model: KerasModel, reader: ConfigReader) -> str:
    kind = "Sequential" if model.chain else "functional model"
    return f"a {kind} of Keras" + (" 2" if reader.second else "")


def _spec(model: KerasModel, inputs: Sequence[Tensor], outputs: Sequence[Tensor], place: KerasList) -> dict[str, Any]:
    last = place.entries.made[-1].id if place.entries.made else ""
    plain = len(outputs) == 1 and outputs[0].name == last
    spec: dict[str, Any] = {"spec": 1, "name": identifier(model.name)}
    if len(inputs) == 1 and inputs[0].dtype == "float32":
        spec["input"] = list(inputs[0].shape)
    else:
        spec["inputs"] = [
            {"id": each.name, "shape": list(each.shape), **({} if each.dtype == "float32" else {"dtype": each.dtype})}
            for each in inputs
        ]
    if place.shared.blocks:
        spec["blocks"] = place.shared.blocks
    entries = place.entries.finished([] if plain else [each.name for each in outputs])
    spec["layers"] = folded(entries, frozenset(each.name for each in inputs))
    if not plain:
        spec["outputs"] = _named(outputs)
    if place.shared.init:
        spec["init"] = place.shared.init
    if place.shared.freeze:
        spec["freeze"] = place.shared.freeze
    return spec


def _named(outputs: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Return outputs by the names of their entries."""
    out: list[dict[str, Any]] = []
    for each in outputs:
        id = each.name.replace(".", "_").lstrip("_") or "output"
        taken = {one["id"] for one in out}
        number = 2
        wanted = id
        while id in taken:
            id, number = f"{wanted}_{number}", number + 1
        out.append({"id": id, "from": each.name})
    return out


# -- what flows in ----------------------------------------------------------------------------------------------------


def _inputs(model: KerasModel, input: InputShapes, problems: list[Problem]) -> list[Tensor]:
    layers = {layer.name: layer for layer in model.layers}
    if model.chain:
        first = model.layers[0]
        found = [(_entrance(model), first)]
    else:
        found = [(ref.layer, layers[ref.layer]) for ref in model.inputs if ref.layer in layers]
        unknown = [ref for ref in model.inputs if ref.layer not in layers]
        problems += [_nothing(ref) for ref in unknown]
    if len(found) > MOST_INPUTS:
        problems.append(Problem("limit-exceeded", f"more than {MOST_INPUTS} values flow in", model.loc))
        return []
    tensors: list[Tensor] = []
    for name, layer in found:
        wanted = channels_first_wanted(model, name)
        id = "input" if len(found) == 1 else identifier(layer.name)
        try:
            shape, given = _shape(model, layer, input, id)
        except ProblemError as error:
            problems.append(error.problem)
            continue
        turned = wanted and len(shape) > 1
        shape = (shape[-1], *shape[:-1]) if turned and not given else shape
        dtype = "int64" if _only_indices(model, name) else "float32"
        tensors.append(Tensor("tokens" if dtype == "int64" and id == "input" else id, shape, turned, dtype))
    return tensors


def _entrance(model: KerasModel) -> str:
    return model.layers[0].name if model.layers[0].kind == "InputLayer" else ""


def _nothing(ref: Ref) -> Problem:
    return Problem("unknown-reference", f"there is no layer `{printable(ref.layer)}`", ref.loc)


def _shape(model: KerasModel, layer: KerasLayer, input: InputShapes, id: str) -> tuple[tuple[int, ...], bool]:
    """Return the sizes of an input, and whether they were given beside the file, in the spec's order. Raises
    ProblemError.
    """
    if isinstance(input, Mapping) and id in input:
        return tuple(input[id]), True
    if input is not None and not isinstance(input, Mapping):
        return tuple(input), True
    key = next((key for key in ("batch_shape", "batch_input_shape") if layer.given.says(key)), "")
    sizes, loc = (layer.given.raw(key), layer.given.place(key)) if key else (model.input_shape, layer.loc)
    if not isinstance(sizes, list) or len(sizes) < 2 or len(sizes) > 9:
        help = ("say them: --input 3x224x224, channels first",)
        raise ProblemError(Problem("missing-argument", f"the file does not say which sizes `{id}` has", loc, help=help))
    if not all(type(n) is int and 0 < n < 2**31 for n in sizes[1:]):
        help = ("say them: --input 3x224x224, channels first",)
        raise ProblemError(Problem("missing-argument", f"the file leaves sizes of `{id}` open", loc, help=help))
    return tuple(sizes[1:]), False


def _only_indices(model: KerasModel, name: str) -> bool:
    """Return whether an input is what embeddings look up."""
    return {layer.kind for layer in model.followers.get(name, ())} == {"Embedding"}


# -- layers -----------------------------------------------------------------------------------------------------------


def build(model: KerasModel, place: KerasList, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Add the entries of a model to a list, and return what comes out of it. Raises ProblemError where the rest cannot
    be read at all; the problems of layers are reported one and all.
    """
    if model.chain:
        value: tuple[Tensor, ...] | None = tuple(inputs)
        for layer in model.layers:
            value = _called(Site(layer, place, value, {}, layer.loc)) if value is not None else _behind(layer, place)
        return value or ()
    calls = _Calls(model, place)
    for ref, tensor in zip(model.inputs, inputs, strict=True):
        calls.given[ref.layer, 0] = (tensor,)
    for step in steps(model):
        calls.make(step)
    outputs = [calls.value(ref) for ref in model.outputs]
    if any(each is None for each in outputs) and not place.shared.problems:
        raise ProblemError(Problem("unknown-reference", "nothing gives what comes out of the model", model.loc))
    return tuple(each for each in outputs if each is not None) if all(outputs) else ()


class _Calls:
    """What the calls of a functional model have given, by layer and number: None where one has no counterpart."""

    def __init__(self, model: KerasModel, place: KerasList) -> None:
        self.place, self.shift = place, offsets(model)
        self.given: dict[tuple[str, int], tuple[Tensor, ...] | None] = {}

    def value(self, ref: Ref) -> Tensor | None:
        """Return a value; None where there is none, and it is reported."""
        key = ref.layer, ref.call - self.shift.get(ref.layer, 0)
        found = self.given.get(key)
        if found is not None and ref.tensor >= len(found):
            self.place.shared.report(_nothing(ref))
            return None
        return found[ref.tensor] if found is not None else None

    def make(self, step: OrderedCall) -> None:
        """Add the entries of a call, where all that it takes is there."""
        layer, call, number = step
        found = {ref: self.value(ref) for ref in call.refs()}
        if any(value is None for value in found.values()):
            self.given[layer.name, number] = _behind(layer, self.place)
            return
        takes = tuple(found[each] if isinstance(each, Ref) else each for each in call.takes)
        named = {key: _found(value, found) for key, value in call.named.items()}
        self.given[layer.name, number] = _called(Site(layer, self.place, takes, named, call.loc))  # type: ignore[arg-type]


def _found(value: Any, found: Mapping[Ref, Tensor | None]) -> Any:
    """Return what a call takes by name, with values in place of what names them."""
    if isinstance(value, list) and value and all(isinstance(each, Ref) for each in value):
        return [found[each] for each in value]
    return value


def _behind(layer: KerasLayer, place: KerasList) -> tuple[Tensor, ...] | None:
    """Return nothing for a layer behind one without a counterpart; reported, where it has none itself."""
    if layer.model is None and layer.kind not in MAPPED:
        place.shared.report(unknown(layer))
    return None


def _called(site: Site) -> tuple[Tensor, ...] | None:
    """Return what comes out of a call; None, reported, where it has no counterpart."""
    site.place.shared.count(site.loc)
    try:
        return _nested(site) if site.layer.model is not None else mapped(site)
    except Enough:
        raise
    except ProblemError as error:
        problem = error.problem
        if problem.loc[:1] not in (("config",), ("layers",)):  # of the entry that it became: the layer's is its place
            message = f"{site.given.what}: {problem.message}"
            problem = Problem(problem.code, message, site.loc, notes=problem.notes, help=problem.help)
        site.place.shared.report(problem)
        return None


def _nested(site: Site) -> tuple[Tensor, ...] | None:
    """Return what comes out of a model inside: a group, or a block where several values flow in or out."""
    model = site.layer.model
    assert model is not None
    tensors = [each for each in site.takes if isinstance(each, Tensor)]
    wanted = 1 if model.chain else len(model.inputs)
    if len(tensors) < len(site.takes) or len(tensors) != wanted:
        raise site.refusal(f"{wanted} values flow into the model, not {len(site.takes)}")
    alone = wanted == 1 and len(model.outputs) < 2
    tensors = _turned(site, tensors)
    names = ("input",) if wanted == 1 else tuple(identifier(ref.layer) for ref in model.inputs)
    inner = site.inside(names)
    outs = build(model, inner.place, [replace(each, name=name) for each, name in zip(tensors, names, strict=True)])
    if not outs:
        return None
    entries = inner.place.entries
    plain = len(outs) == 1 and entries.ends_with(outs[0])
    layers = folded(entries.finished([] if plain else [each.name for each in outs]), frozenset(names))
    if not layers:  # a model that does nothing
        return tuple(tensors[names.index(out.name)] for out in outs)
    if alone and plain:
        return site.module({"layers": layers}, tensors, outs)
    ends = _named(outs)
    block: dict[str, Any] = {"inputs": list(names)} if wanted > 1 else {}
    block |= {"layers": layers} if plain else {"layers": layers, "outputs": ends}
    data = {"op": _block(block, model.name, site.place.shared.blocks)}
    return site.module(data, tensors, [replace(out, name=end["id"]) for out, end in zip(outs, ends, strict=True)])


def _turned(site: Site, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return what flows into a model in the order of axes that it wants, the same at all its calls."""
    model, orders = site.layer.model, site.place.orders
    assert model is not None
    entrances = [_entrance(model)] if model.chain else [ref.layer for ref in model.inputs]
    if site.layer.name not in orders:
        orders[site.layer.name] = [
            x.channels_last or channels_first_wanted(model, name) for x, name in zip(tensors, entrances, strict=True)
        ]
    first, place = orders[site.layer.name], site.place
    return [place.channels_first(x) if turn else place.plain(x) for x, turn in zip(tensors, first, strict=True)]


def _block(block: dict[str, Any], name: str, blocks: dict[str, Any]) -> str:
    """Return the name of a block, which is kept under it; equal blocks are one."""
    for known, other in blocks.items():
        if other == block:
            return known
    wanted = "".join(part[:1].upper() + part[1:] for part in identifier(name).split("_")) or "Model"
    wanted, number = f"{wanted}Model" if wanted in Layer.registry else wanted, 2
    free = wanted
    while free in blocks or free in Layer.registry:
        free, number = f"{wanted}{number}", number + 1
    blocks[free] = block
    return free
