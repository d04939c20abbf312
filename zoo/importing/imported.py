"""From a module at hand to a spec: recorded, made entries, folded, written, and proved before anybody sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import nn

from speczoo import api
from speczoo.argument_order import argument_order
from speczoo.compiler.graph import Graph
from speczoo.compiler.ties import parameters
from speczoo.compiler.unknown import Unknown
from speczoo.importing import writing
from speczoo.importing.arranging import arranged, stands
from speczoo.importing.attending import OP as ATTENTION
from speczoo.importing.attending import dropping
from speczoo.importing.building import Rounded
from speczoo.importing.comparing import Different, compared, read_differently, same_calls, training_only, used_keys
from speczoo.importing.custom import Customs
from speczoo.importing.entries import ImportedList
from speczoo.importing.folding import folded
from speczoo.importing.frames import converted
from speczoo.importing.inputs import ModelInput, inputs_of, other_sizes
from speczoo.importing.programs import name_of, program
from speczoo.importing.proving import prove, ties_of
from speczoo.importing.recorder import record
from speczoo.importing.recording import Recording, RunValue
from speczoo.importing.refusals import ImportRefused, Refusal
from speczoo.importing.running import ModelFailed
from speczoo.specs.errors import SpecError
from speczoo.specs.format import formatted
from speczoo.specs.source import Source

BATCHES = (2, 3)
#: What whole numbers are below that flow in, where a model takes no larger ones.
LEAST = 2
#: How many lines stand below each other on a screen.
SCREEN = 30


@dataclass(frozen=True)
class Imported:
    """A model as a spec: `str` is its text; `graph` the checked network; `sizes` whether another input size was
    tried and held; `notes` what the model does in training alone and the spec does not; `plugin` the text of the
    module that has its custom layers.
    """

    name: str
    text: str
    graph: Graph
    sizes: bool
    notes: tuple[str, ...] = ()
    plugin: str = ""

    def __str__(self) -> str:
        return self.text


def from_module(model: nn.Module, input: Any, *, name: str | None = None, custom: bool = False) -> Imported:
    """Return a model as a spec that builds the same network: the same names in the state_dict, the same outputs.

    `input` is a shape without the batch axis, `(3, 224, 224)`, a tensor with it, or a mapping of forward's names to
    either; `((77,), "int64")` is a shape of whole numbers. The model's own code runs, on a copy. With `custom`, the
    smallest module around what no spec can say becomes a custom layer, which is known from then on.

    Raises ImportRefused with everything that a spec cannot say, NotTheSame where what was written is not the original,
    ValueError for an input that is none, and ModelFailed where the model itself raises something.
    """
    name = name or type(model).__name__.lower()
    customs = Customs() if custom else None
    made = listed(model, input, name, customs)
    text, graph = written(name, made.inputs, made.root, made.ties)
    sizes, notes = held(model, graph, made, text)
    return Imported(name, text, graph, sizes, notes, customs.text if customs is not None else "")


def from_program(file: Path, input: Any = None, *, name: str | None = None) -> Imported:
    """Return the model in a file of torch.export as a spec, which is called as the file; `input` is what the file says.

    torch reads the file, which may unpickle what is in it. Raises ProgramError for what is no such file; else as
    `from_module`.
    """
    found = program(file)
    try:
        return from_module(found.model, found.inputs if input is None else input, name=name or name_of(file))
    except ModelFailed as error:
        if found.samples is None:
            raise
        how = "torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim('batch')},))"
        message = f"{error}; the program takes {found.samples} samples alone, and one for any number is made by `{how}`"
        raise ModelFailed(message) from error


class ListedModel(NamedTuple):
    """A model on its way to a spec: what flows in, what it did, its list, what that leaves out, the constants that it
    says but for rounding, and its parameters that are others, by their keys.
    """

    inputs: list[ModelInput]
    runs: Runs
    root: ImportedList
    left_out: list[Refusal]
    rounded: list[Rounded]
    ties: dict[str, str]


def listed(model: nn.Module, input: Any, name: str, customs: Customs | None = None) -> ListedModel:
    """Return a model as a list, with custom layers where these are wanted. Raises ImportRefused, and ValueError for an
    input that is none.
    """
    inputs = inputs_of(model, input)
    if scripts := [path for path, module in model.named_modules() if isinstance(module, torch.jit.ScriptModule)]:
        why = "it is a script of torch.jit, which does not show what it does: import the model that it was made of"
        raise ImportRefused(name, [Refusal("", f"`{scripts[0]}`" if scripts[0] else "all of it", why)])
    try:
        found = _listed(model, inputs, customs)
    except ModelFailed as error:  # whole numbers that the model adds to may be none of its tables' any more
        if not isinstance(error.__cause__, IndexError) or all(each.most <= LEAST for each in inputs):
            raise
        inputs = [replace(each, most=LEAST) for each in inputs]
        found = _listed(model, inputs, customs)
    made = ListedModel(inputs, *found, ties_of(model))
    if not arranged(made.root):
        raise ImportRefused(name, [_unnamed(model, made.root)])
    named = [replace(each, name=own) for each, own in zip(inputs, made.root.inputs, strict=True)]
    return made._replace(inputs=named)


def _unnamed(model: nn.Module, root: ImportedList) -> Refusal:
    """Return why a list cannot have the ids of its modules."""
    left = [entry for entry in root.entries if not stands(entry)]
    if any(not entry.name for entry in left):
        its = ", ".join(f"`{key}`" for key in model.state_dict())
        why = f"keys of a layer begin with an id, which {its:.60} do not; it can be one in nn.Sequential"
        return Refusal("", f"`{type(model).__name__}`, a layer by itself", why)
    names = ", ".join(f"`{entry.name}`" for entry in left)
    return Refusal("", f"ids of modules such as {names:.80}", "no list of entries can have them")


def held(
    model: nn.Module, graph: Graph, made: ListedModel, text: str, settings: Mapping[str, Any] | None = None
) -> tuple[bool, tuple[str, ...]]:
    """Hold a graph to its model; return whether another size was tried, and what differs in training.

    Raises NotTheSame.
    """
    sizes = [
        [replace(i, shape=shape) for i, shape in zip(made.inputs, other.shapes.values(), strict=True)]
        for other in made.runs.others[1:]
    ]
    sizes = [size for size in sizes if _takes(text, size, settings or {})]
    runs = [(made.inputs, 1), *((size, 2) for size in sizes or [made.inputs])]
    known = prove(model, graph, runs, [each.path for each in made.left_out], made.rounded)
    return bool(sizes), (*map(str, made.left_out), *known)


def _listed(
    model: nn.Module, inputs: Sequence[ModelInput], customs: Customs | None = None
) -> tuple[Runs, ImportedList, list[Refusal], list[Rounded]]:
    """Return runs of a model, and what it is as a list: for all sizes of its input, or for this one alone; with
    constants that only a run on real numbers has, where it must; and with custom layers, where these are wanted.

    Raises ImportRefused.
    """
    dtypes = {each.name: each.dtype for each in inputs}
    for meta, sized in ((True, True), (True, False), (False, True), (False, False)):
        try:
            runs = recordings(model, inputs, meta=meta, sized=sized)
            return runs, *converted(runs.first, runs.batches, dtypes, model, runs.training_only)
        except ImportRefused as error:
            refused = error
            if not sized and not any(each.without_numbers for each in error.refusals):
                break
    if customs is None:
        raise refused
    customs.add(model, recordings(model, inputs, meta=meta, sized=sized).first, refused)
    return _listed(model, inputs, customs)


def _takes(text: str, inputs: Sequence[ModelInput], settings: Mapping[str, Any]) -> bool:
    """Return whether a spec takes inputs of these sizes: one whose model reads a size takes no other."""
    try:
        api.graph(text, input={each.name: each.shape for each in inputs}, **settings)
    except SpecError:
        return False
    return True


class Runs(NamedTuple):
    """What a model did: a run, others at another number of samples and perhaps another size; and what it gives in
    training alone, where these are runs of training.
    """

    first: Recording
    others: list[Recording]
    training_only: set[RunValue]

    @property
    def batches(self) -> tuple[int, ...]:
        """The numbers of samples of all runs."""
        return (self.first.batch, *(each.batch for each in self.others))


def recordings(model: nn.Module, inputs: Sequence[ModelInput], *, meta: bool = True, sized: bool = True) -> Runs:
    """Return runs of the model: in evaluation mode, where all weights are used in it, else in training mode.

    Raises ImportRefused where what it does depends on the number of samples.
    """
    try:
        first = record(model, inputs, BATCHES[0], meta=meta)
    except Exception:
        if not meta:
            raise
        meta = False
        first = record(model, inputs, BATCHES[0], meta=False)
    run = partial(record, model, meta=meta, distinct=read_differently(first))
    first = run(inputs, BATCHES[0]) if run.keywords["distinct"] else first
    only: set[RunValue] = set()
    training = False
    if not used_keys(first) >= {key for key, _ in model.named_parameters()}:
        with suppress(Exception):
            trained = run(inputs, BATCHES[0], training=True)
            if used_keys(trained) > used_keys(first):
                only, first, training = training_only(trained, first), trained, True
    if not training and any(call.name == ATTENTION for _, call in first.root.walk()):
        with suppress(Exception):
            dropping(first, run(inputs, BATCHES[0], training=True))
    others = [run(inputs, BATCHES[1], training=training)]
    for size in other_sizes(inputs) if sized else ():
        with suppress(Exception):
            other = run(size, BATCHES[0], training=training)
            if same_calls(first, other):
                others.append(other)
                break
    try:
        compared(first, others)
    except Different as error:
        why = "what it calls depends on the number of samples"
        raise ImportRefused(type(model).__name__.lower(), [Refusal(str(error), "its forward", why)]) from None
    return Runs(first, others, only)


def written(
    name: str, inputs: Sequence[ModelInput], root: ImportedList, ties: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, Graph]:
    """Return the text of a spec, in the project's style, and its checked graph. Raises ImportRefused."""
    made = folded([root])
    try:
        data = tied(writing.spec_data(name, flowing(inputs), made.made, made.blocks, {}), ties)
        text = in_style(name, data | {"expect": expected(api.graph(writing.text_of(data)))})
        return text, api.graph(text)
    except SpecError as error:
        first = error.diagnostics[0].message
        why = f"a spec that is wrong was written of it, by a fault of the import and not of the model: {first}"
        raise ImportRefused(name, [Refusal("", "all of it", why)]) from error


def tied(data: dict[str, Any], ties: Mapping[str, str], **settings: Any) -> dict[str, Any]:
    """Return a spec's data with those ties whose parameters it has."""
    known = {key for key, _ in parameters(api.graph(writing.text_of(data), **settings).root)} if ties else set()
    its = {key: source for key, source in ties.items() if {key, source} <= known}
    return data | ({"tie": its} if its else {})


def flowing(inputs: Sequence[ModelInput]) -> dict[str, Any]:
    """Return what a spec says of its inputs."""
    if len(inputs) == 1 and inputs[0].dtype == "float32":
        return {"input": [*inputs[0].shape]}
    kinds = [{"id": i.name, "shape": [*i.shape], "dtype": i.dtype} for i in inputs]
    return {"inputs": [{k: v for k, v in each.items() if v != "float32"} for each in kinds]}


def expected(graph: Graph) -> dict[str, Any]:
    """Return the numbers that a spec is held to."""
    return {"params": graph.params, "macs": graph.macs, **_output(graph)}


def in_style(name: str, data: dict[str, Any]) -> str:
    """Return the text of a spec's data in the project's style: an entry a line where a screen holds that, else filled
    in brackets.
    """
    text = writing.text_of(data, filled=False)
    source = Source(f"{name}.yaml", text if text.count("\n") <= SCREEN else writing.text_of(data))
    return formatted(source, argument_order(source)) or source.text


def _output(graph: Graph) -> dict[str, Any]:
    ports = zip(graph.root.outputs, graph.root.values, strict=True)
    shapes = {port.name: [*value.shape] for port, value in ports if not isinstance(value, Unknown)}
    return {"output": next(iter(shapes.values())) if len(shapes) == 1 else shapes}
