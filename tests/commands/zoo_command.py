"""Running `zoo` in tests: in this process, or in a fresh one where that is the point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from speczoo.__main__ import cli

ROOT = Path(__file__).parents[2]


def zoo(*args: object, code: int = 0) -> Result:
    """Runs a command here and holds it to its exit code; a bug of ours shows its own traceback."""
    result = CliRunner().invoke(cli, [str(a) for a in args], prog_name="zoo")
    if result.exit_code != code:
        raise AssertionError(f"exit code {result.exit_code}, not {code}\n{result.stdout}\n{result.stderr}")
    assert "Traceback" not in result.output
    return result


def data(*args: object, code: int = 0) -> Any:
    """The JSON on stdout."""
    return json.loads(zoo(*args, "--json", code=code).stdout)


def fresh(code: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    environment |= {"PYTHONPATH": path, "TERM": "xterm-256color", **env}
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, env=environment)


def on_a_terminal(*args: object, columns: int = 100, code: int = 0, **env: str) -> str:
    """What a terminal of so many columns gets of a command that runs here."""
    termios = pytest.importorskip("termios", reason="no terminals here")
    leader, follower = os.openpty()
    termios.tcsetwinsize(follower, (40, columns))
    stdout = os.dup(1)
    with ThreadPoolExecutor(1) as reader, pytest.MonkeyPatch.context() as patch:
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            patch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", **env}.items():
            patch.setenv(name, value)
        shown = reader.submit(everything, leader)
        os.dup2(follower, 1)
        os.close(follower)
        try:
            with open(1, "w", encoding="utf-8", closefd=False) as screen:
                patch.setattr(sys, "stdout", screen)
                with pytest.raises(SystemExit) as ended:
                    cli([str(a) for a in args], prog_name="zoo")
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)
    assert (ended.value.code or 0) == code
    return shown.result().decode("utf-8").replace("\r\n", "\n")


def everything(terminal: int) -> bytes:
    """What is written to a terminal until its last writer closes it."""
    chunks = []
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            chunk = b""
        if not chunk:
            os.close(terminal)
            return b"".join(chunks)
        chunks.append(chunk)
