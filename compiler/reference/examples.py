"""A spec in which each op does what it is for, as small as it reads well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

#: The input's shape as YAML, or by its id the shape of each, with its dtype where that is another than float32.
Inputs: TypeAlias = str | Mapping[str, str]


def spec(inputs: Inputs, *entries: str) -> str:
    """Return the text of a spec with these entries."""
    if isinstance(inputs, str):
        head = [f"input: {inputs}"]
    else:
        head = ["inputs:", *(f"  - {{id: {name}, shape: {shape}}}" for name, shape in inputs.items())]
    return "\n".join(["spec: 1", "name: example", *head, "layers:", *(f"  - {entry}" for entry in entries)]) + "\n"


def _all(ops: str | Iterable[str], inputs: Inputs, arguments: str = "") -> dict[str, tuple[Inputs, str]]:
    return dict.fromkeys(ops.split() if isinstance(ops, str) else ops, (inputs, arguments))


def _of_axes(n: int, image: str, features: str) -> dict[str, tuple[Inputs, str]]:
    """Return the examples of what there is for one, two and three axes."""
    return {
        f"Conv{n}d": (image, "out_channels: 16, kernel_size: 3, stride: 2, padding: 1"),
        f"ConvTranspose{n}d": (features, "out_channels: 32, kernel_size: 2, stride: 2"),
        f"MaxPool{n}d": (features, "kernel_size: 3, stride: 2, padding: 1"),
        f"AvgPool{n}d": (features, "kernel_size: 2"),
        f"LPPool{n}d": (features, "norm_type: 2, kernel_size: 2"),
        f"AdaptiveAvgPool{n}d": (features, "output_size: 1"),
        f"AdaptiveMaxPool{n}d": (features, "output_size: 7"),
        f"BatchNorm{n}d": (features, ""),
        f"InstanceNorm{n}d": (features, "affine: true"),
        f"Dropout{n}d": (features, "p: 0.2"),
        f"ZeroPad{n}d": (image, f"padding: {[1, 2] * n}"),
        f"ConstantPad{n}d": (image, "padding: 1, value: 0.5"),
        **_all([f"ReflectionPad{n}d", f"ReplicationPad{n}d", f"CircularPad{n}d"], image, "padding: 1"),
    }


def _unpooling(n: int, features: str) -> str:
    pool = f"{{id: pool, op: MaxPool{n}d, kernel_size: 2, return_indices: true}}"
    return spec(features, pool, f"{{op: MaxUnpool{n}d, from: [pool.0, pool.1], kernel_size: 2, like: input}}")


_IMAGE = "[64, 56, 56]"
_PAIR = {"a": _IMAGE, "b": _IMAGE}

#: What flows into an op, and its arguments as YAML.
_ALONE: dict[str, tuple[Inputs, str]] = {
    **_of_axes(1, "[3, 100]", "[64, 100]"),
    **_of_axes(2, "[3, 32, 32]", _IMAGE),
    **_of_axes(3, "[3, 8, 32, 32]", "[64, 8, 28, 28]"),
    **_all("CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU RReLU", _IMAGE),
    **_all("ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink Identity", _IMAGE),
    **_all("abs atan bool ceil cos erf exp expm1 float floor log log1p log2 long neg reciprocal round", _IMAGE),
    **_all("rsqrt sign sin sqrt square LayerNorm RMSNorm FrozenBatchNorm2d LayerNorm2d", _IMAGE),
    **_all("add mul sub div maximum minimum eq ne lt le gt ge pow", _PAIR, "from: [a, b]"),
    **_all("Softmax LogSoftmax Softmin", "[1000]", "dim: 1"),
    **_all("mean sum amax amin logsumexp norm", "[768, 7, 7]", "dim: [2, 3]"),
    **_all("var std", "[10, 32]", "dim: 1, keepdim: true"),
    **_all("prod cumsum argmax argmin", "[10, 32]", "dim: 1"),
    **_all("logical_and logical_or", {"a": "[10], dtype: bool", "b": "[10], dtype: bool"}, "from: [a, b]"),
    **_all("Dropout AlphaDropout FeatureAlphaDropout", "[256, 14, 14]", "p: 0.2"),
    **_all("RNN GRU LSTM", "[35, 64]", "hidden_size: 128"),
    **_all("RNNCell GRUCell", "[64]", "hidden_size: 128"),
    "concat": ({"a": "[64, 56, 56]", "b": "[32, 56, 56]"}, "from: [a, b]"),
    "stack": ({"a": "[64]", "b": "[64]"}, "from: [a, b]"),
    "scaled_dot_product_attention": ({"q": "[8, 16, 64]", "k": "[8, 20, 64]", "v": "[8, 20, 64]"}, "from: [q, k, v]"),
    "logical_not": ({"mask": "[10], dtype: bool"}, ""),
    "where": ({"mask": "[10], dtype: bool", "a": "[10]", "b": "[10]"}, "from: [mask, a, b]"),
    "masked_fill": ({"scores": "[8, 10]", "mask": "[8, 10], dtype: bool"}, "from: [scores, mask], value: -1.0e+9"),
    "CosineSimilarity": ({"a": "[128]", "b": "[128]"}, "from: [a, b]"),
    "PairwiseDistance": ({"a": "[128]", "b": "[128]"}, "from: [a, b]"),
    "Embedding": ({"tokens": "[77], dtype: int64"}, "num_embeddings: 1000, embedding_dim: 64"),
    "EmbeddingBag": ({"tokens": "[77], dtype: int64"}, "num_embeddings: 1000, embedding_dim: 64"),
    "matmul": ({"a": "[8, 10, 64]", "b": "[8, 64, 20]"}, "from: [a, b]"),
    "einsum": ({"q": "[8, 10, 64]", "k": "[8, 20, 64]"}, 'from: [q, k], equation: "bhid,bhjd->bhij"'),
    "interpolate": ({"deep": "[21, 28, 28]", "image": "[3, 224, 224]"}, "from: deep, mode: bilinear, like: image"),
    "crop": ({"skip": "[64, 136, 136]", "up": "[64, 104, 104]"}, "from: skip, like: up"),
    "grid_sample": ({"image": "[3, 64, 64]", "grid": "[32, 32, 2]"}, "from: [image, grid]"),
    "Softmax2d": ("[21, 64, 64]", ""),
    "Threshold": ("[64]", "threshold: 0.1, value: 0.0"),
    "GLU": ("[128, 50]", "dim: 1"),
    "MultiheadAttention": ("[197, 768]", "num_heads: 12"),
    "normalize": ("[128]", ""),
    "Flatten": ("[512, 7, 7]", ""),
    "Unflatten": ("[6272]", "dim: 1, unflattened_size: [128, 7, 7]"),
    "PixelShuffle": ("[12, 32, 32]", "upscale_factor: 2"),
    "PixelUnshuffle": ("[3, 64, 64]", "downscale_factor: 2"),
    "ChannelShuffle": ("[240, 28, 28]", "groups: 3"),
    "Unfold": ("[3, 32, 32]", "kernel_size: 4, stride: 4"),
    "Fold": ("[48, 64]", "output_size: 32, kernel_size: 4, stride: 4"),
    "permute": ("[64, 7, 7]", "dims: [0, 2, 3, 1]"),
    "reshape": ("[197, 768]", "shape: [197, 12, 64]"),
    "transpose": ("[768, 196]", "dim0: 1, dim1: 2"),
    "squeeze": ("[1, 28]", "dim: 1"),
    "unsqueeze": ("[28]", "dim: 1"),
    "clamp": ("[64]", "min: 0.0, max: 6.0"),
    "Linear": ("[512]", "out_features: 10"),
    "GroupNorm": ("[64, 56, 56]", "num_groups: 32"),
    "LocalResponseNorm": ("[64, 27, 27]", "size: 5"),
    "roll": ("[56, 56, 96]", "dims: [1, 2], shifts: [-3, -3]"),
    "flip": ("[3, 32, 32]", "dims: 3"),
    "repeat": ("[1, 64]", "repeats: [10, 1]"),
    "repeat_interleave": ("[4, 64]", "repeats: 3, dim: 1"),
    "expand": ("[1, 64]", "size: [10, -1]"),
    "pad": ("[3, 32, 32]", "pad: [1, 1, 2, 2]"),
    "Upsample": ("[64, 28, 28]", "scale_factor: 2, mode: bilinear"),
    "UpsamplingNearest2d": ("[64, 28, 28]", "scale_factor: 2"),
    "UpsamplingBilinear2d": ("[64, 28, 28]", "scale_factor: 2"),
    "subsample": ("[16, 32, 32]", "stride: 2"),
    "pad_channels": ("[16, 32, 32]", "to: 32"),
    "affine_grid": ("[2, 3]", "size: [32, 32]"),
    "select": ("[197, 768]", "dim: 1, index: 0"),
    "slice": ("[197, 768]", "dim: 1, start: 1"),
    "narrow": ("[100, 64]", "dim: 1, start: 10, length: 50"),
    "sliding_window": ("[16000]", "dimension: 1, size: 400, step: 160"),
    "TransformerEncoderLayer": ("[77, 512]", "nhead: 8"),
}

#: A spec in which each op does what it is for.
EXAMPLES: dict[str, str] = {
    **{
        op: spec(inputs, f"{{op: {op}{', ' * bool(arguments)}{arguments}}}")
        for op, (inputs, arguments) in _ALONE.items()
    },
    "MaxUnpool1d": _unpooling(1, "[64, 100]"),
    "MaxUnpool2d": _unpooling(2, _IMAGE),
    "MaxUnpool3d": _unpooling(3, "[64, 8, 28, 28]"),
    "chunk": spec("[64, 56, 56]", "{id: half, op: chunk, chunks: 2}", "{op: mul, from: [half.0, half.1]}"),
    "split": spec("[96, 14]", "{id: part, op: split, split_size: [32, 64]}", "{op: concat, from: [part.1, part.0]}"),
    "unbind": spec("[2, 64]", "{id: half, op: unbind, dim: 1}", "{op: add, from: [half.0, half.1]}"),
    "StochasticDepth": spec(
        "[64, 56, 56]", "{id: drop, op: StochasticDepth, p: 0.1}", "{op: add, from: [input, drop]}"
    ),
    "Parameter": spec(
        "[196, 768]", "{id: places, op: Parameter, shape: [196, 768]}", "{op: add, from: [input, places]}"
    ),
    "Buffer": spec(
        "[4, 10, 10]",
        '{id: past,   op: Buffer, shape: [1, 10, 10], value: "$(j <= i)", at: [h, i, j]}',
        "{id: future, op: logical_not, from: past}",
        "{op: masked_fill, from: [input, future], broadcast: true, value: -1.0e+9}",
    ),
    "Bilinear": spec({"a": "[20]", "b": "[30]"}, "{id: both, op: Bilinear, from: [a, b], out_features: 10}"),
    "TransformerDecoderLayer": spec(
        {"target": "[20, 512]", "memory": "[77, 512]"},
        "{id: decoder, op: TransformerDecoderLayer, from: [target, memory], nhead: 8}",
    ),
    "convolution": spec(
        "[3, 32, 32]",
        "{id: weight, op: Parameter, shape: [8, 3, 3, 3]}",
        "{op: convolution, from: [input, weight], padding: 1}",
    ),
    "LSTMCell": spec("[64]", "{id: next, op: LSTMCell, hidden_size: 128}", "{op: concat, from: [next.0, next.1]}"),
    "index_select": spec(
        "[169, 4]", "{id: places, op: Buffer, value: [0, 13, 26]}", "{op: index_select, from: [input, places], dim: 1}"
    ),
}
