"""A list under construction: its nodes so far, their ids, and what flows at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from speczoo.compiler.composite import Node, constant
from speczoo.compiler.containers import holding
from speczoo.compiler.dataflow import INPUT, Edge, Operand, edge
from speczoo.compiler.id_template import IdTemplate
from speczoo.compiler.layer import Value
from speczoo.compiler.unknown import UNKNOWN, Unknown
from speczoo.specs.entry import Entry
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc
from speczoo.specs.spec import Output


class WrittenList(NamedTuple):
    """A list of entries as its text has it: the whole spec's, a block's, a group's. `outputs` are those that it states,
    at `outputs_loc`.
    """

    kind: Literal["network", "block", "group", "use"]
    name: str
    entries: Sequence[Entry]
    loc: Loc
    outputs: Sequence[Output] | None = None
    outputs_loc: Loc = ()


@dataclass(eq=False, slots=True)
class Frame:
    """One list being elaborated. Data and look-ups: what fills it are functions of this package.

    `readable` is what expressions call the inputs: one is `input`; several go by their own names.
    """

    unit: LoadedSpec
    entries: Sequence[Entry]
    loc: Loc
    names: Mapping[str, Any]
    inputs: Mapping[str, Value | Unknown]
    readable: Mapping[str, Value | Unknown]
    flowing: tuple[Value | Unknown, ...]  # the values of the inputs, in order

    nodes: list[Node] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    count: int = 0  # the next position that an entry without an id is named by

    # what is uncertain here, for problems that are reported already
    certain: dict[str, Node] = field(default_factory=dict)  # the entries with ids that are there whatever else is wrong
    holding: dict[str, Node] = field(default_factory=dict)  # the containers that these stand in, with the first of them
    ids_incomplete: bool = False  # an id that is not found may be one that is missing
    possible_ids: set[IdTemplate] = field(default_factory=set)  # or one of those that an unknown id may come out as
    edges_incomplete: bool = False  # whether the list is a chain is not asked
    inputs_wrong: bool = False  # some inputs of the entry that is being elaborated are wrong
    uncertain: set[int] = field(default_factory=set)  # the nodes of which some were

    #: Where the inputs of the entry that is being elaborated come from.
    sources: tuple[Operand, ...] = ()

    @classmethod
    def open(
        cls,
        unit: LoadedSpec,
        entries: Sequence[Entry],
        loc: Loc,
        names: Mapping[str, Any],
        inputs: Mapping[str, Value | Unknown],
        ids_incomplete: bool,
    ) -> Frame:
        return cls(unit, entries, loc, names, inputs, inputs, tuple(inputs.values()), ids_incomplete=ids_incomplete)

    def last(self) -> Edge | None:
        """Return what the next entry takes that has no `from`: the one output of the entry before it, or the one input
        of the list; None where there is no such value.
        """
        if not self.nodes:
            return edge(INPUT) if len(self.inputs) == 1 else None
        return edge(len(self.nodes) - 1) if len(self.nodes[-1].outputs) == 1 else None

    def append(self, node: Node, *, certain: bool = False) -> None:
        """Add the node of the next entry, which comes after all that is there; one that is `certain` is there whatever
        else is wrong, under a name that is no other's.
        """
        index, there = len(self.nodes), node.body is not None or UNKNOWN in node.outputs
        self.nodes.append(node)
        if node.named:
            self.ids[node.name] = index
            if certain and there:
                self.certain[node.name] = node
                if "." in node.name:
                    self.claim(node)
        self.count += there

    def flow(self) -> Value | Unknown | None:
        """Return what the next entry takes that has no `from`; None where there is no such value."""
        return self.value(last) if (last := self.last()) is not None else None

    def value(self, source: Operand) -> Value | Unknown:
        """Return what flows along an edge; UNKNOWN where nobody knows."""
        if not isinstance(source, Edge):
            return constant(source)
        if source.node == INPUT:
            return self.flowing[source.port]
        return self.nodes[source.node].outputs[source.port]

    def clashing(self, id: str) -> Node | None:
        """Return an entry that is certainly there and cannot be beside one of this id: it has it, or it would be a
        container of the other, or a member of it.
        """
        found = self.certain.get(id) or self.holding.get(id)
        if found is None and "." in id:
            found = next((self.certain[outer] for outer in holding(id) if outer in self.certain), None)
        return found

    def claim(self, node: Node) -> Node:
        """Note an entry with an id that is certainly there, and the containers that it stands in; returns it."""
        self.certain[node.name] = node
        for outer in holding(node.name):
            self.holding.setdefault(outer, node)
        return node

    def possible(self, name: str) -> bool:
        """Return whether an id that is not known may be this name."""
        return self.ids_incomplete or any(template.could_read(name) for template in self.possible_ids)

    def id_unknown(self, id: object) -> None:
        """Note that an entry's id is not known, for a problem that is reported."""
        if isinstance(id, str) and "$" in id:
            self.possible_ids.add(IdTemplate.of(id))
        else:
            self.ids_incomplete = True

    def placeholder(self, entry: Entry, loc: Loc, turns: tuple[Any, ...], name: str, **known: Any) -> Node:
        """Return what stands for an entry that is wrong: its one output is unknown."""
        return Node(
            name, entry.op or "group", known.pop("inputs", ()), None, (UNKNOWN,), entry, loc, (loc, turns), **known
        )

    def unknown_value(self) -> Edge:
        """Return an edge that brings what is unknown, for a problem that is reported."""
        self.nodes.append(self.placeholder(self.entries[0], self.loc, (), str(self.count), named=False))
        return Edge(len(self.nodes) - 1)
