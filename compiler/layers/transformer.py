"""The layers of transformers, over tokens x features. The batch always comes first, and masks are causality alone."""

import math
from functools import partial
from typing import Any, ClassVar, Literal

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Call, Layer, Positive, Probability, Shape, ShapeError, Value, show
from speczoo.compiler.layers.multihead import CAUSAL_MASK, MultiheadAttention
from speczoo.compiler.reach import Sight, causal, whole
from speczoo.compiler.tape import Storage, Tape


class _Transformer(Layer, abstract=True):
    """Attention and a feedforward network of two Linear, each with a skip and a LayerNorm after it, or before it where
    `norm_first` is true."""

    saves: ClassVar[Saves] = "input"

    d_model: Positive | None = None
    nhead: Positive
    dim_feedforward: Positive = 2048
    dropout: Probability = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    layer_norm_eps: float = 1e-5
    norm_first: bool = False
    bias: bool = True

    derives: ClassVar[tuple[str, ...]] = ("d_model",)
    kin: ClassVar[tuple[str, ...]] = ("MultiheadAttention", "Linear", "LayerNorm")
    positional: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (2,)
    support: ClassVar[tuple[str, ...]] = (CAUSAL_MASK,)
    attentions: ClassVar[tuple[str, ...]] = ("self_attn",)

    def derived(self, *x: Shape) -> dict[str, Any]:
        return {"d_model": x[0][-1]}

    @property
    def attention(self) -> MultiheadAttention:
        made = MultiheadAttention(num_heads=self.nhead)
        return made.model_copy(update={"dropout": self.dropout, "bias": self.bias})

    def sides(self, *x: Shape) -> list[tuple[Shape, ...]]:
        """Return what flows into each of the attentions."""
        return [x[:1]]

    def infer(self, *x: Shape) -> Shape:
        for given in self.sides(*x):
            self._attended(*given)
        return x[0]

    def _attended(self, *given: Shape) -> None:
        """Raise ShapeError, in its own words, where an attention does not take what flows in."""
        try:
            self.attention.infer(*given)
        except ShapeError as error:
            problem = error.problem
            raise ShapeError(
                problem.code,
                problem.message.replace("num_heads", "nhead"),
                argument="nhead" if error.argument == "num_heads" else error.argument,
                inputs={0: show(given[0])},
                help=problem.help,
            ) from None

    def weights(self, *x: Shape) -> dict[str, Shape]:
        e, f = x[0][-1], self.dim_feedforward
        out: dict[str, Shape] = {}
        for name in self.attentions:
            out |= {f"{name}.{key}": shape for key, shape in self.attention.weights(x[0]).items()}
        parts: dict[str, Shape] = {"linear1": (f, e), "linear2": (e, f)}
        parts |= {f"norm{i}": (e,) for i in range(1, len(self.attentions) + 2)}
        for name, shape in parts.items():
            out[f"{name}.weight"] = shape
            if self.bias:
                out[f"{name}.bias"] = shape[:1]
        return out

    def macs(self, out: Shape, *x: Shape) -> int:
        tokens, e = x[0]
        attended = sum(self.attention.macs(given[0], *given) for given in self.sides(*x))
        return attended + 2 * tokens * e * self.dim_feedforward

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return what its attentions, its feedforward network and their skips keep, each with its norm."""
        tape = Tape(wanted, *x)
        made, *others = tape.given
        tokens, e = x[0].shape
        sides = self.sides(*(value.shape for value in x))

        def attend(i: int, flowing: Storage) -> Storage:
            looked_at = others[0] if len(sides[i]) == 3 else flowing
            shapes = self.attention.sides(*sides[i])
            return self.attention.attended(
                tape, (flowing, looked_at, looked_at), shapes, prefix=f"{self.attentions[i]}."
            )

        blocks = [*(partial(attend, i) for i in range(len(sides))), partial(self._forward, tape, tokens, e)]
        for number, block in enumerate(blocks, 1):
            names = f"norm{number}.weight", f"norm{number}.bias"
            norm = partial(tape.layer_norm, numbers=tokens * e, groups=tokens, weight=names[0], bias=names[1])
            inner = block(norm(made) if self.norm_first else made)
            joined = tape.made(tokens * e, made, tape.dropout(inner, tokens * e, self.dropout))
            made = joined if self.norm_first else norm(joined)
        return tape.kept(made)

    def scratch(self, *x: Shape) -> int:
        return self.scratch_of(1, *map(Value, x))

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return what is held in the attention, or the feedforward network, that holds most: what is skipped, where it
        is not what flows into the layer, what is normalised first, and what the part itself holds.
        """
        shapes = tuple(value.shape for value in x)
        (tokens, e), hidden = shapes[0], batch * shapes[0][0] * self.dim_feedforward
        whole = batch * tokens * e
        normed = whole * self.norm_first
        truths = math.ceil(tokens * tokens / 4) if self.looks_back else 0
        held = [whole + normed + 2 * hidden + truths]
        for i, given in enumerate(self.sides(*shapes)):
            looking = self.attention.model_copy(update={"is_causal": self.looks_back and i == 0})
            held.append(whole * (i + 1) + normed + looking.scratch_of(batch, *map(Value, given[:2])) + truths * (i > 0))
        return max(held) - whole

    def _forward(self, tape: Tape, tokens: int, e: int, x: Storage) -> Storage:
        """Return what comes out of the feedforward network."""
        hidden = tokens * self.dim_feedforward
        made = tape.linear(x, hidden, "linear1.weight", "linear1.bias")
        if self.activation == "relu":
            made = tape.result(made, hidden)
        else:
            tape.keep(made, where=made.wants)
            made = tape.made(hidden, made)
        dropped = tape.dropout(made, hidden, self.dropout)
        return tape.linear(dropped, tokens * e, "linear2.weight", "linear2.bias")

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        (tokens, e), *others = x
        own = causal(0, tokens) if self.looks_back else whole(tokens)
        return ((own, whole(e)), *(tuple(map(whole, shape)) for shape in others))

    @property
    def looks_back(self) -> bool:
        """Whether a token looks at none that comes after it."""
        raise NotImplementedError

    def call(self, *x: Value) -> Call:
        derived = self.arguments(*(v.shape for v in x))
        args = {name: value for name, value in derived.items() if name not in self.applied}
        usual = {name: type(self).model_fields[name].default for name in args if name not in ("d_model", "nhead")}
        back = self.looks_back
        masks = self._masks if back else ""
        given = ", ".join(f"{{{i}}}" for i in range(len(x)))
        return Call(
            f"nn.{self.op}",
            args | {"batch_first": True},
            usual,
            self.positional,
            apply=f"{{self}}({given}{masks})",
            support=self.support if back else (),
        )

    _masks: ClassVar[str] = ""


class TransformerEncoderLayer(_Transformer):
    """Tokens that attend to each other, and a feedforward network (Vaswani et al. 2017); with `is_causal: true` each
    looks at its own place and those before it."""

    is_causal: bool = False

    applied: ClassVar[tuple[str, ...]] = ("is_causal",)
    _masks: ClassVar[str] = ", src_mask=causal_mask({0}, {0}), is_causal=True"

    @property
    def looks_back(self) -> bool:
        return self.is_causal

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return the same, with the mask as truths and numbers all the time; nothing where torch's kernel for a whole
        layer takes it.
        """
        if self.is_causal:
            mask = x[0].shape[0] ** 2
            return self.model_copy(update={"is_causal": False}).scratch_of(batch, *x) + mask + math.ceil(mask / 4)
        return 0 if self.bias and self.nhead % 2 == 0 else super().scratch_of(batch, *x)


class TransformerDecoderLayer(_Transformer):
    """Tokens that attend to each other and to those of a second input, the memory, and a feedforward network; with
    `tgt_is_causal: true` each looks at its own place and those before it among the first."""

    tgt_is_causal: bool = False

    arity: ClassVar[tuple[int, float]] = (2, 2)
    applied: ClassVar[tuple[str, ...]] = ("tgt_is_causal",)
    attentions: ClassVar[tuple[str, ...]] = ("self_attn", "multihead_attn")
    _masks: ClassVar[str] = ", tgt_mask=causal_mask({0}, {0}), tgt_is_causal=True"

    @property
    def looks_back(self) -> bool:
        return self.tgt_is_causal

    def sides(self, *x: Shape) -> list[tuple[Shape, ...]]:
        tokens, memory = x
        return [(tokens,), (tokens, memory, memory)]

    def infer(self, *x: Shape) -> Shape:
        tokens, memory = x
        if tokens[-1] != memory[-1]:
            raise ShapeError(
                "shape-mismatch",
                f"tokens and memory differ in features: {tokens[-1]} and {memory[-1]}",
                inputs={0: show(tokens), 1: show(memory)},
            )
        return super().infer(*x)
