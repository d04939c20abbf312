"""What a layer is: one class that holds its fields, its shape rule, its weights, its cost and its torch call.

A class that derives from `Layer` is known to the language by its name (or the `op` it states) the moment it is
defined. Rules compute with `+ - * // %` on sizes and compare them, so that they hold for ints and for symbolic sizes
(`analysis/symbolic.py`) alike: a rule needs no size as a key, an index or a fraction, and puts one into words only
where it refuses it.

The batch axis is never part of a shape. Axes in a spec are torch's numbers (1 is channels): `axis` translates.

Modules of layers do not import `annotations` from `__future__`: pydantic would compile every annotation anew, those of
the base for each of a hundred classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from speczoo.compiler.kept import Kept, Saves, Wanted
from speczoo.compiler.reach import Sight, same, whole
from speczoo.compiler.strides import Laid, Layout, Lies, laid
from speczoo.specs.problem import Problem, ProblemError

Shape: TypeAlias = tuple[int, ...]
T = TypeVar("T")


class Value(NamedTuple):
    """What flows along an edge: a tensor's shape without its batch axis.

    `batched` is False for what has no batch axis of its own (a `Parameter`): it meets batched values only in merges.
    With `leading` its tensor has an axis of 1 all the same, where the batch would be.
    """

    shape: Shape
    dtype: str = "float32"
    batched: bool = True
    leading: bool = False

    @property
    def is_float(self) -> bool:
        return self.dtype.startswith(("float", "bfloat"))


class ShapeError(ProblemError):
    """A layer cannot take what flows into it: its problem, placed at the layer's own argument where it speaks of one.

    `inputs` are the positions of the inputs to point at, each with the text to show there. `help` lines mend,
    `size_help` unless a size of the network's input that works is found; `replacement` is the value to write in place
    of the argument's. `notes` show arithmetic.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        argument: str | None = None,
        inputs: Mapping[int, str] | None = None,
        notes: Sequence[str] = (),
        help: Sequence[str] = (),
        size_help: Sequence[str] = (),
        replacement: object = None,
    ) -> None:
        word = None if replacement is None else str(replacement)
        loc = () if argument is None else (argument,)
        super().__init__(Problem(code, message, loc, notes=tuple(notes), help=tuple(help), replacement=word))
        self.argument, self.inputs, self.size_help = argument, dict(inputs or {}), tuple(size_help)


@dataclass(frozen=True, slots=True)
class Call:
    """How torch makes and applies a layer: plain data that the emitter prints.

    `args` are the arguments in torch's order; the first `positional` are printed without their names, those equal to
    `defaults` not at all. A layer with a `target` is a module made once (`construct` overrides how) and applied by
    `apply`; one without is only the expression `apply`. In templates `{0}` is the first input, `{inputs}` all of
    them, `{self}` the module, and any other name an argument.
    """

    target: str | None
    args: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    positional: int = 0
    construct: str | None = None
    apply: str = "{self}({inputs})"
    support: tuple[str, ...] = ()  # definitions that the emitted text needs at its top
    parameter: bool = False  # an nn.Parameter or nn.Buffer of the surrounding module, not a module
    before: str | None = None  # a statement that binds the names which `construct` reads
    binds: tuple[str, ...] = ()  # those names
    wrap: str | None = None  # what its module is passed through once it is made
    inline: str | None = None  # the expression that stands for it in a written-out forward, where no module is wanted

    @property
    def sequential(self) -> bool:
        """Whether nn.Sequential can hold and apply it as it stands."""
        return self.target is not None and not self.parameter and self.apply == "{self}({inputs})"


#: Lets a list stand where a tuple is expected.
Listed = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)

Int = Annotated[int, Field(strict=True)]
Positive = Annotated[int, Field(strict=True, ge=1)]
NonNegative = Annotated[int, Field(strict=True, ge=0)]
FLOAT32_MAX = (2 - 2**-23) * 2.0**127
#: What float32 holds: torch refuses larger numbers where it computes with them.
Float = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
Probability = Annotated[float, Field(ge=0, le=1)]

#: A number for every axis, or one for each. `sizes` spreads it.
Size1 = Annotated[Positive | tuple[Positive], Listed]
Size2 = Annotated[Positive | tuple[Positive, Positive], Listed]
Size3 = Annotated[Positive | tuple[Positive, Positive, Positive], Listed]
Pad1 = Annotated[NonNegative | tuple[NonNegative], Listed]
Pad2 = Annotated[NonNegative | tuple[NonNegative, NonNegative], Listed]
Pad3 = Annotated[NonNegative | tuple[NonNegative, NonNegative, NonNegative], Listed]
Ints = Annotated[tuple[Int, ...], Listed]
#: An argument that refers to another value: whether it does.
Given: TypeAlias = Literal[True] | None


def sizes(value: int | Sequence[int], n: int) -> tuple[int, ...]:
    """Return one number per axis: `3` over two axes is `(3, 3)`."""
    return (value,) * n if isinstance(value, int) else tuple(value)


def divisor(n: int, most: int) -> int:
    """Return the largest divisor of n that is no larger than `most`; for n above 10^10 perhaps a smaller one."""
    small = [d for d in range(1, min(math.isqrt(n), 100_000) + 1) if n % d == 0]
    return max(d for low in small for d in (low, n // low) if d <= max(most, 1))


def axis(dim: int, rank: int, *, argument: str = "dim", extra: int = 0) -> int:
    """Return the index into a batch-free shape of rank `rank` that torch's axis number `dim` means.

    Raises ShapeError for the batch axis and for axes that are not there. `extra` admits axes one past the end (stack).
    """
    total = rank + 1 + extra
    if not -total <= dim < total:
        known = f"axes are 1 to {total - 1} (0 is the batch)" if total > 1 else "there is only the batch"
        message = f"there is no axis {dim}: {known}"
        raise ShapeError("bad-value", message, argument=argument)
    index = dim % total - 1
    if index < 0:
        raise batch_axis(dim, argument)
    return index


def batch_axis(dim: int, argument: str) -> ShapeError:
    message = f"`{argument}: {dim}` is the batch axis, which a spec never touches"
    return ShapeError("bad-value", message, argument=argument)


def bare(position: int, value: Value) -> str:
    """Return an input in a call that takes tensors of just its axes: without one where the batch would be."""
    return f"{{{position}}}.squeeze(0)" if value.leading else f"{{{position}}}"


def show(shape: Sequence[object]) -> str:
    """Return `64 x 56 x 56`; a single number stands alone."""
    return " x ".join(str(n) for n in shape) if shape else "a single value"


Views: TypeAlias = Literal[False, True, "evaluated"]


class Layer(BaseModel):
    """A layer type. Subclasses state fields in the order of torch's arguments; required ones have no default."""

    #: Validators are built when a layer of the type is first made: a hundred types take half of a check.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    registry: ClassVar[dict[str, type["Layer"]]] = {}

    # -- what it is called, and how it is printed --

    op: ClassVar[str] = ""  # the name in specs: the class's own, by default
    torch: ClassVar[str] = ""  # the dotted name to call
    positional: ClassVar[int] = 0  # how many arguments are printed without a keyword
    support: ClassVar[tuple[str, ...]] = ()  # definitions that the emitted text needs at its top
    #: What its expression reads of torch, `torch.cat`, and of values, `shape`: no other is let through to be executed.
    reads: ClassVar[tuple[str, ...]] = ()
    kin: ClassVar[tuple[str, ...]] = ()  # the ops whose class its modules are of, too

    # -- what flows in and out --

    ranks: ClassVar[tuple[int, ...]] = ()  # the axes besides the batch that it takes; empty for any number
    least: ClassVar[int] = 0  # the fewest of them, where `ranks` is empty
    arity: ClassVar[tuple[int, float]] = (1, 1)  # fewest and most inputs
    integer: ClassVar[bool | None] = False  # whether it takes int64; None for either kind
    unbatched: ClassVar[bool] = False  # it applies to values without a batch axis, too
    merges: ClassVar[bool] = False  # batched and batch-free values may meet here
    numbers: ClassVar[bool] = False  # numbers may stand among the inputs
    outputs: ClassVar[bool] = False  # several outputs, addressed `id.0`, `id.1`, whatever its arguments

    # -- its arguments, by name --

    derives: ClassVar[tuple[str, ...]] = ()  # those that come from the input, stated only as assertions
    #: Those that name another value, which is appended to the inputs; a field, too, a `Given`, is true where stated.
    references: ClassVar[tuple[str, ...]] = ()
    axes: ClassVar[tuple[str, ...]] = ()  # those that are numbers of axes
    follows: ClassVar[Mapping[str, str]] = {}  # those that, where they are null, are what another one is
    per_axis: ClassVar[tuple[str, ...]] = ()  # lists of any length for which one number stands where all are equal
    #: Those that say how its module is applied, or what with or of what it is made: none of torch's constructor.
    applied: ClassVar[tuple[str, ...]] = ()
    #: Those that may be an expression over places, `$(i + j)`, in which other names are put in place, by the argument
    #: that names the places.
    computed: ClassVar[Mapping[str, str]] = {}

    # -- its weights --

    parameters: ClassVar[tuple[str, ...]] = ()  # the names that they can have; none where only `weights` can say
    counters: ClassVar[tuple[str, ...]] = ()  # those of its buffers that are whole numbers

    # -- what it does with memory --

    views: ClassVar[Views] = False  # whether its output may be its first input's memory, always or when evaluated
    overlaps: ClassVar[bool] = False  # a view in which several places are one place of memory
    lies: ClassVar[Lies] = "plain"  # how its output lies in a memory of its own
    saves: ClassVar[Saves] = ""  # what autograd keeps of it for the backward pass
    saves_inplace: ClassVar[Saves] = ""  # and where it writes over its input

    def __init_subclass__(cls, *, op: str | None = None, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(cls, *, op: str | None = None, abstract: bool = False, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.op = op or cls.__name__
        if not abstract:
            Layer.registry[cls.op] = cls

    # -- what a layer type says about itself ------------------------------------------------------------------

    def check(self, *x: Shape | None) -> None:
        """Check that the arguments go together; asked before `infer`, and alone where a shape is unknown, which is
        None. Raises ShapeError.
        """
        for name in self.axes:
            value = getattr(self, name)
            for dim in value if isinstance(value, tuple) else (value,):
                if dim == 0:
                    raise batch_axis(dim, name)

    def infer(self, *x: Shape) -> Shape | list[Shape]:
        """Return the output's shape (a list of shapes where `outputs` is true). Raises ShapeError."""
        return x[0]

    def no_backward(self) -> ShapeError | None:
        """Return why there is no backward pass through it with these arguments, whatever flows in; None where there is
        one.
        """
        return None

    def derived(self, *x: Shape) -> dict[str, Any]:
        """Return the arguments that the input decides: `{"in_channels": 64}`."""
        return {}

    def weights(self, *x: Shape) -> dict[str, Shape]:
        """Return parameters by state_dict name, in torch's order."""
        return {}

    def buffers(self, *x: Shape) -> dict[str, Shape]:
        """Return buffers by state_dict name, in torch's order."""
        return {}

    def unsaved(self, *x: Shape) -> dict[str, Shape]:
        """Return buffers that no state_dict holds, by name."""
        return {}

    def buffer_dtype(self, name: str) -> str:
        """Return what a buffer is made of."""
        return "int64" if name in self.counters else "float32"

    def macs(self, out: Shape, *x: Shape) -> int:
        """Return multiply-accumulates for one input, by the convention of torch's flop counter (half its figure)."""
        return 0

    def operations(self, *x: Shape) -> int:
        """Return steps that torch takes for one input besides multiply-accumulates: one for each number that is read,
        by default.
        """
        return sum(map(math.prod, x))

    def scratch(self, *x: Shape) -> int:
        """Return how many numbers torch holds for one input while it computes, besides inputs and outputs."""
        return 0

    def scratch_of(self, batch: int, *x: Value) -> int:
        """Return how many numbers torch holds so for a batch: for each input the same, by default."""
        return batch * self.scratch(*(value.shape for value in x))

    def scratch_where(self, wanted: Wanted, *x: Value) -> int:
        """Return the same where inputs lie so; of those that are `distinct`, by default."""
        return self.scratch_of(wanted.batch, *(x[i] for i in self.distinct(wanted.first)))

    def distinct(self, first: Sequence[int]) -> Sequence[int]:
        """Return the numbers of the inputs that `scratch` is asked about: all of them by default, of a layer that
        computes otherwise with a value that flows in several times fewer. `first` has for each input the number of the
        first that is the same value.
        """
        return range(len(first))

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        """Return what autograd keeps in training, whatever gradients are wanted, as torch's kernels keep what any of
        them needs: `saved` by default; of an op that writes over the input that it needs, a copy.
        """
        needs_input = self.inplace_ and self.saves == "input" and not self.saves_inplace
        return Kept(numbers=math.prod(x[0])) if needs_input else Kept(self.saved)

    def keeps_where(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return what autograd keeps where gradients of these inputs and weights are wanted: what `keeps` says, by
        default, but for factors, each of which is kept for the other's.
        """
        found = self.keeps(out, *(value.shape for value in x))
        return found._replace(values="", inputs=wanted.factors) if found.values == "factors" else found

    def laid_out(self, out: Sequence[Shape], layouts: Sequence[Layout], *x: Value, training: bool) -> tuple[Laid, ...]:
        """Return how what comes out lies in memory, of these sizes, the batch first, and of which input it is a view:
        what `views` and `lies` say, by default. Each layout has a batch axis, of 1 where the value has none.
        """
        if self.inplace_:
            return (Laid(layouts[0], 0),)
        views = self.views is True or (self.views and not training)
        found = [self.viewed(port, layouts[0], sizes) if views else None for port, sizes in enumerate(out)]
        return tuple(
            Laid(laid(self.lies, sizes, *layouts)) if view is None else Laid(view, 0)
            for sizes, view in zip(out, found, strict=True)
        )

    def viewed(self, port: int, x: Layout, out: Shape) -> Layout | None:
        """Return how an output lies as a view of the first input; None where it is none, and laid out anew. By default
        the same numbers in the same order.
        """
        return x.viewed(out)

    def laid_anew(self, wanted: Wanted, *x: Value) -> Mapping[int, int]:
        """Return the inputs that torch lays out anew before it computes with them, and keeps so: by position, with how
        many numbers that takes for the whole batch. None, by default.
        """
        return {}

    def keeping(self, wanted: Wanted, out: Shape, *x: Value) -> Kept:
        """Return what `keeps_where` says, with copies in the place of inputs that are laid out anew."""
        found, anew = self.keeps_where(wanted, out, *x), self.laid_anew(wanted, *x)
        if not anew:
            return found
        inputs = range(len(x)) if found.values in ("input", "both") else found.inputs
        copies = {
            is_float: sum(anew.get(i, 0) for i in inputs if x[i].is_float == is_float) for is_float in (True, False)
        }
        return found._replace(
            values="output" if found.values in ("output", "both") else "",
            once=found.once + copies[True],
            indices=found.indices + copies[False] // wanted.batch,
            inputs=tuple(i for i in inputs if i not in anew),
        )

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        """Return how the places of an output see each input, when evaluated; where the shapes agree each place sees its
        own, and else all, by default.
        """
        return tuple(same(len(shape)) if shape == out else tuple(map(whole, shape)) for shape in x)

    def arithmetic(self, at: int, *x: Shape) -> str:
        """Return how axis `at` of the output comes about, `floor((97 - 2) / 2) + 1`; empty where nothing is
        computed.
        """
        return ""

    def batched(self, *x: Value) -> bool:
        """Return whether what comes out has a batch axis: that of any of its inputs."""
        return True in [value.batched for value in x]

    def leads(self, *x: Value) -> bool:
        """Return whether what comes out has an axis of 1 where the batch would be, of what has no batch."""
        return True in [value.leading for value in x]

    def dtype(self, *x: Value) -> str | tuple[str, ...]:
        """Return the kind of numbers that come out: of all outputs, or one for each."""
        return x[0].dtype if x else "float32"

    def call(self, *x: Value) -> Call:
        """Return torch's call. By default: `torch`, the fields as its arguments and `derived` in place of what is not
        stated.
        """
        given = self.arguments(*[value.shape for value in x])
        args = {name: value for name, value in given.items() if name not in self.applied}
        usual = usual_arguments(type(self))
        defaults = {name: usual[name] for name in args if name in usual}
        target = self.torch or f"nn.{self.op}"
        return Call(target, args, defaults, self.positional, support=self.support, wrap=self.wrap())

    def wrap(self) -> str | None:
        """Return the function of torch's that its module is passed through, where there is one."""
        return None

    def arguments(self, *x: Shape) -> dict[str, Any]:
        derived = self.derived(*x)
        return {name: derived[name] if name in derived else getattr(self, name) for name in type(self).model_fields}

    def applied_arguments(self) -> dict[str, Any]:
        """Return the arguments that are `applied`, each in one of the forms that mean the same."""
        return {name: getattr(self, name) for name in self.applied}

    def as_made(self, *x: Value) -> Self:
        """Return the layer with the arguments that its module is made with where these flow in: what it derived from
        them is stated.
        """
        derived = self.derived(*(v.shape for v in x))
        return self.model_copy(update=derived) if derived else self

    # -- what elaboration asks --------------------------------------------------------------------------------

    @classmethod
    def can_have_weights(cls) -> bool:
        """Return whether a layer of this type can have parameters."""
        return cls.weights is not Layer.weights

    @property
    def several(self) -> bool:
        """Whether what comes out is addressed `id.0`, `id.1`."""
        return self.outputs

    @property
    def inplace_(self) -> bool:
        """Whether it writes its output over its input."""
        return bool(self.__dict__.get("inplace"))  # getattr asks pydantic where there is none: a tenth of a check

    @property
    def saved(self) -> Saves:
        """What autograd keeps of it for the backward pass: that may not be written over."""
        return self.saves_inplace if self.inplace_ else self.saves

    def referred(self, inputs: int) -> tuple[str, ...]:
        """Return the arguments that the last of so many inputs were referred to by; the first of `references`, by
        default, for what is more than the fewest inputs.
        """
        return self.references[: max(0, inputs - int(self.arity[0]))]

    def valued(self, inputs: int) -> int:
        """Return how many of so many inputs, the first ones, it computes with: `like`, the last, gives a size."""
        return inputs - ("like" in self.referred(inputs))

    def count(self, inputs: int) -> None:
        """Raise ShapeError where it takes more inputs, or fewer."""
        low, high = self.arity
        if not low <= inputs <= high:
            wanted = f"{low}" if low == high else f"at least {low}" if math.isinf(high) else f"{low} to {high}"
            plural = "" if wanted == "1" else "s"
            raise ShapeError("bad-value", f"`{self.op}` takes {wanted} input{plural}, not {inputs}", argument="from")

    def held(self, values: tuple[T, ...]) -> tuple[T, ...]:
        """Return those of the inputs, the first ones, that are of the layer's own kind and ranks; all, by default."""
        return values

    def apply(self, *values: Value) -> tuple[Value, ...]:
        """Return what comes out of it.

        Checks count, kind and rank of what flows in, then asks `check` and `infer`. Raises ShapeError.
        """
        self.count(len(values))
        for position, value in enumerate(self.held(values)):
            self._check_input(position, value)
        shapes = tuple([value.shape for value in values])
        self._check_stated(shapes)
        self.check(*shapes)
        result = self.infer(*shapes)
        outs = result if isinstance(result, list) else [result]
        for shape in outs:
            for n in shape:
                if n < 1:
                    raise ShapeError("empty-output", f"`{self.op}` would give {show(shape)}: an axis falls below 1")
        dtype = self.dtype(*values)
        batched = self.batched(*values)
        leading = not batched and self.leads(*values)
        kinds = (dtype,) * len(outs) if isinstance(dtype, str) else dtype
        return tuple([Value(tuple(shape), kind, batched, leading) for shape, kind in zip(outs, kinds, strict=True)])

    def _check_input(self, position: int, value: Value) -> None:
        """Raise ShapeError where what flows in there is of another kind or rank than it takes."""
        if self.integer is not None and value.is_float == self.integer and not self.merges:
            kind = "integers (int64)" if self.integer else "floating point numbers"
            raise ShapeError(
                "shape-mismatch", f"`{self.op}` takes {kind}, not {value.dtype}", inputs={position: value.dtype}
            )
        if not (value.batched or self.merges or self.unbatched):
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` needs a batch axis, and a Parameter has none: merge it first",
                inputs={position: "no batch axis"},
            )
        rank = len(value.shape)
        if self.ranks and rank not in self.ranks:
            ranks = " or ".join(str(r) for r in self.ranks)
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` takes {ranks} axes besides the batch, not {rank}: {show(value.shape)}",
                inputs={position: show(value.shape)},
                help=self._rank_help(rank),
            )
        if rank < self.least:
            raise ShapeError(
                "shape-mismatch",
                f"`{self.op}` takes at least {self.least} axes besides the batch, not {rank}",
                inputs={position: show(value.shape)},
            )

    def _check_stated(self, shapes: tuple[Shape, ...]) -> None:
        """Raise ShapeError where an argument that the input decides is stated otherwise."""
        for name, actual in self.derived(*shapes).items():
            stated = getattr(self, name, None)
            if stated is not None and stated != actual:
                raise ShapeError(
                    "assertion-failed",
                    f"`{name}: {_text(stated)}` is stated, but {_text(actual)} flow in",
                    argument=name,
                    inputs={0: show(shapes[0])} if shapes else {},
                    help=[f"leave `{name}` out: it is derived", f"or make it {_text(actual)}"],
                )

    def _rank_help(self, rank: int) -> list[str]:
        sibling = f"{self.op[:-2]}{rank - 1}d"
        help = []
        if self.op[-2:] in ("1d", "2d", "3d") and sibling in Layer.registry:
            help.append(f"`{sibling}` takes {rank} axes")
        elif 1 in self.ranks and rank > max(self.ranks):
            help.append("put a `Flatten` before it")
        elif self.ranks == (2,) and rank == 3:
            help.append("a map becomes tokens by `{op: Flatten, start_dim: 2}` and `{op: transpose, dim0: 1, dim1: 2}`")
        if rank == max(self.ranks) + 1 > 2:
            help.append(f"{'or ' if help else ''}is one of them the batch? The batch axis is never written")
        return help


@lru_cache(maxsize=1024)
def usual_arguments(layer: type[Layer]) -> Mapping[str, Any]:
    """Return what the arguments of a layer are where they are not written, but for those that the input decides."""
    fields = layer.model_fields.items()
    return {name: field.default for name, field in fields if not field.is_required() and name not in layer.derives}


for _name in Layer.__class_vars__:  # pydantic would evaluate the annotations of a base anew for every class
    del Layer.__annotations__[_name]


def _text(value: object) -> str:
    return show(value) if isinstance(value, tuple) else str(value)
