"""`-` is standard input where a network or a map is read, standard output where one text is written, and no file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner, Result

import speczoo.__main__ as front
from speczoo.commands import SECTIONS
from speczoo.commands.common import STANDARD, Place

NET = """\
spec: 1
name: net
input: [1, 8, 8]
params: {width: {type: int, default: 3, min: 1, max: 4}}
layers:
  - {op: Conv2d, out_channels: $width, kernel_size: 3}
  - {op: Flatten}
  - {op: Linear, out_features: 2}
"""
FAMILY = NET + "variants:\n  small: {params: {width: 1}}\n  large: {params: {width: 4}}\n"
WRONG = NET.replace("out_features", "out_feature")
READERS = [
    ("summary",),
    ("sizes",),
    ("check",),
    ("show",),
    ("show", "--resolved"),
    ("show", "--family"),
    ("source",),
    ("build",),
    ("fingerprint",),
    ("compare", "lenet5"),
    ("list",),
    ("sweep", "--set", "width"),
    ("diff", "lenet5"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object, stdin: str | bytes = "", code: int = 0) -> Result:
    result = CliRunner().invoke(front.cli, [str(word) for word in words], input=stdin, prog_name="zoo")
    assert result.exit_code == code, (result.stdout, result.stderr)
    assert not Path(STANDARD).exists()
    return result


@pytest.mark.parametrize("text", [NET, FAMILY, WRONG, json.dumps({"spec": 1}), "", "\x00"])
@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_a_network_from_standard_input_is_that_of_a_file(words: tuple[str, ...], text: str) -> None:
    """It is the same whichever way a text comes, but for its name."""
    Path("file.yaml").write_text(text, encoding="utf-8")
    results = []
    for name, stdin in (("file.yaml", ""), (STANDARD, text)):
        result = CliRunner().invoke(front.cli, [*words, name, "--json"], input=stdin, prog_name="zoo")
        texts = [each.replace("<stdin>", "file.yaml") for each in (result.stdout, result.stderr)]
        results.append((result.exit_code, *texts))
    if words[0] == "build":  # where a time is measured
        results = [(code, out.partition('"seconds"')[0], err) for code, out, err in results]
    assert results[0] == results[1]


def test_what_is_not_utf8_is_reported() -> None:
    for words in READERS:
        assert "UTF-8" in run(*words, STANDARD, stdin=b"\xff\xfe\x00", code=2).output


def test_a_recipe_from_standard_input_is_checked_with_its_network() -> None:
    recipe = "recipe: 1\nname: r\nnetwork: net.yaml\ndata: {dataset: MNIST}\noptimizer: {op: SGD, lr: 0.1}\n"
    Path("net.yaml").write_text(NET.replace("8, 8", "28, 28"), encoding="utf-8")
    assert "batch_size" in run("check", STANDARD, stdin=recipe, code=1).stdout
    run("check", STANDARD, stdin=f"{recipe}batch_size: 8\nepochs: 1\n")
    reported = run("check", STANDARD, stdin=f"{recipe}batch_size: 8\nepochs: x\n", code=1).stdout
    assert "--> <stdin>:7" in reported
    assert "7 | epochs: x" in reported


def options() -> list[tuple[str, click.Parameter]]:
    """Every option that takes a path, and its command."""
    found = []
    for name in (name for commands in SECTIONS.values() for name in commands):
        command = front.cli.get_command(click.Context(front.cli), name)
        assert command is not None
        found += [(name, param) for param in command.params if isinstance(param.type, click.Path)]
    return found


def test_every_option_that_writes_or_reads_a_file_knows_what_standard_is() -> None:
    """But folders of data and of runs, whose commands say what is not there."""
    others = {param.opts[0] for _, param in options() if not isinstance(param.type, Place)}
    assert others <= {"--data", "--resume", "run", "runs", "images"}


PLACES = [
    (name, param.opts[0]) for name, param in options() if isinstance(param.type, Place) and not param.type.standard
]


@pytest.mark.parametrize(("name", "option"), PLACES)
def test_files_are_not_written_to_standard_output(name: str, option: str) -> None:
    words = [] if name in ("curves", "landscape") else ["lenet5"]
    assert "standard output" in run(name, *words, option, STANDARD, code=2).stderr


@pytest.mark.parametrize("words", [("source", "lenet5"), ("schema",), ("diff", "lenet5", "lenet5_c5")], ids=" ".join)
def test_standard_output_gets_what_a_file_gets(words: tuple[str, ...]) -> None:
    option = "--map" if words[0] == "diff" else "-o"
    run(*words, option, "made.py")
    assert run(*words, option, STANDARD).stdout.encode() == Path("made.py").read_bytes()


def test_a_file_may_have_that_name_where_its_folder_is_given() -> None:
    result = CliRunner().invoke(front.cli, ["schema", "-o", "./-"], prog_name="zoo")
    assert result.exit_code == 0
    assert "$schema" in json.loads(Path(STANDARD).read_text(encoding="utf-8"))


def test_a_map_goes_through_a_pipe() -> None:
    Path("net.yaml").write_text(NET, encoding="utf-8")
    Path("other.yaml").write_text(NET.replace("- {op: Conv2d", "- {id: first, op: Conv2d"), encoding="utf-8")
    run("build", "net.yaml", "-o", "old.pt", "--seed", "1")
    keys = run("diff", "net.yaml", "other.yaml", "--map", STANDARD).stdout
    assert json.loads(keys)["0.weight"] == "first.weight"
    run("build", "other.yaml", "--weights", "old.pt", "--map", STANDARD, "-o", "new.pt", stdin=keys)
    old, new = (torch.load(name, weights_only=True) for name in ("old.pt", "new.pt"))
    assert torch.equal(old["0.weight"], new["first.weight"])
    assert run("diff", "old.pt", "other.yaml", "--map", STANDARD).stdout == keys


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("diff", "lenet5", "lenet5_c5", "--map", "-", "--json"), "--json and --map -"),
        (("diff", "lenet5", "lenet5_c5", "--map", "-", "--markdown"), "--markdown and --map -"),
        (("build", "lenet5", "--weights", "-"), "not standard input"),
        (("check", "-", "--fix"), "--fix writes files"),
    ],
)
def test_what_makes_no_sense_of_a_stream_is_reported(words: tuple[Any, ...], reported: str) -> None:
    assert reported in run(*words, stdin=WRONG, code=2).stderr


def test_a_repair_of_standard_input_is_shown() -> None:
    slip = NET.replace("kernel_size", "kernal_size")
    assert f"+{NET.splitlines()[5]}" in run("check", "-", "--diff", stdin=slip, code=0).stdout
