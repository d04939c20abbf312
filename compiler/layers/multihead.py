"""Attention in heads with projections: torch.nn.MultiheadAttention."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import (
    Call,
    Given,
    Positive,
    Probability,
    Shape,
    ShapeError,
    Value,
    bare,
    divisor,
    show,
)
from speczoo.compiler.layers.attention import Attention, Looking, fused, looked_at, mask_kind, products
from speczoo.compiler.reach import SAME, Link, Sight, whole
from speczoo.compiler.strides import Laid, Layout
from speczoo.compiler.tape import Storage, Tape

CAUSAL_MASK = """
def causal_mask(query: Tensor, key: Tensor) -> Tensor:
    \"\"\"Return queries x keys, true where a key comes after a query and is not looked at.\"\"\"
    return torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).triu(1)
""".strip()


def _described(mask: Value) -> str:
    return f"{show(mask.shape)}{' of each sample' * mask.batched}"


def for_each_head(position: int, mask: Value, attention: str) -> str:
    """Return the text of a mask as torch wants it: of one of samples one for each head, sample by sample."""
    if not mask.batched:
        return bare(position, mask)
    every = "flatten(0, 1)" if len(mask.shape) == 3 else f"repeat_interleave({attention}.num_heads, 0)"
    return f"{{{position}}}.{every}"


def check_heads(argument: str, heads: int, features: int) -> None:
    """Raise ShapeError where so many heads, as the argument says, cannot have equal parts of the features."""
    if features % heads:
        raise ShapeError(
            "indivisible",
            f"`{argument}: {heads}` does not divide the {features} features",
            argument=argument,
            inputs={0: f"{features} features"},
            help=[f"{divisor(features, heads)} would"],
        )


class MultiheadAttention(Attention):
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
    reads: ClassVar[tuple[str, ...]] = ("flatten", "num_heads", "repeat_interleave", "squeeze")
    support: ClassVar[tuple[str, ...]] = (CAUSAL_MASK,)  # of `is_causal` alone

    def sides(self, *x: Shape) -> tuple[Shape, Shape, Shape]:
        """Return query, key and value."""
        q, *others = self.held(x)
        return (q, others[0], others[-1]) if others else (q, q, q)

    def derived(self, *x: Shape) -> dict[str, Any]:
        q, k, v = self.sides(*x)
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
        q, k, v = self.sides(*x)
        check_heads("num_heads", self.num_heads, q[-1])
        if k[0] != v[0]:
            raise ShapeError(
                "shape-mismatch",
                f"keys and values differ in number: {k[0]} and {v[0]}",
                inputs={1: show(k), 2: show(v)},
            )
        return q

    def misfit(self, name: str, mask: Value, *x: Shape) -> tuple[str, ...] | None:
        q, k, _ = self.sides(*x)
        if name == "key_padding_mask":
            if mask.batched and mask.shape == (k[0],):
                return None if mask.dtype == "bool" else (f"is bool, not {mask.dtype}",)
            return (f"has a truth for each of the {k[0]} keys of a sample, not {_described(mask)}",)
        attentions = (self.num_heads, q[0], k[0])
        if mask.shape == attentions[1:] or (mask.batched and mask.shape == attentions):
            return mask_kind(mask)
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

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        tape = Tape(wanted, *x)
        q, *others = self.held(tape.given)
        k, v = (others[0], others[-1]) if others else (q, q)
        shapes = tuple(value.shape for value in x)
        self.attended(tape, (q, k, v), self.sides(*shapes), self.masked(tape, tape.given, *x))
        return tape.kept()

    def attended(
        self,
        tape: Tape,
        given: tuple[Storage, Storage, Storage],
        sides: tuple[Shape, Shape, Shape],
        mask: Storage | None = None,
        prefix: str = "",
    ) -> Storage:
        """Return what comes out of query, key and value, step by step; `prefix` is before the names of its weights."""
        (queries, e), (keys, _), _ = sides
        q, k, v = self._projected(tape, given, sides, prefix)
        for biases in (("bias_k", "bias_v"),) * self.add_bias_kv + (("", ""),) * self.add_zero_attn:
            keys += 1
            k, v = (tape.made(keys * e, x, tape.trains(prefix + n)) for x, n in zip((k, v), biases, strict=True))
        looking = Looking(self.num_heads, queries, keys, e // self.num_heads, e // self.num_heads)
        if self.dropout or (mask and mask.wants):
            out = tape.made(queries * e, products(tape, looking, q, k, v, mask, self.dropout))
        else:
            out = fused(tape, looking, q, k, v, mask)
        return tape.linear(out, queries * e, f"{prefix}out_proj.weight", f"{prefix}out_proj.bias")

    def _projected(
        self, tape: Tape, given: tuple[Storage, Storage, Storage], sides: tuple[Shape, Shape, Shape], prefix: str
    ) -> tuple[Storage, Storage, Storage]:
        """Return query, key and value projected: at once those of one value, where keys are the values."""
        plain = len({shape[-1] for shape in sides}) == 1
        e = sides[0][-1]

        def project(position: int, name: str, times: int = 1) -> Storage:
            tokens, features = sides[position]
            laid_out = tape.turned(given[position], tokens, features)
            weight = "in_proj_weight" if plain else f"{name}_proj_weight"
            return tape.linear(laid_out, times * tokens * e, prefix + weight, f"{prefix}in_proj_bias")

        q, k, v = given
        if not plain or k is not v:
            return project(0, "q"), project(1, "k"), project(2, "v")
        if q is k:
            return (project(0, "", 3),) * 3
        query, both = project(0, ""), project(1, "", 2)
        return query, both, both

    def masked(self, tape: Tape, given: Sequence[Storage], *x: Value) -> Storage | None:
        """Return the mask that is added to the attentions, of what is given: of numbers, `mask` for each head of a
        sample, padding, too, and both in one where there are both.
        """
        shapes = tuple(value.shape for value in x)
        (queries, _), (keys, _), _ = self.sides(*shapes)
        attended, found = self._attended(keys), self.masks(x)
        every = self.num_heads * queries * attended
        mask, padding = None, None
        if "mask" in found:
            position, value = found["mask"]
            mask = given[position]
            if value.batched and (not value.is_float or len(value.shape) == 2 or attended != keys):
                mask = tape.made(every, mask)
            elif not value.batched and (not value.is_float or attended != keys):
                mask = tape.made(0, mask, once=queries * attended)
        if "key_padding_mask" in found:
            padding = Storage((1 if tape.wanted.batch == 1 else self.num_heads) * attended)
        if padding and (mask or self.is_causal):
            return tape.made(every, *([mask] if mask else []))
        return padding or mask

    def scratch(self, *x: Shape) -> int:
        """Return what torch holds while it computes: the projections, those of one value twice, or projections, values
        and numbers of each query and head together. A fused kernel, which takes what attends to itself, with no numbers
        added, has none.
        """
        return self.scratch_of(1, *map(Value, x))

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return the same for a batch, of whose inputs torch lays each out anew that it projects by itself; and the
        masks: `is_causal` twice, as truths and as numbers, and for each query, or each head, which keys are there.
        """
        return batch * self._computing(batch > 1, *x) + self._masks_held(batch, *x)

    def _masks_held(self, batch: int, *x: Value) -> int:
        """Return what is made of a mask of truths: numbers, and where it is none of each head yet, that of each."""
        (queries, _), (keys, _), _ = self.sides(*(value.shape for value in x))
        if self.is_causal:
            return queries * keys + math.ceil(queries * keys / 4)
        _, mask = self.masks(x).get("mask", (0, None))
        if mask is None or mask.is_float:
            return 0
        if not mask.batched:
            return queries * keys
        every = batch * self.num_heads * queries * keys
        return every + (math.ceil(every / 4) if len(mask.shape) == 2 else 0)

    def _prepared(self, *x: Value) -> bool:
        """Return whether torch merges masks, when evaluated, for its kernel for a whole layer, which asks for a bias,
        too, before it runs.
        """
        keys = self.sides(*(value.shape for value in x))[1][0]
        alone = len(self.held(x)) == 1 and self._attended(keys) == keys
        added = any(mask.is_float for _, mask in self.masks(x).values())
        return alone and not added and self.num_heads % 2 == 0

    def _computing(self, several: bool, *x: Value) -> int:
        (queries, e), (keys, _), (_, vdim) = shapes = self.sides(*(value.shape for value in x))
        values, attended = len(self.held(x)), self._attended(keys)
        padding = keys if self.key_padding_mask else 0
        merged = self.num_heads * queries * attended if padding and (self.mask or self.is_causal) else 0
        prepared = merged if self._prepared(*x) else 0
        if self.bias and self._prepared(*x):
            return padding + prepared
        projected, at_once = (queries + 2 * keys) * e, values < 3 and len({e, *(shape[-1] for shape in shapes)}) == 1
        twice = 2 * projected - (queries * e if values == 2 else 0) if at_once else projected
        if several and not at_once:
            twice += keys * max(vdim, e if self.bias else 0)
        grown, joined = 0, 0
        if attended != keys:  # one after the other, each with what is put behind it
            grown = 2 * attended * e
            joined = queries * e + (2 if at_once else 1) * keys * e + grown + e
        stays = projected if grown == 0 or values == 1 else queries * e  # keys and values of one memory with queries
        looking = stays + grown + (e + self.num_heads) * queries + (self.num_heads if several else 1) * padding + merged
        return max(twice + padding, joined + padding, looking) + prepared - queries * e

    def _attended(self, keys: int) -> int:
        return keys + self.add_bias_kv + self.add_zero_attn

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return tokens before the batch, as torch computes them; plain of its kernel for a whole layer."""
        if not training and self.bias and self._prepared(*x):
            return (Laid(Layout.plain(out[0])),)
        return (Laid(Layout.nested(out[0], (1, 0, 2))),)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        keys = looked_at(0, self.sides(*x)[1][0], self.is_causal)
        if len(held := self.held(x)) == 1:
            sights = [(keys, whole(x[0][1]))]
        else:
            sights = [(Link(0, SAME), whole(x[0][1])), *((keys, whole(shape[1])) for shape in held[1:])]
        links = {"key_padding_mask": (keys,), "mask": (whole(self.num_heads), Link(0, SAME), keys)}
        return (*sights, *(links[name][-len(shape) :] for name, (_, shape) in self.masks(x).items()))

    def macs(self, out: Shape, *x: Shape) -> int:
        """Return the projections and both products of attention."""
        (queries, e), (keys, kdim), (_, vdim) = self.sides(*x)
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
        """Return torch's names of the masks that are given, with their texts."""
        out = []
        for name, (i, mask) in self.masks(x).items():
            text = for_each_head(i, mask, "{self}") if name == "mask" else f"{{{i}}}"
            out.append(("attn_mask" if name == "mask" else name, text))
        return out
