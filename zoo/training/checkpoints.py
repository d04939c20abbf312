"""How Lightning's checkpoints get onto the disk and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from speczoo.training.files import read_tensors, replacing
from speczoo.training.lightning import TorchCheckpointIO


class Checkpoints(TorchCheckpointIO):
    """Written whole or not at all, beside the one before, in the run's folder; read as tensors and plain data, wherever
    they come from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        # Lightning resolves links in its own path; the folder that it means is the run's
        with replacing(self.folder / "checkpoints" / Path(path).name, self.folder) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        return read_tensors(Path(path), copied=True)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove nothing: a run has one checkpoint, replaced in place. What Lightning asks to have removed is a path
        out of the checkpoint that it went on from, which may name any folder.
        """
