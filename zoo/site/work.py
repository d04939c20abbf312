"""Networks of a site, made by several processes where there are many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from speczoo import processes
from speczoo.site.network import Made, RecipeResult, made

#: So many networks are sooner made by one process.
FEW = 8


def networks(names: Sequence[str], results: Mapping[str, Sequence[RecipeResult]], *, documents: bool) -> Iterator[Made]:
    """Yield what the site has of networks of the catalogue, in this order. Raises SpecError."""
    make = partial(_made, results, documents)
    jobs = processes.cores()
    if len(names) <= FEW or jobs == 1:
        yield from map(make, names)
    else:
        yield from processes.spawned(make, names, jobs)


def _made(results: Mapping[str, Sequence[RecipeResult]], documents: bool, name: str) -> Made:
    return made(name, results.get(name, ()), documents=documents)
