"""Members with dots in their names, as the containers that hold them: what each of these is, and how one is reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from speczoo.compiler.composite import Node
from speczoo.compiler.containers import Tree, nested
from speczoo.compiler.layer import Layer
from speczoo.compiler.program import CONTAINERS, Child, Make, Member, attribute_of, reached
from speczoo.specs.reserved_names import DICT_NAMES


class Containers:
    """The containers of one class, by what its entries are called."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.tree: Tree[str] = nested((n.name, _held_as(n)) for n in nodes)

    def attribute(self, name: str) -> str:
        """Return what the class reads a member by."""
        first, *parts = name.split(".")
        text = attribute_of("self", first)
        held = self.tree.get(first, {})
        for part in parts:
            assert isinstance(held, Mapping)
            text = reached(text, kind(held), part)
            held = held[part]
        return text

    def members(self, members: Sequence[Member]) -> list[Member]:
        """Return the members with those of each container in its place, that of its first."""
        made = {member.name: member for member in members}
        out = []
        for name, held in self.tree.items():
            if isinstance(held, Mapping):
                out.append(Member(name, _container(held, f"{name}.", made)))
            else:
                out.append(made[name])
        return out


def _held_as(node: Node) -> str:
    """Return the class of what a container holds of an entry that is no module, a Parameter or a Buffer."""
    return (node.call.target or "") if isinstance(node.body, Layer) and node.call.parameter else ""


def kind(held: Mapping[str, object]) -> str:
    """Return the class of a container by what it holds: the class of a Parameter or a Buffer, nothing for a module, or
    a container.
    """
    numbered = list(held) == [str(i) for i in range(len(held))]
    if all(item == "nn.Parameter" for item in held.values()) and numbered:
        return "nn.ParameterList"
    if any(isinstance(item, str) and item for item in held.values()) or not DICT_NAMES.isdisjoint(held):
        return "nn.Module"
    return "nn.ModuleList" if numbered else "nn.ModuleDict"


def _container(held: Tree[str], prefix: str, made: Mapping[str, Member]) -> Make:
    children = []
    for name, item in held.items():
        inner = _container(item, f"{prefix}{name}.", made) if isinstance(item, Mapping) else made[prefix + name].make
        children.append(Child(name, inner))
    target = kind(held)
    assert target in CONTAINERS
    return Make(target, children=tuple(children))
