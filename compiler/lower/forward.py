"""The statements of a forward: which variable each value lives in, and when it is let go.

A value that only the next statement takes lives in a running variable (`x`, `out`); any other is called by its id.
Values are dropped after their last use where real work follows, so that a U-Net lets go of its skips; what is in a
variable that the next statement sets anew goes with that.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import zip_longest

from speczoo.compiler.composite import Composite, Port
from speczoo.compiler.dataflow import INPUT, OUTPUT, Edge, Operand, dataflow
from speczoo.compiler.identifiers import snake, variable
from speczoo.compiler.lower.training import TrainingSteps
from speczoo.compiler.program import Assignment, Declaration

RUNNING = ("x", "out", "y", "z")


def argument(name: str) -> str:
    """Return what forward calls an input: the one that a spec need not name is `x`."""
    return "x" if name == "input" else name


@dataclass(frozen=True)
class Statement:
    """An entry as forward sees it. `express` makes its expression from its inputs' texts; None for an nn.Parameter,
    which has no statement and reads as `text`."""

    name: str
    inputs: tuple[Operand, ...]
    ports: tuple[str, ...]
    express: Callable[[Sequence[str]], str] | None
    text: str = ""
    when: str | None = None  # what is asked in forward
    training: bool = False
    heavy: bool = False  # makes tensors of its own that are worth making room for
    merge: bool = False

    @classmethod
    def of(
        cls,
        composite: Composite,
        index: int,
        inputs: Sequence[Operand],
        express: Callable[[Sequence[str]], str] | None,
        *,
        text: str = "",
        when: str | None = None,
    ) -> Statement:
        """Return the statement of an entry of a list."""
        node = composite.nodes[index]
        name = variable(node.name) if node.named else snake(node.op).strip("_") or "value"
        if express is None:
            return cls(name, (), (), None, text)
        ports = tuple(variable(p) if not p[:1].isdigit() else p for p in node.ports)
        training = index not in composite.wiring.inference_only
        heavy = node.params > 0 or isinstance(node.body, Composite)
        return cls(name, tuple(inputs), ports, express, text, when, training, heavy, len(node.inputs) > 1)


def order(
    statements: Sequence[Statement | None], inputs: Sequence[str], outputs: Sequence[Port], taken: Container[str] = ()
) -> tuple[tuple[Assignment | Declaration, ...], tuple[str, ...]]:
    """Return steps, and the text of each output. `statements` are by node number; None where nothing stands (an omitted
    entry is resolved away by the caller). No variable has a name that is `taken`.
    """
    uses = _uses(statements, outputs)
    standing = [None if s is None or s.express is None else s.training for s in statements]
    steps, variables = TrainingSteps(standing, uses, inputs), _Variables(statements, uses, inputs, taken)
    heaviest = max((i for i, s in enumerate(statements) if s is not None and s.heavy), default=-1)
    for i, statement in enumerate(statements):
        if statement is None:
            continue
        if statement.express is None:
            variables.where[Edge(i)] = statement.text
            continue
        texts = variables.texts(statement)
        dying = variables.dying(i, statement)
        outside = [steps.read_outside(edge) for edge in _edges(i, statement)]
        targets = variables.assign(i, statement, dying, outside)
        ending = {v: e for e in dying if variables.live.get(v := variables.where[e]) == e and v not in targets}
        step = Assignment(
            targets,
            statement.express(texts),
            statement.when,
            texts[0] if statement.when is not None and texts[0] != targets[0] else None,
            statement.training,
            _dropped(ending) if heaviest > i and not statement.training else (),
        )
        steps.add(i, step, list(zip(statement.inputs, texts, strict=True)))
        for name in ending:
            del variables.live[name]
    return tuple(_dropping(steps.steps)), tuple(variables.where[p.edge] for p in outputs)


class _Variables:
    """Which variable holds each value, while the statements of a forward are written one after the other."""

    def __init__(
        self,
        statements: Sequence[Statement | None],
        uses: Mapping[Edge, Sequence[int]],
        inputs: Sequence[str],
        taken: Container[str],
    ) -> None:
        self.statements, self.uses, self.taken = statements, uses, taken
        self.live = {name: Edge(INPUT, k) for k, name in enumerate(inputs)}  # variable -> the value it holds
        self.where = {edge: name for name, edge in self.live.items()}
        self.recent = inputs[0] if inputs else ""  # what the statement before gave
        real = [i for i, s in enumerate(statements) if s is not None and s.express is not None]
        lasting = [i for i in real if not statements[i].training]  # type: ignore[union-attr]
        self.last = {*real[-1:], *lasting[-1:]}
        self.following = dict(zip(real, real[1:], strict=False)) | dict(zip(lasting, lasting[1:], strict=False))

    def texts(self, statement: Statement) -> list[str]:
        """Return what reads each input of a statement."""
        return [self.where[s] if isinstance(s, Edge) else repr(s) for s in statement.inputs]

    def dying(self, i: int, statement: Statement) -> set[Edge]:
        """Return the values that nothing takes after a statement."""
        return {e for e in statement.inputs if isinstance(e, Edge) and self.uses[e][-1] <= i}

    def assign(self, i: int, statement: Statement, dying: Set[Edge], outside: Sequence[bool]) -> tuple[str, ...]:
        """Return the variables that take what a statement gives; `outside` says of which of it code reads that the
        statement's block of training does not reach.
        """
        passing = not statement.ports and self._soon(i) and not outside[0]
        running = self._running(i, statement, dying) if passing else None
        if running is not None:
            targets = [running]
        else:
            targets = []
            for port in range(len(outside)):
                wanted = f"{statement.name}_{statement.ports[port]}" if statement.ports else statement.name
                targets.append(self._named(i, wanted, dying, targets))
        for edge, target in zip(_edges(i, statement), targets, strict=True):
            self.live[target], self.where[edge] = edge, target
        self.recent = targets[0]
        return tuple(targets)

    def _soon(self, i: int) -> bool:
        """Return whether the next statement alone takes what one gives, or it is returned right behind it."""
        users = self.uses.get(Edge(i), [])
        return users == [self.following.get(i)] or (users == [len(self.statements)] and i in self.last)

    def _running(self, i: int, statement: Statement, dying: Set[Edge]) -> str | None:
        """Return the running variable that takes what a statement gives, rather that of its first input; None where
        what is given has a name: it would be one of several that meet, and does not go on what flowed.
        """
        first = statement.inputs[0] if statement.inputs else None
        after = self.statements[self.following[i]] if i in self.following else None
        flowing = isinstance(first, Edge) and self.where.get(first) == self.recent
        free = [name for name in RUNNING if self._free(i, name, dying)]
        if not free or (not flowing and after is not None and after.merge):
            return None
        own = self.where.get(first) if isinstance(first, Edge) and first in dying else None
        return own if own in free else free[0]

    def _named(self, i: int, wanted: str, dying: Set[Edge], others: Container[str]) -> str:
        """Return a variable that is called so, or nearly, and holds nothing that is still taken."""
        name = variable(wanted, self.taken)
        while name in others or not self._free(i, name, dying):
            name = variable(name + "_", self.taken)
        return name

    def _free(self, i: int, name: str, dying: Set[Edge]) -> bool:
        """Return whether a variable may hold what a statement gives: what it holds is not taken after that."""
        held = self.live.get(name)
        return held is None or held in dying or max(self.uses.get(held, ()), default=-1) <= i


def _edges(i: int, statement: Statement) -> list[Edge]:
    """Return the values that a statement gives."""
    return [Edge(i, port) for port in range(max(1, len(statement.ports)))]


def _dropped(ending: Mapping[str, Edge]) -> tuple[str, ...]:
    """Return the variables that are let go of, of those whose values nothing takes any more: whoever calls has the
    inputs, too.
    """
    return tuple(sorted(name for name, edge in ending.items() if edge.node != INPUT))


def _dropping(steps: Sequence[Assignment | Declaration]) -> Iterator[Assignment | Declaration]:
    """Yield steps that drop nothing which is in a variable that the next one sets anew."""
    for step, after in zip_longest(steps, steps[1:]):
        if isinstance(step, Assignment) and isinstance(after, Assignment) and not after.training:
            step = replace(step, drops=tuple(v for v in step.drops if v not in after.targets))
        yield step


def _uses(statements: Sequence[Statement | None], outputs: Sequence[Port]) -> dict[Edge, list[int]]:
    """Map each value to the statements that take it, in order; an output counts as one after the last."""
    entries = ((i, s.inputs, max(1, len(s.ports))) for i, s in enumerate(statements) if s is not None)
    flow = dataflow(entries, (port.edge for port in outputs))
    after = len(statements)
    return {
        value: sorted(after if user == OUTPUT else user for user in flow.successors(value))
        for value in flow
        if isinstance(value, Edge)
    }
