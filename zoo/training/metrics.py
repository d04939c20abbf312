"""What is counted while a network is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speczoo.limits import exhausted
from speczoo.training.errors import DataError, TrainingError, one_line
from speczoo.training.loader import IGNORED

SMALLER = "a smaller `batch_size`, smaller images or a smaller network"


class Counts:
    """Summed loss and a confusion matrix [true, predicted]: accuracy and mean IoU come out of the same counts."""

    def __init__(self, classes: int, device: torch.device) -> None:
        kind = torch.float32 if device.type == "mps" else torch.float64
        self.classes = classes
        self.sums = torch.zeros(3, dtype=kind, device=device)  # loss, count, right among the best five
        self.confusion = torch.zeros(classes, classes, dtype=kind, device=device)

    def add(self, output: Tensor, y: Tensor) -> None:
        """Take logits [n, classes, ...] and labels [n, ...]; labels that are to be ignored do not count."""
        loss = F.cross_entropy(output, y, ignore_index=IGNORED, reduction="sum")
        real = y != IGNORED
        predicted = output.argmax(1)
        cells = torch.bincount((y * self.classes + predicted)[real], minlength=self.classes**2)
        best = output.topk(min(5, output.shape[1]), dim=1).indices if output.ndim == 2 else predicted[:, None]
        right = ((best == y[:, None]).any(1) & real).sum()
        self.sums += torch.stack([loss.double(), real.sum(), right]).to(self.sums)
        self.confusion += cells.reshape(self.classes, self.classes)

    def reduce(self, total: Callable[[Tensor], Tensor]) -> None:
        """Add up what several processes counted."""
        self.sums, self.confusion = total(self.sums), total(self.confusion)

    def results(self) -> dict[str, float]:
        loss, count, five = self.sums.tolist()
        right = self.confusion.diagonal()
        union = self.confusion.sum(0) + self.confusion.sum(1) - right
        present = union > 0
        iou = (right[present] / union[present]).mean() if present.any() else 0.0
        return {
            "valid_loss": loss / max(count, 1),
            "accuracy": float(right.sum()) / max(count, 1),
            "top5": five / max(count, 1),
            "iou": float(iou),
        }


def outputs(value: Any) -> tuple[Tensor, ...]:
    """Return a network's outputs, the main one first; auxiliary ones exist in training only."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


@contextmanager
def reporting_refusals(x: Tensor) -> Iterator[None]:
    """Report refusals of what a network computes of a batch: torch has no errors of its own for what a network does not
    take.

    Raises DataError where it refuses the batch, or memory does not hold what it computes.
    """
    try:
        yield
    except TrainingError:
        raise
    except (RuntimeError, ValueError, MemoryError) as error:
        count, _, height, width = x.shape
        images = f"images of {height} x {width}, {count:,} at a time"
        full = exhausted(error)
        why = f"{'it needs more memory than there is: ' if full else ''}{one_line(error)}"
        raise DataError(f"the network does not take {images}: {why}", SMALLER if full else "") from error


def device_of(model: nn.Module) -> torch.device:
    """Return where a network's weights are; the CPU for one without any."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
