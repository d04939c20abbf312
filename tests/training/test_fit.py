"""Network, data and machine have to fit together; where they do not, what is reported is what does not fit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from speczoo.training import memory, recipe_loader
from speczoo.training.data import load
from speczoo.training.dataset import LabelledImages
from speczoo.training.engine import check, train
from speczoo.training.errors import DataError, RunError, TrainingError
from speczoo.training.evaluate import evaluate, predict
from speczoo.training.landscape import landscape
from speczoo.training.lr_find import lr_find
from speczoo.training.run import Run, build
from tests.training.toys import network, recipe


def test_other_counts_of_classes_are_reported_with_what_to_set(corners: Path) -> None:
    dataset = load(recipe_loader.load(recipe(corners)))
    with pytest.raises(DataError, match="7 outputs and the data 4 classes") as caught:
        check(network(classes=7), dataset.shape, dataset)
    assert caught.value.help == "--set network.params.num_classes=4"


def test_a_classifier_on_labelled_pixels_is_reported_as_such(corners: Path) -> None:
    dataset = load(recipe_loader.load(recipe(corners)))
    pixels = LabelledImages(dataset.train.images, torch.zeros(len(dataset.train), 12, 12, dtype=torch.long))
    for outputs in (4, 7):
        with pytest.raises(DataError, match=r"labels want \[4, 12, 12\]") as caught:
            check(network(classes=outputs), dataset.shape, dataclasses.replace(dataset, train=pixels))
        assert "every pixel" in caught.value.help


FULL = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 40000000000 bytes. Error code 12"
REFUSED = {
    "refused": (ValueError("Expected more than 1 value per channel when training"), "does not take images of 12 x 12"),
    "shape": (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "does not take images of 12 x 12"),
    "memory": (RuntimeError(FULL), "more memory than there is"),
    "accelerator": (torch.OutOfMemoryError("CUDA out of memory. Tried 37 GiB"), "more memory than there is"),
    "python": (MemoryError(), "more memory than there is"),
}


class Refusing(nn.Module):
    """Fails as torch does, on the way there or back, once it is asked to; a single image, as at the start, it takes."""

    def __init__(self, error: BaseException, when: str) -> None:
        super().__init__()
        self.inner, self.error, self.when = network(), error, when

    def fail(self, *_: object) -> None:
        raise self.error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.inner(x)
        if self.when == "back" and output.requires_grad:
            output.register_hook(self.fail)
        now = "there" if self.training else "measured"
        if self.when == "always" or (self.when == now and len(x) > 1):
            self.fail()
        return output


@pytest.mark.parametrize("case", REFUSED)
def test_a_batch_that_the_network_refuses_is_reported(case: str, corners: Path, tmp_path: Path) -> None:
    error, words = REFUSED[case]
    chosen = recipe_loader.load(recipe(corners, epochs=1))
    dataset = load(chosen)

    def trained(when: str) -> None:
        out = tmp_path / when
        train(chosen, model=Refusing(error, when), out=out, accelerator="cpu", report=False, quiet=True)

    trained("never")
    run, image, always = Run.open(tmp_path / "never"), corners / "test" / "0.png", Refusing(error, "always")
    uses: dict[str, Callable[[], object]] = {
        "train": lambda: trained("there"),
        "validation": lambda: trained("measured"),
        "lr-find": lambda: lr_find(Refusing(error, "there"), chosen, dataset),
        "predict": lambda: predict(run, [image], always),
        "evaluate": lambda: evaluate(always, dataset, chosen),
        "landscape": lambda: landscape(always, chosen, dataset, points=3),
    }
    if "memory" in words:
        uses["backward"] = lambda: trained("back")
        uses["lr-find backward"] = lambda: lr_find(Refusing(error, "back"), chosen, dataset)
    for name, use in uses.items():
        with pytest.raises(TrainingError, match=words) as caught:
            use()
        assert caught.value.exit_code == 2, name


def test_an_image_of_its_own_is_reported_where_batch_norm_wants_two(corners: Path, tmp_path: Path) -> None:
    """Torch raises a ValueError for that, and a RuntimeError for nearly all else."""
    narrow = nn.Sequential(nn.Flatten(), nn.Linear(144, 4), nn.BatchNorm1d(4, track_running_stats=False))
    chosen = recipe_loader.load(recipe(corners))
    path = tmp_path / "run"
    train(recipe(corners, epochs=1), model=network(), out=path, accelerator="cpu", report=False, quiet=True)
    torch.save(narrow.state_dict(), path / "model.pt")
    with pytest.raises(DataError, match="images of 12 x 12, 1 at a time: Expected more than 1 value per channel"):
        predict(path, [corners / "test" / "0.png"], narrow)
    dataset = load(chosen)
    with pytest.raises(DataError, match="1 at a time: Expected more than 1 value"):
        evaluate(narrow, dataclasses.replace(dataset, valid=dataset.valid.take(torch.arange(1))), chosen)


def test_a_run_of_other_classes_than_its_network_is_reported(corners: Path) -> None:
    chosen = recipe_loader.load(recipe(corners))
    with pytest.raises(DataError, match=r"output is \[7\], and the labels want \[4\]"):
        evaluate(network(classes=7), load(chosen), chosen)


def test_a_run_that_takes_images_of_too_many_pixels_is_reported(corners: Path, tmp_path: Path) -> None:
    """Its images are prepared as its recipe says, and then padded to what run.json says."""
    prepared = {"prepare": [{"op": "Resize", "size": 12}]}
    train(recipe(corners, epochs=1, transforms=prepared), model=network(), out=tmp_path / "run", accelerator="cpu",
          report=False, quiet=True)  # fmt: skip
    facts = tmp_path / "run" / "run.json"
    stated = json.loads(facts.read_text())
    facts.write_text(json.dumps(stated | {"input": [1, 10**5, 10**5]}))
    with pytest.raises(RunError, match="takes images of 10,000,000,000 pixels"):
        predict(tmp_path / "run", [corners / "test" / "0.png"], network())


def test_a_network_that_no_memory_holds_is_reported_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total", lambda: 1_000_000_000)
    chosen = recipe_loader.load("mnist_cnn", ["network.params.num_classes=10000000"])
    with pytest.raises(TrainingError, match=r"the weights of `mnist_cnn` take .* this machine has 1 GB") as caught:
        build(chosen)
    assert caught.value.exit_code == 1
