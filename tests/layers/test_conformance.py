"""Every layer of the registry against torch: what it accepts, its shapes, its state_dict, its cost, its arguments.

Where the language is stricter than torch on purpose, `STRICTER` says so, and each of its cases has a test in
test_stricter.py.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.analysis.canonical_arguments import canonical
from speczoo.compiler.layer import Layer, ShapeError, Value
from speczoo.compiler.left_out import LEFT_OUT as NO_OPS
from speczoo.testing.cases import Case
from speczoo.testing.conformance import check_layer
from speczoo.testing.layers import layer_cases
from speczoo.testing.oracle import BATCH, TorchRefused, run, seeded
from tests.shares import OF_EACH_LAYER

OPS = sorted(Layer.registry)
FREE = {"Parameter", "Buffer"}  # which are no modules


def _touches_batch(case: Case) -> bool:
    """An argument that means the batch axis."""
    rank = len(case.inputs[0].shape) + 1 + (case.op in ("stack", "unsqueeze"))
    names = ("dim", "dim0", "dim1", "dims", "dimension", "start_dim", "end_dim")
    given = [case.arguments[name] for name in names if name in case.arguments]
    axes = [d for v in given for d in (v if isinstance(v, list) else [v])]
    return any(d in (0, -rank) for d in axes)


def _broadcasts(case: Case) -> bool:
    return len({v.shape for v in case.inputs if v.batched or v.shape}) > 1


def _states_otherwise(case: Case) -> bool:
    """Norms without weights or statistics of their own do not look at `num_features`."""
    return case.arguments.get("num_features") not in (None, case.inputs[0].shape[0])


def _one_value_per_group(case: Case) -> bool:
    """What torch refuses of one sample; of several it gives the shift alone."""
    return math.prod(case.inputs[0].shape) == case.arguments["num_groups"]


def _looks_at_an_added_key(case: Case) -> bool:
    """A key that torch adds behind the others, where each query looks at those before it."""
    return bool(case.arguments.get("is_causal")) and any(
        case.arguments.get(f"add_{k}") for k in ("bias_kv", "zero_attn")
    )


def _is_masked(case: Case) -> bool:
    """By numbers, or by a mask of each sample without an axis for its heads."""
    return any("mask" in name for name in case.arguments)


def _other_heads(case: Case) -> bool:
    return len({value.shape[0] for value in case.inputs}) > 1 and len(case.inputs[0].shape) == 3


def _holds_padding_alone(case: Case) -> bool:
    """The largest of nothing is -inf."""
    try:
        out = getattr(nn, case.op)(**case.arguments)(torch.zeros(1, *case.inputs[0].shape))
    except RuntimeError:
        return False
    return bool(torch.isinf(out).any())


def _drops_between_none(case: Case) -> bool:
    return bool(case.arguments.get("dropout")) and case.arguments["num_layers"] == 1


#: Cases that torch takes and the language does not.
STRICTER: dict[str, Callable[[Case], bool]] = {
    **dict.fromkeys(("add", "mul", "sub", "div", "pow", "maximum", "minimum", "where", "masked_fill"), _broadcasts),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"), _broadcasts),
    "index_select": lambda case: case.inputs[0].batched and case.inputs[1].batched,  # samples as one list of places
    "clamp": lambda case: len(case.arguments) == 2,  # bounds the wrong way round
    **dict.fromkeys(
        ("GLU", "LogSoftmax", "Softmin", "Softmax", "Flatten", "Unflatten", "mean", "select", "split", "transpose"),
        _touches_batch,
    ),
    **dict.fromkeys(("concat", "stack", "unsqueeze"), _touches_batch),
    **dict.fromkeys(("sum", "prod", "cumsum", "amax", "amin", "argmax", "argmin", "logsumexp"), _touches_batch),
    **dict.fromkeys(
        ("norm", "normalize", "roll", "flip", "narrow", "slice", "unbind", "sliding_window"), _touches_batch
    ),
    "repeat_interleave": _touches_batch,
    "repeat": lambda case: not case.inputs[0].batched,  # with more numbers than it has axes
    **dict.fromkeys(("std", "var"), lambda case: True),  # of too few values
    **dict.fromkeys((f"{norm}Norm{n}d" for norm in ("Batch", "Instance") for n in (1, 2, 3)), _states_otherwise),
    "GroupNorm": _one_value_per_group,
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "MaxPool3d"), _holds_padding_alone),
    "chunk": lambda case: True,  # fewer parts than were asked for
    **dict.fromkeys(("RNN", "GRU", "LSTM"), _drops_between_none),
    "CosineSimilarity": lambda case: _broadcasts(case) or _touches_batch(case),
    "PairwiseDistance": _broadcasts,
    "squeeze": lambda case: True,  # an axis that is not of size 1 stays
    "MultiheadAttention": lambda case: "mask" in case.arguments or _looks_at_an_added_key(case),
    **dict.fromkeys((f"Transformer{kind}coderLayer" for kind in ("En", "De")), _is_masked),
    "scaled_dot_product_attention": lambda case: "mask" in case.arguments or _other_heads(case),
    **dict.fromkeys(("matmul", "einsum"), _broadcasts),
    "permute": lambda case: case.arguments["dims"][:1] != [0],
}


#: Checks that torch itself does not pass, or that a layer does not by its nature.
WITHOUT = {
    "Embedding": ["state", "gradients"],  # with `max_norm` it scales its rows as they are looked up
    "EmbeddingBag": ["state", "gradients"],
    "Bilinear": ["macs"],  # of kernels that torch's flop counter does not know
    "affine_grid": ["macs"],
    "float": ["gradients"],  # which are computed in double precision
    **{f"MaxUnpool{n}d": ["gradients"] for n in (1, 2, 3)},  # indices at random meet in one place
    **{f"CircularPad{n}d": ["state", "gradients", "source"] for n in (1, 2, 3)},  # cropped, it leaves numbers unwritten
    **{f"LPPool{n}d": ["gradients"] for n in (1, 2, 3)},  # powers below 1 of what is negative
}


@pytest.mark.parametrize("op", OPS)
def test_agrees_with_torch(op: str) -> None:
    examples = OF_EACH_LAYER.max_examples
    check_layer(op, examples=examples, stricter=STRICTER.get(op, lambda case: False), without=WITHOUT.get(op, ()))


#: Of layers with weights, torch's own classes: what `isinstance` asks for in init rules.
CLASSES = {
    op: getattr(nn, op) for op in OPS if hasattr(nn, op) and op not in FREE and Layer.registry[op].can_have_weights()
}


@pytest.mark.parametrize("op", sorted(set(OPS) - FREE))
def test_kin_are_the_classes_of_its_modules(op: str) -> None:
    @settings(max_examples=max(5, settings().max_examples // 4))
    @given(layer_cases(op))
    def holds(case: Case) -> None:
        if (layer := case.accepted()) is None or (module := run(layer, case).module) is None:
            return
        own = {name for part in module.modules() for name, kind in CLASSES.items() if isinstance(part, kind)}
        assert own <= {op, *Layer.registry[op].kin}

    holds()


def test_each_module_of_torch_is_an_op_or_says_why_not() -> None:
    """And none is reported to be none that is one, or that torch does not have."""
    modules = {name for name, kind in vars(nn).items() if isinstance(kind, type) and issubclass(kind, nn.Module)} - {
        "Parameter"
    }
    assert modules - set(OPS) == set(NO_OPS)


#: Arguments of torch's that the language leaves out.
LEFT_OUT = {
    "device", "dtype",  # chosen when a network is built
    "include_last_offset",  # of bags without a batch axis
    "min_value", "max_value",  # deprecated names of min_val, max_val
    "_weight", "_freeze",
    "batch_first",  # always true
    "args", "kwargs",  # of those that take none
}  # fmt: skip


#: Of those that take any arguments by name, what these are, in the order of torch's documents.
_BASE = {**inspect.signature(nn.RNNBase).parameters, **inspect.signature(nn.RNNCell).parameters}
_LSTM = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size")
RECURRENT = {
    "LSTM": {name: _BASE[name] for name in _LSTM},
    "GRU": {name: _BASE[name] for name in _LSTM[:-1]},
    "RNN": {name: _BASE[name] for name in (*_LSTM[:3], "nonlinearity", *_LSTM[3:-1])},
}

#: Functions that torch takes by name, too.
FUNCTIONS = {F.relu: "relu"}

#: Arguments that say which of its results are taken.
OF_RESULTS = {"return_state"}

#: What torch calls some values that arguments refer to.
REFERRED = {"mask": "attn_mask"}


@pytest.mark.parametrize("op", [op for op in OPS if hasattr(nn, op) and op not in FREE])
def test_fields_are_torchs_arguments(op: str) -> None:
    """The same names in the same order with the same defaults, those of its `forward` last; what is derived from the
    input needs no default.
    """
    kind = Layer.registry[op]
    own = [name for name in kind.model_fields if name not in kind.applied]
    theirs = {
        name: p.default
        for name, p in (RECURRENT.get(op) or inspect.signature(getattr(nn, op)).parameters).items()
        if name not in LEFT_OUT and p.kind is not inspect.Parameter.KEYWORD_ONLY
    }
    assert own == list(theirs)
    assert list(kind.model_fields)[len(own) :] == list(kind.applied)
    forward = inspect.signature(getattr(nn, op).forward).parameters
    assert {REFERRED.get(name, name) for name in kind.applied} - OF_RESULTS <= {*forward, "norm"}  # of torch.nn.utils
    for name, field in kind.model_fields.items():
        if name not in (*kind.derives, *kind.applied):
            default = inspect.Parameter.empty if field.is_required() else field.default
            its = FUNCTIONS.get(theirs[name], theirs[name])
            assert default == its, name
            assert isinstance(default, bool) == isinstance(its, bool), name


@pytest.mark.parametrize("op", OPS)
def test_says_what_it_is(op: str) -> None:
    kind = Layer.registry[op]
    assert kind.__doc__
    assert kind.__doc__ not in {base.__doc__ for base in kind.__mro__[1:]}


@pytest.mark.parametrize("op", OPS)
def test_unknown_arguments_are_refused(op: str) -> None:
    with pytest.raises(ValidationError, match="no_such"):
        Layer.registry[op].model_validate({"no_such": 1})


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("kind", ["MaxPool", "AvgPool"])
def test_ceil_mode_exhaustively(kind: str, dimensions: int) -> None:
    """Every small window in ceil mode: torch drops a last window that starts beyond the input and its left padding. One
    that holds padding alone, and gives -inf, is refused."""
    op = f"{kind}{dimensions}d"
    module = getattr(nn, op)
    compared = 0
    for kernel in range(1, 5):
        for padding in range(kernel // 2 + 1):
            for stride in range(1, 5):
                for dilation in (1, 2, 3, 5) if kind == "MaxPool" else (1,):
                    extra = {"dilation": dilation} if kind == "MaxPool" else {}
                    arguments = {
                        "kernel_size": kernel,
                        "stride": stride,
                        "padding": padding,
                        "ceil_mode": True,
                        **extra,
                    }
                    ours, theirs = Layer.registry[op](**arguments), module(**arguments)
                    for n in range(1, 12):
                        x = (1, n) if dimensions == 1 else (1, n, 7)
                        try:
                            predicted = ours.infer(x)
                        except ShapeError:
                            predicted = None
                        try:
                            out = theirs(torch.zeros(BATCH, *x))
                            actual = None if torch.isinf(out).any() else tuple(out.shape[1:])
                        except RuntimeError:
                            actual = None
                        assert predicted == actual, (arguments, n)
                        compared += actual is not None
    assert compared > 300


def _respellings(case: Case) -> list[Case]:
    """The case with one number in place of a list of equal ones, or such a list in place of a number, as accepted."""
    forms = [
        (name, form)
        for name, value in case.arguments.items()
        for form in ([value] * n if type(value) in (int, float) else value for n in (1, 2, 3, 4, 6))
    ]
    forms += [
        (name, value[0])
        for name, value in case.arguments.items()
        if isinstance(value, list) and value and value == value[:1] * len(value)
    ]
    follows = Layer.registry[case.op].follows
    forms += [(name, case.arguments[other]) for name, other in follows.items() if case.arguments.get(name) is None]
    respelt = [case._replace(arguments={**case.arguments, name: form}) for name, form in forms]
    return [each for each in respelt if each.arguments != case.arguments and each.accepted() is not None]


def _takes_lists(kind: type[Layer]) -> bool:
    """Whether some argument is a list, or a number in place of one."""
    kinds = [
        {option.get("type") for option in p.get("anyOf", ())} for p in kind.model_json_schema()["properties"].values()
    ]
    return any("array" in each and each & {"integer", "number"} for each in kinds)


@pytest.mark.parametrize("op", [op for op in OPS if _takes_lists(Layer.registry[op])])
def test_arguments_count_as_equal_where_torch_computes_the_same(op: str) -> None:
    """`kernel_size: 3` is `kernel_size: [3, 3]`; `normalized_shape: 3` is not `[3, 3]`."""

    @OF_EACH_LAYER
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        case = data.draw(layer_cases(op))
        if case.accepted() is None or not (respelt := _respellings(case)):
            return
        results, stated = [], []
        for each in (case, data.draw(st.sampled_from(respelt))):
            layer = Layer.registry[op](**each.arguments)
            torch.manual_seed(0)
            try:
                results.append(run(layer, each))
            except TorchRefused:
                return
            stated.append(canonical(layer, layer.call(*each.inputs)))
        one, other = results
        pairs = zip(one.outputs, other.outputs, strict=False)
        same = len(one.outputs) == len(other.outputs) and one.state == other.state
        same = same and all(x.shape == y.shape and torch.allclose(x, y, 0, 0, equal_nan=True) for x, y in pairs)
        assert (stated[0] == stated[1]) == same

    holds()


@pytest.mark.parametrize(("op", "arguments"), [("select", {"index": 0}), ("slice", {"stop": 1})])
def test_an_axis_that_stands_in_a_subscript_counts(op: str, arguments: dict[str, int]) -> None:
    x = Value((4, 4))
    one, other = (Layer.registry[op](dim=dim, **arguments) for dim in (1, 2))
    assert canonical(one, one.call(x)) != canonical(other, other.call(x))


@pytest.mark.parametrize("op", [op for op in OPS if op[0].islower() and Layer.registry[op].model_fields])
def test_other_arguments_of_a_function_count_as_equal_only_where_torch_computes_the_same(op: str) -> None:
    """`{op: select, dim: 1, index: 0}` is not `{op: select, dim: 2, index: 0}`."""

    @given(layer_cases(op), layer_cases(op), st.data())
    def holds(case: Case, other: Case, data: st.DataObject) -> None:
        if not (names := [name for name, value in other.arguments.items() if case.arguments.get(name) != value]):
            return
        name = data.draw(st.sampled_from(names))
        pair = [case, case._replace(arguments={**case.arguments, name: other.arguments[name]})]
        layers = [each.accepted() for each in pair]
        if None in layers:
            return
        stated = [canonical(layer, layer.call(*case.inputs)) for layer in layers if layer is not None]
        if stated[0] != stated[1]:
            return
        made = []
        for layer in layers:
            assert layer is not None
            with seeded():
                made.append(run(layer, case).outputs)
        assert all(torch.equal(one, two) or (one != one).any() for one, two in zip(*made, strict=True))

    holds()


@pytest.mark.parametrize("op", [op for op, kind in Layer.registry.items() if kind.arithmetic is not Layer.arithmetic])
def test_arithmetic_gives_the_size(op: str) -> None:
    """What a message shows as the way to a size is a sum that has that size as its result."""

    @OF_EACH_LAYER
    @given(layer_cases(op))
    def adds_up(case: Case) -> None:
        try:
            layer = Layer.registry[op](**case.arguments)
            out, *_ = layer.apply(*case.inputs)
        except (ValidationError, ShapeError):
            return
        shapes = [v.shape for v in case.inputs]
        for at, size in enumerate(out.shape):
            text = layer.arithmetic(at, *shapes).replace(" for a window that starts outside", "")
            if text:
                assert eval(text, {"floor": math.floor, "ceil": math.ceil}) == size, text

    adds_up()
