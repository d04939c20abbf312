"""Numbers as people read them."""

from __future__ import annotations

NAMES = {"accuracy": "accuracy", "top5": "top-5 accuracy", "iou": "mean IoU"}


def figure(name: str, value: float) -> str:
    """Return a metric's value: shares of images in percent, IoU as it is."""
    return f"{value:.3f}" if name == "iou" else f"{100 * value:.2f} %"


def duration(seconds: float) -> str:
    """Return `0.09 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
