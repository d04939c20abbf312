"""Pictures and reports say what they show: ticks, labels, names, and whether what was expected was met."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import warnings
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from torch import nn

from speczoo import figures
from speczoo.figures import LONGEST, save
from speczoo.figures import shown as shown_as
from speczoo.specs import files
from speczoo.training import data_preview, metric_text, plots, recipe_loader, report
from speczoo.training import recipe as r
from speczoo.training.data import load
from speczoo.training.dataset import Dataset, LabelledImages
from speczoo.training.evaluate import Evaluation, evaluate
from speczoo.training.run import Run
from tests.training.toys import network, recipe

ROW = {"epoch": 0, "train_loss": 0.5, "valid_loss": 0.4, "accuracy": 0.9, "iou": 0.5, "lr": 0.1, "seconds": 0.0931461}


def ticks(axes: Any) -> list[float]:
    low, high = axes.get_xlim()
    return [tick for tick in axes.get_xticks() if low <= tick <= high]


@pytest.mark.parametrize("epochs", [1, 2, 3, 30])
def test_epochs_are_whole_numbers(epochs: int) -> None:
    history = [{**ROW, "epoch": epoch} for epoch in range(epochs)]
    for figure in (plots.curves(history, ["accuracy"]), plots.compare({"a": history})):
        for axes in figure.axes:
            assert ticks(axes)
            assert all(float(tick).is_integer() for tick in ticks(axes))


def test_runs_are_distinguished_by_the_shortest_name_that_does() -> None:
    runs = [
        ("a", Path("runs/a")),
        ("b", Path("runs/b")),
        ("b", Path("runs/b-2")),
        ("c", Path("x/c")),
        ("c", Path("y/c")),
    ]
    assert plots.names(runs) == ["a", "b", "b-2", "x/c", "y/c"]


#: What a folder may be called, and so a class or a run.
NAMES = st.one_of(
    st.sampled_from(["$_$", "$", "$x^$", "_x", "__", "a\nb", "a\tb", "שלום", "猫", "😀", "%", "%s", "\\", "\\frac",
                     "{}", "x" * 300, "W" * 255, "a b " * 20, "\x00", "\udcff", "\u202ex", " ", "A\u0301"]),
    st.text(min_size=1, max_size=40),
)  # fmt: skip


def drawn(figure: Figure) -> str:
    """Saves it both ways, with any warning an error; the texts of the SVG, without spaces."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="pyparsing|matplotlib", category=DeprecationWarning)
        figure.savefig(io.BytesIO(), format="png", dpi=20)
        page = io.BytesIO()
        figure.savefig(page, format="svg")
    found = "".join(ElementTree.fromstring(page.getvalue()).itertext())
    return "".join(found.split())


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@example(["$_$", "_x", "a\nb", "x" * 300])
@example(["\udcff", "{}", "\\frac", "%s"])
@settings(max_examples=1)
def test_every_name_is_drawn_as_it_is_written(names: list[str]) -> None:
    count = len(names)
    images, labels, zeros = torch.zeros(count, 1, 2, 2), torch.arange(count), torch.zeros(count)
    found = Evaluation({}, torch.ones(count, count, dtype=torch.long), labels.flip(0), zeros, zeros)
    steps = torch.linspace(-1, 1, 3)
    figures = [
        plots.confusion(found.confusion, names),
        plots.predictions(images, labels, found, names),
        plots.compare({name: [ROW] for name in names}),
    ]
    surfaces = plots.surfaces({name: (steps, torch.ones(3, 3)) for name in names[:2]})
    assert all("".join(shown_as(name).split()) in drawn(surfaces) for name in names[:2])
    if count > 1:
        worst = plots.worst(images, labels, found, names)
        assert worst is not None
        drawn(worst)
    for figure in figures:
        texts = drawn(figure)
        for name in names:
            assert "".join(shown_as(name).split()) in texts


@given(NAMES)
def test_a_name_is_shown_on_one_line_and_changed_only_where_it_must(name: str) -> None:
    shown = shown_as(name)
    assert shown.isprintable()
    assert len(shown) <= LONGEST
    assert (shown == name) == (name.isprintable() and len(name) <= LONGEST)


def test_a_picture_goes_where_it_was_asked_to(tmp_path: Path) -> None:
    """Another suffix is part of the name: `a.xyz` leaves `a.png` alone."""
    figure = plots.curves([ROW], ["accuracy"])
    for name, written in (("a.png", "a"), ("b.svg", "b"), ("c", "c"), ("a.xyz", "a.xyz"), ("v1.2", "v1.2")):
        assert save(figure, tmp_path / name) == [tmp_path / f"{written}.png", tmp_path / f"{written}.svg"]


def test_surfaces_have_labels() -> None:
    steps = torch.linspace(-1, 1, 5)
    figure = plots.surfaces({"one": (steps, torch.rand(5, 5) + 0.1), "two": (steps, torch.rand(5, 5) + 0.1)})
    assert len(figure.axes) == 4
    assert plots.surfaces({"flat": (steps, torch.ones(5, 5))}).axes
    for axes in figure.axes:
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("first direction", "second direction")


def test_the_original_is_beside_what_augmentation_makes_of_it(corners: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {"augment": [{"op": "RandomErasing", "p": 1.0}]}
    chosen = recipe_loader.load(recipe(corners, transforms=steps))
    dataset = load(chosen)
    drawn = {}
    monkeypatch.setattr(figures, "save", lambda figure, path, **how: drawn.update({path.name: figure}) or [])
    data_preview.draw(chosen, dataset, corners)
    pictures = [np.asarray(axes.images[0].get_array()) for axes in drawn["augmented"].axes]
    original = dataset.train.images[0, 0].numpy()
    assert len(pictures) == 9
    assert (pictures[0] == original).all()
    assert not any((picture == original).all() for picture in pictures[1:])
    assert drawn["augmented"].axes[0].get_title() == "as it is"


def run(chosen: r.Recipe, folder: Path) -> Run:
    facts = {"recipe": chosen.model_dump(mode="json", exclude_unset=True), "torch": "2", "lightning": "2"}
    (folder / "history.json").write_text(json.dumps([ROW]))
    return Run(folder, facts)


def read(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page))


@pytest.mark.parametrize(("wanted", "verdict"), [(0.0, "met"), (1.0, "missed")])
def test_a_report_is_about_what_the_recipe_expects(corners: Path, tmp_path: Path, wanted: float, verdict: str) -> None:
    chosen = recipe_loader.load(recipe(corners, expect={"iou": wanted}, metrics=["accuracy", "iou"]))
    found = evaluate(network(), load(chosen), chosen)
    shown = read(report.page(run(chosen, tmp_path), chosen, found, {"loss": 0.4, "epochs": 1, "seconds": 200.2}, {}))
    assert re.search(r"corners \d\.\d{3} mean IoU on the validation split", shown)
    assert f"Expected mean IoU: {wanted:.3f}, {verdict}" in shown
    assert re.search(r"accuracy \d+\.\d\d %", shown)
    assert "seconds 3 min 20 s" in shown
    assert "0 0.5000 0.4000 90.00 % 0.500 0.09 s" in shown, "the row of an epoch"


def test_a_report_holds_the_picture_of_its_network(corners: Path, tmp_path: Path) -> None:
    chosen = recipe_loader.load(recipe(corners, network="lenet5"))
    of_run = run(chosen, tmp_path)
    found = evaluate(network(), load(chosen), chosen)
    assert "the network" not in report.page(of_run, chosen, found, {}, {}), "its input is not known"
    of_run.facts["input"] = [1, 32, 32]
    page = report.page(of_run, chosen, found, {}, {})
    (data,) = re.findall("alt='the network' src='data:image/svg\\+xml;base64,([^']*)'", page)
    root = ElementTree.fromstring(base64.b64decode(data))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"input", "output", "Conv2d"} <= set(texts)


def test_without_a_goal_the_first_metric_leads(corners: Path, tmp_path: Path) -> None:
    chosen = recipe_loader.load(recipe(corners))
    found = evaluate(network(), load(chosen), chosen)
    shown = read(report.page(run(chosen, tmp_path), chosen, found, {}, {}))
    assert re.search(r"corners \d+\.\d\d % accuracy on the validation split", shown)
    assert "Expected" not in shown


def test_images_without_labels_are_distinguished_in_a_table(corners: Path, tmp_path: Path) -> None:
    chosen = recipe_loader.load(
        recipe(corners, data={"dataset": "folder", "root": str(corners), "mode": "L", "test": "test"})
    )
    dataset = load(chosen)
    report.write(run(chosen, tmp_path), network(), dataset, chosen, {})
    assert "Test images" in read((tmp_path / "report.html").read_text())
    rows = list(csv.DictReader((tmp_path / "test.csv").open()))
    assert [row["image"] for row in rows] == [str(corners / "test" / f"{i}.png") for i in range(3)]
    assert {row["label"] for row in rows} <= set(dataset.classes)
    assert all(0.25 <= float(row["probability"]) <= 1 for row in rows)
    assert (tmp_path / "test_images.png").is_file()


#: Class names, titles and keys of a stranger: markup to HTML, to SVG and to their comments, and what reorders text.
MARKUP = ["<script>x</script>", "'\"><img src=x onerror=x>", "--><b>", "]]>&amp;", "\u202eexe\x1b[31m\n\x00", "\udcff"]


class Tags(HTMLParser):
    """The elements of a page with the names of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, *(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_report_has_no_markup_but_its_own(corners: Path, tmp_path: Path) -> None:
    """Whatever texts say, the page has the same elements; it is UTF-8, and shows them in the order of writing."""
    pages = []
    for texts in ([f"plain {i}" for i in range(len(MARKUP) - 1)], MARKUP[:-1]):  # a recipe holds whole characters
        chosen = recipe_loader.load(recipe(corners)).model_copy(
            update={"title": "".join(texts), "published": dict.fromkeys(texts, 50.0)}
        )
        dataset, model = load(chosen), network()
        made = run(chosen, tmp_path)
        made.facts.update(torch=texts[1], lightning=texts[2])
        found = evaluate(model, dataset, chosen)
        pages.append(Tags(report.page(made, chosen, found, found.results, {})))
        "".join(pages[-1].texts).encode()
    assert pages[0].found == pages[1].found
    shown = "".join(pages[1].texts)
    assert "<script>x</script>" in shown
    assert shown.replace("\n", "").isprintable()


def test_a_picture_has_no_markup_but_its_own(tmp_path: Path) -> None:
    """In SVG texts are texts: what draws a class, a run or a title is XML, with the elements of any other."""
    images, labels = torch.zeros(6, 1, 8, 8), torch.arange(6)
    zeros = torch.zeros(6)
    found = Evaluation({}, torch.eye(6, dtype=torch.long), labels.flip(0), zeros, zeros)
    steps = torch.linspace(-1, 1, 3)

    def elements(texts: list[str]) -> list[set[tuple[str, ...]]]:
        worst = plots.worst(images, labels, found, texts)
        assert worst is not None
        figures = [
            plots.confusion(found.confusion, texts),
            plots.predictions(images, labels, found, texts),
            worst,
            plots.compare({text: [ROW] for text in texts}),
            plots.surfaces({text: (steps, torch.ones(3, 3)) for text in texts[:2]}),
        ]
        out = []
        for figure in figures:
            _, drawn = save(figure, tmp_path / "picture", replacing=partial(files.replacing, over=True))
            page = drawn.read_text(encoding="utf-8")
            assert page.replace("\n", "").isprintable()
            out.append({(e.tag, *sorted(e.attrib)) for e in ElementTree.fromstring(page).iter()})
        return out

    plain = elements([f"plain {i}" for i in range(len(MARKUP))])
    for before, after in zip(plain, elements(MARKUP), strict=True):
        assert {tag for tag, *_ in after} <= {tag for tag, *_ in before}


def test_a_few_canvases_are_enough_for_a_report() -> None:
    """Fewer than the picture has rows for."""
    few = LabelledImages(torch.zeros(3, 1, 32, 32, dtype=torch.uint8), torch.zeros(3, 32, 32, dtype=torch.long))
    dataset = Dataset(few, few, ("background", "digit"), mean=(0.0,), std=(1.0,))
    chosen = recipe_loader.load("unet_digits")
    model = nn.Conv2d(1, 2, 1)
    assert report.pictures(model, dataset, chosen, evaluate(model, dataset, chosen))["Predictions"].axes


@pytest.mark.parametrize(
    ("seconds", "stated"),
    [(0.0931461, "0.09 s"), (12.4, "12 s"), (59.7, "1 min 0 s"), (200.2, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, stated: str) -> None:
    assert metric_text.duration(seconds) == stated
