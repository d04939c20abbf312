"""What `zoo check` lets through trains to its end, or says in words why not, whatever a recipe says."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from speczoo.specs.errors import SpecError
from speczoo.training import recipe_loader
from speczoo.training.data import image_size, load
from speczoo.training.data_preview import describe
from speczoo.training.engine import check, train
from speczoo.training.errors import TrainingError
from speczoo.training.evaluate import predict
from speczoo.training.lr_find import lr_find
from speczoo.training.run import Run, build
from tests.training.recipes import images, recipes, write


def trained(recipe: Any, root: Path) -> None:
    result = train(recipe, data=root, out=root / "run", accelerator="cpu", report=False, quiet=True)
    assert result.epochs == recipe.epochs
    assert math.isfinite(result.loss)
    assert 0 <= result.accuracy <= 1
    run = Run.open(root / "run")
    assert all(value.isfinite().all() for value in run.weights().values())
    if recipe.data.dataset == "folder":
        assert len(predict(run, [root / "test" / "0.png"])) == 1


def looked_at(recipe: Any, root: Path) -> None:
    assert describe(recipe, load(recipe, root))["splits"]["train"]["images"] > 0


def searched(recipe: Any, root: Path) -> None:
    dataset = load(recipe, root)
    shape = image_size(recipe, dataset)
    model = build(recipe, list(shape))
    check(model, shape, dataset)
    found = lr_find(model, recipe, dataset, steps=16)
    assert all(map(math.isfinite, found.lrs))


@given(recipes(), images(), st.sampled_from([trained, trained, trained, looked_at, searched]))
def test_it_works_or_is_reported(text: dict[str, Any], drawn: dict[str, int], use: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, drawn)
        try:
            use(recipe_loader.load(text, home=root, with_network=True), root)
            return
        except (SpecError, TrainingError) as error:
            words = str(error)
    assert words
