"""A network for evaluation alone: a graph again, which gives the same outputs in fewer and lighter steps.

Each step is a function of a list or of the graph: `leaving` takes out what is nothing outside training, `folding` takes
batch norms into the layers before them, `overwriting` works in place where `checks/` finds that it is safe, `layout`
says how values should lie in memory, `packing` lets oneDNN compute convolutions and linear layers, `fusing` the GELU
behind them. No parameter trains.
What comes out is lowered, validated and emitted as every graph is; `Optimized` says as well where its weights are from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from speczoo.compiler.analysis.inference_memory import inference
from speczoo.compiler.analysis.residence import Unit
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer
from speczoo.compiler.optimize.copying import copy_before_cuts, permuted_before_cuts
from speczoo.compiler.optimize.folding import FoldedNorm, fold
from speczoo.compiler.optimize.fusing import fuse
from speczoo.compiler.optimize.layout import memory_format
from speczoo.compiler.optimize.leaving import leave_out, numbered, renamed, without_training
from speczoo.compiler.optimize.overwriting import overwrite
from speczoo.compiler.optimize.packing import pack, places, worth_packing
from speczoo.specs.loaded_spec import LoadedSpec

#: What the text says where norms are folded.
FOLDED = "batch norms are part of the layers before them"


@dataclass(frozen=True)
class Optimized:
    """A graph for evaluation. `origins` has for each module of it with weights or buffers the path in the network that
    it was made of, by its own path; `folds` the batch norms that are in other layers now, by the path of the layer.
    """

    graph: Graph
    origins: dict[str, str]
    folds: dict[str, FoldedNorm]


def optimize(graph: Graph) -> Optimized:
    """Return a network for evaluation that gives what this one gives outside training."""
    lists = _Lists(graph, copying=False)
    plain = lists.optimized()
    if not any(map(permuted_before_cuts, lists.made.values())):
        return plain
    copying = _Lists(graph, copying=True).optimized()
    return min(plain, copying, key=lambda each: inference(each.graph.root, Unit()))


class _Lists:
    """The lists of a network rewritten, each once: a block that is met again is the same object again. `copying` says
    whether values are copied before they are cut.
    """

    def __init__(self, graph: Graph, *, copying: bool) -> None:
        self.graph, self.copying = graph, copying
        self.root = without_training(graph.root)
        self.folding, self.tied = not graph.ties, {*places(self.root, graph.one)}
        self.packing = worth_packing(self.root)
        self.made: dict[Composite, Composite] = {}
        self.folds: dict[Composite, dict[int, int]] = {}
        self.units: dict[tuple[int, bool, tuple[tuple[str, str], ...]], LoadedSpec] = {}

    def optimized(self) -> Optimized:
        root = self.rewritten(self.root)
        graph = replace(self.graph, unit=root.unit, root=root, memory_format=memory_format(root))
        optimized = Optimized(graph, {}, {})
        self.collect(self.graph.root, root, "", "", optimized)
        return optimized

    def rewritten(self, composite: Composite) -> Composite:
        if composite not in self.made:
            self.made[composite] = self._rewritten(composite)
        return self.made[composite]

    def _rewritten(self, composite: Composite) -> Composite:
        nodes = [
            node.containing(self.rewritten(node.body)) if isinstance(node.body, Composite) else node
            for node in map(leave_out, composite.nodes)
        ]
        made = replace(composite, nodes=tuple(nodes))
        made, folds = fold(made) if self.folding else (made, {})
        made = pack(made, self.packing, {index for owner, index in self.tied if owner is composite})
        made = fuse(made)
        made = numbered(copy_before_cuts(made) if self.copying else made)
        note = self.note(composite, folded=bool(folds))
        made = overwrite(replace(made, unit=self.ruled(composite, made), note=note))
        self.folds[made] = folds
        return made

    def note(self, composite: Composite, *, folded: bool) -> str:
        """Return what the text says of a list, whose title is that of the list before."""
        if composite is self.root:
            facts = [FOLDED] if folded or any(self.folds.values()) else []
            return f"For evaluation alone: {', and '.join([*facts, 'no parameter trains'])}."
        return f"For evaluation: {FOLDED}." if folded else ""

    def ruled(self, old: Composite, new: Composite) -> LoadedSpec:
        """Return a rewritten list's spec without rules for how parameters start, since their values come from
        elsewhere, and with the names that tied ones have now; that of the network freezes them all.
        """
        unit, freeze = old.unit, ["**"] if old is self.root else []
        spec = unit.spec
        ties = spec.tie
        if old.settings is not None:  # else they are those of the list around it
            ties = {renamed(key, old, new): renamed(source, old, new) for key, source in ties.items()}
        key = id(spec), old is self.root, tuple(ties.items())
        if key not in self.units:
            changes = {"init": [], "freeze": freeze, "tie": ties}
            plain = all(getattr(spec, name) == value for name, value in changes.items())
            self.units[key] = LoadedSpec(spec if plain else spec.model_copy(update=changes), unit.document)
        return self.units[key]

    def collect(self, old: Composite, new: Composite, old_prefix: str, new_prefix: str, into: Optimized) -> None:
        """Say where the weights of a rewritten list are from."""
        folds = self.folds[new]
        for index, (was, now) in enumerate(zip(old.nodes, new.nodes, strict=True)):
            if now.body is None or now.shared is not None:
                continue
            here, there = new_prefix + now.name, old_prefix + was.name
            if isinstance(now.body, Composite):
                assert isinstance(was.body, Composite)
                self.collect(was.body, now.body, f"{there}.", f"{here}.", into)
            elif _has_state(now):
                into.origins[here] = there
                if index in folds:
                    norm = old.nodes[folds[index]]
                    assert isinstance(norm.body, Layer)
                    into.folds[here] = FoldedNorm.of(old_prefix + norm.name, was, norm)


def _has_state(node: Node) -> bool:
    return bool(node.weights or node.buffers)
