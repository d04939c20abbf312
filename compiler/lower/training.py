"""What forward computes only in training, and is read outside the `if self.training:` that computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from speczoo.compiler.dataflow import Edge, Operand
from speczoo.compiler.program import Assignment, Declaration


class TrainingSteps:
    """The steps of a forward whose values reach no code where they may be missing, but by a declaration:
    `aux: Tensor | None = None`. Python reads them only in training; TorchScript and type checkers look at every path.

    `training` says of each statement whether only training does it, None where nothing stands; `uses` has the
    statements that take each value, the outputs as one after the last.
    """

    def __init__(
        self, training: Sequence[bool | None], uses: Mapping[Edge, Sequence[int]], inputs: Sequence[str]
    ) -> None:
        self.steps: list[Assignment | Declaration] = []
        self._block: list[int] = []  # by statement: how many there were before it that always run
        always = 0
        for only in (*training, True):  # what is returned stands with the training before it
            self._block.append(always)
            always += only is False
        self._outside = {
            value
            for value, users in uses.items()
            if value.node in range(len(training))
            and training[value.node]
            and any(self._block[user] != self._block[value.node] for user in users)
        }
        self._bound = set(inputs)  # variables that hold a tensor on every path
        self._declared: set[str] = set()
        self._certain: set[str] = set()  # declared ones that this block of training has a tensor in
        self._start = 0  # where this block begins

    def read_outside(self, value: Edge) -> bool:
        """Return whether code outside its block of training takes a value."""
        return value in self._outside

    def add(self, number: int, step: Assignment, taken: Sequence[tuple[Operand, str]]) -> None:
        """One more step, of a statement; what it takes is in these variables."""
        if not step.training:
            self.steps.append(step)
            self._bound |= {*step.targets}
            self._bound -= {*step.drops}
            self._declared -= {*step.targets}
            self._start = len(self.steps)
            self._certain.clear()
            return
        for port, target in enumerate(step.targets):
            if self.read_outside(Edge(number, port)) and target not in self._bound | self._declared:
                self.steps.insert(self._start, Declaration(target))
                self._start += 1
                self._declared.add(target)
        unsure = {name: None for value, name in taken if value in self._outside and name in self._declared}
        self.steps.append(replace(step, present=tuple(name for name in unsure if name not in self._certain)))
        self._certain |= {*unsure, *step.targets}
