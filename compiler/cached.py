"""What is computed once for an object, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, Self, TypeVar, overload

Result = TypeVar("Result")
Owner = TypeVar("Owner")


class cached_property(Generic[Result]):
    """functools.cached_property without the lock that it takes, up to Python 3.11, at each first read: a check makes
    ten of these for each entry. Two threads that ask at once compute twice, and the same."""

    def __init__(self, function: Callable[[Any], Result]) -> None:
        self.function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Result: ...

    def __get__(self, instance: object | None, owner: type) -> Self | Result:
        if instance is None:
            return self
        found = instance.__dict__[self.name] = self.function(instance)
        return found


def once(function: Callable[[Owner], Result]) -> Callable[[Owner], Result]:
    """Return a function of an object that is computed once for each, and kept there as a cached_property is."""
    key = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def kept(owner: Owner) -> Result:
        mine = owner.__dict__
        if key not in mine:
            mine[key] = function(owner)
        found: Result = mine[key]
        return found

    return kept
