"""A sandbox with canaries around it, and what lies in it: specs, a recipe, a run; what of it has changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from speczoo.__main__ import cli

ROOT = Path(__file__).parents[2]
CANARY = "a-canary-sings"
NET = "spec: 1\nname: net\ninput: [1, 12, 12]\n{use}layers:\n  - {{op: Flatten}}\n  - {{op: Linear, out_features: 2}}\n"
SPEC_CANARY = f"spec: 1\nname: secret\ntitle: {CANARY}\ninput: [3]\nlayers: [{{op: {CANARY}}}]\n"
RECIPE: dict[str, Any] = {
    "recipe": 1,
    "name": "mine",
    "network": "net.yaml",
    "data": {"dataset": "folder", "root": "", "mode": "L"},
    "optimizer": {"op": "SGD", "lr": 0.1},
    "batch_size": 2,
    "epochs": 1,
}


KERAS: dict[str, Any] = {
    "class_name": "Sequential",
    "config": [
        {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [None, 8]}},
        {"class_name": "Dense", "config": {"name": "dense", "units": 2}},
    ],
}


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All there is below a folder: kinds, modes, times of change, and what is in files and links."""
    out: dict[str, tuple[Any, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        inside: object = None
        if path.is_symlink():
            inside = os.readlink(path)
        elif path.is_file():
            inside = path.read_bytes()
        out[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, inside)
    return out


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="zoo")


def spec(folder: Path, way: str, hops: int, entry: str) -> Path:
    """A spec that uses a chain of files, of which the last names `way`; `entry` says how the first one takes the
    next: not at all, in an entry that is left out, or in a block that nothing uses."""
    (folder / "sub").mkdir()
    (folder / "link.yaml").symlink_to(folder.parent / "secret.yaml")
    (folder / "linked").symlink_to(folder.parent)
    (folder / "sub" / "link.yaml").symlink_to("../../secret.yaml")
    (folder / "sub" / "up").symlink_to("../..")
    names = ["net.yaml", *(f"part{i}.yaml" for i in range(hops))]
    for name, following in zip(names, [*names[1:], way.format(home=folder.parent)], strict=True):
        use = f"use: {{Part: {following}}}\n"
        text = NET.format(use=use)
        if name == "net.yaml":
            text += {
                "unused": "",
                "left out": "  - {id: p, op: Part, when: false}\n",
                "in a block": "blocks:\n  B:\n    layers: [{op: Part}]\n",
            }[entry]
        (folder / name).write_text(text)
    return folder / "net.yaml"


def good(folder: Path) -> Path:
    """A spec that uses another in a folder below."""
    (folder / "parts").mkdir()
    (folder / "parts" / "part.yaml").write_text("spec: 1\nname: p\ninput: [2]\nlayers: [{op: ReLU}]\n")
    path = folder / "net.yaml"
    path.write_text(NET.format(use="use: {Part: parts/part.yaml}\n") + "  - {op: Part}\n")
    return path


def recipe(folder: Path, data: Path, network: str) -> Path:
    text = {**RECIPE, "network": network, "data": {**RECIPE["data"], "root": str(data)}}
    path = folder / "recipe.json"
    path.write_text(json.dumps(text))
    return path


def draw(run: Path) -> Iterator[list[Any]]:
    yield ["evaluate", run, "--report"]
    yield ["curves", run]
    yield ["landscape", run, "--points", 3, "--images", 2]


def resume(run: Path) -> list[Any]:
    return ["train", "--resume", run, "--accelerator", "cpu", "--logger", "csv", "--no-report"]
