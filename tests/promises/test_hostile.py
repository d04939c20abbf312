"""A hostile spec costs nobody anything: each attack earns its code at its line, in under 0.5 s and 150 MB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specs.codes import CODES
from tests.hostile.attacks import HEAD, ROWS, Attack, Text, layers

ROOT = Path(__file__).parents[2]
SECONDS, MEBIBYTES = 0.5, 150
TRIES = 6  # on a machine that does other things too, the fastest of these counts


class Child:
    """A process that has imported `zoo`, and forks for every attack."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.hostile.child"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def check(self, path: Path) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        print(path, file=self.process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    made = Child()
    yield made
    assert made.process.stdin
    made.process.stdin.close()
    made.process.wait(timeout=20)


def written(folder: Path, attack: Attack) -> Path:
    """The attack as files: the spec in a folder of its own, and around it what it wants to reach."""
    home = folder / "home"
    (home / "below").mkdir(parents=True)

    def write(path: Path, text: Text) -> None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    write(folder / "secret.yaml", layers("{op: ReLU}"))
    (home / "linked.yaml").symlink_to(folder / "secret.yaml")
    (home / "linked").symlink_to(folder)
    (home / "zero.yaml").symlink_to("/dev/zero")
    (home / "ring.yaml").symlink_to(home / "ring.yaml")
    os.mkfifo(home / "pipe.yaml")
    for name, text in attack.beside.items():
        write(home / name, text)
    spec = home / "spec.yaml"
    write(spec, attack.text)
    return spec


def held(child: Child, path: Path, attack: Attack) -> None:
    for _ in range(TRIES):
        found = child.check(path)
        assert "error" not in found, found
        told = found["told"]
        if not attack.codes:
            assert not told, told
        else:
            assert told, "nothing is said"
            assert told[0][0] in attack.codes, told
        if attack.line is not None:
            assert told[0][1] == attack.line, told
        assert found["plain"], "a control character is printed"
        assert not found["torch"], "torch is imported"
        assert found["peak"] < MEBIBYTES, found
        if found["seconds"] < SECONDS * attack.networks:
            return
    raise AssertionError(f"{found['seconds']:.2f} s: {told}")


ALL = [pytest.param(attack, id=f"{row}-{attack.name}") for row, make in ROWS.items() for attack in make()]


@pytest.mark.parametrize("attack", ALL)
def test_it_earns_its_code_and_costs_nothing(attack: Attack, child: Child, tmp_path: Path) -> None:
    assert set(attack.codes) <= set(CODES)
    held(child, written(tmp_path, attack), attack)


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/dev/stdin", "pipe.yaml", "below", "zero.yaml", "linked", "no.yaml", "ring.yaml"]
)
def test_what_is_no_file_is_unreadable(path: str, child: Child, tmp_path: Path) -> None:
    home = written(tmp_path, Attack("", HEAD, ())).parent
    found = child.check(home / path if "/" not in path else Path(path))
    assert [code for code, *_ in found["told"]] == ["unreadable"], found


def test_the_limits_are_felt(child: Child, tmp_path: Path) -> None:
    """The measuring works: what imports torch, takes long or takes much is seen as such."""
    good = tmp_path / "good.yaml"
    good.write_text(layers("{op: ReLU}"))
    found = child.check(good)
    assert 0 < found["seconds"] < 0.4
    assert 10 < found["peak"] < 120


# -- the real command -------------------------------------------------------------------------------------------------

COMMAND = [
    ("nesting", "flow-lists"),
    ("aliases_and_tags", "aliases"),
    ("expansion", "loops-in-loops"),
    ("size", "50-MB"),
    ("many", "mistakes"),
]


@pytest.mark.parametrize(("row", "name"), COMMAND)
def test_the_command_survives(row: str, name: str, tmp_path: Path) -> None:
    attack = next(a for a in ROWS[row]() if a.name == name)
    spec, good = written(tmp_path, attack), tmp_path / "good.yaml"
    good.write_text(layers("{op: ReLU}"))
    for _ in range(TRIES):
        found, nothing = cost("check", str(spec)), cost("check", str(good))
        assert f"error[{attack.codes[0]}]" in found["output"]
        assert "Traceback" not in found["output"]
        assert (found["code"], nothing["code"]) == (1, 0)
        assert found["peak"] < MEBIBYTES
        if found["seconds"] - nothing["seconds"] < SECONDS:
            return
    raise AssertionError(f"{found['seconds'] - nothing['seconds']:.2f} s more than a good spec takes")


def cost(*arguments: str) -> dict[str, Any]:
    """What `zoo` prints, its exit code, its processor seconds and its peak of memory in MiB."""
    command = [sys.executable, "-m", "tests.hostile.cost", "zoo", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
