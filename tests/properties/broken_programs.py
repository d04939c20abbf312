"""Ways to break a program that is right: for each, all programs that differ in that."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from speczoo.compiler.program import CONTAINERS, Assignment, Child, Class, Declaration, InitLoop, Make, Member, Program


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
