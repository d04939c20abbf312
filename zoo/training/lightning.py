"""Lightning, imported after torchvision, which it would trip over otherwise (see `speczoo.torchvision`)."""

from speczoo.torchvision import torchvision

torchvision()

import lightning  # noqa: E402
from lightning import Fabric  # noqa: E402
from lightning import pytorch as pl  # noqa: E402
from lightning.fabric.plugins import TorchCheckpointIO  # noqa: E402
from lightning.fabric.plugins.environments.lightning import LightningEnvironment  # noqa: E402
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment  # noqa: E402
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment  # noqa: E402
from lightning.pytorch import callbacks  # noqa: E402
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm  # noqa: E402
from lightning.pytorch.utilities.exceptions import SIGTERMException  # noqa: E402

VERSION: str = lightning.__version__

__all__ = [
    "VERSION",
    "Fabric",
    "LightningEnvironment",
    "SIGTERMException",
    "SLURMEnvironment",
    "TorchCheckpointIO",
    "TorchElasticEnvironment",
    "Tqdm",
    "callbacks",
    "pl",
]
