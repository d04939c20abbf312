"""What the readers of all formats give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from speczoo.specs.problem import Loc


@dataclass
class Translation:
    """What a file became: a spec as data, what the file is in `words`, and where in it each entry stands."""

    spec: dict[str, Any]
    places: dict[str, Loc]
    words: str
