"""Translation validation: a program that is another network than its graph is found out, whatever went wrong."""

from __future__ import annotations

import ast
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.compiler.emit import module
from speczoo.compiler.emit.module import load
from speczoo.compiler.emit.python import render
from speczoo.compiler.graph import Graph
from speczoo.compiler.lower.lowering import Lowering
from speczoo.compiler.lower.validate import Mistranslation, validate
from speczoo.compiler.program import CONTAINERS, Assignment, Child, Class, Declaration, InitLoop, Make, Member, Program
from speczoo.testing import networks
from speczoo.verify import Unpredicted
from tests.commands.zoo_command import fresh, zoo
from tests.families import graph_of, of_the_zoo

Data = dict[str, Any]

#: A network that has all that a program can have.
EVERYTHING: Data = {
    "spec": 1,
    "name": "everything",
    "input": [3, 8, 8],
    "blocks": {
        "Unit": {
            "params": {"channels": "int", "act": {"type": "op", "default": "ReLU"}, "drop": 0.0, "stride": 1},
            "layers": [
                {"id": "conv", "op": "Conv2d", "out_channels": "$channels", "kernel_size": 3, "padding": 1,
                 "stride": "$stride"},
                {"id": "norm", "op": "BatchNorm2d"},
                {"id": "act", "op": "$act"},
                {"id": "drop", "op": "Dropout", "p": "$drop", "when": "$(drop > 0)"},
                {"id": "down", "from": "input", "when": "$(stride > 1 or in_channels != channels)", "layers": [
                    {"op": "Conv2d", "out_channels": "$channels", "kernel_size": 1, "stride": "$stride"}]},
                {"id": "out", "op": "sub", "from": ["drop", "down"]},
            ],
        },
        "Chain": {
            "params": {"drop": 0.0},
            "layers": [{"op": "Conv2d", "out_channels": 6, "kernel_size": 1},
                       {"op": "Dropout", "p": "$drop", "when": "$(drop > 0)"}, {"op": "Sigmoid"}],
        },
        "Two": {
            "layers": [{"id": "a", "op": "Conv2d", "out_channels": "$in_channels", "kernel_size": 1},
                       {"id": "b", "op": "Tanh"}],
            "outputs": [{"id": "first", "from": "a"}, {"id": "second", "from": "b"}],
        },
    },
    "layers": [
        {"id": "stem", "op": "Conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False},
        {"id": "relu", "op": "ReLU", "inplace": True},
        {"id": "one", "op": "Unit", "channels": 5},
        {"id": "two", "op": "Unit", "channels": 6, "act": "GELU", "drop": 0.1},
        {"id": "three", "op": "Unit", "channels": 6, "stride": 2, "drop": 0.2},
        {"id": "chain", "op": "Chain"},
        {"id": "other_chain", "op": "Chain", "drop": 0.3},
        {"id": "mix", "op": "Conv2d", "out_channels": 6, "kernel_size": 1},
        {"id": "mixed", "share": "mix"},
        {"id": "split", "op": "Two"},
        {"id": "scale", "op": "Parameter", "shape": [6, 1, 1], "init": 0.5},
        {"id": "scaled", "op": "mul", "from": ["scale", "split.first"], "broadcast": True},
        {"id": "joined", "op": "concat", "from": ["scaled", "split.second"]},
        {"id": "flat", "op": "Flatten"},
        {"id": "side", "op": "Linear", "out_features": 5},
        {"id": "wide", "from": "flat", "layers": [{"op": "Linear", "out_features": 7},
                                                  {"op": "permute", "dims": [0, 1]},
                                                  {"op": "Linear", "out_features": 8}]},
        {"id": "parts.0", "op": "Linear", "out_features": 6},
        {"id": "named.first.0", "op": "Linear", "out_features": 6},
        {"id": "parts.1", "op": "Linear", "out_features": 7},
        {"id": "named.second", "op": "Linear", "out_features": 7},
        {"id": "held.shift", "op": "Parameter", "shape": [7]},
        {"id": "shifted", "op": "add", "from": ["named.second", "held.shift"]},
        {"id": "held.0", "op": "Linear", "out_features": 6},
        {"id": "side_head", "op": "Linear", "out_features": 6, "from": "side"},
        {"id": "head", "op": "Linear", "out_features": 5, "from": "held.0"},
    ],
    "outputs": [{"id": "logits", "from": "head"}, {"id": "aux", "from": "joined", "training_only": True},
                {"id": "side", "from": "side_head", "training_only": True}],
    "init": [{"match": "Conv2d", "weight": {"kaiming_normal": {"mode": "fan_out"}}, "bias": 0.1},
             {"match": "head", "weight": {"normal": {"std": 0.01}}}],
    "freeze": ["stem.**"],
}  # fmt: skip


def lowered(spec: Data) -> tuple[Graph, Program]:
    graph = speczoo.graph(spec)
    return graph, Lowering(graph).program()


# -- ways to break a program ------------------------------------------------------------------------------------------


def classes(program: Program, change: Callable[[Class], Iterator[Class]]) -> Iterator[Program]:
    """The programs that differ in one class."""
    for i, c in enumerate(program.classes):
        for new in change(c):
            if new != c:
                yield replace(program, classes=(*program.classes[:i], new, *program.classes[i + 1 :]))


def each(items: tuple[Any, ...], change: Callable[[Any], Iterator[Any]]) -> Iterator[tuple[Any, ...]]:
    for i, item in enumerate(items):
        for new in change(item):
            yield (*items[:i], new, *items[i + 1 :])


def makes(change: Callable[[Make], Iterator[Make]]) -> Callable[[Program], Iterator[Program]]:
    """The programs that differ in one construction, however deep."""

    def deep(make: Make) -> Iterator[Make]:
        yield from change(make)
        if make.children is not None:
            for children in each(make.children, part):
                yield replace(make, children=children)

    def part(item: Child | Member) -> Iterator[Child | Member]:
        for make in deep(item.make):
            yield replace(item, make=make)

    def parts(c: Class) -> Iterator[Class]:
        for members in each(c.members, part):
            yield replace(c, members=members)
        for children in each(c.children or (), part):
            yield replace(c, children=children)

    return lambda program: classes(program, parts)


def steps(change: Callable[[Assignment], Iterator[Assignment]]) -> Callable[[Program], Iterator[Program]]:
    def assignments(step: Assignment | Declaration) -> Iterator[Assignment | Declaration]:
        yield from change(step) if isinstance(step, Assignment) else ()

    return lambda program: classes(program, lambda c: (replace(c, steps=new) for new in each(c.steps, assignments)))


def inits(change: Callable[[InitLoop], Iterator[InitLoop]]) -> Callable[[Program], Iterator[Program]]:
    return lambda program: classes(program, lambda c: (replace(c, init=new) for new in each(c.init, change)))


def of_class(change: Callable[[Class], Iterator[Class]]) -> Callable[[Program], Iterator[Program]]:
    return lambda program: classes(program, change)


def swapped(items: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for i in range(len(items) - 1):
        if items[i] != items[i + 1]:
            yield (*items[:i], items[i + 1], items[i], *items[i + 2 :])


def without(items: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for i in range(len(items)):
        yield (*items[:i], *items[i + 1 :])


def _swap_arguments(make: Make) -> Iterator[Make]:
    for i in range(len(make.args) - 1):
        (a, x), (b, y) = make.args[i : i + 2]
        if x != y:
            yield replace(make, args=(*make.args[:i], (a, y), (b, x), *make.args[i + 2 :]))


def _other_number(make: Make) -> Iterator[Make]:
    for i, (name, text) in enumerate(make.args):
        if text.isdigit():
            yield replace(make, args=(*make.args[:i], (name, str(int(text) + 1)), *make.args[i + 1 :]))


def _drop_argument(make: Make) -> Iterator[Make]:
    for args in without(make.args):
        yield replace(make, args=args)


def _other_target(make: Make) -> Iterator[Make]:
    others = {"nn.ReLU": "nn.SiLU", "nn.Conv2d": "nn.ConvTranspose2d", "nn.Linear": "nn.LazyLinear"}
    if make.target in others:
        yield replace(make, target=others[make.target])


def _other_name(c: Class) -> Iterator[Class]:
    for members in each(c.members, lambda m: iter([replace(m, name=m.name + "_")] if not m.make.value else [])):
        yield replace(c, members=members)


def _one_name_for_all(c: Class) -> Iterator[Class]:
    for i in range(len(c.members) - 1):
        if not c.members[i].make.value:
            yield replace(c, members=(*c.members[: i + 1], replace(c.members[i + 1], name=c.members[i].name),
                                      *c.members[i + 2 :]))  # fmt: skip


def _condition(when: str | None) -> list[str]:
    return ["True", f"not ({when})"] if when is not None else ["False"]


def _other_condition(c: Class) -> Iterator[Class]:
    def change(part: Any) -> Iterator[Any]:
        return iter([replace(part, when=when) for when in _condition(part.when)])

    for members in each(c.members, change):
        yield replace(c, members=members)
    for children in each(c.children or (), change):
        yield replace(c, children=children)


def _other_read(step: Assignment) -> Iterator[Assignment]:
    for name in {n.id for n in ast.walk(ast.parse(step.expression)) if isinstance(n, ast.Name)} - {"self", "torch"}:
        yield replace(step, expression=step.expression.replace(f"({name}", f"(other{name}").replace(f"[{name}",
                      f"[other{name}"))  # fmt: skip


#: Of containers, by how they are read: another name, another container, another way that torch takes or does not.
OTHER_MEMBERS = {
    "parts[0]": "parts[1]",
    'named["second"]': 'named["first"]',
    "held.shift": "held.other",
    'getattr(self.held, "0")': 'getattr(self.held, "1")',
    'getattr(self.held, "': 'getattr(self.parts, "',
    'getattr(self.held, "0")(': 'self.held.get_submodule("0")(',
    "self.held": 'getattr(self, "held")',
}


def _other_member(step: Assignment) -> Iterator[Assignment]:
    for old, new in OTHER_MEMBERS.items():
        yield replace(step, expression=step.expression.replace(old, new))


def _swapped_operands(step: Assignment) -> Iterator[Assignment]:
    for symbol in (" - ", " * "):
        left, found, right = step.expression.partition(symbol)
        if found:
            yield replace(step, expression=f"{right}{symbol}{left}")


def _swapped_targets(step: Assignment) -> Iterator[Assignment]:
    if len(step.targets) > 1:
        yield replace(step, targets=step.targets[::-1])


def _matters(steps: list[Assignment | Declaration], other: list[Assignment | Declaration]) -> bool:
    """A declaration stands anywhere before its assignment."""
    kept, moved = ([s for s in each if isinstance(s, Assignment)] for each in (steps, other))
    return kept != moved or any(
        isinstance(a, Assignment) and isinstance(b, Declaration) and b.name in a.targets
        for a, b in zip(other, other[1:], strict=False)
    )


def _merged(program: Program) -> Iterator[Program]:
    """One class where there were two: every construction of the one makes the other."""
    names = [c.name for c in program.classes if c.name != program.entry]
    for one in names:
        for other in names:
            if one != other:
                yield from makes(lambda m, a=one, b=other: iter([replace(m, target=b)] if m.target == a else []))(
                    program
                )


def _shared_made_twice(step: Assignment) -> Iterator[Assignment]:
    if step.expression.startswith("self.mix("):
        yield replace(step, expression=step.expression.replace("self.mix(", "self.stem("))


def _other_default(c: Class) -> Iterator[Class]:
    for i, p in enumerate(c.parameters):
        if p.default is not None:
            changed = replace(p, default="7" if p.default != "7" else "8")
            yield replace(c, parameters=(*c.parameters[:i], changed, *c.parameters[i + 1 :]))


def _text(old: str, new: str) -> Callable[[InitLoop], Iterator[InitLoop]]:
    def change(loop: InitLoop) -> Iterator[InitLoop]:
        calls = tuple(call.replace(old, new) for call in loop.calls)
        test = loop.test.replace(old, new)
        if (calls, test) != (loop.calls, loop.test):
            yield replace(loop, calls=calls, test=test)

    return change


BROKEN: dict[str, Callable[[Program], Iterator[Program]]] = {
    "two arguments swapped": makes(_swap_arguments),
    "another number": makes(_other_number),
    "an argument dropped": makes(_drop_argument),
    "another class of torch's": makes(_other_target),
    "classes merged": _merged,
    "a member renamed": of_class(_other_name),
    "a member under another's name": of_class(_one_name_for_all),
    "a member dropped": of_class(lambda c: (replace(c, members=new) for new in without(c.members))),
    "members in another order": of_class(lambda c: (replace(c, members=new) for new in swapped(c.members)
                                                    if not any(m.make.value or m.make.form for m in c.members))),
    "a child of a group dropped": makes(lambda m: (replace(m, children=new) for new in without(m.children or ()))),
    "a container of another class": makes(lambda m: (replace(m, target=new) for new in CONTAINERS
                                                     if m.target in CONTAINERS)),
    "members of a container in another order": makes(lambda m: (replace(m, children=new)
                                                                for new in swapped(m.children or ())
                                                                if m.target in ("nn.ModuleDict", "nn.ModuleList"))),
    "another member of a container": steps(_other_member),
    "a child dropped": of_class(lambda c: (replace(c, children=new) for new in without(c.children or ()))),
    "children in another order": of_class(lambda c: (replace(c, children=new) for new in swapped(c.children or ()))),
    "another condition": of_class(_other_condition),
    "another default": of_class(_other_default),
    "a statement dropped": of_class(lambda c: (replace(c, steps=new) for new in without(c.steps))),
    "a statement twice": of_class(lambda c: (replace(c, steps=(*c.steps[: i + 1], *c.steps[i:]))
                                             for i in range(len(c.steps)))),
    "statements in another order": of_class(lambda c: (replace(c, steps=new) for new in swapped(c.steps)
                                                       if _matters([*c.steps], [*new]))),
    "a declaration without training": of_class(lambda c: (
        replace(c, steps=tuple(s for s in c.steps if s != declared))
        for declared in c.steps if isinstance(declared, Declaration))),
    "no tensor known": steps(lambda s: iter([replace(s, present=())] if s.present else [])),
    "another tensor known": steps(lambda s: iter([replace(s, present=("aux",))] if s.present else [])),
    "a value of another name": steps(_other_read),
    "operands swapped": steps(_swapped_operands),
    "outputs of a block swapped": steps(_swapped_targets),
    "a condition of forward dropped": steps(lambda s: iter([replace(s, when="False", otherwise=None)]
                                                           if s.when is None else [replace(s, when="True")])),
    "training alone": steps(lambda s: iter([replace(s, training=not s.training)])),
    "a value let go of": steps(lambda s: iter([replace(s, drops=(*s.drops, s.targets[0]))])),
    "a share of another module": steps(_shared_made_twice),
    "outputs swapped": of_class(lambda c: (replace(c, returns=new) for new in swapped(c.returns))),
    "an output of training alone kept": of_class(lambda c: iter([replace(c, lasting=())] if c.lasting else [])),
    "another initialiser": inits(_text("kaiming_normal", "kaiming_uniform")),
    "another number of an initialiser": inits(_text("0.1", "0.2")),
    "an initialiser of another module": inits(_text('"head"', '"wide"')),
    "an initialiser of another class": inits(_text("nn.Conv2d", "nn.Linear")),
    "an initialiser without a guard": inits(_text("if m.bias is not None:\n    ", "")),
    "no initialisers": of_class(lambda c: (replace(c, init=new) for new in without(c.init))),
    "nothing frozen": of_class(lambda c: iter([replace(c, frozen=())] if c.frozen else [])),
    "all frozen": of_class(lambda c: iter([replace(c, frozen=('name.startswith("")',))] if c.frozen else [])),
    "no definitions": lambda program: iter([replace(program, support=())] if program.support else []),
    "another function": lambda program: (replace(program, support=new) for new in each(program.support,
                                         lambda text: iter([text.replace("permute", "reshape")]))),
    "another entry": lambda program: (replace(program, entry=c.name) for c in program.classes
                                      if c.name != program.entry),
}  # fmt: skip


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_program_is_found_out(way: str) -> None:
    graph, program = lowered(EVERYTHING)
    validate(graph, program)
    broken = [p for p in BROKEN[way](program) if p != program]
    assert broken
    for other in broken:
        with pytest.raises(Mistranslation):
            validate(graph, other)


@given(networks(), st.sampled_from(sorted(BROKEN)), st.data())
def test_what_is_let_through_is_the_network(spec: Data, way: str, data: st.DataObject) -> None:
    """Any network, broken anywhere: what is not found out is no other module."""
    graph, program = lowered(spec)
    broken = [p for p in BROKEN[way](program) if p != program]
    if not broken:
        return
    other = data.draw(st.sampled_from(broken))
    try:
        validate(graph, other)
    except Mistranslation:
        return
    right, left = built(program), built(other)
    assert str(left) == str(right)
    assert list(left.state_dict()) == list(right.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True))
    x = [torch.randn(2, *value.shape) for _, value in graph.settings.inputs]
    for training in (True, False):
        outs = []
        for model in (left.train(training), right.train(training)):
            torch.manual_seed(1)
            out = model(*x)
            outs.append([out] if isinstance(out, torch.Tensor) else [v for v in out if v is not None])
        assert all(torch.equal(a, b) for a, b in zip(*outs, strict=True))


def built(program: Program) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: torch.nn.Module = getattr(load(render(program)), program.entry)()
    return made


# -- the whole way ----------------------------------------------------------------------------------------------------


def test_a_difference_is_a_bug_of_zoo_and_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides are shown, by the command and from Python."""
    original = Lowering.program

    def wrong(self: Lowering) -> Program:
        return next(BROKEN["another number"](original(self)))

    monkeypatch.setattr(Lowering, "program", wrong)
    told = zoo("source", "lenet5", code=3)
    assert "a bug of zoo" in told.stderr
    assert "conv1: the spec has out_channels=" in told.stderr or "in_channels=" in told.stderr
    assert not told.stdout
    for face in (speczoo.source, speczoo.build):
        with pytest.raises(Mistranslation):
            face({**EVERYTHING, "name": "not_yet_built"})


@pytest.mark.parametrize("name", of_the_zoo())
def test_the_catalogue_is_interpreted_whole(name: str) -> None:
    graph = graph_of(name)
    validate(graph, Lowering(graph).program())


# -- its cost ---------------------------------------------------------------------------------------------------------


def steps_of(function: Callable[[], object]) -> int:
    """How many functions of this project are entered."""
    count = 0

    def entered(frame: Any, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call" and "speczoo" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(entered)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def long(layers: int) -> Data:
    unlike = [{"op": "Linear", "out_features": 8 + i % 7} for i in range(layers)]
    return {"spec": 1, "name": "long", "input": [8], "layers": unlike}


def stacked(blocks: int) -> Data:
    """A block whose instances all differ."""
    block = {"params": {"c": "int"}, "layers": [{"id": "fc", "op": "Linear", "out_features": "$c"}, {"op": "ReLU"}]}
    calls = [{"op": "B", "c": 8 + i} for i in range(blocks)]
    return {"spec": 1, "name": "stacked", "input": [8], "blocks": {"B": block}, "layers": calls}


@pytest.mark.parametrize("make", [long, stacked])
def test_its_cost_is_linear(make: Callable[[int], Data]) -> None:
    costs = []
    for size in (100, 200, 400):
        graph, program = lowered(make(size))
        costs.append(steps_of(lambda g=graph, p=program: validate(g, p)))  # type: ignore[misc]
    assert costs[2] - costs[1] <= 2.05 * (costs[1] - costs[0])


COUNTED = """
import sys
entered, inside, depth = 0, 0, 0
def count(frame, event, arg):
    global entered, inside, depth
    code = frame.f_code
    top = code.co_name == "validate" and code.co_filename.endswith("instances.py")
    depth += top and event == "call"
    entered += event in ("call", "c_call")
    inside += event in ("call", "c_call") and depth > 0
    depth -= top and event == "return"
sys.setprofile(count)
try:
    from speczoo.__main__ import main
    sys.argv = ["zoo", "source", sys.argv[1], "-o", sys.argv[2]]
    main()
except SystemExit as ended:
    sys.setprofile(None)
    print(ended.code or 0, inside, entered)
"""


@pytest.mark.parametrize(
    "name", ["densenet201", *(pytest.param(name, marks=pytest.mark.alike) for name in ("lenet5", "vit_b_16"))]
)
def test_its_cost_is_a_small_part_of_the_whole(name: str, tmp_path: Path) -> None:
    """Of all calls that `zoo source` makes in a process of its own."""
    done = fresh(COUNTED, name, str(tmp_path / "net.py"))
    code, inside, entered = map(int, done.stdout.split()[-3:])
    assert code == 0, done.stderr
    assert 0 < 10 * inside < entered


# -- what is emitted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["regnet_x_400mf", "regnet_y_400mf"])
def test_children_with_hyphens_are_reached_where_taps_break_their_chain(name: str) -> None:
    whole = speczoo.build(name, seed=1).eval()
    hyphened = [path for path, _ in whole.named_modules() if path.count(".") == 2 and "-" in path]
    seen: dict[str, torch.Tensor] = {}
    for path in hyphened:
        whole.get_submodule(path).register_forward_hook(
            lambda m, given, out, path=path: seen.__setitem__(path, out)  # type: ignore[misc]
        )
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        whole(x)
        taps = [hyphened[1], hyphened[2], hyphened[-1]]
        tapped = speczoo.build(name, whole.state_dict(), taps=taps).eval()
        came = tapped(x)
    assert all(torch.equal(value, seen[path]) for value, path in zip(came, taps, strict=True))
    assert torch.equal(pickle.loads(pickle.dumps(tapped))(x)[0], came[0])


@pytest.mark.parametrize("aux", [True, False])
@pytest.mark.parametrize("again", [True, False])
def test_an_output_keeps_its_name_where_the_others_are_left_out(aux: bool, again: bool) -> None:
    """The one output of a block that names it can be taken by its name, or without it."""
    block = {
        "params": {"aux": "bool"},
        "layers": [{"id": "m", "op": "Linear", "out_features": 4}, {"id": "a", "op": "ReLU"}],
        "outputs": [{"id": "main", "from": "m"}, {"id": "aux", "from": "a", "when": "$aux"}],
    }
    layers = [{"id": "b", "op": "B", "aux": aux}, *([{"id": "c", "share": "b", "from": "input"}] if again else [])]
    last = {"op": "Tanh", "from": "c.main" if again else "b.main"}
    spec = {"spec": 1, "name": "named", "input": [4], "blocks": {"B": block}, "layers": [*layers, last]}
    x = torch.randn(2, 4)
    model = speczoo.build(spec)
    assert torch.equal(model(x), torch.tanh(model.get_submodule("b").m(x)))
    with pytest.raises(speczoo.SpecError):
        speczoo.graph({**spec, "layers": [*layers, {"op": "Tanh", "from": "b.other"}]})


def test_outputs_of_like_names_are_values_of_their_own() -> None:
    """`map` would hide what Python has, and is called `map_`, which is another output's name."""
    outputs = [{"id": name, "from": name} for name in ("map", "map_", "map__")]
    entries = [{"id": o["id"], "op": "Linear", "out_features": n} for n, o in enumerate(outputs, 2)]
    last = [{"id": f"t{n}", "op": "Tanh", "from": f"b.{o['id']}"} for n, o in enumerate(outputs)]
    ends = [{"id": entry["id"], "from": entry["id"]} for entry in last]
    spec = {"spec": 1, "name": "like", "input": [4], "blocks": {"B": {"layers": entries, "outputs": outputs}},
            "layers": [{"id": "b", "op": "B"}, *last], "outputs": ends}  # fmt: skip
    came = speczoo.build(spec)(torch.randn(2, 4))
    assert [value.shape[1] for value in came] == [2, 3, 4]


# -- what is built -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", ["frozen", "thawed", "shape", "weight"])
def test_what_python_builds_is_held_to_what_was_predicted(spoil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = module.build

    def spoilt(graph: Graph, **choices: Any) -> torch.nn.Module:
        made = original(graph, **choices)
        if spoil in ("frozen", "thawed"):
            made.get_submodule("head" if spoil == "frozen" else "stem").requires_grad_(spoil == "thawed")
        elif spoil == "shape":
            made.register_forward_hook(lambda m, given, out: out[0][:, 1:] if isinstance(out, tuple) else out[:, 1:])
        else:
            made.register_parameter("more", torch.nn.Parameter(torch.zeros(1)))
        return made

    monkeypatch.setattr(module, "build", spoilt)
    with pytest.raises(Unpredicted):
        speczoo.build({**EVERYTHING, "outputs": [{"id": "logits", "from": "head"}], "title": spoil})


@pytest.mark.parametrize("choices", [{}, {"dtype": torch.float16}, {"device": "meta"}, {"dtype": torch.float64}])
def test_holding_changes_nothing(choices: Data) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = speczoo.build({**EVERYTHING, "title": str(choices)}, **choices)
        after = torch.rand(3)
        torch.manual_seed(3)
        expected = module.build(speczoo.graph(EVERYTHING), **choices)
        assert torch.equal(after, torch.rand(3))
    assert made.training
    assert all(m.training for m in made.modules())
    if choices.get("device") != "meta":
        pairs = zip(made.state_dict().values(), expected.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_module_has_types_for_annotations_as_its_source_does() -> None:
    """Not texts, which torch.jit cannot read in a NamedTuple."""
    made = type(speczoo.build({**EVERYTHING, "name": "annotated"}))
    namespace: dict[str, Any] = {}
    exec(speczoo.source({**EVERYTHING, "name": "annotated"}), namespace)
    alone = namespace[made.__name__]
    for function in ("__init__", "forward"):
        live, printed = getattr(made, function).__annotations__, getattr(alone, function).__annotations__
        assert live.keys() == printed.keys()
        assert not any(isinstance(kind, str) for kind in live.values())
