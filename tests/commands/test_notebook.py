"""What shows itself: networks, modules, sources and summaries in a notebook, and everything in a line of text."""

from __future__ import annotations

import copy
import pickle
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch

import speczoo
from speczoo.compiler.composite import Composite
from speczoo.compiler.emit.source_text import SourceText
from speczoo.compiler.folded_html import FoldedLine, folded, folded_text
from tests.commands.zoo_command import zoo

VOID = {"br", "rect", "path", "polygon"}
HOSTILE = ["<script>alert(1)</script>", "\u202eexe", "\x1b[31m", "a & b", "</details>", "'\"`"]


class Page(HTMLParser):
    """A fragment whose elements are closed in order: its texts, and how often each element stands there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.open += [tag] if tag not in VOID else []

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_all_of_a_network_shows_itself_folded() -> None:
    shown = {
        "graph": speczoo.graph("resnet18"),
        "summary": speczoo.summary("resnet18"),
        "source": speczoo.source("resnet18"),
        "model": speczoo.build("resnet18", seed=0),
    }
    for name, value in shown.items():
        page = Page(value._repr_html_())
        assert page.tags.count("details") >= 1, name
        assert value._repr_html_().isascii()
        assert "layer1" in page.text
    assert "11,689,512 parameters" in Page(shown["model"]._repr_html_()).text
    for text in ("layer1: group", "64x56x56", "conv1: Conv2d"):
        assert text in Page(shown["graph"]._repr_html_()).text


def entries(composite: Composite) -> int:
    there = [node.body for node in composite.nodes if node.body is not None]
    return len(there) + sum(entries(body) for body in there if isinstance(body, Composite))


def test_every_entry_is_in_the_tree_of_a_graph_and_every_module_in_that_of_a_model() -> None:
    graph, model = speczoo.graph("mnist_resnet"), speczoo.build("mnist_resnet")
    tree = Page(graph._repr_html_())
    assert tree.tags.count("li") == entries(graph.root)
    module = Page(model._repr_html_())
    assert module.tags.count("li") == sum(1 for _ in model.modules()) - 1


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_texts_are_texts(text: str) -> None:
    for made in (folded(text, [FoldedLine(text, [FoldedLine(text)])]), folded_text(text, f"{text}\n{text}")):
        page = Page(made)
        assert set(page.tags) <= {"details", "summary", "b", "ul", "li", "code", "pre"}
        assert "\x1b" not in made
        assert "\u202e" not in page.text


def test_a_source_is_a_string() -> None:
    source = speczoo.source("lenet5")
    assert isinstance(source, SourceText)
    assert source.startswith('"""lenet5')
    assert source == str(source) == zoo("source", "lenet5").stdout
    assert repr(source).startswith("<Source of lenet5: ")
    compile(source, "net.py", "exec")


@pytest.mark.filterwarnings("ignore")  # of tracing
def test_a_module_that_shows_itself_copies_and_pickles() -> None:
    model = speczoo.build("lenet5", seed=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other._repr_html_() == model._repr_html_()
    assert torch.jit.trace(model, torch.zeros(1, 1, 32, 32)) is not None


@pytest.mark.parametrize("name", ["resnet34", "cifar_resnet1202", "gpt2_124m", "yolov8x"])
def test_reprs_are_short(name: str) -> None:
    graph = speczoo.graph(name)
    rows = speczoo.summary(name)
    found = speczoo.diff(name, "resnet18")
    values = [
        graph, graph.root, graph.root.wiring, graph.root.nodes[0], graph.settings, graph.unit, graph.spec, rows,
        rows.layers[0], found, found.changes[0], found.changes[0].after or found.changes[0].before,
        speczoo.source(name), speczoo.draw(graph), speczoo.sizes("lenet5"),
    ]  # fmt: skip
    assert {type(value).__name__: len(repr(value)) for value in values if len(repr(value)) >= 200} == {}


def test_a_summary_as_a_page() -> None:
    page = zoo("summary", "lenet5", "--html").stdout
    assert page == zoo("summary", "lenet5", "--format", "html").stdout
    assert "details" in Page(page).tags


@pytest.mark.filterwarnings("ignore")  # of tracing
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet18", (3, 64, 64)),
        pytest.param("unet", (3, 32, 32), marks=pytest.mark.alike),
        ("vit_b_32", (3, 224, 224)),
        ("char_rnn", (50,)),
    ],
)
def test_tensorboard_shows_the_graph(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Without gradients: tracing runs twice, and torch's MultiheadAttention goes another way the second time, else."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    model = speczoo.build(name).eval()
    dtype = torch.int64 if name == "char_rnn" else torch.float32
    with torch.no_grad(), SummaryWriter(str(tmp_path)) as writer:
        writer.add_graph(model, torch.zeros(1, *shape, dtype=dtype))
    events = EventAccumulator(str(tmp_path)).Reload()
    names = " ".join(node.name for node in events.Graph().node)
    children = [child for child, module in model.named_children() if next(module.parameters(), None) is not None]
    assert children
    assert all(f"[{child}]" in names for child in children)
