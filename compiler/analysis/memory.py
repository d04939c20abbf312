"""How much memory a network takes beside its weights: at inference, by the lives of its values, and for training.

**Inference** (`inference_memory.py`) is the most bytes that values take at once in evaluation mode without gradients,
the network's own input left out: each value lives as the statements of the emitted code have it, the inputs of a
call until it returns. Views, and ops that write over their input, take none; what is a view, and what is copied,
follows from how values lie in memory (`residence.py`, `strides.py`).

**Training** (`training_memory.py`) is what autograd keeps for the backward pass, each memory once, parameters and
buffers left out and the input counted: the larger part of what a training step needs beside weights, gradients and the
states of the optimizer (`Memory.training_step`).

Left out is what a backend takes while it computes (workspaces of convolutions, packed weights; what oneDNN and cuDNN
keep of a recurrent layer beside its gates and states), and how an allocator rounds. Of recurrent layers that torch
computes token by token, all but plain LSTMs, what is predicted of inference is off by up to a seventh for a few tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from speczoo.compiler.analysis.cost import cost, item_size
from speczoo.compiler.analysis.inference_memory import inference
from speczoo.compiler.analysis.residence import Unit
from speczoo.compiler.analysis.training_memory import training
from speczoo.compiler.graph import Graph

#: Numbers that an optimizer keeps for each weight that it trains.
OPTIMIZER_STATES = {
    "sgd": 0, "sgd+momentum": 1, "rmsprop": 1, "adagrad": 1, "lion": 1,
    "adam": 2, "adamw": 2, "nadam": 2, "radam": 2, "adamax": 2, "adadelta": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a network, for a batch and a type of numbers. `gradients` has one for each weight that trains."""

    weights: int
    buffers: int
    inference: int
    training: int
    gradients: int

    def training_step(self, optimizer: str = "sgd") -> int:
        """Return about how many bytes a step takes at its peak, its optimizer one of `OPTIMIZER_STATES`: weights,
        buffers, gradients, states, and what autograd keeps. Six networks were measured at 0.86 to 1.03 of the last and
        the gradients. Raises KeyError.
        """
        states = OPTIMIZER_STATES[optimizer] * self.gradients
        return self.weights + self.buffers + self.gradients + states + self.training

    def to_json(self) -> dict[str, int]:
        """Return bytes by name."""
        return {
            "weights": self.weights,
            "buffers": self.buffers,
            "inference": self.inference,
            "training": self.training,
        }


def memory(graph: Graph, dtype: str = "float32", batch: int = 1) -> Memory:
    """Return the memory of a network. Raises ValueError for a type that weights are not of."""
    whole, unit = cost(graph.root), Unit(dtype, batch)
    each = item_size(dtype)
    return Memory(
        weights=whole.weight_bytes(dtype),
        buffers=whole.buffer_bytes(dtype),
        inference=inference(graph.root, unit),
        training=training(graph, unit),
        gradients=graph.trainable_params * each,
    )
