"""What slides over the spatial axes of an input, and the layers that have such a window."""

import math
from typing import Any, ClassVar, NamedTuple, Self

from speczoo.compiler.layer import Layer, Shape, ShapeError, show, sizes
from speczoo.compiler.reach import Link, Sight, same, windows


class Window(NamedTuple):
    """What slides over the spatial axes, a number for each: `before` and `after` are the padding, and under `ceil`
    the last window may hang over the end."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil: bool = False

    @classmethod
    def of(cls, n: int, kernel: Any, stride: Any, padding: Any = 0, dilation: Any = 1, ceil: bool = False) -> Self:
        """Return the window over n axes that these arguments mean; each is one number or one for each axis."""
        pad = sizes(padding, n)
        return cls(sizes(kernel, n), sizes(stride, n), pad, pad, sizes(dilation, n), ceil)

    @property
    def reach(self) -> tuple[int, ...]:
        """How many places lie under the window, K = d(k - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def places(self, i: int, size: int) -> int:
        """Return how often it fits on axis i: `floor((n + 2p - K) / s) + 1`.

        Ceil mode is the same floor with min(2p - K + s - 1, p - 1) in place of 2p - K, since torch wants the last
        window to start inside the input or its left padding.
        """
        extra = self.before[i] + self.after[i] - self.dilation[i] * (self.kernel[i] - 1) - 1
        if self.ceil:
            extra = min(extra + self.stride[i] - 1, self.before[i] - 1)
        return (size + extra) // self.stride[i] + 1

    def sight(self, rank: int) -> tuple[Link, ...]:
        """Return how a map of so many axes is seen through it; the axes before the spatial ones see their own."""
        first = rank - len(self.kernel)
        windowed = zip(self.stride, self.before, self.reach, strict=True)
        return same(first) + tuple(Link(first + i, windows(*axis)) for i, axis in enumerate(windowed))

    def arithmetic(self, i: int, size: int) -> str:
        """Return how `places` comes about: `floor((97 - 2) / 2) + 1`."""
        before, after, stride = self.before[i], self.after[i], self.stride[i]
        padding = f" + 2 * {before}" if before == after else f" + {before} + {after}"
        inner = f"{size}{padding if before + after else ''} - {self.reach[i]}"
        if stride == 1:
            return f"{inner} + 1"
        clipped = self.ceil and self.places(i, size) < -(-(size + before + after - self.reach[i]) // stride) + 1
        outside = " - 1 for a window that starts outside" if clipped else ""
        return f"{'ceil' if self.ceil else 'floor'}(({inner}) / {stride}) + 1{outside}"


class Spatial(Layer, abstract=True):
    """Layers over the last `spatial` axes."""

    spatial: ClassVar[int] = 2


class Windowed(Spatial, abstract=True):
    """Layers that slide a window: convolutions and pools share this arithmetic, and nothing else computes it."""

    def window(self) -> Window:
        """Return what slides, with one number an axis."""
        raise NotImplementedError

    def slide(self, x: Shape) -> Shape:
        """Return the shape with as many places on each spatial axis as the window has.

        Raises ShapeError where it has none.
        """
        n, window = self.spatial, self.window()
        out = tuple([window.places(i, size) for i, size in enumerate(x[-n:])])
        for i, got in enumerate(out):
            if got < 1:
                raise self._too_small(window, x, i)
        return (*x[:-n], *out)

    def _too_small(self, window: Window, x: Shape, i: int) -> ShapeError:
        """Return what is wrong with a map into which a window does not fit on spatial axis i."""
        n, places = self.spatial, x[-self.spatial :]
        here = show(places)  # first: where sizes are symbols it has no words, and these are not to be compared
        dilated = f" (dilated to {show(window.reach)})" if window.reach != window.kernel else ""
        needed = max((reach - size + 1) // 2 for reach, size in zip(window.reach, places, strict=True))
        return ShapeError(
            "empty-output",
            f"a {show(window.kernel)} window{dilated} does not fit into {here} (padding {_padding(window)})",
            argument="kernel_size",
            notes=[f"{AXES[n][i]}: {window.arithmetic(i, places[i])} = {window.places(i, places[i])}"],
            size_help=[
                f"a padding of {needed} would make room, or a larger input"
                if self.padded(needed, x)
                else "a larger input would make room"
            ],
        )

    def padded(self, padding: int | tuple[int, ...], x: Shape) -> Shape | None:
        """Return what the layer would make of an input with such a padding; None where it would not take it: a pool
        takes at most half of its window, a mirrored padding is shorter than the input.
        """
        if "padding" not in type(self).model_fields:
            return None
        layer = self.model_copy(update={"padding": padding})
        try:
            layer.check(x)
            made = layer.infer(x)
        except ShapeError:
            return None
        return made[0] if isinstance(made, list) else made

    def operations(self, *x: Shape) -> int:
        return math.prod(self.slide(x[0])) * math.prod(self.window().kernel)

    def sees(self, port: int, out: Shape, *x: Shape) -> tuple[Sight, ...]:
        return (self.window().sight(len(x[0])),)

    def arithmetic(self, at: int, *x: Shape) -> str:
        i = at - len(x[0]) + self.spatial
        return self.window().arithmetic(i, x[0][at]) if i >= 0 else ""


def _padding(window: Window) -> str:
    return str(window.before[0]) if len(set(window.before)) == 1 else show(window.before)


#: What the spatial axes are called, by their number.
AXES: dict[int, tuple[str, ...]] = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
