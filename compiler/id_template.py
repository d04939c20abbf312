"""What ids with expressions in them can come out as."""

from __future__ import annotations

import re
from typing import NamedTuple

EXPRESSION = re.compile(r"\$\w+|\$\([^$]*\)")


def parts_of_id(text: str) -> list[str]:
    """Return what stands between the dots of an id as it is written, those inside expressions aside."""
    masked = EXPRESSION.sub(lambda found: "$" * len(found[0]), text)
    ends = [*(i for i, letter in enumerate(masked) if letter == "."), len(text)]
    return [text[start:end] for start, end in zip([0, *(end + 1 for end in ends)], ends, strict=False)]


class IdTemplate(NamedTuple):
    """An id with expressions in it: what stands between them."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> IdTemplate:
        return cls(tuple(EXPRESSION.split(text)))

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
