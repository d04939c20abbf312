"""A stranger's data, asked for values of a kind: each answer is one, or a problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.wording import printable, printed

T = TypeVar("T")
#: What stands for no default: the value must be there.
REQUIRED: Any = object()
#: What no number of a layer is beyond.
LARGEST = 2**31


class GivenArguments:
    """The arguments of one layer of a file, by name, and where each stands.

    Every answer is of the kind that was asked for; else a ProblemError is raised with the place of the value. What was
    never asked for is `unread`, so that nothing that a file says is passed over.
    """

    def __init__(self, what: str, data: Mapping[str, Any], loc: Loc, places: Mapping[str, Loc] | None = None) -> None:
        self.what, self.data, self.loc = what, data, loc
        self._places = places
        self._asked: set[str] = set()

    def place(self, key: str) -> Loc:
        """Return where an argument stands; the layer, where it does not."""
        if key not in self.data:
            return self.loc
        return self._places.get(key, self.loc) if self._places is not None else (*self.loc, key)

    def raw(self, key: str, default: Any = None) -> Any:
        """Return a value of any kind."""
        self._asked.add(key)
        return self.data.get(key, default)

    def says(self, key: str) -> bool:
        """Return whether an argument is there, and not null."""
        self._asked.add(key)
        return self.data.get(key) is not None

    def refusal(self, key: str, message: str, *help: str, code: str = "bad-value") -> ProblemError:
        """Return the problem with an argument, to be raised."""
        return ProblemError(Problem(code, f"{self.what}: {message}", self.place(key), help=help))

    def whole(self, key: str, default: Any = REQUIRED, least: int = 1) -> Any:
        """Return a whole number of at least `least`; the default where it is null or not there."""
        return self._asked_for(
            key, default, f"a whole number of at least {least}", lambda value: _whole(value, least), lambda value: value
        )

    def number(self, key: str, default: Any = REQUIRED) -> Any:
        """Return a number as a float."""
        return self._asked_for(key, default, "a number", is_number, float)

    def flag(self, key: str, default: Any = REQUIRED) -> Any:
        return self._asked_for(key, default, "true or false", lambda value: isinstance(value, bool), bool)

    def word(self, key: str, default: Any = REQUIRED, among: Sequence[str] = ()) -> Any:
        """Return a text; one of `among`, where there are any."""
        kind = f"one of {', '.join(map(str, among))}" if among else "a text"
        fits = lambda value: isinstance(value, str) and (not among or value in among)  # noqa: E731
        return self._asked_for(key, default, kind, fits, str)

    def sizes(self, key: str, n: int, default: Any = REQUIRED, least: int = 1) -> Any:
        """Return n whole numbers, for each of n axes: one stands for all."""
        kind = f"a whole number of at least {least}" + (f", or {n} of them" if n > 1 else "")

        def fits(value: Any) -> bool:
            return _whole(value, least) or (
                isinstance(value, list) and len(value) == n and all(_whole(each, least) for each in value)
            )

        return self._asked_for(key, default, kind, fits, lambda v: (v,) * n if isinstance(v, int) else tuple(v))

    def wholes(self, key: str, default: Any = REQUIRED, least: int = -LARGEST) -> Any:
        """Return a list of whole numbers, of any length up to 32; one number stands for a list of it."""
        kind = "a whole number, or a list of them"

        def fits(value: Any) -> bool:
            return _whole(value, least) or (
                isinstance(value, list) and 0 < len(value) <= 32 and all(_whole(each, least) for each in value)
            )

        return self._asked_for(key, default, kind, fits, lambda v: (v,) if isinstance(v, int) else tuple(v))

    def only(self, key: str, allowed: Sequence[Any], reason: str) -> None:
        """Raise the problem with an argument that is none of the values that a spec can say; null always is."""
        value = self.raw(key)
        if value is not None and not any(type(value) is type(each) and value == each for each in allowed):
            raise self.refusal(key, f"`{printable(key)}: {printed(value)}` {reason}")

    def unread(self, ignored: Callable[[str], bool]) -> list[Problem]:
        """Return the problems with arguments that nothing asked for and that say something."""
        return [
            Problem(
                "unknown-argument",
                f"{self.what} has `{printable(key)}: {printed(value)}`, which is not known here",
                self.place(key),
                key=self._places is None,
            )
            for key, value in self.data.items()
            if key not in self._asked and not ignored(key) and value is not None and value is not False
        ]

    def _asked_for(
        self, key: str, default: Any, kind: str, fits: Callable[[Any], bool], made: Callable[[Any], T]
    ) -> T | Any:
        value = self.raw(key)
        if value is None:
            if default is REQUIRED:
                raise self.refusal(key, f"`{key}` must be written", code="missing-argument")
            return default
        if not fits(value):
            raise self.refusal(key, f"`{printable(key)}: {printed(value)}` is not {kind}")
        return made(value)


def is_number(value: Any) -> bool:
    """Return whether this is a number, and no truth."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e38


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value < LARGEST
