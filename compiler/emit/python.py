"""Python source of a program: the one emitter of code. What `zoo source` prints is what `zoo build` executes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from speczoo.compiler.graph import Graph
from speczoo.compiler.lower import lower
from speczoo.compiler.program import Assignment, Child, Class, ConstructorArgument, Declaration, Make, Program
from speczoo.specs.escaping import inert, safe

WIDTH = 110
INDENT = "    "


#: The names that emitted text may read besides torch's `nn` and `Tensor`, and what brings them.
STANDARD = {
    "OrderedDict": "from collections import OrderedDict",
    "NamedTuple": "from typing import NamedTuple",
}
#: Its literals and comments, found without a parser: a sum of thousands nests deeper than Python's goes.
TEXT = re.compile(r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*', re.DOTALL)
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
TORCH = {"torch": "import torch", "F": "import torch.nn.functional as F"}


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
    if c.children is not None:
        lines += [f"{INDENT * 2}{line}" for line in _sequential_init(c.children)]
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
        out = _wrapped(f'self.add_module("{name}", ', _construct(make), ")")
        return (
            out
            if when is None
            else [f"if {when}:", *(INDENT + line for line in out), "else:", f'{INDENT}self.add_module("{name}", None)']
        )
    built = list_building(make, f"self.{name}")
    out = built if built is not None else _wrapped(f"self.{name} = ", _construct(make), "")
    if when is None:
        return out
    if len(out) == 1 and len(out[0]) + len(when) < WIDTH - 20:
        return [f"{out[0]} if {when} else None"]
    return [f"if {when}:", *(INDENT + line for line in out), "else:", f"{INDENT}self.{name} = None"]


def _wrapped(head: str, body: list[str], tail: str) -> list[str]:
    return [head + body[0], *body[1:-1], body[-1] + tail] if len(body) > 1 else [head + body[0] + tail]


# -- constructions ------------------------------------------------------------------------------------------------


def _construct(make: Make, width: int = WIDTH - 12) -> list[str]:
    """Return lines of an expression, the first no longer than `width`; the inner ones are indented against it."""
    if make.children is not None:
        return _sequential(make.children)
    if make.form is not None:
        return [
            make.form.format(
                **{name or f"a{i}": text for i, (name, text) in enumerate(make.args)},
                **{f"a{i}": t for i, (_, t) in enumerate(make.args)},
            )
        ]
    if make.value:
        return [make.target]
    args = [f"{name}={text}" if name else text for name, text in make.args]
    line = f"{make.target}({', '.join(args)})"
    if len(line) <= width:
        return [line]
    joined = ", ".join(args)
    if len(joined) <= WIDTH - 24:
        return [f"{make.target}(", f"{INDENT}{joined}", ")"]
    return [f"{make.target}(", *(f"{INDENT}{a}," for a in args), ")"]


def _plain(children: Iterable[Child]) -> bool:
    return all(c.name.isdigit() for c in children)


def _items(children: Sequence[Child]) -> list[list[str]]:
    """Return each child's lines; a named one is a pair for an OrderedDict.

    One that is there only sometimes is unpacked.
    """
    named = not _plain(children)
    return [_sometimes(_item(c, named=named), c.when) for c in children]


def _item(child: Child, *, named: bool, width: int = WIDTH - 12) -> list[str]:
    made = _construct(child.make, width)
    return _wrapped(f'("{child.name}", ', made, ")") if named else made


def _sometimes(lines: list[str], when: str | None) -> list[str]:
    if when is None:
        return lines
    line = f"*([{lines[0]}] if {when} else [])"
    if len(lines) == 1 and len(line) <= WIDTH - 32:
        return [line]
    return ["*([", *(INDENT + line for line in _comma(lines)), f"] if {when} else [])"]


def _sequential(children: Sequence[Child]) -> list[str]:
    items = _runs(_items(children), named=not _plain(children))
    opening, closing = ("nn.Sequential(", ")") if _plain(children) else ("nn.Sequential(OrderedDict([", "]))")
    if not _plain(children) and len(items) == 1 and items[0][0].startswith("*["):  # one comprehension is the whole list
        opening, closing, items = "nn.Sequential(OrderedDict(", "))", [[items[0][0][1:], *items[0][1:]]]
        if len(items[0]) > 1:
            return _wrapped(opening, items[0], closing)
        if len(items[0][0]) > WIDTH - 48:
            head, _, tail = items[0][0].rpartition(" for ")
            return [opening + "[", INDENT + head[1:], f"{INDENT}for {tail[:-1]}", "]" + closing]
    if len(items) == 1 and len(items[0]) == 1:
        if len(line := opening + items[0][0] + closing) <= WIDTH - 32 or _plain(children):
            return [line]
        return [opening, *(INDENT + x for x in items[0]), closing]
    return [opening, *(INDENT + line for item in items for line in _comma(item)), closing]


def _comma(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1] + ","]


def _sequential_init(children: Sequence[Child]) -> list[str]:
    if any(c.when is not None for c in children):
        return [*_list_of(children), f"super().__init__({_layers(children)})"]
    items = _runs(_items(children), named=not _plain(children))
    if not _plain(children):
        return ["super().__init__(OrderedDict([", *(INDENT + line for item in items for line in _comma(item)), "]))"]
    line = f"super().__init__({', '.join(i[0] for i in items)})"
    if all(len(i) == 1 for i in items) and len(line) <= WIDTH - 8:
        return [line]
    return ["super().__init__(", *(INDENT + line for item in items for line in _comma(item)), ")"]


def list_building(make: Make, target: str) -> list[str] | None:
    """Return statements for an nn.Sequential some of whose children are there only sometimes."""
    if make.children is None or all(c.when is None for c in make.children):
        return None
    return [*_list_of(make.children), f"{target} = nn.Sequential({_layers(make.children)})"]


def _layers(children: Sequence[Child]) -> str:
    return "*layers" if _plain(children) else "OrderedDict(layers)"


def _list_of(children: Sequence[Child]) -> list[str]:
    """Return statements that fill `layers` step by step."""
    named = not _plain(children)
    kind = "tuple[str, nn.Module]" if named else "nn.Module"
    lines: list[str] = []
    pending: list[Child] = []
    started = False

    def flush() -> None:
        nonlocal started
        if not pending and started:
            return
        items = _runs([_item(c, named=named) for c in pending], named=named)
        if started and len(items) == 1 and not items[0][0].startswith("*"):
            lines.extend(_wrapped("layers.append(", items[0], ")"))
            pending.clear()
            return
        head = f"layers: list[{kind}] = [" if not started else "layers += ["
        line = head + ", ".join(i[0] for i in items) + "]"
        if all(len(i) == 1 for i in items) and len(line) <= WIDTH - 8:
            lines.append(line)
        else:
            lines.extend([head, *(INDENT + x for item in items for x in _comma(item)), "]"])
        started = True
        pending.clear()

    for child in children:
        if child.when is None:
            pending.append(child)
            continue
        flush()
        made = _item(child, named=named, width=WIDTH - 28)
        lines.append(f"if {child.when}:")
        lines += [INDENT + line for line in _wrapped("layers.append(", made, ")")]
    if pending:
        flush()
    return lines


# -- runs ---------------------------------------------------------------------------------------------------------

#: A whole number without needless zeros: with its sign where it is all of an argument, without where it is a part of an
#: expression or of a name; no part of a float.
_NUMBER = re.compile(
    r"(?:(?<=[(\[=])|(?<=, ))-[1-9]\d*(?=[,)\]])"
    r"|(?<![\w.])(?<!e[-+])(?:0|[1-9]\d*)(?![\w.])"
    r"|(?<=[A-Za-z_])(?:0|[1-9]\d*)(?=\")"
)
#: What a number that moves must not stand in: texts with signs of their own, and another loop over `i`.
_FIXED = re.compile(r"[{}'\\]| for i in ")


def _runs(items: list[list[str]], *, named: bool) -> list[list[str]]:
    """Make one comprehension of three or more like items in a row, each number the same or growing evenly."""
    out: list[list[str]] = []
    at = 0
    while at < len(items):
        length = _run(items, at)
        if length < 3:
            out.append(items[at])
            at += 1
            continue
        out.append(_loop(items[at : at + length]))
        at += length
    return out


def _split(lines: list[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    text = "\n".join(lines)
    return tuple(_NUMBER.split(text)), tuple(int(n) for n in _NUMBER.findall(text))


def _run(items: list[list[str]], at: int) -> int:
    frame, numbers = _split(items[at])
    if at + 1 >= len(items) or _split(items[at + 1])[0] != frame or frame[0].startswith("*"):
        return 1
    steps = [b - a for a, b in zip(numbers, _split(items[at + 1])[1], strict=True)]
    if any(steps) and _FIXED.search("".join(frame)):
        return 1
    length = 2
    while at + length < len(items):
        other, found = _split(items[at + length])
        if other != frame or any(n != a + s * length for n, a, s in zip(found, numbers, steps, strict=True)):
            break
        length += 1
    return length


def _loop(items: list[list[str]]) -> list[str]:
    frame, first = _split(items[0])
    _, second = _split(items[1])
    count = len(items)
    steps = [b - a for a, b in zip(first, second, strict=True)]
    moving = [(a, s) for a, s in zip(first, steps, strict=True) if s]
    if not moving:
        lines = items[0]
        return (
            [f"*[{lines[0]} for _ in range({count})]"]
            if len(lines) == 1
            else ["*[", *(INDENT + x for x in lines), f"{INDENT}for _ in range({count})", "]"]
        )
    unit = all(s == 1 and a in (0, 1) for a, s in moving) and len({a for a, _ in moving}) == 1
    start = moving[0][0] if unit or (moving[0][1] == 1 and moving[0][0] == 1) else 0
    pieces = [frame[0]]
    for piece, a, s in zip(frame[1:], first, steps, strict=True):
        number = str(a) if not s else f"\0{_affine(a - s * start, s)}\0"
        pieces += [number if not s or _stands_alone("".join(pieces), piece) else f"({number})", piece]
    lines = _formatted("".join(pieces)).split("\n")
    span = f"range({start}, {start + count})" if start else f"range({count})"
    if len(lines) == 1:
        return [f"*[{lines[0]} for i in {span}]"]
    return ["*[", *(INDENT + x for x in lines), f"{INDENT}for i in {span}", "]"]


def _stands_alone(before: str, after: str) -> bool:
    """Return whether a sum may stand between these texts as it is: as an argument, or in a name."""
    named = before.rpartition("\n")[2].count('"') % 2 == 1
    return named or (before.rstrip()[-1:] in ("(", "[", ",", "=") and after.lstrip()[:1] in (",", ")", "]"))


def _affine(a: int, s: int) -> str:
    term = "i" if abs(s) == 1 else f"{abs(s)} * i"
    if a == 0:
        return term if s > 0 else f"-{term}"
    return f"{a} {'+' if s > 0 else '-'} {term}"


def _formatted(text: str) -> str:
    """Make f-strings of quotes with a moving number inside; elsewhere the number is an expression."""

    def quoted(name: re.Match[str]) -> str:
        return "f" + re.sub("\0([^\0]*)\0", r"{\1}", name[0]) if "\0" in name[0] else name[0]

    return re.sub(r'"[^"\n]*"', quoted, text).replace("\0", "")


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


def _after(c: Class) -> list[str]:
    """Return init rules and freezing, at the end of the network's constructor."""
    lines: list[str] = []
    by_name = any(loop.by_name for loop in c.init)
    often = Counter(loop.test for loop in c.init)
    if c.init:
        lines += ["", "for name, m in self.named_modules():" if by_name else "for m in self.modules():"]
        for loop in c.init:
            # rules by op never meet the same module twice, unless an op is named again
            keyword = "elif" if not by_name and often[loop.test] == 1 and loop is not c.init[0] else "if"
            lines.append(f"{INDENT}{keyword} {loop.test}:")
            lines += [f"{INDENT * 2}{line}" for call in loop.calls for line in call.splitlines()]
    if c.frozen:
        lines += [
            "",
            "for name, parameter in self.named_parameters():",
            f"{INDENT}if {' or '.join(c.frozen)}:",
            f"{INDENT * 2}parameter.requires_grad_(False)",
        ]
    return lines
