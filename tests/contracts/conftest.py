"""What hostile files lie in, and a run to spoil."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.contracts.sandboxes import CANARY, SPEC_CANARY, good, recipe, zoo


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with canaries, a folder of downloads in it, and one to work in: `here`."""
    (tmp_path / "home" / "dl").mkdir(parents=True)
    for name in (".bashrc", "id_rsa", "secret.yaml", "weights.pt", "run.json"):
        (tmp_path / "home" / name).write_text(SPEC_CANARY if name.endswith("yaml") else CANARY)
        (tmp_path / "home" / name).chmod(0o600)
    (tmp_path / "home" / "private").mkdir(mode=0o700)
    (tmp_path / "home" / "private" / "secret.yaml").write_text(SPEC_CANARY)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, its network and data, and a run of it, half done."""
    if not find_spec("lightning"):
        pytest.skip("needs the extra train")
    from PIL import Image

    folder = tmp_path_factory.mktemp("trained")
    for split in ("train", "valid"):
        for number, name in enumerate(("a", "b")):
            (folder / "data" / split / name).mkdir(parents=True)
            for i in range(3):
                Image.new("L", (12, 12), 100 * number + i).save(folder / "data" / split / name / f"{i}.png")
    good(folder)
    path = recipe(folder, folder / "data", "net.yaml")
    result = zoo("train", path, "-o", folder / "run", "--set", "epochs=2", "--stop-after", 1, "--accelerator", "cpu")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def run(trained: Path, sandbox: Path) -> Path:
    shutil.copytree(trained / "run", sandbox / "home" / "dl" / "run")
    return sandbox / "home" / "dl" / "run"
