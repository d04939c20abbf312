"""What a parameter can start as: torch.nn.init's functions, their arguments, and the parameters that they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.layer import FLOAT32_MAX, Shape
from specs.spec import Loc
from specs.suggest import did_you_mean

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
ENDS = {"uniform": (0.0, 1.0), "trunc_normal": (-2.0, 2.0)}  # what `a` and `b` are unless said
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


class BadInit(Exception):
    """An initialiser that is none. `help` mends; `path` leads to what is wrong inside it, `key`: to a key of it."""

    def __init__(
        self, message: str, help: tuple[str, ...] = (), code: str = "bad-value", path: Loc = (), key: bool = False
    ) -> None:
        super().__init__(message)
        self.help, self.code, self.path, self.key = help, code, path, key


def initialiser(value: Any) -> Initialiser:
    """A number, a name, or `{name: {argument: value}}`. Raises BadInit."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not abs(value) <= FLOAT32_MAX:
            raise BadInit(f"{value} is beyond what float32 holds")
        return Initialiser("constant", (("val", value),))
    said = value
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise BadInit("an initialiser is a number, or one name with its arguments: `{kaiming_normal: {mode: fan_out}}`")
    name, arguments = next(iter(value.items()))
    if name not in INITIALISERS:
        known = did_you_mean(str(name), INITIALISERS, limit=20)
        path: Loc = (name,) if said is value else ()
        raise BadInit(f"there is no initialiser `{name}`", known, path=path, key=bool(path))
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, Mapping):
        raise BadInit(f"the arguments of `{name}` are a mapping")
    taken = INITIALISERS[name]
    for key, given in arguments.items():
        if key not in taken:
            raise BadInit(
                f"`{name}` takes no `{key}`", did_you_mean(str(key), taken), "unknown-argument", (name, key), True
            )
        if not isinstance(given, taken[key]) or isinstance(given, bool):
            raise BadInit(
                f"`{key}` of `{name}` must be {'text' if taken[key] == (str,) else 'a number'}, not {given!r}",
                path=(name, key),
            )
        if key in WORDS and given not in WORDS[key]:
            raise BadInit(
                f"`{key}` of `{name}` is one of {', '.join(WORDS[key])}, not `{given}`",
                did_you_mean(str(given), WORDS[key]),
                path=(name, key),
            )
        if isinstance(given, NUMBER) and not abs(given) <= FLOAT32_MAX:  # type: ignore[arg-type]
            raise BadInit(f"`{key}` of `{name}` is beyond what float32 holds", path=(name, key))
        if isinstance(given, NUMBER) and key in LEAST and given < LEAST[key]:  # type: ignore[operator]
            raise BadInit(f"`{key}` of `{name}` is at least {LEAST[key]}, not {given}", path=(name, key))
    if missing := [key for key in REQUIRED.get(name, ()) if key not in arguments]:
        raise BadInit(f"`{name}` needs `{missing[0]}`", code="missing-argument", path=(name,))
    if name in ENDS:
        low, high = (arguments.get(key, default) for key, default in zip("ab", ENDS[name], strict=True))
        if low > high or (name == "trunc_normal" and low == high):
            at = "a" if "a" in arguments else "b"
            raise BadInit(f"`a` of `{name}` is below `b`, not {low} to {high}", path=(name, at))
    if arguments.get("std") == 0 and name == "trunc_normal":
        raise BadInit("`std` of `trunc_normal` is above 0", path=(name, "std"))
    return Initialiser(name, tuple(arguments.items()))


def unfit(made: Initialiser, shape: Shape) -> str | None:
    """Why a parameter of this shape cannot start so; None where it can."""
    fewest, most = AXES.get(made.name, (0, None))
    if len(shape) < fewest or (most is not None and len(shape) > most):
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}" if most else f"at least {fewest}"
        return f"`{made.name}` is for parameters of {wanted} axes"
    groups = dict(made.arguments).get("groups", 1)
    if made.name == "dirac" and shape[0] % groups:
        return f"`groups: {groups}` of `dirac` does not divide {shape[0]}"
    return None
