"""`zoo completion`: what shells are offered for half-typed words, and what real ones make of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from speczoo import catalogue
from speczoo.__main__ import cli
from speczoo.compiler.layer import Layer
from speczoo.specs.codes import CODES
from speczoo.training import recipe_loader
from tests.commands.zoo_command import data, zoo


def offered(*words: str) -> list[str]:
    """What is offered for the last of the words, `file` for files of the folder."""
    asked = {"_ZOO_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("zoo", *words)), "COMP_CWORD": str(len(words))}
    done = CliRunner().invoke(cli, [], prog_name="zoo", env=asked)
    kinds = [item.partition(",")[::2] for item in done.stdout.split()]
    return [kind if kind != "plain" else value for kind, value in kinds]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script(shell: str) -> None:
    script = zoo("completion", shell).stdout
    assert f"_ZOO_COMPLETE={shell}_complete" in script
    assert data("completion", shell) == {"shell": shell, "script": script.removesuffix("\n")}


def test_commands() -> None:
    assert offered("su") == ["summary"]


@pytest.mark.parametrize("command", ["summary", "check", "show", "draw", "build", "sizes"])
def test_networks_and_files(command: str) -> None:
    starting = [name for name in catalogue.names() if name.startswith("resnet3")]
    assert offered(command, "resnet3") == [*starting, "file"]
    assert offered(command, "./resnet3") == ["file"]


def test_files_alone() -> None:
    assert offered("fmt", "net") == ["file"]
    assert offered("summary", "lenet5", "--weights", "net") == ["file"]


@pytest.mark.parametrize("command", ["train", "data", "recipes"])
def test_recipes(command: str) -> None:
    assert offered(command, "lenet") == [*(name for name in recipe_loader.names() if name.startswith("lenet")), "file"]


def test_settings(tmp_path: Path) -> None:
    assert "num_classes=" in offered("summary", "resnet18", "--set", "num_")
    file = tmp_path / "net.yaml"
    file.write_text("spec: 1\nname: t\ninput: [3]\nparams: {width: 8, wide: false}\nlayers: [{op: ReLU}]\n")
    assert offered("check", str(file), "--set", "wid") == ["width=", "wide="]
    assert offered("check", "no_such_network", "--set", "wid") == []
    assert offered("train", recipe_loader.names()[0], "--set", "optimizer.l") == ["optimizer.lr="]


#: Options that take what nobody can know: numbers, conditions, expressions, shapes, names of one's own.
FREE = {"EXPR", "SHAPE", "JSON", "OLD=NEW", "[NAME=]KIND", "URL", "HOST:PORT"}


def test_every_word_that_is_known_is_offered() -> None:
    """Of every command each argument and option takes a number, one of a few words, or says what is offered."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        for param in command.params if command is not None else ():
            text = isinstance(param.type, click.types.StringParamType) and not getattr(param, "is_flag", False)
            if text and param.metavar not in FREE and (name, param.name) not in OWN:
                assert param._custom_shell_complete is not None, (name, param.opts)


OWN = {("new", "name"), ("train", "devices")}


def test_limits_columns_and_entries() -> None:
    assert "nodes=" in offered("check", "--limit", "no")
    assert "pixels=" in offered("predict", "--limit", "pi")
    assert offered("summary", "lenet5", "--columns", "type,par") == ["type,params"]
    assert offered("list", "--sort", "pa") == ["params"]
    assert "inference" in offered("sweep", "lenet5", "--columns", "inf")
    assert offered("draw", "resnet18", "--from", "layer2") == ["layer2"]
    assert offered("draw", "resnet18", "--to", "layer2.") == ["layer2.0", "layer2.1"]
    assert offered("export", "resnet18", "--tap", "mine=layer3.1") == ["mine=layer3.1"]
    assert "resnet34" in offered("draw", "resnet18", "--against", "resnet3")


def test_words_and_ops() -> None:
    assert set(offered("explain", "Conv")) == {op for op in Layer.registry if op.startswith("Conv")}
    assert set(CODES) <= set(offered("explain", '""'))
    assert set(offered("ops", "Max")) == {op for op in Layer.registry if op.startswith("Max")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with specs in it, and a `zoo` on the path that is this one."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "zoo"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m speczoo "$@"\n')
    command.chmod(0o755)
    (tmp_path / "nets").mkdir()
    (tmp_path / "resnet_mine.yaml").write_text("spec: 1\nname: t\ninput: [3]\nlayers: [{op: ReLU}]\n")
    return tmp_path


def run(shell: list[str], script: str, folder: Path) -> str:
    path = os.pathsep.join((str(folder / "bin"), os.environ["PATH"]))
    done = subprocess.run(
        [*shell, script], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_bash(folder: Path) -> None:
    """Names and files stand side by side; a folder among them; `NAME=` is not followed by a space."""
    script = """
        eval "$(zoo completion bash)"
        ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { echo "compopt $1 $2"; }; _zoo_completion zoo
                printf '%s\\n' "${COMPREPLY[@]}"; }
        ask zoo check resnet; echo ==; ask zoo fmt ne; echo ==; ask zoo summary resnet18 --set num_
    """
    check, fmt, setting = (part.splitlines() for part in run(["bash", "--norc", "-c"], script, folder).split("==\n"))
    assert {"resnet18", "resnet_mine.yaml", "compopt -o filenames"} <= set(check)
    assert fmt == ["compopt -o filenames", "nets"]
    assert setting == ["compopt -o nospace", "num_classes="]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_in_zsh(folder: Path) -> None:
    """The script is one that zsh takes, and offers names and files."""
    script = """
        autoload -Uz compinit; compinit -u -D
        eval "$(zoo completion zsh)"
        compadd() { print -rl -- $completions; }; _path_files() { print -r -- files "$@"; }
        words=(zoo check resnet1); CURRENT=3; _zoo_completion
        print '==';  words=(zoo fmt ne); _zoo_completion
    """
    check, fmt = run(["zsh", "-f", "-c"], script, folder).split("==\n")
    assert "resnet18" in check
    assert "files -f" in check
    assert fmt.split("\n")[0] == "files -f"
