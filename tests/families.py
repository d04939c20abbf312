"""The networks of the zoo as the cases of a test: one of each family always, and its kin, which differ from it in
numbers, as alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import speczoo
from speczoo import catalogue
from speczoo.compiler.graph import Graph

#: One of each file: the others differ in numbers.
OF_EACH_FAMILY = sorted({path: name for name, (path, _) in sorted(catalogue.index().items())}.values())


#: Files whose networks are long, and made as those of `swin.yaml` are: their cases are alike.
LONG = frozenset({"maxvit", "mvit", "swin3d", "swin_v2"})


@cache
def graph_of(name: str) -> Graph:
    """Return the graph of a network of the zoo as it stands, the same to all tests: nothing changes a graph."""
    return speczoo.graph(name)


#: Parameters from which on a network is too large to be built by a test of all networks.
MOST = 100_000_000


def skip_too_large(graph: Graph) -> None:
    """Skip the test of a network with too many weights."""
    if graph.params >= MOST:
        pytest.skip("it has too many weights for a test")


def cases(values: Mapping[Any, Path]) -> list[Any]:
    """Return values, each with the file that it is of, as cases of a test, those of `LONG` marked."""
    return [
        pytest.param(value, marks=[pytest.mark.alike] * (path.stem in LONG), id=getattr(value, "stem", str(value)))
        for value, path in values.items()
    ]


def of_each_family() -> list[Any]:
    """Return one network of each file, those of `LONG` marked."""
    return cases({name: catalogue.index()[name][0] for name in OF_EACH_FAMILY})


def of_the_zoo() -> list[Any]:
    """Return every network of the zoo, those of `OF_EACH_FAMILY` without a mark."""
    kin = {n for n, (path, _) in catalogue.index().items() if n not in OF_EACH_FAMILY or path.stem in LONG}
    return [pytest.param(name, marks=[pytest.mark.alike] * (name in kin)) for name in catalogue.index()]
