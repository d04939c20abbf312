"""What the properties draw from: for every layer, arguments and inputs that fit it, and some that nearly do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic import ValidationError

from speczoo.compiler.layer import Layer, ShapeError, Value


class Case(NamedTuple):
    """A layer's arguments as a spec states them, and what flows into it."""

    op: str
    arguments: dict[str, Any]
    inputs: tuple[Value, ...]

    def accepted(self) -> Layer | None:
        """The layer; None where its arguments, or what flows in, are refused."""
        try:
            layer = Layer.registry[self.op](**self.arguments)
            layer.apply(*self.inputs)
        except (ValidationError, ShapeError):
            return None
        return layer


Arguments = dict[str, Any]
Drawn = tuple[Arguments, tuple[Value, ...]]
Family = Callable[[DrawFn, type[Layer]], Drawn]

#: Which function draws the cases of an op.
FAMILIES: dict[str, Family] = {}

NUMBER = 2  # the number that stands among the inputs of arithmetic


def layer_cases(op: str) -> SearchStrategy[Case]:
    """Cases of one op. Raises KeyError for a layer that has none, so that no layer can be forgotten."""
    family = FAMILIES[op]

    @st.composite
    def cases(draw: DrawFn) -> Case:
        arguments, inputs = family(draw, Layer.registry[op])
        return Case(op, arguments, inputs)

    return cases()


def family(*ops: str) -> Callable[[Family], Family]:
    def register(function: Family) -> Family:
        FAMILIES.update(dict.fromkeys(ops, function))
        return function

    return register


# -- pieces ---------------------------------------------------------------------------------------------------------


def size(low: int = 1, high: int = 6) -> SearchStrategy[int]:
    return st.integers(low, high)


def shape(draw: DrawFn, *ranks: int, high: int = 6) -> tuple[int, ...]:
    """A shape of one of these ranks; longer ones have smaller sizes."""
    rank = draw(st.sampled_from(ranks))
    return tuple(draw(size(1, high if rank < 4 else 4)) for _ in range(rank))


def each(n: int, numbers: SearchStrategy[int]) -> SearchStrategy[Any]:
    """One number, or a list with one for each of n axes."""
    return st.one_of(numbers, st.lists(numbers, min_size=n, max_size=n))


def some(draw: DrawFn, **strategies: SearchStrategy[Any]) -> Arguments:
    """Any of these arguments, the others left to their defaults."""
    return {name: draw(strategy) for name, strategy in strategies.items() if draw(st.booleans())}


def value(*sizes: int, **kwargs: Any) -> tuple[Value, ...]:
    return (Value(tuple(sizes), **kwargs),)


def dims(low: int = -4, high: int = 4) -> SearchStrategy[int]:
    return st.integers(low, high)


NUMBERS = st.floats(-2, 2, width=16)
POSITIVE = st.floats(0.125, 2, width=16)
EPS = st.sampled_from([1e-6, 1e-5, 1e-3])
DIMENSIONS = ("1d", "2d", "3d")


def every(prefix: str) -> list[str]:
    return [prefix + d for d in DIMENSIONS]


def spatial(layer: type[Layer]) -> int:
    return int(layer.op[-2])


# -- families -------------------------------------------------------------------------------------------------------


@family(*every("Conv"))
def conv(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = draw(st.one_of(st.just(groups), st.just(2 * groups), size()))
    arguments: Arguments = {
        "out_channels": draw(st.one_of(st.just(groups), st.just(2 * groups), size())),
        "kernel_size": draw(each(n, size(1, 4))),
        **some(
            draw,
            stride=each(n, size(1, 3)),
            padding=st.one_of(each(n, size(0, 3)), st.sampled_from(["same", "valid"])),
            dilation=each(n, size(1, 2)),
            bias=st.booleans(),
            padding_mode=st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
            in_channels=st.just(channels),
        ),
    }
    if groups > 1:
        arguments["groups"] = groups
    return arguments, value(channels, *shape(draw, n, high=9))


@family(*every("ConvTranspose"))
def conv_transpose(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = draw(st.one_of(st.just(groups), st.just(2 * groups), size()))
    arguments: Arguments = {
        "out_channels": draw(st.one_of(st.just(groups), st.just(2 * groups), size())),
        "kernel_size": draw(each(n, size(1, 4))),
        **some(
            draw,
            stride=each(n, size(1, 3)),
            padding=each(n, size(0, 3)),
            output_padding=each(n, size(0, 2)),
            groups=st.just(groups),
            bias=st.booleans(),
            dilation=each(n, size(1, 2)),
        ),
    }
    return arguments, value(channels, *shape(draw, n, high=6))


@family("Linear")
def linear(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    stated = st.one_of(st.just(x[-1]), size())
    return {"out_features": draw(size()), **some(draw, bias=st.booleans(), in_features=stated)}, value(*x)


@family("Embedding")
def embedding(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = draw(size())
    arguments = {
        "num_embeddings": n,
        "embedding_dim": draw(size()),
        **some(
            draw,
            padding_idx=st.integers(-n - 1, n),
            max_norm=POSITIVE,
            norm_type=POSITIVE,
            scale_grad_by_freq=st.booleans(),
            sparse=st.booleans(),
        ),
    }
    return arguments, value(*shape(draw, 0, 1, 2), dtype="int64")


@family(*every("BatchNorm"), *every("InstanceNorm"))
def channel_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, *layer.ranks, high=3)
    arguments = some(
        draw,
        num_features=st.one_of(st.just(x[0]), size()),
        eps=EPS,
        momentum=st.floats(0, 1, width=16),
        affine=st.booleans(),
        track_running_stats=st.booleans(),
    )
    return arguments, value(*x)


@family("GroupNorm")
def group_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    return {"num_groups": draw(size()), **some(draw, eps=EPS, affine=st.booleans())}, value(*x)


@family("LayerNorm", "RMSNorm", "LayerNorm2d")
def layer_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    if layer.op == "LayerNorm2d":
        x = shape(draw, 3)
        stated: SearchStrategy[Any] = st.one_of(st.just(x[0]), size())
    else:
        x = shape(draw, 1, 2, 3)
        last = st.integers(1, len(x)).map(lambda n: list(x[-n:]))
        stated = st.one_of(st.just(x[-1]), last, st.lists(size(), max_size=2), size())
    options = {"normalized_shape": stated, "eps": EPS, "elementwise_affine": st.booleans()}
    if "bias" in layer.model_fields:
        options["bias"] = st.booleans()
    return some(draw, **options), value(*x)


@family("LocalResponseNorm")
def local_response_norm(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"size": draw(size()), **some(draw, alpha=POSITIVE, beta=POSITIVE, k=POSITIVE)}, value(*shape(draw, 2, 3, 4))


@family(*every("MaxPool"), *every("AvgPool"), *every("LPPool"))
def pool(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    options: dict[str, SearchStrategy[Any]] = {
        "stride": each(n, size(1, 4)),
        "padding": each(n, size(0, 2)),
        "dilation": each(n, size(1, 2)),
        "ceil_mode": st.booleans(),
        "count_include_pad": st.booleans(),
        "divisor_override": st.integers(0, 3),
    }
    kernel = size(1, 4) if layer.op == "LPPool1d" else each(n, size(1, 4))
    arguments = {
        "kernel_size": draw(kernel),
        **some(draw, **{k: s for k, s in options.items() if k in layer.model_fields}),
    }
    if "norm_type" in layer.model_fields:
        arguments["norm_type"] = draw(POSITIVE)
    return arguments, value(*shape(draw, n + 1, high=9))


@family(*every("AdaptiveMaxPool"), *every("AdaptiveAvgPool"))
def adaptive_pool(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    out = size(1, 8) if n == 1 else st.one_of(st.none(), size(1, 8))
    return {"output_size": draw(st.one_of(size(), st.lists(out, min_size=n, max_size=n)))}, value(*shape(draw, n + 1))


@family(
    *(f"{kind}Pad{d}" for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular") for d in DIMENSIONS)
)
def pad(draw: DrawFn, layer: type[Layer]) -> Drawn:
    n = spatial(layer)
    arguments: Arguments = {"padding": draw(each(2 * n, st.integers(-2, 4)))}
    if "value" in layer.model_fields:
        arguments["value"] = draw(NUMBERS)
    return arguments, value(*shape(draw, n + 1))


_ACTIVATIONS: dict[str, dict[str, SearchStrategy[Any]]] = {
    **{
        name: {"inplace": st.booleans()}
        for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish")
    },
    **{name: {} for name in ("Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink", "Softsign", "Identity")},
    "ELU": {"alpha": NUMBERS, "inplace": st.booleans()},
    "CELU": {"alpha": NUMBERS, "inplace": st.booleans()},
    "LeakyReLU": {"negative_slope": NUMBERS, "inplace": st.booleans()},
    "RReLU": {"lower": st.floats(0, 0.5, width=16), "upper": st.floats(0, 0.5, width=16), "inplace": st.booleans()},
    "GELU": {"approximate": st.sampled_from(["none", "tanh", "exact"])},
    "Hardtanh": {"min_val": NUMBERS, "max_val": NUMBERS, "inplace": st.booleans()},
    "Hardshrink": {"lambd": NUMBERS},
    "Softshrink": {"lambd": NUMBERS},
    "Softplus": {"beta": POSITIVE, "threshold": POSITIVE},
}


@family(*_ACTIVATIONS)
def activation(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return some(draw, **_ACTIVATIONS[layer.op]), value(*shape(draw, 0, 1, 2, 3))


@family("Threshold")
def threshold(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"threshold": draw(NUMBERS), "value": draw(NUMBERS), **some(draw, inplace=st.booleans())}, value(
        *shape(draw, 0, 1, 3)
    )


@family("PReLU")
def prelu(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    return some(draw, num_parameters=st.one_of(st.just(x[0]), size()), init=NUMBERS), value(*x)


@family("GLU", "Softmax", "LogSoftmax", "Softmin")
def along(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return some(draw, dim=dims()), value(*shape(draw, 1, 2, 3))


@family("Softmax2d")
def softmax2d(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {}, value(*shape(draw, 3))


@family("Dropout", "AlphaDropout", "FeatureAlphaDropout", *every("Dropout"))
def dropout(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, *(layer.ranks or (1, 2, 3)))
    return some(draw, p=st.floats(-0.25, 1.25, width=16), inplace=st.booleans()), value(*x)


@family("StochasticDepth")
def stochastic_depth(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"p": draw(st.floats(0, 1, width=16)), **some(draw, mode=st.sampled_from(["row", "batch"]))}, value(
        *shape(draw, 0, 1, 3)
    )


@family("Flatten")
def flatten(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return some(draw, start_dim=dims(), end_dim=dims()), value(*shape(draw, 0, 1, 2, 3, 4))


@family("Unflatten")
def unflatten(draw: DrawFn, layer: type[Layer]) -> Drawn:
    parts = draw(st.lists(size(1, 3), min_size=1, max_size=3))
    rest = draw(shape_of(2))
    total = 1
    for n in parts:
        total *= n
    if draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = draw(st.sampled_from([-1, -1, 2]))
    return {"dim": draw(st.one_of(st.just(1), st.just(1), dims())), "unflattened_size": parts}, value(total, *rest)


def shape_of(most: int) -> SearchStrategy[list[int]]:
    return st.lists(size(1, 4), max_size=most)


@family("PixelShuffle", "PixelUnshuffle")
def pixels(draw: DrawFn, layer: type[Layer]) -> Drawn:
    r = draw(size(1, 3))
    c = draw(st.one_of(size(), st.integers(1, 2).map((r * r).__mul__)))
    h, w = (draw(st.one_of(size(), st.integers(1, 3).map(r.__mul__))) for _ in range(2))
    name = "upscale_factor" if layer.op == "PixelShuffle" else "downscale_factor"
    return {name: r}, value(c, h, w)


@family("ChannelShuffle")
def channel_shuffle(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"groups": draw(size(1, 4))}, value(*shape(draw, 2, 3, 4))


_WINDOW: dict[str, SearchStrategy[Any]] = {
    "dilation": each(2, size(1, 2)),
    "padding": each(2, size(0, 2)),
    "stride": each(2, size(1, 3)),
}


@family("Unfold")
def unfold(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"kernel_size": draw(each(2, size(1, 3))), **some(draw, **_WINDOW)}, value(*shape(draw, 3, high=7))


@family("Fold")
def fold(draw: DrawFn, layer: type[Layer]) -> Drawn:
    out, kernel = draw(st.lists(size(2, 7), min_size=2, max_size=2)), draw(st.lists(size(1, 3), min_size=2, max_size=2))
    options = some(draw, **_WINDOW)
    spread = {name: v if isinstance(v, list) else [v, v] for name, v in options.items()}
    windows = 1
    for i in range(2):
        p, d, s = (
            spread.get(name, [default] * 2)[i] for name, default in (("padding", 0), ("dilation", 1), ("stride", 1))
        )
        windows *= max(1, (out[i] + 2 * p - d * (kernel[i] - 1) - 1) // s + 1)
    columns = draw(st.sampled_from([windows, windows, windows, windows + 1]))
    rows = draw(st.sampled_from([1, 2, 2])) * kernel[0] * kernel[1] + draw(st.sampled_from([0, 0, 0, 1]))
    return {"output_size": out, "kernel_size": kernel, **options}, value(rows, columns)


_MODES = ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]


def _factors(n: int) -> SearchStrategy[Any]:
    factor = st.sampled_from([0.25, 0.5, 0.7, 1, 1.5, 2, 3, 0.3, 1 / 3])
    return st.one_of(factor, st.lists(factor, min_size=n, max_size=n))


@family("Upsample", "interpolate")
def upsample(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 2, 3, 4)
    n = len(x) - 1
    arguments: Arguments = {}
    by_example = layer.op == "interpolate" and draw(st.booleans())
    which = draw(st.sampled_from(["size", "scale_factor", "scale_factor", "both", "neither"]))
    if not by_example and which in ("size", "both"):
        arguments["size"] = draw(each(n, size()))
    if not by_example and which in ("scale_factor", "both"):
        arguments["scale_factor"] = draw(_factors(n))
    fitting = ("linear", "bilinear", "trilinear")[n - 1]
    options = {"mode": st.sampled_from([fitting, *_MODES]), "align_corners": st.booleans()}
    if not by_example:
        options["recompute_scale_factor"] = st.booleans()
    like = (Value((draw(size()), *shape(draw, n))),) if by_example else ()
    return {**arguments, **some(draw, **options)}, (Value(x), *like)


@family("UpsamplingNearest2d", "UpsamplingBilinear2d")
def upsampling2d(draw: DrawFn, layer: type[Layer]) -> Drawn:
    name = draw(st.sampled_from(["size", "scale_factor"]))
    return {name: draw(each(2, size()) if name == "size" else _factors(2))}, value(*shape(draw, 3))


@family("crop")
def crop(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 2, 3, 4)
    n = len(x) - 1
    smaller = [draw(st.one_of(st.integers(1, m), st.integers(1, m), size())) for m in x[1:]]
    if draw(st.booleans()):
        return {}, (Value(x), Value((draw(size()), *smaller)))
    return {"size": draw(st.one_of(st.just(smaller), size(1, 3)))}, value(x[0], *(m for m in x[1 : n + 1]))


@family("subsample")
def subsample(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 2, 3, 4, high=9)
    return {"stride": draw(each(len(x) - 1, size(1, 3)))}, value(*x)


@family("pad_channels")
def pad_channels(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3, 4)
    return {"to": x[0] + draw(st.integers(0, 4))}, value(*x)


@family("MultiheadAttention")
def attention(draw: DrawFn, layer: type[Layer]) -> Drawn:
    heads = draw(size(1, 3))
    features = draw(st.one_of(size(), size(1, 3).map(lambda n: n * heads)))
    arguments = {
        "num_heads": heads,
        **some(
            draw,
            embed_dim=st.just(features),
            dropout=st.floats(0, 0.5, width=16),
            bias=st.booleans(),
            add_bias_kv=st.booleans(),
            add_zero_attn=st.booleans(),
        ),
    }
    inputs = [Value((draw(size()), features))]
    if draw(st.booleans()):
        keys = draw(size())
        values = draw(st.sampled_from([keys, keys, keys, keys + 1]))
        inputs += [Value((n, draw(st.sampled_from([features, 4])))) for n in (keys, values)]
    return arguments, tuple(inputs)


@family("Parameter")
def parameter(draw: DrawFn, layer: type[Layer]) -> Drawn:
    init = st.one_of(
        NUMBERS,
        st.fixed_dictionaries({"normal": st.fixed_dictionaries({"std": POSITIVE})}),
        st.fixed_dictionaries({"uniform": st.fixed_dictionaries({"a": st.just(-1), "b": POSITIVE})}),
        st.just({"trunc_normal": {"std": 0.02}}),
        st.just({"normal": {"sigma": 0.02}}),
    )
    return {"shape": draw(shape_of(3)), **some(draw, init=init, leading=st.booleans())}, ()


@family("add", "mul", "sub", "div")
def arithmetic(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 0, 1, 2, 3)
    others = draw(st.integers(1, 2 if layer.arity[1] > 2 else 1))
    inputs = [Value(x)]
    broadcast = draw(st.booleans())
    for _ in range(others):
        kind = draw(st.sampled_from(["same", "same", "squeezed", "number", "parameter", "other"]))
        if kind == "number":
            inputs.append(Value((), batched=False))
        elif kind == "other":
            inputs.append(Value(shape(draw, len(x))))
        else:
            other = tuple(draw(st.sampled_from([1, n])) for n in x) if kind == "squeezed" else x
            inputs.append(Value(other, batched=kind != "parameter"))
    return ({"broadcast": True} if broadcast else {}), tuple(draw(st.permutations(inputs)))


@family("concat", "stack")
def joined(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = draw(st.one_of(shape_of(3).map(tuple), st.tuples(size(), size(), size())))
    at = draw(st.integers(0, max(0, len(x) - 1)))
    inputs = [Value(x)]
    for _ in range(draw(st.integers(0, 2))):
        changed = list(x)
        if changed and draw(st.booleans()):
            changed[at] = draw(size())
        inputs.append(Value(tuple(changed), batched=draw(st.booleans())))
    arguments = {"dim": at + 1} if draw(st.booleans()) else some(draw, dim=dims())
    return arguments, tuple(draw(st.permutations(inputs)))


@family("matmul")
def matmul(draw: DrawFn, layer: type[Layer]) -> Drawn:
    lead = draw(shape_of(2))
    n, m, p = (draw(size(1, 4)) for _ in range(3))
    inner = draw(st.sampled_from([m, m, m, m + 1]))
    other = lead if draw(st.integers(0, 3)) else [k + 1 for k in lead]
    return {}, (Value((*lead, n, m)), Value((*other, inner, p), batched=draw(st.booleans())))


@family("mean")
def mean(draw: DrawFn, layer: type[Layer]) -> Drawn:
    dim = st.one_of(dims(), st.lists(dims(), min_size=1, max_size=3))
    return {"dim": draw(dim), **some(draw, keepdim=st.booleans())}, value(*shape(draw, 1, 2, 3))


@family("select")
def select(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"dim": draw(dims()), "index": draw(st.integers(-4, 4))}, value(*shape(draw, 1, 2, 3))


@family("chunk")
def chunk(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"chunks": draw(size(1, 4)), **some(draw, dim=dims())}, value(*shape(draw, 1, 2, 3, high=9))


@family("split")
def split(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3, high=9)
    first = draw(st.integers(1, x[0]))
    listed = st.just([first, x[0] - first] if first < x[0] else [first])
    return {
        "split_size": draw(st.one_of(size(1, 4), listed, st.lists(size(1, 4), min_size=1))),
        **some(draw, dim=dims()),
    }, value(*x)


@family("permute")
def permute(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 1, 2, 3)
    order = st.permutations(range(1, len(x) + 1)).map(lambda rest: [0, *rest])
    signed = order.map(lambda dims: [0, *(d - len(dims) for d in dims[1:])])
    return {"dims": draw(st.one_of(order, order, signed, st.lists(dims(), max_size=4)))}, value(*x)


@family("reshape")
def reshape(draw: DrawFn, layer: type[Layer]) -> Drawn:
    parts = draw(shape_of(3))
    total = list(draw(st.permutations(parts)))
    if parts and draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = draw(st.sampled_from([-1, -1, 2]))
    return {"shape": parts}, value(*total)


@family("transpose")
def transpose(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"dim0": draw(dims()), "dim1": draw(dims())}, value(*shape(draw, 1, 2, 3))


@family("squeeze", "unsqueeze")
def squeeze(draw: DrawFn, layer: type[Layer]) -> Drawn:
    return {"dim": draw(dims())}, value(*(draw(st.sampled_from([1, 1, 3])) for _ in range(draw(st.integers(0, 3)))))
