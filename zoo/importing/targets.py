"""Models by their names: `torchvision.models:swin_t` is what a module of Python has under a name, called."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from speczoo.importing.constructed import noting_arguments
from speczoo.torchvision import torchvision


class TargetError(Exception):
    """What was named is no model: reported in a line."""


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
    with _here(), noting_arguments():
        try:
            found: Any = import_module(target.module)
            for part in target.name.split("."):
                if not hasattr(found, part):
                    raise TargetError(f"{target.module} has no {target.name!a}")
                found = getattr(found, part)
            made = found if isinstance(found, nn.Module) else found(**arguments) if callable(found) else found
        except ModuleNotFoundError as error:
            raise TargetError(f"{target.module}: {error}") from error
        except TargetError:
            raise
        except (Exception, SystemExit) as error:  # it is the code of others, which may also end as a script does
            raise TargetError(f"{target.module}:{target.name} raises {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module):
        raise TargetError(f"{target.module}:{target.name} gives no nn.Module, but {type(made).__name__}")
    return made


def models_of(targets: Sequence[Target], arguments: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Return the models that targets name, by the names that they have in a spec. Raises TargetError."""
    names = [target.name.rpartition(".")[2].lower() for target in targets]
    if len({*names}) < len(names):
        raise TargetError(f"one model twice: {', '.join(names)}")
    return {name: model_of(target, arguments) for name, target in zip(names, targets, strict=True)}


def called(models: Sequence[str], out: Path | str | None) -> str:
    """Return what a spec is called: as its one model, as its file, or as what the names of several begin with."""
    if len(models) == 1:
        return models[0]
    begun = re.sub(r"[\W_\d]+\Z", "", _begun(models))
    stem = re.sub(r"\W", "_", out.stem) if isinstance(out, Path) else ""
    return next((name for name in (stem, begun) if re.match("[A-Za-z]", name)), "models")


def _begun(names: Sequence[str]) -> str:
    """Return what all of some names begin with."""
    same = takewhile(lambda letters: len({*letters}) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in same)


@contextmanager
def _here() -> Iterator[None]:
    """Look for modules in the current folder too, behind all others."""
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
