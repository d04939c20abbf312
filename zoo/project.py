"""What a project says of its specs: the table `[tool.speczoo]` of the nearest `pyproject.toml` that has one.

The file may be a stranger's, as a folder is that was downloaded. What could harm (modules to import, limits above the
usual ones) counts only for those who trust the folder that they stand in; the rest says what is looked at and how
strictly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from speczoo.specs import files
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.suggestions import did_you_mean

NAME = "pyproject.toml"
LARGEST = 1_000_000  # bytes of such a file


class ProjectError(Exception):
    """What is wrong with the table, in a line."""


@dataclass(frozen=True)
class Project:
    """The table, checked: `paths` are looked at where a command names none, seen from `folder`; warnings count where
    it is `strict`; `plugins` are modules to import, `limits` other limits of specs.
    """

    folder: Path = Path()
    paths: tuple[str, ...] = ()
    strict: bool = False
    plugins: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def raised(self) -> list[str]:
        """The limits that are above the usual ones."""
        return [name for name, value in self.limits.items() if value > getattr(DEFAULT, name)]

    def over(self, default: Limits) -> Limits:
        """Return limits with the project's in their place."""
        return replace(default, **self.limits)


def find(start: Path) -> Project:
    """Return the project that a folder is in, an empty one where it is in none. Raises ProjectError."""
    for folder in (start, *start.parents):
        table = _table(folder / NAME)
        if table is not None:
            return _checked(table, folder)
    return Project()


def _table(path: Path) -> Any:
    """Return the table of a file; None where there is none, or nothing that can be read."""
    try:
        data = files.read(path, LARGEST)
        if b"tool" not in data or b"speczoo" not in data:
            return None
        import tomllib  # where there is such a table: `zoo list` waits for nothing

        return tomllib.loads(data.decode()).get("tool", {}).get("speczoo")
    except (OSError, ValueError, AttributeError, RecursionError):  # it is not ours to say what is wrong with it
        return None


def _checked(table: Any, folder: Path) -> Project:
    known = [each.name for each in fields(Project) if each.name != "folder"]
    if not isinstance(table, dict):
        raise ProjectError(f"{folder / NAME}: `tool.speczoo` is a table of {', '.join(known)}")
    for key, value in table.items():
        if key not in known:
            help = "".join(f"; {line}" for line in did_you_mean(key, known)) or f": it has {', '.join(known)}"
            raise ProjectError(f"{folder / NAME}: `tool.speczoo` has no key `{key}`{help}")
        if (wanted := _wrong(key, value)) is not None:
            raise ProjectError(f"{folder / NAME}: `{key}` of `tool.speczoo` is {wanted}, not {value!r}")
    limits = table.get("limits", {})
    try:
        replace(DEFAULT, **limits)
    except ValueError as error:
        raise ProjectError(f"{folder / NAME}: `limits` of `tool.speczoo`: {error}") from None
    lists = {key: tuple(table.get(key, ())) for key in ("paths", "plugins")}
    return Project(folder, strict=table.get("strict", False), limits=limits, **lists)


def _wrong(key: str, value: Any) -> str | None:
    """Return what a key holds where it holds something else."""
    if key == "strict":
        return None if isinstance(value, bool) else "true or false"
    if key == "limits":
        names = {each.name for each in fields(Limits)}
        right = isinstance(value, dict) and all(n in names and type(v) is int and v > 0 for n, v in value.items())
        return None if right else f"a table of whole numbers by name, of {', '.join(sorted(names))}"
    right = isinstance(value, list) and all(isinstance(each, str) for each in value)
    if not right:
        return "a list of texts"
    outside = [each for each in value if Path(each).is_absolute() or ".." in Path(each).parts]
    return "a list of paths inside the folder" if key == "paths" and outside else None
