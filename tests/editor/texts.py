"""The texts that an editor is tried on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from speczoo import catalogue
from speczoo.editor.analysis import Analysis, analyses, source_of
from tests.error_cases import CASES

ZOO = catalogue.files()
RECIPES = sorted((Path(catalogue.__file__).parent / "recipes").rglob("*.yaml"))
#: What a keystroke puts into a text or takes out of it.
KEYS = [
    *"{}[](),:-#'\"$&*|>!%@`\\\t\n\r ",
    "\r\n",
    "- ",
    ": ",
    "$(",
    "\U0001f600",
    "\u2028",
    "\x0c",
    "a",
    "0",
    "layers:",
]


def texts() -> Iterator[tuple[Path, str]]:
    """The zoo's files, its recipes, and wrong specs that are UTF-8."""
    for path in (*ZOO, *RECIPES, *CASES):
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def found(text: str, path: Path | None = None) -> Analysis:
    """Everything that is found of a text."""
    *_, last = analyses(source_of(text, path, "<unsaved>"))
    return last


def edited(text: str, random: Random) -> str:
    """The text after a slip: something taken out of it, put into it, or moved in it."""
    a = random.randrange(len(text) + 1)
    b = min(len(text), a + random.choice([0, 1, 1, 2, 5, 30]))
    kind = random.random()
    if kind < 0.4:
        return text[:a] + text[b:]
    if kind < 0.9:
        return text[:a] + random.choice(KEYS) + text[a:]
    at = random.randrange(len(text) + 1)
    return text[:at] + text[a:b] + text[at:]


NET = """\
spec: 1
name: net
input: [3, 32, 32]
params: {widths: [16, 32], act: {type: op, default: ReLU, choices: [ReLU, GELU]}}
blocks:
  Block:
    doc: A convolution and what follows.
    params: {channels: int, stride: 1}
    layers:
      - {id: conv, op: Conv2d, out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1}
      - {id: act, op: $act}
layers:
  - {id: stem, op: Conv2d, out_channels: 16, kernel_size: 3, padding: 1}
  - {for: {i: 0..1, w: $widths}, id: stage$i, op: Block, channels: $w, stride: 2}
  - {id: cut, op: chunk, chunks: 2}
  - {id: sum, op: add, from: [cut.0, cut.1]}
  - {id: flat, op: Flatten}
  - {id: fc, op: Linear, out_features: 10}
init:
  - {match: Conv2d, weight: {kaiming_normal: {mode: fan_out}}}
  - {match: "stage0.conv", bias: 0}
variants:
  small: {params: {widths: [8, 8]}}
  wide: {params: {widths: [32, 64], act: GELU}}
"""
