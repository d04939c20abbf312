"""What Keras writes of a model, as data: its layers, and which values each call of one takes.

Both formats are read: that of Keras 3 (`args` and `kwargs` with `__keras_tensor__`) and that of Keras 1 and 2 (lists of
`[name, node, tensor, kwargs]`). Nothing is looked up by the names of modules and classes that stand there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from speczoo.importing.sources.given import GivenArguments, is_number
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.wording import printable

MODELS = frozenset({"Sequential", "Functional", "Model"})
DEEPEST = 8  # models inside each other


@dataclass(frozen=True)
class Ref:
    """A value: what a layer gave, at which of its calls, and which of several."""

    layer: str
    call: int
    tensor: int
    loc: Loc


@dataclass(frozen=True)
class LayerCall:
    """A call of a layer: the values and numbers that it takes, in order, and what it takes by name."""

    takes: tuple[Ref | float | int, ...]
    named: dict[str, Any]
    loc: Loc

    def refs(self) -> Iterator[Ref]:
        """Yield the values that it takes, in order, and then those that it takes by name."""
        yield from (each for each in self.takes if isinstance(each, Ref))
        for value in self.named.values():
            if isinstance(value, list):
                yield from (each for each in value if isinstance(each, Ref))


@dataclass(frozen=True)
class KerasLayer:
    """A layer as it stands in the file. `kind` is its class; `second` says that the file is of Keras 1 or 2."""

    kind: str
    name: str
    given: GivenArguments
    loc: Loc
    calls: tuple[LayerCall, ...] = ()
    model: KerasModel | None = None
    second: bool = False


@dataclass(frozen=True)
class KerasModel:
    """A model: its layers in the order of the file, what flows in, and what comes out; `chain` is a Sequential."""

    name: str
    layers: tuple[KerasLayer, ...]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    chain: bool
    loc: Loc
    input_shape: Any = None  # of a Sequential whose file says it beside the layers

    @cached_property
    def followers(self) -> dict[str, list[KerasLayer]]:
        """Which layers take what a layer gives, by its name; of a chain, what flows into it has an empty one."""
        out: dict[str, list[KerasLayer]] = {}
        if self.chain:
            return {
                before: [layer]
                for before, layer in zip(["", *(each.name for each in self.layers)], self.layers, strict=False)
            }
        for layer in self.layers:
            for name in dict.fromkeys(ref.layer for call in layer.calls for ref in call.refs()):
                out.setdefault(name, []).append(layer)
        return out


@dataclass
class ConfigReader:
    """Reads a configuration; what is wrong with it is in `problems`."""

    second: bool = False
    problems: list[Problem] = field(default_factory=list)

    def model(self, data: dict[str, Any], loc: Loc, depth: int = 0) -> KerasModel | None:
        """Return the model in a mapping with `class_name` and `config`; None, reported, where there is none."""
        kind, config, at = data.get("class_name"), data.get("config"), (*loc, "config")
        if kind not in MODELS:
            self.problems.append(_no_model(kind, loc))
            return None
        chain = kind == "Sequential"
        layers = config.get("layers") if isinstance(config, dict) else config
        below = (*at, "layers") if isinstance(config, dict) else at
        if not isinstance(layers, list) or not layers:
            self.problems.append(Problem("missing-argument", "the model has no list of `layers`", at))
            return None
        read = [self.layer(each, (*below, i), depth) for i, each in enumerate(layers)]
        whole = tuple(each for each in read if each is not None)
        self._alike(whole)
        config = config if isinstance(config, dict) else {}
        name = config.get("name") if isinstance(config.get("name"), str) else str(kind).lower()
        ends = [() if chain else self._ends(config.get(key), (*at, key)) for key in ("input_layers", "output_layers")]
        shape = config.get("build_input_shape") or config.get("batch_input_shape")
        return KerasModel(str(name), whole, ends[0], ends[1], chain, at, shape)

    def layer(self, data: Any, loc: Loc, depth: int) -> KerasLayer | None:
        """Return one layer; None, reported, where there is none."""
        kind = data.get("class_name") if isinstance(data, dict) else None
        config = data.get("config") if isinstance(data, dict) else None
        if not isinstance(kind, str) or not isinstance(config, dict | list):
            self.problems.append(Problem("bad-value", "a layer is a mapping with `class_name` and `config`", loc))
            return None
        own = config if isinstance(config, dict) else {}
        name = data.get("name") if isinstance(data.get("name"), str) else own.get("name")
        name = name if isinstance(name, str) else f"{kind.lower()}_{loc[-1]}"
        model = None
        if kind in MODELS:
            if depth == DEEPEST:
                raise ProblemError(Problem("limit-exceeded", f"models inside each other more than {DEEPEST} deep", loc))
            model = self.model(data, loc, depth + 1)
        given = GivenArguments(f"{printable(kind)} `{printable(name)}`", own, (*loc, "config"))
        calls = tuple(self._calls(data.get("inbound_nodes"), (*loc, "inbound_nodes")))
        return KerasLayer(kind, name, given, loc, calls, model, self.second)

    def _alike(self, layers: Sequence[KerasLayer]) -> None:
        names: set[str] = set()
        for layer in layers:
            if layer.name in names:
                message = f"two layers are called `{printable(layer.name)}`"
                self.problems.append(Problem("duplicate-id", message, layer.loc))
            names.add(layer.name)

    def _ends(self, value: Any, loc: Loc) -> tuple[Ref, ...]:
        """Return the values that flow into a model or come out of it: one, a list, or a mapping of names to them."""
        found: list[Any] = []
        try:
            self._refs(value, loc, found, 0)
        except ProblemError as error:
            self.problems.append(error.problem)
            return ()
        if not found:
            self.problems.append(Problem("missing-argument", f"the model says no `{loc[-1]}`", loc[:-1]))
        elif not all(isinstance(each, Ref) for each in found):
            self.problems.append(Problem("bad-value", "a value is `[layer, call, tensor]`", loc))
        return tuple(each for each in found if isinstance(each, Ref))

    def _calls(self, nodes: Any, loc: Loc) -> Iterator[LayerCall]:
        if nodes is None:
            return
        if not isinstance(nodes, list):
            self.problems.append(Problem("bad-value", "`inbound_nodes` is a list of calls", loc))
            return
        for i, node in enumerate(nodes):
            try:
                yield self._call(node, (*loc, i))
            except ProblemError as error:
                self.problems.append(error.problem)

    def _call(self, node: Any, loc: Loc) -> LayerCall:
        takes: list[Any] = []
        named: dict[str, Any] = {}
        if isinstance(node, dict):
            self._refs(node.get("args"), (*loc, "args"), takes, 0)
            given = node.get("kwargs")
        else:
            self.second = True
            self._refs(node, loc, takes, 0)
            given = _named_beside(node)
        for key, value in (given if isinstance(given, dict) else {}).items():
            inside: list[Any] = []
            if _holds_values(value):
                self._refs(value, (*loc, "kwargs", key), inside, 0)
            named[key] = inside if inside else value
        return LayerCall(tuple(takes), named, loc)

    def _refs(self, value: Any, loc: Loc, found: list[Any], depth: int) -> None:
        """Add the values and numbers that stand here, in order. Raises ProblemError."""
        if depth > DEEPEST:
            raise ProblemError(Problem("limit-exceeded", "values inside each other too deep", loc))
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            config = value.get("config")
            history = config.get("keras_history") if isinstance(config, dict) else None
            found.append(_ref(history, (*loc, "config", "keras_history")))
        elif _is_constant(value):
            found.append(value[2])
        elif _is_ref(value):
            found.append(_ref(value[:3], loc))
        elif isinstance(value, list):
            for i, each in enumerate(value):
                self._refs(each, (*loc, i), found, depth + 1)
        elif isinstance(value, dict) and "class_name" not in value:
            for key, each in value.items():
                self._refs(each, (*loc, key), found, depth + 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(value)
        elif value is not None:
            raise ProblemError(Problem("bad-value", "what stands here is no value of a layer", loc))


def _ref(history: Any, loc: Loc) -> Ref:
    if not _is_ref(history):
        raise ProblemError(Problem("bad-value", "a value is `[layer, call, tensor]`", loc))
    return Ref(history[0], history[1], history[2], loc)


def _is_constant(value: Any) -> bool:
    """Return whether this is a number that Keras 2 puts where values stand."""
    marked = isinstance(value, list) and len(value) in (3, 4) and value[:2] == ["_CONSTANT_VALUE", -1]
    return marked and is_number(value[2])


def _is_ref(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and type(value[1]) is int
        and type(value[2]) is int
        and value[1] >= 0
        and value[2] >= 0
    )


def _holds_values(value: Any) -> bool:
    """Return whether what is given by name is a value of a layer, or several."""
    if isinstance(value, dict):
        return value.get("class_name") == "__keras_tensor__"
    return isinstance(value, list) and bool(value) and (_is_ref(value) or all(map(_holds_values, value)))


def _named_beside(node: Any) -> Any:
    """Return what a call of Keras 2 takes by name: the fourth of its first value."""
    first = node
    for _ in range(3):
        if _is_ref(first) or _is_constant(first):
            return first[3] if len(first) == 4 else None
        first = first[0] if isinstance(first, list) and first else None
    return None


def _no_model(kind: Any, loc: Loc) -> Problem:
    message = f"`{printable(kind)}` is no Sequential and no functional model: its layers are made by code"
    return Problem("unknown-op", message, (*loc, "class_name"), help=("import the built model, from Python",))
