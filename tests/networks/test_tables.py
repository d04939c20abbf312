"""The documents' printed tables and modules, row by row, and the figures that they work out by hand."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

import speczoo
from speczoo.compiler.graph import Row
from speczoo.specs.errors import SpecError

PRINTED = Path(__file__).parent / "printed"


def lines(name: str) -> list[str]:
    return (PRINTED / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def number(text: str) -> int:
    return int(text.replace(",", ""))


# -- the summaries of documents 000, 001 and 002 ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist_cnn", "mnist_cnn_refactored", "mnist_resnet"])
def test_summary_tables(name: str) -> None:
    *rows, total = lines(name)
    summary = speczoo.summary(name)
    printed = [re.fullmatch(r"(\w+) +\[([\d, ]+)\] +([\d,]+) +(True|False)", row) for row in rows]
    expected = [
        ({"MergeLayer": "add"}.get(m[1], m[1]), tuple(map(int, m[2].split(","))), number(m[3]), m[4] == "True")
        for m in printed
        if m
    ]
    assert len(expected) == len(rows) >= 15
    assert [(r.op, r.output, r.params, r.trainable > 0) for r in summary.layers] == expected
    assert summary.params == summary.trainable_params == number(total.removeprefix("Total "))


# -- the tables of document 004 -----------------------------------------------------------------------------------


class Printed(NamedTuple):
    """A row of them: sizes are height, width, channels, or nothing for fully connected layers."""

    layer: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    stride: int | None
    pad: float | None
    kernel: int | None
    channels: tuple[int, int]
    params: int


def table(name: str, columns: str) -> Iterator[Printed]:
    """Columns: `#` a number, `i` and `o` sizes, `L` the layer, `s` stride, `p` pad, `k` kernel, `c` channels, `P`."""
    for row in lines(name)[1:-1]:
        cells: dict[str, list[str]] = {}
        for column, cell in zip(columns, row.split("\t"), strict=True):
            cells.setdefault(column, []).append(cell)

        def numbers(column: str, cells: dict[str, list[str]] = cells) -> tuple[int, ...]:
            return tuple(int(c) for c in cells[column] if c)

        pad = cells.get("p", [""])[0]
        stride, kernel = numbers("s"), numbers("k")
        first, second = numbers("c")
        yield Printed(
            cells["L"][0],
            numbers("i"),
            numbers("o"),
            stride[0] if stride else None,
            float(pad) if pad else None,
            kernel[0] if kernel else None,
            (first, second),
            number(cells["P"][0]),
        )


OPS = {"Conv2d": "conv", "MaxPool2d": "maxpool", "AvgPool2d": "avg pool", "Linear": "fc"}
TABLES = {"alexnet_2012": "iiioooLspkkccP", "vgg16": "#iiioooLskkccP", "resnet18_table": "#iiioooLspkkccP"}
#: Slips in print: parameters of a max pool, and pads whose other half a stride leaves unused.
SLIPS = {("vgg16", "maxpool", 65664): 0}


@pytest.mark.parametrize("name", TABLES)
def test_structural_tables(name: str) -> None:
    rows = [row for row in speczoo.graph(name).rows if row.op in OPS]
    printed = list(table(name, TABLES[name]))
    assert len(rows) == len(printed)
    for row, stated in zip(rows, printed, strict=True):
        matches(name, row, stated)
    slips = Counter(
        {
            (name, stated.layer, stated.params): stated.params
            for stated in printed
            if (name, stated.layer, stated.params) in SLIPS
        }
    )
    assert speczoo.summary(name).params == number(lines(name)[-1].split("\t")[-1]) - slips.total()


def matches(name: str, row: Row, stated: Printed) -> None:
    assert stated.layer.startswith(OPS[row.op])
    assert row.params == SLIPS.get((name, stated.layer, stated.params), stated.params), stated
    if row.op == "Linear":
        assert (row.inputs[0][0], row.output[0]) == stated.channels
        return
    assert (row.inputs[0][0], row.output[0]) == stated.channels
    assert (*row.inputs[0][1:], row.inputs[0][0]) == stated.input
    assert (*row.output[1:], row.output[0]) == stated.output
    layer: Any = row.node.body
    stride = layer.kernel_size if layer.stride is None else layer.stride
    assert _one(layer.kernel_size) == stated.kernel
    assert _one(stride) == stated.stride
    if stated.pad is not None:
        assert _one(layer.padding) == (1 if stated.pad == 0.5 else stated.pad)


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, (tuple, list)) else value


# -- printed modules ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lenet5", "resnet34_cifar2"])
def test_printed_modules(name: str) -> None:
    printed = "\n".join(lines(name)).replace("ResnetBlock", "BasicBlock").partition("\n")[2]
    ours = (
        str(speczoo.build(name)).partition("\n")[2].replace(": Projection(", ": Sequential(")
    )  # which is a Sequential
    ours = ours.replace("output_size=1)", "output_size=(1, 1))").replace("affine=True, bias=True,", "affine=True,")
    assert ours == printed


# -- figures --------------------------------------------------------------------------------------------------------

VOLUME = [
    "0000000 0101010 0122220 0210210 0012120 0110120 0000000",
    "0000000 0002210 0220100 0020110 0021000 0202200 0000000",
    "0000000 0122210 0011010 0110000 0120110 0210100 0000000",
]
FILTERS = [
    [[[1, 1, -1], [-1, 0, -1], [1, 0, 0]], [[-1] * 3, [-1, 0, -1], [1, 1, 1]], [[-1] * 3, [-1, 0, 1], [1, -1, 1]]],
    [[[0, 0, 1], [1, 1, -1], [0, -1, -1]], [[0, 1, 0], [-1, 0, -1], [1, 1, 1]], [[0, 1, 1], [-1, 0, 1], [0, -1, 1]]],
]  # fmt: skip
OUTPUT = [[[8, 4, -1], [-4, -2, 1], [-5, -7, -2]], [[5, -3, -5], [7, -1, 0], [5, 1, 1]]]


@pytest.mark.parametrize("padded", [True, False])
def test_the_worked_convolution(padded: bool) -> None:
    layer = {
        "id": "conv",
        "op": "Conv2d",
        "out_channels": 2,
        "kernel_size": 3,
        "stride": 2,
        "padding": 0 if padded else 1,
    }
    size = 7 if padded else 5
    spec = {"spec": 1, "name": "worked", "input": [3, size, size], "layers": [layer], "expect": {"output": [2, 3, 3]}}
    model = speczoo.build(spec)
    x = torch.tensor([[[int(c) for c in row] for row in plane.split()] for plane in VOLUME], dtype=torch.float32)
    model.load_state_dict({"conv.weight": torch.tensor(FILTERS).float(), "conv.bias": torch.tensor([1.0, 0.0])})
    assert model((x if padded else x[:, 1:-1, 1:-1])[None])[0].tolist() == OUTPUT


IMAGE = [
    [60, 113, 56, 139, 85],
    [73, 121, 54, 84, 128],
    [131, 99, 70, 129, 127],
    [80, 57, 115, 69, 134],
    [104, 126, 123, 95, 130],
]
SHARPEN = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]


def test_the_padding_figure() -> None:
    layer = {"id": "conv", "op": "Conv2d", "out_channels": 1, "kernel_size": 3, "padding": 1, "bias": False}
    model = speczoo.build(
        {"spec": 1, "name": "padding", "input": [1, 5, 5], "layers": [layer], "expect": {"output": [1, 5, 5]}}
    )
    model.load_state_dict({"conv.weight": torch.tensor([[SHARPEN]]).float()})
    out = model(torch.tensor([[IMAGE]]).float())
    assert out.shape == (1, 1, 5, 5)
    assert out[0, 0, 0, 0] == 114


# -- receptive fields -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stack", "visited", "fewer"), [(2, 5, 28.0), (3, 7, 44.9), (5, 11, 62.8)])
def test_stacks_of_small_kernels_see_what_a_large_one_sees(stack: int, visited: int, fewer: float) -> None:
    conv = {"op": "Conv2d", "out_channels": 1, "kernel_size": 3, "bias": False}
    entry = {"for": {"i": f"1..{stack}"}, **conv}
    spec = {
        "spec": 1,
        "name": "stack",
        "input": [1, visited, visited],
        "layers": [entry],
        "expect": {"output": [1, 1, 1]},
    }
    large = {**spec, "layers": [{**conv, "kernel_size": visited}]}
    assert (speczoo.summary(spec).params, speczoo.summary(large).params) == (9 * stack, visited**2)
    assert round(100 * (1 - 9 * stack / visited**2), 1) == fewer
    for model in (speczoo.build(spec), speczoo.build(large)):
        for m in model.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.ones_(m.weight)
        x = torch.ones(1, 1, visited, visited, requires_grad=True)
        model(x).backward()
        assert x.grad is not None
        assert (x.grad > 0).all()  # one output sees every pixel,
    with pytest.raises(SpecError):  # and one pixel less leaves nothing to see
        speczoo.summary({**spec, "input": [1, visited - 1, visited - 1]})


# -- slips in print ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "features"), [(32, 16 * 8 * 8), (28, 16 * 7 * 7)])
def test_the_first_listing_of_lenet_runs_on_no_size_that_its_text_names(side: int, features: int) -> None:
    with pytest.raises(SpecError) as caught:
        speczoo.summary("lenet5_functional", padding=2, input=[1, side, side])
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "assertion-failed"
    assert "400" in diagnostic.message
    assert str(features) in str(caught.value)


def test_alexnets_neurons() -> None:
    """Document 003's 0.65M are the outputs of the layers with weights, in the sizes of document 004's table."""
    rows = [r for r in speczoo.summary("alexnet_2012").layers if r.op in ("Conv2d", "Linear")]
    convolutions = 55 * 55 * 96 + 27 * 27 * 256 + 13 * 13 * (384 + 384 + 256)
    assert sum(math.prod(r.output) for r in rows) == convolutions + 4096 + 4096 + 1000 == 659_272


CONVOLVED = [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def test_the_figure_of_a_convolved_feature() -> None:
    """A 5x5 image of ones and zeros under a 3x3 kernel; the document shows the first value, 4."""
    model = speczoo.build(
        {
            "spec": 1,
            "name": "feature",
            "input": [1, 5, 5],
            "layers": [{"id": "conv", "op": "Conv2d", "out_channels": 1, "kernel_size": 3, "bias": False}],
        }
    )
    model.load_state_dict({"conv.weight": torch.tensor([[[[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]]])})
    image = [[1.0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
    assert model(torch.tensor([[image]]))[0, 0].tolist() == CONVOLVED
