"""The Program: torch code as data. Classes with what they make and what they do, names and numbers resolved to text.

`speczoo.compiler.lower` makes it from a graph; emitters print it. Nothing here knows how a line is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The classes of what holds members and applies none of them: an nn.Module holds what the others cannot.
CONTAINERS = frozenset({"nn.ModuleList", "nn.ModuleDict", "nn.ParameterList", "nn.Module"})

#: The test of a name that each passes.
EVERY = "True"


def reached(container: str, target: str, name: str) -> str:
    """Return the text of a member of a container, which is of one of the CONTAINERS."""
    if target in ("nn.ModuleList", "nn.ParameterList"):
        return f"{container}[{name}]"
    if target == "nn.ModuleDict":
        return f'{container}["{name}"]'
    return attribute_of(container, name)


def attribute_of(owner: str, name: str) -> str:
    """Return the text of what a module has by a name. Of one that no attribute could have, `getattr` reads what stands
    there: under `functional_call` that is a plain tensor, which `get_parameter` refuses.
    """
    return f"{owner}.{name}" if name.isidentifier() else f'getattr({owner}, "{name}")'


@dataclass(frozen=True, slots=True)
class Make:
    """A construction: `nn.Conv2d(3, 64, kernel_size=7)`. `children` are those of an nn.Sequential, or of a container,
    `form` a template over the arguments where it is no plain call, `before` one of a statement that binds what `form`
    reads, `wrap` a function of what is made. A `value` is no call at all: `target` is its text.
    """

    target: str
    args: tuple[tuple[str | None, str], ...] = ()
    children: tuple[Child, ...] | None = None
    form: str | None = None
    before: str | None = None
    wrap: str | None = None
    value: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """A part of an nn.Sequential, there only where `when` (a Python expression) is true; or a member of a container."""

    name: str
    make: Make
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """Something kept on self: a module, an nn.Parameter, or a plain value (`make` is then a bare text)."""

    name: str
    make: Make
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A statement of forward: `targets = expression`, done where `when` is true (else `targets = otherwise`).
    `present` are the variables of a Declaration that have a tensor here."""

    targets: tuple[str, ...]
    expression: str
    when: str | None = None
    otherwise: str | None = None
    training: bool = False
    drops: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """`name: Tensor | None = None`: a variable that only training gives a tensor, before it does."""

    name: str


@dataclass(frozen=True, slots=True)
class ConstructorArgument:
    """A constructor argument. `default` is Python text."""

    name: str
    type: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class InitLoop:
    """`for name, m in self.named_modules(): if test: nn.init....` of the network's own init rules."""

    test: str
    calls: tuple[str, ...]
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the emitted text: an nn.Sequential with children, or an nn.Module with members and steps."""

    name: str
    doc: str
    parameters: tuple[ConstructorArgument, ...]
    children: tuple[Child, ...] | None = None
    variables: tuple[tuple[str, str], ...] = ()  # what the constructor computes first, by name
    members: tuple[Member, ...] = ()
    arguments: tuple[str, ...] = ("x",)
    steps: tuple[Assignment | Declaration, ...] = ()
    returns: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()  # what is returned outside training, where that differs
    output: str | None = None  # the NamedTuple's name where several values are returned
    fields: tuple[tuple[str, bool], ...] = ()  # (name, only in training) of that NamedTuple
    ties: tuple[tuple[str, str], ...] = ()  # parameters that are others, both by their names
    init: tuple[InitLoop, ...] = ()
    frozen: tuple[str, ...] = ()  # tests on a parameter's `name` that say which do not train
    memory_format: str | None = None  # how its weights lie in memory


@dataclass(frozen=True, slots=True)
class Program:
    """A network as torch code. `entry` is the class to build; `support` are definitions that the classes need."""

    name: str
    doc: str
    entry: str
    classes: tuple[Class, ...]
    support: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
