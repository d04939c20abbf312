"""Attention, and the free-standing Parameter that position embeddings and class tokens are made of."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from speczoo.compiler.initialisers import initialiser
from speczoo.compiler.layer import (
    Call,
    Float,
    Kept,
    Layer,
    Listed,
    Positive,
    Probability,
    Saves,
    Shape,
    ShapeError,
    Value,
    divisor,
    show,
)
from speczoo.compiler.reach import SAME, Link, Sight, whole
from speczoo.specs.problem import ProblemError


class MultiheadAttention(Layer):
    """Scaled dot-product attention in `num_heads` heads over tokens x features; only the attended values come out.

    One input attends to itself; three are query, key and value. The batch always comes first.
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

    derives: ClassVar[tuple[str, ...]] = ("embed_dim", "kdim", "vdim")
    kin: ClassVar[tuple[str, ...]] = ("Linear",)  # its projection of what comes out
    positional: ClassVar[int] = 2
    arity: ClassVar[tuple[int, float]] = (1, 3)
    ranks: ClassVar[tuple[int, ...]] = (2,)

    def derived(self, *x: Shape) -> dict[str, Any]:
        return {"embed_dim": x[0][-1], "kdim": x[1 % len(x)][-1], "vdim": x[2 % len(x)][-1]}

    def check(self, *x: Shape | None) -> None:
        if len(x) == 2:
            raise ShapeError("bad-value", "`MultiheadAttention` takes one input or three, not 2", argument="from")

    def infer(self, *x: Shape) -> Shape:
        features = x[0][-1]
        if features % self.num_heads:
            raise ShapeError(
                "indivisible",
                f"`num_heads: {self.num_heads}` does not divide the {features} features",
                argument="num_heads",
                inputs={0: f"{features} features"},
                help=[f"{divisor(features, self.num_heads)} would"],
            )
        if len(x) == 3 and x[1][0] != x[2][0]:
            raise ShapeError(
                "shape-mismatch",
                f"keys and values differ in number: {x[1][0]} and {x[2][0]}",
                inputs={1: show(x[1]), 2: show(x[2])},
            )
        return x[0]

    def _plain(self, *x: Shape) -> bool:
        """Return whether query, key and value have the same features, and so one projection."""
        return len({shape[-1] for shape in x}) == 1

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

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        """Return the inputs as laid out for their projections, what these give, the attended values and, of each query
        and head, one number; with dropout all attentions, before and after it, and queries and keys once more, scaled.
        """
        (queries, e), (keys, kdim), (_, vdim) = x[0], x[1 % len(x)], x[2 % len(x)]
        attended = keys + self.add_bias_kv + self.add_zero_attn
        laid_out = queries * e if len(x) == 1 else queries * e + keys * (kdim + vdim)
        attentions = queries * self.num_heads * (3 * attended if self.dropout else 1)
        scaled = (queries + attended) * e if self.dropout and len(x) == 1 else 0  # else they take the place of these
        return Kept("", laid_out + 2 * queries * e + 2 * attended * e + attentions + scaled)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        asking = (Link(0, SAME) if len(x) == 3 else whole(x[0][0]), whole(x[0][1]))
        return (asking, *(tuple(map(whole, shape)) for shape in x[1:]))

    def macs(self, out: Shape, *x: Shape) -> int:
        """Return the projections and both products of attention."""
        (queries, e), (keys, kdim), (_, vdim) = x[0], x[1 % len(x)], x[2 % len(x)]
        attended = keys + self.add_bias_kv + self.add_zero_attn
        return 2 * queries * e * e + keys * (kdim + vdim) * e + 2 * queries * attended * e

    def call(self, *x: Value) -> Call:
        shapes = tuple(v.shape for v in x)
        args = self.arguments(*shapes)
        defaults: dict[str, Any] = {
            name: f.default for name, f in type(self).model_fields.items() if name not in ("embed_dim", "num_heads")
        }
        if self._plain(*shapes):
            args["kdim"] = args["vdim"] = None
        q, k, v = ("{0}", "{1}", "{2}") if len(x) == 3 else ("{0}", "{0}", "{0}")
        apply = f"{{self}}({q}, {k}, {v}, need_weights=False)[0]"
        return Call("nn.MultiheadAttention", args | {"batch_first": True}, defaults, self.positional, apply=apply)


Dims = Annotated[tuple[Positive, ...], Listed]
Distribution = Annotated[
    dict[Literal["normal", "uniform", "trunc_normal"], dict[str, float]], Field(min_length=1, max_length=1)
]


class Parameter(Layer):
    """A learned tensor that depends on no input; its key is its id.

    `init` is a number or a distribution, `{normal: {std: 0.02}}`, `{uniform: {a: -1, b: 1}}` or
    `{trunc_normal: {std: 0.02}}`. `leading: true` stores an axis of 1 before `shape`, where the batch would be.
    """

    shape: Dims
    init: Float | Distribution = 0.0
    leading: bool = False

    arity: ClassVar[tuple[int, float]] = (0, 0)
    reads: ClassVar[tuple[str, ...]] = ("torch.empty", "torch.full", "torch.ones", "torch.zeros")

    def infer(self) -> Shape:
        if isinstance(self.init, dict):
            try:
                initialiser(self.init)
            except ProblemError as error:
                raise ShapeError("bad-value", str(error), argument="init", help=error.problem.help) from None
        return self.shape

    def weights(self) -> dict[str, Shape]:
        return {"": (1, *self.shape) if self.leading else self.shape}

    def call(self) -> Call:
        stored = self.weights()[""]
        if isinstance(self.init, dict):
            ((name, options),) = self.init.items()
            given = "".join(f", {option}={{{option}}}" for option in options)
            made, args = f"nn.init.{name}_(torch.empty({{shape}}){given})", {"shape": stored, **options}
        elif self.init in (0, 1):
            made, args = f"torch.{'ones' if self.init else 'zeros'}({{shape}})", {"shape": stored}
        else:
            made, args = "torch.full({shape}, {init})", {"shape": stored, "init": self.init}
        return Call("nn.Parameter", args, construct=f"nn.Parameter({made})", apply="{self}", parameter=True)
