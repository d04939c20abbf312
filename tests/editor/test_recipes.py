"""Recipes of training in an editor: what specs have there, they have too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo import catalogue
from speczoo.editor import lenses, reader, symbols, tree
from speczoo.editor.analysis import Analysis
from speczoo.editor.completion import complete
from speczoo.editor.desk import Sheet
from speczoo.editor.hints import hints
from speczoo.editor.hover import hover
from speczoo.editor.names import TextNames
from speczoo.editor.navigation import definition
from speczoo.editor.offers import OfferedItem
from speczoo.editor.recipe_words import choices, models_at
from speczoo.editor.signature import signature
from speczoo.editor.tree import Mapping, TextScalar
from speczoo.editor.wire import without_stops
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.keys import keys
from speczoo.specs.source import Source
from speczoo.training.recipe import Recipe
from tests.editor.test_analysis import typed
from tests.editor.test_typing import accepted, everything
from tests.editor.texts import RECIPES, edited, found

RECIPE = """\
recipe: 1
name: mine
network: {name: mnist_cnn, params: {num_classes: 10}}
data: {dataset: MNIST}
transforms:
  prepare:
    - op: Pad
      padding: 2
  augment: [{op: RandomCrop, size: 28, padding: 3}, {op: RandomErasing, p: 0.2}]
optimizer: {op: AdamW, lr: 0.1, betas: [0.9, 0.99]}
schedule: {op: OneCycleLR}
batch_size: 128
epochs: 3
metrics: [accuracy, top5]
"""


def offered(text: str) -> dict[str, OfferedItem]:
    """What is offered at the `|` of a text."""
    at = text.index("|")
    return {item.label: item for item in complete(text.replace("|", "", 1), at, found(RECIPE)).items}


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("recipe: 1\n|\n", {"network", "data", "optimizer", "epochs"}, {"recipe", "layers", "blocks"}),
        ("recipe: 1\nnet|\n", {"network"}, {"layers"}),
        ("recipe: 1\nnetwork: |\n", {"resnet18", "mnist_cnn"}, {"Conv2d", "add"}),
        ("recipe: 1\nnetwork: {|}\n", {"name", "params", "input"}, {"op"}),
        ("recipe: 1\nnetwork: {name: resnet18, params: {|}}\n", {"num_classes", "depths"}, {"params", "name"}),
        ("recipe: 1\nnetwork:\n  name: resnet18\n  params:\n    |\n", {"num_classes", "depths"}, {"params", "name"}),
        ("recipe: 1\nnetwork: {name: resnet18, params: {num_classes: |}}\n", {"1000"}, {"num_classes"}),
        ("recipe: 1\nnetwork: {name: x, input: |}\ndata: {dataset: MNIST}\n", {"[1, 28, 28]"}, set()),
        ("recipe: 1\ndata: {|}\n", {"dataset", "root"}, {"mode", "digits", "classes"}),
        ("recipe: 1\ndata: {dataset: |}\n", {"MNIST", "folder", "digits_on_canvas"}, {"SGD"}),
        ("recipe: 1\ndata: {dataset: folder, |}\n", {"mode", "train", "root"}, {"dataset", "digits"}),
        ("recipe: 1\ndata: {dataset: folder, mode: |}\n", {"L", "RGB"}, {"MNIST"}),
        ("recipe: 1\ntransforms:\n  augment: |\n", {"[RandomCrop]", "[RandomErasing]"}, {"[Resize]"}),
        ("recipe: 1\ntransforms:\n  augment: [|]\n", {"RandomCrop", "RandomErasing"}, {"Resize"}),
        ("recipe: 1\ntransforms:\n  augment:\n    - |\n", {"op", "RandomCrop"}, {"size", "Resize"}),
        ("recipe: 1\ntransforms:\n  augment:\n    - {op: |}\n", {"RandomCrop", "RandomAffine"}, {"Resize", "SGD"}),
        ("recipe: 1\ntransforms: {augment: [{op: RandomCrop, |}]}\n", {"size", "padding"}, {"op", "p"}),
        ("recipe: 1\ntransforms: {normalize: |}\n", {"measured"}, set()),
        ("recipe: 1\noptimizer: |\n", {"SGD", "Adam", "AdamW"}, {"OneCycleLR"}),
        ("recipe: 1\noptimizer:\n  |\n", {"op", "lr", "SGD"}, {"momentum", "betas"}),
        ("recipe: 1\noptimizer:\n  op: SGD\n  |\n", {"lr", "momentum", "nesterov"}, {"op", "betas"}),
        ("recipe: 1\noptimizer: {op: SGD, lr: 0.1,|}\n", {"momentum", "nesterov"}, {"op", "lr", "betas"}),
        ("recipe: 1\noptimizer: {op: SGD, nesterov: |}\n", {"true", "false"}, {"SGD"}),
        ("recipe: 1\noptimizer: {op: Adam, betas: |}\n", {"[0.9, 0.999]"}, {"Adam"}),
        ("recipe: 1\nschedule: {op: |}\n", {"OneCycleLR", "MultiStepLR"}, {"SGD"}),
        ("recipe: 1\nmetrics: [|]\n", {"accuracy", "top5", "iou"}, set()),
        ("recipe: 1\nmetrics: |\n", {"[accuracy]", "[iou]"}, set()),
        ("recipe: 1\nprecision: |\n", {"32-true", "bf16-mixed"}, set()),
        ("recipe: 1\ndrop_last: |\n", {"true", "false"}, set()),
        ("recipe: 1\nexpect: {|}\n", {"accuracy", "iou"}, {"params", "macs"}),
        ("recipe: 1\ntitle: |\n", set(), {"resnet18", "true"}),
        ("recipe: 1 # |\n", set(), {"network"}),
        ('{"recipe": 1, "optimizer": {"op": "|"}}', {"SGD"}, {"OneCycleLR"}),
    ],
)  # fmt: skip
def test_what_is_offered(text: str, wanted: set[str], unwanted: set[str]) -> None:
    got = offered(text).keys()
    assert wanted <= got, wanted - got
    assert not unwanted & got


def test_a_recipe_is_among_what_a_text_can_begin_as() -> None:
    assert "recipe" in {item.label for item in complete("", 0, found("")).items}


def words(root: tree.TextNode) -> Iterator[TextScalar]:
    """The words of a recipe that a person would want offered: keys, what they choose, the network, metrics."""
    for loc, node in tree.walk(root):
        if isinstance(node, Mapping):
            yield from (p.key for p in node.pairs if any(p.key.text in keys(m) for m in models_at(root, loc)))
        elif isinstance(node, TextScalar) and (
            node.text in choices() or loc == ("network",) or loc[:1] == ("metrics",)
        ):
            yield node


@pytest.mark.parametrize("path", [*RECIPES, None], ids=lambda path: path.stem if path else "mine")
def test_what_stands_somewhere_is_offered_there(path: Path | None) -> None:
    text, random = path.read_text(encoding="utf-8") if path else RECIPE, Random(5)
    there = list(words(reader.read(text)))
    for scalar in random.sample(there, min(6, len(there))):
        start, end = scalar.inner
        for without, at in ((text[:start] + text[end:], start), (text, start), (text, end), (text[:end], end)):
            if without.find("recipe:") >= 0 and scalar.text != "recipe":
                assert scalar.text in {item.label for item in complete(without, at, found(text, path)).items}, scalar


def test_what_is_accepted_leaves_a_recipe_that_can_be_read() -> None:
    count = 0
    for cut in (", ", ","):
        for at in [i for i, char in enumerate(RECIPE) if char == "}"]:
            text = RECIPE[:at] + cut + RECIPE[at:]
            offer = complete(text, at + len(cut), found(RECIPE))
            for item in offer.items:
                report = Report()
                document = parse(Source("x", accepted(text, item, *offer.replaces)), report)
                assert document is not None, (text[at - 30 : at + 9], item)
                assert not any(d.code in ("yaml-syntax", "duplicate-key") for d in report), item
                count += 1
    assert count >= 30


def test_every_place_can_be_asked() -> None:
    random, analysis = Random(6), found(RECIPE)
    for at in range(0, len(RECIPE) + 1, 2):
        everything(RECIPE, at, analysis)
    for path in RECIPES:
        text = path.read_text(encoding="utf-8")
        for _ in range(6):
            slipped = edited(edited(text, random), random)
            everything(slipped, random.randrange(len(slipped) + 1), found(slipped, path))


def stated(word: str, text: str = RECIPE, analysis: Analysis | None = None) -> str:
    got = hover(TextNames(reader.read(text)), Source("x", text), text.index(word) + 1, analysis or found(text))
    assert got is not None, word
    return got.text


def test_hover_says_what_every_key_is() -> None:
    for name, key in keys(Recipe).items():
        text = RECIPE if f"\n{name}:" in f"\n{RECIPE}" else f"{RECIPE}{name}: 1\n"
        assert key.description in stated(f"{name}:", text)


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("lr:", "of AdamW"),
        ("betas", "Default: `[0.9, 0.999]`"),
        ("AdamW", "**AdamW**"),
        ("MNIST", "An image is **1x28x28** then."),
        ("Pad", "An image is **1x32x32** then."),
        ("mnist_cnn", "1x28x28 → 10"),
        ("num_classes", "of mnist_cnn"),
        ("accuracy", "What is measured"),
        ("0.99]", "How slowly"),
    ],
)
def test_hover_says_what_words_are(word: str, wanted: str) -> None:
    assert wanted in stated(word)


def shown(text: str, analysis: Analysis) -> dict[str, str]:
    return {text.split("\n")[hint.line - 1].split(":")[0].strip(): hint.text for hint in hints(analysis)}


def test_shapes_stand_beside_what_makes_them() -> None:
    got = shown(RECIPE, found(RECIPE))
    assert got["data"] == "1x28x28"
    assert got["- op"] == "1x32x32"
    assert got["network"].startswith("1x28x28 → 10  ")
    wrong = RECIPE.replace("epochs: 3", "epochs: three").replace("op: AdamW", "op: Adamw")
    assert {d.code for d in found(wrong).diagnostics} == {"bad-value"}
    assert shown(wrong, found(wrong)) == got


@pytest.mark.parametrize("half", ["optimizer: {op: ", "metrics: [", "  - ", "lr"])
def test_what_is_half_typed_leaves_the_hints_of_the_other_lines(half: str) -> None:
    sheet = Sheet(Source("x", RECIPE), 0)
    right = typed(sheet, RECIPE)
    got = typed(sheet, RECIPE.replace("batch_size", f"{half}\nbatch_size"))
    assert got == right


def test_definitions_are_the_networks_file_its_parameter_and_the_model_of_a_word() -> None:
    def goals(word: str) -> list[tuple[str, str]]:
        there = definition(TextNames(reader.read(RECIPE)), RECIPE.index(word), found(RECIPE))
        files = [(goal.path, goal.at.start) for goal in there if goal.path is not None]
        return [(path.name, path.read_text("utf-8")[at:].split(":")[0].split("(")[0].strip()) for path, at in files]

    assert goals("mnist_cnn") == [("mnist_cnn.yaml", "name")]
    assert goals("num_classes") == [("mnist_cnn.yaml", "num_classes")]
    assert goals("RandomCrop") == [("recipe_transforms.py", "class RandomCrop")]
    assert goals("epochs") == []


def test_a_signature_has_what_stands_beside_a_word() -> None:
    got = signature(RECIPE, RECIPE.index("0.1, betas"), found(RECIPE))
    assert got is not None
    assert got.label.startswith("AdamW(lr: 0.001, betas: [0.9, 0.999]")
    start, end, doc = got.parameters[got.active or 0]
    assert got.label[start:end].startswith("lr")
    assert "learning rate" in doc
    network = signature(RECIPE, RECIPE.index("num_classes"), found(RECIPE))
    assert network is not None
    assert network.label.startswith("mnist_cnn(")


def test_the_outline_has_every_key() -> None:
    outline = symbols.outline(reader.read(RECIPE))
    assert [part.name for part in outline] == [*tree.plain(reader.read(RECIPE))]
    transforms = next(part for part in outline if part.name == "transforms")
    assert [[each.name for each in part.inside] for part in transforms.inside] == [
        ["Pad"],
        ["RandomCrop", "RandomErasing"],
    ]


def test_the_network_can_be_noticed() -> None:
    assert [lens.title for lens in lenses.lenses(found(RECIPE))][1:] == ["draw", "source"]


def test_a_network_beside_the_recipe_is_offered_and_known(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(
        "spec: 1\nname: small\ninput: [1, 28, 28]\nparams: {width: 8}\nlayers: [{op: Flatten}]\n"
    )
    (tmp_path / "other.yaml").write_text(RECIPE)
    path, text = tmp_path / "mine.yaml", "recipe: 1\nnetwork: {name: ./small.yaml, params: {}}\n"
    analysis, at = found(text, path), text.index("./")
    names = {item.label for item in complete(text, at, analysis).items}
    assert "./small.yaml" in names
    assert "./other.yaml" not in names
    assert catalogue.names()[0] in names
    inside = text.index("{}") + 1
    assert {item.label for item in complete(text, inside, analysis).items} == {"width"}


@given(st.integers(0, len(RECIPE)), st.integers(0, 40), st.text("{}[]:,- \n#'\"$ab1", max_size=3))
def test_any_slip_is_reported_as_check_reports_it_and_leaves_the_editor_whole(at: int, more: int, put: str) -> None:
    text = RECIPE[:at] + put + RECIPE[at + more :]
    analysis = found(text)
    everything(text, min(at + len(put), len(text)), analysis)
    list(hints(analysis))
    lenses.lenses(analysis)
    symbols.outline(reader.read(text))


def test_what_is_written_without_snippets_is_plain() -> None:
    assert without_stops(offered("recipe: 1\noptimizer: |\n")["SGD"].insert) == "{op: SGD, lr: }"
