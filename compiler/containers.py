"""Ids with dots: `downs.0` is the member `0` of a container `downs`, which is no entry itself.

A container is what torch calls an nn.ModuleList, an nn.ModuleDict or a plain nn.Module that holds others: its members
are applied one by one, wherever they stand in the list. It stands where the first of its members does.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from speczoo.specs.reserved_names import LONGEST

if TYPE_CHECKING:
    from speczoo.compiler.composite import Node


T = TypeVar("T")
#: What is held by name, near and far: a container is another such mapping.
Tree: TypeAlias = "Mapping[str, T | Tree[T]]"


def prefixes(path: str) -> Iterator[str]:
    """Yield the ids that a path may begin with, the longest first: `a.b.c`, `a.b`, `a`."""
    if len(path) <= LONGEST or "." not in path[: LONGEST + 1]:
        yield path
    head, dot, _ = path[: LONGEST + 1].rpartition(".")
    while dot:
        yield head
        head, dot, _ = head.rpartition(".")


def divided(path: str, ids: Container[str]) -> tuple[str, str]:
    """Return the longest of these ids that a path begins with, and what is behind it; where there is none, the first
    part of the path, and the others.
    """
    head = path if path in ids or "." not in path else next((p for p in prefixes(path) if p in ids), None)
    if head is None:
        head = path.partition(".")[0]
    return head, path[len(head) + 1 :]


def holding(id: str) -> Iterator[str]:
    """Yield the containers that a member stands in, the innermost first: `a.b.c` in `a.b` and `a`."""
    head, dot, _ = id.rpartition(".")
    while dot:
        yield head
        head, dot, _ = head.rpartition(".")


def nested(named: Iterable[tuple[str, T]]) -> Tree[T]:
    """Return what is held by ids with dots as what is held by each container, in order."""
    root: dict[str, Any] = {}
    for id, item in named:
        *around, name = id.split(".")
        inside = root
        for part in around:
            inside = inside.setdefault(part, {})
        inside[name] = item
    return root


def in_order(tree: Tree[T], rank: Callable[[T], int]) -> Iterator[T]:
    """Yield what a module holds as a state_dict lists it: what is of a rank below MODULE before the rest, by its rank,
    of each container.
    """
    held = [item for item in tree.values() if not isinstance(item, Mapping)]
    yield from sorted((item for item in held if rank(item) < MODULE), key=rank)
    for item in tree.values():
        if isinstance(item, Mapping):
            yield from in_order(item, rank)
        elif rank(item) == MODULE:
            yield item


#: The ranks of what a module holds.
PARAMETER, BUFFER, MODULE = range(3)


def rank(node: Node) -> int:
    """Return the rank of what stands for an entry: a Parameter, a Buffer, or a module of its own."""
    if node.inputs:  # which neither of the two has
        return MODULE
    if "" in node.weights:
        return PARAMETER
    return BUFFER if "" in node.buffers or "" in node.unsaved else MODULE


def registered(nodes: Sequence[Node]) -> list[int]:
    """Return the numbers of the nodes that have a module of their own, or are a Parameter or a Buffer, in the order of
    the state_dict: the Parameters of a module stand before its Buffers, and these before what else it holds.
    """
    own = [(node.name, i) for i, node in enumerate(nodes) if node.shared is None and node.body is not None]
    if not any("." in name for name, _ in own):
        alone = [i for _, i in own if not nodes[i].inputs]  # most lists have neither Parameters nor Buffers
        return sorted((i for _, i in own), key=lambda i: rank(nodes[i])) if alone else [i for _, i in own]
    tree = nested((name, i) for name, i in own if nodes[i].registers)
    return list(in_order(tree, lambda i: rank(nodes[i])))
