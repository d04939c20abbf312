"""Tensors that depend on no input: learned parameters, such as position embeddings and class tokens are made of."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from speczoo.compiler.initialisers import initialiser
from speczoo.compiler.layer import Call, Float, Layer, Listed, Positive, Shape, ShapeError
from speczoo.specs.problem import ProblemError

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
