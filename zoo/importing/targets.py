"""Models by their names: `torchvision.models:swin_t` is what a module of Python has under a name, called."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from speczoo.torchvision import torchvision


class TargetError(Exception):
    """What was named is no model: told in a line."""


class Target(NamedTuple):
    """A module of Python, and a name in it: of a class, a function, or a model."""

    module: str
    name: str


def targets_of(text: str) -> list[Target]:
    """Return what `package.module:name` names, or `package.module:one,other`. Raises TargetError."""
    module, colon, names = text.partition(":")
    found = names.split(",")
    if not colon or not re.fullmatch(r"\w+(\.\w+)*", module) or not all(re.fullmatch(r"\w+(\.\w+)*", n) for n in found):
        raise TargetError(f"a model is named by its module and its name there, as my_pkg.net:Net, not {text!a}")
    return [Target(module, name) for name in found]


def model_of(target: Target, arguments: Mapping[str, Any]) -> nn.Module:
    """Return the model that a target names, made with these arguments. Raises TargetError."""
    with suppress(ModuleNotFoundError):
        torchvision()  # which other packages import too, in their own way
    with _here():
        try:
            found: Any = import_module(target.module)
        except ModuleNotFoundError as error:
            raise TargetError(f"{target.module}: {error}") from error
        for part in target.name.split("."):
            if not hasattr(found, part):
                raise TargetError(f"{target.module} has no {target.name!a}")
            found = getattr(found, part)
        made = found if isinstance(found, nn.Module) else found(**arguments) if callable(found) else found
    if not isinstance(made, nn.Module):
        raise TargetError(f"{target.module}:{target.name} gives no nn.Module, but {type(made).__name__}")
    return made


@contextmanager
def _here() -> Iterator[None]:
    """Look for modules in the current folder too, behind all others."""
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
