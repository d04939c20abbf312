"""The coverage-guided fuzzer for a few seconds, where there is an atheris: it runs, gets past YAML, finds nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import corpus

SECONDS = 10


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    corpus.unpack(tmp_path / "corpus")
    options = [f"-max_total_time={SECONDS}", "-max_len=320", "-timeout=20", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_spec", str(tmp_path / "corpus"), *options],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "FUZZ_LOG": str(tmp_path / "log.jsonl")},
        capture_output=True,
        text=True,
        timeout=30 * SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None
    assert int(runs[1]) > len(corpus.texts())
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("crash", "timeout", "oom"))]
