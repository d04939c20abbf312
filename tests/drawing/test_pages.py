"""The page of a network, in a real browser: what it shows is the picture, and every path leads to its layer."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import speczoo
from speczoo.__main__ import cli
from speczoo.drawing.files import Drawing
from speczoo.drawing.picture import rectangles

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """What a network's page holds when the browser has run it, once for each."""
    folder = tmp_path_factory.mktemp("pages")

    @cache
    def load(name: str, place: str = "", depth: int | None = None) -> str:
        path = folder / f"{name}-{depth}.html"
        if not path.exists():
            path.write_text(Drawing(speczoo.graph(name), depth).text("html"), encoding="utf-8")
        assert BROWSER is not None
        asked = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"]
        profile = f"--user-data-dir={folder / 'profile'}"
        ran = subprocess.run(
            [*asked, profile, "--dump-dom", f"{path.as_uri()}{place}"], capture_output=True, check=True
        )
        return ran.stdout.decode()

    return load


def boxes(page: str) -> dict[str, tuple[float, float, float, float]]:
    """The boxes of the page by their paths: the one in front of each."""
    found = {}
    for group in re.finditer(r'<g class="box[^"]*" data-key="[^"]*" data-path="([^"]*)"(.*?)</g>', page, re.DOTALL):
        if "aria-label" in group[2]:
            rects = re.findall(
                r'<rect class="(?!head)[^"]*" x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)"', group[2]
            )
            found[html.unescape(group[1])] = tuple(map(float, rects[-1]))
    return found  # type: ignore[return-value]


@browser
@pytest.mark.parametrize(("name", "depth"), [("resnet18", None), ("unet", None), ("googlenet", 99), ("unet_2015", 99)])
def test_the_page_shows_the_picture(name: str, depth: int | None, shown: Callable[..., str]) -> None:
    """Each box is as large as in the file of the picture, and stands where it does, but for the page's corner."""
    page = boxes(shown(name, depth=depth))
    expected = {}
    for rectangle in rectangles(Drawing(speczoo.graph(name), depth).picture.shapes):
        assert rectangle.about is not None
        if rectangle.about.kind != "terminal":
            expected[rectangle.about.path] = (rectangle.x, rectangle.y, rectangle.width, rectangle.height)
    assert set(page) == set(expected)
    first = next(iter(expected))
    dx, dy = (page[first][i] - expected[first][i] for i in (0, 1))
    for path, (x, y, width, height) in expected.items():
        assert page[path] == pytest.approx((x + dx, y + dy, width, height), abs=0.01), path


@browser
def test_a_path_leads_to_its_layer(shown: Callable[..., str]) -> None:
    """The blocks around it are unfolded, and what there is to know of it is shown."""
    place = "layer3.0.downsample.0"
    folded, there = shown("resnet18"), shown("resnet18", f"#{place}")
    assert place not in boxes(folded)
    assert place in boxes(there)
    about = re.search(r'<div id="about"[^>]*>(.*?)</div>\s*<script', there, re.DOTALL)
    assert about is not None
    for words in ("Conv2d", "out_channels: 256", "32,768 parameters", "6,422,528 MACs", "sees ", "resnet.yaml:"):
        assert words in about[1]
    assert re.search(rf'class="box[^"]*chosen[^"]*" data-key="[^"]*" data-path="{re.escape(place)}"', there)


@browser
def test_a_large_network_is_on_the_page_at_once(shown: Callable[..., str]) -> None:
    assert len(boxes(shown("cifar_resnet1202"))) > 10


def test_a_page_holds_its_data_and_nothing_else_from_elsewhere() -> None:
    page = Drawing(speczoo.graph("lenet5")).text("html")
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)
    data = json.loads(re.search(r"const DATA = (\{.*?\});\n", page)[1])  # type: ignore[index]
    labels = [box["label"] for each in data["lists"] for box in each["boxes"] if box["kind"] == "conv"]
    assert labels == ["Conv2d 6, 5\u00d75", "Conv2d 16, 5\u00d75"]


def test_texts_of_strangers_end_no_script(tmp_path: Path) -> None:
    text = "</script><script>alert(1)</script><!--"
    spec: dict[str, Any] = {"spec": 1, "name": "n", "title": text, "input": [4], "layers": [{"op": "ReLU"}]}
    page = Drawing(speczoo.graph(spec)).text("html")
    assert page.count("<script") == page.count("</script") == 1
    assert "alert(1)" in page
    assert "<!--" not in page


def test_the_page_of_a_wrong_spec_says_what_is_wrong(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("spec: 1\nname: n\ninput: [4]\nlayers:\n  - {op: Linear, out_feature: 3}\n")
    out = tmp_path / "net.html"
    result = CliRunner().invoke(cli, ["draw", str(spec), "-o", str(out)])
    assert result.exit_code == 1
    page = out.read_text()
    assert "unknown-argument" in page
    assert "out_feature: 3" in page
    assert "^^^^^^^^^^^" in page
