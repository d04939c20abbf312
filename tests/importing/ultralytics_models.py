"""Models of Ultralytics, made of what their rows say: data in the format of a YAML, without a file of theirs."""

from __future__ import annotations

from typing import Any

Model = dict[str, Any]
V8 = {"n": [0.33, 0.25, 1024], "s": [0.33, 0.5, 1024], "m": [0.67, 0.75, 768], "l": [1, 1, 512], "x": [1, 1.25, 512]}
V11 = {"n": [0.5, 0.25, 1024], "s": [0.5, 0.5, 1024], "m": [0.5, 1, 512], "l": [1, 1, 512], "x": [1, 1.5, 512]}
V5 = {"n": [0.33, 0.25, 1024], "s": [0.33, 0.5, 1024]}


def down(channels: int) -> list[Any]:
    return [-1, 1, "Conv", [channels, 3, 2]]


def neck(block: Any, places: tuple[int, int, int]) -> list[Any]:
    """Up twice and down twice: `places` are the rows of the backbone that are met again, the deepest last, and `block`
    makes a row of channels.
    """
    middle, low, deep = places
    start = deep + 1
    up = [-1, 1, "nn.Upsample", ["None", 2, "nearest"]]
    return [
        up, [[-1, low], 1, "Concat", [1]], block(512),
        up, [[-1, middle], 1, "Concat", [1]], block(256),
        down(256), [[-1, start + 2], 1, "Concat", [1]], block(512),
        down(512), [[-1, deep], 1, "Concat", [1]], block(1024),
    ]  # fmt: skip


def v8(head: str = "Detect", arguments: list[Any] | None = None) -> Model:
    """YOLOv8: stages of 3, 6, 6 and 3 C2f at 128 to 1,024 channels behind two convolutions."""
    backbone = [down(64)]
    for channels, n in ((128, 3), (256, 6), (512, 6), (1024, 3)):
        backbone += [down(channels), [-1, n, "C2f", [channels, True]]]
    backbone.append([-1, 1, "SPPF", [1024, 5]])
    rows = neck(lambda channels: [-1, 3, "C2f", [channels]], (4, 6, 9))
    return {"nc": 80, "scales": V8, "backbone": backbone, "head": [*rows, [[15, 18, 21], 1, head, arguments or ["nc"]]]}


def v11() -> Model:
    """YOLO11: C3k2 in place of C2f, the first two narrow, and attention behind the pools."""
    backbone = [down(64)]
    for step, channels, more in (
        (128, 256, [False, 0.25]),
        (256, 512, [False, 0.25]),
        (512, 512, [True]),
        (1024, 1024, [True]),
    ):
        backbone += [down(step), [-1, 2, "C3k2", [channels, *more]]]
    backbone += [[-1, 1, "SPPF", [1024, 5]], [-1, 2, "C2PSA", [1024]]]
    rows = neck(lambda channels: [-1, 2, "C3k2", [channels, channels == 1024]], (4, 6, 10))
    return {"nc": 80, "scales": V11, "backbone": backbone, "head": [*rows, [[16, 19, 22], 1, "Detect", ["nc"]]]}


def v5() -> Model:
    """The backbone of YOLOv5 with classes behind it, a first kernel of 6 with padding 2."""
    backbone: list[Any] = [[-1, 1, "Conv", [64, 6, 2, 2]]]
    for channels, n in ((128, 3), (256, 6)):
        backbone += [down(channels), [-1, n, "C3", [channels]]]
    return {"nc": 10, "scales": V5, "backbone": backbone, "head": [[-1, 1, "Classify", ["nc"]]]}


def plain() -> Model:
    """Without scales: rows that repeat by themselves, pools, and an activation."""
    backbone = [
        [-1, 1, "Conv", [16, 3, 1]],
        [-1, 1, "nn.MaxPool2d", [2, 2, 0]],
        [-1, 2, "Bottleneck", [16, False]],
        [-1, 1, "nn.ZeroPad2d", [[0, 1, 0, 1]]],
        [-1, 1, "SPP", [32, [3, 5]]],
        [-1, 2, "C2", [32]],
        [-1, 3, "C1", [24]],
        [[-1, 4], 1, "Concat", [1]],
    ]
    return {"nc": 3, "activation": "nn.ReLU()", "backbone": backbone, "head": [[[-1, 5], 1, "Detect", ["nc"]]]}
