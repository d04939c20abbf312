"""Every command of `zoo` with a stranger's texts in all its files, run in one process on a terminal of its own.

Writes the files into the folder that it is given, runs every step of `steps` in each of the `MANNERS` that it is given,
and leaves what each exited with, and what went to files in place of the terminal, in `results.json`.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.hostile.terminal_files import (
    BLINKING,
    NAME,
    RUN,
    TEXT,
    YAML,
    network,
    prepare,
    spoil,
    torch_files,
    write,
    wrong,
)

#: What stands between what the terminal got of two steps.
BETWEEN = "\x1e"
#: Colours on a terminal, a terminal without, files in place of it, and files that take ASCII alone.
MANNERS = ("colour", "plain", "pipe", "ascii")
TRAINS = bool(find_spec("torch") and find_spec("lightning") and find_spec("matplotlib"))


@dataclass(frozen=True)
class Step:
    """A command. `data`: what it prints on stdout is a file's text, exact where it meets no terminal."""

    words: tuple[str, ...]
    data: bool = False
    stdin: str = ""
    bars: bool = False  # of training, which come and go


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
