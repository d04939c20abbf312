"""Python data as a spec: checked to be what JSON can say, and copied."""

from __future__ import annotations

from collections import UserString
from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any

from speczoo.specs.limits import Limits
from speczoo.specs.problem import Problem


def plain_copy(data: object, limits: Limits) -> tuple[dict[str, Any], list[Problem]]:
    """Return a copy of nested mappings, sequences, texts, numbers and None as dict, list, str, int, float, bool and
    None.

    Of numpy and torch, too, numbers are numbers, and arrays are lists.

    And all that is wrong, with which the copy is not whole: `bad-value` for other types, keys that are no str, numbers
    that are not finite; `unsafe-yaml` for a cycle; `limit-exceeded`. Places stand in the messages: there is no text.
    """
    copying = _Copying(limits)
    try:
        copy = copying.value(data, "", 0)
    except _Stop:
        copy = None
    if not copying.problems and type(copy) is not dict:
        message = f"a spec is a mapping of keys to values; this is {_kind(data)}"
        copying.problems.append(Problem("bad-value", message))
    return copy if isinstance(copy, dict) else {}, copying.problems


def _plain(value: Any) -> Any:
    """Return one value, and nothing in it, as the type of JSON that it stands for; itself where it stands for none."""
    if value is None or type(value) in (bool, int, float, str, dict, list):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, UserString):  # a sequence of texts that are such themselves
        return str(value)
    if hasattr(value, "ndim") and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray) else value


def unshared(value: Any) -> Any:
    """Return a copy of plain data in which what stands in several places is copied for each, so that one can be
    changed.
    """
    if isinstance(value, dict):
        return {k: unshared(v) for k, v in value.items()}
    return [unshared(v) for v in value] if isinstance(value, list) else value


#: Of a key that is true or false: who writes `on: 3` does not mean either.
_TRUTHS = "YAML 1.1 reads `on`, `off`, `yes` and `no` so: quote the key, or give the text itself"


class _Stop(Exception):
    """A limit is passed, or so much is wrong that reading on helps nobody."""


class _Copying:
    """A copy being made, and the problems with it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.problems: list[Problem] = []
        self.count = 0
        self.open: set[int] = set()

    def value(self, value: object, place: str, depth: int) -> Any:
        self.count += 1
        if self.count > self.limits.values:
            self.stop(f"more than {self.limits.values:,} values", place)
        origin, value = value, _plain(value)
        kind = type(value)
        if value is None or kind is bool:
            return value
        if isinstance(value, str) and kind is str:
            return self.text(value, place)
        if isinstance(value, int) and kind is int:
            if abs(value) >= 10**self.limits.digits:
                self.problem("bad-value", f"a whole number has at most {self.limits.digits} digits", place)
            return value
        if isinstance(value, float) and kind is float:
            if not isfinite(value):
                self.problem("bad-value", f"{value} is not a finite number", place)
            return value
        if not isinstance(value, dict | list):
            hint = "use mappings, sequences, str, int, float, bool and None"
            self.problem("bad-value", f"a spec cannot hold {_kind(value)}", place, hint)
            return None
        if id(origin) in self.open:
            self.problem("unsafe-yaml", "this contains itself", place)
            return None
        if depth >= self.limits.depth:
            self.stop(f"nested more than {self.limits.depth} deep", place)
        self.open.add(id(origin))
        copy: dict[str, Any] | list[Any]
        if isinstance(value, dict):
            copy = {}
            for key, inner in value.items():
                self.count += 1
                if not isinstance(key, str):
                    self.problem(
                        "bad-value",
                        f"a key is a str, not {_kind(key)}",
                        place,
                        _TRUTHS if isinstance(key, bool) else "",
                    )
                else:
                    step = f"{key:.60}"
                    name = self.text(str.__str__(key), place)
                    copy[name] = self.value(inner, f"{place}.{step}" if place else step, depth + 1)
        else:
            copy = [self.value(inner, f"{place}[{index}]", depth + 1) for index, inner in enumerate(value)]
        self.open.discard(id(origin))
        return copy

    def text(self, text: str, place: str) -> str:
        if len(text) > self.limits.string:
            self.problem(
                "limit-exceeded", f"a text of {len(text):,} characters; the limit is {self.limits.string:,}", place
            )
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            self.problem("bad-value", "half of a surrogate pair in this text", place)
        return text

    def problem(self, code: str, message: str, place: str, help: str = "") -> None:
        """Add a problem. Raises _Stop where so much is wrong that it is enough."""
        message = f"`{place}`: {message}" if place else message
        self.problems.append(Problem(code, message, help=(help,) if help else ()))
        if len(self.problems) >= self.limits.mistakes:
            raise _Stop

    def stop(self, message: str, place: str) -> None:
        self.problem("limit-exceeded", message, place)
        raise _Stop


def _kind(value: object) -> str:
    kind = type(value)
    return f"a {kind.__qualname__}" if kind.__module__ == "builtins" else f"a {kind.__module__}.{kind.__qualname__}"
