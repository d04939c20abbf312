"""The coverage-guided fuzzer for a few seconds, where there is an atheris: it runs, gets past YAML, finds nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

SECONDS = 10


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    corpus.unpack(tmp_path / "corpus")
    assert fuzzed(tmp_path, ["-max_len=320"]) > len(corpus.texts())


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_of_another_target_finds_nothing(name: str, tmp_path: Path) -> None:
    assert fuzzed(tmp_path, ["-max_len=60000"], "--target", name) > 0


def fuzzed(place: Path, options: list[str], *target: str) -> int:
    """How many inputs were run, without a find, from the corpus in a folder."""
    pytest.importorskip("atheris")
    options += [f"-max_total_time={SECONDS}", "-timeout=20", f"-artifact_prefix={place}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_spec", *target, str(place / "corpus"), *options],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "FUZZ_LOG": str(place / "log.jsonl")},
        capture_output=True,
        text=True,
        timeout=30 * SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None
    assert not [path for path in place.iterdir() if path.name.startswith(("crash", "timeout", "oom"))]
    return int(runs[1])
