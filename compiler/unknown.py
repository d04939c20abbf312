"""The one value for what is unknown because something else is wrong, and reported.

It stands for a parameter, an argument, a condition, the turns of a loop, or a value that flows along an edge. Whatever
hangs on it is UNKNOWN, too: an expression that reads it raises UnknownRead, and whoever evaluates that passes UNKNOWN
on, in silence. None is not it: None is what is not there (no input, no body, an argument's null).
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final


class Unknown(Enum):
    """The type of UNKNOWN, an enumeration of one, so that `is UNKNOWN` narrows types."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class UnknownRead(Exception):
    """UNKNOWN was read where its value counts."""


class UnknownOperand:
    """UNKNOWN in a place whose readers use operators and look no names up: whatever they ask of it raises UnknownRead.
    UNKNOWN itself has to be compared and hashed, as a part of the keys of what is elaborated."""

    def _read(self, *_: Any) -> Any:
        raise UnknownRead

    __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = __getitem__ = __contains__ = _read
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __str__ = __format__ = _read
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __mod__ = __rmod__ = _read
    __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __abs__ = __getattr__ = _read
