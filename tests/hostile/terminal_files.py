"""Files of a stranger's, with texts in all of them that a terminal, or a log, would act on."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLINKING = "\x1b[5;41m"  # no colour of ours
ACTS = f"{BLINKING}red\x1b[0m\x1b]0;title\x07\x9b5m\x1b[2J\b\r\x7f\x85\u2028\u202eexe\u2066\u200b\ufe0f\u3164\ue000"
#: Each begins as a workflow command, and goes on as one after a break.
TEXT = f"::error::mallory {ACTS}\n::error::mallory\n ::add-mask::mallory\n##[error]mallory ##vso[task.x]mallory\t漢字"
#: The same without what a YAML file cannot hold.
WRITTEN = "::error::mallory \u202eexe\u2066 ##[error]mallory ##vso[task.x]mallory"
#: A name of a file or folder, one that a spec can say, and one with bytes that are no UTF-8.
STATED = f"::error file=mallory::{ACTS}\n::error::mallory ##[error]"
NAME = os.fsdecode(STATED.encode() + b"\xff")
CLASS = f"::error::mallory {BLINKING}\u202e\n::error::"
RUN = NAME.replace("::", ": :")  # Lightning takes the other for an address


def network(text: str) -> dict[str, Any]:
    """A good network that has the text wherever a text may be."""
    literal = text.replace("$", "$$")
    return {
        "spec": 1,
        "name": "net",
        "title": text,
        "reference": [text, text],
        "source": text,
        "year": 2000,
        "published": {"top1": text, text: 1.5, f"{text}2": text, "Network": text, "params": text, "flop": text},
        "input": [1, 12, 12],
        "params": {"word": {"type": "str", "default": literal, "doc": text}, "num_classes": 4},
        "blocks": {
            "Block": {
                "doc": text,
                "params": {"note": {"default": literal, "doc": text}},
                "layers": [{"op": "Conv2d", "out_channels": 2, "kernel_size": 1, "when": "$(note == note + '')"}],
            }
        },
        "layers": [
            {"op": "Block", "note": literal},
            {"op": "Flatten"},
            {"id": "fc", "op": "Linear", "out_features": "$num_classes"},
        ],
        "variants": {"small": {"title": text, "source": text, "reference": text, "published": {text: text}}},
    }


def wrong(text: str) -> Iterator[dict[str, Any]]:
    """Networks with the text where none may be."""
    good = network("plain")
    layers: list[dict[str, Any]] = good["layers"]
    for key in ("id", "op", "from", "out_features", "share", "when", "shape"):
        yield {**good, "layers": [*layers[:2], {**layers[2], key: text}]}
    yield {**good, "layers": [*layers[:2], {**layers[2], text: text}]}
    yield {**good, "layers": [*layers, {"for": {text: text}, "op": "ReLU"}]}
    yield {**good, "layers": [*layers, {"layers": [{"op": "ReLU"}], "taps": [text]}]}
    yield {**good, "layers": [*layers, {"op": "ReLU", "id": "a", "from": ["fc", text]}]}
    for key in ("name", "input", "params", "spec", "weights", "year", "init", "freeze", "expect", "variants", text):
        yield {**good, key: text}
    yield {**good, "params": {text: text}}
    yield {**good, "params": {"a": {"type": text, "default": text, text: text}}}
    yield {**good, "variants": {text: {"params": {text: text}}}}
    yield {**good, "blocks": {text: {"layers": [{"op": text}]}}}
    yield {**good, "use": {text: text, "Other": f"./{text}.yaml"}, "layers": [{"op": "Other"}]}
    yield {**good, "inputs": [{"id": text, "shape": [text]}]}
    yield {**good, "layers": [{"op": "Relu", "inplace": text}, {"op": "MaxPool2d", "kernal_size": text}]}


def keras(text: str) -> dict[str, Any]:
    """A model of Keras that has the text wherever a text may be."""
    layers = [
        {"class_name": "InputLayer", "config": {"name": text, "batch_shape": [None, 8]}},
        {"class_name": "Dense", "config": {"name": f"{text}1", "units": 2, "dtype": text, "kernel_initializer": text}},
        {"class_name": "Dense", "config": {"name": f"{text}2", "units": 2}},
    ]
    return {"class_name": "Sequential", "config": {"name": text, "layers": layers}}


def exported(text: str) -> dict[str, str]:
    """What an exported file says of itself."""
    settings = json.dumps({"variant": text, "taps": {text: text}, "params": {text: text}})
    reported = {
        "spec": json.dumps(network(text)),
        "settings": settings,
        "versions": json.dumps({text: text, "torch": text}),
    }
    return {f"speczoo.{key}": value for key, value in {**reported, "fingerprint": text}.items()}


def recipe(net: str, root: str, **changes: Any) -> dict[str, Any]:
    return {
        "recipe": 1,
        "name": "tiny",
        "title": TEXT,
        "source": TEXT,
        "network": net,
        "data": {"dataset": "folder", "root": root, "mode": "L", "test": "test"},
        "optimizer": {"op": "AdamW", "lr": 0.01},
        "batch_size": 6,
        "epochs": 1,
        "published": {TEXT: 50.0},
        **changes,
    }


def write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")


def image(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P5 12 12 255\n" + bytes([value, 255 - value] * 72))


def tensors(path: Path, names: list[str], reported: dict[str, str]) -> None:
    """A .safetensors file of tensors with one number each, that says this of itself."""
    entries = {n: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i, n in enumerate(names)}
    head = json.dumps({"__metadata__": reported, **entries}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(4 * len(names)))


YAML = f"""\
# a comment: {WRITTEN}
{WRITTEN.replace("::error::", "#::error::", 1)}
spec:   1
name: net
title: "{WRITTEN}"
source: >-
  folded
  {WRITTEN}
input: [3, 8, 8]
layers:
  - {{op: %s}} # {WRITTEN}
"""


def prepare(home: Path) -> None:
    """All files, good ones and wrong ones, below `home`, which is the current folder."""
    write(home / "net.json", network(TEXT))
    for name in (NAME, STATED):
        write(home / f"{name}.json", network(TEXT))
    write(home / "used.json", {**network("x"), "use": {"Other": f"./{STATED}.json"}, "layers": [{"op": "Other"}]})
    write(home / "net.yaml", YAML % "ReLU")
    write(home / f"{NAME}.yaml", YAML % "Relu")
    write(home / "broken.yaml", f"spec: 1\nname: [\n{WRITTEN}\n{BLINKING}: *nothing")
    for number, data in enumerate(wrong(TEXT)):
        write(home / f"wrong{number:02d}.json", data)
    for number in range(12):
        write(home / "many" / f"{number}{NAME}.yaml", YAML % "ReLU")
    write(home / f"{NAME}keras.json", keras(TEXT))
    odd = {"class_name": TEXT, "config": {"name": TEXT, TEXT: TEXT}}
    wrong_layers = [odd, {"class_name": "ReLU", "config": {"name": TEXT, TEXT: TEXT, "max_value": TEXT}}]
    rows = [[-1, 1, TEXT, [TEXT]]]
    write(home / "rows.json", {TEXT: TEXT, "nc": 3, "backbone": rows, "head": rows})
    write(home / "keras-wrong.json", {**keras(TEXT), "config": [*keras(TEXT)["config"]["layers"], *wrong_layers]})
    write(home / "recipe.json", recipe("./net.json", "data"))
    write(home / f"{NAME}recipe.json", recipe(f"./{STATED}.json", "data"))
    commented = f"# {WRITTEN}\n" + "".join(
        f"{k}: {json.dumps(v)}\n" for k, v in recipe("./net.json", "data").items() if k not in ("title", "source")
    )
    write(home / "recipe.yaml", commented + f'title: "{WRITTEN}"\nsource: >-\n  {WRITTEN}\n')
    for key in ("name", "network", "data", "optimizer", "schedule", "precision", "metrics", TEXT):
        write(home / f"recipe-{key if key.isalpha() else 'key'}.json", recipe("./net.json", "data", **{key: TEXT}))
    write(home / "recipe-nowhere.json", recipe(f"./{STATED}nowhere.json", f"{STATED}nowhere"))
    tensors(home / f"{NAME}.safetensors", [TEXT, f"{TEXT}.1", "0.weight"], exported(TEXT))
    tensors(home / "exported.safetensors", [], exported(TEXT))
    tensors(home / "wrong.safetensors", [], {**exported(TEXT), "speczoo.spec": json.dumps(next(wrong(TEXT)))})
    (home / f"{NAME}bad.safetensors").write_bytes(struct.pack("<Q", 40) + f'{{"{BLINKING}":'.encode())
    for split in ("train", "valid"):
        for number in range(4):
            for i in range(3):
                image(home / "data" / split / f"{CLASS}{number}" / f"{i}{NAME}.pgm", 60 * number + i)
    for i in range(2):
        image(home / "data" / "test" / f"{i}{NAME}.pgm", i)
    image(home / f"{NAME}.pgm", 3)
    (home / f"{NAME}broken.pgm").write_bytes(b"P5 x")


def torch_files(home: Path) -> None:
    import torch

    torch.set_num_threads(1)
    torch.save({TEXT: torch.zeros(1)}, home / f"{NAME}.pt")
    torch.save({"state_dict": {TEXT: TEXT}}, home / f"{NAME}odd.pt")


def spoil(home: Path, run: Path) -> None:
    """Copies of a run, each with the text in another of its files."""
    import torch

    facts = json.loads((run / "run.json").read_text())
    changes: dict[str, Any] = {
        "classes": {"classes": [f"{TEXT}{i}" for i in range(4)]},
        "module": {"module": TEXT},
        "data": {"data": f"{STATED}nowhere"},
        "input": {"input": [TEXT]},
        "torch": {"torch": TEXT, "lightning": TEXT},
        "recipe": {"recipe": {**facts["recipe"], "optimizer": {TEXT: TEXT}}},
        "network": {"recipe": {**facts["recipe"], "network": TEXT}},
    }
    for name, change in changes.items():
        shutil.copytree(run, home / f"run-{name}")
        write(home / f"run-{name}" / "run.json", {**facts, **change})
    shutil.copytree(run, home / "run-history")
    write(home / "run-history" / "history.json", [{TEXT: TEXT}])
    shutil.copytree(run, home / "run-weights")
    torch.save({TEXT: torch.zeros(1)}, home / "run-weights" / "model.pt")
    shutil.copytree(run, home / "run-text")
    write(home / "run-text" / "run.json", TEXT)
