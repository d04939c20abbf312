"""Models of Ultralytics become specs: the counts that they print, their names, and all that is wrong."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given

import speczoo
from speczoo.importing.sources.formats import imported
from speczoo.importing.sources.ultralytics.modules import BLOCKS, MODULES, blocks
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.errors import SpecError
from speczoo.specs.source import Source
from tests.importing.mutants import mutants
from tests.importing.ultralytics_models import Model, plain, v5, v8, v11

#: Parameters at 80 classes, as the comments of yolov8.yaml and yolo11.yaml print them: what is not trained is 16 less.
PRINTED = {
    "yolov8n": 3157200, "yolov8s": 11166560, "yolov8m": 25902640, "yolov8l": 43691520, "yolov8x": 68229648,
    "yolo11n": 2624080, "yolo11s": 9458752, "yolo11m": 20114688, "yolo11l": 25372160, "yolo11x": 56966176,
}  # fmt: skip


def spec(model: Model, name: str = "yolov8", **more: Any) -> Any:
    return imported(Source.of(json.dumps(model), f"{name}.yaml"), **more)


def wrong(model: Model) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as refused:
        spec(model)
    return refused.value.diagnostics


@pytest.mark.parametrize("model", [v8(), v11()], ids=["yolov8", "yolo11"])
def test_parameters_are_those_that_are_printed(model: Model) -> None:
    name = "yolov8" if model == v8() else "yolo11"
    made = spec(model, name)
    counts = {graph.settings.variant: graph for graph in made.graphs if graph.settings.variant}
    wanted = {variant: count for variant, count in PRINTED.items() if variant.startswith(name)}
    assert {variant: graph.params for variant, graph in counts.items()} == wanted
    assert all(graph.trainable_params == graph.params - 16 for graph in counts.values())
    assert all(graph.outputs == {"boxes": (64, 8400), "scores": (80, 8400), "distances": (4, 8400)}
               for graph in counts.values())  # fmt: skip


def test_names_are_those_of_the_state_dict() -> None:
    state = spec(v8()).graphs[0].state
    assert {
        "model.0.conv.weight", "model.0.bn.num_batches_tracked", "model.2.cv1.conv.weight",
        "model.2.m.0.cv1.conv.weight", "model.9.cv2.bn.bias", "model.22.cv2.0.0.conv.weight", "model.22.cv3.2.2.bias",
        "model.22.dfl.conv.weight",
    } <= set(state)  # fmt: skip
    assert tuple(state["model.0.conv.weight"]) == (16, 3, 3, 3)


@pytest.mark.parametrize("make", [v8, v11, v5, plain])
def test_what_is_written_is_good(make: Any) -> None:
    text = spec(make()).text
    assert speczoo.check(text) == ()
    assert max(map(len, text.split("\n"))) <= 120


def test_scales_are_variants_by_their_numbers() -> None:
    made = spec(v5(), "yolov5-cls")
    assert [graph.settings.variant for graph in made.graphs] == [None, "yolov5n-cls", "yolov5s-cls"]
    assert made.graphs[2].settings.params["width"] == 0.5
    assert made.graphs[2].outputs == {"output": (10,)}


def test_the_blocks_are_good_and_all_of_them_are_of_use() -> None:
    assert speczoo.check(str(BLOCKS)) == ()
    every = set(blocks({module.op for module in MODULES.values()} | {"SlimTower"}, None))
    assert every == set(blocks({*every}, None))
    assert all(f"  {name}:\n" in BLOCKS.read_text(encoding="utf-8") for name in every)


@pytest.mark.parametrize(
    ("row", "code", "stated"),
    [
        ([-1, 1, "GhostConv", [64]], "unknown-op", "`GhostConv`"),
        ([-1, 1, "__import__('os')", [64]], "unknown-op", "__import__"),
        ([-1, 1, "torch.hub.load", ["x"]], "unknown-op", "torch.hub.load"),
        ([9, 1, "Conv", [64]], "unknown-reference", "`9`"),
        ([-7, 1, "Conv", [64]], "unknown-reference", "`-7`"),
        ([-1, 0, "Conv", [64]], "bad-value", "`0`"),
        ([-1, 1, "Conv", [64, 3, 2, None, 1, 1, True, 5]], "unknown-argument", "arguments at most"),
        ([-1, 1, "Conv", ["wide"]], "bad-value", "'wide'"),
        ([-1, 1, "Conv", []], "missing-argument", "`out_channels`"),
        ([-1, 2, "C3k2", [64, False, 0.5, True]], "bad-value", "`attn: true`"),
        ([-1, 1, "Conv"], "bad-value", "a row is"),
    ],
)
def test_what_has_no_counterpart_is_reported_at_its_row(row: Any, code: str, stated: str) -> None:
    model = plain()
    model["backbone"][3] = row
    text = json.dumps(model, indent=1)
    with pytest.raises(SpecError) as refused:
        imported(Source.of(text, "net.yaml"))
    first = refused.value.diagnostics[0]
    assert first.code == code
    assert stated in first.message
    assert first.span is not None
    assert '"backbone"' in "\n".join(text.split("\n")[: first.span.line])


@given(mutants([v8(), v11(), v5(), plain()], ["Conv", "C2f", "nc", "None", "Detect", "head", "scales"]))
def test_any_model_is_a_spec_or_reported(model: Any) -> None:
    """Never an exception but diagnostics, each of which is of the file; never a spec with a warning."""
    try:
        made = spec(model)
    except SpecError as error:
        found = error.diagnostics
    else:
        found = speczoo.check(made.text)
        assert found == ()
    assert all(each.file == "yolov8.yaml" for each in found)


# -- the real thing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [v8(), v11(), v8("Segment", ["nc", 32, 256]), plain()],
    ids=["yolov8", "yolo11", "yolov8-seg", "plain"],
)
def test_outputs_are_those_of_ultralytics(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its version 8.3, by the weights of its own state_dict."""
    monkeypatch.setitem(os.environ, "YOLO_OFFLINE", "true")
    tasks = pytest.importorskip("ultralytics.nn.tasks", reason="ultralytics is not installed")
    import torch

    segments = model["head"][-1][2] == "Segment"
    kind = tasks.SegmentationModel if segments else tasks.DetectionModel
    theirs = kind({**json.loads(json.dumps(model)), "scale": "n"}, verbose=False).eval()
    state = theirs.state_dict()
    torch.manual_seed(0)
    for key, value in state.items():
        if value.is_floating_point() and "dfl" not in key:
            value.copy_(torch.rand_like(value) + 0.5 if key.endswith("var") else torch.rand_like(value) * 0.4 - 0.2)
    ours = speczoo.build(spec(model, input=(3, 96, 128)).text).eval()
    ours.load_state_dict(state)
    x = torch.rand(2, 3, 96, 128)
    with torch.no_grad():
        found, raw = ours(x), theirs(x)[1]
        maps, *more = raw if segments else (raw,)
        boxes = torch.cat([each.flatten(2)[:, :64] for each in maps], 2)
        scores = torch.cat([each.flatten(2)[:, 64:] for each in maps], 2)
        wanted = [boxes, scores, theirs.model[-1].dfl(boxes), *more]
    for mine, its in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-3, atol=1e-4)
