"""Lightning, imported after torchvision, which it would trip over otherwise (see `zoo.torchvision`)."""

from zoo.torchvision import torchvision

torchvision()

import lightning  # noqa: E402
from lightning import pytorch as pl  # noqa: E402
from lightning.pytorch import callbacks  # noqa: E402
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm  # noqa: E402

VERSION: str = lightning.__version__

__all__ = ["VERSION", "Tqdm", "callbacks", "pl"]
