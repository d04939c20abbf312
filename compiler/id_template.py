"""What ids with expressions in them can come out as."""

from __future__ import annotations

import re
from typing import NamedTuple


class IdTemplate(NamedTuple):
    """An id with expressions in it: what stands between them."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> IdTemplate:
        return cls(tuple(re.split(r"\$\w+|\$\([^$]*\)", text)))

    def could_read(self, name: str) -> bool:
        """Return whether the id can come out as this name, whatever is computed."""
        first, *between, last = self.parts if len(self.parts) > 1 else (*self.parts, "")
        if not name.startswith(first) or not name.endswith(last):
            return False
        at = len(first)
        for part in between:
            found = name.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return at <= len(name) - len(last)
