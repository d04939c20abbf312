"""The layers of transformers, over tokens x features. The batch always comes first."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import Call, Given, Positive, Probability, Shape, ShapeError, Value, show
from speczoo.compiler.layers.attention import Attention, looked_at
from speczoo.compiler.layers.multihead import CAUSAL_MASK, MultiheadAttention, check_heads, for_each_head
from speczoo.compiler.reach import SAME, Link, Sight, whole
from speczoo.compiler.strides import Laid, Layout, elementwise
from speczoo.compiler.tape import Storage, Tape

T = TypeVar("T")


class _Part(NamedTuple):
    """One of the attentions, and which of the layer's inputs flow into it, masks last."""

    layer: MultiheadAttention
    positions: tuple[int, ...]

    def of(self, values: Sequence[T]) -> tuple[T, ...]:
        return tuple(values[i] for i in self.positions)


class _Transformer(Attention, abstract=True):
    """Attention and a feedforward network of two Linear, each with a skip and a LayerNorm after it, or before it where
    `norm_first` is true. Masks are truths alone: torch's kernel for a whole layer takes numbers for truths, too."""

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
    reads: ClassVar[tuple[str, ...]] = ("flatten", "num_heads", "repeat_interleave", "self_attn", "squeeze")
    support: ClassVar[tuple[str, ...]] = (CAUSAL_MASK,)
    #: By name, which of the inputs each of the attentions takes, and its masks: of its keys, and of queries x keys.
    attentions: ClassVar[dict[str, tuple[tuple[int, ...], tuple[str, str]]]]

    def derived(self, *x: Shape) -> dict[str, Any]:
        return {"d_model": x[0][-1]}

    def parts(self, inputs: int) -> dict[str, _Part]:
        """Return the attentions, by name, of so many inputs."""
        masks, parts = self.masks(tuple(range(inputs))), {}
        for number, (name, (positions, (padding, mask))) in enumerate(self.attentions.items()):
            given = {"key_padding_mask": getattr(self, padding), "mask": getattr(self, mask)}
            own = {"dropout": self.dropout, "bias": self.bias, "is_causal": self.looks_back and number == 0}
            layer = MultiheadAttention(num_heads=self.nhead).model_copy(update=own | given)
            parts[name] = _Part(layer, (*positions, *(masks[key][0] for key in (padding, mask) if key in masks)))
        return parts

    @property
    def looks_back(self) -> bool:
        """Whether a token looks at none that comes after it."""
        return bool(getattr(self, self.causality[0]))

    def infer(self, *x: Shape) -> Shape:
        check_heads("nhead", self.nhead, x[0][-1])
        return x[0]

    def misfit(self, name: str, mask: Value, *x: Shape) -> tuple[str, ...] | None:
        for part, (_, names) in zip(self.parts(len(x)).values(), self.attentions.values(), strict=True):
            if name in names:
                kind = ("key_padding_mask", "mask")[names.index(name)]
                numbers = None if mask.dtype == "bool" else (f"is bool, not {mask.dtype}",)
                return part.layer.misfit(kind, mask, *part.of(x)) or numbers
        raise KeyError(name)

    def weights(self, *x: Shape) -> dict[str, Shape]:
        e, f = x[0][-1], self.dim_feedforward
        attention = MultiheadAttention(num_heads=self.nhead).model_copy(update={"bias": self.bias})
        out: dict[str, Shape] = {}
        for name in self.attentions:
            out |= {f"{name}.{key}": shape for key, shape in attention.weights(x[0]).items()}
        parts: dict[str, Shape] = {"linear1": (f, e), "linear2": (e, f)}
        parts |= {f"norm{i}": (e,) for i in range(1, len(self.attentions) + 2)}
        for name, shape in parts.items():
            out[f"{name}.weight"] = shape
            if self.bias:
                out[f"{name}.bias"] = shape[:1]
        return out

    def macs(self, out: Shape, *x: Shape) -> int:
        tokens, e = out
        attended = sum(part.layer.macs(out, *part.of(x)) for part in self.parts(len(x)).values())
        return attended + 2 * tokens * e * self.dim_feedforward

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return what its attentions, its feedforward network and their skips keep, each with its norm."""
        tape = Tape(wanted, *x)
        made, (tokens, e) = tape.given[0], x[0].shape

        def attend(name: str, part: _Part, flowing: Storage) -> Storage:
            values, given = part.of(x), (flowing, *part.of(tape.given)[1:])
            memory = part.layer.held(given)[-1]
            shapes = part.layer.sides(*(value.shape for value in values))
            mask = part.layer.masked(tape, given, *values)
            return part.layer.attended(tape, (flowing, memory, memory), shapes, mask, f"{name}.")

        blocks = [partial(attend, name, part) for name, part in self.parts(len(x)).items()]
        blocks.append(partial(self._forward, tape, tokens, e))
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
        (tokens, e), hidden = x[0].shape, batch * x[0].shape[0] * self.dim_feedforward
        whole = batch * tokens * e
        normed = whole * self.norm_first
        held = [whole + normed + 2 * hidden]
        for i, (looking, values) in enumerate(self._looking(*x)):
            held.append(whole * (i + 1) + normed + looking.scratch_of(batch, *values))
        return max(held) - whole + self._masks_held(batch, *x)

    def _looking(self, *x: Value) -> Iterator[tuple[MultiheadAttention, tuple[Value, ...]]]:
        """Yield the attentions and what flows into each: memory once, and masks as the layer hands them on, one of the
        tokens that come after each among them.
        """
        for part in self.parts(len(x)).values():
            layer, values = part.layer, part.of(x)
            masks = [self._made(mask) for _, mask in layer.masks(values).values()]
            if layer.is_causal:
                masks.append(self._made(Value((x[0].shape[0],) * 2, "bool", batched=False)))
                layer = layer.model_copy(update={"is_causal": False, "mask": True})
            yield layer, (*part.layer.held(values)[:2], *masks)

    def _made(self, mask: Value) -> Value:
        """Return a mask as the layer hands it to an attention."""
        return mask._replace(shape=(self.nhead, *mask.shape)) if mask.batched and len(mask.shape) == 2 else mask

    def _masks_held(self, batch: int, *x: Value) -> int:
        """Return what the layer makes of masks and holds until its end, truths for four in the place of a number."""
        truths = x[0].shape[0] ** 2 if self.looks_back else 0
        for _, mask in self.masks(x).values():  # those of keys have one axis
            if mask.batched and len(mask.shape) == 2:
                truths += batch * self.nhead * math.prod(mask.shape)
        return math.ceil(truths / 4)

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

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return plain of a norm; that of the skips where the norm is first."""
        if not self.norm_first or self.whole(training):
            return (Laid(Layout.plain(out[0])),)
        made = layouts[0]
        for _ in self.attentions:
            made = elementwise(made, Layout.nested(out[0], (1, 0, 2)))
        return (Laid(elementwise(made, Layout.plain(out[0]))),)

    def whole(self, training: bool) -> bool:
        """Return whether torch has a kernel for all of it."""
        return False

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        tokens, e = out
        sights = [(looked_at(0, tokens, self.looks_back), whole(e)), *(tuple(map(whole, s)) for s in self.held(x)[1:])]
        own = next(iter(self.attentions.values()))[1]
        for name, (_, shape) in self.masks(x).items():
            keys = looked_at(0, shape[-1], self.looks_back and name in own)
            sights.append((whole(self.nhead), Link(0, SAME), keys)[-len(shape) :] if len(shape) > 1 else (keys,))
        return tuple(sights)

    def call(self, *x: Value) -> Call:
        derived = self.arguments(*(v.shape for v in x))
        args = {name: value for name, value in derived.items() if name not in self.applied}
        usual = {name: type(self).model_fields[name].default for name in args if name not in ("d_model", "nhead")}
        given = [f"{{{i}}}" for i in range(len(self.held(x)))]
        for name, (i, mask) in self.masks(x).items():
            padding = name.endswith("key_padding_mask")
            given.append(f"{name}={f'{{{i}}}' if padding else for_each_head(i, mask, '{self}.self_attn')}")
        causes, own = self.causality
        given += [f"{own}=causal_mask({{0}}, {{0}})", f"{causes}=True"] if self.looks_back else []
        return Call(
            f"nn.{self.op}",
            args | {"batch_first": True},
            usual,
            self.positional,
            apply=f"{{self}}({', '.join(given)})",
            support=self.support if self.looks_back else (),
        )


class TransformerEncoderLayer(_Transformer):
    """Tokens that attend to each other, and a feedforward network (Vaswani et al. 2017); with `is_causal: true` each
    looks at its own place and those before it.

    `src_mask: ID` (tokens x tokens, of each sample also heads x tokens x tokens) is true where a token does not look at
    another, `src_key_padding_mask: ID` at the tokens that nobody looks at. Masks are truths, no numbers.
    """

    src_mask: Given = None
    src_key_padding_mask: Given = None
    is_causal: bool = False

    causality: ClassVar[tuple[str, str]] = ("is_causal", "src_mask")
    references: ClassVar[tuple[str, ...]] = ("src_mask", "src_key_padding_mask")
    applied: ClassVar[tuple[str, ...]] = (*references, "is_causal")
    attentions: ClassVar[dict[str, tuple[tuple[int, ...], tuple[str, str]]]] = {
        "self_attn": ((0,), ("src_key_padding_mask", "src_mask"))
    }

    def whole(self, training: bool) -> bool:
        return not training and self.bias and self.nhead % 2 == 0

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return the same; masks alone where torch's kernel for a whole layer takes it."""
        if not self.whole(training=False):
            return super().scratch_of(batch, *x)
        merged = self.src_key_padding_mask and (self.src_mask or self.is_causal)
        return self._masks_held(batch, *x) + (batch * self.nhead * x[0].shape[0] ** 2 if merged else 0)

    def _made(self, mask: Value) -> Value:
        return super()._made(mask)._replace(dtype="float32")

    def _masks_held(self, batch: int, *x: Value) -> int:
        """Return the same, and masks as numbers all the time."""
        made = [mask for _, values in self._looking(*x) for mask in values[1:]]
        numbers = sum(math.prod(mask.shape) * (batch if mask.batched else 1) for mask in made)
        return super()._masks_held(batch, *x) + numbers


class TransformerDecoderLayer(_Transformer):
    """Tokens that attend to each other and to those of a second input, the memory, and a feedforward network; with
    `tgt_is_causal: true` each looks at its own place and those before it among the first.

    `tgt_mask: ID` and `memory_mask: ID` (tokens x tokens, or x places of the memory, of each sample also for each head)
    are true where a token does not look, `tgt_key_padding_mask: ID` and `memory_key_padding_mask: ID` at what nobody
    looks at. Masks are truths, no numbers.
    """

    tgt_mask: Given = None
    memory_mask: Given = None
    tgt_key_padding_mask: Given = None
    memory_key_padding_mask: Given = None
    tgt_is_causal: bool = False

    arity: ClassVar[tuple[int, float]] = (2, 2)
    causality: ClassVar[tuple[str, str]] = ("tgt_is_causal", "tgt_mask")
    references: ClassVar[tuple[str, ...]] = (
        "tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask"
    )  # fmt: skip
    applied: ClassVar[tuple[str, ...]] = (*references, "tgt_is_causal")
    attentions: ClassVar[dict[str, tuple[tuple[int, ...], tuple[str, str]]]] = {
        "self_attn": ((0,), ("tgt_key_padding_mask", "tgt_mask")),
        "multihead_attn": ((0, 1, 1), ("memory_key_padding_mask", "memory_mask")),
    }

    def infer(self, *x: Shape) -> Shape:
        tokens, memory = self.held(x)
        if tokens[-1] != memory[-1]:
            raise ShapeError(
                "shape-mismatch",
                f"tokens and memory differ in features: {tokens[-1]} and {memory[-1]}",
                inputs={0: show(tokens), 1: show(memory)},
            )
        return super().infer(*x)
