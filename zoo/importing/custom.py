"""Custom layers for what no spec can say: the smallest module around it, with its shapes as they were seen."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from torch import nn

from speczoo.compiler.layer import Layer, show
from speczoo.importing import constructed
from speczoo.importing.recording import RecordedCall, Recording, RunValue, values
from speczoo.importing.refusals import ImportRefused, Refusal, Unsayable

Shapes = Sequence[tuple[int, ...]]
HEAD = '''"""Layers that the language of specs has not: modules of one's own, with their shapes as they were seen."""

from typing import Any

from speczoo.compiler.layer import Shape
from speczoo.importing.module_layer import ModuleLayer
'''
NAMES = ("x", "y", "z", "u", "v", "w")
LARGEST = 64  # the largest factor that is tried between two sizes


class Observation(NamedTuple):
    """One call of a module: its arguments, the shapes that flowed in and came out, without the batch."""

    arguments: Mapping[str, Any]
    inputs: Shapes
    outputs: Shapes


class Customs:
    """The custom layers of one import: their text, which is run as it is written, so that their ops are known."""

    def __init__(self) -> None:
        self.classes: dict[type[nn.Module], str] = {}

    @property
    def text(self) -> str:
        """The text of the plug-in; empty where there is nothing in it."""
        return "\n\n".join([HEAD, *self.classes.values()]) if self.classes else ""

    def add(self, model: nn.Module, recording: Recording, refused: ImportRefused) -> None:
        """Make a layer of the smallest module around each thing that is refused. Raises ImportRefused, for what a layer
        cannot be made of.
        """
        kinds: dict[type[nn.Module], None] = {}
        left: list[Refusal] = []
        for refusal in refused.refusals:
            module = _around(model, refusal.path)
            if module is None or type(module) in self.classes:
                left.append(refusal)
            else:
                kinds[type(module)] = None
        for kind in kinds:
            try:
                self._define(kind, [(model, recording)])
            except Unsayable as error:
                left.append(Refusal("", f"`{kind.__name__}` as a custom layer", str(error)))
        if left:
            self.forget()
            raise ImportRefused(refused.name, left)

    def settle(self, runs: Sequence[tuple[nn.Module, Recording]]) -> None:
        """Define all layers anew, by what was seen in all of these models. Raises ImportRefused."""
        for kind in [*self.classes]:
            try:
                self._define(kind, runs)
            except Unsayable as error:
                self.forget()
                refusal = Refusal("", f"`{kind.__name__}` as a custom layer of all models", str(error))
                raise ImportRefused("", [refusal]) from None

    def _define(self, kind: type[nn.Module], runs: Sequence[tuple[nn.Module, Recording]]) -> None:
        if getattr(import_module(kind.__module__), kind.__name__, None) is not kind or kind.__module__ == "__main__":
            raise Unsayable(f"{kind.__module__} has no such class for others to import")
        if kind in self.classes:
            Layer.registry.pop(kind.__name__, None)
        calls = [(call, model) for model, run in runs for _, call in run.root.walk() if type(call.module) is kind]
        text = _written(kind, calls)
        exec(compile(text, "<custom layer>", "exec", dont_inherit=True), {"__name__": __name__, **_scope()})
        self.classes[kind] = text

    def forget(self) -> None:
        """Take the layers out of the language again."""
        for kind in self.classes:
            Layer.registry.pop(kind.__name__, None)


def _scope() -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(HEAD, scope)
    return scope


def _around(model: nn.Module, path: str) -> nn.Module | None:
    """Return the smallest module around a path that is of a class of one's own; None for the model itself."""
    while path:
        module = model.get_submodule(path)
        if not type(module).__module__.startswith("torch."):
            return module
        path = path.rpartition(".")[0]
    return None


def _written(kind: type[nn.Module], calls: Sequence[tuple[RecordedCall, nn.Module]]) -> str:
    """Return the text of a layer. Raises Unsayable."""
    op = kind.__name__
    if op in Layer.registry:
        raise Unsayable("the language has another layer of that name")
    observed = [each for call, model in calls for each in _observations(call, model)]
    arguments = list(dict.fromkeys(name for each in observed for name in each.arguments))
    ranks = {len(shape) for each in observed for shape in each.inputs}
    ports = {(len(each.inputs), len(each.outputs)) for each in observed}
    if len(ports) != 1:
        raise Unsayable("it takes, or gives, now more values and now fewer")
    ((taken, given),) = ports
    rules = [_rule([each.outputs[port] for each in observed], observed, arguments) for port in range(given)]
    names = ", ".join(f"{name}: Shape" for name in NAMES[:taken])
    shapes = " and ".join(map(show, observed[0].inputs)), " and ".join(map(show, observed[0].outputs))
    kinds = {str(value.tensor.dtype).removeprefix("torch.") for value in calls[0][0].inputs[:taken]}
    came = [str(value.tensor.dtype).removeprefix("torch.") for value in calls[0][0].outputs]
    lines = [
        f"class {op}(ModuleLayer):",
        f'    """`{kind.__module__}.{op}`, as it was seen: {shapes[0]} became {shapes[1]}."""',
        "",
        *_fields(kind, arguments, observed),
        f'    torch = "{kind.__module__}.{op}"',
        *([f"    ranks = {tuple(sorted(ranks))}"] if len(ranks) == 1 or taken == 1 else []),
        *([f"    arity = ({taken}, {taken})"] if taken != 1 else []),
        *(["    outputs = True"] if given > 1 else []),
        *(["    integer = None"] if kinds != {"float32"} else []),
        "",
        f"    def infer(self, {names}) -> Shape{' | list[Shape]' if given > 1 else ''}:",
        f"        return {rules[0] if given == 1 else '[' + ', '.join(rules) + ']'}",
    ]
    if {*came} != kinds:
        result = repr(came[0]) if len({*came}) == 1 else repr(tuple(came))
        lines += ["", "    def dtype(self, *x: Any) -> str | tuple[str, ...]:", f"        return {result}"]
    return "\n".join(lines) + "\n"


def _fields(kind: type[nn.Module], arguments: Sequence[str], observed: Sequence[Observation]) -> Iterator[str]:
    """Yield the lines of a layer's arguments: those that were stated, with the constructor's own defaults."""
    defaults = inspect.signature(kind.__init__).parameters
    for name in arguments:
        found = {type(each.arguments[name]).__name__ for each in observed if name in each.arguments}
        word = found.pop() if len(found) == 1 and found <= {"bool", "int", "float", "str"} else "Any"
        default = defaults[name].default
        yield f"    {name}: {word}" + ("" if default is inspect.Parameter.empty else f" = {default!r}")
    if arguments:
        yield ""


def _observations(call: RecordedCall, model: nn.Module) -> Iterator[Observation]:
    """Yield what was seen of a call, in all runs. Raises Unsayable."""
    arguments = constructed.arguments_of(model.get_submodule(call.path))
    taken = [*values(call.args, call.kwargs)]
    if call.kwargs or [each for each in call.args if not isinstance(each, RunValue)]:
        raise Unsayable("it is called with something else than values one after the other")
    if not taken or len(taken) > len(NAMES) or not call.outputs:
        raise Unsayable(f"it takes {len(taken)} values and gives {len(call.outputs)}")
    nested = isinstance(call.result, list | tuple)
    if len(call.outputs) > 1 and not (nested and all(isinstance(each, RunValue) for each in call.result)):
        raise Unsayable("what it gives is no value, and no row of values")
    for run in range(len(taken[0].shapes)):
        inputs, outputs = ([value.shapes[run] for value in each] for each in (taken, call.outputs))
        if any(not shape or shape[0] != inputs[0][0] for shape in (*inputs, *outputs)):
            raise Unsayable("its batch is not first in all that it takes and gives")
        yield Observation(arguments, [shape[1:] for shape in inputs], [shape[1:] for shape in outputs])


def _rule(outputs: Shapes, observed: Sequence[Observation], arguments: Sequence[str]) -> str:
    """Return a shape as Python over what flows in and the layer's arguments. Raises Unsayable."""
    if len({len(shape) for shape in outputs}) != 1:
        raise Unsayable("what it gives has now more axes and now fewer")
    axes = [_size([shape[at] for shape in outputs], at, observed, arguments) for at in range(len(outputs[0]))]
    return f"({', '.join(axes)}{',' * (len(axes) == 1)})"


def _size(sizes: Sequence[int], at: int, observed: Sequence[Observation], arguments: Sequence[str]) -> str:
    """Return one size: that of an axis, an argument, a number, or a multiple, a part or a neighbour of an axis's."""
    axes = {f"{NAMES[i]}[{k}]": [each.inputs[i][k] for each in observed] for i, k in _axes(observed)}
    own = f"x[{at}]"
    columns = {own: axes.pop(own), **axes} if own in axes else axes
    given = {f"self.{name}": [each.arguments.get(name) for each in observed] for name in arguments}
    for text, column in (*columns.items(), *given.items()):
        if column == [*sizes]:
            return text
    if len({*sizes}) == 1:
        return str(sizes[0])
    forms = [form for text, column in columns.items() for form in _forms(text, column)]
    for text, made in forms:
        apart = {size - n for size, n in zip(sizes, made, strict=True)}
        if len(apart) == 1:
            (more,) = apart
            return f"{text} {'+' if more > 0 else '-'} {abs(more)}" if more else text
    raise Unsayable(f"no rule gives the sizes {', '.join(map(str, sizes))} of one of its axes")


def _forms(text: str, column: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Yield a size, its multiples and its parts, rounded down and up."""
    yield text, [*column]
    for factor in range(2, LARGEST + 1):
        yield f"{factor} * {text}", [factor * n for n in column]
        yield f"{text} // {factor}", [n // factor for n in column]
        yield f"-(-{text} // {factor})", [-(-n // factor) for n in column]


def _axes(observed: Sequence[Observation]) -> list[tuple[int, int]]:
    """Return the axes that all have, by the number of the input."""
    return [
        (i, k) for i in range(len(observed[0].inputs)) for k in range(min(len(each.inputs[i]) for each in observed))
    ]
