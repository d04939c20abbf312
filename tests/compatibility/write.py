"""Writes what this version is held to by later ones: `python -m tests.compatibility.write`."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import speczoo
from speczoo import catalogue
from speczoo.training import recipe_loader
from speczoo.training.engine import train
from speczoo.training.evaluate import evaluate, predict
from speczoo.training.run import Run
from tests.commands.zoo_command import data
from tests.commands.zoo_command import zoo as command
from tests.compatibility.meaning import examples, meanings, shape_of
from tests.contracts.test_documents import completed
from tests.training.toys import corner

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLASSES = ("ne", "nw", "se", "sw")
FAMILIES = (
    *("cifar_shortcuts", "convnext", "densenet", "googlenet", "lenet", "linear_classifier", "mnist_conv_layer"),
    *("mobilenet_v3", "regnet", "resnet", "shufflenet_v2", "unet", "unet_resnet34", "vgg", "vit"),
)
NETWORK = """\
spec: 1
name: tiny
input: [1, 12, 12]
params: {widths: [4, 6], num_classes: 4}
defaults:
  Conv2d: {kernel_size: 3, padding: 1, bias: false}
blocks:
  Stage:
    params: {channels: int}
    layers:
      - {id: down, op: Conv2d, out_channels: $channels, stride: 2}
      - {id: relu, op: ReLU}
      - {id: conv, op: Conv2d, out_channels: $channels}
      - {id: bn, op: BatchNorm2d}
      - {id: sum, op: add, from: [bn, relu]}
layers:
  - {for: {width: $widths}, op: Stage, channels: $width}
  - {op: Flatten}
  - {op: Linear, out_features: $num_classes}
"""
RECIPE = """\
recipe: 1
name: corners
network: {name: tiny.yaml, params: {widths: [4, 4]}}
data: {dataset: folder, root: images, mode: L}
transforms:
  augment: [{op: RandomCrop, size: 12, padding: 1}]
optimizer: {op: AdamW, lr: 0.01}
schedule: {op: OneCycleLR}
batch_size: 8
epochs: 4
ema: 0.9
metrics: [accuracy]
"""
WRONG = NETWORK.replace("kernel_size: 3", "kernal_size: 3").replace("[bn, relu]", "[bn, rleu]")


def write(folder: Path) -> None:
    """All of it, in the current folder first, so that no path of this machine is kept."""
    specs(folder / "specs", folder / "meant.json")
    Path("tiny.yaml").write_text(NETWORK, encoding="utf-8")
    Path("wrong.yaml").write_text(WRONG, encoding="utf-8")
    Path("recipe.yaml").write_text(RECIPE, encoding="utf-8")
    reported = {
        "check": {"text": NETWORK, "shape": shape_of(data("check", "tiny.yaml"))},
        "wrong": {"text": WRONG, "shape": shape_of(data("check", "wrong.yaml", code=1))},
        "summary": {"text": NETWORK, "shape": shape_of(data("summary", "tiny.yaml"))},
    }
    keep(folder / "told.json", reported)
    built(folder / "built")
    keep(folder / "recipe.json", recipe_loader.load("recipe.yaml").model_dump(mode="json", exclude={"network"}))
    shutil.copy("tiny.yaml", folder)
    shutil.copy("recipe.yaml", folder)
    run(folder)


def keep(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def specs(folder: Path, intended: Path) -> None:
    """The families, and the examples of the reference that are right."""
    folder.mkdir(parents=True)
    texts = {path.stem: path.read_text(encoding="utf-8") for path in catalogue.files() if path.stem in FAMILIES}
    reference = examples((ROOT / "specs" / "README.md").read_text(encoding="utf-8"))
    texts |= {f"example{number:03}": completed(text) for number, text in enumerate(reference, 1)}
    found = {}
    for name, text in texts.items():
        path = folder / f"{name}.{'json' if text.startswith('{') else 'yaml'}"
        path.write_text(text, encoding="utf-8")
        if (stated := meanings(path)) is None:
            path.unlink()
        else:
            found[path.name] = stated
    keep(intended, found)


def built(folder: Path) -> None:
    """A network with weights in every form, and what it makes of an input."""
    command("build", "tiny.yaml", "--seed", 0, "-o", folder)
    module = speczoo.build("tiny.yaml", folder / "tiny.safetensors").eval()
    torch.save(module.state_dict(), folder / "tiny.pt")
    (folder / "tiny.pickle").write_bytes(pickle.dumps(module))
    x = torch.randn(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        save_file({"x": x, "y": module(x).clone()}, folder / "output.safetensors")


def run(folder: Path) -> None:
    """A run that stopped half way, what it says of images, and the history of one that did not stop."""
    generator = torch.Generator().manual_seed(0)
    for split, count in (("train", 6), ("valid", 3)):
        for number, name in enumerate(CLASSES):
            (place := Path("images", split, name)).mkdir(parents=True)
            for i in range(count):
                corner(number, generator).save(place / f"{i}.png", optimize=True)
    options: dict[str, Any] = {"accelerator": "cpu", "report": False, "quiet": True}
    train("recipe.yaml", out="whole", **options)
    train("recipe.yaml", out="run", stop_after=2, **options)
    opened = Run.open("run")
    images = [f"images/valid/{name}/0.png" for name in CLASSES]
    stated = {
        "predicted": [dict(zip(p.classes, p.probabilities, strict=True)) for p in predict(opened, images)],
        "measured": evaluate(opened.model(), opened.dataset(), opened.recipe).results,
        "history": Run.open("whole").history,
    }
    shutil.copytree("images", folder / "images")
    shutil.copytree("run", folder / "run")
    keep(folder / "said.json", stated)


if __name__ == "__main__":
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if (target := HERE / version).exists():
        raise SystemExit(f"{target} is there: what a version wrote is never changed")
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        write(Path("kept"))
        shutil.copytree("kept", target)
