"""The cells of recurrent layers, over features: one token at a time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Call, Layer, Positive, Shape, Value
from speczoo.compiler.layers.recurrent import hold_states, need_both
from speczoo.compiler.reach import Sight, whole
from speczoo.compiler.strides import Laid, Layout, elementwise


class _Cell(Layer, abstract=True):
    """Cells over features: one token, and the state before it, which is 0 where none flows in."""

    saves: ClassVar[Saves] = "input"

    input_size: Positive | None = None
    hidden_size: Positive
    bias: bool = True

    derives: ClassVar[tuple[str, ...]] = ("input_size",)
    positional: ClassVar[int] = 2
    arity: ClassVar[tuple[int, float]] = (1, 2)
    ranks: ClassVar[tuple[int, ...]] = (1,)
    parameters: ClassVar[tuple[str, ...]] = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    gates: ClassVar[int] = 1

    def derived(self, *x: Shape) -> dict[str, Any]:
        return {"input_size": x[0][-1]}

    def infer(self, *x: Shape) -> Shape | list[Shape]:
        hold_states(self.op, x, ((self.hidden_size,),) * 2)
        return (self.hidden_size,)

    def weights(self, *x: Shape) -> dict[str, Shape]:
        rows = self.gates * self.hidden_size
        matrices: dict[str, Shape] = {"weight_ih": (rows, x[0][-1]), "weight_hh": (rows, self.hidden_size)}
        return matrices | ({"bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else {})

    def macs(self, out: Shape, *x: Shape) -> int:
        return self.gates * self.hidden_size * (x[0][-1] + self.hidden_size)

    def kept_inputs(self, wanted: Wanted, inputs: int) -> Kept:
        """Return the token and the state, each for the gradient of its weight; a state of zeros is the cell's own."""
        kept = [i for i, name in enumerate(("weight_ih", "weight_hh")) if name in wanted.weights]
        zeros = self.hidden_size if inputs == 1 and 1 in kept else 0
        return Kept(numbers=zeros, inputs=tuple(i for i in kept if i < inputs))

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return tuple(tuple(map(whole, shape)) for shape in x)


class RNNCell(_Cell):
    """The next state of an RNN."""

    saves: ClassVar[Saves] = "both"

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        return self.kept_inputs(wanted, len(x))._replace(outputs=(0,))


class GRUCell(_Cell):
    """The next state of a GRU."""

    gates: ClassVar[int] = 3

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return that of the states that it renews."""
        return (Laid(elementwise(*layouts[1:], Layout.plain(out[0]))),)

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return the gates and parts of them, too."""
        found = self.kept_inputs(wanted, len(x))
        return found._replace(numbers=found.numbers + 6 * self.hidden_size)


class LSTMCell(_Cell):
    """The next state and cell of an LSTM, as `id.0` and `id.1`, from a token, and state and cell before it."""

    arity: ClassVar[tuple[int, float]] = (1, 3)
    gates: ClassVar[int] = 4
    outputs: ClassVar[bool] = True

    def check(self, *x: Shape | None) -> None:
        need_both(self.op, len(x))

    def infer(self, *x: Shape) -> Shape | list[Shape]:
        hold_states(self.op, x, ((self.hidden_size,),) * 2)
        return [(self.hidden_size,)] * 2

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return the gates and the cell's tanh, too, and the cell before it, which the gates are multiplied with; of
        zeros it is the state.
        """
        found = self.kept_inputs(wanted, len(x))
        gated = wanted.weights or wanted.inputs & {0, 1}
        if len(x) == 1:
            return found._replace(numbers=6 * self.hidden_size)
        return found._replace(numbers=5 * self.hidden_size, inputs=found.inputs + ((2,) if gated else ()))

    def call(self, *x: Value) -> Call:
        apply = "{self}({0}, ({1}, {2}))" if len(x) == 3 else "{self}({0})"
        return replace(super().call(*x), apply=apply)
