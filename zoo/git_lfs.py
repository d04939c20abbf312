"""What Git LFS leaves in a repository in place of a file that is kept elsewhere."""

from __future__ import annotations

from typing import BinaryIO

MESSAGE = "it is a pointer of Git LFS, and not the file itself"
HELP = "fetch that: git lfs pull"
#: How the text of a pointer begins, whatever its version.
START = b"version https://git-lfs.github.com/spec/"


def is_pointer(file: BinaryIO) -> bool:
    """Return whether a pointer stands in place of this file, which is left at its start."""
    file.seek(0)
    start = file.read(len(START))
    file.seek(0)
    return start == START
