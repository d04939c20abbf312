"""A spec under test, and one setting of it: parameters, a shape of its input, a number of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from speczoo import catalogue
from speczoo.checking import What
from speczoo.compiler.compile import compile
from speczoo.compiler.graph import Graph
from speczoo.specs.diagnostics import Diagnostic, Label, Report
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.render import text
from speczoo.specs.wording import by_axis, printed
from speczoo.testing.faults import faults
from speczoo.testing.parameters import ranges
from speczoo.testing.sizes import InputShape

BATCH = 2


@dataclass(frozen=True)
class Setting:
    """What was chosen of a spec: parameters, the shape of its input where it is another, how many samples flow in."""

    params: Mapping[str, Any] = field(default_factory=dict)
    shape: InputShape | None = None
    batch: int = BATCH

    @property
    def words(self) -> str:
        """The setting as a command takes it, and the samples where they are not those of every run."""
        parts = [f"--set {name}={printed(value)}" for name, value in self.params.items()]
        if isinstance(self.shape, dict):
            parts += [f"--input {name}={by_axis(shape)}" for name, shape in self.shape.items()]
        elif self.shape is not None:
            parts.append(f"--input {by_axis(self.shape)}")
        words = " ".join(parts)
        samples = f"{self.batch} samples" if self.batch > 1 else "one sample"
        return f"{words}, {samples}".removeprefix(", ") if self.batch != BATCH else words


class SpecFailure(AssertionError):
    """A spec that is not what it says at some setting; `str()` is what a terminal shows."""

    def __init__(self, setting: Setting, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(setting, diagnostics)
        self.setting, self.diagnostics = setting, tuple(diagnostics)

    def __str__(self) -> str:
        return text(self.diagnostics)


class Subject(NamedTuple):
    """A spec, or one of its variants."""

    unit: LoadedSpec
    variant: str | None
    limits: Limits = DEFAULT

    def graph(self, report: Report, setting: Setting) -> Graph | None:
        """Return the network at a setting, or None with the reasons in the report."""
        return compile(
            self.unit,
            report,
            variant=self.variant,
            params=setting.params,
            input=setting.shape,
            lookup=catalogue.lookup,
            limits=self.limits,
            expect=False,
        )

    def check(self, setting: Setting) -> None:
        """Raise SpecFailure where the spec is refused at this setting, or builds something else than it says."""
        report = Report()
        graph = self.graph(report, setting)
        found = report.errors if graph is None else faults(graph, setting.batch)
        if found:
            raise SpecFailure(setting, [self.at(setting, diagnostic) for diagnostic in found])

    def at(self, setting: Setting, diagnostic: Diagnostic) -> Diagnostic:
        """Return the diagnostic with the setting that it is met at, in a note and where parameters are declared."""
        document, found = self.unit.document, ranges(self.unit.spec)
        labels = []
        for name, value in setting.params.items():
            span = document.span(("params", name), key=True)
            if span is not None and span != diagnostic.span:
                labels.append(Label(span, f"{printed(value)} {found[name].words}", document.source.name))
        of = f" in the variant `{self.variant}`" if self.variant is not None else ""
        notes = (f"met with {words}{of}",) if (words := setting.words) else ()
        return replace(diagnostic, labels=(*diagnostic.labels, *labels), notes=(*diagnostic.notes, *notes))


def loaded(what: What, limits: Limits = DEFAULT) -> Subject:
    """Return the spec that is asked for. Raises SpecError where it cannot be read."""
    return Subject(*catalogue.found(what, limits), limits)
