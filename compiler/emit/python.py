"""Python source of a program: the one emitter of code. What `zoo source` prints is what `zoo build` executes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from speczoo.compiler.emit.constructions import (
    INDENT,
    WIDTH,
    construct,
    filling,
    formed,
    list_building,
    sequential_init,
    wrapped,
)
from speczoo.compiler.graph import Graph
from speczoo.compiler.lower import lower
from speczoo.compiler.program import EVERY, Assignment, Class, ConstructorArgument, Declaration, Make, Program
from speczoo.specs.escaping import inert, safe

#: The names that emitted text may read besides torch's `nn` and `Tensor`, and what brings them.
STANDARD = {
    "math": "import math",
    "OrderedDict": "from collections import OrderedDict",
    "NamedTuple": "from typing import NamedTuple",
}
#: Its literals and comments, found without a parser: a sum of thousands nests deeper than Python's goes.
TEXT = re.compile(r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*', re.DOTALL)
#: A name that is read: no attribute, and no keyword of a call.
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w|\s*=[^=])")
TORCH = {"torch": "import torch", "F": "import torch.nn.functional as F"}
NORMS = "from torch.nn.utils import parametrizations"


def source(graph: Graph) -> str:
    """Return the network as a Python module that needs torch alone."""
    return render(lower(graph))


def render(program: Program) -> str:
    """Return the text of a program."""
    parts = [*(text for text in program.support), *(_class(c) for c in program.classes)]
    body = "\n\n\n".join(parts)
    return f"{_docstring(program.doc, '')}\n\n{_imports(program, body)}\n\n\n{body}\n"


def _imports(program: Program, body: str) -> str:
    """Return what the names in the body need; words in its texts and comments are no names."""
    names = set(NAME.findall(TEXT.sub("", body)))
    standard = [line for name, line in STANDARD.items() if name in names]
    torch = [line for name, line in TORCH.items() if name in names]
    torch.append("from torch import Tensor, nn" if "Tensor" in names else "from torch import nn")
    torch += [NORMS] if "parametrizations" in names else []
    return "\n\n".join("\n".join(part) for part in (standard, torch, program.imports) if part)


def _docstring(text: str, indent: str) -> str:
    """Return text as a docstring that says nothing but itself, and commands nobody who reads it in a log."""
    lines = [line.strip() for line in text.splitlines()]
    shown = "\n".join(map(safe, lines)).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if re.search(r'(?<!\\)(\\\\)*"$', shown):  # a bare quote at the end would be the docstring's own
        shown = shown[:-1] + '\\"'
    first, *rest = shown.splitlines() or [""]
    if not rest:
        return f'{indent}"""{first}"""'
    others = (f"{indent}{inert(line)}" if line else "" for line in rest)
    return "\n".join([f'{indent}"""{first}', *others, f'{indent}"""'])


# -- classes ------------------------------------------------------------------------------------------------------


def _class(c: Class) -> str:
    lines: list[str] = []
    if c.output is not None:
        lines += [f"class {c.output}(NamedTuple):"]
        lines += [f"{INDENT}{name}: Tensor" + (" | None" if training else "") for name, training in c.fields]
        lines += ["", ""]
    lines.append(f"class {c.name}({'nn.Sequential' if c.children is not None else 'nn.Module'}):")
    if c.doc:
        lines += [_docstring(c.doc, INDENT), ""]
    lines += _signature(c.parameters)
    lines += [f"{INDENT * 2}{name} = {text}" for name, text in c.variables]
    if c.children is not None:
        lines += [f"{INDENT * 2}{line}" for line in sequential_init(c.children)]
    else:
        lines.append(f"{INDENT * 2}super().__init__()")
        for member in c.members:
            lines += [f"{INDENT * 2}{line}" for line in _member(member.name, member.make, member.when)]
    lines += [f"{INDENT * 2}{line}" if line else "" for line in _after(c)]
    if c.children is None:
        lines += ["", *_forward(c)]
    return "\n".join(lines)


def _signature(parameters: Sequence[ConstructorArgument]) -> list[str]:
    arguments = [f"{p.name}: {p.type}" + (f" = {p.default}" if p.default is not None else "") for p in parameters]
    line = f"{INDENT}def __init__(self{''.join(', ' + s for s in arguments)}) -> None:"
    if len(line) <= WIDTH:
        return [line]
    return [
        f"{INDENT}def __init__(",
        f"{INDENT * 2}self,",
        *(f"{INDENT * 2}{s}," for s in arguments),
        f"{INDENT}) -> None:",
    ]


def _member(name: str, make: Make, when: str | None) -> list[str]:
    if not name.isidentifier():  # a number, or an id with hyphens
        out = wrapped(f'self.add_module("{name}", ', construct(make), ")")
        return (
            out
            if when is None
            else [f"if {when}:", *(INDENT + line for line in out), "else:", f'{INDENT}self.add_module("{name}", None)']
        )
    built = list_building(make, f"self.{name}")
    out = built if built is not None else wrapped(f"self.{name} = ", construct(make), "")
    out = [*([formed(make, make.before)] if make.before is not None else []), *out, *filling(f"self.{name}", make)]
    if when is None:
        return out
    if len(out) == 1 and len(out[0]) + len(when) < WIDTH - 20:
        return [f"{out[0]} if {when} else None"]
    return [f"if {when}:", *(INDENT + line for line in out), "else:", f"{INDENT}self.{name} = None"]


# -- forward ------------------------------------------------------------------------------------------------------


def _forward(c: Class) -> list[str]:
    gives = c.output or "Tensor"
    if c.lasting:
        gives = f"{gives} | Tensor" if len(c.lasting) == 1 else gives
    arguments = ", ".join(f"{a}: Tensor" for a in c.arguments)
    lines = [f"{INDENT}def forward(self, {arguments}) -> {gives}:"]
    body: list[str] = []
    steps = list(c.steps)
    returning = ", ".join(c.returns)
    match steps:
        case [*_, Assignment(when=None, training=False) as last] if not c.output and last.targets == c.returns:
            steps.pop()
            returning = last.expression
    result = f"{c.output}({returning})" if c.output else returning
    training = False
    for step in steps:
        if isinstance(step, Declaration):
            body.append(f"{step.name}: Tensor | None = None")
            training = False
            continue
        inner = _step(step)
        if step.training and not training:
            body.append("if self.training:")
        training = step.training
        body += [INDENT * training + line for line in inner]
    if c.lasting:
        if training:
            body.append(f"{INDENT}return {result}")
        else:
            body += ["if self.training:", f"{INDENT}return {result}"]
        left = ["None" if gone else r for r, (_, gone) in zip(c.returns, c.fields, strict=True)]
        short = c.lasting[0] if len(c.lasting) == 1 else f"{c.output}({', '.join(left)})"
        body.append(f"return {short}")
    else:
        body += _broken(f"return {result}")
    return [*lines, *(f"{INDENT * 2}{line}" for line in body)]


def _step(step: Assignment) -> list[str]:
    targets = ", ".join(step.targets)
    present = [f"assert {name} is not None" for name in step.present]
    drops = [f"del {', '.join(step.drops)}"] if step.drops else []
    if step.when is None:
        done = _broken(f"{targets} = {step.expression}")
    elif step.otherwise is None:
        done = [f"if {step.when}:", f"{INDENT}{targets} = {step.expression}"]
    else:
        done = [f"{targets} = {step.expression} if {step.when} else {step.otherwise}"]
    return [*present, *done, *drops]


def _broken(line: str) -> list[str]:
    """Return a long call over several lines, its list too where that is long."""
    if len(line) <= WIDTH - 8:
        return [line]
    if "([" not in line:
        opening, _, arguments = line.partition("(")
        whole = arguments.endswith(")") and "(" not in arguments
        return [f"{opening}(", f"{INDENT}{arguments[:-1]}", ")"] if whole else [line]
    head, _, rest = line.partition("([")
    inside, _, tail = rest.rpartition("]")
    if len(inside) <= WIDTH - 24 or "(" in inside:
        return [f"{head}(", f"{INDENT}[{inside}]{tail[:-1]}", ")"]
    items = [f"{INDENT * 2}{item}," for item in inside.split(", ")]
    others = [f"{INDENT}{argument}," for argument in tail[2:-1].split(", ") if argument]
    return [f"{head}(", f"{INDENT}[", *items, f"{INDENT}],", *others, ")"]


# -- after the members --------------------------------------------------------------------------------------------


def _parameter(key: str) -> str:
    """Return what a parameter of a network is read by."""
    path, _, name = key.rpartition(".")
    if key.replace(".", "").isidentifier() and all(map(str.isidentifier, key.split("."))):
        return f"self.{key}"
    return f'self.get_submodule("{path}").{name}'


def _after(c: Class) -> list[str]:
    """Return ties, init rules, freezing and the memory format, at the end of the network's constructor."""
    lines = [f"{_parameter(key)} = {_parameter(source)}" for key, source in c.ties]
    by_name = any(loop.by_name for loop in c.init)
    often = Counter(loop.test for loop in c.init)
    if c.init:
        lines += ["", "for name, m in self.named_modules():" if by_name else "for m in self.modules():"]
        for loop in c.init:
            # rules by op never meet the same module twice, unless an op is named again
            keyword = "elif" if not by_name and often[loop.test] == 1 and loop is not c.init[0] else "if"
            lines.append(f"{INDENT}{keyword} {loop.test}:")
            lines += [f"{INDENT * 2}{line}" for call in loop.calls for line in call.splitlines()]
    if c.frozen == (EVERY,):
        lines.append("self.requires_grad_(False)")
    elif c.frozen:
        lines += [
            "",
            "for name, parameter in self.named_parameters():",
            f"{INDENT}if {' or '.join(c.frozen)}:",
            f"{INDENT * 2}parameter.requires_grad_(False)",
        ]
    if c.memory_format is not None:
        lines.append(f"self.to(memory_format={c.memory_format})")
    return lines
