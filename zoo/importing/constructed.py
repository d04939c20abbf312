"""What modules were made with: their constructors' arguments, noted while a person's code runs, else read off them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from speczoo.importing.refusals import Unsayable

_noted: WeakKeyDictionary[nn.Module, Mapping[str, Any]] = WeakKeyDictionary()


@contextmanager
def noting_arguments() -> Iterator[None]:
    """Note what every module that is made meanwhile is made with."""
    plain = nn.Module.__init__

    def noting(module: nn.Module, *args: Any, **kwargs: Any) -> None:
        plain(module, *args, **kwargs)
        if (frame := _constructor(module, sys._getframe(1))) is not None:
            _noted[module] = dict(frame.f_locals)

    nn.Module.__init__ = noting  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        nn.Module.__init__ = plain  # type: ignore[method-assign]


def carry(model: nn.Module, twin: nn.Module) -> None:
    """Let the modules of a copy have been made as those of the original were."""
    for one, other in zip(model.modules(), twin.modules(), strict=True):
        if one in _noted:
            _noted[other] = _noted[one]


def _constructor(module: nn.Module, frame: FrameType | None) -> FrameType | None:
    """Return the outermost frame that runs an `__init__` of a module."""
    found = None
    while frame is not None and frame.f_code.co_name == "__init__":
        if frame.f_locals.get(frame.f_code.co_varnames[0]) is not module:
            break
        found, frame = frame, frame.f_back
    return found


def arguments_of(module: nn.Module) -> dict[str, Any]:
    """Return a module's constructor arguments, those that are not the constructor's own defaults.

    Raises Unsayable for one that is not known, or is no plain value.
    """
    kind, found = type(module), {}
    known = _noted.get(module, {**vars(module), **module._modules})
    for name, parameter in [*inspect.signature(kind.__init__).parameters.items()][1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if known.get(name):
                raise Unsayable(f"`{kind.__name__}` is made with any arguments, {name!r}")
            continue
        if name in known:
            if known[name] is parameter.default or _same(known[name], parameter.default):
                continue
            if not _is_plain(known[name]):
                raise Unsayable(
                    f"`{kind.__name__}` is made with `{name}`, {known[name]!r:.60}, which is no plain value"
                )
            found[name] = known[name]
        elif parameter.default is parameter.empty:
            raise Unsayable(f"what `{kind.__name__}` was made with as `{name}` is not known")
    return found


def _same(one: Any, other: Any) -> bool:
    return _is_plain(one) and type(one) is type(other) and bool(one == other)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
