"""Torch's functions in the language's words: one table from their names to the entries that they are.

What is not in it goes by its name: a function of torch that a layer or function of the language is called after
(`relu` and `F.relu` are `ReLU`, `mean` is `mean`) is that one, its arguments the fields in torch's order.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch

from speczoo.compiler.layer import FLOAT32_MAX, Layer
from speczoo.importing import attending, axes, binding, filling, indexing, merging, owned, reshaping, resizing, windowed
from speczoo.importing.binding import bound
from speczoo.importing.building import Builder, main
from speczoo.importing.entries import Feed
from speczoo.importing.recorder import SILENT
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue

Handler: TypeAlias = Callable[[Builder, RecordedCall], Sequence[TracedValue]]

#: What torch calls a function that the language calls otherwise.
ALIASES = {
    "cat": "concat",
    "concatenate": "concat",
    "multiply": "mul",
    "true_divide": "div",
    "subtract": "sub",
    "__add__": "add",
    "__iadd__": "add",
    "__radd__": "add",
    "__mul__": "mul",
    "__imul__": "mul",
    "__rmul__": "mul",
    "__sub__": "sub",
    "__isub__": "sub",
    "__truediv__": "div",
    "__itruediv__": "div",
    "__matmul__": "matmul",
    "__pow__": "pow",
    **{f"__{name}__": name for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "__getitem__": "getitem",
    "__invert__": "logical_not",
    "__and__": "logical_and",
    "__or__": "logical_or",
    "bmm": "matmul",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "T.__get__": "T",
    "mT.__get__": "mT",
    "hardtanh": "Hardtanh",
    "clip": "clamp",
}


def handler_of(name: str) -> Handler:
    """Return what makes entries of calls of a function. Raises Unsayable where nothing does."""
    plain = handled(name)
    if plain in TABLE:
        return TABLE[plain]
    op = named(plain)
    if op is None:
        raise Unsayable("the language has no such function")
    if Layer.registry[op].numbers:
        return lambda at, call: merging.arithmetic(at, call, op, [*call.args, *call.kwargs.values()])
    return lambda at, call: by_name(at, call, op)


def handled(name: str) -> str:
    """Return the name under which a function of torch is known here: in place or not, it is the same."""
    plain = ALIASES.get(name, name)
    if plain not in TABLE and plain.endswith("_") and not plain.endswith("__"):
        plain = ALIASES.get(plain[:-1], plain[:-1])
    return plain


def named(name: str) -> str | None:
    """Return the op that a function of torch is called after; None where there is none."""
    if name in Layer.registry:
        return name
    plain = {op.lower(): op for op in Layer.registry if op[:1].isupper()}
    return plain.get(name.replace("_", "").removesuffix("withindices"))


def einsum(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a sum of products whose batch is a letter in front; of more than two values, the first two first."""
    equation, *operands = call.args
    inputs = reshaping.folded_alike(at, [at.traced(value) for value in operands])
    held = [each for each in inputs if each.source not in at.free]
    if any(each.batch for each in held) or len({each.folded for each in held}) > 1:
        raise Unsayable("its batch is not first, or holds other axes")
    if held and held[0].folded:
        equation = _with_axes(equation, [each in held for each in inputs], held[0].folded)
    sources = [each.source for each in inputs]
    while len(sources) > 2:
        equation, first = _first_two(equation.replace(" ", ""))
        sources = [Feed(at.add("einsum", sources[:2], {"equation": first})), *sources[2:]]
    made = Feed(at.add("einsum", sources, {"equation": equation}))
    return [at.outcome(call.outputs[0], made, main(inputs))]


def _first_two(equation: str) -> tuple[str, str]:
    """Return an equation of one value less, and the one by which the first two are one. Raises Unsayable."""
    left, arrow, out = equation.partition("->")
    first, second, *others = left.split(",")
    if "..." in equation or not arrow:
        raise Unsayable("it multiplies more than two values, and leaves axes out")
    wanted = {*out, *"".join(others)}
    made = "".join(letter for letter in dict.fromkeys(first + second) if letter in wanted)
    if out[:1] in made:
        made = out[0] + made.replace(out[0], "")
    return f"{','.join([made, *others])}->{out}", f"{first},{second}->{made}"


def _with_axes(equation: str, held: Sequence[bool], count: int) -> str:
    """Return an equation with letters for the axes that are in the batch, behind its letter in all that has it."""
    terms, _, out = equation.replace(" ", "").partition("->")
    free = [letter for letter in string.ascii_lowercase if letter not in equation]
    axes = "".join(free[:count])
    parts = [each[:1] + axes + each[1:] if has else each for each, has in zip(terms.split(","), held, strict=True)]
    return f"{','.join(parts)}->{out[:1]}{axes}{out[1:]}"


#: The functions that go along the first axis where nothing is written of it.
FIRST_AXIS = ("unbind", "split", "chunk")


def by_name(at: Builder, call: RecordedCall, op: str) -> list[TracedValue]:
    """Return what the layer or function of that name gives: values first, then its fields in torch's order."""
    layer = Layer.registry[op]
    found, _, _ = binding.split(call)
    inputs = reshaping.folded_alike(at, [at.traced(value) for value in found])
    call, inputs = _of_kind(at, call, inputs)
    arguments = ({"dim": 0} if op in FIRST_AXIS else {}) | binding.of_layer(call, op)
    first = main(inputs) or (inputs[0] if inputs else None)
    if layer.ranks and first is not None and not first.plain:
        return windowed.layer(at, call, op, first, arguments)
    if first is not None:
        arguments = in_the_spec(layer, first, arguments)
    if "broadcast" in layer.model_fields and len({each.shape for each in inputs}) > 1:
        arguments["broadcast"] = True
    return at.apply(call, op, inputs, arguments)


def in_the_spec(layer: type[Layer], x: TracedValue, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's arguments with the spec's numbers of axes, the default ones too where these are others."""
    given = dict(arguments)
    for name in layer.axes:
        default = layer.model_fields[name].default
        if name not in given and isinstance(default, int) and not x.plain and x.batch is not None:
            given[name] = default
        if name in given:
            given[name] = _axes(x, given[name])
    return given


def matmul(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a product of matrices, those of axes of 1 stretched; of a vector for each sample and one matrix, as a sum.

    Raises Unsayable.
    """
    bound(call, [])
    x, y = reshaping.folded_alike(at, [at.traced(value) for value in call.inputs * (2 if len(call.inputs) < 2 else 1)])
    if x.source not in at.free and y.batch is None and x.rank == 2 and x.batch == 0 and len(y.shape) == 2:
        made = Feed(at.add("einsum", [x.source, y.source], {"equation": "...i,io->...o"}))
        return [at.outcome(call.outputs[0], made, x)]
    if x.source not in at.free and y.batch is None and len(y.shape) == 1 and x.batch != x.rank - 1:
        made = Feed(at.add("einsum", [x.source, y.source], {"equation": "...i,i->..."}))
        return [at.outcome(call.outputs[0], made, x)]
    if any(each.source not in at.free and (each.batch or 0) >= each.rank - 2 for each in (x, y)):
        raise Unsayable("it multiplies samples with each other, and a spec never touches the batch")
    ahead = {each.shape[:-2] for each in (x, y) if len(each.shape) > 2}
    return at.apply(call, "matmul", [x, y], {"broadcast": True} if len(ahead) > 1 else {})


def gather(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return what each sample looks up in a table that is the same for all; slices of any axis in places of all.

    Raises Unsayable.
    """
    given = dict(zip(["input", "dim", "index"], call.args, strict=False)) | dict(call.kwargs)
    table, index = at.traced(given["input"]), at.traced(given["index"])
    of_each = table.source in at.free and index.source not in at.free and not index.shape
    listed = call.name == "index_select" or len(table.shape) == 1
    if of_each and listed and given["dim"] in (0, -len(table.shape)):
        return [indexing.looked_up(at, call.outputs[0], table, index)]
    if call.name == "index_select":
        return by_name(at, call, "index_select")
    raise Unsayable("it gathers by the network's own values from what is no list that is the same for all")


def equal(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return where two values are equal, or are not; of truths and a number, these or their contraries."""
    op = handled(call.name)
    both = [*call.args, *call.kwargs.values()]
    number = next((each for each in both if isinstance(each, bool | int)), None)
    values = [at.traced(each) for each in both if isinstance(each, RunValue)]
    if number in (0, 1) and len(values) == 1 and values[0].dtype == "bool":
        return values if (op == "eq") == bool(number) else at.apply(call, "logical_not", values)
    return by_name(at, call, op)


def affine_grid(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the points of a grid that is as large as another value. Raises Unsayable."""
    runs = [{**dict(zip(("theta", "size"), each.args, strict=False)), **each.kwargs} for each in (call, *call.twins)]
    sizes = [tuple(each["size"]) for each in runs]
    flowing = (x for x in at.known.values() if x is not None and x.plain and x.source not in at.free)
    wanted = [tuple(size[1:]) for size in sizes]
    like = next((x for x in flowing if [*x.shapes] == wanted), None)
    if like is None:
        return by_name(at, call, "affine_grid")
    aligned = {"align_corners": bool(runs[0].get("align_corners"))}
    theta = at.traced(runs[0]["theta"])
    return at.apply(call, "affine_grid", [theta], aligned, references={"like": like.source})


def norm(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the length of vectors; of matrices, torch's word for it is that of all their numbers."""
    plain = [
        replace(each, args=tuple(2.0 if n == "fro" else n for n in each.args), kwargs=_not_frobenius(each.kwargs))
        for each in (call, *call.twins)
    ]
    return by_name(at, replace(plain[0], twins=tuple(plain[1:])), "norm")


def _not_frobenius(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in kwargs.items() if each != "fro"}


def _of_kind(at: Builder, call: RecordedCall, inputs: list[TracedValue]) -> tuple[RecordedCall, list[TracedValue]]:
    """Return a call without the kind of numbers that it says, and its values as numbers of that kind."""
    kind = call.kwargs.get("dtype")
    if kind not in KINDS:
        return call, inputs
    name = str(kind).removeprefix("torch.")
    other = [
        x if x.dtype == name else replace(x, source=Feed(at.add(KINDS[kind], [x.source])), dtype=name) for x in inputs
    ]
    plain = [
        replace(each, kwargs={k: v for k, v in each.kwargs.items() if k != "dtype"}) for each in (call, *call.twins)
    ]
    return replace(plain[0], twins=tuple(plain[1:])), other


def _axes(x: TracedValue, dims: Any) -> Any:
    return [x.axis(d) for d in dims] if isinstance(dims, list | tuple) else dims if dims is None else x.axis(dims)


#: The functions that make numbers of another kind.
KINDS = {torch.float32: "float", torch.int64: "long", torch.bool: "bool"}


def _same(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return the very value, in another layout in memory or with fractions of another precision; or as numbers of
    another kind. Raises Unsayable.
    """
    value = call.inputs[0]
    before, after = (each.tensor.dtype for each in (value, call.outputs[0]))
    if before == after or (before.is_floating_point and after.is_floating_point):
        return [at.traced(value)]
    if after not in KINDS:
        raise Unsayable(f"it makes numbers of another kind, {after}")
    return at.apply(call, KINDS[after], [at.traced(value)])


def masked_fill(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a value with a number where another is true; what is infinite is the largest that float32 holds."""
    x, mask, number = (*call.args, *call.kwargs.values())[:3]
    if isinstance(number, RunValue):
        raise Unsayable("it fills in a tensor")
    found = reshaping.folded_alike(at, [at.traced(x), at.traced(mask)])
    stretched = len({each.shape for each in found}) > 1
    value = max(-FLOAT32_MAX, min(FLOAT32_MAX, number)) if isinstance(number, float) else number
    return at.apply(call, "masked_fill", found, {"value": value, **({"broadcast": True} if stretched else {})})


def spread(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return a variance or standard deviation, `unbiased` or less any other correction, and the mean if it is asked for
    too.
    """
    name, _, mean = call.name.partition("_")
    found, _, _ = binding.split(call)
    given = binding.bound(call, ["dim", "unbiased", "keepdim", "correction"])
    if (unbiased := given.pop("unbiased", None)) is not None:
        given["correction"] = int(unbiased)
    made = []
    for op, value in zip([name, mean] if mean else [name], call.outputs, strict=True):
        own = given if op == name else {key: given[key] for key in given if key != "correction"}
        one = replace(call, args=tuple(found), kwargs=own, outputs=[value], twins=())
        made += by_name(at, one, op)
    return made


TABLE: dict[str, Handler] = {
    "masked_fill": masked_fill,
    "matmul": matmul,
    "eq": equal,
    "ne": equal,
    "affine_grid": affine_grid,
    "norm": norm,
    **dict.fromkeys(SILENT, _same),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten"), reshaping.reshape),
    **{name: getattr(merging, f"{name}_") for name in ("add", "sub", "mul", "div", "concat", "stack", "neg")},
    "__rsub__": merging.rsub,
    "__rtruediv__": merging.rdiv,
    "__rdiv__": merging.rdiv,
    **{name: getattr(axes, name) for name in ("permute", "transpose", "movedim", "unsqueeze", "expand", "repeat")},
    "repeat_interleave": indexing.repeat_interleave,
    "slice": indexing.sliced,
    "tile": axes.repeat,
    "__setitem__": indexing.setitem,
    **dict.fromkeys(("max", "min"), indexing.extreme),
    "addcmul": merging.addcmul,
    "T": axes.turned,
    "mT": axes.turned,
    "t": axes.turned,
    "expand_as": axes.expand,
    **dict.fromkeys(("reshape_as", "view_as"), reshaping.reshape),
    "squeeze": axes.squeeze,
    "broadcast_to": axes.expand,
    "getitem": indexing.getitem,
    "windows": indexing.windows,
    "interpolate": resizing.interpolate,
    "upsample": resizing.interpolate,
    "pad": resizing.pad,
    **dict.fromkeys(owned.LEARNED, owned.layer),
    "scaled_dot_product_attention": attending.attention,
    "einsum": einsum,
    **dict.fromkeys(("var", "std", "var_mean", "std_mean"), spread),
    "gather": gather,
    "index_select": gather,
    **dict.fromkeys(filling.FILLED, filling.filled),
}
