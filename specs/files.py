"""The one door to the file system for what files name and for all that is written.

What a file names is read inside its own folder, whatever links say. What is written is whole or not there, and goes
where the person asked for it: never through a symbolic link, never over what is in the way of a new file.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # a named pipe must not be waited for
CREATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0) | NOFOLLOW
FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)  # to go through it is enough, as by path
PIECE = 1 << 20  # bytes that are compared at a time
#: Whether a folder can be held open, so that it stays the same while files in it are opened, made and moved.
HELD = {os.open, os.mkdir, os.unlink, os.rename, os.link, os.stat} <= os.supports_dir_fd
IN_THE_WAY = "it is a symbolic link, and nothing is written through one: name the file itself"
TAKEN = "it is there already, and holds something else: --force writes over it"

#: How a shell names what a command prints: `<(command)`.
_SUBSTITUTED = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
#: What came out of such pipes, by their number: it comes only once.
_piped: dict[int, bytes] = {}


class Outside(OSError):
    """What a file names lies outside of its folder."""


# -- reading ----------------------------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the first `most` bytes of a regular file that a person named, or of what a shell has in its place:
    `zoo check <(command)`.

    Raises OSError; ValueError for a path that is none, and for a device, a pipe or a folder.
    """
    substituted = _SUBSTITUTED.fullmatch(os.fspath(path))
    return _of_pipe(int(substituted[1]), most) if substituted else _bytes(os.open(path, READ), most)


def is_piped(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is what a shell has in place of what a command prints: it has no place to write to."""
    return _SUBSTITUTED.fullmatch(os.fspath(path)) is not None


def _of_pipe(descriptor: int, most: int) -> bytes:
    """Return what comes out of a pipe that is open already, again when it is asked for again."""
    state = os.fstat(descriptor)
    if not stat.S_ISFIFO(state.st_mode):
        return _bytes(os.open(f"/dev/fd/{descriptor}", READ), most)
    if state.st_ino not in _piped or len(_piped[state.st_ino]) < most:
        with os.fdopen(os.dup(descriptor), "rb") as pipe:
            _piped[state.st_ino] = _piped.get(state.st_ino, b"") + pipe.read(most)
    return _piped[state.st_ino][:most]


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """Return a regular file that a person named, open to read. Raises as `read` does."""
    return _regular(os.open(path, READ))


def read_inside(folder: Path, name: str | PurePath, most: int) -> bytes:
    """Return the first `most` bytes of the regular file that something in `folder` names.

    Links may lead to another place inside the folder. What is opened is what was looked at: the path without links is
    walked from the folder on, and no link is followed there. Raises Outside; OSError and ValueError as `read` does.
    """
    home, inside = _resolved(folder, name)
    if not HELD:
        data = _bytes(os.open(home / inside, READ), most)
        if _resolved(folder, name) != (home, inside):
            raise Outside(errno.EACCES, "it was changed while it was read", str(name))
        return data
    with _walked(home, inside.parts[:-1]) as last:
        return _bytes(os.open(inside.name or ".", READ | NOFOLLOW, dir_fd=last), most)


def inside(folder: Path, name: str | PurePath) -> Path:
    """Return the path of what `read_inside` reads, without links. Raises Outside, and OSError for a ring of links."""
    home, relative = _resolved(folder, name)
    return home / relative


def _resolved(folder: Path, name: str | PurePath) -> tuple[Path, Path]:
    """Return the folder, and the path from it on, without links."""
    home = folder.resolve()
    try:
        return home, (home / name).resolve().relative_to(home)
    except RuntimeError:  # how Python 3.11 and 3.12 report a ring of links
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(name)) from None
    except ValueError as error:
        if "\0" in str(name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(name)) from None
        raise Outside(errno.EACCES, "it leads out of its folder", str(name)) from error


def _bytes(descriptor: int, most: int) -> bytes:
    with _regular(descriptor) as file:
        return file.read(most)


def _regular(descriptor: int) -> BinaryIO:
    """Return the file of a descriptor, which is closed where it is no regular one. Raises ValueError."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise ValueError("it is not a regular file")


@contextmanager
def _walked(start: Path, steps: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """Open the folder that these steps lead to, none of them a link; made where they are not there."""
    folder = os.open(start, FOLDER)
    try:
        for step in steps:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(step, dir_fd=folder)
            below = os.open(step, FOLDER | NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


# -- writing ----------------------------------------------------------------------------------------------------------


@contextmanager
def replacing(
    target: Path, *, below: Path | None = None, alone: bool = False, over: bool = False
) -> Iterator[BinaryIO]:
    """Open a file to write to, which takes the place of `target` when all went well, and is gone when not.

    A file that is there and holds something else is in the way, unless `over` says that it may be replaced.

    Whoever reads `target` meanwhile, or after a killed process or a full disk, finds it as it was. Folders are made
    from `below` on, which the person named; none of those may be a link, nor `target`. A file that is there keeps its
    mode, a new one has what the umask leaves. `alone` says that nobody else writes here: what killed processes left
    beside `target` is removed. Raises FileExistsError for a file that is in the way, and OSError.
    """
    with _reported(target), _opened(target, below) as folder:
        old = folder.status(target.name)
        if old is not None and stat.S_ISLNK(old.st_mode):
            raise OSError(errno.ELOOP, IN_THE_WAY)
        if old is not None and stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if alone:
            folder.sweep(target.name)
        with folder.part(target.name, old.st_mode & 0o777 if old is not None else None) as (file, part):
            yield file
            _to_disk(file)
            if over:
                folder.replace(part, target.name)
            elif old is None:
                folder.link(part, target.name)
            elif not folder.equal(part, target.name):
                raise FileExistsError(errno.EEXIST, TAKEN)


def write(target: Path, data: bytes, *, below: Path | None = None, over: bool = False) -> None:
    """Write a file, whole or not at all, as `replacing` does. Raises OSError."""
    with replacing(target, below=below, over=over) as file:
        file.write(data)


def create(target: Path, data: bytes, *, below: Path | None = None) -> None:
    """Write a file that is not there yet, whole or not at all. Raises FileExistsError, for a dangling link too, and
    OSError.
    """
    with _reported(target), _opened(target, below) as folder, folder.part(target.name) as (file, part):
        file.write(data)
        _to_disk(file)
        folder.link(part, target.name)


def holds(target: Path, data: bytes, below: Path) -> bool:
    """Return whether `target` is a file with just this in it, and no link leads there from `below` on."""
    try:
        return not _linked(target, below) and read_inside(below, target.relative_to(below), len(data) + 1) == data
    except (OSError, ValueError):
        return False


def remove(target: Path) -> None:
    """Remove a file, or a link itself, where there is one. Raises OSError."""
    target.unlink(missing_ok=True)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder of this process alone, which goes with it, or when it is left. Raises OSError."""
    return tempfile.TemporaryDirectory(prefix="speczoo-")


def make_folder(path: Path, below: Path | None = None) -> None:
    """Make a folder and those around it; from `below` on, none of them may be a link. Raises OSError."""
    with _reported(path), _opened(path / "file", below or path):
        pass


def _linked(target: Path, below: Path) -> bool:
    steps = target.relative_to(below)
    return any((below / step).is_symlink() for step in [steps, *steps.parents][:-1])


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()  # Windows moves no open file


@contextmanager
def _reported(target: Path) -> Iterator[None]:
    """Name the target in errors: not the part of it, nor a step of its path. torch's writer raises a RuntimeError
    where the system refused."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        refused = error.__context__ if isinstance(error, RuntimeError) else error
        if not isinstance(refused, OSError):
            raise
        linked = refused.errno in (errno.ELOOP, errno.ENOTDIR) and target.parent.is_dir()
        reason = IN_THE_WAY if linked else refused.strerror or str(refused)
        raise type(refused)(refused.errno, reason, str(target)) from None


@contextmanager
def _opened(target: Path, below: Path | None) -> Iterator[_Folder]:
    """Hold the folder of a target open."""
    if below is not None:
        below.mkdir(parents=True, exist_ok=True)
    start = target.parent if below is None else below
    steps = target.parent.relative_to(start).parts
    if ".." in steps:
        raise Outside(errno.EACCES, "it leads out of its folder")
    if HELD:
        with _walked(start, steps, make=True) as last:
            yield _Folder(target.parent, last)
        return
    if below is not None and _linked(target.parent, below):
        raise OSError(errno.ELOOP, IN_THE_WAY)
    target.parent.mkdir(parents=below is not None, exist_ok=True)
    yield _Folder(target.parent, None)


def _stem(name: str) -> str:
    """Return what the parts of a file begin with: short enough that a file system takes it, whatever the letters."""
    return name[:50]


class _Folder:
    """A folder that is written into: by its descriptor, or by its path where the system holds none."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path, self.descriptor = path, descriptor

    def _names(self) -> list[str]:
        if self.descriptor is None:
            return os.listdir(self.path)
        listed = os.open(".", os.O_RDONLY, dir_fd=self.descriptor)
        try:
            return os.listdir(listed)
        finally:
            os.close(listed)

    def _at(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)

    def status(self, name: str) -> os.stat_result | None:
        """Return what stands there, a link as itself; None where nothing does."""
        with suppress(FileNotFoundError):
            return os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=False)
        return None

    @contextmanager
    def part(self, name: str, mode: int | None = None) -> Iterator[tuple[BinaryIO, str]]:
        """Make a new file beside `name`, and say what it is called; it is gone in the end unless it was moved."""
        part = f".{_stem(name)}.{secrets.token_hex(4)}.part"
        try:  # around the opening, too: Ctrl-C may come between it and what follows
            descriptor = os.open(self._at(part), CREATE, 0o666 if mode is None else 0o600, dir_fd=self.descriptor)
            with os.fdopen(descriptor, "wb") as file:
                if mode is not None and hasattr(os, "fchmod"):
                    os.fchmod(descriptor, mode)
                yield file, part
        finally:
            with suppress(OSError):
                os.unlink(self._at(part), dir_fd=self.descriptor)

    def replace(self, part: str, name: str) -> None:
        os.replace(self._at(part), self._at(name), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def link(self, part: str, name: str) -> None:
        """Give a part its name, where nothing has it. Raises FileExistsError."""
        try:
            os.link(self._at(part), self._at(name), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: the name is taken first, by an empty file
            os.close(os.open(self._at(name), CREATE, 0o666, dir_fd=self.descriptor))
            try:
                self.replace(part, name)
            except OSError:
                os.unlink(self._at(name), dir_fd=self.descriptor)
                raise

    def equal(self, one: str, other: str) -> bool:
        """Return whether two files hold the same."""
        pair = [os.open(self._at(name), READ | NOFOLLOW, dir_fd=self.descriptor) for name in (one, other)]
        with os.fdopen(pair[0], "rb") as first, os.fdopen(pair[1], "rb") as second:
            while (piece := first.read(PIECE)) == second.read(PIECE):
                if not piece:
                    return True
        return False

    def sweep(self, name: str) -> None:
        """Remove what killed processes have left beside `name`."""
        pattern = re.compile(rf"\.{re.escape(_stem(name))}\.[0-9a-f]{{8}}\.part")
        for found in self._names():
            if pattern.fullmatch(found):
                with suppress(FileNotFoundError):
                    os.unlink(self._at(found), dir_fd=self.descriptor)


# -- one process at a time --------------------------------------------------------------------------------------------


@contextmanager
def locked(target: Path, *, below: Path) -> Iterator[None]:
    """Hold the lock of this file against other processes; it ends with the process, however that ends.

    Raises BlockingIOError where another process has it, and OSError.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock, and keeps others from replacing an open file
        yield
        return
    with _reported(target), _opened(target, below) as folder:
        flags = os.O_CREAT | os.O_RDWR | NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(folder._at(target.name), flags, 0o666, dir_fd=folder.descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
