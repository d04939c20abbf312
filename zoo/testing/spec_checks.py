"""What `check_spec` asks of a spec: that at drawn sizes, numbers of samples and parameters it is what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias, TypeVar

from hypothesis import given, reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from speczoo.checking import What, check_unit
from speczoo.compiler.analysis.sizes import Sizes
from speczoo.specs.diagnostics import Report
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.testing.exploration import exploration
from speczoo.testing.faults import faults
from speczoo.testing.parameters import ParameterRange, ranges
from speczoo.testing.sizes import InputShape, taken
from speczoo.testing.subject import BATCH, Setting, SpecFailure, Subject, loaded

Drawn = TypeVar("Drawn")

MOST_BATCH = 4  # samples that are drawn at most
#: One thing that is asked: raises SpecFailure.
Part: TypeAlias = Callable[[], None]


def check_spec(what: What, *, examples: int | None = None, limits: Limits = DEFAULT) -> None:
    """Hold a spec to what torch does: at drawn sizes of its input, numbers of samples, and values of its parameters
    within their declared ranges, the spec is right, and its module has the shapes and weights that are predicted.

    `what` is what `speczoo.check` takes. Every value of a range of up to 100 is tried, the others as they are; of a
    larger range, of sizes and of combinations as many as `examples`, or the settings of Hypothesis, say. Raises
    SpecFailure, an AssertionError with the smallest setting that was found, at its line; SpecError for a spec that
    cannot be read.
    """
    __tracebackhide__ = True
    for part in parts(loaded(what, limits), examples).values():
        part()


def parts(subject: Subject, examples: int | None = None) -> dict[str, Part]:
    """Return what is asked of a spec, by name; nothing is drawn yet."""
    own = complete(subject)
    out: dict[str, Part] = {"check": partial(_as_it_stands, subject)}
    if own is None:
        return out
    out["sizes"] = partial(_sizes, own, examples)
    found = ranges(own.unit.spec)
    for name, each in found.items():
        out[f"params.{name}"] = partial(_alone, own, name, each, examples)
    if len(found) > 1:
        out["params"] = partial(_together, own, found, examples)
    return out


def complete(subject: Subject) -> Subject | None:
    """Return the spec with every parameter set: itself, or the first of its variants that is right."""
    spec = subject.unit.spec
    needs = any(param.required for param in spec.params.values())
    candidates = [subject.variant] if subject.variant is not None or not needs else list(spec.variants)
    for variant in candidates:
        if (one := subject._replace(variant=variant)).graph(Report(), Setting()) is not None:
            return one
    return None


def _as_it_stands(subject: Subject) -> None:
    """Check that the spec and its variants are right, expectations too, and that each builds what it says."""
    report = Report()
    graphs = check_unit(report, subject.unit, subject.variant, limits=subject.limits)
    if not report.ok:
        raise SpecFailure(Setting(), report.errors)
    for graph in graphs:
        if found := faults(graph, BATCH):
            raise SpecFailure(Setting(), found)


def _alone(subject: Subject, name: str, found: ParameterRange, examples: int | None) -> None:
    """Check every value of one parameter, the smallest first, or drawn ones; the others are as they are."""
    if found.few is not None:
        for value in found.few:
            subject.check(Setting({name: value}))
        return
    _explore(st.builds(lambda value: Setting({name: value}), found.values), subject.check, examples)


def _together(subject: Subject, found: Mapping[str, ParameterRange], examples: int | None) -> None:
    """Check drawn values of several parameters at once, where each is right alone."""

    def holds(setting: Setting) -> None:
        try:
            subject.check(setting)
        except SpecFailure:
            for name, value in setting.params.items():
                if not _holds(subject, Setting({name: value})):
                    reject()  # another test has it
            raise

    _explore(_settings(found), holds, examples)


def _holds(subject: Subject, setting: Setting) -> bool:
    try:
        subject.check(setting)
    except SpecFailure:
        return False
    return True


@st.composite
def _settings(draw: DrawFn, found: Mapping[str, ParameterRange]) -> Setting:
    """Draw values of two parameters or more."""
    chosen: dict[str, Any] = {}
    for left, (name, each) in zip(range(len(found), 0, -1), found.items(), strict=True):
        if len(chosen) + left <= 2 or draw(st.booleans()):
            chosen[name] = draw(each.values)
    return Setting(chosen)


def _sizes(subject: Subject, examples: int | None) -> None:
    """Check drawn sizes that the network takes as it is built, and drawn numbers of samples."""
    graph = subject.graph(Report(), Setting())
    assert graph is not None

    def holds(drawn: tuple[InputShape, int]) -> None:
        setting = Setting(shape=drawn[0], batch=drawn[1])
        made = subject.graph(Report(), setting)
        if made is None:
            reject()  # it would be another network, which the spec refuses
        if found := faults(made, setting.batch):
            raise SpecFailure(setting, [subject.at(setting, diagnostic) for diagnostic in found])

    training = any(port.training_only for port in graph.root.outputs)
    least = 2 if training else 1  # batch norm in training wants more than one value for each channel
    _explore(st.tuples(taken(Sizes(graph)), st.integers(least, MOST_BATCH)), holds, examples)


def _explore(drawn: SearchStrategy[Drawn], holds: Callable[[Drawn], None], examples: int | None) -> None:
    """Raise the SpecFailure of the smallest that is found among so many."""

    @exploration(examples)
    @given(drawn)
    def explored(one: Drawn) -> None:
        holds(one)

    try:
        explored()
    except SpecFailure as error:
        raise error.with_traceback(None) from None
