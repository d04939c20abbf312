"""Python modules that register layers of their own: imported when a person names them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path


class PluginError(Exception):
    """A module that is not there, or that cannot be imported: reported in a line."""


def load(name: str, folders: Iterable[Path]) -> None:
    """Import a module: one that is installed, else one that lies in the first of these folders that has it, with what
    lies beside it. Raises PluginError.
    """
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        help = f", as {Path(name).stem}: it is looked for beside the spec" if name.endswith(".py") else ""
        raise PluginError(f"--plugin takes the name of a module{help}, not {name!a}")
    first = name.partition(".")[0]
    if first not in sys.modules and find_spec(first) is None:
        places = [str(folder.absolute()) for folder in folders]
        place = next((place for place in places if PathFinder.find_spec(first, [place])), None)
        if place is None:
            raise PluginError(f"--plugin {name}: there is no such module, installed or in {' or '.join(places)}")
        sys.path.append(place)
    try:
        import_module(name)
    except Exception as error:  # it is a program, which may fail in any way
        words = str(error).partition("\n")[0]
        raise PluginError(f"--plugin {name}: {type(error).__name__}{': ' if words else ''}{words}") from error
