"""Files stay where they belong: what is written is whole or not there, and goes where the person asked; what is read as
weights is tensors and no more."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import speczoo
from speczoo.specs import files
from speczoo.weights import WeightsError
from tests.commands.zoo_command import zoo as command
from tests.steps import counted

ROOT = Path(__file__).parents[2]
NET = "spec: 1\nname: net\ninput: [3]\nlayers:\n  - {op: Linear, out_features: 2}\n"


def tree(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder: links by their goal, files by their bytes."""
    return {
        str(path.relative_to(folder)): f"-> {os.readlink(path)}" if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "net.yaml").write_text(NET)
    return folder


# -- writing ----------------------------------------------------------------------------------------------------------

KILLED = """
import os, sys
from pathlib import Path
from speczoo.specs import files
target = Path(sys.argv[1])
with files.replacing(target, over=True) as file:
    file.write(b"half of what is n")
    file.flush()
    print("now", flush=True)
    sys.stdin.read()
"""


def test_a_write_that_is_killed_leaves_the_old_file_whole(home: Path) -> None:
    target = home / "out.bin"
    target.write_bytes(b"old and whole")
    command = [sys.executable, "-c", KILLED, str(target)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout
        assert run.stdout.readline() == "now\n"
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert target.read_bytes() == b"old and whole"
    left = [path for path in home.iterdir() if path.suffix == ".part"]
    assert all(path.name.startswith(".") for path in left)
    files.write(target, b"new and whole", over=True)
    assert target.read_bytes() == b"new and whole"


WRITERS: list[list[str]] = [
    ["source", "net.yaml", "-o", "out.py", "--force"],
    ["build", "net.yaml", "-o", "out.safetensors", "--force"],
    ["build", "net.yaml", "-o", "out.pt", "--force"],
    ["build", "net.yaml", "-o", "folder"],
    ["fmt", "odd.yaml"],
    ["check", "--fix", "broken.yaml"],
]


@pytest.mark.parametrize("arguments", WRITERS, ids=" ".join)
@pytest.mark.parametrize("failing", ["write", "replace"])
def test_a_writer_that_fails_in_the_middle_changes_nothing(
    arguments: list[str], failing: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk is full, at the last byte of the text or at the very moment of taking the old one's place."""
    monkeypatch.chdir(home)
    for name in ("out.py", "out.safetensors", "out.pt"):
        (home / name).write_bytes(b"old")
    (home / "odd.yaml").write_text(NET.replace("{op: Linear, out_features: 2}", "{out_features:   2, op: Linear}"))
    (home / "broken.yaml").write_text(NET.replace("out_features", "out_featuers"))
    before = tree(home)

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(os, "link", full)
    if failing == "write":
        monkeypatch.setattr(os, "fsync", full)
    from click.testing import CliRunner

    from speczoo.__main__ import cli

    result = CliRunner().invoke(cli, arguments)
    monkeypatch.undo()
    assert result.exit_code in (1, 2), result.output
    assert "Traceback" not in result.output
    assert tree(home) == before
    monkeypatch.chdir(home)
    assert CliRunner().invoke(cli, arguments).exit_code == 0  # and all of these do write
    assert tree(home) != before


def test_what_is_written_goes_where_the_person_asked(home: Path, tmp_path: Path) -> None:
    """Also where a spec is called, or uses, something that looks like a way out."""
    below = home / "below"
    below.mkdir()
    (below / "inner.yaml").write_text(NET)
    text = "spec: 1\nname: a..b\ninput: [3]\nuse: {Inner: ./below/inner.yaml}\nlayers:\n  - {op: Inner}\n"
    (home / "outer.yaml").write_text(text)
    before = tree(tmp_path)
    command("build", home / "outer.yaml", "-o", home / "out")
    new = set(tree(tmp_path)) - set(before)
    assert new
    assert all(path.startswith(f"home{os.sep}out{os.sep}") for path in new)
    for name in ("../up", "/etc/x", "a/b", "..", ".hidden", "-o", "a\nb", ""):
        (home / "bad.yaml").write_text(NET.replace("name: net", f"name: {name!r}"))
        before = tree(tmp_path)
        command("build", home / "bad.yaml", "-o", home / "out", code=1)
        assert tree(tmp_path) == before


@pytest.mark.parametrize("target", ["/dev/null/x.py", "/proc/x.py", "nowhere/x.py", "net.yaml/x.py"])
def test_where_nothing_can_be_written_is_reported(target: str, home: Path) -> None:
    result = command("source", home / "net.yaml", "-o", home / target, code=2)
    assert "Traceback" not in result.output


# -- weights ----------------------------------------------------------------------------------------------------------


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".safetensors", ".ckpt", ".pkl"])
@pytest.mark.parametrize("writer", ["pickle", "torch", "nested"])
def test_a_pickle_is_never_run(suffix: str, writer: str, home: Path) -> None:
    mark, path = home / "touched", home / f"weights{suffix}"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Evil(mark)))
    else:
        content = (
            Evil(mark) if writer == "torch" else {"state_dict": {"0.weight": torch.zeros(2, 3), "0.bias": Evil(mark)}}
        )
        torch.save(content, path)
    with pytest.raises(WeightsError) as caught:
        speczoo.build(str(home / "net.yaml"), weights=path)
    assert "Traceback" not in str(caught.value)
    assert not mark.exists()
    assert not mark.exists()


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 64, b"\xff" * 8 + b"{}", (2**63 - 1).to_bytes(8, "little") + b"{", b"PK\x03\x04"]
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_broken_weights_are_refused_soon(data: bytes, suffix: str, home: Path) -> None:
    """In no more calls than right ones are loaded with."""
    path = home / f"weights{suffix}"

    def load() -> None:
        speczoo.build(str(home / "net.yaml"), weights=path)

    right = dict(speczoo.build(str(home / "net.yaml")).state_dict())
    safetensors.torch.save_file(right, path) if suffix == ".safetensors" else torch.save(right, path)
    load()  # imports what is imported late
    _, honest = counted(load)
    path.write_bytes(data)

    def refused() -> None:
        with pytest.raises(WeightsError):
            load()

    assert counted(refused)[1] < honest


def test_a_spec_points_at_no_weights_but_torchvisions(home: Path) -> None:
    for place in (
        "./weights.pt",
        "/etc/passwd",
        "https://example.com/x.pt",
        "torchvision:../x",
        "torchvision:a.b",
        "hub:x",
    ):
        (home / "net.yaml").write_text(NET + f"weights: {place!r}\n")
        with pytest.raises(speczoo.SpecError):
            speczoo.check(str(home / "net.yaml"))
