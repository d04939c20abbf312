"""What LaTeX makes of the pictures for it: one page each, whatever they hold."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest

import speczoo
from speczoo.drawing.diagram import Box, Diagram
from speczoo.drawing.files import Drawing
from speczoo.drawing.picture import Picture, picture
from speczoo.drawing.tikz import tikz
from tests.drawing.test_pictures import HOSTILE

NETWORKS = ("lenet5", "unet_2015", "googlenet", "vit_b_16", "yolov8n", "char_rnn")


def test_several_spaces_stay() -> None:
    text = "a  b   c d"
    assert r"a\ \ b\ \ \ c d" in tikz(holding(text))


def holding(text: str) -> Picture:
    """A picture that has a text wherever one stands."""
    ends = Box("", text, text, text, kind="terminal")
    box = Box(path=text, name=text, op=text, detail=text, kind="conv", shape=text, facts=(text,))
    return picture(Diagram((ends, box, ends), (), 1, 1), text, text, text)


def compiled(text: str, folder: Path) -> None:
    (folder / "net.tex").write_text(text)
    run = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "net.tex"]
    came = subprocess.run(run, cwd=folder, capture_output=True, check=False)
    assert came.returncode == 0, came.stdout[-2000:]
    assert b"1 page" in came.stdout
    assert b"Missing character" not in (folder / "net.log").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX here")
class TestCompiled:
    @pytest.mark.parametrize("style", ["boxes", "paper"])
    @pytest.mark.parametrize("name", NETWORKS)
    def test_networks(self, name: str, style: Literal["boxes", "paper"], tmp_path: Path) -> None:
        compiled(Drawing(speczoo.graph(name), style=style).text("tikz"), tmp_path)

    @pytest.mark.parametrize("text", HOSTILE, ids=ascii)
    def test_hostile_texts(self, text: str, tmp_path: Path) -> None:
        compiled(tikz(holding(text)), tmp_path)
