"""Every setting of a space, checked and costed without torch, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from speczoo import catalogue, checking, plugins, processes
from speczoo.arguments import Arguments
from speczoo.compiler.elaborate import Shared
from speczoo.compiler.graph import Graph
from speczoo.conditions import Condition
from speczoo.exploration.candidates import DEFAULT as MEASURED
from speczoo.exploration.candidates import MEASURES, Candidate
from speczoo.exploration.space import Space, SpaceError, drawn
from speczoo.specs.diagnostics import Report
from speczoo.specs.expression import METER
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.suggestions import did_you_mean

MOST = 1_000_000  # settings of one sweep: more are sampled
CHUNK = 64  # settings that one process takes at a time: neighbours share most of their lists
KEPT = 20_000  # lists that are kept for the settings to come


@dataclass(frozen=True)
class Sweep:
    """What is swept: networks, and the space of settings that is laid over each. Plain data, for other processes."""

    networks: tuple[Any, ...]  # as `speczoo.graph` takes them
    space: Space
    measures: tuple[str, ...] = MEASURED
    where: str | None = None
    limits: Limits = DEFAULT
    plugins: tuple[tuple[str, tuple[Path, ...]], ...] = ()  # modules of layers, and the folders where they may lie

    @property
    def size(self) -> int:
        return len(self.networks) * self.space.size


class Evaluator:
    """Candidates by number. What settings have in common is elaborated once."""

    def __init__(self, sweep: Sweep) -> None:
        """Raise SpecError for networks that are none, SpaceError for a parameter that one lacks, ConditionError."""
        self.sweep = sweep
        self.units = [catalogue.found(network, sweep.limits) for network in sweep.networks]
        self.shared = [Shared() for _ in self.units]
        for unit, _ in self.units:
            _hold_names(unit, sweep.space)
        self.condition = Condition(sweep.where, self.names) if sweep.where is not None else None
        read = self.condition.names if self.condition is not None else frozenset()
        self.measures = [name for name in MEASURES if name in sweep.measures or name in read]

    @property
    def names(self) -> tuple[str, ...]:
        """What a condition may read."""
        return tuple(dict.fromkeys(("network", *self.sweep.space.names, *MEASURES)))

    def candidate(self, number: int) -> Candidate | None:
        """Return the candidate with this number; None where the condition does not hold of it."""
        which, index = divmod(number, self.sweep.space.size)
        unit, variant = self.units[which]
        setting = self.sweep.space.at(index)
        label, report = variant or unit.spec.name, Report()
        graph = self._graph(which, setting, report)
        if graph is None:
            return Candidate(label, setting, {}, next(iter(report.errors)))
        whole = Candidate(label, setting, {name: MEASURES[name](graph) for name in self.measures})
        if self.condition is not None and not self.condition.holds(whole.row):
            return None
        return whole

    def _graph(self, which: int, setting: dict[str, Any], report: Report) -> Graph | None:
        (unit, variant), shared, limits = self.units[which], self.shared[which], self.sweep.limits
        shared.entries, shared.metered = 0, METER.spent  # limits are those of one network
        params = dict(setting)
        given = Arguments.read(report, params, params.pop("input", None), None, limits)
        if given is None:
            return None
        graph = checking.chosen(report, unit, variant, given, limits, shared=shared, explain=False)
        if graph is None or len(shared.done) > KEPT:  # what is wrong in a list is reported where it is first met alone
            self.shared[which] = Shared()
        return graph

    def candidates(self, numbers: Iterable[int]) -> list[Candidate]:
        return [wanted for number in numbers if (wanted := self.candidate(number)) is not None]


def sweep(
    what: Any,
    settings: Mapping[str, Any] | None = None,
    /,
    *,
    where: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    measures: Sequence[str] = MEASURED,
    jobs: int = 1,
    limits: Limits = DEFAULT,
    **more: Any,
) -> Iterator[Candidate]:
    """Return an iterator over the settings of a network, each checked and costed without torch.

    `settings`, and `more` of them by name, are the values of each parameter: a list or a range, a text as on the
    command line (`"2..6"`), or one value; `input` takes shapes likewise. One list for a parameter that takes lists is
    one value. Those of which `where` is false are left out; those that are no network come with their `error`. `sample`
    draws so many different settings of all, by `seed`. With `jobs` over 1 other processes do the work, which import the
    main module: there it belongs under `if __name__ == "__main__"`.

        >>> for found in sweep("resnet18", num_classes=[10, 100], where="params < 12e6", sample=1000):
        ...     print(found.setting, found.measures["params"])

    Raises SpecError for what is no network, SpaceError for a space without end or of more than a million settings that
    is not sampled, or for a sample of none, ConditionError for a condition of other names.
    """
    unit, _ = catalogue.found(what, limits)
    space = Space.of({**(settings or {}), **more}, unit.spec.params)
    return run(Sweep((what,), space, tuple(measures), where, limits), sample=sample, seed=seed, jobs=jobs)


def run(
    sweep: Sweep,
    *,
    sample: int | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, size: None,
) -> Iterator[Candidate]:
    """Return what `sweep` does; `progress` is called with how many settings of how many are done."""
    if unknown := [name for name in sweep.measures if name not in MEASURES]:
        hint = " ".join(did_you_mean(unknown[0], MEASURES)) or f"there is {', '.join(MEASURES)}"
        raise SpaceError(f"there is no measure {unknown[0]!a}: {hint}")
    evaluator = Evaluator(sweep)
    if sample is not None and sample < 1:
        raise SpaceError(f"a sample is of at least 1 setting, not {sample}")
    if sample is None and sweep.size > MOST:
        raise SpaceError(f"{sweep.size:,} settings are more than {MOST:,}: draw a sample of them, of 1,000 for example")
    numbers = range(sweep.size) if sample is None else drawn(sweep.size, min(sample, MOST), seed)
    chunks = [numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK)]
    if min(jobs, len(chunks)) > 1:
        done = processes.spawned(_candidates, chunks, min(jobs, len(chunks)), partial(_prepare, sweep))
    else:
        done = map(evaluator.candidates, chunks)
    return _counted(done, chunks, len(numbers), progress)


def _counted(
    done: Iterable[list[Candidate]], chunks: Sequence[Sequence[int]], size: int, progress: Callable[[int, int], None]
) -> Iterator[Candidate]:
    count = 0
    for chunk, candidates in zip(chunks, done, strict=True):
        count += len(chunk)
        progress(count, size)
        yield from candidates


# -- other processes --------------------------------------------------------------------------------------------------

_evaluator: Evaluator


def _prepare(sweep: Sweep) -> None:
    global _evaluator
    for name, folders in sweep.plugins:
        plugins.load(name, folders)
    _evaluator = Evaluator(sweep)


def _candidates(numbers: Sequence[int]) -> list[Candidate]:
    return _evaluator.candidates(numbers)


# -- what is swept ----------------------------------------------------------------------------------------------------


def _hold_names(unit: LoadedSpec, space: Space) -> None:
    known = [*unit.spec.params, "in_channels", "input"]
    for name in space.names:
        if name not in known:
            hint = " ".join(did_you_mean(name, known)) or f"it has {', '.join(unit.spec.params) or 'none'}"
            raise SpaceError(f"`{unit.spec.name}` has no parameter `{name}`: {hint}")
