"""The lower-case function that is a convolution by a weight which flows in."""

import math
from typing import Annotated, ClassVar

from speczoo.compiler.kept import Kept, Saves
from speczoo.compiler.layer import Call, Listed, NonNegative, Positive, Shape, ShapeError, Value, bare, show
from speczoo.compiler.layers.function import Merge
from speczoo.compiler.reach import SAME, Link, Sight, grouped, whole
from speczoo.compiler.strides import Lies
from speczoo.compiler.window import AXES, Window

Steps = Annotated[Positive | tuple[Positive, ...], Listed]
Pads = Annotated[NonNegative | tuple[NonNegative, ...], Listed]


class Convolution(Merge, op="convolution"):
    """Its first input convolved by the second, out x in / groups x window, with the third added where there is one: a
    weight and a bias without a batch axis, as of a `Parameter` or computed. `Conv2d` has its own.
    """

    lies: ClassVar[Lies] = "suggested"
    stride: Steps = 1
    padding: Pads = 0
    dilation: Steps = 1
    groups: Positive = 1

    saves: ClassVar[Saves] = "input"
    arity: ClassVar[tuple[int, float]] = (2, 3)
    per_axis: ClassVar[tuple[str, ...]] = ("stride", "padding", "dilation")
    reads: ClassVar[tuple[str, ...]] = ("F.conv1d", "F.conv2d", "F.conv3d", "squeeze")

    def count(self, inputs: int) -> None:
        if inputs == 1:
            message = "`convolution` takes a value, a weight, and perhaps a bias"
            raise ShapeError("bad-value", message, argument="from", help=["`Conv2d` has a weight of its own"])
        super().count(inputs)

    def apply(self, *values: Value) -> tuple[Value, ...]:
        for position, value in enumerate(values):
            if not value.is_float:
                message = f"`convolution` takes floating point numbers, not {value.dtype}"
                raise ShapeError("shape-mismatch", message, inputs={position: value.dtype})
            if value.batched != (position == 0):
                what = "a weight or a bias of each sample" if position else "what is convolved, without a batch axis"
                message = f"`convolution` does not take {what}"
                raise ShapeError("shape-mismatch", message, inputs={position: show(value.shape)})
        if values and len(values[0].shape) not in (2, 3, 4):
            message = f"`convolution` takes 2, 3 or 4 axes besides the batch, not {len(values[0].shape)}"
            raise ShapeError("shape-mismatch", message, inputs={0: show(values[0].shape)})
        return super().apply(*values)

    def check(self, *x: Shape | None) -> None:
        spatial = None if x[0] is None else len(x[0]) - 1
        for name in self.per_axis:
            given = getattr(self, name)
            if spatial is not None and isinstance(given, tuple) and len(given) != spatial:
                message = f"`{name}` has {len(given)} numbers, for {spatial} axes: {show(x[0] or ())}"
                raise ShapeError("bad-value", message, argument=name)

    def window(self, weight: Shape) -> Window:
        """Return what slides, as large as the weight's last axes say."""
        return Window.of(len(weight) - 2, weight[2:], self.stride, self.padding, self.dilation)

    def infer(self, x: Shape, weight: Shape, bias: Shape | None = None) -> Shape:
        self._fits(x, weight, bias)
        window = self.window(weight)
        out = tuple(window.places(i, size) for i, size in enumerate(x[1:]))
        for i, (name, got) in enumerate(zip(AXES[len(x) - 1], out, strict=True)):
            if got < 1:
                raise ShapeError(
                    "empty-output",
                    f"a {show(window.kernel)} window does not fit into {show(x[1:])}",
                    inputs={0: show(x), 1: show(weight)},
                    notes=[f"{name}: {window.arithmetic(i, x[1 + i])} = {got}"],
                )
        return (weight[0], *out)

    def _fits(self, x: Shape, weight: Shape, bias: Shape | None) -> None:
        """Raise ShapeError where weight and bias are none for this input."""
        if len(weight) != len(x) + 1:
            message = f"a weight for {show(x)} has {len(x) + 1} axes, out x in / groups x window: {show(weight)}"
            raise ShapeError("shape-mismatch", message, inputs={0: show(x), 1: show(weight)})
        if weight[1] * self.groups != x[0]:
            raise ShapeError(
                "shape-mismatch",
                f"the weight takes {weight[1]} channels in each of {self.groups} groups, and {x[0]} flow in",
                inputs={0: show(x), 1: show(weight)},
            )
        if weight[0] % self.groups:
            raise ShapeError(
                "indivisible",
                f"`groups: {self.groups}` does not divide the channels that the weight gives, {weight[0]}",
                argument="groups",
                inputs={1: show(weight)},
            )
        if bias is not None and bias != weight[:1]:
            message = f"the bias is {show(bias)}, and the weight gives {weight[0]} channels"
            raise ShapeError("shape-mismatch", message, inputs={1: show(weight), 2: show(bias)})

    def keeps(self, out: Shape, *x: Shape) -> Kept:
        return Kept(inputs=(0, 1))

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        value, weight = x[:2]
        own = (grouped(0, value[0], out[0], self.groups), *self.window(weight).sight(len(value))[1:])
        rows = [(Link(0, SAME), *map(whole, shape[1:])) for shape in x[1:]]
        return (own, *rows)

    def macs(self, out: Shape, *x: Shape) -> int:
        return math.prod(out) * math.prod(x[1][1:])

    def operations(self, *x: Shape) -> int:
        out = self.infer(*x)
        return math.prod(out[1:]) * math.prod(x[1][2:])

    def call(self, *x: Value) -> Call:
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        args = {name: getattr(self, name) for name in usual}
        options = "".join(f", {name}={{{name}}}" for name, given in args.items() if given != usual[name])
        weight, bias = bare(1, x[1]), bare(2, x[2]) if len(x) > 2 else "None"
        return Call(None, args, usual, apply=f"F.conv{len(x[0].shape) - 1}d({{0}}, {weight}, {bias}{options})")
