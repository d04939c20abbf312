"""How Lightning's checkpoints get onto the disk and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .files import read_tensors, replacing
from .lightning import TorchCheckpointIO


class Checkpoints(TorchCheckpointIO):
    """Written whole or not at all, beside the one before; read as tensors and plain data, wherever they come from."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with replacing(Path(path)) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        return read_tensors(Path(path), copied=True)
