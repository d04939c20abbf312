"""Tensors that depend on no input: parameters, such as position embeddings and class tokens are, and constants."""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from speczoo.compiler.expression_bounds import NumberRange, Uncertain, bounds
from speczoo.compiler.initialisers import initialiser
from speczoo.compiler.layer import (
    FLOAT32_MAX,
    Call,
    Float,
    Int,
    Layer,
    Listed,
    Positive,
    Shape,
    ShapeError,
    Value,
    show,
)
from speczoo.compiler.tensor_expression import TENSOR_FUNCTIONS, NotForAll, TensorExpression
from speczoo.specs.expression import ExpressionError, substituted
from speczoo.specs.expression.evaluation import compiled
from speczoo.specs.problem import ProblemError
from speczoo.specs.wording import printed

Dims = Annotated[tuple[Positive, ...], Listed]
Distribution = Annotated[
    dict[Literal["normal", "uniform", "trunc_normal"], dict[str, float]], Field(min_length=1, max_length=1)
]


class Parameter(Layer):
    """A learned tensor that depends on no input; its key is its id.

    `init` is a number or a distribution, `{normal: {std: 0.02}}`, `{uniform: {a: -1, b: 1}}` or
    `{trunc_normal: {std: 0.02}}`. `leading: true` stores an axis of 1 before `shape`, where the batch would be.
    With `unused: true` nothing takes it: it stands in the state_dict alone.
    """

    shape: Dims
    init: Float | Distribution = 0.0
    leading: bool = False
    unused: bool = False

    arity: ClassVar[tuple[int, float]] = (0, 0)
    reads: ClassVar[tuple[str, ...]] = ("torch.empty", "torch.full", "torch.ones", "torch.zeros")

    def infer(self) -> Shape:
        if isinstance(self.init, dict):
            try:
                initialiser(self.init)
            except ProblemError as error:
                raise ShapeError("bad-value", error.problem.message, argument="init", help=error.problem.help) from None
        return self.shape

    def leads(self, *x: Value) -> bool:
        return bool(self.leading)  # where it is not known, what comes out is not

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


#: What a constant is made of: the one value of all places, or lists of values; the text of an expression over places.
Expression = Annotated[str, Field(pattern=r"^\$\([A-Za-z0-9_+\-*/%<>=!()\[\].,: ]+\)$")]
Constant = bool | Int | Float | Expression | Annotated[tuple[Any, ...], Listed]
PlaceName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
DTYPES: dict[type, str] = {bool: "bool", int: "int64", float: "float32"}
TENSOR_DTYPES = {"bool": "bool", "int": "int64", "float": "float32"}
MOST_TRIED = 1 << 14  # places of an expression of which no bounds show that it has a value everywhere


class Buffer(Layer):
    """A constant tensor that depends on no input and is not learned: masks, places, means; its key is its id.

    `value` is a number, lists of numbers (one list fills `shape` in order), or an expression over places, which `at`
    names, one for each axis of `shape`, counted from 0: `at: [i, j]`, `value: $(j <= i)`. As of torch.tensor, truths
    make a bool tensor, whole numbers an int64, others a float32. `persistent: false` keeps it out of the state_dict.
    `leading: true` stores an axis of 1 before `shape`, where the batch would be; `unused: true` says that nothing takes
    it.
    """

    shape: Dims | None = None
    value: Constant
    at: Annotated[tuple[PlaceName, ...], Listed] | None = None
    persistent: bool = True
    leading: bool = False
    unused: bool = False

    arity: ClassVar[tuple[int, float]] = (0, 0)
    applied: ClassVar[tuple[str, ...]] = ("shape", "value", "at", "persistent", "leading", "unused")
    computed: ClassVar[Mapping[str, str]] = {"value": "at"}
    reads: ClassVar[tuple[str, ...]] = (
        *TENSOR_FUNCTIONS, "torch.tensor", "torch.full",
        "contiguous", "double", "float", "long", "reshape", "unsqueeze",
    )  # fmt: skip

    # -- what it holds ------------------------------------------------------------------------------------------------

    def infer(self) -> Shape:
        shape = self._shape()
        if isinstance(self.value, str):
            self._check_everywhere(shape)
        else:
            self._listed(shape)
        return shape

    def _shape(self) -> Shape:
        """Return the stated shape, or that of the lists."""
        if self.shape is not None:
            return self.shape
        if isinstance(self.value, tuple):
            return _nested(self.value)
        message = "`Buffer` needs `shape`: its value does not say how many there are"
        raise ShapeError("missing-argument", message, argument="shape")

    def _listed(self, shape: Shape) -> None:
        """Raise ShapeError where lists are none of this shape, or hold what is no number."""
        self._values()
        if isinstance(self.value, tuple):
            nested = _nested(self.value)
            if nested != shape and not (len(nested) == 1 and nested[0] == math.prod(shape)):
                message = f"`value` holds {show(nested)}, and `shape` says {show(shape)}"
                raise ShapeError("shape-mismatch", message, argument="value")

    def _values(self) -> str:
        """Return what numbers, in lists or alone, make a tensor of. Raises ShapeError."""
        kinds: set[type] = set()
        for number in _leaves(self.value):
            if type(number) not in DTYPES:
                raise ShapeError("bad-value", f"`value` holds {printed(number)}, which is no number", argument="value")
            if not abs(number) <= (FLOAT32_MAX if type(number) is float else 2**63 - 1):
                raise ShapeError("limit-exceeded", f"`value` holds {number}, which is too large", argument="value")
            kinds.add(type(number))
        if bool in kinds and len(kinds) > 1:
            raise ShapeError("bad-value", "`value` holds truths and numbers", argument="value")
        return DTYPES[next(kind for kind in (float, int, bool) if kind in kinds)]

    @property
    def _expression(self) -> TensorExpression:
        return _over_places(str(self.value), self.at or ())

    def _check_everywhere(self, shape: Shape) -> None:
        """Raise ShapeError where the expression is none of tensors, or may have no value at some place."""
        names = self.at or ()
        if len(names) != len(shape) or len(set(names)) < len(names):
            message = f"`at` names {len(names)} of the {len(shape)} axes of `shape`"
            message = message if len(names) != len(shape) else "`at` names two axes alike"
            raise ShapeError("bad-value", message, argument="at" if self.at is not None else "value")
        try:
            expression = self._expression
            kind = expression.kind
            found = bounds(expression.tree, {n: NumberRange(0, size - 1) for n, size in zip(names, shape, strict=True)})
        except NotForAll as error:
            raise ShapeError(
                "bad-expression", f"`value` cannot be computed for all places: {error}", argument="value"
            ) from None
        except Uncertain:
            found = self._tried(names, shape)
        if kind == "float" and not max(abs(found.low), abs(found.high)) <= FLOAT32_MAX:
            raise ShapeError("bad-value", "`value` goes beyond what float32 holds", argument="value")

    def _tried(self, names: tuple[str, ...], shape: Shape) -> NumberRange:
        """Return the least value and the greatest, place by place. Raises ShapeError where there is none."""
        if math.prod(shape) > MOST_TRIED:
            message = (
                f"whether `value` can be computed everywhere would have to be tried at {math.prod(shape):,} places"
            )
            raise ShapeError("limit-exceeded", message, argument="value")
        run = compiled(self._expression.tree)
        low, high = math.inf, -math.inf
        for places in product(*map(range, shape)):
            try:
                value = run(dict(zip(names, places, strict=True)))
            except ExpressionError as error:
                where = ", ".join(f"{name} = {place}" for name, place in zip(names, places, strict=True))
                raise ShapeError("bad-expression", f"at {where}: {error}", argument="value") from None
            low, high = min(low, value), max(high, value)
        return NumberRange(low, high)

    def applied_arguments(self) -> dict[str, Any]:
        """Return what it is made of, by the numbers of its axes in place of their names."""
        value: Any = [*_leaves(self.value)]
        if isinstance(self.value, str):
            value = substituted(self.value, {name: f"axis_{axis}" for axis, name in enumerate(self.at or ())})
        elif all(leaf == value[0] for leaf in value):
            value = value[0]
        kind = "float" if self.dtype() == "float32" else self.dtype()
        return {"shape": self._stored(), "value": value, "kind": kind, "persistent": self.persistent}

    # -- what torch has of it -----------------------------------------------------------------------------------------

    def leads(self, *x: Value) -> bool:
        return bool(self.leading)  # where it is not known, what comes out is not

    def dtype(self, *x: Value) -> str:
        return TENSOR_DTYPES[self._expression.kind] if isinstance(self.value, str) else self._values()

    def buffer_dtype(self, name: str) -> str:
        return self.dtype()

    def buffers(self) -> dict[str, Shape]:
        return {"": self._stored()} if self.persistent else {}

    def unsaved(self) -> dict[str, Shape]:
        return {} if self.persistent else {"": self._stored()}

    def _stored(self) -> Shape:
        shape = self._shape()
        return (1, *shape) if self.leading else shape

    def call(self) -> Call:
        made, args, before, binds = self._made()
        persistent = "" if self.persistent else ", persistent=False"
        construct = f"nn.Buffer({made}{persistent})"
        return Call("nn.Buffer", args, construct=construct, apply="{self}", parameter=True, before=before, binds=binds)

    def _made(self) -> tuple[str, dict[str, Any], str | None, tuple[str, ...]]:
        """Return a template of the tensor with its arguments, what stands before it, and the names that this binds."""
        if isinstance(self.value, tuple):
            stored = self._stored()
            filled = "" if _nested(self.value) == stored else ".reshape({shape})"
            return f"torch.tensor({{value}}){filled}", {"value": _lists(self.value), "shape": stored}, None, ()
        if not isinstance(self.value, str) or not self._expression.varies:
            value = self.value if not isinstance(self.value, str) else self._expression.constant
            return "torch.full({shape}, {value})", {"shape": self._stored(), "value": value}, None, ()
        expression, names = self._expression, self.at or ()
        sizes = {f"shape_{i}": size for i, size in enumerate(self._shape())}
        ranges = [f"torch.arange({{{name}}})" + ".double()" * expression.doubles for name in sizes]
        before = (
            f"{names[0]} = {ranges[0]}"
            if len(names) == 1
            else (f'{", ".join(names)} = torch.meshgrid({", ".join(ranges)}, indexing="ij")')
        )
        return self._cast(expression) + ".unsqueeze(0)" * self.leading, sizes, before, names

    def _cast(self, expression: TensorExpression) -> str:
        """Return the expression as a tensor of its kind."""
        if expression.kind == "float" and not expression.plain:
            return f"{expression.operand}.float()"
        if expression.kind == "int" and expression.doubles:
            return f"{expression.operand}.long()"
        stretched = len(self.at or ()) > 1 and expression.text in (self.at or ())
        return f"{expression.text}.contiguous()" if stretched else expression.text


@lru_cache(maxsize=1_024)
def _over_places(value: str, names: tuple[str, ...]) -> TensorExpression:
    return TensorExpression(value[2:-1], names)


def _nested(value: Any) -> Shape:
    """Return the shape of lists in lists. Raises ShapeError where some differ."""
    if not isinstance(value, tuple | list):
        return ()
    inner = {_nested(item) for item in value}
    if len(inner) != 1:
        message = "`value` is empty" if not value else "`value` holds lists of different lengths"
        raise ShapeError("bad-value", message, argument="value")
    return (len(value), *inner.pop())


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple | list) else value
