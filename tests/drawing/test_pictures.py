"""Pictures of networks, by their coordinates and their files: nothing stands over anything else, nothing is cut off."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo import catalogue
from speczoo.compiler.flat import flat
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Layer
from speczoo.drawing.diagram import READABLE, Box, Diagram, connections, depth_of, folded, readable
from speczoo.drawing.files import Drawing
from speczoo.drawing.formats import FORMATS
from speczoo.drawing.layout import BoxLink, DiagramLayout, Extent, grid
from speczoo.drawing.network import NoSuchPart, diagram
from speczoo.drawing.ordering import best_order, good_order
from speczoo.drawing.palette import kind_of
from speczoo.drawing.picture import DrawnText, Rectangle, picture, rectangles
from speczoo.drawing.text import shortened, width
from speczoo.testing import networks
from tests.drawing.geometry import faults
from tests.families import LONG, graph_of


def families() -> list[Any]:
    """Every network; without --slow one of a family."""
    visited: set[Any] = set()
    found = []
    for name, (path, _) in catalogue.index().items():
        found.append(
            pytest.param(name, marks=() if path.stem not in LONG and path not in visited else pytest.mark.slow)
        )
        visited.add(path)
    return found


@cache
def diagram_of(name: str) -> Diagram:
    return diagram(graph_of(name))


every = pytest.mark.parametrize("name", families())
EXTENT = Extent(10.0, 20.0, 20.0)  # of each box, where sizes do not matter


@every
@pytest.mark.parametrize("horizontal", [False, True], ids=["down", "right"])
def test_nothing_stands_over_anything_else(name: str, horizontal: bool) -> None:
    graph = graph_of(name)
    for depth in (None, 1, 2):
        page = Drawing(graph, depth, horizontal=horizontal).picture
        assert list(faults(page)) == []


@given(networks(), st.booleans(), st.sampled_from([None, 1, 9]))
def test_nothing_stands_over_anything_else_in_networks_at_random(
    spec: dict[str, Any], horizontal: bool, depth: int | None
) -> None:
    graph = speczoo.graph(spec)
    assert list(faults(Drawing(graph, depth, horizontal=horizontal).picture)) == []


def test_no_line_runs_through_a_block_that_stands_beside_several_layers() -> None:
    """Experts beside a gate of several layers, whose values are cut out and lead to each of them: what stands between
    the gate and a cut moves away."""
    experts = [
        {"id": f"e{i}", "from": "norm", "layers": [{"op": "Linear", "out_features": 8}, {"op": "GELU"}]}
        for i in (0, 1, 2)
    ]
    cuts = [{"id": f"w{i}", "op": "slice", "from": "soft", "dim": -1, "start": i, "stop": i + 1} for i in (0, 1, 2)]
    products = [{"id": f"m{i}", "op": "mul", "broadcast": True, "from": [f"e{i}", f"w{i}"]} for i in (0, 1, 2)]
    gate = [
        {"id": "gate", "op": "Linear", "out_features": 3, "from": "norm"},
        {"id": "soft", "op": "Softmax", "dim": -1},
    ]
    layers = [{"id": "norm", "op": "LayerNorm", "normalized_shape": 8}, *gate]
    layers += [layer for three in zip(experts, cuts, products, strict=True) for layer in three]
    layers += [{"id": "sum", "op": "add", "from": ["m0", "m1", "m2", "input"]}]
    graph = speczoo.graph({"spec": 1, "name": "experts", "input": [4, 8], "layers": layers})
    for horizontal in (False, True):
        assert list(faults(Drawing(graph, horizontal=horizontal).picture)) == []


@given(networks())
def test_every_layer_and_every_value_is_in_the_diagram(spec: dict[str, Any]) -> None:
    graph = speczoo.graph(spec)
    made = diagram(graph)
    inner = [box for box in made.walk() if box.inside is None and box.kind != "terminal"]
    if not any(box.count > 1 and box.inside is not None for box in made.walk()):
        assert sum(box.count for box in inner) == len(graph.rows)
    if all(box.count == 1 for box in made.walk()):
        values = {(a, b) for a, b, _ in flat(graph).edges}
        drawn = {(a.path or a.op, b.path) for a, b in connections(made) if b.kind != "terminal"}
        assert drawn == values
        assert {box.path for box in inner} <= set(flat(graph))


def layout(boxes: list[Extent], links: list[BoxLink], first: int = 0, last: int = 0) -> DiagramLayout:
    cells = grid(boxes, links, first, last)
    return cells.placed(good_order(cells))


def lists(made: Diagram) -> Iterator[tuple[Diagram, list[Extent], list[BoxLink]]]:
    """A diagram and those inside it, with boxes of one size."""
    for each in (made, *(box.inside for box in made.walk() if box.inside is not None)):
        yield each, [EXTENT] * len(each.boxes), [*each.links]


@every
def test_the_main_path_is_straight(name: str) -> None:
    """There is a way from the top to the bottom of each list along one line."""

    for made, extents, links in lists(diagram_of(name)):
        placed = layout(extents, links, made.inputs, made.outputs)
        on_line = {i for i, spot in enumerate(placed.spots) if spot.across == 0}
        reached = {i for i in range(made.inputs) if i in on_line} or on_line
        ends = [hop for hop in placed.hops if hop.left == hop.entered == 0]
        depth = max((hop.end for hop in ends), default=0)
        assert reached
        assert not ends or depth >= max(spot.along for spot in placed.spots) - 1e-6


@every
def test_few_lines_cross(name: str) -> None:
    """No more than in the best of orders that a longer search finds, from eight starts."""

    for made, extents, links in lists(diagram_of(name)):
        best = fewest(len(extents), tuple(links), made.inputs, made.outputs)
        assert layout(extents, links, made.inputs, made.outputs).crossings <= best


@cache
def fewest(boxes: int, links: tuple[BoxLink, ...], first: int, last: int) -> float:
    """The crossings of the best order that is found; of lists too small or too large for a search, infinite."""
    cells = grid([EXTENT] * boxes, [*links], first, last)
    columns = list(range(len(cells.columns)))
    if not 1 < len(columns) <= 40:
        return math.inf
    dice = random.Random(0)
    starts = [dice.sample(columns, len(columns)) for _ in range(8)]
    return min(cells.crossings(best_order(cells.cost, start, 2000)) for start in starts)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda s: s._replace(x=s.x + 60), "overlap|runs through|leaves the page|beside it|does not hold it"),
        (lambda s: s._replace(height=s.height + 40), "overlap|runs through"),
        (lambda s: s._replace(width=10), "beside it"),
    ],
)
def test_a_fault_is_noticed(broken: Any, fault: str) -> None:
    page = Drawing(speczoo.graph("mnist_resnet")).picture
    leaves = [r for r in rectangles(page.shapes) if r.about is not None and r.about.kind == "conv"]
    for leaf in leaves:
        shapes = tuple(broken(shape) if shape is leaf else shape for shape in page.shapes)
        assert any(re.search(fault, found) for found in faults(replace(page, shapes=shapes)))


@st.composite
def drawn(draw: st.DrawFn) -> tuple[list[Extent], list[BoxLink]]:
    """Boxes of all sizes, and links from earlier to later ones."""
    count = draw(st.integers(1, 14))
    size = st.floats(0, 60)
    boxes = [Extent(draw(size), draw(size), draw(size), ranks=draw(st.integers(1, 4))) for _ in range(count)]
    links = [
        BoxLink(draw(st.integers(0, target - 1)), target, draw(st.integers(0, 1)), position)
        for target in range(1, count)
        for position in range(draw(st.integers(0, 3)))
    ]
    return boxes, links


@given(drawn())
def test_boxes_stand_apart_and_lines_beside_them(given: tuple[list[Extent], list[BoxLink]]) -> None:
    boxes, links = given
    placed = layout(boxes, links, 1)
    areas = [
        Rectangle(spot.across - box.before, spot.along, box.before + box.after, box.along, str(i))
        for i, (spot, box) in enumerate(zip(placed.spots, boxes, strict=True))
    ]
    for i, a in enumerate(areas):
        for b in areas[i + 1 :]:
            apart = (
                a.x + a.width <= b.x + 1e-6
                or b.x + b.width <= a.x + 1e-6
                or a.y + a.height <= b.y + 1e-6
                or b.y + b.height <= a.y + 1e-6
            )
            assert apart
    for hop in placed.hops:
        assert hop.start <= hop.bend + 1e-6
        assert hop.bend <= hop.land
        assert hop.land <= hop.end + 1e-6
        for straight, low, high in ((hop.left, hop.start, hop.bend), (hop.entered, hop.land, hop.end)):
            for area in areas:
                through = area.x + 1e-6 < straight < area.x + area.width - 1e-6
                assert not (through and area.y + 1e-6 < high and low < area.y + area.height - 1e-6)
    carried = defaultdict(list)
    for hop in placed.hops:
        for number in hop.links:
            carried[number].append(hop)
    assert set(carried) == set(range(len(links)))
    for number, link in enumerate(links):
        way = sorted(carried[number], key=lambda hop: hop.start)
        assert way[0].start == pytest.approx(placed.spots[link.source].along + boxes[link.source].along)
        assert way[-1].end == pytest.approx(placed.spots[link.target].along)
        assert all(a.end == pytest.approx(b.start) and a.entered == b.left for a, b in zip(way, way[1:], strict=False))


def test_a_skip_runs_beside_what_it_skips_and_a_concat_joins() -> None:
    """Of a residual block: the convolutions stand in a line, the skip beside it."""
    page = Drawing(speczoo.graph("resnet18"), first="layer1.0.conv1", last="layer1.0.sum").picture
    boxes = {box.about.op: box for box in rectangles(page.shapes) if box.about is not None}
    middles = {round(box.x + box.width / 2, 3) for op, box in boxes.items()}
    assert len(middles) == 1
    assert {"Conv2d", "BatchNorm2d", "ReLU", "add"} <= set(boxes)


def test_layers_have_a_kind() -> None:
    """What is no more than a function has none, and of torch's modules distances and unpooling alone; a new family of
    layers gets a colour.
    """
    speczoo.graph("lenet5")  # all layers are known then
    plain = {"CosineSimilarity", "PairwiseDistance", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"}
    for op, layer in Layer.registry.items():
        if layer.__module__.startswith("speczoo.") and (layer.can_have_weights() or op[0].isupper()):
            kind = kind_of(layer.__module__.rpartition(".")[2], op)
            assert (kind in ("function", "custom")) == (op in plain), op


# -- files ------------------------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "]]>",
    '"; }',
    "\u202eexe",
    "a\nb",
    "%\\write18{x}",
    "&amp;",
    "\x1b[31m",
    "漢字" * 40,
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_texts_are_texts_in_every_format(text: str) -> None:
    """Titles, names and arguments come from strangers, and from Python: what they hold is drawn as it is written."""
    box = Box(path=text, name=text, op=text, detail=text, kind="conv", shape=text, facts=(text,))
    ends = Box("", text, text, text, kind="terminal")
    made = Diagram((ends, box, ends), (), 1, 1)
    page = picture(made, text, text, text)
    from speczoo.drawing.dot import dot
    from speczoo.drawing.mermaid import mermaid
    from speczoo.drawing.svg import svg
    from speczoo.drawing.tikz import tikz

    root = ElementTree.fromstring(svg(page))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "text", "path", "polygon"}
    graphviz = dot(made, text)
    assert re.fullmatch(r'(?:[^"\\]|"(?:[^"\\]|\\.)*")*', graphviz)
    assert '"' not in re.sub(r'"(?:[^"\\]|\\.)*"', "", graphviz)
    for line in mermaid(made).splitlines()[1:]:
        assert re.fullmatch(r'[\w\s:]*(?:[(\[]+"[^"<>\n]*"[)\]]+)?[\w:]*|.*classDef.*|.*-->.*', line), line
    for line in tikz(page).splitlines():
        assert "write18" not in line or r"\textbackslash{}write18" in line
    assert all("\x1b" not in out and "\u202e" not in out for out in (svg(page), graphviz, mermaid(made), tikz(page)))


@pytest.mark.parametrize("form", sorted(set(FORMATS.values())))
def test_equal_networks_give_equal_files(form: str) -> None:
    pytest.importorskip("matplotlib")
    spec = {
        "spec": 1,
        "name": "n",
        "input": [3, 8, 8],
        "layers": [{"op": "Conv2d", "out_channels": 4, "kernel_size": 3}],
    }
    first, second = (Drawing(speczoo.graph(dict(spec))).file(form) for _ in range(2))
    assert first == second
    assert len(first) > 100


@every
def test_every_network_in_every_format_of_text(name: str) -> None:
    made = Drawing(graph_of(name))
    root = ElementTree.fromstring(made.text("svg"))
    page = made.picture
    assert float(root.attrib["width"]) == pytest.approx(page.width, abs=0.1)
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [shape.text for shape in page.shapes if isinstance(shape, DrawnText)]
    for form in ("dot", "mermaid", "tikz"):
        assert made.text(form)


def test_a_png_is_as_large_as_its_picture() -> None:
    pytest.importorskip("matplotlib")
    import io

    from PIL import Image

    made = Drawing(speczoo.graph("lenet5"))
    image = Image.open(io.BytesIO(made.file("png")))
    assert image.size == pytest.approx((2 * made.picture.width, 2 * made.picture.height), abs=2)
    assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 20


@given(st.text(max_size=40), st.floats(5, 200))
def test_a_shortened_text_is_short_enough(text: str, most: float) -> None:
    found = shortened(text, most, 10.0)
    assert found == text or found.endswith("\u2026")
    assert width(found, 10.0) <= most or found == "\u2026"


# -- what is drawn ----------------------------------------------------------------------------------------------------


def test_without_a_depth_as_much_is_unfolded_as_is_readable() -> None:
    for name in ("lenet5", "resnet152", "densenet201", "cifar_resnet1202"):
        whole = diagram_of(name)
        made = readable(whole)
        deeper = folded(whole, depth_of(made) + 1)
        assert made.size <= READABLE or depth_of(made) == 1
        assert deeper.size > READABLE or deeper.size == made.size


@every
def test_every_box_says_what_it_is(name: str) -> None:
    """By a name, an op or a sign; and what leaves a block by several lines stands at none of them."""
    for box in diagram_of(name).walk():
        assert box.line or box.kind == "terminal"
        assert not (box.beside and box.inside is not None and box.inside.outputs > 1)


def test_equal_blocks_in_a_row_are_one_box() -> None:
    made = folded(diagram(speczoo.graph("resnet34")), 2)
    layer3 = next(box for box in made.boxes if box.name == "layer3")
    assert layer3.inside is not None
    counts = [box.count for box in layer3.inside.boxes if box.kind != "terminal"]
    assert counts == [1, 5]


def part(graph: Graph, first: str, last: str) -> list[str]:
    made = Drawing(graph, 1, first, last).diagram
    return [box.name for box in made.boxes if box.kind != "terminal"]


def test_a_part_of_a_network() -> None:
    graph = speczoo.graph("resnet18")
    assert part(graph, "layer2", "layer3") == ["layer2", "layer3"]
    assert part(graph, "layer4", "") == ["layer4", "avgpool", "flatten", "fc"]
    assert part(graph, "", "bn1") == ["conv1", "bn1"]
    assert part(graph, "layer1.0.conv2", "layer1.0.sum") == ["conv2", "bn2", "sum"]
    left_out = Drawing(speczoo.graph("lenet5_c5"), first="conv_pool2", last="fc2").diagram  # fc1 is, and reads flatten
    assert (left_out.inputs, left_out.outputs) == (1, 1)
    for first, last, words in (
        ("layer9", "", "there is no `layer9` in resnet18: did you mean"),
        ("fc", "conv1", "no way leads from `fc` to `conv1`"),
        ("layer1.0.conv1", "fc", "two lists"),
        ("conv1.weight", "", "`conv1` is a layer, and has nothing inside"),
    ):
        with pytest.raises(NoSuchPart, match=re.escape(words)):
            part(graph, first, last)


def test_from_python(tmp_path: Path) -> None:
    drawing = speczoo.draw("lenet5", depth=1)
    drawing.save(tmp_path / "net.svg", tmp_path / "net.MMD")
    assert (tmp_path / "net.svg").read_text() == drawing._repr_svg_() == drawing.text("svg")
    assert (tmp_path / "net.MMD").read_text() == drawing.text("mermaid")
    assert len(repr(drawing)) < 200
    with pytest.raises(ValueError, match="a picture ends in"):
        drawing.save(tmp_path / "net.jpg")
    other = speczoo.draw(speczoo.graph("mnist_cnn", num_classes=3))
    assert other.graph.outputs != speczoo.graph("mnist_cnn").outputs
    with pytest.raises(FileExistsError):
        other.save(tmp_path / "net.svg")
    other.save(tmp_path / "net.svg", over=True)
    assert (tmp_path / "net.svg").read_text() == other.text("svg")
