"""How pictures look, and how they are written.

Names of classes, runs and parameters are a stranger's. matplotlib takes `$` for mathematics and leaves a label out that
begins with `_`: so names go in as `shown`, with `parse_math=False`, and into legends as texts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib
from matplotlib.figure import Figure

from speczoo.specs import files
from speczoo.specs.escaping import safe

matplotlib.rcParams.update(
    {
        "svg.hashsalt": "zoo",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
    }
)
BLUE, ORANGE, GREEN = "#2f6fb0", "#d9772b", "#3a8f5d"
LONGEST = 32  # characters of a name


class QuietFigure(Figure):
    """A figure that is saved without a word about glyphs that no font has: these are drawn as boxes."""

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            super().savefig(*args, **kwargs)


def shown(name: str) -> str:
    """Return a name as a picture has room for it: on one line, and without its middle where it is long."""
    line = safe(name)
    return line if len(line) <= LONGEST else f"{line[: LONGEST * 2 // 3]}…{line[1 - LONGEST // 3 :]}"


def save(
    figure: Figure,
    path: Path,
    kinds: Sequence[str] = ("png", "svg"),
    replacing: Callable[[Path], AbstractContextManager[BinaryIO]] = files.replacing,
) -> list[Path]:
    """Write `path` with each suffix, in place of one of them that it has. Raises what `replacing` does: OSError."""
    written = paths(path, kinds)
    for target in written:
        with replacing(target) as file:
            kind = target.suffix[1:]
            figure.savefig(file, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    return written


def paths(path: Path, kinds: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Return what `save` writes."""
    stem = path.stem if path.suffix[1:] in kinds else path.name
    return [path.with_name(f"{stem}.{kind}") for kind in kinds]
