"""What goes wrong outside of a recipe's text: data, hardware, divergence. Each knows its exit code."""

from __future__ import annotations

import signal
from pathlib import Path

from speczoo.specs.escaping import safe


class TrainingError(RuntimeError):
    """Something a person can mend; `help` says how. Never a bug of ours.

    `message` and `help` are as they were written, a stranger's words in them; `str()` shows them harmlessly.
    """

    exit_code = 1

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    @property
    def lines(self) -> tuple[str, ...]:
        return (self.message, *([f"  help: {self.help}"] if self.help else []))

    def __str__(self) -> str:
        return "\n".join(map(safe, self.lines))


def one_line(error: Exception) -> str:
    """Return what an exception of another package says, as part of one line."""
    return " ".join(str(error).split())


class DataError(TrainingError):
    """Data is missing, broken, empty, or does not fit the network."""

    exit_code = 2


class RunError(TrainingError):
    """A run's folder is missing, incomplete, or cannot be written."""

    exit_code = 2


class OptionError(TrainingError):
    """An option, or an argument from Python, is not one that can be taken."""

    exit_code = 2


class Diverged(TrainingError):
    """The loss or the weights became NaN or infinite."""


class Interrupted(TrainingError):
    """Ctrl-C, or a scheduler's SIGTERM: the run's folder holds what was learned so far."""

    def __init__(self, run: Path, by: signal.Signals = signal.SIGINT) -> None:
        super().__init__(f"stopped; the weights so far are in {run}", f"zoo train --resume {run} goes on")
        self.run = run
        self.exit_code = 128 + by
