"""The model's own code while it runs: whose line a call stands on, and what is reported where it fails."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch

from speczoo.importing.refusals import CodeLine

TORCH = f"{Path(torch.__file__).parent}{os.sep}"
OURS = f"{Path(__file__).parent}{os.sep}"


class ModelFailed(Exception):
    """A model's own forward gives nothing: what it raises stands beside its line, and is the cause."""


@contextmanager
def failures_of(name: str) -> Iterator[None]:
    """Raise ModelFailed for what a model raises meanwhile, and where it ends the program or never ends itself."""
    try:
        yield
    except (Exception, SystemExit) as error:
        places = [CodeLine(at.filename, at.lineno or 0) for at in traceback.extract_tb(error.__traceback__)]
        own = [place for place in places if _is_own(place.file)]
        raise ModelFailed(f"{f'{own[-1]}: ' if own else ''}{name} {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"ends the program: SystemExit: {error}"
    if isinstance(error, RecursionError):
        return "calls itself without end"
    return f"raises {type(error).__name__}: {error}"


def place() -> CodeLine | None:
    """Return the innermost line that runs now and is neither torch's nor ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if _is_own(file):
            return CodeLine(file, frame.f_lineno)
        frame = frame.f_back
    return None


def _is_own(file: str) -> bool:
    return not file.startswith((TORCH, OURS, "<"))
