"""A network as an .onnx file: by torch's exporter, with the spec's names, held by ONNX's checker and run by ONNX
Runtime beside the module.

Weights keep their names of the state_dict. Where torch's program was traced goes out of the file: it names folders of
the machine that wrote it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import onnx_ir as ir
import onnxruntime
import torch
from onnx_ir.passes import common
from onnxscript.optimizer import fold_constants
from torch import Tensor, fx, nn

from speczoo.compiler.graph import Graph
from speczoo.exporting.exported import BATCH, Exported, NotExported, lasting
from speczoo.exporting.opening import opened
from speczoo.exporting.proof import OTHER_BATCH, OWN, Runner, beside
from speczoo.exporting.tracing import TracedProgram, at, quiet, reason, renamed
from speczoo.specs.wording import scaled

#: What one message of protobuf holds, and some of that for all that is no weight.
MOST, BESIDE = 2**31 - 1, 1 << 24
#: How many axes what flows into attention has with one of heads, and the argument by which heads share others.
HEADS, SHARED = 4, "enable_gqa"
#: Ops that ask a weight for its shape alone.
SHAPES = ("Shape", "Size")
#: Where the exporter makes a bias of zeros of none; with three axes in space one of a wrong shape.
CONVOLUTIONS = ("Conv", "ConvTranspose")


class OnnxModel(NamedTuple):
    """A model of ONNX, and its values that are weights, by their names of the state_dict."""

    model: ir.Model
    weights: Mapping[str, ir.Value]


def exported(
    graph: Graph, module: nn.Module, target: Path, texts: Mapping[str, str], opset: int | None = None
) -> tuple[bytes, Exported]:
    """Return the bytes of a file and what there is to say of it; `texts` is its metadata. Raises NotExported."""
    state = module.state_dict()
    takes = sum(value.numel() * value.element_size() for value in state.values())
    if takes > MOST - BESIDE:
        raise NotExported(
            f"its weights take {scaled(takes, 'B')}, and an .onnx file holds 2 GB: write .pt2 in its place"
        )
    found = opened(graph, module, lambda program: _converted(graph, program, opset), lambda made: _runner(made.model))
    model, weights = found.made
    for name, value in weights.items():
        value.const_value = ir.tensor(state[name].detach().cpu().numpy(), name=value.name)
    model.metadata_props.update(texts)
    batch = OTHER_BATCH if found.traced.open else BATCH
    own = beside(graph, module, _runner(model), batch, at(graph, {}), OWN)
    made = Exported.of(
        graph,
        target,
        texts,
        found.traced.open,
        found.outputs,
        sizes=found.sizes,
        closed=found.closed,
        runs=(*found.runs, own),
        opset=model.opset_imports[""],
    )
    return _bytes(model), made


def _converted(graph: Graph, traced: TracedProgram, opset: int | None) -> OnnxModel:
    """Return torch's program as a model of ONNX, its values named as the spec has them. Raises NotExported."""
    try:
        with quiet():
            program = torch.onnx.export(
                _with_heads(traced.program),
                dynamo=True,
                opset_version=opset,
                optimize=False,
                verify=False,
                verbose=False,
            )
            assert program is not None
            model = program.model
            weights = {name: model.graph.initializers[name] for name in _weights(traced, model)}
            _simplify(model, {*weights.values()})
            _name(model, graph, traced)
    except Exception as error:  # what torch's exporter raises is not documented
        raise NotExported(f"torch's exporter to ONNX cannot say it: {reason(error)}") from error
    if opset not in (None, made := model.opset_imports[""]):
        raise NotExported(f"torch's exporter to ONNX writes opset {made}, and cannot write {opset}")
    return OnnxModel(model, weights)


def _with_heads(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Return a program whose attention is as the exporter wants it: with an axis of heads, where it has one head alone,
    and with keys and values of every head, where it has as many of them as of queries, or of keys others than of
    values.
    """
    attention = torch.ops.aten.scaled_dot_product_attention.default
    there = [node for node in program.graph.nodes if node.target is attention]
    if all(_sayable([_heads(of) for of in node.args[:3]], node.kwargs.get(SHARED)) for node in there):
        return program

    def other(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *given: Any, **named: Any) -> Any:
        if _sayable([x.size(1) if x.dim() == HEADS else None for x in (q, k, v)], named.get(SHARED)):
            return NotImplemented
        if q.dim() == HEADS:
            k, v = (x.repeat_interleave(q.size(1) // x.size(1), 1) for x in (k, v))
            return attention(q, k, v, mask, *given, **named | {SHARED: False})
        mask = mask.unsqueeze(1) if mask is not None and mask.dim() == q.dim() else mask
        return attention(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1), mask, *given, **named).squeeze(1)

    with_heads: torch.export.ExportedProgram = program.run_decompositions({attention: other})
    return with_heads


def _heads(value: fx.Node) -> int | None:
    """Return how many heads queries, keys or values have, if they have an axis of them."""
    shape = value.meta["val"].shape
    return int(shape[1]) if len(shape) == HEADS else None


def _sayable(heads: Sequence[int | None], shared: bool | None) -> bool:
    """Return whether the exporter can say an attention of so many heads of queries, keys and values; `shared` where
    several of queries may look at one of the others.
    """
    q, k, v = heads
    return q is not None and (not shared or (k == v and k is not None and q > k))


def _weights(traced: TracedProgram, model: ir.Model) -> list[str]:
    """Return the names of the state_dict that the model has."""
    return [name for name in traced.program.state_dict if name in model.graph.initializers]


def _simplify(model: ir.Model, weights: Container[ir.Value | None]) -> None:
    """Compute what hangs on no input and on no weight, and leave out what nothing needs."""

    def foldable(node: ir.Node) -> bool | None:
        return False if node.op_type not in SHAPES and any(value in weights for value in node.inputs) else None

    common.InlinePass()(model)
    fold_constants(model, onnx_shape_inference=True, should_fold=foldable)
    for node in model.graph:
        if node.op_type in CONVOLUTIONS and len(node.inputs) > 2 and _zeros(node.inputs[2], weights):
            node.resize_inputs(2)
    for simplify in (
        common.IdentityEliminationPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]
        common.RemoveUnusedOpsetsPass(),
        common.OutputFixPass(),
    ):
        simplify(model)


def _zeros(value: ir.Value | None, weights: Container[ir.Value | None]) -> bool:
    """Return whether a value is zeros, and no weight."""
    known = None if value is None or value in weights else value.const_value
    return known is not None and not known.numpy().any()


def _name(model: ir.Model, graph: Graph, traced: TracedProgram) -> None:
    """Name inputs, outputs and open axes as the spec does, and leave out where the program was traced."""
    inputs = [name for name, _ in graph.settings.inputs]
    outputs = [port.name for port in lasting(graph)]
    for values, names in ((model.graph.inputs, inputs), (model.graph.outputs, outputs)):
        for value, name in zip(values, names, strict=True):
            value.name = name
    common.NameFixPass()(model)
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        node.metadata_props.clear()
    for value in _values(model):
        value.metadata_props.clear()
        if value.shape is not None:
            value.shape = ir.Shape([_size(size, traced.names) for size in value.shape])
    model.graph.metadata_props.clear()
    model.graph.name, model.producer_name, model.producer_version = graph.name, "speczoo", version("speczoo")


def _values(model: ir.Model) -> Iterator[ir.Value]:
    yield from model.graph.inputs
    yield from model.graph.initializers.values()
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        yield from node.outputs


def _size(size: int | ir.SymbolicDim, names: Mapping[str, str]) -> int | str | None:
    if isinstance(size, int) or size.value is None:
        return size if isinstance(size, int) else None
    return int(size.value) if size.value.isdecimal() else renamed(size.value, names)  # torch may close an open size


def _bytes(model: ir.Model) -> bytes:
    return bytes(ir.to_proto(model).SerializeToString())


def _runner(model: ir.Model) -> Runner:
    """Return what runs a model by ONNX Runtime, once its checker has passed it. Raises NotExported."""
    data = _bytes(model)
    try:
        onnx.checker.check_model(data, full_check=True)
    except Exception as error:  # one class of the checker's, another of its shape inference
        raise NotExported(f"ONNX's checker does not pass it: {reason(error)}") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotExported(f"ONNX Runtime does not take it: {reason(error)}") from error

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        named = {into.name: x.numpy() for into, x in zip(session.get_inputs(), inputs, strict=True)}
        return [torch.from_numpy(value) for value in session.run(None, named)]

    return run
