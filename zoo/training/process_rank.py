"""Which of several processes this one is, before Lightning is there to say so."""

from __future__ import annotations

import os

NAMES = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")  # torchrun's, SLURM's and Lightning's, the surest first


def leads() -> bool:
    """Return False in processes that Lightning, torchrun or SLURM started beside the first one, and on machines beside
    it.
    """
    return all(os.environ.get(name, "0") == "0" for name in NAMES)


def rank() -> str:
    """Return the number of this process, as far as is known."""
    return next((os.environ[name] for name in NAMES if os.environ.get(name, "0") != "0"), "0")
