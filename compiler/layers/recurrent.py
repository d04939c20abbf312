"""Recurrent layers over tokens x features, and their cells over features. The batch always comes first."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from speczoo.compiler.layer import (
    Call,
    Kept,
    Layer,
    NonNegative,
    Positive,
    Probability,
    Saves,
    Shape,
    ShapeError,
    Value,
    show,
)
from speczoo.compiler.reach import Sight, causal, whole

MOST_LAYERS = 100


def _hold(op: str, x: tuple[Shape, ...], states: tuple[Shape, ...]) -> None:
    """Raise ShapeError where a state that flows in has not the shape that it should."""
    for position, (given, wanted) in enumerate(zip(x[1:], states, strict=False), 1):
        if given != wanted:
            raise ShapeError(
                "shape-mismatch",
                f"`{op}` takes {show(wanted)} as input {position + 1}, its state, not {show(given)}",
                inputs={position: show(given)},
            )


RNN_STATE = '''
def with_state(out: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """What a recurrent layer gives, its last state with the batch first."""
    return out[0], out[1].transpose(0, 1)
'''.strip()

LSTM_STATES = '''
def with_states(out: tuple[Tensor, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """What an LSTM gives, its last states with the batch first."""
    return out[0], out[1][0].transpose(0, 1), out[1][1].transpose(0, 1)
'''.strip()


class _Recurrent(Layer, abstract=True):
    """`return_state: true` gives the last state of each layer and direction beside the sequence, as `id.1`; a second
    input is the first one: layers and directions x features."""

    saves: ClassVar[Saves] = "both"

    input_size: Positive | None = None
    hidden_size: Positive
    num_layers: Positive = 1

    if TYPE_CHECKING:  # in the order of each one's arguments
        bias: bool
        dropout: float
        bidirectional: bool
        return_state: bool

    derives: ClassVar[tuple[str, ...]] = ("input_size",)
    positional: ClassVar[int] = 2
    arity: ClassVar[tuple[int, float]] = (1, 2)
    ranks: ClassVar[tuple[int, ...]] = (2,)
    applied: ClassVar[tuple[str, ...]] = ("return_state",)
    reads: ClassVar[tuple[str, ...]] = ("transpose", "contiguous")
    gates: ClassVar[int] = 1
    kept: ClassVar[int] = 1  # what autograd keeps of a token, in numbers of `hidden_size`

    @property
    def several(self) -> bool:
        return self.return_state

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def features(self) -> int:
        """How many numbers a layer gives for a token, in one direction."""
        return self.hidden_size

    def derived(self, *x: Shape) -> dict[str, Any]:
        return {"input_size": x[0][-1]}

    def check(self, *x: Shape | None) -> None:
        if self.num_layers > MOST_LAYERS:
            message = f"{self.num_layers:,} layers; the limit is {MOST_LAYERS:,}"
            raise ShapeError("limit-exceeded", message, argument="num_layers")
        if self.dropout and self.num_layers == 1:
            raise ShapeError(
                "bad-value",
                "`dropout` is between layers, and there is one",
                argument="dropout",
                help=["a `Dropout` after it", "or `num_layers: 2`"],
            )

    def states(self) -> tuple[Shape, ...]:
        """Return the shapes of the states that it keeps."""
        return ((self.directions * self.num_layers, self.features),)

    def infer(self, *x: Shape) -> Shape | list[Shape]:
        _hold(self.op, x, self.states())
        out = (x[0][0], self.directions * self.features)
        return [out, *self.states()] if self.return_state else out

    def matrices(self, inputs: int) -> dict[str, Shape]:
        """Return the matrices of one layer in one direction, by what torch calls them."""
        rows = self.gates * self.hidden_size
        return {"weight_ih": (rows, inputs), "weight_hh": (rows, self.features)}

    def weights(self, *x: Shape) -> dict[str, Shape]:
        out: dict[str, Shape] = {}
        for layer in range(self.num_layers):
            inputs = self.directions * self.features if layer else x[0][-1]
            for suffix in ("", "_reverse")[: self.directions]:
                matrices = self.matrices(inputs)
                last = {"weight_hr": matrices.pop("weight_hr")} if "weight_hr" in matrices else {}
                biases = {f"bias_{part}": (self.gates * self.hidden_size,) for part in ("ih", "hh") if self.bias}
                out |= {f"{name}_l{layer}{suffix}": shape for name, shape in (matrices | biases | last).items()}
        return out

    def macs(self, out: Shape, *x: Shape) -> int:
        tokens, inputs = x[0]
        each = sum(map(math.prod, self.matrices(inputs).values()))
        later = sum(map(math.prod, self.matrices(self.directions * self.features).values()))
        return tokens * self.directions * (each + (self.num_layers - 1) * later)

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        """Return what each layer and direction keeps of a token: what flows in, what its gates come to, and the state
        that it leaves; oneDNN, on a CPU, keeps several times that.
        """
        tokens, inputs = x[0]
        later = (self.num_layers - 1) * self.features
        return Kept("", tokens * self.directions * (inputs + later + self.num_layers * self.kept * self.hidden_size))

    def operations(self, *x: Shape) -> int:
        return x[0][0] * self.directions * self.num_layers * self.gates * self.hidden_size

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        (tokens, inputs), *states = x
        upto = port == 0 and not self.bidirectional
        return ((causal(0, tokens) if upto else whole(tokens), whole(inputs)), *(tuple(map(whole, s)) for s in states))

    def call(self, *x: Value) -> Call:
        args = self.arguments(*(v.shape for v in x))
        args.pop("return_state")
        defaults: dict[str, Any] = {
            name: f.default for name, f in type(self).model_fields.items() if name not in ("input_size", "hidden_size")
        }
        states = [f"{{{i}}}.transpose(0, 1).contiguous()" for i in range(1, len(x))]
        state = f"({', '.join(states)})" if len(states) > 1 else "".join(states)
        made = f"{{self}}({{0}}{', ' if state else ''}{state})"
        result = f"{self._giving}({made})" if self.return_state else f"{made}[0]"
        support = self.support if self.return_state else ()
        kind = self.torch or f"nn.{self.op}"
        return Call(kind, args | {"batch_first": True}, defaults, self.positional, apply=result, support=support)

    _giving: ClassVar[str] = "with_state"
    support: ClassVar[tuple[str, ...]] = (RNN_STATE,)


class RNN(_Recurrent):
    """A state of `hidden_size` numbers that each token renews: h = tanh(W x + U h + b)."""

    nonlinearity: Literal["tanh", "relu"] = "tanh"
    bias: bool = True
    dropout: Probability = 0.0
    bidirectional: bool = False
    return_state: bool = False


class GRU(_Recurrent):
    """A state that each token renews as far as two gates let it (Cho et al. 2014)."""

    bias: bool = True
    dropout: Probability = 0.0
    bidirectional: bool = False
    return_state: bool = False

    gates: ClassVar[int] = 3
    kept: ClassVar[int] = 7


class LSTM(_Recurrent):
    """A state and a cell that each token renews as far as three gates let it (Hochreiter and Schmidhuber 1997).

    `proj_size` projects the state. The states that flow in are two, state and cell, and so are those that come out with
    `return_state: true`, as `id.1` and `id.2`.
    """

    bias: bool = True
    dropout: Probability = 0.0
    bidirectional: bool = False
    proj_size: NonNegative = 0
    return_state: bool = False

    arity: ClassVar[tuple[int, float]] = (1, 3)
    gates: ClassVar[int] = 4
    kept: ClassVar[int] = 7
    support: ClassVar[tuple[str, ...]] = (LSTM_STATES,)
    _giving: ClassVar[str] = "with_states"

    @property
    def features(self) -> int:
        return self.proj_size or self.hidden_size

    def check(self, *x: Shape | None) -> None:
        super().check(*x)
        if self.proj_size >= self.hidden_size:
            message = f"`proj_size: {self.proj_size}` is not below `hidden_size: {self.hidden_size}`"
            raise ShapeError("bad-value", message, argument="proj_size")
        _both(self.op, len(x))

    def states(self) -> tuple[Shape, ...]:
        count = self.directions * self.num_layers
        return (count, self.features), (count, self.hidden_size)

    def matrices(self, inputs: int) -> dict[str, Shape]:
        projection = {"weight_hr": (self.proj_size, self.hidden_size)} if self.proj_size else {}
        return super().matrices(inputs) | projection


def _both(op: str, inputs: int) -> None:
    if inputs == 2:
        raise ShapeError("bad-value", f"`{op}` takes one input or three, with state and cell, not 2", argument="from")


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
        _hold(self.op, x, ((self.hidden_size,),) * 2)
        return (self.hidden_size,)

    def weights(self, *x: Shape) -> dict[str, Shape]:
        rows = self.gates * self.hidden_size
        matrices: dict[str, Shape] = {"weight_ih": (rows, x[0][-1]), "weight_hh": (rows, self.hidden_size)}
        return matrices | ({"bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else {})

    def macs(self, out: Shape, *x: Shape) -> int:
        return self.gates * self.hidden_size * (x[0][-1] + self.hidden_size)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return tuple(tuple(map(whole, shape)) for shape in x)


class RNNCell(_Cell):
    """The next state of an RNN."""

    saves: ClassVar[Saves] = "both"

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        return Kept("both", self.hidden_size * (len(x) == 1))  # the state of zeros


class GRUCell(_Cell):
    """The next state of a GRU."""

    gates: ClassVar[int] = 3

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        """Return the gates, parts of them, and the state of zeros where none flows in."""
        return Kept("input", self.hidden_size * (6 if len(x) == 2 else 7))


class LSTMCell(_Cell):
    """The next state and cell of an LSTM, as `id.0` and `id.1`, from a token, and state and cell before it."""

    arity: ClassVar[tuple[int, float]] = (1, 3)
    gates: ClassVar[int] = 4
    outputs: ClassVar[bool] = True

    def check(self, *x: Shape | None) -> None:
        _both(self.op, len(x))

    def infer(self, *x: Shape) -> Shape | list[Shape]:
        _hold(self.op, x, ((self.hidden_size,),) * 2)
        return [(self.hidden_size,)] * 2

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        """Return the gates, the cell's tanh, and the state of zeros where none flows in."""
        return Kept("input", self.hidden_size * (5 if len(x) == 3 else 6))

    def call(self, *x: Value) -> Call:
        apply = "{self}({0}, ({1}, {2}))" if len(x) == 3 else "{self}({0})"
        return replace(super().call(*x), apply=apply)
