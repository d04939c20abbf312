"""The pytest plug-in: `pytest --zoo nets/` collects specs, and holds each to what torch does.

A spec is a YAML or JSON file that says `spec: 1`. Its tests are `check` (it is right, as are its variants, and each
builds what it says), `sizes` (of its input, and numbers of samples), `params.NAME` for each parameter with a range, and
`params` for several at once. Nothing but pytest is imported where `--zoo` is not given.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from speczoo.testing.spec_checks import Part


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--zoo`."""
    group = parser.getgroup("zoo", "neural networks as specs")
    help = "collect specs, the YAML and JSON files that say `spec: 1`: each is held to what torch does"
    group.addoption("--zoo", action="store_true", help=help)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to look at specs without what that takes. Raises UsageError."""
    if config.getoption("zoo"):
        for name in ("hypothesis", "torch"):
            if find_spec(name) is None:
                raise pytest.UsageError(f"--zoo needs {name}, which is not installed: pip install 'speczoo[testing]'")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file that holds a spec, where specs are asked for."""
    if not parent.config.getoption("zoo"):
        return None
    from speczoo.catalogue import says

    if says(file_path) != "spec":
        return None
    return SpecFile.from_parent(parent, path=file_path)


class SpecFile(pytest.File):
    """A file with a spec."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each thing that is asked of the spec; one alone where it cannot be read."""
        from speczoo.specs.errors import SpecError
        from speczoo.testing.spec_checks import parts
        from speczoo.testing.subject import loaded

        try:
            found = parts(loaded(Path(os.path.relpath(self.path))))
        except SpecError as error:
            found = {"check": _raising(error)}
        for name, part in found.items():
            yield SpecItem.from_parent(self, name=name, part=part)


def _raising(error: Exception) -> Part:
    def part() -> None:
        raise error

    return part


class SpecItem(pytest.Item):
    """One thing that is asked of a spec."""

    def __init__(self, *, part: Part, **more: Any) -> None:
        super().__init__(**more)
        self.part = part

    def runtest(self) -> None:
        """Ask it: raises SpecFailure or SpecError."""
        self.part()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the diagnostics where the spec is wrong, as `zoo check` shows them."""
        from speczoo.specs.errors import SpecError
        from speczoo.specs.render import text
        from speczoo.testing.subject import SpecFailure

        if isinstance(excinfo.value, SpecFailure | SpecError):
            return text(excinfo.value.diagnostics)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Return the place and the name that a report gives the test."""
        return self.path, None, f"{os.path.relpath(self.path)} {self.name}"
