"""What can be checked of a list only once it is whole: whether its names last, and whether all of it is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.parameter import Buffer, Parameter
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.wording import enumerated

FEW = 8  # entries of a loop that are named


def name_problems(composite: Composite) -> Iterator[Problem]:
    """Yield names that only a pure chain can have: positions of what has weights, and hyphens."""
    if composite.wiring.chain:
        return
    for node in composite.nodes:
        if node.entry.id is None and node.shared is None and _has_state(node):
            message = f"`{node.op}` has weights and needs an `id` here: this list is not a pure chain"
            help = ["names by position would change with every entry added before it"]
            yield Problem("missing-id", message, node.loc, path=node.name, help=help)
    for node in composite.nodes:
        attribute = node.name.partition(".")[0]
        if "-" in attribute and node.body is not None and not (isinstance(node.body, Layer) and node.op[0].islower()):
            message = (
                f"`{node.name}` cannot be an id here: a hyphen is for children of a pure chain (nn.Sequential) only"
            )
            yield Problem("bad-value", message, (*node.loc, "id"), path=node.name)


def _has_state(node: Node) -> bool:
    return bool(node.params or (isinstance(node.body, Layer) and (node.weights or node.buffers or node.unsaved)))


def unused_problems(composite: Composite) -> Iterator[Problem]:
    """Yield entries whose output nothing takes, those of one loop together. Of a list without placeholders."""
    needed = composite.wiring.needed
    yield from _used_after_all(composite, needed)
    if len(needed) == len(composite.nodes):
        return
    taken = needed | {node.shared for node in composite.nodes}
    inputs = {name for name, _ in composite.inputs}
    unused: dict[Loc, list[int]] = {}
    for index, node in enumerate(composite.nodes):
        counted = index + 1 < len(composite.nodes) and _adds_before(composite.nodes[index + 1])
        if index not in taken and not _alone(node) and node.name not in inputs and not counted:
            unused.setdefault(node.loc, []).append(index)
    for loc, indices in unused.items():
        first, names = composite.nodes[indices[0]], [composite.nodes[index].name for index in indices]
        shown = enumerated([f"`{name}`" for name in names], FEW)
        message = f"nothing takes the output{'s' * (len(names) > 1)} of {shown}"
        help = _behind_omitted(composite, indices[0])
        loc = (*loc, "id") if first.entry.id is not None else loc
        yield Problem("unused-layer", message, loc, path=first.name, help=help, severity="warning")


def _used_after_all(composite: Composite, needed: Collection[int]) -> Iterator[Problem]:
    """Yield entries that say that nothing takes them, where something does."""
    for index, node in enumerate(composite.nodes):
        if not node.inputs and index in needed and node.body is not None and _alone(node):
            message = f"`{node.name}` is `unused`, and its output is taken"
            yield Problem("bad-value", message, (*node.loc, "unused"), path=node.name)


def _alone(node: Node) -> bool:
    """Return whether an entry makes nothing, or says that nothing takes it."""
    return node.body is None or (isinstance(node.body, (Parameter, Buffer)) and node.body.unused)


def _adds_before(node: Node) -> bool:
    """Return whether an entry adds -1, which is reported: elsewhere that is the entry before it."""
    return node.op == "add" and isinstance(node.entry.from_, list) and -1 in node.entry.from_


def _behind_omitted(composite: Composite, index: int) -> list[str]:
    """Return what would bring a value back that an entry took which `when` leaves out: the first input stands for
    that.
    """
    name = composite.nodes[index].name
    return [
        f"`{node.name}` takes it, and is left out by `when`: its first input stands for it, so put `{name}` first"
        for node in composite.nodes[index + 1 :]
        if node.body is None and isinstance(node.entry.from_, list) and name in node.entry.from_[1:]
    ][:1]
