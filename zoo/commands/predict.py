"""`zoo predict`: what a trained network says about images."""

from __future__ import annotations

from pathlib import Path

import click

from speczoo.commands.common import json_option, reads_files
from speczoo.commands.training_options import emit, guarded


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", default=3, show_default=True, type=click.IntRange(min=1), help="How many classes to name.")
@json_option
@reads_files
@guarded
def command(run: Path, images: tuple[Path, ...], top: int, as_json: bool) -> None:
    """Classify IMAGES with the network that was trained in RUN."""
    from speczoo.training.evaluate import predict

    found = predict(run, images)
    rows, lines = [], []
    for p in found:
        best = list(zip(p.classes, p.probabilities, strict=True))[:top]
        classes = [{"class": name, "probability": share} for name, share in best]
        rows.append({"image": p.image, "label": p.label, "classes": classes})
        lines.append(f"{p.image}: " + ", ".join(f"{name} {share:.1%}" for name, share in best))
    emit(rows, as_json, *lines)
