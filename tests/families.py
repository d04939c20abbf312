"""The networks of the zoo as the cases of a test: one of each family always, and its kin, which differ from it in
numbers, as alike."""

from __future__ import annotations

from typing import Any

import pytest

from speczoo import catalogue

#: One of each file: the others differ in numbers.
OF_EACH_FAMILY = sorted({path: name for name, (path, _) in sorted(catalogue.index().items())}.values())


def of_the_zoo() -> list[Any]:
    """Return every network of the zoo, those of `OF_EACH_FAMILY` without a mark."""
    kin = catalogue.index().keys() - {*OF_EACH_FAMILY}
    return [pytest.param(name, marks=[pytest.mark.alike] * (name in kin)) for name in catalogue.index()]
