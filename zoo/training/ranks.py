"""Which of several processes this one is, before Lightning is there to say so."""

from __future__ import annotations

import os


def leads() -> bool:
    """False in processes that Lightning, torchrun or SLURM started beside the first one, and on machines beside it."""
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in ranks)
