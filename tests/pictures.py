"""The pictures of the documents, drawn by the tool: `tests.regenerate` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import speczoo
from speczoo.drawing.files import Drawing

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "zoo" / "drawing" / "pictures"


def pictures() -> Iterator[tuple[Path, Callable[[], str]]]:
    """Each file, and what makes its text."""
    yield FOLDER / "stage.svg", lambda: Drawing(speczoo.graph("resnet18"), first="layer2", last="layer2").text("svg")
    yield FOLDER / "skip.svg", partial(_example, ROOT / "README.md", "skip.yaml")
    yield (
        FOLDER / "inception.svg",
        lambda: Drawing(
            speczoo.graph("googlenet"), depth=3, first="inception3a", last="inception3a", horizontal=True
        ).text("svg"),
    )
    yield FOLDER / "unet.svg", lambda: Drawing(speczoo.graph("unet_2015"), style="paper").text("svg")
    yield (
        FOLDER / "changes.svg",
        lambda: Drawing(
            speczoo.graph("lenet5_c5"), first="conv_pool2", last="fc2", against=speczoo.graph("lenet5"), horizontal=True
        ).text("svg"),
    )


def _example(page: Path, name: str) -> str:
    """The picture of a spec that stands on a page."""
    found = re.search(rf"^```yaml {re.escape(name)}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None
    return Drawing(speczoo.graph(found[1])).text("svg")
