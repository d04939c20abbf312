"""The messages that the project set itself as its ideal: each reported at its place, with its arithmetic and help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from speczoo.checking import check_into
from speczoo.specs import render
from speczoo.specs.diagnostics import Report

RES = """\
spec: 1
name: res
input: [3, 224, 224]
blocks:
  BasicBlock:
    layers:
      - {id: conv1, op: Conv2d, out_channels: 64, kernel_size: 3, padding: 1}
      - {id: conv2, op: Conv2d, out_channels: 128, kernel_size: 3, padding: 1}
      - {id: sum, op: add, from: [conv2, input]}
layers:
  - {id: stem, op: Conv2d, out_channels: 64, kernel_size: 7, stride: 4, padding: 3}
  - {id: layer2, layers: [{op: BasicBlock}]}
"""
UNET = """\
spec: 1
name: unet
input: [1, 97, 97]
layers:
  - {id: enc1, op: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  - for: {n: 1..4}
    do: [{id: pool$n, op: MaxPool2d, kernel_size: 2}]
  - for: {n: [4, 3, 2, 1]}
    do: [{id: up$n, op: ConvTranspose2d, out_channels: 8, kernel_size: 2, stride: 2}]
  - {id: cat, op: concat, from: [enc1, up1]}
"""
ALEX = """\
spec: 1
name: alex
input: [3, 32, 32]
layers:
  - {id: conv1, op: Conv2d, out_channels: 8, kernel_size: 11, stride: 4, padding: 2}
  - {id: pool1, op: MaxPool2d, kernel_size: 3, stride: 2}
  - {id: conv2, op: Conv2d, out_channels: 8, kernel_size: 5, padding: 2}
  - {id: pool2, op: MaxPool2d, kernel_size: 3, stride: 2}
  - {id: pool3, op: MaxPool2d, kernel_size: 3, stride: 2}
"""
TYPO = """\
spec: 1
name: typo
input: [3, 32, 32]
layers:
  - {op: Conv2d, out_channels: 8, kernal_size: 3}
"""


def shown(text: str, folder: Path) -> str:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    report = Report()
    check_into(report, path)
    return render.text(report).replace(str(path), "net.yaml")


def test_channels_that_differ(tmp_path: Path) -> None:
    out = shown(RES, tmp_path)
    assert out.startswith("error[shape-mismatch]: `add` inputs differ in channels: 128 and 64\n  --> net.yaml:9:35\n")
    assert "--- 128 is set here" in out
    assert "^^^^^  ----- 64 x 56 x 56" in out
    assert f"\n     | {' ' * 34}128 x 56 x 56\n" in out
    assert "= in layer2.0.sum, which is BasicBlock (used at net.yaml:12)\n" in out
    assert "= help: set `out_channels: 64` of `conv2`, or project `input` with a 1x1 convolution to 128 channels" in out


def test_maps_that_differ(tmp_path: Path) -> None:
    out = shown(UNET, tmp_path)
    assert "`concat` along channels needs equal heights and widths: 97 x 97 and 96 x 96\n  --> net.yaml:10:" in out
    assert "= enc1 97 --pool1--> 48 --pool2--> 24 --pool3--> 12 " in out
    assert "--up1: (48 - 1) * 2 + 2--> 96\n" in out
    assert "= help: this network takes heights and widths that are multiples of 16" in out
    assert "or crop `enc1` to `up1`" in out


def test_windows_that_do_not_fit(tmp_path: Path) -> None:
    out = shown(ALEX, tmp_path)
    assert re.match(r"error\[empty-output\]: a 3 ?x ?3 window does not fit into 1 ?x ?1 \(padding 0\)\n", out)
    assert "--> net.yaml:9:45\n" in out
    assert (
        "= height: 32 --conv1--> 7 --pool1--> 3 --pool2--> 1 --pool3: floor((1 - 3) / 2) + 1--> 0\n"
        "   = in pool3\n"
        "   = help: the smallest input that works is 63 x 63; or drop `pool3`" in out
    )


def test_words_that_are_misspelt(tmp_path: Path) -> None:
    assert shown(TYPO, tmp_path) == (
        "error[unknown-argument]: Conv2d has no `kernal_size`\n"
        "  --> net.yaml:5:35\n"
        "   5 |   - {op: Conv2d, out_channels: 8, kernal_size: 3}\n"
        "     |                                   ^^^^^^^^^^^\n"
        "   = in 0\n"
        "   = help: did you mean `kernel_size`? (required, and missing here)"
    )


@pytest.mark.parametrize("size", [62, 63])
def test_the_smallest_input_that_works_is_just_that(size: int, tmp_path: Path) -> None:
    assert (shown(ALEX.replace("32, 32", f"{size}, {size}"), tmp_path) == "") == (size == 63)


@pytest.mark.parametrize("size", range(90, 114))
def test_multiples_of_16_work_and_no_others(size: int, tmp_path: Path) -> None:
    assert (shown(UNET.replace("97, 97", f"{size}, {size}"), tmp_path) == "") == (size % 16 == 0)


@pytest.mark.parametrize("before", ["", "日本: 1, ", "🎉: 1, ", "e\u0301: 1, ", '"a\tb": 1, '])
def test_columns_count_characters(before: str, tmp_path: Path) -> None:
    line = f"  - {{op: ReLU, {before}banana: 2}}"
    path = tmp_path / "net.yaml"
    path.write_text(f"spec: 1\nname: t\ninput: [3]\nlayers:\n{line}\n", encoding="utf-8")
    report = Report()
    check_into(report, path)
    (found,) = [d for d in report if "banana" in d.message]
    assert found.span is not None
    assert (found.span.line, found.span.column) == (5, line.index("banana") + 1)
    assert found.span.end_column - found.span.column == len("banana")
