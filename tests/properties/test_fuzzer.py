"""The coverage-guided fuzzer for a few inputs, where there is an atheris: it runs, gets past YAML, finds nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

RUNS = 300
NEVER = 10**9  # seconds until an input is called slow; with 0, atheris does so after the first


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    """From a part of the corpus, the whole of which `test_mutations` runs."""
    (tmp_path / "corpus").mkdir()
    for number, text in enumerate(corpus.texts()[::4]):
        (tmp_path / "corpus" / f"{number}").write_text(text, encoding="utf-8")
    assert fuzzed(tmp_path, RUNS, ["-max_len=320"]) == RUNS


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_of_another_target_finds_nothing(name: str, tmp_path: Path) -> None:
    assert fuzzed(tmp_path, RUNS, ["-max_len=60000"], "--target", name) == RUNS


def fuzzed(place: Path, runs: int, options: list[str], *target: str) -> int:
    """How many inputs were run, of the corpus in a folder and changed, without a find."""
    pytest.importorskip("atheris")
    # Memory is counted from that of the process that starts it: of these tests, which may be more than the limit.
    options += [f"-runs={runs}", f"-timeout={NEVER}", "-rss_limit_mb=0", f"-artifact_prefix={place}/"]
    options += ["-reload=0"]  # else the corpus is read again, and run, after each second
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_spec", *target, str(place / "corpus"), *options],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "FUZZ_LOG": str(place / "log.jsonl")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, found_by(done.stderr)
    assert "INFO: Instrumenting speczoo.specs.expression" in done.stderr  # else no branch would be seen
    found = re.search(r"Done (\d+) runs", done.stderr)
    assert found is not None
    assert not [path for path in place.iterdir() if path.name.startswith(("crash", "timeout", "oom"))]
    return int(found[1])


def found_by(log: str) -> str:
    """What atheris says of a find, from its first line on."""
    first = log.find("\n === ")
    return log[first:][:6000] if first >= 0 else log[-6000:]
