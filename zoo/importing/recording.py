"""What a run of a model did, as values: frames, the calls in them, and the tensors between.

A frame is one call of a module that no layer of the language stands for; what it calls, modules and functions, are its
calls. A value is a tensor by identity: what is written over in place is another value from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from torch import Tensor, nn

from speczoo.importing.refusals import CodeLine

T = TypeVar("T")


@dataclass(eq=False)
class RunValue:
    """A tensor of a run, kept alive so that its identity stays its own; `key` is its name where it is a parameter or a
    buffer of the model.
    """

    tensor: Tensor
    key: str = ""
    parameter: bool = False
    #: The shapes in all runs that are compared, this one's first; the batch is still in them.
    shapes: tuple[tuple[int, ...], ...] = ()
    twins: tuple[RunValue, ...] = ()

    def __post_init__(self) -> None:
        self.shapes = (tuple(self.tensor.shape),)


@dataclass(eq=False)
class RecordedCall:
    """A module or a function that was called: `args` and `kwargs` hold Values where tensors were.

    `frame` is what a module did whose inside counts. `twins` are the same call in the runs that are compared.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: list[RunValue]
    result: Any
    module: nn.Module | None = None
    path: str = ""
    frame: RecordedFrame | None = None
    place: CodeLine | None = None
    twins: tuple[RecordedCall, ...] = ()

    @property
    def inputs(self) -> list[RunValue]:
        """The values among the arguments, each once, in order; what a frame reads besides comes after them."""
        found = dict.fromkeys(values(self.args, self.kwargs))
        return [*found, *(value for value in self.frame.read if value not in found)] if self.frame else [*found]


@dataclass(eq=False)
class RecordedFrame:
    """One run of a module's forward: its calls in order, the values that came in and those that it gave."""

    module: nn.Module
    path: str
    arguments: list[RunValue] = field(default_factory=list)
    calls: list[RecordedCall] = field(default_factory=list)
    results: list[RunValue] = field(default_factory=list)

    @cached_property
    def made(self) -> set[RunValue]:
        """The values that its calls gave, those in inner frames too."""
        inner = {value for call in self.calls if call.frame for value in call.frame.made}
        return inner | {value for call in self.calls for value in call.outputs if not call.frame}

    @cached_property
    def read(self) -> list[RunValue]:
        """The values from outside that it reads, in order: arguments first; parameters of its own are none."""
        made = self.made
        inner = dict.fromkeys(value for call in self.calls for value in call.inputs if value not in made)
        inner |= dict.fromkeys(value for value in self.results if value not in made)
        ordered = [value for value in self.arguments if value in inner]
        return [value for value in dict.fromkeys([*ordered, *inner]) if not self.owns(value)]

    def persistent(self, key: str) -> bool:
        """Return whether a buffer of the frame's module, or of one inside it, is in the state_dict."""
        return key.removeprefix(f"{self.path}." if self.path else "") in self.module.state_dict()

    def owns(self, value: RunValue) -> bool:
        """Return whether a value is a parameter or buffer of the frame's module, or of one inside it."""
        return bool(value.key) and value.key.startswith(f"{self.path}." if self.path else "")

    def take_in(self) -> None:
        """Make the calls of modules that reach beyond themselves calls of this frame: those that call modules or take
        weights which others hold, as of a function that they were given.
        """
        calls: list[RecordedCall] = []
        for call in self.calls:
            if call.frame is not None:
                call.frame.take_in()
            calls += call.frame.calls if call.frame is not None and call.frame.reaches_out() else [call]
        self.calls = calls

    def reaches_out(self) -> bool:
        """Return whether a call takes a module or a weight that this frame's module does not hold."""
        within = f"{self.path}." if self.path else ""
        modules = any(call.module is not None and not call.path.startswith(within) for call in self.calls)
        return modules or any(
            value.parameter and not self.owns(value)
            for call in self.calls
            if call.frame is None
            for value in values(call.args, call.kwargs)
        )

    def walk(self) -> Iterator[tuple[RecordedFrame, RecordedCall]]:
        """Yield all calls in order, with their frames, those of inner frames after the call that they belong to."""
        for call in self.calls:
            yield self, call
            if call.frame is not None:
                yield from call.frame.walk()


@dataclass(frozen=True)
class Recording:
    """A whole run: its outermost frame, the shapes (without the batch) that flowed in, and what the model calls that
    which came out.
    """

    root: RecordedFrame
    batch: int
    shapes: Mapping[str, tuple[int, ...]]
    names: Mapping[RunValue, str]


def values(*things: Any) -> Iterator[RunValue]:
    """Yield the values in nested lists, tuples, mappings and slices, in order."""
    return leaves(RunValue, *things)


def leaves(kind: type[T], *things: Any) -> Iterator[T]:
    """Yield what is of a kind in nested lists, tuples, mappings and slices, in order."""
    for thing in things:
        if isinstance(thing, kind):
            yield thing
        elif isinstance(thing, Mapping):
            yield from leaves(kind, *thing.values())
        elif isinstance(thing, list | tuple):
            yield from leaves(kind, *thing)
        elif isinstance(thing, slice):
            yield from leaves(kind, thing.start, thing.stop, thing.step)
