"""Models of Keras 2 and 3 as their `to_json` and their config.json have them."""

from speczoo.importing.sources.keras.model import read

__all__ = ["read"]
