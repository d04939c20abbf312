"""Training by recipes. Importing this is cheap; torch and Lightning come with the first `train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speczoo.training.engine import Result, train

__all__ = ["Result", "train"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from speczoo.training import engine

        return getattr(engine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
