"""One case of a layer under test, and what is wrong with it: what the layer says beside what torch does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from speczoo.compiler.layer import Layer, Shape, Value, show
from speczoo.specs.wording import printed
from speczoo.testing.cases import Case
from speczoo.testing.oracle import TorchRefused, TorchResult, run, seeded


@dataclass(frozen=True)
class Trial:
    """An accepted case, for inputs of so many samples; torch's results are computed once."""

    case: Case
    layer: Layer
    predicted: tuple[Value, ...]
    batch: int

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(value.shape for value in self.case.inputs)

    @cached_property
    def trained(self) -> TorchResult:
        """What torch gives in training mode. Raises Refused."""
        with seeded():
            return run(self.layer, self.case, batch=self.batch)

    @cached_property
    def evaluated(self) -> TorchResult:
        """What torch gives in evaluation mode. Raises Refused."""
        with seeded():
            return run(self.layer, self.case, batch=self.batch, training=False)

    @property
    def refusal(self) -> str | None:
        """Why torch refuses the case."""
        try:
            _ = self.trained, self.evaluated
        except TorchRefused as error:
            return str(error)
        return None


class Disagreement(AssertionError):
    """A layer that is not what it says, shown by the smallest case that was found."""

    def __init__(self, case: Case, wrong: str, *sides: tuple[str, str]) -> None:
        arguments = "".join(f", {name}: {printed(value)}" for name, value in case.arguments.items())
        inputs = [_flowing(value) for value in case.inputs]
        rows = [("entry", f"{{op: {case.op}{arguments}}}"), ("input", ", ".join(inputs) or "none"), *sides]
        width = max(len(name) for name, _ in rows)
        super().__init__("\n".join([f"{case.op}: {wrong}", *(f"  {name:<{width}}  {text}" for name, text in rows)]))
        self.case = case


def _flowing(value: Value) -> str:
    kind = "" if value.dtype == "float32" else f" of {value.dtype}"
    if not value.batched:
        return f"{show(value.shape)}{kind}, without a batch axis" if value.shape else "a number"
    return f"{show(value.shape)}{kind}" if value.shape else f"{show(value.shape)}{kind} for each sample"
