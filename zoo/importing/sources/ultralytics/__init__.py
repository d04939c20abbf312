"""Models of Ultralytics, whose YAML has rows `[from, number, module, args]`."""

from speczoo.importing.sources.ultralytics.model import read

__all__ = ["read"]
