"""Where a built network is not what was predicted of it: a diagnostic at the line of the layer at fault."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.emit.module import build
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import show
from speczoo.compiler.unknown import UNKNOWN
from speczoo.module_mode import in_mode
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.problem import Problem
from speczoo.testing.oracle import prepared, quiet, seeded
from speczoo.verify import fits, random_input, verify_module

RUN = 10_000_000  # steps that a network is run for; of more, torch infers the shapes alone, on the device `meta`
MADE = 1_000_000  # parameters that are made with numbers

CODE = "assertion-failed"


def faults(graph: Graph, batch: int) -> list[Diagnostic]:
    """Return what a module built of the graph, run on so many samples, shows otherwise than was predicted."""
    device = None if graph.params <= MADE and fits(graph, RUN) else "meta"
    with seeded(), quiet():
        try:
            module = build(graph, device=device)
        except Exception as error:  # whatever a custom layer's module raises as it is made
            return [_unmade(graph, error)]
        steps = RUN if device is None else 0
        try:
            found = verify_module(graph, module, batch=batch, most_steps=steps)
        except Exception as error:  # and as it runs
            unplaced = _placed(graph, None, f"the network does not run: {_line(error)}")
            return [_at_fault(graph, module, batch) or unplaced]
    wrong = [finding for finding in found.findings if not finding.ok]
    if not wrong:
        return []
    placed = _at_fault(graph, module, batch) or _misshapen(graph, module)
    if placed is not None:
        return [placed]
    return [_placed(graph, None, f"{f.what}: {f.predicted} is predicted, and {f.built} built") for f in wrong]


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _unmade(graph: Graph, error: Exception) -> Diagnostic:
    """Return whose module cannot be made: that of the first layer that cannot be made alone."""
    for path, node, composite in graph.walk():
        try:
            prepared(node.call, node.arrived)
        except Exception as alone:
            return _placed(graph, (path, node, composite), f"the module of `{node.op}` cannot be made: {_line(alone)}")
    return _placed(graph, None, f"the network cannot be made: {_line(error)}")


def _at_fault(graph: Graph, module: nn.Module, batch: int) -> Diagnostic | None:
    """Return the first layer whose module gives something else than was predicted, or does not run."""
    modules = dict(module.named_modules())
    came: dict[str, Any] = {}
    started: list[str] = []
    hooks = []
    leaves = [(path, node, composite) for path, node, composite in graph.walk() if path in modules]
    for path, _, _ in leaves:
        hooks.append(modules[path].register_forward_pre_hook(partial(_starts, started, path)))
        hooks.append(modules[path].register_forward_hook(partial(_ends, came, path)))
    failed = ""
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    with seeded(), quiet(), torch.no_grad(), in_mode(module, training=False):
        try:
            module(*(x.to(device) for x in random_input(graph, batch)))
        except Exception as error:
            failed = _line(error)
    for hook in hooks:
        hook.remove()
    for leaf in leaves:
        path, node, _ = leaf
        wanted = [(batch, *value.shape) for value in node.outputs if value is not UNKNOWN]
        if path in came and came[path] != wanted:
            sides = f"{_shapes(came[path])}, and {_shapes(wanted)} was predicted"
            return _placed(graph, leaf, f"`{node.op}` gives {sides}")
        if failed and path not in came and started and started[-1] == path:
            return _placed(graph, leaf, f"the module of `{node.op}` does not run: {failed}")
    return None


def _starts(started: list[str], path: str, module: nn.Module, given: Any) -> None:
    started.append(path)


def _ends(came: dict[str, Any], path: str, module: nn.Module, given: Any, out: Any) -> None:
    made = out if isinstance(out, tuple | list) else [out]
    came.setdefault(path, [tuple(x.shape) for x in made if isinstance(x, Tensor)])


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(show(shape[1:]) for shape in shapes)


def _misshapen(graph: Graph, module: nn.Module) -> Diagnostic | None:
    """Return the first layer whose module has other weights than were predicted."""
    state = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    for path, node, composite in graph.walk():
        wanted = {f"{path}.{key}": shape for key, shape in {**node.weights, **node.buffers}.items() if key}
        found = {key: shape for key, shape in state.items() if key.startswith(f"{path}.")}
        if node.shared is None and wanted and wanted != found:
            odd = next(key for key in {**wanted, **found} if wanted.get(key) != found.get(key))
            sides = [show(side[odd]) if odd in side else "none" for side in (found, wanted)]
            message = f"`{odd}` of the module of `{node.op}` is {sides[0]}, and {sides[1]} was predicted"
            return _placed(graph, (path, node, composite), message)
    return None


def _placed(graph: Graph, leaf: tuple[str, Node, Composite] | None, message: str) -> Diagnostic:
    """Return a diagnostic at the entry of a layer, or at all layers."""
    if leaf is None:
        return Problem(CODE, message, ("layers",), key=True).located(graph.unit.document)
    path, node, composite = leaf
    return Problem(CODE, message, node.loc, path=path).located(composite.unit.document)
