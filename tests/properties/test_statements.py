"""The statements of a forward give what their entries compute, in training and without, to Python and to TorchScript,
and hold no value that nothing takes any more."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from speczoo.compiler.composite import Port
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.emit.module import load
from speczoo.compiler.emit.python import _forward, render
from speczoo.compiler.lower.forward import RUNNING, Statement, order
from speczoo.compiler.program import Assignment, Class, Make, Member, Program

NAMES = ("relu", "conv", "x", "left")  # entries without ids have those of their ops
FREE = {"torch", "self", "NetOutput"}


@dataclass(frozen=True)
class Entry:
    """An entry of a list: what it takes, how many values it gives, and whether a flag on `self` asks for it."""

    name: str
    inputs: tuple[Operand, ...]
    ports: tuple[str, ...] = ()
    flag: bool | None = None
    heavy: bool = False


@dataclass(frozen=True)
class Listed:
    """A list of entries, and its outputs."""

    inputs: tuple[str, ...]
    entries: tuple[Entry, ...]
    outputs: tuple[Port, ...]

    def needed(self, *, training: bool) -> set[int]:
        """What its outputs hang on, or those that it has outside training."""
        found: set[int] = set()
        left = [port.edge.node for port in self.outputs if training or not port.training_only]
        while left:
            if (node := left.pop()) != INPUT and node not in found:
                found.add(node)
                left += [edge.node for edge in self.entries[node].inputs if isinstance(edge, Edge)]
        return found


@st.composite
def lists(draw: st.DrawFn) -> Listed:
    """Entries in two streams: what is always computed, and what training computes of that besides."""
    inputs = draw(st.sampled_from([("x",), ("left",), ("left", "out")]))
    always: list[Edge] = [Edge(INPUT, k) for k in range(len(inputs))]
    training: list[Edge] = []
    entries: list[Entry] = []
    for i in range(draw(st.integers(2, 9))):
        only = i > 0 and draw(st.booleans())
        stream, known = (training, always + training) if only else (always, always)
        some = draw(st.lists(st.sampled_from(known), max_size=2))
        recent = draw(st.sampled_from([*stream[-1:], known[-1]]))
        taken = draw(st.permutations([recent, *some, *draw(st.sampled_from([[], [], [2]]))]))
        kind = draw(st.sampled_from(["one", "one", "one", "two", "optional"]))
        ports = ("0", "first") if kind == "two" else ()
        optional = kind == "optional" and isinstance(taken[0], Edge)
        flag = draw(st.booleans()) if optional else None
        entries.append(Entry(draw(st.sampled_from(NAMES)), tuple(taken), ports, flag, draw(st.booleans())))
        stream += [Edge(i, k) for k in range(max(1, len(ports)))]
    outputs = [Port("main", always[-1]), *(Port("aux", edge, True) for edge in training[-1:])]
    others = [*always[len(inputs) : -1], *training[:-1]]
    more = draw(st.lists(st.sampled_from(others), max_size=2, unique=True)) if others else []
    outputs += [Port(f"more{k}", edge, edge in training) for k, edge in enumerate(more)]
    return Listed(inputs, tuple(entries), tuple(draw(st.permutations(outputs))))


def expression(i: int, entry: Entry, texts: list[str]) -> str:
    """What an entry computes of these: no two entries the same."""
    value = f"torch.sin({' + '.join(f'{k + 2} * {text}' for k, text in enumerate(texts))} + {i})"
    return f"torch.cat([{value}, {value} + 1]).chunk(2)" if entry.ports else value


def written(listed: Listed) -> Class:
    """The class of a list, as lowering has it."""
    needed, lasting = listed.needed(training=True), listed.needed(training=False)
    statements = [
        Statement(
            entry.name,
            entry.inputs,
            entry.ports,
            lambda texts, i=i, entry=entry: expression(i, entry, [*texts]),
            when=None if entry.flag is None else f"self.use_{i}",
            training=i not in lasting,
            heavy=entry.heavy,
            merge=len(entry.inputs) > 1,
        )
        if i in needed
        else None
        for i, entry in enumerate(listed.entries)
    ]
    steps, returns = order(statements, listed.inputs, listed.outputs)
    always = tuple(text for text, port in zip(returns, listed.outputs, strict=True) if not port.training_only)
    flags = [(i, entry.flag) for i, entry in enumerate(listed.entries) if entry.flag is not None]
    several = len(listed.outputs) > 1
    return Class(
        "Net",
        "",
        (),
        members=tuple(Member(f"use_{i}", Make(str(flag), value=True)) for i, flag in flags),
        arguments=listed.inputs,
        steps=steps,
        returns=returns,
        lasting=() if len(always) == len(returns) else always,
        output="NetOutput" if several else None,
        fields=tuple((port.name, port.training_only) for port in listed.outputs) if several else (),
    )


def computed(listed: Listed, given: list[Tensor]) -> dict[Edge, Tensor]:
    """Each value, straight from what the entries say."""
    values = {Edge(INPUT, k): x for k, x in enumerate(given)}
    for i, entry in enumerate(listed.entries):
        taken = [values[x] if isinstance(x, Edge) else x for x in entry.inputs]
        names = {f"v{k}": value for k, value in enumerate(taken)}
        made = taken[0] if entry.flag is False else eval(expression(i, entry, [*names]), {"torch": torch, **names})
        values |= {Edge(i, k): value for k, value in enumerate(made if entry.ports else [made])}
    return values


def module(c: Class) -> nn.Module:
    made: nn.Module = load(render(Program("net", "net", "Net", (c,)))).Net()
    return made


def gives(made: Any, listed: Listed, values: dict[Edge, Tensor]) -> None:
    """Hold a module, or what TorchScript made of it, to the values of its entries."""
    given = [values[Edge(INPUT, k)] for k in range(len(listed.inputs))]
    for training in (True, False):
        out = made.train(training)(*given)
        lasting = [values[port.edge] for port in listed.outputs if not port.training_only]
        wanted = [None if port.training_only and not training else values[port.edge] for port in listed.outputs]
        if isinstance(out, Tensor):  # the one that there is
            out, wanted = [out], lasting
        for came, value in zip(out, wanted, strict=True):
            assert (came is None) == (value is None)
            assert value is None or torch.equal(came, value)


def reads_what_it_has(statements: list[ast.stmt], tensors: set[str], perhaps: set[str]) -> None:
    """Hold statements to variables that have a tensor on every path that leads there: `perhaps` are declared ones."""
    for statement in statements:
        match statement:
            case ast.If(test=ast.Attribute(attr="training"), body=body):
                inside, declared = tensors.copy(), perhaps.copy()
                reads_what_it_has(body, inside, declared)
                tensors &= inside
            case ast.If(body=body):  # what has a value already, with another, where a flag says so
                assert {target.id for target in ast.walk(body[0]) if isinstance(target, ast.Name)} <= tensors | FREE
            case ast.AnnAssign(target=ast.Name(id=name)):
                perhaps.add(name)
                tensors.discard(name)
            case ast.Assert(test=ast.Compare(left=ast.Name(id=name))):
                assert name in tensors | perhaps
                tensors.add(name)
            case ast.Delete(targets=targets):
                tensors -= {target.id for target in targets if isinstance(target, ast.Name)}
            case _:
                found = [name for name in ast.walk(statement) if isinstance(name, ast.Name)]
                known = tensors | FREE | (perhaps if isinstance(statement, ast.Return) else set())
                assert {name.id for name in found if isinstance(name.ctx, ast.Load)} <= known
                tensors |= {name.id for name in found if isinstance(name.ctx, ast.Store)}


#: A variable that was let go of, and that training gives a value again, of which an output is made later.
AGAIN = Listed(
    ("left",),
    (
        Entry("conv", (Edge(INPUT),)),
        Entry("left", (Edge(0), Edge(INPUT))),
        Entry("relu", (Edge(1), Edge(0))),
        Entry("conv", (Edge(1),)),
        Entry("relu", (Edge(2), Edge(1)), heavy=True),
    ),
    (Port("main", Edge(4)), Port("aux", Edge(3), True)),
)


@settings(max_examples=5 * settings().max_examples)
@example(AGAIN)
@given(lists())
def test_they_give_what_the_entries_compute(listed: Listed) -> None:
    values = computed(listed, [torch.randn(3, 2, dtype=torch.float64) for _ in listed.inputs])
    c = written(listed)
    gives(module(c), listed, values)
    forward = ast.parse("class Net:\n" + "\n".join(_forward(c))).body[0].body[0]  # type: ignore[attr-defined]
    reads_what_it_has(forward.body, {*listed.inputs}, set())


@pytest.mark.filterwarnings("ignore")  # torch.jit.script says that it is old
@given(lists())
def test_torchscript_takes_them(listed: Listed) -> None:
    values = computed(listed, [torch.randn(3, 2, dtype=torch.float64) for _ in listed.inputs])
    gives(torch.jit.script(module(written(listed))), listed, values)


@given(lists())
def test_what_nothing_takes_any_more_is_let_go_of_where_work_follows(listed: Listed) -> None:
    """But for running variables, which the next value takes, inputs, which the caller holds, and what training took
    last, inside its `if`."""
    needed, lasting = sorted(listed.needed(training=True)), sorted(listed.needed(training=False))
    last = {edge: i for i in needed for edge in listed.entries[i].inputs if isinstance(edge, Edge)}
    last |= {port.edge: len(listed.entries) for port in listed.outputs}
    steps = [step for step in written(listed).steps if isinstance(step, Assignment) and not step.training]
    held: dict[str, Edge] = {}
    for i, step in zip(lasting, steps, strict=True):
        held |= {target: Edge(i, port) for port, target in enumerate(step.targets)}
        for name in step.drops:
            del held[name]
        idle = {name for name, edge in held.items() if last.get(edge, i + 1) <= i and last[edge] in lasting}
        if any(listed.entries[after].heavy for after in needed if after > i):
            assert idle <= {*RUNNING, *listed.inputs}
