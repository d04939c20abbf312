"""A forward, interpreted: which value each variable holds, by the entry of the list that gave it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.dataflow import INPUT, Edge, Operand
from speczoo.compiler.layer import Call, Layer
from speczoo.compiler.lower.validate.mistranslation import Mistranslation
from speczoo.compiler.lower.validate.values import NoValueError, value, written
from speczoo.compiler.program import Assignment, Class, Declaration, attribute_of, reached
from speczoo.specs.reserved_names import DICT_NAMES

#: What stands for something in a forward: a text (which is skipped or spelt in one way), something of `self`, a name.
#: A name before `=` is an argument's.
SYMBOL = re.compile(
    r'(?P<text>"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')'
    r"|(?<![\w.])(?P<asked>(?:getattr\()*)(?P<own>self)(?!\w)"
    r"|(?<![\w.])(?P<name>[A-Za-z_]\w*)(?![\w]|\s*=[^=])"
)
#: How what is held is read from what holds it: behind it, or around it where a `getattr` was opened.
MEMBER = re.compile(r'\.\w+|\[\d+\]|\["[\w-]+"\]')
ASKED = re.compile(r', "[\w-]+"\)')
OPENING = "getattr("
NOTHING = "None"
TRAINING = "self.training"  # what every module has of itself, and an expression may read


class HeldModule(NamedTuple):
    """What `self` has for an entry: its module, or its Parameter or Buffer, which is the value itself."""

    node: int
    parameter: bool = False
    buffer: bool = False


class Held(dict[str, "HeldModule | Held"]):
    """What a container holds by name, modules and other containers, and its class."""

    target = "nn.Module"


def holder(held: Mapping[str, HeldModule | Held]) -> str:
    """Return the class of the container that holds these."""
    parameters = [isinstance(item, HeldModule) and item.parameter for item in held.values()]
    buffers = any(isinstance(item, HeldModule) and item.buffer for item in held.values())
    if list(held) == [str(i) for i in range(len(held))] and len({*parameters}) == 1 and not buffers:
        return "nn.ParameterList" if parameters[0] else "nn.ModuleList"
    return "nn.Module" if any(parameters) or {*held} & DICT_NAMES else "nn.ModuleDict"


def token(source: Operand) -> str:
    """Return what stands for a value, whatever variable holds it."""
    return f"<{source.node}.{source.port}>" if isinstance(source, Edge) else repr(source)


def read_as(own: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands for each thing on `self`, by the one text that reads it."""
    found = {TRAINING: TRAINING}
    for name, item in own.items():
        found |= _read_as(attribute_of("self", name), item)
    return found


def _read_as(text: str, item: Any) -> dict[str, str]:
    if isinstance(item, Held):
        parts = (_read_as(reached(text, item.target, name), inner) for name, inner in item.items())
        return {read: meaning for part in parts for read, meaning in part.items()}
    if isinstance(item, HeldModule):
        return {text: token(Edge(item.node)) if item.parameter else f"<module {item.node}>"}
    return {text: written(item)}


def substituted(text: str, names: Mapping[str, str], own: Mapping[str, str]) -> str:
    """Return a text with what its names stand for in their places; `own` are those of `read_as`."""
    parts, end = [], 0
    while (match := SYMBOL.search(text, end)) is not None:
        parts.append(text[end : match.start()])
        end = match.end()
        if match["text"] is not None:
            parts.append(repr(ast.literal_eval(match["text"])))
        elif match["name"] is not None:
            parts.append(names.get(match["name"], match["name"]))
        else:
            start, end = _span(text, match, own)
            read = text[start:end]
            parts.append(text[match.start() : start] + own.get(read, f"<nothing is {read}>"))
    return "".join([*parts, text[end:]])


def _span(text: str, match: re.Match[str], own: Mapping[str, str]) -> tuple[int, int]:
    """Return where the longest text begins and ends that reads something of `self`; where none does, the longest."""
    start, end = match.start("own"), match.end()
    found = None
    while True:
        if (step := MEMBER.match(text, end)) is None:
            step = ASKED.match(text, end) if start > match.start() else None
            if step is None:
                return found or (start, end)
            start -= len(OPENING)
        end = step.end()
        if text[start:end] in own:
            found = start, end


def applied(composite: Composite, index: int, call: Call | None, *, module: bool) -> str:
    """Return what an entry computes, as `substituted` has it. `module`: its module is called."""
    node = composite.nodes[index]
    texts = [token(composite.wiring.resolve(source)) for source in node.inputs]
    if call is None:
        return f"<module {composite.maker(index)}>({', '.join(texts)})"
    template = call.apply if module or call.inline is None else call.inline
    arguments = {} if module else {name: written(argument) for name, argument in call.args.items()}
    text = template.format(*texts, self=f"<module {composite.maker(index)}>", inputs=", ".join(texts), **arguments)
    return substituted(text, {}, read_as({})) if '"' in text or "'" in text else text


class Forward:
    """One class's forward for one instance, with what its constructor put on `self`."""

    def __init__(
        self, where: str, c: Class, composite: Composite, own: Mapping[str, Any], calls: Mapping[int, Call]
    ) -> None:
        self.where, self.c, self.composite, self.own, self.calls = where, c, composite, own, calls
        self.read_as = read_as(own)
        self.modules = {held.node for held in own.values() if isinstance(held, HeldModule)}

    def validate(self) -> None:
        """Raise Mistranslation."""
        c, ports = self.c, self.composite.outputs
        if len(c.arguments) != len(self.composite.inputs) or len({*c.arguments}) != len(c.arguments):
            raise Mistranslation(f"{self.where} forward", f"{len(self.composite.inputs)} inputs", c.arguments)
        fields = [(len(ports) > 1), *(p.training_only for p in ports if len(ports) > 1)]
        if fields != [c.output is not None, *(training for _, training in c.fields)]:
            raise Mistranslation(f"{self.where} outputs", ports, c.fields)
        lasting = [p for p in ports if not p.training_only]
        self._mode(training=True, returns=c.returns, edges=[p.edge for p in ports])
        conditional = any(isinstance(step, Declaration) or step.training for step in c.steps)
        if len(lasting) < len(ports) or c.lasting or conditional:
            self._mode(training=False, returns=c.lasting or c.returns, edges=[p.edge for p in lasting])
        if conditional:
            self._paths()

    def _mode(self, *, training: bool, returns: tuple[str, ...], edges: list[Edge]) -> None:
        """Interpret the forward in training, or outside it."""
        composite = self.composite
        names = {name: token(Edge(INPUT, k)) for k, name in enumerate(self.c.arguments)}
        due = self._due(composite.wiring.needed if training else composite.wiring.inference_only)
        for step in self.c.steps:
            if isinstance(step, Declaration):
                names[step.name] = NOTHING
            elif not step.training or training:
                self._step(step, names, due)
        for index in due:
            raise Mistranslation(self._at(index), f"a call of `{composite.nodes[index].op}`", "none")
        wanted = [token(composite.wiring.resolve(edge)) for edge in edges]
        got = [substituted(text, names, self.read_as) for text in returns]
        if wanted != got:
            raise Mistranslation(f"{self.where} outputs", ", ".join(wanted), ", ".join(got))

    def _paths(self) -> None:
        """Check that what only training computes is declared where other code reads it, and known to be a tensor where
        that takes it.

        TorchScript and type checkers look at the path that no training takes, too.
        """
        certain, declared, inside = {*self.c.arguments}, set[str](), set[str]()
        for step in self.c.steps:
            if isinstance(step, Declaration):
                if step.name in certain | declared:
                    raise Mistranslation(f"{self.where} forward", f"one `{step.name}`", "a declaration of another")
                declared.add(step.name)
                inside.clear()
            elif step.training:
                inside |= declared & {*step.present}
                self._read([step.expression], certain | inside, declared)
                inside |= {*step.targets}
            else:
                inside.clear()
                certain = (certain | {*step.targets}) - {*step.drops}
        self._read(self.c.returns, certain | inside | declared, set())

    def _read(self, texts: Iterable[str], certain: AbstractSet[str], declared: AbstractSet[str]) -> None:
        """Raise Mistranslation where a text takes what only training computes and is not certain to be there."""
        computed = {name for step in self.c.steps if isinstance(step, Assignment) for name in step.targets}
        read = {match["name"] for text in texts for match in SYMBOL.finditer(text)} & computed
        for name in sorted(read - certain):
            wanted = f"`assert {name} is not None`" if name in declared else f"a declaration of `{name}`"
            raise Mistranslation(f"{self.where} forward", wanted, f"none before {', '.join(texts)}")

    def _due(self, needed: frozenset[int]) -> Iterator[int]:
        """Yield the entries that are called, in order."""
        for index, node in enumerate(self.composite.nodes):
            if node.body is not None and index in needed and not (index in self.calls and self.calls[index].parameter):
                yield index

    def _step(self, step: Assignment, names: dict[str, str], due: Iterator[int]) -> None:
        try:
            done = step.when is None or bool(value(step.when, {}, self.own))
        except NoValueError as wrong:
            raise Mistranslation(f"{self.where} forward", "a condition", wrong) from None
        for name in step.present:
            if names.get(name, NOTHING) == NOTHING:
                raise Mistranslation(f"{self.where} forward", f"no value `{name}`", f"`assert {name} is not None`")
        if done:
            self._call(step, names, due)
        elif step.otherwise is not None:
            names[step.targets[0]] = substituted(step.otherwise, names, self.read_as)
        for name in step.drops:
            if names.pop(name, None) is None:
                raise Mistranslation(f"{self.where} forward", f"no value `{name}`", f"`del {name}`")

    def _call(self, step: Assignment, names: dict[str, str], due: Iterator[int]) -> None:
        got = substituted(step.expression, names, self.read_as)
        index = next(due, None)
        if index is None:
            raise Mistranslation(f"{self.where} forward", "no more calls", f"`{step.expression}`, {got}")
        node = self.composite.nodes[index]
        module = self.composite.maker(index) in self.modules
        wanted = applied(self.composite, index, self.calls.get(index), module=module)
        if wanted != got:
            raise Mistranslation(self._at(index), wanted, f"`{step.expression}`, {got}")
        if len(step.targets) != len(node.outputs) or len({*step.targets}) != len(step.targets):
            raise Mistranslation(self._at(index), f"{len(node.outputs)} outputs", step.targets)
        names.update((name, token(Edge(index, port))) for port, name in enumerate(step.targets))

    def _at(self, index: int) -> str:
        return f"{self.where}{'.' * bool(self.where)}{self.composite.nodes[index].name}"


def calls_of(nodes: tuple[Node, ...]) -> dict[int, Call]:
    """Return how torch makes and applies each layer of a list, by its number."""
    return {i: node.call for i, node in enumerate(nodes) if isinstance(node.body, Layer)}
