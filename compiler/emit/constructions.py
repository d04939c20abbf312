"""Constructions laid out: what a constructor makes and keeps, over lines that are no longer than they may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from speczoo.compiler.program import CONTAINERS, Child, Make, reached

WIDTH = 110
INDENT = "    "
BUFFER = "nn.Buffer("  # which a form begins that may be long


def wrapped(head: str, body: list[str], tail: str) -> list[str]:
    return [head + body[0], *body[1:-1], body[-1] + tail] if len(body) > 1 else [head + body[0] + tail]


def construct(make: Make, width: int = WIDTH - 12) -> list[str]:
    """Return lines of an expression, the first no longer than `width`; the inner ones are indented against it."""
    if make.wrap is not None:
        return wrapped(f"{make.wrap}(", construct(replace(make, wrap=None), width - len(make.wrap) - 2), ")")
    if make.children is not None:
        return _sequential(make.children) if make.target == "nn.Sequential" else _container(make)
    if make.form is not None:
        line = formed(make, make.form)
        if len(line) <= width or not line.startswith(BUFFER):
            return [line]
        return [BUFFER, f"{INDENT}{line.removeprefix(BUFFER)[:-1]}", ")"]
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


def formed(make: Make, form: str) -> str:
    """Return a template with the arguments in it."""
    return form.format(
        **{name or f"a{i}": text for i, (name, text) in enumerate(make.args)},
        **{f"a{i}": t for i, (_, t) in enumerate(make.args)},
    )


#: What stands around the members of a container.
_BRACKETS = {"nn.ModuleList": ("nn.ModuleList([", "])"), "nn.ParameterList": ("nn.ParameterList([", "])")}
_BRACKETS["nn.ModuleDict"] = ("nn.ModuleDict([", "])")


def _container(make: Make) -> list[str]:
    """Return lines that make a container; an nn.Module is empty yet."""
    if make.target not in _BRACKETS:
        return [f"{make.target}()"]
    children, named = make.children or (), make.target == "nn.ModuleDict"
    opening, closing = _BRACKETS[make.target]
    items = _runs([_item(child, named=named) for child in children], named=named)
    if len(items) == 1 and items[0][0].startswith("*["):  # one comprehension is the whole list
        return wrapped(opening[:-1], [items[0][0][1:], *items[0][1:]], closing[1:])
    line = f"{opening}{', '.join(item[0] for item in items)}{closing}"
    if all(len(item) == 1 for item in items) and len(line) <= WIDTH - 32:
        return [line]
    return [opening, *(INDENT + line for item in items for line in _comma(item)), closing]


def filling(owner: str, make: Make) -> list[str]:
    """Return statements that register what stands in an nn.Module that is a container, near and far."""
    lines = []
    for child in make.children or () if make.target in CONTAINERS else ():
        if make.target == "nn.Module":
            lines += _registered(owner, child)
        lines += filling(reached(owner, make.target, child.name), child.make)
    return lines


def _registered(owner: str, child: Child) -> list[str]:
    """Return statements that register a member of an nn.Module; of a Buffer, with what its numbers are computed of."""
    name, make = child.name, child.make
    if make.target != "nn.Buffer" or make.form is None:
        method = "register_parameter" if make.target == "nn.Parameter" else "add_module"
        return wrapped(f'{owner}.{method}("{name}", ', construct(make), ")")
    head = f'{owner}.register_buffer("{name}", '
    line = head + formed(make, make.form).removeprefix(BUFFER)
    lines = [line] if len(line) <= WIDTH - 8 else [head[:-1], INDENT + line.removeprefix(head)[:-1], ")"]
    return [*([formed(make, make.before)] if make.before is not None else []), *lines]


def _plain(children: Iterable[Child]) -> bool:
    return all(c.name.isdigit() for c in children)


def _items(children: Sequence[Child]) -> list[list[str]]:
    """Return each child's lines; a named one is a pair for an OrderedDict.

    One that is there only sometimes is unpacked.
    """
    named = not _plain(children)
    return [_sometimes(_item(c, named=named), c.when) for c in children]


def _item(child: Child, *, named: bool, width: int = WIDTH - 12) -> list[str]:
    made = construct(child.make, width)
    return wrapped(f'("{child.name}", ', made, ")") if named else made


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
            return wrapped(opening, items[0], closing)
        if len(items[0][0]) > WIDTH - 48:
            head, _, tail = items[0][0].rpartition(" for ")
            return [opening + "[", INDENT + head[1:], f"{INDENT}for {tail[:-1]}", "]" + closing]
    if not items:
        return [opening + closing]
    if len(items) == 1 and len(items[0]) == 1:
        if len(line := opening + items[0][0] + closing) <= WIDTH - 32 or _plain(children):
            return [line]
        return [opening, *(INDENT + x for x in items[0]), closing]
    return [opening, *(INDENT + line for item in items for line in _comma(item)), closing]


def _comma(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1] + ","]


def sequential_init(children: Sequence[Child]) -> list[str]:
    """Return the lines that call `super().__init__` of an nn.Sequential with its children, by name where they have
    names.
    """
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
            lines.extend(wrapped("layers.append(", items[0], ")"))
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
        lines += [INDENT + line for line in wrapped("layers.append(", made, ")")]
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
