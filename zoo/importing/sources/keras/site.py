"""One call of a layer of Keras: what flows in, in which order of axes, and the entries that it becomes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from speczoo.importing.sources.entries import Entries, Taken, Tensor, applied, identifier
from speczoo.importing.sources.given import GivenArguments
from speczoo.importing.sources.keras.config import KerasLayer
from speczoo.specs.limits import DEFAULT
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.wording import printable

#: Arguments that say nothing of what is computed: how weights start, what is added to a loss, how numbers are kept.
_IGNORED = re.compile(
    "name|trainable|dtype|batch_input_shape|batch_shape|seed|synchronized|autocast|implementation|quantization_config"
    "|activity_regularizer|.*_(?:initializer|regularizer|constraint)|embeddings_.*|noise_shape|lora_.*|input_shape"
)


def says_nothing(key: str) -> bool:
    """Return whether an argument is one that says nothing of what is computed."""
    return _IGNORED.fullmatch(key) is not None


MOST_CALLS = 2 * DEFAULT.entries


class Enough(ProblemError):
    """So much is wrong, or there, that reading on helps nobody."""


@dataclass
class SharedModules:
    """What all calls of all lists have in common: modules by the layers that they are of, and what is frozen."""

    freeze: list[str] = field(default_factory=list)
    blocks: dict[str, Any] = field(default_factory=dict)
    init: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    calls: int = 0

    def report(self, problem: Problem) -> None:
        """Add a problem, where it is not reported yet. Raises Enough where so many are."""
        if problem in self.problems:
            return
        if len(self.problems) >= DEFAULT.mistakes:
            raise Enough(problem)
        self.problems.append(problem)

    def count(self, loc: Loc) -> None:
        """Count a call. Raises Enough where there are too many."""
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise Enough(Problem("limit-exceeded", f"more than {MOST_CALLS:,} calls of layers", loc))


@dataclass
class KerasList:
    """A list of the spec: its entries, its path in the network, and the modules that it has."""

    entries: Entries
    path: tuple[str, ...]
    shared: SharedModules
    modules: dict[str, tuple[str, dict[str, Any], Tensor]] = field(default_factory=dict)
    turned: dict[tuple[str, bool], Tensor] = field(default_factory=dict)
    orders: dict[str, list[bool]] = field(default_factory=dict)  # which inputs of a model have their channels first

    def add(self, op: str, source: Taken | Sequence[Taken], arguments: Mapping[str, Any] | None = None, **more: Any
            ) -> Tensor:  # fmt: skip
        return self.entries.add(op, source, arguments, **more)

    # -- the order of axes --------------------------------------------------------------------------------------

    def plain(self, x: Tensor, why: str = "") -> Tensor:
        """Return the value with its axes in the order that Keras has them in."""
        return self._turn(x, False, why) if x.channels_last else x

    def channels_first(self, x: Tensor, why: str = "") -> Tensor:
        """Return the value with the axis that is last in Keras as its first."""
        return x if x.channels_last or len(x.shape) < 2 else self._turn(x, True, why)

    def like(self, x: Tensor, other: Tensor) -> Tensor:
        """Return the value with its axes in the order of another one's."""
        return self.channels_first(x) if other.channels_last else self.plain(x)

    def _turn(self, x: Tensor, first: bool, why: str) -> Tensor:
        key = x.name, first
        if key not in self.turned:
            rank = len(x.shape)
            name = f"{x.name}_channels_{'first' if first else 'last'}".replace(".", "_")
            if rank == 2:
                made = self.add("transpose", x, {"dim0": 1, "dim1": 2}, id=name, comment=why)
            else:
                dims = [0, rank, *range(1, rank)] if first else [0, *range(2, rank + 1), 1]
                made = self.add("permute", x, {"dims": dims}, id=name, comment=why)
            self.turned[key] = replace(made, channels_last=first)
            self.turned[self.turned[key].name, not first] = x
        return self.turned[key]


@dataclass
class Site:
    """A call: `takes` are the values and numbers that flow in, `named` what else it says."""

    layer: KerasLayer
    place: KerasList
    takes: tuple[Taken, ...]
    named: dict[str, Any]
    loc: Loc

    @property
    def given(self) -> GivenArguments:
        return self.layer.given

    @property
    def trained(self) -> bool:
        """Whether the layer's weights are trained."""
        return bool(self.given.flag("trainable", True))

    @property
    def says_name(self) -> bool:
        """Whether the layer has a name that a person gave it, and not one that Keras counts out: `max_pooling2d_3`."""
        plain = re.sub(r"_\d+$", "", self.layer.name).replace("_", "").lower()
        return plain != self.layer.kind.lower()

    def refusal(self, message: str, *help: str, code: str = "bad-value") -> ProblemError:
        """Return the problem with this call, to be raised."""
        return ProblemError(Problem(code, f"{self.given.what}: {message}", self.loc, help=help))

    def one(self) -> Tensor:
        """Return the one value that flows in."""
        if len(self.takes) != 1 or not isinstance(self.takes[0], Tensor):
            raise self.refusal(f"one value flows into it, not {len(self.takes)}")
        return self.takes[0]

    def spatial(self, n: int) -> Tensor:
        """Return the one value that flows in, its channels first, with n axes besides them."""
        x, form = self.one(), self.given.word("data_format", "channels_last", ("channels_last", "channels_first"))
        if len(x.shape) != n + 1:
            raise self.refusal(f"{n + 1} axes besides the batch flow into it, not {len(x.shape)}")
        return self.place.channels_first(x) if form == "channels_last" else self.place.plain(x)

    def add(
        self, op: str, source: Taken | Sequence[Taken], arguments: Mapping[str, Any] | None = None, suffix: str = ""
    ) -> Tensor:
        """Add what has no weights; with a suffix, beside the entry of the layer's name."""
        name = f"{self.layer.name}_{suffix}" if suffix else self.layer.name
        self.place.entries.at = self.loc
        return self.place.add(op, source, arguments, id=name, named=self.says_name and not suffix)

    def weighted(
        self,
        op: str,
        source: Tensor | Sequence[Tensor],
        arguments: Mapping[str, Any],
        written: Mapping[str, Any] | None = None,
    ) -> Tensor:
        """Add the layer's module under its name; at its later calls, the same one again."""
        known = self.place.modules.get(self.layer.name)
        self.place.entries.at = self.loc
        if known is None:
            out = self.place.add(op, source, arguments, id=self.layer.name, named=True, written=written)
            self.place.modules[self.layer.name] = out.name, {"op": op, **arguments}, out
            if not self.trained:
                self.freeze("**")
            return out
        id, data, _ = known
        if data != {"op": op, **arguments}:
            raise self.refusal("its calls differ in their padding, and are no longer one module")
        sources = [source] if isinstance(source, Tensor) else list(source)
        made = applied_again(op, arguments, sources)
        return self.place.entries.module({"share": id}, sources, made, id=f"{id}_again")

    def freeze(self, *names: str) -> None:
        """Keep parameters of the layer as they start."""
        id = self.place.modules[self.layer.name][0]
        frozen = self.place.shared.freeze
        frozen += [pattern for name in names if (pattern := ".".join((*self.place.path, id, name))) not in frozen]

    def start(self, values: Mapping[str, float]) -> None:
        """Let parameters of the layer start at these numbers."""
        id = self.place.modules[self.layer.name][0]
        rule = {"match": ".".join((*self.place.path, id)), **values}
        if rule not in self.place.shared.init:
            self.place.shared.init.append(rule)

    def constant(self, value: Any, shape: tuple[int, ...], suffix: str, like: Tensor) -> Tensor:
        """Add a constant beside the entry of the layer's name."""
        self.place.entries.at = self.loc
        return self.place.entries.constant(value, shape, f"{self.layer.name}_{suffix}", like)

    def group(self, source: Tensor, make: Callable[[Site, Tensor], Tensor]) -> Tensor:
        """Add a group of the layer's name: `make` fills it with what is done to its input."""
        inner = self.inside(("input",))
        out = make(inner, replace(source, name="input"))
        entries = inner.place.entries
        data = {"layers": entries.finished([] if entries.ends_with(out) else [out.name])}
        return self.module(data, [source], [out])[0]

    def inside(self, inputs: tuple[str, ...]) -> Site:
        """Return the same call with a list of its own to fill, whose inputs have these names."""
        known = self.place.modules.get(self.layer.name)
        id = identifier(self.layer.name) if known is None else known[0]
        path = (*self.place.path, id)
        return replace(self, place=KerasList(Entries(inputs, at=self.loc), path, self.place.shared))

    def module(self, data: dict[str, Any], sources: Sequence[Tensor], outs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Add a group or block of the layer's name, or the same one again; `outs` are what comes out of it, by the
        names that its outputs have.
        """
        self.place.entries.at = self.loc
        known = self.place.modules.get(self.layer.name)
        if known is not None and known[1] != data:
            raise self.refusal("its calls differ, and are no longer one module")
        written, wanted = (data, self.layer.name) if known is None else ({"share": known[0]}, f"{known[0]}_again")
        made = self.place.entries.module(written, sources, outs[0], id=wanted)
        if known is None:
            self.place.modules[self.layer.name] = made.name, data, made
        return (made,) if len(outs) == 1 else tuple(replace(out, name=f"{made.name}.{out.name}") for out in outs)


Mapped: TypeAlias = Callable[[Site], "Tensor | tuple[Tensor, ...]"]
MAPPED: dict[str, Mapped] = {}
#: What the functions of layers read of what a call says by name.
TAKEN: dict[str, tuple[str, ...]] = {}


def maps(*kinds: str, takes: tuple[str, ...] = ()) -> Callable[[Mapped], Mapped]:
    """Register what makes entries of a call of these layers; `takes` are the values that it reads by name."""

    def register(function: Mapped) -> Mapped:
        MAPPED.update(dict.fromkeys(kinds, function))
        TAKEN.update(dict.fromkeys(kinds, takes))
        return function

    return register


def mapped(site: Site) -> tuple[Tensor, ...]:
    """Return what comes out of a call. Raises ProblemError where the layer, or what it says, has no counterpart."""
    kind, shared = site.layer.kind, site.place.shared
    if kind not in MAPPED:
        raise ProblemError(unknown(site.layer))
    for name, value in site.named.items():
        if value is not None and value is not False and name not in TAKEN[kind]:
            raise site.refusal(f"its call says `{printable(name)}`, which is not known here", code="unknown-argument")
    made = MAPPED[kind](site)
    for problem in site.given.unread(says_nothing):
        shared.report(problem)
    return made if isinstance(made, tuple) else (made,)


def applied_again(op: str, arguments: Mapping[str, Any], sources: Sequence[Tensor]) -> Tensor:
    """Return what comes out of a module at another call. Raises ProblemError."""
    out = applied(op, arguments, [each.value for each in sources])
    return replace(sources[0], shape=out.shape, dtype=out.dtype)


#: Why some layers have no counterpart.
_REASONS = {
    "Lambda": "it holds code of Python, which is never run",
    "SlicingOpLambda": "it is a function of TensorFlow, and no layer",
}


def unknown(layer: KerasLayer) -> Problem:
    help = (_REASONS[layer.kind],) if layer.kind in _REASONS else ()
    return Problem("unknown-op", f"{layer.given.what} has no counterpart here", (*layer.loc, "class_name"), help=help)
