"""Every command of `zoo` with a stranger's texts in all its files, run in one process on a terminal of its own.

Writes the files into the folder that it is given, runs every step of `steps` in each of the `MANNERS` that it is given,
and leaves what each exited with, and what went to files in place of the terminal, in `results.json`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

#: What stands between what the terminal got of two steps.
BETWEEN = "\x1e"
#: Colours on a terminal, a terminal without, files in place of it, and files that take ASCII alone.
MANNERS = ("colour", "plain", "pipe", "ascii")
TRAINS = bool(find_spec("torch") and find_spec("lightning") and find_spec("matplotlib"))

BLINKING = "\x1b[5;41m"  # no colour of ours
ACTS = f"{BLINKING}red\x1b[0m\x1b]0;title\x07\x9b5m\x1b[2J\b\r\x7f\x85\u2028\u202eexe\u2066\u200b\ufe0f\u3164\ue000"
#: Each begins as a workflow command, and goes on as one after a break.
TEXT = f"::error::mallory {ACTS}\n::error::mallory\n ::add-mask::mallory\n##[error]mallory ##vso[task.x]mallory\t漢字"
#: The same without what a YAML file cannot hold.
WRITTEN = "::error::mallory \u202eexe\u2066 ##[error]mallory ##vso[task.x]mallory"
#: A name of a file or folder, one that a spec can say, and one with bytes that are no UTF-8.
SAID = f"::error file=mallory::{ACTS}\n::error::mallory ##[error]"
NAME = os.fsdecode(SAID.encode() + b"\xff")
CLASS = f"::error::mallory {BLINKING}\u202e\n::error::"
RUN = NAME.replace("::", ": :")  # Lightning takes the other for an address


@dataclass(frozen=True)
class Step:
    """A command. `data`: what it prints on stdout is a file's text, exact where it meets no terminal."""

    words: tuple[str, ...]
    data: bool = False
    stdin: str = ""
    bars: bool = False  # of training, which come and go


# -- files --------------------------------------------------------------------------------------------------------


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
    told = {
        "spec": json.dumps(network(text)),
        "settings": settings,
        "versions": json.dumps({text: text, "torch": text}),
    }
    return {f"speczoo.{key}": value for key, value in {**told, "fingerprint": text}.items()}


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


def tensors(path: Path, names: list[str], told: dict[str, str]) -> None:
    """A .safetensors file of tensors with one number each, that says this of itself."""
    entries = {n: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i, n in enumerate(names)}
    head = json.dumps({"__metadata__": told, **entries}).encode()
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
    for name in (NAME, SAID):
        write(home / f"{name}.json", network(TEXT))
    write(home / "used.json", {**network("x"), "use": {"Other": f"./{SAID}.json"}, "layers": [{"op": "Other"}]})
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
    write(home / f"{NAME}recipe.json", recipe(f"./{SAID}.json", "data"))
    commented = f"# {WRITTEN}\n" + "".join(
        f"{k}: {json.dumps(v)}\n" for k, v in recipe("./net.json", "data").items() if k not in ("title", "source")
    )
    write(home / "recipe.yaml", commented + f'title: "{WRITTEN}"\nsource: >-\n  {WRITTEN}\n')
    for key in ("name", "network", "data", "optimizer", "schedule", "precision", "metrics", TEXT):
        write(home / f"recipe-{key if key.isalpha() else 'key'}.json", recipe("./net.json", "data", **{key: TEXT}))
    write(home / "recipe-nowhere.json", recipe(f"./{SAID}nowhere.json", f"{SAID}nowhere"))
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
        "data": {"data": f"{SAID}nowhere"},
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


# -- commands -----------------------------------------------------------------------------------------------------


def looking() -> Iterator[Step]:
    """Commands that need no torch."""
    for path in ("net.json", f"{NAME}.json", "used.json", "net.yaml"):
        for words in (("list",), ("summary",), ("sizes",), ("compare", "lenet5"), ("check",), ("fingerprint",)):
            yield Step((*words, path))
        yield Step(("list", "--json", path))
        yield Step(("show", path), data=True)
        yield Step(("source", path), data=True)
        yield Step(("draw", path), data=True)
        yield Step(("draw", path, "--format", "dot"), data=True)
        yield Step(("draw", path, "--against", path), data=True)
        yield Step(("draw", path, "--style", "paper"), data=True)
        yield Step(("draw", path, "--json"))
        yield Step(("site", path, "--no-docs", "-o", "pages"))
        yield Step(("check", path, "--format", "json"))
        yield Step(("show", path, "--json"))
        yield Step(("summary", path, "--json"))
        yield Step(("sizes", path, "--json"))
        yield Step(("compare", path, "--json"))
        yield Step(("diff", "lenet5", path))
        yield Step(("diff", path, "lenet5", "--json"))
        yield Step(("diff", "lenet5", path, "--markdown"), data=True)
        yield Step(("show", path, "--resolved"), data=True)
    yield Step(("diff", f"{TEXT}:net.json", "net.json"))
    yield Step(("diff", f"HEAD:{TEXT}.json", "net.json"))
    yield Step(("compare", "net.json:small", "net.json"))
    yield Step(("show", "net.json:small"), data=True)
    for path in ("net.json", f"{NAME}.json"):
        yield Step(("sweep", path, "--set", "num_classes=1,2", "--jobs", "1"))
        yield Step(("sweep", path, "--set", "num_classes=0,-1", "--jobs", "1", "--json"))
    yield Step(("sweep", "net.json", "--set", f"num_classes={TEXT}", "--where", TEXT, "--jobs", "1"))
    yield Step(("list", "net.json", "--where", f"title == '{TEXT}'"))
    yield Step(("list", "--where", TEXT))
    yield Step(("list", "--sort", TEXT))
    for number in range(sum(1 for _ in wrong(""))):
        for form in ("text", ("concise", "json", "github", "sarif")[number % 4]):
            yield Step(("check", f"wrong{number:02d}.json", "--format", form))
    for path in ("broken.yaml", f"{NAME}nowhere.yaml", f"net.json:{TEXT}", TEXT, f"{NAME}/x.yaml"):
        for form in ("text", "concise", "json", "github", "sarif"):
            yield Step(("check", path, "--format", form))
        yield Step(("fmt", path))
        yield Step(("summary", path))
        yield Step(("sizes", path))
        yield Step(("summary", path, "--json"))
        yield Step(("show", path), data=True)
    yield Step(("check", f"{NAME}.yaml"))
    yield Step(("check", "many/*.yaml"))
    yield Step(("check", f"{NAME}.yaml", "--diff"), data=True)
    yield Step(("fmt", "--diff", "net.yaml", f"{NAME}.yaml"), data=True)
    yield Step(("fmt", "--check", f"{NAME}.yaml"))
    yield Step(("fmt", "-"), data=True, stdin=YAML % "ReLU")
    yield Step(("fmt", "-"), stdin=TEXT)
    for words in (("list",), ("summary",), ("sizes",), ("check",), ("fingerprint",), ("diff", "lenet5")):
        yield Step((*words, "-"), stdin=json.dumps(network(TEXT)))
        yield Step((*words, "-"), stdin=YAML % "Relu")
        yield Step((*words, "-"), stdin=TEXT)
    yield Step(("recipes", "recipe.yaml"), data=True)
    for name in ("recipe.json", f"{NAME}recipe.json"):
        yield Step(("recipes", name), data=True)
        yield Step(("recipes", name, "--json"))
        yield Step(("check", name))
    for key in ("name", "network", "data", "optimizer", "schedule", "precision", "metrics", "key", "nowhere"):
        yield Step(("recipes", f"recipe-{key}.json"))
        yield Step(("check", f"recipe-{key}.json", "--format", "github"))
    yield Step(("recipes", TEXT))
    yield Step(("explain", TEXT))
    yield Step(("ops", TEXT))
    yield Step(("fingerprint", TEXT))
    yield Step(("schema",), data=True)
    yield Step(("lsp", "--json"))
    yield Step(("lsp", "--port", TEXT))
    yield Step(("new", TEXT))
    yield Step(("import", f"{NAME}keras.json"), data=True)
    yield Step(("import", f"{NAME}keras.json", "--json"))
    for path in ("keras-wrong.json", "rows.json", "net.json", f"{NAME}nowhere.json", TEXT):
        yield Step(("import", path))
    for words in ((TEXT,), (f"--{TEXT}",), ("check", f"--{TEXT}"), ("list", "--json", TEXT)):
        yield Step(words)
    for option in ("--set", "--input"):
        for value in (TEXT, f"num_classes={TEXT}", f"{TEXT}=3"):
            yield Step(("summary", "net.json", option, value))
    yield Step(("check", "net.json", "--limit", TEXT))
    yield Step(("check", "net.json", "--format", TEXT))
    yield Step(("completion", TEXT))
    yield Step(("--plugin", "no\x1b[5;41m.such", "list"))
    yield Step(("--debug", "--plugin", "no\x1b[5;41m\n::error::mallory", "list"))


def carrying() -> Iterator[Step]:
    """Commands on files that carry a spec."""
    for path in ("exported.safetensors", "wrong.safetensors", f"{NAME}bad.safetensors"):
        yield Step(("show", path), data=True)
        yield Step(("show", path, "--json"))
        yield Step(("check", path))
        yield Step(("fmt", path))


def writing(manner: str) -> Iterator[Step]:
    """Commands that write files, named after what a stranger chose."""
    out = f"out-{manner}/{NAME}"
    yield Step(("source", "net.json", "-o", f"{out}.py"))
    yield Step(("schema", "-o", f"{out}.schema.json"))
    yield Step(("import", f"{NAME}keras.json", "-o", f"{out}.imported.yaml"))
    yield Step(("new", f"new-{manner}", "--from", f"{NAME}.json"))
    yield Step(("new", f"new-{manner}", "--from", f"{NAME}.json"))
    yield Step(("check", f"{out}.yaml", "--fix"))
    yield Step(("fmt", f"{out}.yaml"))
    yield Step(("new", "x", "--from", TEXT))


def building(manner: str) -> Iterator[Step]:
    out = f"out-{manner}/{NAME}"
    yield Step(("build", f"{NAME}.json"))
    yield Step(("build", "net.json", "--json"))
    yield Step(("import", TEXT, "--input", "3"))
    yield Step(("import", f"torch.nn:{TEXT}", "--input", "3"))
    yield Step(("import", "torch.nn:ReLU", "--input", "3", "--args", TEXT))
    for name in (f"{out}.py", f"{out}.safetensors", f"{out}.pt", out, f"{out}.{BLINKING}"):
        yield Step(("build", "net.json", "-o", name))
    for ending in (".safetensors", ".pt2", BLINKING):
        yield Step(("export", "net.json", "-o", f"{out}.exported{ending}"))
    yield Step(("export", "net.json", "-o", f"{out}.tapped.safetensors", "--tap", TEXT))
    for name in (f"{NAME}.safetensors", f"{NAME}bad.safetensors", f"{NAME}.pt", f"{NAME}odd.pt", f"{NAME}no.pt", TEXT):
        yield Step(("build", "net.json", "--weights", name))
    yield Step(("build", "net.json", "--weights", f"{out}.safetensors"))
    yield Step(("build", "net.json", "--set", "num_classes=3", "--weights", f"{out}.pt"))


def training(manner: str) -> Iterator[Step]:
    run = f"run-{manner}/{RUN}"
    yield Step(("train", "recipe.json", "-o", NAME))
    yield Step(("train", f"{NAME}recipe.json", "-o", run, "--no-report"), bars=True)
    yield Step(("train", "recipe.json", "-o", run), bars=True)
    yield Step(("train", "recipe.json", "--devices", TEXT))
    yield Step(("train", "recipe.json", "--strategy", TEXT))
    yield Step(("train", "recipe.json", "--set", TEXT))
    yield Step(("train", "recipe.json", "--data", f"{NAME}nowhere"))
    yield Step(("train", "--resume", f"{NAME}nowhere"))
    yield Step(("search", f"{NAME}recipe.json", "--set", f"optimizer.lr={TEXT}", "-o", f"out-{manner}/s{NAME}"))
    yield Step(("search", f"{NAME}recipe.json", "--set", "seed=1,2", "--metric", TEXT))
    yield Step(("search", "recipe.json", "--set", f"{TEXT}=1,2", "-o", f"out-{manner}/s{NAME}"))
    yield Step(("evaluate", run), bars=True)
    yield Step(("evaluate", run, "--json"), bars=True)
    yield Step(("predict", run, f"{NAME}.pgm"), bars=True)
    yield Step(("predict", run, f"{NAME}broken.pgm", f"{NAME}nowhere.pgm"))
    yield Step(("predict", run, f"{NAME}broken.pgm"))
    yield Step(("data", f"{NAME}recipe.json", "-o", f"out-{manner}/data{NAME}"), bars=True)
    yield Step(("curves", run, "-o", f"out-{manner}/curves{NAME}"))
    yield Step(("landscape", run, "--points", "3", "--images", "4", "-o", f"out-{manner}/land{NAME}"), bars=True)
    yield Step(("lr-find", "recipe.json", "--steps", "20", "-o", f"out-{manner}/lr{NAME}"), bars=True)


def spoilt() -> Iterator[Step]:
    for name in ("classes", "module", "data", "input", "torch", "recipe", "network", "history", "weights", "text"):
        yield Step(("evaluate", f"run-{name}"), bars=True)
    yield Step(("predict", "run-classes", f"{NAME}.pgm"), bars=True)
    for name in ("history", "recipe", "text"):
        yield Step(("curves", f"run-{name}"))


def steps(manner: str) -> list[Step]:
    found = [*looking(), *carrying(), *writing(manner)]
    if TRAINS:
        found += building(manner)
    if TRAINS and manner in ("colour", "ascii"):  # training takes its time: once for a terminal, once in files
        found += [*training(manner), *spoilt()]
    return found


# -- running ------------------------------------------------------------------------------------------------------


def called(step: Step) -> int:
    from speczoo.__main__ import cli

    sys.stdin = io.StringIO(step.stdin)
    try:
        cli(list(step.words), prog_name="zoo")
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else 0
    raise AssertionError("a command ends by an exit")


def on_the_terminal(step: Step) -> dict[str, Any]:
    code = called(step)
    sys.stdout.flush()
    os.write(1, BETWEEN.encode())
    return {"code": code}


def in_files(step: Step) -> dict[str, Any]:
    """The same with files in place of the terminal."""
    kept = [os.dup(1), os.dup(2)]
    paths = [Path("stdout"), Path("stderr")]
    for number, path in enumerate(paths, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    try:
        code = called(step)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        for number, old in enumerate(kept, 1):
            os.dup2(old, number)
    out, err = (path.read_bytes().decode("utf-8") for path in paths)
    return {"code": code, "out": out, "err": err}


def main(home: Path, manners: Sequence[str]) -> None:
    os.chdir(home)
    prepare(home)
    if TRAINS:
        torch_files(home)
    results: dict[str, list[dict[str, Any]]] = {}
    for manner in manners:
        os.environ["NO_COLOR"] = "" if manner == "colour" else "1"
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding="ascii" if manner == "ascii" else "utf-8")  # type: ignore[union-attr]
        (home / f"out-{manner}").mkdir()
        write(home / f"out-{manner}" / f"{NAME}.yaml", YAML % "Relu")
        run: Callable[[Step], dict[str, Any]] = on_the_terminal if manner in ("colour", "plain") else in_files
        results[manner] = []
        for step in steps(manner):
            if step.words[1:2] == ("run-classes",) and not (home / "run-classes").exists():
                spoil(home, home / "run-colour" / RUN)
            results[manner].append(run(step))
    write(home / "results.json", results)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
