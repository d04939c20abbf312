"""Running `zoo` in tests: in this process, or in a fresh one where that is the point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
