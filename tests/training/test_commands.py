"""The training commands: data on stdout, messages on stderr, exit codes that scripts rely on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import speczoo
from speczoo.__main__ import cli
from speczoo.commands.training_options import emit
from tests.training.toys import recipe

SPEC = {
    "spec": 1,
    "name": "tiny",
    "input": [1, 12, 12],
    "layers": [
        {"op": "Conv2d", "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1},
        {"op": "ReLU"},
        {"op": "Flatten"},
        {"op": "Linear", "out_features": 4},
    ],
}


def zoo(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def mine(corners: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of one's own with a network of one's own, both in files."""
    root = tmp_path_factory.mktemp("mine")
    (root / "tiny.json").write_text(json.dumps(SPEC))
    (root / "recipe.json").write_text(json.dumps(recipe(corners, network=str(root / "tiny.json"), name="mine")))
    return root


@pytest.fixture(scope="module")
def trained(mine: Path) -> tuple[Path, dict[str, Any]]:
    done = zoo("train", mine / "recipe.json", "-o", mine / "run", "--set", "epochs=5", "--json")
    assert done.exit_code == 0, done.output
    return mine / "run", json.loads(done.stdout.splitlines()[-1])


def test_train_ends_with_one_object(trained: tuple[Path, dict[str, Any]]) -> None:
    run, result = trained
    assert {"accuracy", "loss", "epochs", "seconds", "run"} <= result.keys()
    assert result["run"] == str(run)
    assert result["epochs"] == 5
    assert result["accuracy"] > 0.9


def test_the_run_can_be_measured_asked_and_drawn(
    trained: tuple[Path, dict[str, Any]], mine: Path, corners: Path
) -> None:
    run, result = trained
    measured = json.loads(zoo("evaluate", run, "--json").stdout)
    assert measured["accuracy"] == result["accuracy"]
    images = [corners / "test" / f"{i}.png" for i in range(3)]
    stated = json.loads(zoo("predict", run, *images, "--json").stdout)
    assert [row["label"] for row in stated] == ["ne", "nw", "se"]
    assert "ne" in zoo("predict", run, images[0]).stdout
    drawn = json.loads(zoo("curves", run, run, "-o", mine / "curves.png", "--json").stdout)
    assert all(Path(path).is_file() for path in drawn["pictures"])
    drawn = json.loads(zoo("landscape", run, "--points", 3, "--images", 40, "-o", mine / "l.png", "--json").stdout)
    assert len(drawn["surfaces"]["mine"]["losses"]) == 3


def test_a_recipe_on_standard_input_is_that_recipe(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder where its network is; a wrong one is reported at its line, and of processes one can read it."""
    monkeypatch.chdir(mine)
    text, still = (mine / "recipe.json").read_text(encoding="utf-8"), ("--set", "epochs=1", "--no-report", "--json")

    def piped(*words: object, stdin: str = text) -> Result:
        return CliRunner().invoke(cli, [str(word) for word in words], input=stdin)

    named = json.loads(zoo("train", mine / "recipe.json", *still, "-o", mine / "named").stdout)
    read = json.loads(piped("train", "-", *still, "-o", mine / "read").stdout)
    assert all(named[key] == read[key] for key in ("recipe", "accuracy", "loss", "train_loss"))
    assert piped("lr-find", "-", "--steps", 20, "-o", mine / "piped.png").exit_code == 0
    assert piped("data", "-", "-o", mine / "piped").exit_code == 0
    wrong = piped("train", "-", stdin=text.replace("epochs", "epoch"))
    assert (wrong.exit_code, "<stdin>" in wrong.stderr) == (1, True)
    assert piped("train", "-", "--devices", 2).exit_code == piped("search", "-").exit_code == 2


def test_data_and_lr_find(mine: Path) -> None:
    facts = json.loads(zoo("data", mine / "recipe.json", "-o", mine / "look", "--json").stdout)
    assert facts["splits"]["valid"]["images"] == 40
    found = json.loads(zoo("lr-find", mine / "recipe.json", "-o", mine / "lr.png", "--steps", 60, "--json").stdout)
    assert set(found["suggestions"]) == {"Min numerical gradient", "Min loss divided by 10"}
    assert (mine / "lr.svg").is_file()


def test_recipes_are_listed_and_shown() -> None:
    rows = json.loads(zoo("recipes", "--json").stdout)
    assert {"mnist_cnn", "lenet5", "resnet34_cifar2", "unet_digits"} <= {row["name"] for row in rows}
    assert "AdamW" in zoo("recipes", "mnist_cnn").stdout


def test_exit_codes(mine: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((mine / "recipe.json").read_text().replace("batch_size", "batchsize"))
    reported = zoo("train", wrong)
    assert (reported.exit_code, "did you mean `batch_size`" in reported.stderr) == (1, True)
    assert zoo("train", tmp_path / "none.yaml").exit_code == 2
    assert zoo("train").exit_code == 2
    assert zoo("train", "mnist_cnn", "--data", tmp_path / "none").exit_code == 2
    assert zoo("evaluate", tmp_path).exit_code == 2
    reported = zoo("predict", tmp_path, "x.png", "--json")
    assert reported.exit_code == 2
    assert json.loads(reported.stdout)["ok"] is False
    diverges = 'optimizer={"op": "SGD", "lr": 1.0e6, "weight_decay": 1.0e6}'
    reported = zoo("train", mine / "recipe.json", "-o", tmp_path / "run", "--set", diverges, "--set", "schedule=null")
    assert reported.exit_code == 1
    assert "not a number" in reported.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--devices", "0"],
        ["--devices", "abc"],
        ["--strategy", "nonsense"],
        ["--accelerator", "nonsense"],
        ["--num-nodes", "3", "--strategy", "ddp"],
        ["--resume", "RUN", "-o", "elsewhere"],
        ["--resume", "RUN", "--seed", "9"],
        ["--resume", "RUN", "--set", "epochs=1"],
    ],
)
def test_options_that_cannot_be_taken_are_wrong_usage(
    trained: tuple[Path, dict[str, Any]], mine: Path, tmp_path: Path, options: list[str]
) -> None:
    given = [trained[0] if option == "RUN" else option for option in options]
    recipe = () if "--resume" in options else (mine / "recipe.json", "-o", tmp_path / "run")
    reported = zoo("train", *recipe, *given, "--json")
    assert reported.exit_code == 2, reported.output
    assert json.loads(reported.stdout)["ok"] is False
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["lr-find", "RECIPE", "--start", "nan"],
        ["lr-find", "RECIPE", "--end", "inf"],
        ["landscape", "RUN", "--reach", "nan"],
        ["landscape", "RUN", "--reach", "1e30", "--images", "8", "--points", "3"],
    ],
)
def test_numbers_that_are_none_are_wrong_usage(
    trained: tuple[Path, dict[str, Any]], mine: Path, command: list[str]
) -> None:
    places = {"RUN": trained[0], "RECIPE": mine / "recipe.json"}
    reported = zoo(*(places.get(word, word) for word in command))
    assert (reported.exit_code, "not a" in reported.stderr) == (2, True)


def test_json_holds_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"a": [float("nan"), 1.5], "b": (float("inf"), "x")}, True, "")
    assert capsys.readouterr().out == '{"a": [null, 1.5], "b": [null, "x"]}\n'


def test_a_run_that_diverges_in_its_only_step_is_reported_in_json(mine: Path, tmp_path: Path) -> None:
    sets = ["batch_size=120", "epochs=1", 'schedule={"op": "OneCycleLR", "div_factor": 1.0e-30}']
    reported = zoo("train", mine / "recipe.json", "-o", tmp_path / "run", "--json", *(f"--set={text}" for text in sets))
    assert reported.exit_code == 1
    assert "beyond what float32 multiplies by" in json.loads(reported.stdout)["error"]
    assert zoo("evaluate", tmp_path / "run").exit_code == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [("history.json", "x"), ("history.json", "[{}]"), ("run.json", "[]"), ("model.pt", "x")],
)
def test_a_damaged_run_is_reported(trained: tuple[Path, dict[str, Any]], tmp_path: Path, name: str, text: str) -> None:
    shutil.copytree(trained[0], tmp_path / "run")
    (tmp_path / "run" / name).write_text(text)
    commands = [["curves", tmp_path / "run"], ["evaluate", tmp_path / "run", "--report"]]
    for command in commands if name != "model.pt" else commands[1:]:
        reported = zoo(*command)
        assert reported.exit_code == 2, reported.output
        assert str(tmp_path / "run" / name) in reported.stderr
        assert "weights_only" not in reported.stderr


def test_a_runs_network_that_does_not_take_one_image_is_reported(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """A stranger's run may hold any network that a check accepts."""
    shutil.copytree(trained[0], tmp_path / "run")
    bn = {"op": "BatchNorm1d", "track_running_stats": False}
    spec = {**SPEC, "layers": [{"op": "Flatten"}, {"op": "Linear", "out_features": 4}, bn]}
    (network,) = (tmp_path / "run" / "network").iterdir()
    network.write_text(json.dumps(spec))
    torch.save(speczoo.build(spec).state_dict(), tmp_path / "run" / "model.pt")
    Image.new("L", (12, 12)).save(tmp_path / "image.png")
    reported = zoo("predict", tmp_path / "run", tmp_path / "image.png")
    assert (reported.exit_code, "does not take images of 12 x 12, 1 at a time" in reported.stderr) == (2, True), (
        reported.output
    )


def test_a_run_on_other_classes_is_reported(
    trained: tuple[Path, dict[str, Any]], corners: Path, tmp_path: Path
) -> None:
    shutil.copytree(corners, tmp_path / "other")
    for split in ("train", "valid"):
        (tmp_path / "other" / split / "ne").rename(tmp_path / "other" / split / "north-east")
    reported = zoo("evaluate", trained[0], "--data", tmp_path / "other")
    assert (reported.exit_code, "was trained on the classes ne, nw" in reported.stderr) == (2, True)


def test_a_broken_image_is_no_bug_of_ours(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    Image.new("L", (12, 12)).save(broken)
    broken.write_bytes(broken.read_bytes()[:40])
    reported = zoo("predict", trained[0], broken)
    assert reported.exit_code == 2
    assert str(broken) in reported.stderr


# -- weights that are there -------------------------------------------------------------------------------------------


def test_a_training_begins_with_weights_as_a_build_does(mine: Path, tmp_path: Path) -> None:
    """Under whatever names they come, a step of rate 0 leaves the weights that `zoo build` would have loaded."""
    model = torch.nn.Sequential(*speczoo.build(SPEC, seed=7))
    state = model.state_dict()
    torch.save({f"body.{key.replace('.', '_')}": value for key, value in state.items()}, tmp_path / "old.pt")
    keys = {f"body.{key.replace('.', '_')}": key for key in state}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    weights = ("--weights", tmp_path / "old.pt", "--rename", "body=trunk", "--map", tmp_path / "renamed.json")
    (tmp_path / "renamed.json").write_text(json.dumps({f"trunk.{k.partition('.')[2]}": v for k, v in keys.items()}))
    still = ("--set", "optimizer.lr=1e-30", "--set", "optimizer.weight_decay=0", "--set", "epochs=1", "--no-report")
    for number, given in enumerate([weights, (*weights[:2], "--map", tmp_path / "keys.json")]):
        run = tmp_path / f"run{number}"
        done = zoo("train", mine / "recipe.json", *given, *still, "-o", run)
        assert done.exit_code == 0, done.output
        assert "4 of 4 tensors from" in done.stderr
        trained = torch.load(run / "model.pt", weights_only=True)
        assert all(torch.equal(trained[key], value) for key, value in state.items())
        facts = json.loads((run / "run.json").read_text())["weights"]
        assert (facts["loaded"], facts["missing"]) == (4, [])
    more = zoo("train", "--resume", tmp_path / "run0", "--weights", tmp_path / "old.pt")
    assert (more.exit_code, "its own weights" in more.stderr) == (2, True)
    with pytest.raises(speczoo.WeightsError, match="does not fit"):
        speczoo.train(mine / "recipe.json", weights=tmp_path / "old.pt", out=tmp_path / "no")
    assert not (tmp_path / "no").exists()
    (tmp_path / "tiny.json").write_text(json.dumps(SPEC))
    for command, what in (
        ("train", mine / "recipe.json"),
        ("lr-find", mine / "recipe.json"),
        ("build", tmp_path / "tiny.json"),
    ):
        reported = zoo(command, what, "--weights", tmp_path / "old.pt", "--json")
        assert (reported.exit_code, json.loads(reported.stdout)["ok"]) == (2, False)
        assert json.loads(reported.stdout)["error"].splitlines()[0] in reported.stderr
    refused = zoo("lr-find", mine / "recipe.json", "--weights", tmp_path / "old.pt", "-o", tmp_path / "lr.png")
    assert (refused.exit_code, "does not fit tiny" in refused.stderr) == (2, True)
    found = zoo("lr-find", mine / "recipe.json", *weights, "--steps", 20, "-o", tmp_path / "lr.png", "--json")
    assert found.exit_code == 0, found.output


def test_commands_that_take_weights_take_them_alike() -> None:
    """Their three options are the same, in whatever command they stand."""
    wanted = None
    for name in ("build", "train", "lr-find", "search"):
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        known = {param.name: (param.opts, param.help) for param in command.params if hasattr(param, "help")}  # type: ignore[attr-defined]
        three = [known[each] for each in ("weights", "renames", "keys")]
        assert wanted in (None, three)
        wanted = three
