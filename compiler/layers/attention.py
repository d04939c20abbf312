"""Attention: queries that look at keys, and bring their values along."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from speczoo.compiler.layer import (
    Call,
    Float,
    Given,
    Kept,
    Layer,
    Positive,
    Probability,
    Saves,
    Shape,
    ShapeError,
    Value,
    divisor,
    show,
)
from speczoo.compiler.layers.function import Function
from speczoo.compiler.reach import SAME, Link, Sight, causal, repeating, same, whole

T = TypeVar("T")


class _Attention(Layer, abstract=True):
    """Layers that take queries, keys and values, and masks by reference."""

    def referred(self, inputs: int) -> tuple[str, ...]:
        return tuple(name for name in self.references if getattr(self, name))

    def count(self, inputs: int) -> None:
        super().count(inputs - len(self.referred(inputs)))

    def held(self, values: tuple[T, ...]) -> tuple[T, ...]:
        return values[: len(values) - len(self.referred(len(values)))]

    def masks(self, given: tuple[T, ...]) -> dict[str, tuple[int, T]]:
        """Return those of the inputs that are masks, by argument, each with its position."""
        first = len(self.held(given))
        return {name: (i, given[i]) for i, name in enumerate(self.referred(len(given)), first)}

    def check(self, *x: Shape | None) -> None:
        if getattr(self, "is_causal", False) and getattr(self, "mask", None):
            raise ShapeError(
                "bad-value",
                f"`{self.op}` takes `mask` or `is_causal: true`, not both",
                argument="is_causal",
                help=["leave `is_causal` out, and let the mask say what comes later, too"],
            )

    def apply(self, *values: Value) -> tuple[Value, ...]:
        outputs = super().apply(*values)
        for name, (position, mask) in self.masks(values).items():
            if (why := self.misfit(name, mask, *(value.shape for value in values))) is not None:
                raise ShapeError(
                    "shape-mismatch",
                    f"`{name}` {why[0]}",
                    argument=name,
                    inputs={position: show(mask.shape)},
                    help=why[1:],
                )
        return outputs

    def misfit(self, name: str, mask: Value, *x: Shape) -> tuple[str, ...] | None:
        """Return why a mask is none for these inputs, and what would mend it; None where it is one."""
        raise NotImplementedError


def _kind(mask: Value) -> tuple[str, ...] | None:
    """Return why the numbers of a mask are none that choose, or are added."""
    if mask.dtype == "bool" or mask.is_float:
        return None
    return (f"is bool, or floating point numbers that are added, not {mask.dtype}",)


def _described(mask: Value) -> str:
    return f"{show(mask.shape)}{' of each sample' * mask.batched}"


class ScaledDotProductAttention(_Attention, Function, op="scaled_dot_product_attention"):
    """softmax(q k^T * `scale`) v, of query, key and value: tokens x features, or heads x tokens x features.

    `scale` is 1 / sqrt(features) where it is null. `mask: ID` is true where a query looks, or numbers that are added:
    as many axes as the attentions (heads x queries x keys), or fewer where it has no batch axis; axes of 1 stretch.
    `is_causal: true` lets each token look at its own place and those before it; `enable_gqa: true` takes fewer heads of
    keys and values, each for several of the queries'. `dropout_p` drops attentions while training.
    """

    saves: ClassVar[Saves] = "both"

    mask: Given = None
    dropout_p: Probability = 0.0
    is_causal: bool = False
    scale: Float | None = None
    enable_gqa: bool = False

    arity: ClassVar[tuple[int, float]] = (3, 3)
    ranks: ClassVar[tuple[int, ...]] = (2, 3)
    references: ClassVar[tuple[str, ...]] = ("mask",)
    applied: ClassVar[tuple[str, ...]] = ("mask",)
    reads: ClassVar[tuple[str, ...]] = ("F.scaled_dot_product_attention",)

    def infer(self, *x: Shape) -> Shape:
        q, k, v = self.held(x)
        if not len(q) == len(k) == len(v):
            raise ShapeError(
                "shape-mismatch",
                f"query, key and value differ in the number of axes: {show(q)}, {show(k)} and {show(v)}",
                inputs={i: show(shape) for i, shape in enumerate((q, k, v))},
            )
        if len(q) == 3:
            self._check_heads(1, "keys", q[0], k[0])
            self._check_heads(2, "values", q[0], v[0])
        if q[-1] != k[-1]:
            raise ShapeError(
                "shape-mismatch",
                f"query and key differ in features: {q[-1]} and {k[-1]}",
                inputs={0: show(q), 1: show(k)},
            )
        if k[-2] != v[-2]:
            raise ShapeError(
                "shape-mismatch",
                f"keys and values differ in number: {k[-2]} and {v[-2]}",
                inputs={1: show(k), 2: show(v)},
            )
        return (*q[:-1], v[-1])

    def _check_heads(self, position: int, name: str, queries: int, heads: int) -> None:
        """Raise ShapeError where keys or values have other heads than the queries, and cannot share theirs."""
        if queries == heads:
            return
        shared = queries % heads == 0
        if self.enable_gqa and not shared:
            message = f"the {heads} heads of {name} do not divide the {queries} of queries"
            inputs = {0: f"{queries} heads", position: f"{heads} heads"}
            raise ShapeError("indivisible", message, argument="enable_gqa", inputs=inputs)
        if not self.enable_gqa:
            raise ShapeError(
                "shape-mismatch",
                f"queries and {name} differ in heads: {queries} and {heads}",
                inputs={0: f"{queries} heads", position: f"{heads} heads"},
                help=["`enable_gqa: true` lets each head serve several of the queries'"] if shared else [],
            )

    def misfit(self, name: str, mask: Value, *x: Shape) -> tuple[str, ...] | None:
        q, k, _ = self.held(x)
        scores, shape = (*q[:-1], k[-2]), mask.shape
        if len(shape) > len(scores) or not shape or (mask.batched and len(shape) < len(scores)):
            few = "`{op: unsqueeze, dim: 1}` gives it an axis of 1 for all heads"
            return (
                f"has {len(shape)} axes{' besides the batch' * mask.batched}, and the attentions {len(scores)}: "
                f"{show(scores)}",
                *([few] if mask.batched and len(shape) == len(scores) - 1 else []),
            )
        if any(size not in (1, wanted) for size, wanted in zip(reversed(shape), reversed(scores), strict=False)):
            return (f"of {show(shape)} does not fit the attentions: {show(scores)}",)
        return _kind(mask)

    def _fused(self, *x: Shape) -> bool:
        """Return whether torch's kernels for it take these, and do not lay all attentions out."""
        q, k, v = self.held(x)
        return len(q) == 3 and q[-1] == v[-1] and k[0] == v[0] and not self.dropout_p

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        """Return inputs and output, and of each query and head one number; where no kernel takes it, values, queries
        and keys scaled, and all attentions, with dropout before and after it and what it keeps.
        """
        q, k, _ = self.held(x)
        if self._fused(*x):
            return Kept("both", math.prod(q[:-1]))
        attentions = self._attentions(*x) * (3 if self.dropout_p else 1)
        return Kept(numbers=math.prod(q) + math.prod(k) + attentions, inputs=(2,))

    def _attentions(self, *x: Shape) -> int:
        q, k, _ = self.held(x)
        return math.prod(q[:-1]) * k[-2]

    def scratch(self, *x: Shape) -> int:
        return 0 if self._fused(*x) else self._attentions(*x)

    def operations(self, *x: Shape) -> int:
        return super().operations(*x) + self._attentions(*x)

    def macs(self, out: Shape, *x: Shape) -> int:
        """Return both products, of all queries and keys: torch's counter does not leave out what comes later."""
        q, _, v = self.held(x)
        return self._attentions(*x) * (q[-1] + v[-1])

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        q, k, v = self.held(x)
        tokens = len(out) - 2
        own, keys = same(len(out)), _keys(tokens, k[-2], self.is_causal)
        sights = [
            (*own[:-1], whole(q[-1])),
            (*self._heads(q, k), keys, whole(k[-1])),
            (*self._heads(q, v), keys, own[-1]),
        ]
        for _, shape in self.masks(x).values():
            links = [*own[:-1], whole(k[-2])][-len(shape) :]
            sights.append(tuple(whole(1) if size == 1 else link for size, link in zip(shape, links, strict=True)))
        return tuple(sights)

    @staticmethod
    def _heads(q: Shape, other: Shape) -> tuple[Link, ...]:
        """Return how heads of keys or values are seen: by those of the queries' that each serves."""
        if len(q) < 3 or q[0] == other[0]:
            return same(len(q) - 2)
        return (repeating(0, other[0], q[0] // other[0], 1, lambda i: (0, 0)),)

    def call(self, *x: Value) -> Call:
        usual = {name: f.default for name, f in type(self).model_fields.items() if name != "mask"}
        args = {name: getattr(self, name) for name in usual}
        options = {
            "attn_mask={3}": self.mask,
            "dropout_p={dropout_p} if self.training else 0.0": self.dropout_p,
            "is_causal=True": self.is_causal,
            "scale={scale}": self.scale is not None,
            "enable_gqa=True": self.enable_gqa,
        }
        given = ", ".join(["{0}, {1}, {2}", *(text for text, there in options.items() if there)])
        return Call(None, args, usual, apply=f"F.scaled_dot_product_attention({given})")


def _keys(axis: int, size: int, upto: bool) -> Link:
    """Return how so many keys are seen: all of them, or under `upto` those up to each place of the queries' axis."""
    return causal(axis, size) if upto else whole(size)


CAUSAL_MASK = """
def causal_mask(query: Tensor, key: Tensor) -> Tensor:
    \"\"\"Return queries x keys, true where a key comes after a query and is not looked at.\"\"\"
    return torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).triu(1)
""".strip()


class MultiheadAttention(_Attention):
    """Scaled dot-product attention in `num_heads` heads over tokens x features; only the attended values come out.

    One input attends to itself; three are query, key and value. The batch always comes first. Masks are torch's own for
    this module: `mask: ID` (queries x keys, of each sample also heads x queries x keys) is true where a query does not
    look, or numbers that are added; `key_padding_mask: ID` is true at the keys that nobody looks at. `is_causal: true`
    lets each token look at its own place and those before it.
    """

    saves: ClassVar[Saves] = "input"

    embed_dim: Positive | None = None
    num_heads: Positive
    dropout: Probability = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: Positive | None = None
    vdim: Positive | None = None
    key_padding_mask: Given = None
    mask: Given = None
    is_causal: bool = False

    derives: ClassVar[tuple[str, ...]] = ("embed_dim", "kdim", "vdim")
    kin: ClassVar[tuple[str, ...]] = ("Linear",)  # its projection of what comes out
    positional: ClassVar[int] = 2
    arity: ClassVar[tuple[int, float]] = (1, 3)
    ranks: ClassVar[tuple[int, ...]] = (2,)
    references: ClassVar[tuple[str, ...]] = ("key_padding_mask", "mask")
    applied: ClassVar[tuple[str, ...]] = ("key_padding_mask", "mask", "is_causal")
    reads: ClassVar[tuple[str, ...]] = ("flatten", "num_heads", "repeat_interleave")
    support: ClassVar[tuple[str, ...]] = (CAUSAL_MASK,)  # of `is_causal` alone

    def _sides(self, *x: Shape) -> tuple[Shape, Shape, Shape]:
        """Return query, key and value."""
        q, *others = self.held(x)
        return (q, others[0], others[-1]) if others else (q, q, q)

    def derived(self, *x: Shape) -> dict[str, Any]:
        q, k, v = self._sides(*x)
        return {"embed_dim": q[-1], "kdim": k[-1], "vdim": v[-1]}

    def check(self, *x: Shape | None) -> None:
        super().check(*x)
        if len(self.held(x)) == 2:
            raise ShapeError("bad-value", "`MultiheadAttention` takes one input or three, not 2", argument="from")
        if self.is_causal and (self.add_bias_kv or self.add_zero_attn):
            added = "add_bias_kv" if self.add_bias_kv else "add_zero_attn"
            message = f"`{added}: true` adds a key at the end, which `is_causal: true` lets nobody look at"
            raise ShapeError("bad-value", message, argument=added)

    def infer(self, *x: Shape) -> Shape:
        q, k, v = self._sides(*x)
        if q[-1] % self.num_heads:
            raise ShapeError(
                "indivisible",
                f"`num_heads: {self.num_heads}` does not divide the {q[-1]} features",
                argument="num_heads",
                inputs={0: f"{q[-1]} features"},
                help=[f"{divisor(q[-1], self.num_heads)} would"],
            )
        if k[0] != v[0]:
            raise ShapeError(
                "shape-mismatch",
                f"keys and values differ in number: {k[0]} and {v[0]}",
                inputs={1: show(k), 2: show(v)},
            )
        return q

    def misfit(self, name: str, mask: Value, *x: Shape) -> tuple[str, ...] | None:
        q, k, _ = self._sides(*x)
        if name == "key_padding_mask":
            if mask.batched and mask.shape == (k[0],):
                return None if mask.dtype == "bool" else (f"is bool, not {mask.dtype}",)
            return (f"has a truth for each of the {k[0]} keys of a sample, not {_described(mask)}",)
        attentions = (self.num_heads, q[0], k[0])
        if mask.shape == attentions[1:] or (mask.batched and mask.shape == attentions):
            return _kind(mask)
        return (f"is queries x keys, {show(attentions[1:])}, not {_described(mask)}",)

    def _plain(self, *x: Shape) -> bool:
        """Return whether query, key and value have the same features, and so one projection."""
        return len({shape[-1] for shape in self.held(x)}) == 1

    def weights(self, *x: Shape) -> dict[str, Shape]:
        e = x[0][-1]
        out: dict[str, Shape] = {"in_proj_weight": (3 * e, e)}
        if not self._plain(*x):
            sides = self.derived(*x)
            out = {"q_proj_weight": (e, e), "k_proj_weight": (e, sides["kdim"]), "v_proj_weight": (e, sides["vdim"])}
        if self.bias:
            out["in_proj_bias"] = (3 * e,)
        if self.add_bias_kv:
            out |= {"bias_k": (1, 1, e), "bias_v": (1, 1, e)}
        out["out_proj.weight"] = (e, e)
        return out | ({"out_proj.bias": (e,)} if self.bias else {})

    def distinct(self, first: Sequence[int]) -> Sequence[int]:
        """Return one input where a value attends to itself, two where keys and values are one, which torch projects at
        once; and the masks.
        """
        held = self.held(tuple(first))
        once: dict[Sequence[int], Sequence[int]] = {(0, 0, 0): (0,), (0, 1, 1): (0, 1)}
        return (*once.get(held, range(len(held))), *range(len(held), len(first)))

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        """Return the inputs as laid out for their projections (of one value once, as one input has it), what these
        give, the attended values and, of each query and head, one number; with dropout all attentions, before and after
        it, and queries and keys once more, scaled; `mask`, as one of numbers, and which keys are there for each head.
        """
        (queries, e), (keys, kdim), (_, vdim) = self._sides(*x)
        values, attended = len(self.held(x)), self._attended(keys)
        at_once = values < 3 and self._plain(*x)
        laid_out = queries * e + (0, keys * kdim, keys * (kdim + vdim))[values - 1]
        attentions = queries * self.num_heads * (3 * attended if self.dropout else 1)
        scaled = 0  # where they are projected one by one, they take the place of these
        if self.dropout and at_once:
            scaled = (queries + attended) * e if values == 1 else attended * e
        elif values == 1 and attended != keys:
            scaled = 2 * keys * e  # in one memory with the queries, which stay
        padding = self.num_heads * keys if self.key_padding_mask else 0
        mask = (-1,) if self.mask else ()  # the last of all inputs, however many of the others are one value
        return Kept("", laid_out + 2 * queries * e + 2 * attended * e + attentions + scaled + padding, inputs=mask)

    def scratch(self, *x: Shape) -> int:
        """Return what torch holds while it computes: the projections, those of one value twice, or projections, values
        and numbers of each query and head together. A fused kernel, which takes what attends to itself without `mask`,
        has none.
        """
        return self.scratch_of(1, *x)

    def scratch_of(self, batch: int, *x: Shape) -> int:
        """Return the same for a batch, of whose inputs torch lays each out anew that it projects by itself; and the
        masks: `is_causal` twice, as truths and as numbers, and for each query, or each head, which keys are there.
        """
        (queries, _), (keys, _), _ = self._sides(*x)
        causal = queries * keys + math.ceil(queries * keys / 4) if self.is_causal else 0
        return batch * self._computing(batch > 1, *x) + causal

    def _fused(self, *x: Shape) -> bool:
        """Return whether torch's kernel for a whole layer takes these when evaluated."""
        keys = self._sides(*x)[1][0]
        alone = len(self.held(x)) == 1 and self._attended(keys) == keys and not self.mask
        return alone and self.bias and self.num_heads % 2 == 0

    def _computing(self, several: bool, *x: Shape) -> int:
        (queries, e), (keys, _), (_, vdim) = self._sides(*x)
        values, attended = len(self.held(x)), self._attended(keys)
        padding = keys if self.key_padding_mask else 0
        if self._fused(*x):
            return padding
        projected, at_once = (queries + 2 * keys) * e, values < 3 and self._plain(*x)
        twice = 2 * projected - (queries * e if values == 2 else 0) if at_once else projected
        if several and not at_once:
            twice += keys * max(vdim, e if self.bias else 0)
        grown, joined = 0, 0
        if attended != keys:  # one after the other, each with what is put behind it
            grown = 2 * attended * e
            joined = queries * e + (2 if at_once else 1) * keys * e + grown + e
        stays = projected if grown == 0 or values == 1 else queries * e  # keys and values of one memory with queries
        looking = stays + grown + (e + self.num_heads) * queries + self.num_heads * padding
        return max(twice + padding, joined + padding, looking) - queries * e

    def _attended(self, keys: int) -> int:
        return keys + self.add_bias_kv + self.add_zero_attn

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        keys = _keys(0, self._sides(*x)[1][0], self.is_causal)
        if len(held := self.held(x)) == 1:
            sights = [(keys, whole(x[0][1]))]
        else:
            sights = [(Link(0, SAME), whole(x[0][1])), *((keys, whole(shape[1])) for shape in held[1:])]
        links = {"key_padding_mask": (keys,), "mask": (whole(self.num_heads), Link(0, SAME), keys)}
        return (*sights, *(links[name][-len(shape) :] for name, (_, shape) in self.masks(x).items()))

    def macs(self, out: Shape, *x: Shape) -> int:
        """Return the projections and both products of attention."""
        (queries, e), (keys, kdim), (_, vdim) = self._sides(*x)
        attended = self._attended(keys)
        return 2 * queries * e * e + keys * (kdim + vdim) * e + 2 * queries * attended * e

    def call(self, *x: Value) -> Call:
        shapes = tuple(v.shape for v in x)
        args = {name: value for name, value in self.arguments(*shapes).items() if name not in self.applied}
        required = ("embed_dim", "num_heads")
        usual = {name: type(self).model_fields[name].default for name in args if name not in required}
        if self._plain(*shapes):
            args["kdim"] = args["vdim"] = None
        q, k, v = ("{0}", "{1}", "{2}") if len(self.held(x)) == 3 else ("{0}", "{0}", "{0}")
        masks = [f"{torchs}={text}" for torchs, text in self._mask_texts(x)]
        causal = [f"attn_mask=causal_mask({q}, {k})", "is_causal=True"] if self.is_causal else []
        given = ", ".join([q, k, v, *masks, "need_weights=False", *causal])
        return Call(
            "nn.MultiheadAttention",
            args | {"batch_first": True},
            usual,
            self.positional,
            apply=f"{{self}}({given})[0]",
            support=self.support if self.is_causal else (),
        )

    def _mask_texts(self, x: tuple[Value, ...]) -> list[tuple[str, str]]:
        """Return torch's names of the masks that are given, with their texts: of a mask of samples one for each head is
        wanted, sample by sample.
        """
        out = []
        for name, (i, mask) in self.masks(x).items():
            text = f"{{{i}}}"
            if name == "mask" and mask.batched:
                text += ".flatten(0, 1)" if len(mask.shape) == 3 else ".repeat_interleave({self}.num_heads, 0)"
            out.append(("attn_mask" if name == "mask" else name, text))
        return out
