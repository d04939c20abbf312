"""Looking at data, finding a learning rate, predicting, evaluating, reporting, and the landscape."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from PIL import Image

from speczoo.training import data_preview, plots, recipe_loader
from speczoo.training.data import load
from speczoo.training.engine import loaders, train
from speczoo.training.errors import DataError, OptionError, RunError, TrainingError
from speczoo.training.evaluate import evaluate, predict
from speczoo.training.landscape import direction, landscape
from speczoo.training.lr_find import GRADIENT, TENTH, lr_find, suggest
from speczoo.training.run import Run
from tests.training.toys import corner, network, recipe


@pytest.fixture(scope="module")
def trained(corners: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    train(recipe(corners), model=network(), out=path, accelerator="cpu", quiet=True)
    return path


def test_the_run_holds_pictures_and_a_report_that_asks_for_nothing(trained: Path) -> None:
    for name in ("loss_and_accuracy", "predictions", "confusion_matrix"):
        assert (trained / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (trained / f"{name}.svg").read_text()
    sources: list[str] = []
    text: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            sources.extend(value or "" for key, value in attrs if key in ("src", "href"))

        def handle_data(self, data: str) -> None:
            text.append(data)

    Reader().feed((trained / "report.html").read_text())
    assert len(sources) >= 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "Confusion matrix" in text


def test_evaluation_agrees_with_the_run(trained: Path) -> None:
    run = Run.open(trained)
    found = evaluate(run.model(network()), load(run.recipe), run.recipe)
    assert found.results["accuracy"] == run.history[-1]["accuracy"]
    assert found.results["valid_loss"] == pytest.approx(run.history[-1]["valid_loss"], rel=1e-5)
    assert int(found.confusion.sum()) == 40
    wrong = found.predicted != load(run.recipe).valid.labels
    assert float(wrong.float().mean()) == pytest.approx(1 - found.results["accuracy"])


def test_predictions_have_names(trained: Path, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(9)
    for number in range(4):
        corner(number, generator).save(tmp_path / f"{number}.png")
    large = corner(3, generator).convert("RGB").resize((48, 48), Image.Resampling.NEAREST)
    large.save(tmp_path / "large.jpg", quality=95)
    found = predict(trained, [*(tmp_path / f"{i}.png" for i in range(4)), tmp_path / "large.jpg"], network())
    assert [p.label for p in found] == ["ne", "nw", "se", "sw", "sw"]
    assert all(math.isclose(sum(p.probabilities), 1, rel_tol=1e-5) for p in found)
    with pytest.raises(DataError, match="no image"):
        predict(trained, [tmp_path / "none.png"], network())
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DataError, match="cannot read"):
        predict(trained, [tmp_path / "text.png"], network())
    with pytest.raises(RunError, match="not a run"):
        predict(tmp_path, [tmp_path / "0.png"], network())


def test_looking_at_data(corners: Path, tmp_path: Path) -> None:
    chosen = recipe_loader.load(recipe(corners))
    dataset = load(chosen)
    facts = data_preview.describe(chosen, dataset)
    assert facts["splits"]["train"] == {"images": 120, "labels": [30] * 4}
    assert facts["batch"]["images"] == [20, 1, 12, 12]
    assert "120 images in train" in data_preview.shown(facts)[1]
    for path in data_preview.draw(chosen, dataset, tmp_path / "look"):
        assert path.stat().st_size > 1000


def test_both_suggestions_on_a_curve_that_is_known() -> None:
    """A loss that falls fastest at 1e-3 and is least at 1e-1, over 1e-5 to 1."""
    lrs = [10 ** (-5 + 5 * i / 200) for i in range(200)]
    losses = [2 - math.tanh(4 * (math.log10(lr) + 3)) + 5 * max(0.0, math.log10(lr) + 1) ** 2 for lr in lrs]
    found = suggest(lrs, losses)
    assert found[GRADIENT] == pytest.approx(1e-3, rel=0.1)
    assert found[TENTH] == pytest.approx(1e-2, rel=0.1)
    with pytest.raises(TrainingError, match="ran away"):
        suggest(lrs[:12], losses[:12])


def test_the_finder_leaves_the_network_alone_and_stops_when_the_loss_runs_away(corners: Path) -> None:
    chosen = recipe_loader.load(recipe(corners))
    model = network()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = lr_find(model, chosen, load(chosen), 1e-6, 1e4, 200)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert len(found.lrs) < 200
    assert 1e-4 < found.suggestions[GRADIENT] < 10
    assert plots.rates(found.lrs, found.losses, found.suggestions).axes


class Recorded(torch.nn.Module):
    """A bias whose gradient is the weighted count of outputs: the main one's, and half of an auxiliary one's."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.types = network(norm=False), set[torch.dtype]()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output = self.inner(x)
        self.types.add(output.dtype)
        return (output, 3 * output) if self.training else (output,)

    def __deepcopy__(self, memo: dict[int, object]) -> Recorded:
        return self  # so that the finder's copy can be looked at


@pytest.mark.parametrize("accumulate", [2, 3, 10**9])
def test_the_finder_takes_the_recipes_own_steps(corners: Path, accumulate: int) -> None:
    """Its losses are those of a plain loop with auxiliary outputs, accumulation within an epoch, and clipping."""
    changes = {"accumulate": accumulate, "gradient_clip": 0.5, "aux_weight": 0.5, "optimizer": {"op": "SGD", "lr": 1.0}}
    chosen = recipe_loader.load(recipe(corners, batch_size=60, **changes))
    found = lr_find(Recorded(), chosen, load(chosen), 1e-3, 1e-1, 20)
    model = network(norm=False)
    batches, _ = loaders(chosen, load(chosen))
    mean, expected = 0.0, []
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    for step in range(20):
        optimizer.param_groups[0]["lr"] = 1e-3 * 100 ** (step / 19)
        optimizer.zero_grad()
        total = 0.0
        for x, y in batches:  # two batches, an epoch, a step
            output = model(x)
            entropy = torch.nn.functional.cross_entropy
            loss = entropy(output, y) + 0.5 * entropy(3 * output, y)
            (loss / accumulate).backward()
            total += float(loss.detach()) / 2
        batches.epoch += 1
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        mean = 0.98 * mean + 0.02 * total
        expected.append(mean / (1 - 0.98 ** (step + 1)))
    assert found.losses == pytest.approx(expected, rel=1e-4)


def test_the_finder_computes_in_the_recipes_precision(corners: Path) -> None:
    for precision, type in (("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)):
        chosen = recipe_loader.load(recipe(corners, precision=precision))
        model = Recorded()
        lr_find(model, chosen, load(chosen), 1e-3, 1e-2, 20)
        assert model.types == {type}


def test_the_finder_tells_of_a_batch_of_one(corners: Path) -> None:
    chosen = recipe_loader.load(recipe(corners, batch_size=119))
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 4), torch.nn.BatchNorm1d(4))
    with pytest.raises(TrainingError, match="has one image"):
        lr_find(flat, chosen, load(chosen))


def test_directions_are_as_long_as_filters() -> None:
    model = network()
    drawn = direction(model, torch.Generator().manual_seed(0))
    for name, value in model.named_parameters():
        lengths = drawn[name].flatten(1).norm(dim=1) if value.ndim > 1 else drawn[name]
        expected = value.detach().flatten(1).norm(dim=1) if value.ndim > 1 else torch.zeros_like(value)
        assert torch.allclose(lengths, expected, rtol=1e-4)


def test_the_landscape_has_the_loss_in_its_middle_and_leaves_the_weights(trained: Path) -> None:
    run = Run.open(trained)
    model, dataset = run.model(network()), load(run.recipe)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    steps, losses = landscape(model, run.recipe, dataset, points=5, images=120)
    assert steps.tolist() == [-1, -0.5, 0, 0.5, 1]
    middle = evaluate(model, dataset, run.recipe, "train").results["valid_loss"]
    assert float(losses[2, 2]) == pytest.approx(middle, rel=1e-4)
    assert float(losses[0, 0]) > middle
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert plots.surfaces({"one": (steps, losses)}).axes
    with pytest.raises(OptionError, match="not a number"):
        landscape(model, run.recipe, dataset, points=3, reach=1e30, images=20)
