"""Recurrent layers over tokens x features. The batch always comes first."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import (
    Call,
    Layer,
    NonNegative,
    Positive,
    Probability,
    Shape,
    ShapeError,
    Value,
    show,
)
from speczoo.compiler.reach import Sight, causal, whole
from speczoo.compiler.strides import Laid, Layout
from speczoo.compiler.tape import Storage, Tape

MOST_LAYERS = 100


def hold_states(op: str, x: tuple[Shape, ...], states: tuple[Shape, ...]) -> None:
    """Raise ShapeError where a state that flows in has not the shape that it should."""
    for position, (given, wanted) in enumerate(zip(x[1:], states, strict=False), 1):
        if given != wanted:
            raise ShapeError(
                "shape-mismatch",
                f"`{op}` takes {show(wanted)} as input {position + 1}, its state, not {show(given)}",
                inputs={position: show(given)},
            )


def need_both(op: str, inputs: int) -> None:
    """Raise ShapeError where one of the states of an LSTM flows in alone."""
    if inputs == 2:
        raise ShapeError("bad-value", f"`{op}` takes one input or three, with state and cell, not 2", argument="from")


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
    kept: ClassVar[int] = 1  # what autograd keeps of a token's gates, in numbers of `hidden_size`
    step: ClassVar[int] = 2  # what is held while a token is computed, in such numbers

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
        hold_states(self.op, x, self.states())
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

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return what each layer and direction keeps of a token: what flows in, what its gates come to, and the state
        that it leaves, beside the first states; oneDNN, on a CPU, keeps several times that of an LSTM.
        """
        tape = Tape(wanted, *x)
        flowing, *given = tape.given
        states = [Storage(math.prod(shape)) for shape in self.states()]
        if given:
            states = [tape.contiguous(state, *shape) for state, shape in zip(given, self.states(), strict=True)]
        (tokens, inputs), later = x[0].shape, self.directions * self.features
        for layer in range(self.num_layers):
            made = []
            for suffix in ("", "_reverse")[: self.directions]:
                taken = flowing if layer else tape.turned(flowing, tokens, inputs)
                made.append(self._kept_steps(tape, tokens, taken, states, f"_l{layer}{suffix}"))
            flowing, inputs = tape.made(tokens * later, *made), later
            if layer < self.num_layers - 1:
                flowing = tape.dropout(flowing, tokens * later, self.dropout)
        return tape.kept()

    def _kept_steps(self, tape: Tape, tokens: int, x: Storage, states: list[Storage], name: str) -> Storage:
        """Return what comes out of one layer in one direction, token after token. A state is kept for its weight, of
        an RNN it is what its gate comes to; a cell is kept with the gates.
        """
        own = [f"{part}{name}" for part in ("weight_hh", "bias_hh", "weight_hr")]
        gates = tape.linear(x, 0, f"weight_ih{name}", f"bias_ih{name}")
        hidden = tape.made(0, gates, *states, tape.trains(*own))
        cells = (tokens - 1) * self.hidden_size * (len(states) - 1)
        tape.keep(Storage(tokens * self.kept * self.hidden_size + cells), *states[1:], where=hidden.wants)
        between = Storage((tokens - 1) * self.features * (self.gates > 1))
        tape.keep(between, states[0], where=tape.trains(own[0]))
        tape.keep(Storage(tokens * self.hidden_size), where=tape.trains(own[2]))
        return hidden

    def scratch(self, *x: Shape) -> int:
        return self.scratch_of(1, *map(Value, x))

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return what is held in the layer that holds most, beside what comes out: the states, and what `_computing`
        says of the first layer, whose input is laid out anew where samples and tokens are several, or a later one.
        """
        tokens, inputs = x[0].shape
        several = batch > 1 and tokens > 1
        states = sum(map(math.prod, self.states()))
        before = states if len(x) == 1 or (batch > 1 and self.states()[0][0] > 1) else 0
        out = tokens * self.directions * self.features
        held = self._computing(tokens, 0, inputs if several else 0)
        if self.num_layers > 1:
            held = max(held, self._computing(tokens, out, 0))
        return batch * (before + held - out)

    def _computing(self, tokens: int, before: int, laid_out: int) -> int:
        """Return how many numbers are held while a layer is computed: those that flow in from the layer before; the
        gates of all tokens, twice where a bias is added to what is laid out anew; what comes out as single tokens and
        as a sequence, or what a step of the last token holds; in two directions those of the first one beside the
        second's, and both together.
        """
        gates, out = tokens * self.gates * self.hidden_size, tokens * self.features
        projecting = gates + max(tokens * laid_out, gates if self.bias and laid_out else 0)
        stepping = gates + out - self.features + self.step * self.hidden_size
        if self.directions == 1:
            return before + max(projecting, stepping, gates + 2 * out)
        return before + max(2 * out + max(gates + projecting, stepping), gates + 6 * out)

    def operations(self, *x: Shape) -> int:
        return x[0][0] * self.directions * self.num_layers * self.gates * self.hidden_size

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return sequences and states with the batch after tokens, or layers, as torch computes them."""
        return tuple(Laid(Layout.nested(sizes, (1, 0, 2))) for sizes in out)

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
    kept: ClassVar[int] = 6
    step: ClassVar[int] = 5


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
    kept: ClassVar[int] = 5
    step: ClassVar[int] = 8
    support: ClassVar[tuple[str, ...]] = (LSTM_STATES,)
    _giving: ClassVar[str] = "with_states"

    @property
    def features(self) -> int:
        return self.proj_size or self.hidden_size

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return what is held beside what comes out where oneDNN computes a layer in one direction at once: the first
        states, the input where it is laid out anew, last states, single and as one, and of each layer what flows in and
        comes out, of two directions single and together; for biases that are not there it takes zeros, of the size of
        its matrices.
        """
        if self.proj_size:
            return super().scratch_of(batch, *x)
        (tokens, inputs), both = x[0].shape, self.directions == 2
        state, out = batch * self.hidden_size, batch * tokens * self.hidden_size
        every = 2 * self.num_layers * self.directions * state
        held = every if len(x) == 1 or (batch > 1 and self.num_layers * self.directions > 1) else 0
        held += batch * tokens * inputs if batch > 1 and tokens > 1 else 0
        steps = [
            self._layer_held(layer, direction, inputs, out, state)
            for layer in range(self.num_layers)
            for direction in range(self.directions)
        ]
        result = self.directions * out
        last = 2 * every + result + (2 * out if both else 0)
        return held + max(*steps, last) - result - (every if self.return_state else 0)

    def _layer_held(self, layer: int, direction: int, inputs: int, out: int, state: int) -> int:
        """Return what is held where a layer is computed in one direction: last states up to it, what flows in, and what
        comes out; of two directions also what they gave in the layer before, until they give another, and then both
        together.
        """
        matrices = self.matrices(self.directions * self.hidden_size if layer else inputs)
        zeros = 0 if self.bias else sum(map(math.prod, matrices.values()))
        states = 2 * state * (layer * self.directions + direction + 1)
        if self.directions == 1:
            return states + (out if layer else 0) + out + zeros
        before = (4 - direction) * out if layer else 0
        together = (4 + (2 if layer else 0)) * out if direction else 0
        return states + max(before + (1 + direction) * out + zeros, together)

    def check(self, *x: Shape | None) -> None:
        super().check(*x)
        if self.proj_size >= self.hidden_size:
            message = f"`proj_size: {self.proj_size}` is not below `hidden_size: {self.hidden_size}`"
            raise ShapeError("bad-value", message, argument="proj_size")
        need_both(self.op, len(x))

    def states(self) -> tuple[Shape, ...]:
        count = self.directions * self.num_layers
        return (count, self.features), (count, self.hidden_size)

    def matrices(self, inputs: int) -> dict[str, Shape]:
        projection = {"weight_hr": (self.proj_size, self.hidden_size)} if self.proj_size else {}
        return super().matrices(inputs) | projection
