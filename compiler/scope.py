"""The names that an expression may read at an entry: parameters, loop variables, and what flows in."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from speczoo.compiler.layer import Value
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.expression import ExpressionError, Template, UnknownName
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.suggestions import certain, did_you_mean

#: Read as `in_channels` or `input.channels`; nothing else may be called so.
FLOW = ("in_channels", "in_features", "in_shape", "input")
EXACT = frozenset({int, str})  # types whose values are equal only to what every operator takes for the same


class Scope(Mapping[str, Any]):
    """`names` are parameters and loop variables; `flow` is the first value that flows into the entry, None where none
    does; `inputs` flow into its list."""

    __slots__ = ("flow", "inputs", "names")

    def __init__(
        self,
        names: Mapping[str, Any],
        flow: Value | Unknown | None = None,
        inputs: Mapping[str, Value | Unknown] | None = None,
    ) -> None:
        self.names, self.flow, self.inputs = names, flow, inputs or {}

    def __getitem__(self, name: str) -> Any:
        if name in self.names:
            if self.names[name] is UNKNOWN:
                raise UnknownRead
            return self.names[name]
        if name in self.inputs:
            return described(self.inputs[name])
        if name == "input" and len(self.inputs) == 1:
            return described(next(iter(self.inputs.values())))
        if name.startswith("in_") and self.flow is not None:
            return described(self.flow)[name[3:]]  # KeyError is an unknown name
        raise KeyError(name)

    def exact(self, name: str) -> Hashable | None:
        """Return what reading a name gives, as a key that is equal only where every operator takes the values for the
        same: 1, 1.0 and True are three. None where there is none, or it is UNKNOWN; of a fact of what flows, its shape.
        """
        found = self.names.get(name)
        if type(found) in EXACT:
            return found
        if found is None:
            return self._flowing(name)
        return None if found is UNKNOWN else (type(found), repr(found))

    def exactly(self, names: Iterable[str]) -> tuple[Hashable | None, ...]:
        """Return what reading each of these names gives, as `exact` does."""
        get = self.names.get
        found = tuple([get(name) for name in names])
        for value in found:
            if type(value) not in EXACT:
                return tuple(map(self.exact, names))
        return found

    def _flowing(self, name: str) -> Hashable | None:
        """Return of what flows as much of the shape as a fact of it hangs on; None where the name is another's."""
        if name in FLOW[:3]:
            flow: Value | Unknown | None = self.flow
        else:
            name, _, fact = name.partition(".")
            flow = self.inputs.get(name)
            if flow is None and name == "input" and len(self.inputs) == 1:
                flow = next(iter(self.inputs.values()))
            name = fact if name not in self.names else ""
        if not isinstance(flow, Value) or not name:
            return None
        return flow.shape[:1] if name.endswith("channels") else flow.shape

    def knows(self, name: str) -> bool:
        """Return whether something here has this name, or may have: what flows in can lack a height."""
        if name in self.names or name in self.inputs or name == "input":
            return True
        return name.startswith("in_") and name[3:] in FACTS and self.flow is not None

    def __iter__(self) -> Iterator[str]:
        yield from self.names
        yield from self.inputs
        if self.flow is not None:
            facts = set(described(self.flow))
            yield from (name for name in FLOW[:3] if name[3:] in facts)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def expression_problem(error: ExpressionError, loc: Loc, scope: Scope) -> Problem:
    """Return what is wrong with an expression in the data at `loc`, with the name that was probably intended."""
    if error.unknown is None:
        readable = all(map(scope.knows, error.names))
        return error.problem.below(loc, replacement=error.problem.replacement if readable else None)
    if isinstance(error, UnknownName) and error.unknown in FLOW[:3]:
        help = f"`{error.unknown}` is of the one value that flows into an entry, and here none does"
        return error.problem.below(loc, help=(help,))
    return error.problem.below(
        loc,
        help=did_you_mean(error.unknown, error.names),
        replacement=certain(error.unknown, error.names, chosen=isinstance(error, UnknownName)),
        replaces=error.unknown,
    )


#: What an expression can ask of a value.
FACTS = ("shape", "channels", "features", "height", "width")


class UnknownFacts(Mapping[str, Any]):
    """The facts of UNKNOWN: each may be there, and whoever reads one raises UnknownRead."""

    def __getitem__(self, name: str) -> Any:
        if name in FACTS:
            raise UnknownRead
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(FACTS)

    def __len__(self) -> int:
        return len(FACTS)


def described(value: Value | Unknown) -> Mapping[str, Any]:
    """Return the facts of a value by their names, those that it has."""
    if value is UNKNOWN:
        return UnknownFacts()
    shape = value.shape
    facts: dict[str, Any] = {"shape": list(shape)}
    if shape:
        facts |= {"channels": shape[0], "features": shape[-1]}
    if len(shape) >= 3:
        facts |= {"height": shape[-2], "width": shape[-1]}
    return facts


def check_names(value: Any, scope: Scope) -> None:
    """Raise UnknownName, as computing would, for the first name in `value` that nothing here has, whether or not its
    turn would come.
    """
    if isinstance(value, str):
        for name, at in Template.of(value).places if "$" in value else ():
            if not scope.knows(name):
                names = tuple(scope)
                raise UnknownName(f"nothing here is called `{name}`", *at, unknown=name, names=names)
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        try:
            check_names(part, scope)
        except UnknownName as error:
            error.problem = error.problem.below((key,))
            raise


def layered(names: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `more` laid over `names`; where these are many, without a copy for everyone who reads them."""
    return {**names, **more} if len(names) <= 100 else ChainMap(dict(more), names)  # type: ignore[arg-type]
