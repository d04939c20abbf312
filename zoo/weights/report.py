"""What came from where: the `load_report` of a model, and the error of weights that do not come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from speczoo.specs.escaping import safe
from speczoo.tensors import SHOWN
from speczoo.torchvision import published_weights


class WeightsError(Exception):
    """Weights that are not there, cannot be read, or do not fit the network: reported in a line, or in several.

    `lines` are as they were written, names of a stranger's tensors and files in them; `str()` shows them harmlessly.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(map(safe, self.lines))


@dataclass(frozen=True)
class LoadReport:
    """What came from where: the `load_report` of a model that was built with weights. Plain data; it pickles.

    `missing` are the keys that nothing came for and that were initialised afresh: a head with another number of
    classes. `unexpected` are keys that came and have no place here: heads that were left out. `prefix` is what every
    key began with and was taken off: `module.` of DataParallel. `wanted` is how many keys the network has: counters of
    batch norm, which files of before torch 0.4.1 lack, begin at 0 and are neither loaded nor missing. `meta` is what
    torchvision says of its weights.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    enum: str | None = None
    prefix: str = ""
    wanted: int = 0

    def __repr__(self) -> str:
        return f"<LoadReport: {'; '.join(self.counts)}>"

    @property
    def complete(self) -> bool:
        """Whether every key of the network was loaded."""
        return not self.missing

    @property
    def categories(self) -> tuple[str, ...]:
        """The classes' names, in the order of the published network's outputs; empty where nobody stated them."""
        return tuple(self.meta.get("categories", ()))

    def transforms(self) -> Callable[..., Tensor]:
        """Return torchvision's transforms that make an image what these weights were trained on.

        Raises WeightsError where the weights are not torchvision's.
        """
        if self.enum is None:
            raise WeightsError(f"{self.source} comes without transforms: only torchvision's own weights have them")
        name, _, member = self.enum.partition(".")
        made: Callable[..., Tensor] = published_weights(name)[member].transforms()
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        lists = {"loaded": list(self.loaded), "missing": list(self.missing), "unexpected": list(self.unexpected)}
        return {"source": self.source, "prefix": self.prefix, **lists}

    @property
    def counts(self) -> tuple[str, ...]:
        """How many of them came, are missing, and have no place."""
        came = f"{len(self.loaded)} of {self.wanted} tensors from {self.source}"
        fresh = (f"{len(self.missing)} initialised afresh",) if self.missing else ()
        return (came, *fresh, *((f"{len(self.unexpected)} not used",) if self.unexpected else ()))

    @property
    def lines(self) -> tuple[str, ...]:
        """The same for people; names of tensors and files are as they were written."""
        fresh = (f"not loaded, initialised afresh: {', '.join(self.missing)}",) if self.missing else ()
        idle = (f"not used: {', '.join(self.unexpected)}",) if self.unexpected else ()
        off = (f"taken off the names: {self.prefix}",) if self.prefix else ()
        return (self.counts[0], *off, *fresh, *idle)

    def __str__(self) -> str:
        return "\n".join(map(safe, self.lines))


def report_of(model: nn.Module) -> LoadReport:
    """Return the `load_report` of a model that was built with weights. Raises AttributeError of any other."""
    report = model.load_report
    assert isinstance(report, LoadReport)
    return report


def listed(what: str, keys: list[str], limit: int = 6) -> list[str]:
    """Return a line of a WeightsError on these keys; none where there are none."""
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return [f"{what}: {', '.join(key[:SHOWN] for key in keys[:limit])}{more}"] if keys else []
