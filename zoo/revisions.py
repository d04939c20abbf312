"""Specs as git has them: `HEAD~1:net.yaml`, and the files beside them that they use, of the same revision.

Git is asked for a revision's hash and for the bytes of a file of it, and for nothing else: no shell, no filter, no
hook, no object from a network; what a person types is never an option.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from dataclasses import dataclass, field

from speczoo import catalogue
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.problem import Problem
from speczoo.specs.source import Source

SECONDS = 60  # that git may take: a disk may be slow, and nobody waits for ever
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENVIRONMENT = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


class RevisionError(Exception):
    """A file of a revision that git does not give: why."""


@dataclass
class Revision:
    """A commit by its hash, and as it was asked for. It looks up what its specs use, in the same commit."""

    name: str
    commit: str
    _paths: dict[int, str] = field(default_factory=dict)  # of specs that were read, by their identity

    @classmethod
    def of(cls, name: str) -> Revision:
        """Raise RevisionError where there is no such commit, no repository, or no git."""
        if name.startswith("-") or not name:
            raise RevisionError(f"`{name}` is no revision")
        try:
            found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except RevisionError:
            _git("rev-parse", "--git-dir")  # raises where there is no repository at all
            raise RevisionError(f"git knows no revision `{name}`") from None
        commit = found.decode("ascii", "replace").strip()
        if not _HASH.fullmatch(commit):
            raise RevisionError(f"git knows no revision `{name}`")
        return cls(name, commit)

    def spec(self, path: str, report: Report, limits: Limits = DEFAULT) -> LoadedSpec | None:
        """Return the spec at a path from here, or from the top of the repository where there is none; None, with the
        reasons in `report`.
        """
        here = f"./{path}" if not path.startswith(("./", "../")) else path
        try:
            data = self._file(here, limits)
        except RevisionError as error:
            try:
                data = self._file(path, limits)
                here = path
            except RevisionError:
                report.add(Problem("unreadable", str(error)).at(f"{self.name}:{path}"))
                return None
        return self._loaded(here, data, report, limits)

    def lookup(self, name: str, asking: LoadedSpec) -> UsedSpec | str:
        """Return what `use: {Encoder: name}` means in a spec of this revision: as `catalogue.lookup` does of files."""
        home = self._paths.get(id(asking.spec))
        if home is None or not catalogue.is_path(name):
            return catalogue.lookup(name, asking)
        path, variant = catalogue.split(name)
        inside = posixpath.normpath(path.as_posix())
        if path.is_absolute() or inside.split("/")[0] == "..":
            return f"`{name}` leads out of the folder of this spec"
        report, there = Report(), posixpath.join(posixpath.dirname(home), inside)
        try:
            unit = self._loaded(there, self._file(there, DEFAULT), report, DEFAULT)
        except RevisionError:
            return f"there is no file `{name[:80]}` in {self.name}"
        return UsedSpec(unit, variant, tuple(report))

    def _file(self, path: str, limits: Limits) -> bytes:
        if "\0" in path or "\n" in path or posixpath.isabs(path):
            raise RevisionError(f"`{path}` is no path in a revision")
        try:
            return _git("cat-file", "blob", f"{self.commit}:{path}", most=limits.bytes + 1)
        except RevisionError:
            raise RevisionError(f"there is no file {path.removeprefix('./')} in {self.name}") from None

    def _loaded(self, path: str, data: bytes, report: Report, limits: Limits) -> LoadedSpec | None:
        decoded = Source.decode(data, f"{self.name}:{path.removeprefix('./')}", report, limits)
        source = decoded and Source(decoded.name, decoded.text)  # no file: what it uses is looked up here
        document = parse(source, report, limits) if source else None
        spec = load(document, report) if document else None
        if spec is None or document is None:
            return None
        self._paths[id(spec)] = path
        return LoadedSpec(spec, document)


def split(target: str) -> tuple[str, str, str | None] | None:
    """Return `HEAD~1:net.yaml:small` as revision, path and variant; None for what is a path, or a name."""
    path, variant = catalogue.split(target)
    revision, colon, inside = str(path).partition(":")
    drive = len(revision) == 1 and inside[:1] in ("/", "\\")
    if not colon or drive or not catalogue.is_path(inside) or os.path.lexists(path):
        return None
    return revision, inside, variant


def _git(*arguments: str, most: int = 1 << 16) -> bytes:
    """Return the first `most` bytes of what git prints. Raises RevisionError where it fails, or is not there."""
    try:
        with subprocess.Popen(
            ["git", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
        ) as running:
            assert running.stdout is not None
            data = running.stdout.read(most)
            if len(data) == most:
                running.kill()
                return data
            message = running.communicate(timeout=SECONDS)[1].decode("utf-8", "replace")
    except FileNotFoundError:
        raise RevisionError("git is not installed, and a revision is git's to read") from None
    except subprocess.TimeoutExpired:
        raise RevisionError("git does not answer") from None
    if running.returncode:
        if "not a git repository" in message:
            raise RevisionError("this folder is in no git repository")
        raise RevisionError(message.strip().partition("\n")[0] or "git fails")
    return data
