"""What is known of a network in one line, without walking through its layers where its spec says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from speczoo import catalogue
from speczoo.specs.diagnostics import Report
from speczoo.specs.errors import raise_if_wrong
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.spec import Spec, Variant

if TYPE_CHECKING:
    from speczoo.compiler.elaborate import Shared
    from speczoo.compiler.graph import Graph


@dataclass(frozen=True)
class Metadata:
    """A row of `zoo list`.

    `input` is the shape without the batch axis, or shapes by name where there are several inputs; `params` and `macs`
    are those of the spec's `expect`, which `zoo check` holds the network to, and counted where it does not say them.
    """

    name: str
    family: str
    title: str
    input: list[int] | dict[str, list[int]]
    params: int
    macs: int
    year: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def of(asked: str, limits: Limits = DEFAULT) -> list[Metadata]:
    """The facts of a name of the catalogue, of a file's variant, or of all variants of a file, which keep its limits
    together. Raises SpecError."""
    report = Report()
    found = catalogue.find(asked, report, limits)
    raise_if_wrong(report)
    assert found is not None
    unit, variant = found
    offered: list[str | None] = [variant] if variant or not catalogue.is_path(asked) else [*unit.spec.variants]
    counting = Counting(unit, limits)
    return [_of(unit.spec, v, counting) for v in offered or [None]]


class Counting:
    """Counts what networks of one file have, where their spec does not say it."""

    def __init__(self, unit: LoadedSpec, limits: Limits) -> None:
        self.unit, self.limits = unit, limits

    @cached_property
    def shared(self) -> Shared:
        from speczoo.compiler.elaborate import Shared

        return Shared()

    def __call__(self, variant: str | None) -> Graph:
        """Raises SpecError."""
        from speczoo.compiler.compile import compile

        report = Report()
        made = compile(
            self.unit,
            report,
            variant=variant,
            lookup=catalogue.lookup,
            limits=self.limits,
            expect=False,
            shared=self.shared,
        )
        raise_if_wrong(report)
        assert made is not None
        return made


def _of(spec: Spec, variant: str | None, count: Callable[[str | None], Graph]) -> Metadata:
    chosen = spec.variants.get(variant) if variant else None
    expect = chosen.expect if chosen and chosen.expect else None if chosen else spec.expect
    input = _input(spec, chosen)
    params, macs = (expect.params, expect.macs) if expect else (None, None)
    if input is None or params is None or macs is None or (variant and not chosen):
        graph = count(variant)
        shapes = {name: list(value.shape) for name, value in graph.settings.inputs}
        input, params, macs = shapes["input"] if spec.inputs is None else shapes, graph.params, graph.macs
    title, year = (word(spec, variant, key) for key in ("title", "year"))
    return Metadata(variant or spec.name, spec.name, title or "", input, params, macs, year)


def _input(spec: Spec, chosen: Variant | None) -> list[int] | dict[str, list[int]] | None:
    """The input where it is written in plain numbers."""
    shapes = {i.id: i.shape for i in spec.inputs} if spec.inputs else {"": (chosen and chosen.input) or spec.input}
    plain = {
        name: [n for n in shape if isinstance(n, int)] for name, shape in shapes.items() if isinstance(shape, list)
    }
    if len(plain) < len(shapes) or any(len(plain[name]) < len(shape or ()) for name, shape in shapes.items()):
        return None
    return plain if spec.inputs else plain[""]


def word(spec: Spec, variant: str | None, key: str) -> Any:
    """`title`, `reference`, `year`, `source`, `published` or `notes`: the variant's own, else the family's.

    What is printed of one network is not printed of its siblings: `published` and `notes` are not inherited.
    """
    chosen = spec.variants.get(variant) if variant else None
    own = getattr(chosen, key) if chosen else None
    return own if own is not None or (chosen and key in ("published", "notes")) else getattr(spec, key)


def everything() -> list[Metadata]:
    """All networks of the zoo, family by family as their files have them."""
    networks = [(catalogue.own(path), variant) for path, variant in catalogue.index().values()]
    return [_of(unit.spec, variant, Counting(unit, DEFAULT)) for unit, variant in networks]
