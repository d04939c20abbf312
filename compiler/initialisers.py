"""What a parameter can start as: torch.nn.init's functions, their arguments, and the parameters that they take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from speczoo.compiler.layer import FLOAT32_MAX, Shape
from speczoo.compiler.synonyms import INITIALISERS as NAMED_ELSEWHERE
from speczoo.specs.problem import Loc, Problem, ProblemError
from speczoo.specs.suggestions import did_you_mean

NUMBER: tuple[type, ...] = (int, float)

#: torch.nn.init's functions, without their underscore, and the arguments that a spec may give them.
INITIALISERS: dict[str, dict[str, tuple[type, ...]]] = {
    "zeros": {},
    "ones": {},
    "constant": {"val": NUMBER},
    "uniform": {"a": NUMBER, "b": NUMBER},
    "normal": {"mean": NUMBER, "std": NUMBER},
    "trunc_normal": {"mean": NUMBER, "std": NUMBER, "a": NUMBER, "b": NUMBER},
    "xavier_uniform": {"gain": NUMBER},
    "xavier_normal": {"gain": NUMBER},
    "kaiming_uniform": {"a": NUMBER, "mode": (str,), "nonlinearity": (str,)},
    "kaiming_normal": {"a": NUMBER, "mode": (str,), "nonlinearity": (str,)},
    "orthogonal": {"gain": NUMBER},
    "sparse": {"sparsity": NUMBER, "std": NUMBER},
    "eye": {},
    "dirac": {"groups": (int,)},
}

WORDS = {
    "mode": ("fan_in", "fan_out"),
    "nonlinearity": (
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ),
}


REQUIRED = {"constant": ("val",), "sparse": ("sparsity",)}
LEAST = {"std": 0, "gain": 0, "sparsity": 0, "groups": 1}
EXACT = 2**53  # whole numbers up to here are floats too; torch takes none beyond 64 bits as it is
REACH = 10  # standard deviations from the mean, within which all lies that is ever drawn
STEPS = 2**19  # times that a mean is larger than the smallest std that float32 still tells apart beside it
TINY = 2.0**-126  # the smallest number that float32 holds in full
KEPT = 1 / 20  # of the candidates for a truncated normal distribution, at least
ENDS = {"uniform": (0.0, 1.0), "trunc_normal": (-2.0, 2.0)}  # what `a` and `b` are unless stated
#: How many axes a parameter has, at least and at most.
AXES: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal"), (2, None)),
    "sparse": (2, 2),
    "eye": (2, 2),
    "dirac": (3, 5),
}


class Initialiser(NamedTuple):
    """`kaiming_normal` with its arguments."""

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}: {value}' for name, value in self.arguments)})"


def _wrong(
    message: str, help: tuple[str, ...] = (), code: str = "bad-value", path: Loc = (), key: bool = False
) -> ProblemError:
    """Return the error of an initialiser: `path` leads to what is wrong inside it, `key` says: to a key of it."""
    return ProblemError(Problem(code, message, path, key=key, help=help))


def initialiser(value: Any) -> Initialiser:
    """Return the initialiser of a number, a name, or `{name: {argument: value}}`. Raises ProblemError."""
    if isinstance(value, NUMBER) and not isinstance(value, bool):
        if not abs(value) <= FLOAT32_MAX:  # type: ignore[arg-type]
            raise _wrong(f"{value} is beyond what float32 holds")
        return Initialiser("constant", (("val", _number(value)),))
    stated = value
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise _wrong("an initialiser is a number, or one name with its arguments: `{kaiming_normal: {mode: fan_out}}`")
    name, arguments = next(iter(value.items()))
    if name not in INITIALISERS:
        known = did_you_mean(str(name), INITIALISERS, aliases=NAMED_ELSEWHERE, limit=20)
        path: Loc = (name,) if stated is value else ()
        raise _wrong(f"there is no initialiser `{name}`", known, path=path, key=bool(path))
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        raise _wrong(f"the arguments of `{name}` are a mapping")
    for key, given in arguments.items():
        _check(name, key, given)
    if missing := [key for key in REQUIRED.get(name, ()) if key not in arguments]:
        raise _wrong(f"`{name}` needs `{missing[0]}`", code="missing-argument", path=(name,))
    for key, why in _undrawable(name, arguments):
        raise _wrong(why, path=(name, key) if key in arguments else (name,))
    floats = [key for key, kinds in INITIALISERS[name].items() if kinds == NUMBER]
    return Initialiser(name, tuple((key, _number(v) if key in floats else v) for key, v in arguments.items()))


def _check(name: str, key: str, given: Any) -> None:
    """Raise ProblemError where an argument is none of the initialiser's, or not of its kind."""
    taken = INITIALISERS[name]
    if key not in taken:
        raise _wrong(f"`{name}` takes no `{key}`", did_you_mean(str(key), taken), "unknown-argument", (name, key), True)
    if not isinstance(given, taken[key]) or isinstance(given, bool):
        raise _wrong(
            f"`{key}` of `{name}` must be {'text' if taken[key] == (str,) else 'a number'}, not {given!r}",
            path=(name, key),
        )
    if key in WORDS and given not in WORDS[key]:
        raise _wrong(
            f"`{key}` of `{name}` is one of {', '.join(WORDS[key])}, not `{given}`",
            did_you_mean(str(given), WORDS[key]),
            path=(name, key),
        )
    if isinstance(given, NUMBER) and not abs(given) <= FLOAT32_MAX:  # type: ignore[arg-type]
        raise _wrong(f"`{key}` of `{name}` is beyond what float32 holds", path=(name, key))
    if isinstance(given, NUMBER) and key in LEAST and given < LEAST[key]:  # type: ignore[operator]
        raise _wrong(f"`{key}` of `{name}` is at least {LEAST[key]}, not {given}", path=(name, key))


def _number(value: Any) -> Any:
    return value if isinstance(value, float) or abs(value) <= EXACT else float(value)


def _undrawable(name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield why torch could draw nothing finite, or not in any time, each with the argument to blame."""
    mean = given.get("mean", 0.0)
    low, high = (given.get(key, end) for key, end in zip("ab", ENDS[name], strict=True)) if name in ENDS else (0, 0)
    if low > high or (name == "trunc_normal" and low == high):
        yield ("a" if "a" in given else "b"), f"`a` of `{name}` is below `b`, not {low} to {high}"
    if high - low > FLOAT32_MAX:
        yield "a", f"`b - a` of `{name}` is beyond what float32 holds: {high} - {low}"
    if given.get("std") == 0 and name == "trunc_normal":
        yield "std", "`std` of `trunc_normal` is above 0"
    for key in ("std", "gain"):
        if REACH * given.get(key, 0) + abs(mean) > FLOAT32_MAX:
            about = f" around a mean of {mean}" if mean else ""
            yield key, f"`{key}` of `{name}` draws beyond what float32 holds: {REACH} times {given[key]}{about}"
    if name == "trunc_normal":
        yield from _untruncatable(float(mean), float(given.get("std", 1.0)), float(low), float(high))


def _untruncatable(mean: float, std: float, low: float, high: float) -> Iterator[tuple[str, str]]:
    """Yield why too few candidates lie where they should, of which torch draws until all do."""
    least = max(abs(mean) / STEPS, TINY)
    if std < least:
        yield "std", f"`std` of `trunc_normal` is {std}: around {mean}, float32 tells nothing apart below {least:.2g}"
        return
    near, far = (low - mean) / std, (high - mean) / std
    if near > REACH or far < -REACH:
        key, end, side = ("a", low, "above") if near > REACH else ("b", high, "below")
        yield key, f"`{key}: {end}` is more than {REACH} times {std} {side} the mean, {mean}: nothing is drawn there"
        return
    kept = _kept(near, far)
    if kept < KEPT:
        stated = f"of numbers from {low} to {high}, one in {1 / kept:.3g} is likely enough to be kept"
        yield ("b" if near > -REACH else "a"), f"`trunc_normal` would take too long: {stated}, and not one in 20"


def _kept(near: float, far: float) -> float:
    """Return the share of candidates that are kept by a normal distribution cut off at these places: of its own numbers
    where these are many, else of evenly spread ones.
    """
    near, far = (-far, -near) if far < 0 else (near, far)
    between = math.erfc(near / math.sqrt(2)) - math.erfc(far / math.sqrt(2))
    if between / 2 > 0.31:  # torch's own bound is 0.3
        return between / 2
    if far - near < 1e-3:  # as good as evenly spread
        return 1.0
    return math.sqrt(math.pi / 2) * between * math.exp(max(near, 0.0) ** 2 / 2) / (far - near)


def unfit(made: Initialiser, shape: Shape) -> str | None:
    """Return why a parameter of this shape cannot start so; None where it can."""
    fewest, most = AXES.get(made.name, (0, None))
    if len(shape) < fewest or (most is not None and len(shape) > most):
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}" if most else f"at least {fewest}"
        return f"`{made.name}` is for parameters of {wanted} axes"
    if made.name == "dirac" and shape[0] % (groups := dict(made.arguments).get("groups", 1)):
        return f"`groups: {groups}` of `dirac` does not divide {shape[0]}"
    return None
