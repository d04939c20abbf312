"""Where the language refuses what torch takes, on purpose: each case once, with torch taking it.

- a wrong number of axes: torch reads a missing axis as a missing batch
- values of unequal shapes in arithmetic, which torch broadcasts, unless `broadcast: true` says so
- anything that touches the batch axis
- an axis of size 0
- stated sizes that torch does not look at
- `GroupNorm` over one value per group, which torch refuses of one sample and makes its shift of several
- `MaxPool` with a window of padding alone, of which torch makes -inf, or a crash on the way back
- `chunk` that gives fewer parts than asked for, `squeeze` of an axis that stays
- integers where a layer means floating point numbers, and truths where it means numbers
- values of unequal shapes whose distance is asked
- `dropout` of a recurrent layer between layers that are not there
- places of each sample in values of each sample, which torch takes as one list for all
- bounds of `clamp` the wrong way round
- `std` and `var` of no more values than `correction`, of which torch makes NaN
- heads of keys, and masks of each sample without an axis for the heads, that torch broadcasts
- masks of numbers on a transformer's layer, which torch adds while training and takes for truths when evaluated
- a key that attention adds at the end, where each query looks at those before it
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer, ShapeError, Value

X = torch.randn


def refusal(op: str, arguments: dict[str, Any], *values: Value | tuple[int, ...]) -> ShapeError:
    layer = Layer.registry[op](**arguments)
    with pytest.raises(ShapeError) as caught:
        layer.apply(*(v if isinstance(v, Value) else Value(v) for v in values))
    return caught.value


CASES = [
    ("index_select", {"dim": 1}, [(4,), Value((), "int64")], "shape-mismatch",
     lambda: X(2, 4).index_select(1, torch.tensor([1, 2]))),
    ("Conv2d", {"out_channels": 4, "kernel_size": 1}, [(5, 5)], "shape-mismatch",
     lambda: nn.Conv2d(2, 4, 1)(X(2, 5, 5))),
    ("MaxPool2d", {"kernel_size": 2}, [(4, 4)], "shape-mismatch", lambda: nn.MaxPool2d(2)(X(2, 4, 4))),
    ("AdaptiveAvgPool2d", {"output_size": 1}, [(4, 4)], "shape-mismatch", lambda: nn.AdaptiveAvgPool2d(1)(X(2, 4, 4))),
    ("ZeroPad2d", {"padding": 1}, [(4,)], "shape-mismatch", lambda: nn.ZeroPad2d(1)(X(2, 4))),
    ("Dropout2d", {}, [(4, 4)], "shape-mismatch", lambda: nn.Dropout2d()(X(2, 4, 4))),
    ("PixelShuffle", {"upscale_factor": 1}, [(4, 4)], "shape-mismatch", lambda: nn.PixelShuffle(1)(X(2, 4, 4))),
    ("MultiheadAttention", {"num_heads": 1}, [(4,)], "shape-mismatch",
     lambda: nn.MultiheadAttention(4, 1)(*[X(2, 4)] * 3)),
    ("MultiheadAttention", {"num_heads": 1, "is_causal": True, "add_zero_attn": True}, [(3, 4)], "bad-value",
     lambda: nn.MultiheadAttention(4, 1, add_zero_attn=True)(*[X(3, 2, 4)] * 3, attn_mask=X(3, 3), is_causal=True)),
    ("MultiheadAttention", {"num_heads": 2, "mask": True}, [(3, 4), Value((6, 3))], "shape-mismatch",
     lambda: nn.MultiheadAttention(4, 2, batch_first=True)(*[X(2, 3, 4)] * 3, attn_mask=X(2, 6, 3).reshape(4, 3, 3))),
    ("TransformerEncoderLayer", {"nhead": 2, "src_mask": True}, [(3, 4), Value((3, 3), batched=False)],
     "shape-mismatch", lambda: nn.TransformerEncoderLayer(4, 2, batch_first=True)(X(2, 3, 4), src_mask=X(3, 3))),
    ("TransformerDecoderLayer", {"nhead": 2, "memory_mask": True}, [(3, 4), (5, 4), Value((3, 5), batched=False)],
     "shape-mismatch",
     lambda: nn.TransformerDecoderLayer(4, 2, batch_first=True)(X(2, 3, 4), X(2, 5, 4), memory_mask=X(3, 5))),
    ("scaled_dot_product_attention", {}, [(2, 3, 4), (1, 3, 4), (1, 3, 4)], "shape-mismatch",
     lambda: F.scaled_dot_product_attention(X(2, 2, 3, 4), *[X(2, 1, 3, 4)] * 2)),
    ("scaled_dot_product_attention", {"mask": True}, [(2, 3, 4)] * 3 + [(3, 3)], "shape-mismatch",
     lambda: F.scaled_dot_product_attention(*[X(2, 2, 3, 4)] * 3, X(2, 3, 3))),
    ("Linear", {"out_features": 4}, [()], "shape-mismatch", lambda: nn.Linear(2, 4)(X(2))),
    ("add", {}, [(3, 1, 1), (3, 4, 4)], "shape-mismatch", lambda: X(2, 3, 1, 1) + X(2, 3, 4, 4)),
    ("add", {"broadcast": True}, [(4,), (2, 4)], "shape-mismatch", lambda: X(2, 4) + X(2, 2, 4)),
    ("mul", {"broadcast": True}, [(), (2,)], "shape-mismatch", lambda: X(2) * X(2, 2)),
    ("matmul", {}, [(1, 2, 3), (4, 3, 2)], "shape-mismatch", lambda: torch.matmul(X(2, 1, 2, 3), X(2, 4, 3, 2))),
    ("pow", {}, [(3, 1, 1), (3, 4, 4)], "shape-mismatch", lambda: torch.pow(X(2, 3, 1, 1), X(2, 3, 4, 4))),
    ("maximum", {}, [(3, 1), (3, 4)], "shape-mismatch", lambda: torch.maximum(X(2, 3, 1), X(2, 3, 4))),
    ("logical_or", {}, [Value((3, 1), "bool"), Value((3, 4), "bool")], "shape-mismatch",
     lambda: torch.logical_or(X(2, 3, 1) > 0, X(2, 3, 4) > 0)),
    ("ge", {}, [(3, 1), (3, 4)], "shape-mismatch", lambda: torch.ge(X(2, 3, 1), X(2, 3, 4))),
    ("where", {}, [Value((3, 1), "bool"), (3, 4), (3, 4)], "shape-mismatch",
     lambda: torch.where(X(2, 3, 1) > 0, X(2, 3, 4), X(2, 3, 4))),
    ("masked_fill", {"value": 0}, [(3, 4), Value((3, 1), "bool")], "shape-mismatch",
     lambda: X(2, 3, 4).masked_fill(X(2, 3, 1) > 0, 0.0)),
    ("clamp", {"min": 1, "max": 0}, [(3,)], "bad-value", lambda: torch.clamp(X(2, 3), min=1, max=0)),
    ("exp", {}, [Value((3,), "int64")], "shape-mismatch", lambda: torch.exp(torch.ones(2, 3, dtype=torch.int64))),
    ("sign", {}, [Value((3,), "bool")], "shape-mismatch", lambda: torch.sign(X(2, 3) > 0)),
    ("logical_not", {}, [(3,)], "shape-mismatch", lambda: torch.logical_not(X(2, 3))),
    ("concat", {"dim": 0}, [(3,), (3,)], "bad-value", lambda: torch.cat([X(2, 3), X(2, 3)], 0)),
    ("mean", {"dim": [0, 1]}, [(3, 4)], "bad-value", lambda: X(2, 3, 4).mean([0, 1])),
    ("PairwiseDistance", {}, [(3, 1), (3, 4)], "shape-mismatch", lambda: nn.PairwiseDistance()(X(2, 3, 1), X(2, 3, 4))),
    ("CosineSimilarity", {"dim": 0}, [(3,), (3,)], "bad-value", lambda: nn.CosineSimilarity(0)(X(2, 3), X(2, 3))),
    ("LSTM", {"hidden_size": 2, "dropout": 0.5}, [(3, 4)], "bad-value",
     lambda: nn.LSTM(4, 2, dropout=0.5)(X(2, 3, 4))),
    ("GRU", {"hidden_size": 2}, [(4,)], "shape-mismatch", lambda: nn.GRU(4, 2)(X(2, 4))),
    ("repeat", {"repeats": [2, 2]}, [Value((3,), batched=False)], "bad-value", lambda: X(3).repeat(2, 2)),
    ("matmul", {}, [(2, 3, 4), Value((1, 4, 5), batched=False)], "shape-mismatch",
     lambda: torch.matmul(X(2, 2, 3, 4), X(1, 4, 5))),
    ("einsum", {"equation": "bij,bjk->bik"}, [(3, 1), (4, 5)], "shape-mismatch",
     lambda: torch.einsum("bij,bjk->bik", X(2, 3, 1), X(2, 4, 5))),
    ("einsum", {"equation": "bii,bi->bi"}, [(3, 3), (3,)], "bad-value",
     lambda: torch.einsum("bii,bi->bi", X(2, 3, 3), X(2, 3))),
    ("slice", {"dim": 0}, [(3,)], "bad-value", lambda: X(2, 3)[0:]),
    ("roll", {"dims": 0, "shifts": 1}, [(3,)], "bad-value", lambda: torch.roll(X(2, 3), 1, 0)),
    ("slice", {"dim": 1, "start": 3}, [(3,)], "empty-output", lambda: X(2, 3)[:, 3:]),
    ("sum", {"dim": 0}, [(3, 4)], "bad-value", lambda: X(2, 3, 4).sum(0)),
    ("normalize", {"dim": 0}, [(3, 4)], "bad-value", lambda: F.normalize(X(2, 3, 4), dim=0)),
    ("std", {"dim": 1}, [(1, 4)], "shape-mismatch", lambda: X(2, 1, 4).std(1)),
    ("argmax", {"dim": -1}, [Value((3,), "bool")], "shape-mismatch", lambda: (X(2, 3) > 0).float().argmax(1)),
    ("Flatten", {"start_dim": 0}, [(3, 4)], "bad-value", lambda: nn.Flatten(0)(X(2, 3, 4))),
    ("permute", {"dims": [1, 0]}, [(3,)], "bad-value", lambda: X(2, 3).permute(1, 0)),
    ("Softmax", {"dim": 0}, [(3,)], "bad-value", lambda: nn.Softmax(0)(X(2, 3))),
    ("Softmax", {}, [(3, 4)], "bad-value", lambda: F.softmax(X(2, 3, 4), dim=None)),
    ("ZeroPad1d", {"padding": -2}, [(1, 4)], "empty-output", lambda: nn.ZeroPad1d(-2)(X(2, 1, 4))),
    ("BatchNorm2d", {"num_features": 3, "affine": False, "track_running_stats": False}, [(4, 2, 2)], "assertion-failed",
     lambda: nn.BatchNorm2d(3, affine=False, track_running_stats=False)(X(2, 4, 2, 2))),
    ("GroupNorm", {"num_groups": 4}, [(4, 1, 1)], "shape-mismatch", lambda: nn.GroupNorm(4, 4)(X(2, 4, 1, 1))),
    *((f"MaxPool{n}d", {"kernel_size": 2, "dilation": 2, "padding": 1}, [(1,) * (n + 1)], "shape-mismatch",
       lambda n=n: getattr(nn, f"MaxPool{n}d")(2, dilation=2, padding=1)(X(2, *[1] * (n + 1)))) for n in (1, 2, 3)),
    ("chunk", {"chunks": 4}, [(5,)], "indivisible", lambda: X(2, 5).chunk(4, 1)),
    ("squeeze", {"dim": 1}, [(3,)], "shape-mismatch", lambda: X(2, 3).squeeze(1)),
    ("ReLU", {}, [Value((3,), "int64")], "shape-mismatch", lambda: nn.ReLU()(torch.ones(2, 3, dtype=torch.int64))),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("op", "arguments", "values", "code", "torch_takes"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES]
)
def test_refused_on_purpose(op: str, arguments: Any, values: Any, code: str, torch_takes: Any) -> None:
    torch_takes()
    assert refusal(op, arguments, *values).problem.code == code


MENDS = [
    ("Conv2d", {"out_channels": 8, "kernel_size": 3, "groups": 3}, [(8, 5, 5)], "groups", "does not divide"),
    ("Conv2d", {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": "same"}, [(8, 5, 5)],
     "padding", "padding: 1"),
    ("Conv2d", {"out_channels": 8, "kernel_size": 5}, [(8, 3, 3)], "kernel_size", "3 - 5 + 1 = -1"),
    ("MaxPool2d", {"kernel_size": 3, "stride": 2}, [(8, 1, 1)], "kernel_size", "floor((1 - 3) / 2) + 1 = 0"),
    ("MaxPool2d", {"kernel_size": 3, "padding": 2}, [(8, 9, 9)], "padding", "at most 1"),
    ("MaxPool2d", {"kernel_size": 2, "dilation": [1, 5], "padding": 1}, [(8, 9, 4)],
     "dilation", "width: the first place after the padding is 5 * 1 - 1 = 4, of 4"),
    ("ConvTranspose2d", {"out_channels": 8, "kernel_size": 2, "output_padding": 1}, [(8, 3, 3)],
     "output_padding", "smaller"),
    ("ConvTranspose2d", {"out_channels": 8, "kernel_size": 1, "padding": 2}, [(8, 3, 3)],
     "padding", "height: (3 - 1) * 1 + 1 - 2 * 2 = -1"),
    ("Linear", {"out_features": 120, "in_features": 400}, [(784,)], "in_features", "make it 784"),
    ("GroupNorm", {"num_groups": 5}, [(12, 2, 2)], "num_groups", "4 would"),
    ("MultiheadAttention", {"num_heads": 5}, [(4, 12)], "num_heads", "4 would"),
    ("PReLU", {"num_parameters": 3}, [(8, 2, 2)], "num_parameters", "make it 8"),
    ("PixelShuffle", {"upscale_factor": 2}, [(6, 2, 2)], "upscale_factor", "8 channels would do"),
    ("PixelUnshuffle", {"downscale_factor": 2}, [(6, 3, 2)], "downscale_factor", "a height of 4 would do"),
    ("GLU", {"dim": 1}, [(5,)], "dim", "6 would do"),
    ("select", {"dim": 1, "index": 5}, [(5,)], "index", "0 to 4"),
    ("pad_channels", {"to": 8}, [(16, 2, 2)], "to", "at least 16"),
    ("reshape", {"shape": [3, -1]}, [(4, 4)], "shape", "3 x ?"),
    ("Unflatten", {"dim": 1, "unflattened_size": [3, 5]}, [(16,)], "unflattened_size", "holds 15"),
    ("Upsample", {"scale_factor": 0.25}, [(1, 3, 3)], "scale_factor", "floor(3 * 0.25) = 0"),
    ("Upsample", {"size": 4, "mode": "linear"}, [(1, 3, 3)], "mode", "`bilinear` takes 3"),
    ("ReflectionPad2d", {"padding": 3}, [(1, 3, 3)], "padding", "at most 2"),
    ("matmul", {}, [(4, 8), (4, 8)], None, "transpose"),
    ("add", {}, [(3, 1, 1), (3, 4, 4)], None, "broadcast: true"),
    ("LSTM", {"hidden_size": 2, "num_layers": 3}, [(5, 4), (1, 2), (3, 2)], None, "takes 3 x 2 as input 2, its state"),
    ("LSTM", {"hidden_size": 2}, [(5, 4), (1, 2)], "from", "one input or three"),
    ("LSTM", {"hidden_size": 2, "proj_size": 2}, [(5, 4)], "proj_size", "is not below `hidden_size: 2`"),
    ("GRU", {"hidden_size": 2, "num_layers": 101}, [(5, 4)], "num_layers", "the limit is 100"),
    ("MaxUnpool2d", {"kernel_size": 2}, [(1, 2, 2), (1, 2, 2)], None, "`return_indices: true` gives them, as `id.1`"),
    ("MaxUnpool1d", {"kernel_size": 2}, [(1, 3), Value((2, 3), "int64")], None, "for each value: 1 x 3 and 2 x 3"),
    ("MaxUnpool1d", {"kernel_size": 2}, [(1, 3), Value((1, 3), "int64"), (1, 8)], "like", "would be about 6"),
    ("grid_sample", {}, [(1, 3, 3), (4, 4, 3)], None, "has 2 axes and 2 coordinates, and is 4 x 4 x 3"),
    ("grid_sample", {"mode": "bicubic"}, [(1, 3, 3, 3), (4, 4, 4, 3)], "mode", "for images alone"),
    ("affine_grid", {"size": [4, 4]}, [(3, 4)], None, "is 2 x 3, not 3 x 4"),
    ("affine_grid", {}, [(2, 3)], "size", "takes `size` or `like`"),
    ("Bilinear", {"out_features": 2}, [(3, 4), (2, 4)], None, "needs equal axes before the last"),
    ("EmbeddingBag", {"num_embeddings": 3, "embedding_dim": 2, "mode": "max", "sparse": True}, [Value((4,), "int64")],
     "sparse", "does not go with"),
    ("TransformerEncoderLayer", {"nhead": 3}, [(5, 8)], "nhead", "2 would"),
    ("TransformerDecoderLayer", {"nhead": 2}, [(5, 8), (5, 4)], None, "tokens and memory differ in features"),
    ("GRUCell", {"hidden_size": 2}, [(4,), (3,)], None, "takes 2 as input 2, its state"),
    ("slice", {"dim": 1, "start": 2, "stop": -2}, [(3,)], "stop", "begin at 2, and end before 1"),
    ("narrow", {"dim": 1, "length": 4}, [(3,)], "length", "goes beyond axis 1, which has 3"),
    ("narrow", {"dim": 1, "length": 4}, [(3,), (2,)], "length", "takes `length` or `like`"),
    ("expand", {"size": [4]}, [(3,)], "size", "`repeat` repeats an axis of any size"),
    ("expand", {"size": [4]}, [Value((1,), batched=False)], "like", "where `like` names a value that has one"),
    ("repeat", {"repeats": [2, 2]}, [(3,)], "repeats", "2 numbers for 1 axes"),
    ("sliding_window", {"dimension": 1, "size": 4, "step": 1}, [(3,)], "size", "a window of 4 does not fit"),
    ("pad", {"pad": [1, 1, 1, 1]}, [(3,)], "pad", "there are 1 besides the batch"),
    ("roll", {"dims": [1, 2], "shifts": 1}, [(3, 4)], "shifts", "1 numbers for 2 axes"),
    ("matmul", {}, [(1, 2, 3), (4, 3, 2)], None, "broadcast: true"),
    ("einsum", {"equation": "bi,bi->bj"}, [(3,), (3,)], "equation", "`j` comes out, and no input has it"),
    ("einsum", {"equation": "bi,ib->b"}, [(3,), (3,)], "equation", "so its term begins with `b`"),
    ("einsum", {"equation": "bi,bj->b"}, [(3,), Value((3, 4), batched=False)], "equation", "has no batch axis"),
    ("var", {"dim": [2, 3], "correction": 4}, [(3, 2, 2)], "dim", "`correction: 0` takes any number"),
    ("amax", {"dim": [1, -1]}, [(3,)], "dim", "names an axis twice"),
    ("clamp", {}, [(3,)], "min", "needs `min` or `max`"),
    ("pow", {}, [(3,)], "exponent", "takes two inputs, or one and `exponent`"),
    ("gt", {"other": 1}, [(3,), (3,)], "other", "takes two inputs, or one and `other`"),
    ("where", {}, [(3,), (3,), (3,)], None, "{op: gt, other: 0}"),
    ("masked_fill", {"value": 0, "broadcast": True}, [(3, 1), Value((3, 4), "bool")], None, "and the mask is 3 x 4"),
    ("concat", {}, [(1, 97, 97), (1, 96, 96)], None, "needs equal heights and widths: 97 x 97 and 96 x 96"),
    ("Conv1d", {"out_channels": 2, "kernel_size": 1}, [Value((3, 5), batched=False)], None, "merge it first"),
    ("Conv2d", {"out_channels": 2, "kernel_size": 1}, [(3, 5)], None, "`Conv1d` takes 2 axes"),
    ("interpolate", {"size": 3}, [(1, 3, 3), (1, 4, 4)], "size", "not both"),
    ("crop", {}, [(1, 3, 3)], "like", "needs `like` or `size`"),
    ("crop", {}, [(1, 3, 3), (1, 4, 4)], None, "crop the larger one"),
    ("Embedding", {"num_embeddings": 3, "embedding_dim": 2}, [Value((4,), "bool")], None, "takes numbers, not bool"),
    ("CELU", {"alpha": 1e-40}, [(3,)], "alpha", "cannot be 0, or nearly"),
    ("Parameter", {"shape": [2], "init": {"normal": {"sigma": 1.0}}}, [], "init", "`std`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "arguments", "values", "argument", "says"), MENDS, ids=[f"{m[0]}-{i}" for i, m in enumerate(MENDS)]
)
def test_a_refusal_points_and_teaches(op: str, arguments: Any, values: Any, argument: str | None, says: str) -> None:
    """It names the argument to change, and its message, arithmetic or help says what would mend it."""
    error = refusal(op, arguments, *values)
    assert error.argument == argument
    assert says in "\n".join([error.problem.message, *error.problem.notes, *error.problem.help])


def test_the_help_for_groups_helps() -> None:
    """The number that the message offers divides both sides."""
    for channels, out, groups in [(8, 8, 3), (12, 18, 4), (7, 14, 6)]:
        error = refusal("Conv2d", {"out_channels": out, "kernel_size": 1, "groups": groups}, (channels, 2, 2))
        offered = int(error.problem.help[0].split()[0])
        assert channels % offered == 0
        assert out % offered == 0
        Layer.registry["Conv2d"](out_channels=out, kernel_size=1, groups=offered).apply(Value((channels, 2, 2)))


def test_group_norm_over_one_value_has_nothing_to_say() -> None:
    """Of one sample torch refuses it, of several it gives the shift alone; two values per group are fine."""
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.GroupNorm(4, 4)(X(1, 4, 1, 1))
    assert nn.GroupNorm(4, 4)(X(2, 4, 1, 1)).abs().max() < 1e-3
    assert nn.GroupNorm(2, 4)(X(1, 4, 1, 1)).any()
    Layer.registry["GroupNorm"](num_groups=2).apply(Value((4, 1, 1)))
