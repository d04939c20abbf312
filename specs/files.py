"""Writing files: whole or not at all, and where the name says."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path, mode: int = 0o666) -> Iterator[Path]:
    """A path beside `target` to write to; it takes the target's place when all went well, and is gone when not.

    Whoever reads `target` meanwhile, or after a killed process or a full disk, finds it as it was. A symlink in its
    place is replaced, never followed. `mode` is what the new file may be, less the umask. Raises OSError.
    """
    if target.is_dir() and not target.is_symlink():
        raise IsADirectoryError(21, "it is a folder", str(target))
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from None
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def sweep(target: Path) -> None:
    """Removes what killed processes have left beside `target`. Only for places where nobody else writes. Raises
    OSError."""
    name = re.escape(target.name[:100])
    for path in target.parent.iterdir():
        if re.fullmatch(rf"\.{name}\.[0-9a-f]{{8}}\.part", path.name):
            path.unlink(missing_ok=True)


def write(target: Path, data: bytes) -> None:
    """Writes a file, whole or not at all. Raises OSError."""
    with replacing(target) as part:
        part.write_bytes(data)


def create(target: Path, data: bytes) -> None:
    """Writes a file that is not there yet. Raises FileExistsError, for a dangling symlink too, and OSError."""
    with open(target, "xb") as file:
        file.write(data)
