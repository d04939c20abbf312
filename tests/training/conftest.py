"""A tiny data set, and the way to the real ones. Without the extra `train` only recipes can be tested."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("torch") and find_spec("torchvision") and find_spec("lightning"):
    from speczoo.torchvision import torchvision

    torchvision()  # before Lightning
else:
    collect_ignore_glob = ["test_[!r]*.py", "test_real.py", "test_runs.py"]

ROOT = Path(__file__).parents[2]


def real_data() -> Path | None:
    for place in (os.environ.get("ZOO_DATA"), ROOT.parent / "shared" / "data"):
        if place and Path(place).is_dir():
            return Path(place)
    return None


@pytest.fixture
def mnist() -> Path:
    root = real_data()
    if root is None or not (root / "MNIST").is_dir():
        pytest.skip("no MNIST: set ZOO_DATA to a folder in torchvision's layout")
    return root


@pytest.fixture(scope="session")
def corners(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of 12 x 12 images: which corner is bright. Training 4 x 30, validation 4 x 10, 3 without labels."""
    import torch

    from tests.training.toys import corner

    root = tmp_path_factory.mktemp("corners")
    generator = torch.Generator().manual_seed(0)
    for folder, count in (("train", 30), ("valid", 10)):
        for number, name in enumerate(("ne", "nw", "se", "sw")):
            (root / folder / name).mkdir(parents=True)
            for i in range(count):
                corner(number, generator).save(root / folder / name / f"{i}.png")
    (root / "test").mkdir()
    for i in range(3):
        corner(i, generator).save(root / "test" / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def half(corners: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after two of its four epochs."""
    from tests.training.toys import recipe, run

    path = tmp_path_factory.mktemp("half") / "run"
    run(recipe(corners), out=path, stop_after=2)
    return path


@pytest.fixture
def stopped(half: Path, tmp_path: Path) -> Path:
    """A copy of it, to do harm to."""
    from tests.training.toys import files

    for name, content in files(half).items():
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).write_bytes(content)
    return tmp_path / "run"
