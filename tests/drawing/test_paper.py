"""Pictures as papers have them: volumes to scale, apart from each other, and a U-Net that is a U."""

from __future__ import annotations

from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.drawing.diagram import Box, Diagram
from speczoo.drawing.files import Drawing
from speczoo.drawing.layout import BoxLink
from speczoo.drawing.network import diagram
from speczoo.drawing.paper import PAGE, paper
from speczoo.drawing.picture import Curve, DrawnText, Face, Picture
from speczoo.drawing.stacks import NAMES, TEXT
from speczoo.drawing.svg import svg
from speczoo.drawing.text import shortened
from speczoo.drawing.tikz import tikz
from speczoo.drawing.volumes import READABLE, Volume, volumes
from speczoo.testing import networks
from tests.drawing.geometry import faults, front
from tests.drawing.test_pictures import HOSTILE, diagram_of, every
from tests.families import graph_of

U_NETS = ("unet", "unet_2015", "unet_resnet34", "dynamic_unet_resnet34")


def drawn(name: str, depth: int | None = None) -> Drawing:
    return Drawing(graph_of(name), depth, style="paper")


def fronts(made: Drawing) -> list[tuple[Volume, float, float]]:
    """The volumes of a picture with the width and height of their fronts, all parts of one together."""
    wide: dict[int, float] = {}
    high: dict[int, float] = {}
    volumes_of: dict[int, list[Volume]] = {}
    for volume in made.volumes.volumes:
        volumes_of.setdefault(id(volume.box), []).append(volume)
    for shape in made.picture.shapes:
        if isinstance(shape, Face) and shape.about is not None:
            area, key = front(shape), id(shape.about)
            wide[key] = wide.get(key, 0.0) + area.width
            high[key] = area.height
    return [(there[0], wide[key] / len(there), high[key]) for key, there in volumes_of.items() if key in wide]


@every
def test_no_volume_stands_before_another(name: str) -> None:
    for depth in (None, 1):
        made = drawn(name, depth)
        assert list(faults(made.picture)) == []


@given(networks())
def test_no_volume_stands_before_another_in_networks_at_random(spec: dict[str, Any]) -> None:
    assert list(faults(Drawing(speczoo.graph(spec), 9, style="paper").picture)) == []


@every
def test_volumes_are_to_scale(name: str) -> None:
    """Widths are as the square roots of channels; what is larger, and has more channels, is drawn so."""
    there = fronts(drawn(name))
    for (one, wide, high), (other, wider, higher) in combinations(there, 2):
        if min(wide, wider) > 2.5 + 1e-6:
            assert (wide / wider) ** 2 == pytest.approx(one.channels / other.channels)
        if one.channels < other.channels:
            assert wide <= wider + 1e-6
        if len(one.space) == len(other.space) > 1 and one.space[-2] < other.space[-2]:
            assert high < higher or high == pytest.approx(6.0)


@every
def test_texts_can_be_read_in_a_column(name: str) -> None:
    """In one of 85 mm, which are 241 points, the smallest is set in five."""
    assert smallest(drawn(name).picture) >= 4.99


def smallest(page: Picture) -> float:
    """The size of the smallest text in points, in a column."""
    return min(shape.size for shape in page.shapes if isinstance(shape, DrawnText)) * 241 / page.width


def conv(id: str, source: str, channels: int, **given: Any) -> dict[str, Any]:
    """A convolution of a sequence that keeps its length, where nothing else is said."""
    return {"id": id, "op": "Conv1d", "from": source, "out_channels": channels, "kernel_size": 1, **given}


def chain(layers: int) -> dict[str, Any]:
    """Each layer halves or doubles what it gets, so that none stands beside another."""
    deep = [
        {"op": "MaxPool1d", "kernel_size": 2} if i % 2 else {"op": "Upsample", "scale_factor": 2} for i in range(layers)
    ]
    return {"spec": 1, "name": "chain", "input": [4, 64], "layers": deep}


def gated(layers: int) -> dict[str, Any]:
    """A WaveNet: each layer gives a value to the next, and one to a sum at the end."""
    inside = [
        conv("filter", "input", 8),
        conv("gate", "input", 8),
        {"id": "product", "op": "mul", "from": ["filter", "gate"]},
        conv("skip", "product", 16),
        conv("rest", "product", 8),
        {"id": "out", "op": "add", "from": ["input", "rest"]},
    ]
    block = {"layers": inside, "outputs": [{"id": "out", "from": "out"}, {"id": "skip", "from": "skip"}]}
    first = conv("l0", "input", 8)
    deep = [{"id": f"l{i + 1}", "op": "Layer", "from": f"l{i}.out" if i else "l0"} for i in range(layers)]
    summed = {"id": "sum", "op": "add", "from": [f"l{i + 1}.skip" for i in range(layers)]}
    return {"spec": 1, "name": "gated", "input": [2, 64], "blocks": {"Layer": block}, "layers": [first, *deep, summed]}


def exchanging(stages: int) -> dict[str, Any]:
    """As in HRNet, each stage has a sequence more, half as long, and all flow into all."""
    layers, there = [conv("stem", "input", 8)], ["stem"]
    for n in range(stages):
        layers.append(conv(f"new{n}", there[-1], 8 << (n + 1), stride=2))
        sources = [*there, f"new{n}"]
        there = []
        for to in range(len(sources)):
            for i, source in enumerate(sources):
                layers.append(conv(f"x{n}_{i}_{to}", source, 8 << to, stride=1 << max(to - i, 0)))
                if i > to:
                    layers.append({"id": f"up{n}_{i}_{to}", "op": "Upsample", "scale_factor": 1 << (i - to)})
            ends = [f"{'up' if i > to else 'x'}{n}_{i}_{to}" for i in range(len(sources))]
            layers.append({"id": f"sum{n}_{to}", "op": "add", "from": ends})
            there.append(f"sum{n}_{to}")
    return {"spec": 1, "name": "exchanging", "input": [4, 64], "layers": layers}


def deep_u(layers: int) -> dict[str, Any]:
    """A U of two levels, each with so many layers that stand for themselves."""
    down = [conv("c0", "input", 4), conv("c1", "c0", 4, stride=2), conv("c2", "c1", 4, stride=2)]
    inside = {"layers": [conv("a", "input", 4), conv("b", "input", 4), {"id": "sum", "op": "add", "from": ["a", "b"]}]}
    halves = []
    for i in (1, 0):
        many = [{"id": f"two{i}_{k}", "op": "Two"} for k in range(layers)]
        larger = {"id": f"up{i}", "op": "Upsample", "scale_factor": 2}
        halves += [*many, larger, {"id": f"join{i}", "op": "concat", "from": [f"up{i}", f"c{i}"]}]
    return {"spec": 1, "name": "u", "input": [2, 64], "blocks": {"Two": inside}, "layers": [*down, *halves]}


LONG_ONES = [chain(60), gated(4), gated(16), exchanging(3), deep_u(12)]


@pytest.mark.parametrize("spec", LONG_ONES, ids=lambda spec: f"{spec['name']}-{len(spec['layers'])}")
@pytest.mark.parametrize("depth", [None, 9])
def test_what_is_too_long_for_a_row_stands_in_several(spec: dict[str, Any], depth: int | None) -> None:
    page = Drawing(speczoo.graph(spec), depth, style="paper").picture
    assert list(faults(page)) == []
    assert smallest(page) >= 4.99


@pytest.mark.parametrize(("name", "upright"), [("vgg16", True), ("bert", False)])
def test_texts_stand_upright_where_that_is_not_much_higher(name: str, upright: bool) -> None:
    """Than rows: VGG stands in one as in its paper, and the names of BERT's inputs lie."""
    assert any(shape.turned for shape in drawn(name).picture.shapes if isinstance(shape, DrawnText)) == upright


@pytest.mark.parametrize("branches", [4, 24])
def test_what_is_beside_each_other_stands_on_a_page(branches: int) -> None:
    """Volumes are less tall where a column would be longer; of few branches they are as tall as they can be."""
    sides = [conv(f"side{i}", "stem", 4 + i, kernel_size=3, padding=1) for i in range(branches)]
    joined = {"id": "join", "op": "concat", "from": [side["id"] for side in sides]}
    layers = [conv("stem", "input", 8), *sides, joined]
    made = Drawing(speczoo.graph({"spec": 1, "name": "n", "input": [3, 64], "layers": layers}), style="paper")
    assert list(faults(made.picture)) == []
    assert made.picture.height <= PAGE
    tallest = max(high for _, _, high in fronts(made))
    assert (tallest > 60) == (branches == 4)


@given(networks(), st.sampled_from([None, 1, 9]))
def test_texts_can_be_read_in_a_column_in_networks_at_random(spec: dict[str, Any], depth: int | None) -> None:
    assert smallest(Drawing(speczoo.graph(spec), depth, style="paper").picture) >= 4.99


def test_blocks_with_several_outputs_are_volumes_where_they_would_be_too_many() -> None:
    made = volumes(diagram(speczoo.graph(gated(16))))
    assert [volume.box.op for volume in made.volumes if volume.whole] == ["Layer"] * 16
    assert not any(volume.whole for volume in volumes(diagram(speczoo.graph(gated(3)))).volumes)


@pytest.mark.parametrize(("taken", "stacks"), [(["memory"] * 3, 1), (["x", "d0", "d1"], 4)], ids=["same", "skip"])
def test_blocks_that_take_the_same_beside_the_one_before_are_a_stack(taken: list[str], stacks: int) -> None:
    """As the decoders of a transformer take what the encoder gives; not what takes what went into the one before."""
    fc = {"op": "Linear", "out_features": 8}
    inside = [{"op": "add", "from": ["x", "memory"]}, {"id": "first", **fc}, {"op": "ReLU"}, {"id": "second", **fc}]
    blocks = {"Decoder": {"inputs": ["x", "memory"], "layers": inside}}
    inputs = [{"id": "memory", "shape": [4, 8]}, {"id": "x", "shape": [4, 8]}]
    layers = [{"id": "d0", "op": "Decoder", "from": ["x", "memory"]}]
    layers += [{"id": f"d{i}", "op": "Decoder", "from": [f"d{i - 1}", second]} for i, second in enumerate(taken, 1)]
    net = {"spec": 1, "name": "n", "inputs": inputs, "blocks": blocks, "layers": layers}
    assert len(volumes(diagram(speczoo.graph(net)), 1).stacks) == len(inputs) + stacks


def test_of_many_numbers_of_channels_the_ends_are_shown() -> None:
    layers = [{"op": "Conv2d", "out_channels": 100 + i, "kernel_size": 1} for i in range(30)]
    page = Drawing(speczoo.graph({"spec": 1, "name": "n", "input": [3, 8, 8], "layers": layers}), style="paper").picture
    assert [text for text in words(page) if text in ("100", "\u2026", "129")] == ["100", "\u2026", "129"]
    assert "101" not in words(page)


@every
def test_a_volume_is_what_a_layer_puts_out(name: str) -> None:
    """Channels and size are the axes of a shape; a vector's places of one are left out."""
    made = volumes(diagram_of(name))
    assert len(made.stacks) <= READABLE or made.volumes == volumes(diagram_of(name), 1).volumes
    for volume in made.volumes:
        shape = volume.box.outputs[0]
        known = sorted(n for n in (volume.channels, *volume.space) if n != 1)
        assert known == sorted(n for n in shape if n != 1)
        if volume.kind in ("conv", "pool") and not volume.whole:
            assert volume.channels == shape[0]
    assert [i for members in made.stacks for i in members] == [*range(len(made.volumes))]
    assert all(link.source < link.target for link in made.links)


@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t", "swin3d_t", "convnext_tiny", "vit_b_16"])
def test_features_are_found_wherever_they_stand(name: str) -> None:
    """They only grow, up to the head, and maps are squares: what a permute moves is followed."""
    made = volumes(diagram_of(name)).volumes
    maps = [volume for volume in made if len(volume.space) > 1]
    assert all(volume.space[-1] == volume.space[-2] for volume in maps)
    assert max(volume.channels for volume in maps) in (768, 1536)


def test_features_are_found_in_a_sequence_that_becomes_a_map_again() -> None:
    tokens = [
        {"op": "Flatten", "start_dim": 2},
        {"op": "permute", "dims": [0, 2, 1]},
        {"op": "Linear", "out_features": 20},
        {"op": "Unflatten", "dim": 1, "unflattened_size": [8, 8]},
        {"op": "permute", "dims": [0, 3, 1, 2]},
    ]
    conv = {"op": "Conv2d", "out_channels": 12, "kernel_size": 3, "padding": 1}
    net = {"spec": 1, "name": "n", "input": [3, 8, 8], "layers": [conv, *tokens, {**conv, "stride": 2}]}
    made = volumes(diagram(speczoo.graph(net))).volumes
    assert [volume.channels for volume in made] == [3, 12, 20, *(20 for _ in made[3:-1]), 12]


def test_blocks_are_unfolded_as_far_as_asked() -> None:
    whole = diagram(speczoo.graph("resnet18"))
    convolutions = [v for v in volumes(whole).volumes if v.kind == "conv"]
    assert len(convolutions) == 1 + 16 + 3
    assert not any(volume.whole for volume in convolutions)
    folded = volumes(whole, 1).volumes
    assert [v.channels for v in folded if v.whole] == [64, 128, 256, 512]
    inception = volumes(diagram(speczoo.graph("googlenet"))).volumes
    assert sum(volume.box.op == "Inception" for volume in inception) == 9


@pytest.mark.parametrize("name", U_NETS)
def test_a_unet_looks_like_a_u(name: str) -> None:
    """Skips run level from arm to arm, over all that is deeper; less wide maps stand lower."""
    made = drawn(name)
    level = [
        (curve.points[0], curve.points[-1])
        for curve in made.picture.shapes
        if isinstance(curve, Curve) and curve.head and curve.points[0][1] == curve.points[-1][1]
    ]
    places = [front(face) for face in made.picture.shapes if isinstance(face, Face) and face.about is not None]
    across = [
        (start, end)
        for start, end in level
        if any(start[0] < area.x and area.x + area.width < end[0] for area in places)
    ]
    joins = [volume for volume in made.volumes.volumes if volume.box.op == "concat"]
    assert len(across) == len(joins) >= 4
    for (x0, y), (x1, _) in across:
        between = [area for area in places if x0 < area.x < x1 - 1]
        assert between
        assert all(area.y > y for area in between)
    bottom = max(area.y + area.height / 2 for area in places)
    lowest = {area.about.outputs[0][-1] for area in places if area.about and area.y + area.height / 2 > bottom - 1}
    assert min(volume.space[-1] for volume in made.volumes.volumes if volume.space) in lowest
    middles = {round(area.y + area.height / 2, 3) for area in places}
    assert len(middles) >= 5


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_u_has_as_many_axes_as_it_likes(axes: int) -> None:
    """What is enlarged, to be joined, is part of the join, a sequence too: both arms are as deep."""
    down, up, widths = [], [], (8, 16, 32)
    for i, channels in enumerate(widths):
        conv = {"op": f"Conv{axes}d", "out_channels": channels, "kernel_size": 3, "padding": 1}
        down += [{"id": f"down{i}", **conv}, {"op": f"MaxPool{axes}d", "kernel_size": 2}]
        larger = {"op": f"ConvTranspose{axes}d", "out_channels": channels, "kernel_size": 2, "stride": 2}
        joined = {"id": f"join{i}", "op": "concat", "from": [f"up{i}", f"down{i}"]}
        up = [{"id": f"up{i}", **larger}, joined, {"id": f"dec{i}", **conv}, *up]
    net = {"spec": 1, "name": "u", "input": [2, *(32,) * axes], "layers": [*down, *up]}
    page = Drawing(speczoo.graph(net), style="paper").picture
    places = [front(face) for face in page.shapes if isinstance(face, Face) and face.about is not None]
    assert len({round(area.y + area.height / 2, 1) for area in places}) == len(widths) + 1
    assert list(faults(page)) == []


def test_a_u_with_gates_is_one() -> None:
    """A skip that meets what is enlarged at a gate, before the join, leads from arm to arm as well."""
    conv = {"op": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1}
    gate = [
        {"op": "add", "from": ["skip", "above"]},
        {"id": "weights", "op": "Sigmoid"},
        {"op": "mul", "from": ["skip", "weights"]},
    ]
    down, up = [], []
    for i in range(3):
        down += [{"id": f"down{i}", **conv}, {"op": "MaxPool2d", "kernel_size": 2}]
        larger = {"id": f"up{i}", "op": "ConvTranspose2d", "out_channels": 8, "kernel_size": 2, "stride": 2}
        gated = {"id": f"gate{i}", "op": "Gate", "from": [f"down{i}", f"up{i}"]}
        up = [larger, gated, {"op": "concat", "from": [f"gate{i}", f"up{i}"]}, {"id": f"dec{i}", **conv}, *up]
    blocks = {"Gate": {"inputs": ["skip", "above"], "layers": gate}}
    net = {"spec": 1, "name": "u", "input": [2, 32, 32], "blocks": blocks, "layers": [*down, *up]}
    page = Drawing(speczoo.graph(net), style="paper").picture
    places = [front(face) for face in page.shapes if isinstance(face, Face) and face.about is not None]
    assert len({round(area.y + area.height / 2, 1) for area in places}) == 4
    assert list(faults(page)) == []


def test_a_u_that_is_conditioned_is_one() -> None:
    """What conditions many of its blocks, as a time does, stands above it, with a line down to each."""
    shift = [
        {"id": "conv", "op": "Conv2d", "from": "x", "out_channels": "$channels", "kernel_size": 3, "padding": 1},
        {"id": "row", "op": "Linear", "from": "t", "out_features": "$channels"},
        {"id": "map", "op": "Unflatten", "dim": 1, "unflattened_size": ["$channels", 1, 1]},
        {"id": "sum", "op": "add", "broadcast": True, "from": ["conv", "map"]},
    ]
    block = {"inputs": ["x", "t"], "params": {"channels": "int"}, "layers": shift}
    time = [{"id": id, "op": "Linear", "out_features": 12} for id in ("t0", "t")]
    time[0]["from"] = "time"
    down, up, last = [], [], "x"
    for i in range(3):
        down += [{"id": f"down{i}", "op": "Shift", "channels": 8, "from": [last, "t"]}]
        down += [{"id": f"half{i}", "op": "MaxPool2d", "kernel_size": 2}]
        last = f"half{i}"
    for i in reversed(range(3)):
        up += [{"id": f"up{i}", "op": "Upsample", "scale_factor": 2, "from": last}]
        up += [{"id": f"join{i}", "op": "concat", "from": [f"up{i}", f"down{i}"]}]
        up += [{"id": f"dec{i}", "op": "Shift", "channels": 8, "from": [f"join{i}", "t"]}]
        last = f"dec{i}"
    inputs = [{"id": "x", "shape": [2, 32, 32]}, {"id": "time", "shape": [6]}]
    net = {"spec": 1, "name": "u", "inputs": inputs, "blocks": {"Shift": block}, "layers": [*time, *down, *up]}
    page = Drawing(speczoo.graph(net), 1, style="paper").picture
    assert list(faults(page)) == []
    places = [front(face) for face in page.shapes if isinstance(face, Face) and face.about is not None]
    maps = [area for area in places if area.about is not None and len(area.about.outputs[0]) > 1]
    assert len({round(area.y + area.height / 2, 1) for area in maps}) == 4
    assert max(area.y + area.height for area in places if area not in maps) < min(area.y for area in maps)
    downwards = [shape for shape in page.shapes if isinstance(shape, Curve) and shape.head and not shape.horizontal]
    shifted = {area.about.path for area in maps if area.about is not None and area.about.op == "Shift"}
    assert len(downwards) == len(shifted) == 6
    for line in downwards:
        x, y = line.points[-1]
        assert any(area.x < x and y < area.y and area.about.op == "Shift" for area in maps if area.about is not None)


def test_the_main_way_is_one_at_every_size() -> None:
    """Of two ways through as many volumes the longer one: that with long texts where they lie, else that with large
    volumes.
    """
    narrow = {"layers": [{"op": "Linear", "out_features": 1}, {"op": "Linear", "out_features": 1}]}
    blocks = {f"ANameThatIsMuchLongerThanItsVolume{i}": narrow for i in range(6)}
    named = [{"id": f"named{i}", "op": op} for i, op in enumerate(blocks)]
    large = [{"id": f"large{i}", "op": "Linear", "out_features": 900 + i} for i in range(6)]
    large[0]["from"] = "input"
    side = {"id": "side", "op": "Linear", "from": "large0", "out_features": 5}
    joined = {"op": "concat", "from": ["named5", "large5", "side"]}
    net = {"spec": 1, "name": "n", "input": [4], "blocks": blocks, "layers": [*named, *large, side, joined]}
    assert list(faults(Drawing(speczoo.graph(net), 1, style="paper").picture)) == []


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "autoencoder", "mobilenet_v2", "char_rnn"])
def test_what_is_no_u_stands_in_a_row(name: str) -> None:
    made = drawn(name)
    places = [front(face) for face in made.picture.shapes if isinstance(face, Face) and face.about is not None]
    middles = [round(area.y + area.height / 2, 1) for area in places]
    assert max(map(middles.count, middles)) >= len(middles) * 0.8


def test_what_training_alone_computes_is_dashed() -> None:
    lines = [shape for shape in drawn("googlenet").picture.shapes if isinstance(shape, Curve)]
    assert 0 < sum(line.dashed for line in lines) < len(lines)


def words(page: Picture) -> list[str]:
    return [shape.text for shape in page.shapes if isinstance(shape, DrawnText)]


@given(networks())
def test_inputs_and_several_outputs_have_their_names(spec: dict[str, Any]) -> None:
    """A sum or a product, which is a sign, has the names of the outputs that it is."""
    graph = speczoo.graph(spec)
    made = volumes(diagram(graph))
    named = [name for volume in made.volumes for name in volume.outputs]
    assert sorted(named) == sorted(port.name for port in graph.root.outputs if len(graph.root.outputs) > 1)
    written = words(paper(made, "", ""))
    for volume in made.volumes:
        names = [volume.box.name] if volume.box.kind == "terminal" else []
        assert {shortened(name, NAMES, TEXT) for name in (*names, *volume.outputs)} <= {*written}


def test_shapes_may_be_left_out() -> None:
    assert "224\u00d7224" in words(drawn("vgg16").picture)
    without = words(Drawing(speczoo.graph("vgg16"), shapes=False, style="paper").picture)
    assert without == ["input", "convolution", "linear, embedding", "pooling"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_texts_are_texts(text: str) -> None:
    kinds = {"path": text, "name": text, "op": text, "facts": (text,)}
    ends = Box("", text, text, text, kind="terminal", outputs=((3, 8, 8),))
    links = (BoxLink(0, 1), BoxLink(1, 2))
    inner = Diagram((ends, Box(**kinds, kind="conv", outputs=((4, 8, 8),)), ends), links, 1, 1)
    box = Box(**kinds, inside=inner, count=3, outputs=((4, 8, 8),))
    page = paper(volumes(Diagram((ends, box, ends), links, 1, 1), 1), text, text)
    root = ElementTree.fromstring(svg(page))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "text", "path", "polygon"}
    for line in tikz(page).splitlines():
        assert "write18" not in line or r"\textbackslash{}write18" in line
    assert list(faults(page)) == []


@pytest.mark.parametrize("form", ["svg", "html", "tikz", "png", "pdf"])
def test_it_is_in_every_format_that_draws(form: str) -> None:
    if form in ("png", "pdf"):
        pytest.importorskip("matplotlib")
    first, second = (drawn("unet").file(form) for _ in range(2))
    assert first == second
    if form in ("svg", "html", "tikz"):
        there = drawn("unet").picture.shapes
        heads = sum(isinstance(shape, Curve) and shape.head for shape in there)
        faces = sum(isinstance(shape, Face) for shape in there)
        assert first.decode().count("polygon" if form != "tikz" else "-- cycle;") >= faces + heads


@pytest.mark.parametrize("form", ["mermaid", "dot"])
def test_who_lays_out_alone_has_no_volumes(form: str) -> None:
    with pytest.raises(ValueError, match="the style paper is for SVG, HTML, PNG, PDF and TikZ"):
        drawn("lenet5").file(form)
