"""Recipes are checked without torch, and every mistake is reported at its line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from speczoo.__main__ import cli
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.errors import SpecError
from speczoo.specs.format import formatted
from speczoo.specs.keys import keys, models
from speczoo.specs.source import Source
from speczoo.training import recipe, recipe_loader, recipe_transforms

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

TEXT_DATA = {
    "recipe": 1, "name": "mine", "network": {"name": "mnist_cnn", "params": {"num_classes": 10}},
    "data": {"dataset": "MNIST"}, "transforms": {"augment": [{"op": "RandomCrop", "size": 28, "padding": 3}]},
    "optimizer": {"op": "AdamW", "lr": 0.1, "betas": [0.9, 0.99]}, "schedule": {"op": "OneCycleLR"},
    "batch_size": 128, "epochs": 3,
}  # fmt: skip

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
    ("name: mine", "name: ../../mine", "bad-value", (2, 7), None),
    ("name: mine", 'name: ""', "bad-value", (2, 7), None),
    ("0.99]", "1.0]", "bad-value", (8, 46), None),
    ("lr: 0.1", "lr: 0", "bad-value", (8, 28), None),
    ("AdamW, lr: 0.1, betas: [0.9, 0.99]", "SGD, lr: 0.1, nesterov: true", "bad-value", (8, 12), None),
    ("epochs: 3", "epochs: 3\nseed: 20000000000000000000", "bad-value", (12, 7), None),
    ("epochs: 3", "epochs: 3\nmetrics: []", "bad-value", (12, 10), None),
    ("size: 28", "size: 280", "bad-value", (7, 30), None),
    ("size: 28", "size: 28000", "bad-value", (7, 30), None),
    ("padding: 3", "padding: 100000", "bad-value", (7, 43), None),
    ("{op: RandomCrop, size: 28, padding: 3}", "{op: RandomAffine, scale: [2, 1]}", "bad-value", (7, 33), None),
    ("{op: RandomCrop, size: 28, padding: 3}", "{op: RandomAffine, scale: [0.0, 1]}", "bad-value", (7, 34), None),
    ("{op: RandomCrop, size: 28, padding: 3}", "{op: RandomAffine, translate: [-1, 50]}", "bad-value", (7, 38), None),
    ("{op: RandomCrop, size: 28, padding: 3}", "{op: RandomErasing, scale: [-1, -1]}", "bad-value", (7, 35), None),
    ("{op: RandomCrop, size: 28, padding: 3}", "{op: RandomErasing, ratio: [3, 1]}", "bad-value", (7, 34), None),
    ("{dataset: MNIST}", '{dataset: MNIST, classes: ["1", "1"]}', "bad-value", (4, 33), None),
    ("{dataset: MNIST}", "{dataset: folder, train: ../../private}", "bad-value", (4, 32), None),
    ("{dataset: MNIST}", "{dataset: folder, valid: /}", "bad-value", (4, 32), None),
    ("{dataset: MNIST}", "{dataset: folder, test: 'C:x'}", "bad-value", (4, 31), None),
    ("{dataset: MNIST}", "{dataset: digits_on_canvas, digits: [3, 1]}", "bad-value", (4, 43), None),
]


@pytest.mark.parametrize(("old", "new", "code", "place", "near"), WRONG, ids=[w[1] or "missing" for w in WRONG])
def test_a_mistake_is_reported_at_its_place(
    old: str, new: str, code: str, place: tuple[int, int], near: str | None, tmp_path: Path
) -> None:
    assert old in TEXT
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(SpecError) as caught:
        recipe_loader.load(path)
    shown = caught.value.diagnostics[0]
    assert shown.code == code
    assert shown.span is not None
    assert shown.span[:2] == place
    assert shown.file == str(path)
    if near is not None:
        assert any(f"`{near}`" in line for line in shown.help)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        TEXT.replace("batch_size", "batchsize").replace("epochs: 3", "epochs: 0").replace("size: 28", "sise: 28")
    )
    with pytest.raises(SpecError) as caught:
        recipe_loader.load(path)
    assert {d.span[0] for d in caught.value.diagnostics if d.span} >= {7, 10, 11}


def test_mistakes_of_all_kinds_are_reported_at_once(tmp_path: Path) -> None:
    """A key written twice, a wrong value, and a network that is not there."""
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("lr: 0.1", "lr: x").replace("mnist_cnn", "mnist_cn") + "epochs: 4\n")
    with pytest.raises(SpecError) as caught:
        recipe_loader.load(path, with_network=True)
    shown = [(d.code, d.span[0]) for d in caught.value.diagnostics if d.span]
    assert sorted(shown) == [("bad-value", 8), ("duplicate-key", 12), ("unknown-reference", 3)]


def test_thousands_of_mistakes_are_a_hundred(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT + "".join(f"k{i}: 1\n" for i in range(9_000)))
    with pytest.raises(SpecError) as caught:
        recipe_loader.load(path, with_network=True)
    assert len(caught.value.diagnostics) == 100


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "n", "spec": 1, "input": [1, 28, 28], "layers": [{"op": "Flatten"}]}',
        "{name: n, spec: 1, input: [1, 28, 28], layers: [{op: Flatten}]}",
        "layers: [{op: Flatten}]\n",
        "name: n\n spec: 1\nlayers: [\n",
        None,
    ],
)
def test_a_network_in_a_file_is_reported_about_as_a_spec(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "net.yaml").write_text(text)
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("{name: mnist_cnn, params: {num_classes: 10}}", "net.yaml"))
    done = CliRunner().invoke(cli, ["check", str(path)])
    assert "is no spec" not in done.output
    assert (done.exit_code == 0) == (text is not None and "spec: 1, " in text.replace('"', ""))


def test_wrong_overrides_hide_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("epochs: 3", "epochs: 010"))
    with pytest.raises(SpecError) as caught:
        recipe_loader.load(path, ["nonsense"])
    assert len(caught.value.diagnostics) == 2


@pytest.mark.parametrize("secret", ["root:x:0:0:root\n", "key: value\n", "\x7fELF\0"])
def test_nothing_is_shown_of_a_file_that_is_no_spec(secret: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "secret").write_text(secret)
    path = tmp_path / "home" / "mine.yaml"
    path.write_text(TEXT.replace("{name: mnist_cnn, params: {num_classes: 10}}", "../secret"))
    done = CliRunner().invoke(cli, ["check", str(path)])
    assert done.exit_code == 1
    assert "leads out of the folder of this recipe" in done.output
    assert f"{path}:3:" in done.output
    assert secret.split("\n")[0] not in done.output
    (tmp_path / "home" / "secret.yaml").write_text(secret)
    path.write_text(TEXT.replace("{name: mnist_cnn, params: {num_classes: 10}}", "./secret.yaml"))
    done = CliRunner().invoke(cli, ["check", str(path)])
    assert done.exit_code == 2
    assert "is no spec that can be read" in done.output
    assert f"{path}:3:" in done.output
    assert secret.split("\n")[0] not in done.output


def test_the_text_is_right(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    assert recipe_loader.load(path).optimizer.lr == 0.1


@pytest.mark.parametrize("name", recipe_loader.names())
def test_recipes_of_the_zoo(name: str) -> None:
    import speczoo

    recipe = recipe_loader.load(name, with_network=True)
    assert recipe.name == name
    assert recipe.title
    assert recipe.network.name in speczoo.list_models()


@pytest.mark.parametrize("name", ["mnist_cnn", "mnist_cnn_refactored", "mnist_resnet", "lenet5", "resnet34_cifar2"])
def test_every_document_has_its_recipe(name: str) -> None:
    recipe = recipe_loader.load(name)
    assert recipe.network.name == name
    mean = sum(recipe.published.values()) / len(recipe.published)
    assert recipe.expect.accuracy == pytest.approx(mean / 100, abs=1e-4)


def test_overrides() -> None:
    recipe = recipe_loader.load("mnist_cnn", ["epochs=7", "optimizer.lr=1e-3", "network.params.num_classes=3"])
    assert (recipe.epochs, recipe.optimizer.lr) == (7, 1e-3)
    assert recipe.network.model_dump() == {"name": "mnist_cnn", "params": {"num_classes": 3}, "input": None}
    assert recipe_loader.load("mnist_cnn", {"transforms.augment.0.size": 24}).transforms.augment[0].size == 24
    for wrong in ("epoch=7", "optimizer.rate=1", "epochs", "epochs=many", "batch_size=0"):
        with pytest.raises(SpecError):
            recipe_loader.load("mnist_cnn", [wrong])


def wrong(what: object, set: object = (), **options: bool) -> Diagnostic:
    """The first thing that is reported of a recipe."""
    with pytest.raises(SpecError) as caught:
        recipe_loader.load(what, set, **options)  # type: ignore[arg-type]
    return caught.value.diagnostics[0]


def test_parts_of_a_network_that_is_a_plain_name_can_be_set() -> None:
    given = ['network.params={"num_classes":3}', "network.input=[1,28,28]"]
    network = recipe_loader.load("mnist_cnn", given).network
    assert network.model_dump() == {"name": "mnist_cnn", "params": {"num_classes": 3}, "input": [1, 28, 28]}
    assert recipe_loader.load("mnist_cnn", "epochs=7").epochs == 7


@pytest.mark.parametrize(
    "given",
    ["epochs=three", "optimizer.lr=Infinity", "batchsize=3", "network.nam=lenet5", "transforms.augment.0.size=-1",
     "schedule.op=Cosine", "epochs=" + "[" * 5000, "epochs=1: 2", "network.params.foo=3", "network=mnist_cn",
     "transforms.prepare.0.size=3"],
)  # fmt: skip
def test_a_wrong_override_is_reported_as_such(given: str, tmp_path: Path) -> None:
    """Not at a line of the file, which is right."""
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("network: {name: mnist_cnn, params: {num_classes: 10}}", "network: mnist_cnn"))
    shown = wrong(path, [given], with_network=True)
    assert shown.file is not None
    assert shown.file.startswith("--set " + given[:20])
    assert shown.span is None
    assert "nan" not in "".join(shown.help)
    done = CliRunner().invoke(cli, ["train", str(path), "--set", given])
    assert done.exit_code == 1, done.output


def test_overrides_from_python_are_plain_data() -> None:
    assert wrong("mnist_cnn", {3: 3}).file == "set 3"
    assert "not a finite number" in wrong("mnist_cnn", {"optimizer.lr": float("nan")}).message
    assert recipe_loader.load("mnist_cnn", {"optimizer.betas": (0.9, 0.9)}).optimizer.betas == [0.9, 0.9]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("name: mnist_cnn", "name: mnist_cn", (3, 17)),
        ("name: mnist_cnn", "name: nowhere.yaml", (3, 17)),
        ("num_classes: 10", "foo: 3", (3, 42)),
        ("num_classes: 10", "num_classes: ten", (3, 50)),
    ],
)
def test_the_network_is_checked_at_the_recipes_line(old: str, new: str, place: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace(old, new))
    shown = wrong(path, with_network=True)
    assert shown.file == str(path)
    assert shown.span is not None
    assert shown.span[:2] == place
    code = 2 if "nowhere" in new else 1
    for command in ("recipes", "check"):
        done = CliRunner().invoke(cli, [command, str(path)])
        assert done.exit_code == code, done.output
        assert f"{path}:3:" in done.output


@pytest.mark.parametrize("names", [["mnist_cnn", "foo"], ["foo", "mnist_cnn"], ["foo", "bar", "num_classes"]])
def test_each_wrong_parameter_is_reported_where_it_is_given(names: list[str], tmp_path: Path) -> None:
    """Whatever else the message names."""
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("num_classes: 10", ", ".join(f"{name}: wrong" for name in names)))
    line = path.read_text().splitlines()[2]
    reported = recipe_loader.read(path, with_network=True).report
    assert {d.span[1] for d in reported if d.span} == {line.index(f"{name}: wrong") + len(name) + 3 for name in names}


SPEC = "spec: 1\nname: tiny\ninput: [1, 28, 28]\nlayers:\n  - {op: Flatten}\n  - {op: Linear, out_features: 10}\n"


def test_a_mistake_in_the_networks_own_text_stays_there(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SPEC.replace("Linear", "Conv2d, kernel_size: 3"))
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("{name: mnist_cnn, params: {num_classes: 10}}", "tiny.yaml"))
    shown = wrong(path, with_network=True)
    assert shown.file == str(tmp_path / "tiny.yaml")
    assert shown.span is not None
    assert any(f"the network of {path}:3 on images of 1 x 28 x 28" in note for note in shown.notes)


def test_a_networks_path_counts_from_the_recipes_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "tiny.yaml").write_text(SPEC)
    path = tmp_path / "home" / "mine.yaml"
    path.write_text(TEXT.replace("{name: mnist_cnn, params: {num_classes: 10}}", "tiny.yaml"))
    monkeypatch.chdir(tmp_path)
    recipe = recipe_loader.load("home/mine.yaml", with_network=True)
    assert recipe.network.name == str(tmp_path / "home" / "tiny.yaml")
    (tmp_path / "other.yaml").write_text(SPEC)
    assert recipe_loader.load(path, ["network=other.yaml"], with_network=True).network.name == "other.yaml"
    assert (
        recipe_loader.load(json.loads(json.dumps({**recipe.model_dump(), "network": "tiny.yaml"}))).network.name
        == "tiny.yaml"
    )


def test_check_knows_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    done = CliRunner().invoke(cli, ["check", str(path)])
    assert (done.exit_code, done.output) == (0, f"{path}: good\n")
    path.write_text(TEXT.replace("batch_size", "batchsize"))
    done = CliRunner().invoke(cli, ["check", str(path), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.output)["files"][0]["diagnostics"][0]["line"] == 10
    text = TEXT.replace("epochs: 3", "epochs: 3\ndrop_last: no")
    path.write_text(text)
    assert CliRunner().invoke(cli, ["check", "--fix", str(path)]).exit_code == 1
    assert path.read_text() == text, "what mends a network would spoil a recipe"


def test_an_unknown_name_is_reported_with_what_was_intended() -> None:
    with pytest.raises(SpecError, match="did you mean `mnist_cnn`"):
        recipe_loader.load("mnist_cn")


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_recipes_are_checked_without_torch() -> None:
    names = "('torch', 'lightning', 'torchvision', 'matplotlib')"
    load = (
        "import sys\nfrom speczoo.training import recipe_loader\n"
        "[recipe_loader.load(name, with_network=True) for name in recipe_loader.names()]\n"
    )
    distinguish = f"print([name for name in {names} if name in sys.modules])"
    assert fresh(load + distinguish) == "[]"
    assert fresh("import sys; sys.modules['torch'] = sys\n" + distinguish) == "['torch']"


#: Where each kind of mapping stands in a recipe, and the least of it.
PLACES: dict[type[BaseModel], tuple[tuple[str | int, ...], dict[str, Any]]] = {
    recipe.Recipe: ((), {}),
    recipe.Network: (("network",), {"name": "mnist_cnn"}),
    recipe.Torchvision: (("data",), {"dataset": "MNIST"}),
    recipe.Folder: (("data",), {"dataset": "folder"}),
    recipe.Canvas: (("data",), {"dataset": "digits_on_canvas"}),
    recipe_transforms.Transforms: (("transforms",), {}),
    recipe_transforms.RandomHorizontalFlip: (("transforms", "augment", 0), {"op": "RandomHorizontalFlip"}),
    recipe_transforms.RandomVerticalFlip: (("transforms", "augment", 0), {"op": "RandomVerticalFlip"}),
    recipe_transforms.RandomErasing: (("transforms", "augment", 0), {"op": "RandomErasing"}),
    recipe.SGD: (("optimizer",), {"op": "SGD", "lr": 0.1}),
    recipe.Adam: (("optimizer",), {"op": "Adam"}),
    recipe.MultiStep: (("schedule",), {"op": "MultiStepLR", "milestones": [1.0]}),
}
WORDS = [
    (model, key.name, word) for model in models(recipe.Recipe) for key in keys(model).values() for word in key.instead
]


@pytest.mark.parametrize(("model", "key", "word"), WORDS)
def test_a_foreign_word_gives_the_key(model: type[BaseModel], key: str, word: str) -> None:
    assert word not in keys(model)
    data: dict[str, Any] = {"recipe": 1, "name": "a", "network": {}, "data": {}, "transforms": {"augment": [{}]}}
    data |= {"optimizer": {"op": "SGD", "lr": 0.1}, "schedule": {}, "batch_size": 1, "epochs": 1}
    path, least = PLACES[model]
    part = data
    for step in path:
        part = part[step]
    part |= least
    part[word] = part.pop(key, 1)
    with pytest.raises(SpecError) as caught:
        recipe_loader.load(data)
    shown = next(d for d in caught.value.diagnostics if d.code == "unknown-key")
    assert shown.message.endswith(f"{word}`")
    assert shown.help == (f"did you mean `{key}`?",)


def test_a_missing_key_says_what_it_holds() -> None:
    with pytest.raises(SpecError) as caught:
        recipe_loader.load({"recipe": 1, "name": "a", "network": "mnist_cnn", "data": {"dataset": "MNIST"}})
    helps = {d.message: d.help for d in caught.value.diagnostics}
    assert helps["`optimizer` is missing"] == (f"`optimizer` is {keys(recipe.Recipe)['optimizer'].holds}",)


# -- the layout -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(recipe_loader.HOME.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_zoo_are_laid_out(path: Path) -> None:
    source = Source.of(path.read_text(encoding="utf-8"))
    assert formatted(source, root=recipe_loader.language_of(source)) == source.text


@given(st.permutations([*TEXT_DATA]), st.booleans(), st.integers(0, 3))
def test_a_layout_changes_no_recipe_and_is_the_same_for_every_order(
    order: list[str], as_json: bool, comments: int
) -> None:
    shuffled = {key: TEXT_DATA[key] for key in order}
    lines = [f"{key}: {json.dumps(value)}" for key, value in shuffled.items()]
    for number in range(comments):
        lines[number] += f" # of {order[number]}"
    text = json.dumps(shuffled) if as_json else "\n".join(lines) + "\n"
    written = formatted(Source.of(text), root=recipe.Recipe)
    assert written is not None
    again = Source.of(written)
    assert formatted(again, root=recipe.Recipe) == written
    document = parse(again, Report())
    assert document is not None
    data = document.data
    assert data == shuffled
    assert list(data) == [key for key in keys(recipe.Recipe) if key in data]
    assert all(f"# of {order[number]}" in written for number in range(0 if as_json else comments))


def test_what_is_no_recipe_is_not_laid_out() -> None:
    assert formatted(Source.of(TEXT.replace("AdamW", "Adamw")), root=recipe.Recipe) is None
