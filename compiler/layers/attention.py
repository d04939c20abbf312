"""Attention: queries that look at keys, and bring their values along."""

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TypeVar

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.layer import (
    Call,
    Float,
    Given,
    Layer,
    Probability,
    Shape,
    ShapeError,
    Value,
    show,
)
from speczoo.compiler.layers.function import Function
from speczoo.compiler.reach import Link, Sight, causal, repeating, same, whole
from speczoo.compiler.strides import Laid, Layout, elementwise
from speczoo.compiler.tape import Storage, Tape

T = TypeVar("T")


class Attention(Layer, abstract=True):
    """Layers that take queries, keys and values, and masks by reference."""

    #: The argument that lets each token look back alone, and the one of the mask that it stands in for.
    causality: ClassVar[tuple[str, str]] = ("is_causal", "mask")

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
        causes, mask = self.causality
        if getattr(self, causes) and getattr(self, mask):
            raise ShapeError(
                "bad-value",
                f"`{self.op}` takes `{mask}` or `{causes}: true`, not both",
                argument=causes,
                help=[f"leave `{causes}` out, and let the mask say what comes later, too"],
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


class Looking(NamedTuple):
    """How many heads of how many queries look at how many keys, of so many features, and values of so many."""

    heads: int
    queries: int
    keys: int
    features: int
    values: int

    @property
    def attentions(self) -> int:
        return self.heads * self.queries * self.keys


def fused(tape: Tape, looking: Looking, q: Storage, k: Storage, v: Storage, mask: Storage | None) -> Storage:
    """Attend by one kernel: it keeps all that flows in and comes out, and one number of each query and head."""
    masks = () if mask is None else (mask,)
    out = tape.made(looking.heads * looking.queries * looking.values, q, k, v)
    tape.keep(q, k, v, out, *masks, Storage(looking.heads * looking.queries), where=out.wants)
    return out


def products(
    tape: Tape, looking: Looking, q: Storage, k: Storage, v: Storage, mask: Storage | None, dropout: float
) -> Storage:
    """Attend by two products: queries and keys are scaled before the first, and masks are added to what it gives."""
    queries = tape.made(looking.heads * looking.queries * looking.features, q)
    keys = tape.made(looking.heads * looking.keys * looking.features, k)
    scores = tape.product(queries, keys, looking.attentions)
    masked = scores if mask is None else tape.made(looking.attentions, scores, mask)
    looked = tape.dropout(tape.result(masked, looking.attentions), looking.attentions, dropout)
    return tape.product(looked, tape.matrices(v), looking.heads * looking.queries * looking.values)


def _copied(x: Layout) -> int:
    """Return how many numbers are laid out anew to make a list of matrices of a value."""
    return x.numbers if x.copied((math.prod(x.sizes[:-2]), *x.sizes[-2:])) else 0


def mask_kind(mask: Value) -> tuple[str, ...] | None:
    """Return why the numbers of a mask are none that choose, or are added."""
    if mask.dtype == "bool" or mask.is_float:
        return None
    return (f"is bool, or floating point numbers that are added, not {mask.dtype}",)


class ScaledDotProductAttention(Attention, Function, op="scaled_dot_product_attention"):
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
        return mask_kind(mask)

    def _fused(self, layouts: Sequence[Layout], *x: Value) -> bool:
        """Return whether torch's kernels for it take these where no attentions drop, and do not lay all out."""
        if any(layout.strides[-1] != 1 for layout in layouts[:3]):
            return False
        q, k, v = (value.shape for value in self.held(x))
        masks = [mask for _, mask in self.masks(x).values()]
        odd = any(len(mask.shape) == 3 and not mask.batched for mask in masks)  # kernels take 2 axes, or 4
        return len(q) == 3 and q[-1] == v[-1] and k[0] == v[0] and not odd

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return that of the queries, of a fused kernel; plain products where attentions are laid out."""
        if self._fused(layouts, *x) and not (training and self.dropout_p):
            return (Laid(layouts[0].resized(out[0])),)
        return (Laid(Layout.plain(out[0])),)

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        tape, shapes = Tape(wanted, *x), [value.shape for value in x]
        (q, k, v), masks = tape.given[:3], self.masks(x)
        (queries, keys, values) = self.held(tuple(shapes))
        looking = Looking(math.prod(queries[:-2]), queries[-2], keys[-2], keys[-1], values[-1])
        mask = None
        for position, value in masks.values():
            mask = tape.given[position] if value.is_float else tape.copied(value)
        if self._fused(wanted.layouts, *x) and not self.dropout_p and not (mask and mask.wants):
            return tape.kept(fused(tape, looking, q, k, v, mask))
        if not keys[:-2] == values[:-2] == queries[:-2]:
            v = tape.made(looking.heads * looking.keys * looking.values, v)  # laid out for each of its queries
        return tape.kept(products(tape, looking, q, k, v, mask, self.dropout_p))

    def _attentions(self, *x: Shape) -> int:
        q, k, _ = self.held(x)
        return math.prod(q[:-1]) * k[-2]

    def scratch(self, *x: Shape) -> int:
        return self.scratch_of(1, *map(Value, x))

    def scratch_of(self, batch: int, *x: Value) -> int:
        return batch * self._attentions(*(value.shape for value in x))

    def scratch_where(self, wanted: Wanted, *x: Value) -> int:
        """Return the attentions; of a fused kernel, which has none of them at once, a number of each query."""
        if self._fused(wanted.layouts, *x):
            return wanted.batch * math.prod(x[0].shape[:-1]) + self._mask_held(wanted.batch, *x)
        return self._products_held(wanted, *x)

    def _products_held(self, wanted: Wanted, *x: Value) -> int:
        """Return what is held besides what comes out where attentions are laid out: queries, scaled, all the time, keys
        and values repeated for the queries' heads, and masks; and most in the first product, with keys, scaled, and
        what of both is no list of matrices, where scores are masked or become attentions, or in the second product.
        """
        q, k, v = wanted.layouts[:3]
        heads, repeated = q.sizes[:-2], 0
        if not heads == k.sizes[:-2] == v.sizes[:-2]:
            k, v = (Layout.plain((*heads, *layout.sizes[-2:])) for layout in (k, v))
            repeated = k.numbers + v.numbers
        scores = q.numbers // q.sizes[-1] * k.sizes[-2]
        first = k.numbers + _copied(elementwise(q)) + _copied(elementwise(k.turned(-2, -1))) + scores
        out = q.numbers // q.sizes[-1] * v.sizes[-1]
        most = max(first, 2 * scores, scores + _copied(v) + out)
        causal = q.sizes[-2] * k.sizes[-2] if self.is_causal else 0
        return q.numbers + repeated + self._mask_held(wanted.batch, *x) + causal + most - out

    def _mask_held(self, batch: int, *x: Value) -> int:
        """Return the numbers of a mask of truths."""
        made = [math.prod(m.shape) * (batch if m.batched else 1) for _, m in self.masks(x).values() if not m.is_float]
        return sum(made)

    def operations(self, *x: Shape) -> int:
        return super().operations(*x) + self._attentions(*x)

    def macs(self, out: Shape, *x: Shape) -> int:
        """Return both products, of all queries and keys: torch's counter does not leave out what comes later."""
        q, _, v = self.held(x)
        return self._attentions(*x) * (q[-1] + v[-1])

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        q, k, v = self.held(x)
        tokens = len(out) - 2
        own, keys = same(len(out)), looked_at(tokens, k[-2], self.is_causal)
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


def looked_at(axis: int, size: int, upto: bool) -> Link:
    """Return how so many keys are seen: all of them, or under `upto` those up to each place of the queries' axis."""
    return causal(axis, size) if upto else whole(size)
