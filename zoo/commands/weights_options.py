"""`--weights`, `--rename` and `--map`: weights that a command begins with, and what their keys are called there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from speczoo.commands import shell_completion
from speczoo.commands.common import STANDARD, Place, Refused

F = TypeVar("F", bound=Callable[..., Any])


def takes_weights(command: F) -> F:
    """Give a command --weights, --rename and --map; it is called with `weights`, and with `names`: the arguments
    `rename` and `keys` of `speczoo.weights.build_with`.
    """

    @click.option(
        "--weights",
        metavar="WEIGHTS",
        shell_complete=shell_completion.files,
        help="DEFAULT, IMAGENET1K_V1, or a .safetensors or .pt file.",
    )
    @click.option("--rename", "renames", multiple=True, metavar="OLD=NEW", help="Of keys, or modules, of the weights.")
    @click.option("--map", "keys", type=Place(standard=True), help="Which of those weights are which: see `zoo diff`.")
    @functools.wraps(command)
    def run(*args: Any, weights: str | None, renames: tuple[str, ...], keys: Path | str | None, **rest: Any) -> Any:
        if weights is None and (renames or keys is not None):
            raise click.UsageError(f"{'--rename' if renames else '--map'} is of the keys that --weights brings")
        if weights == STANDARD:
            raise click.UsageError("--weights takes a file, whose tensors are read where they lie: not standard input")
        names = {"rename": _renamed(renames), "keys": _mapped(keys)}
        if weights is None:
            return command(*args, weights=weights, names=names, **rest)
        from speczoo.weights import WeightsError

        try:
            return command(*args, weights=weights, names=names, **rest)
        except WeightsError as error:
            raise Refused(*error.lines) from None

    return run  # type: ignore[return-value]


def _renamed(renames: Sequence[str]) -> dict[str, str]:
    for given in renames:
        if not given.partition("=")[0] or "=" not in given:
            raise click.UsageError(f"--rename takes OLD=NEW, as fc=head, or OLD= to take it off, not {given!a}")
    return {old: new for old, _, new in (given.partition("=") for given in renames)}


def _mapped(place: Path | str | None) -> dict[str, str | None] | None:
    """Return the map of keys in a file, or on standard input. Raises Refused."""
    if place is None:
        return None
    from speczoo import console, key_map
    from speczoo.limits import LimitExceeded, current

    try:
        if isinstance(place, Path):
            return key_map.read(place)
        return key_map.parsed(console.stdin_bytes(current().json + 1), "<stdin>")
    except LimitExceeded as error:
        raise Refused(error.message, error.help) from None
    except key_map.KeyMapError as error:
        raise Refused(str(error)) from None
