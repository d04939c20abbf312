"""Recipes are checked without torch, and every mistake is told at its line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from specs.diagnostics import SpecError
from zoo.training import cookbook

TEXT = """\
recipe: 1
name: mine
network: {name: mnist_cnn, params: {num_classes: 10}}
data: {dataset: MNIST}
transforms:
  augment:
    - {op: RandomCrop, size: 28, padding: 3}
optimizer: {op: AdamW, lr: 0.1, betas: [0.9, 0.99]}
schedule: {op: OneCycleLR}
batch_size: 128
epochs: 3
"""

WRONG = [
    ("batch_size", "batchsize", "unknown-key", (10, 1), "batch_size"),
    ("padding: 3", "pading: 3", "unknown-key", (7, 34), "padding"),
    ("AdamW", "Adamw", "bad-value", (8, 17), "AdamW"),
    ("lr: 0.1", "lr: -0.1", "bad-value", (8, 28), None),
    ("epochs: 3", "epochs: three", "bad-value", (11, 9), None),
    ("epochs: 3", "epochs: 3.0", "bad-value", (11, 9), None),
    ("dataset: MNIST", "dataset: MNITS", "bad-value", (4, 17), "MNIST"),
    ("{op: OneCycleLR}", "{op: OneCycleLR, max_lr: 0.1}", "unknown-key", (9, 28), None),
    ("betas: [0.9, 0.99]", "betas: [0.9]", "bad-value", (8, 40), None),
    ("op: RandomCrop, ", "", "missing-argument", (7, 7), None),
    ("epochs: 3\n", "", "missing-argument", (1, 1), None),
    ("recipe: 1", "recipe: 2", "bad-value", (1, 9), None),
]


@pytest.mark.parametrize(("old", "new", "code", "place", "near"), WRONG, ids=[w[1] or "missing" for w in WRONG])
def test_a_mistake_is_told_at_its_place(
    old: str, new: str, code: str, place: tuple[int, int], near: str | None, tmp_path: Path
) -> None:
    assert old in TEXT
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(SpecError) as caught:
        cookbook.load(path)
    told = caught.value.diagnostics[0]
    assert told.code == code
    assert told.span is not None
    assert told.span[:2] == place
    assert told.file == str(path)
    if near is not None:
        assert any(f"`{near}`" in line for line in told.help)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        TEXT.replace("batch_size", "batchsize").replace("epochs: 3", "epochs: 0").replace("size: 28", "sise: 28")
    )
    with pytest.raises(SpecError) as caught:
        cookbook.load(path)
    assert {d.span[0] for d in caught.value.diagnostics if d.span} >= {7, 10, 11}


def test_the_text_is_right(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    assert cookbook.load(path).optimizer.lr == 0.1


@pytest.mark.parametrize("name", cookbook.names())
def test_recipes_of_the_zoo(name: str) -> None:
    import zoo

    recipe = cookbook.load(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.network.name in zoo.list_models()
    zoo.graph(recipe.network.name, **recipe.network.params)


@pytest.mark.parametrize("name", ["mnist_cnn", "mnist_cnn_refactored", "mnist_resnet", "lenet5", "resnet34_cifar2"])
def test_every_document_has_its_recipe(name: str) -> None:
    recipe = cookbook.load(name)
    assert recipe.network.name == name
    mean = sum(recipe.published.values()) / len(recipe.published)
    assert recipe.expect.accuracy == pytest.approx(mean / 100, abs=1e-4)


def test_overrides() -> None:
    recipe = cookbook.load("mnist_cnn", ["epochs=7", "optimizer.lr=1e-3", "network.params.num_classes=3"])
    assert (recipe.epochs, recipe.optimizer.lr) == (7, 1e-3)
    assert recipe.network.model_dump() == {"name": "mnist_cnn", "params": {"num_classes": 3}, "input": None}
    assert cookbook.load("mnist_cnn", {"transforms.augment.0.size": 24}).transforms.augment[0].size == 24
    for wrong in ("epoch=7", "optimizer.rate=1", "epochs", "epochs=many", "batch_size=0"):
        with pytest.raises(SpecError):
            cookbook.load("mnist_cnn", [wrong])


def test_an_unknown_name_is_told_with_what_was_meant() -> None:
    with pytest.raises(SpecError, match="did you mean `mnist_cnn`"):
        cookbook.load("mnist_cn")


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_recipes_are_checked_without_torch() -> None:
    names = "('torch', 'lightning', 'torchvision', 'matplotlib')"
    load = "import sys\nfrom zoo.training import cookbook\n[cookbook.load(name) for name in cookbook.names()]\n"
    tell = f"print([name for name in {names} if name in sys.modules])"
    assert fresh(load + tell) == "[]"
    assert fresh(load + "import torch\n" + tell) == "['torch']"
