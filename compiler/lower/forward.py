"""The statements of a forward: which variable each value lives in, and when it is let go.

A value that only the next statement takes lives in a running variable (`x`, `out`); any other is called by its id.
Named values are dropped after their last use where real work follows, so that a U-Net lets go of its skips.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

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
    live: dict[str, Edge] = {}  # variable -> the value it holds
    where: dict[Edge, str] = {}
    for k, name in enumerate(inputs):
        where[Edge(INPUT, k)] = name
        live[name] = Edge(INPUT, k)

    def used_after(edge: Edge, i: int) -> bool:
        return max(uses.get(edge, ()), default=-1) > i

    standing = [None if s is None or s.express is None else s.training for s in statements]
    steps = TrainingSteps(standing, uses, inputs)
    recent = inputs[0] if inputs else ""
    real = [i for i, s in enumerate(statements) if s is not None and s.express is not None]
    lasting = [i for i in real if not statements[i].training]  # type: ignore[union-attr]
    heaviest = max((i for i, s in enumerate(statements) if s is not None and s.heavy), default=-1)
    following = dict(zip(real, real[1:], strict=False)) | dict(zip(lasting, lasting[1:], strict=False))
    for i, statement in enumerate(statements):
        if statement is None:
            continue
        if statement.express is None:
            where[Edge(i)] = statement.text
            continue
        texts = [where[s] if isinstance(s, Edge) else repr(s) for s in statement.inputs]
        expression = statement.express(texts)
        first = statement.inputs[0] if statement.inputs else None
        dying = {e for e in statement.inputs if isinstance(e, Edge) and uses[e][-1] <= i}
        targets = []
        for port in range(max(1, len(statement.ports))):
            edge = Edge(i, port)
            users = uses.get(edge, [])
            wanted = f"{statement.name}_{statement.ports[port]}" if statement.ports else statement.name
            free = [v for v in RUNNING if v not in live or live[v] in dying or not used_after(live[v], i)]
            soon = users == [following.get(i)] or (users == [len(statements)] and i in (real[-1], *lasting[-1:]))
            after = statements[following[i]] if i in following else None
            flowing = isinstance(first, Edge) and where.get(first) == recent
            passing = not statement.ports and soon and not steps.read_outside(edge)
            if passing and free and (flowing or not (after and after.merge)):
                own = where.get(first) if isinstance(first, Edge) and first in dying else None
                target = own if own in RUNNING and own in free else free[0]
            else:
                target = variable(wanted, taken)
                while target in targets or (
                    target in live and live[target] not in dying and used_after(live[target], i)
                ):
                    target = variable(target + "_", taken)
            targets.append(target)
        for port, target in enumerate(targets):
            live[target] = Edge(i, port)
            where[Edge(i, port)] = target
        recent = targets[0]
        otherwise = None
        if statement.when is not None:
            base = texts[0]
            otherwise = None if base == targets[0] else base
        ending = [v for e in dying if live.get(v := where[e]) == e and v not in targets]
        gone = [v for v in ending if v not in RUNNING and v not in inputs]
        drops = tuple(sorted(gone)) if heaviest > i and not statement.training else ()
        step = Assignment(tuple(targets), expression, statement.when, otherwise, statement.training, drops)
        steps.add(i, step, list(zip(statement.inputs, texts, strict=True)))
        for v in ending:
            del live[v]
    return tuple(steps.steps), tuple(where[p.edge] for p in outputs)


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
