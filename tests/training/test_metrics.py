"""What is counted, held against torchmetrics."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional import classification as reference

from speczoo.training.loader import IGNORED
from speczoo.training.metrics import Counts


@given(st.integers(2, 8), st.integers(1, 30), st.integers(0, 999), st.sampled_from([(), (3, 4)]))
@settings(max_examples=60, deadline=None)
def test_results_are_torchmetrics(classes: int, n: int, seed: int, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(n, classes, *shape, generator=generator)
    y = torch.randint(0, classes, (n, *shape), generator=generator)
    y[torch.rand(y.shape, generator=generator) < 0.2] = IGNORED
    y.flatten()[0] = 0
    counts = Counts(classes, torch.device("cpu"))
    for a, b in zip(output.split(7), y.split(7), strict=True):
        counts.add(a, b)
    results = counts.results()
    options = {"num_classes": classes, "ignore_index": IGNORED}
    assert results["accuracy"] == pytest.approx(
        float(reference.multiclass_accuracy(output, y, average="micro", **options)), abs=1e-6
    )
    assert results["valid_loss"] == pytest.approx(
        float(torch.nn.functional.cross_entropy(output, y, ignore_index=IGNORED)), rel=1e-4
    )
    matrix = reference.multiclass_confusion_matrix(output, y, **options)
    assert torch.equal(counts.confusion.long(), matrix)
    present = (matrix.sum(0) + matrix.sum(1)) > 0
    iou = reference.multiclass_jaccard_index(output, y, average="none", **options)[present].mean()
    assert results["iou"] == pytest.approx(float(iou), abs=1e-6)
    if not shape and classes > 5:
        five = reference.multiclass_accuracy(output, y, average="micro", top_k=5, **options)
        assert results["top5"] == pytest.approx(float(five), abs=1e-6)
