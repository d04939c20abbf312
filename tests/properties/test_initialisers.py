"""What `init` may say is what torch.nn.init takes and can draw, for parameters of every shape."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode

import speczoo
from speczoo.compiler.init_rules import rules
from speczoo.compiler.initialisers import INITIALISERS, WORDS, initialiser, unfit
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import ProblemError

EDGES = [
    *(-1, -1.0, 0, 0.0, 0.5, 1, 1.0, 2, 3, 5.0, -20.0, 0.02, 1e-4, 1e-12, 1e-30, 1e-37, 1e-40, 1e-46, 1e-300, 5e-324),
    *(1e4, 1e8, 1e16, 1e30, -1e30, 3e37, 1e38, -3e38, 3e38, 3.4e38, 1e39, -1e300, 2**53 + 1, 2**63, -(10**30)),
]  # fmt: skip
CALLS = 20_000  # of torch, after which an initialiser is one that never ends: a share of 1 in 20 is 5,000 or so


class Endless(Exception):
    pass


class Counted(TorchFunctionMode):
    """Ends what goes on calling torch."""

    def __init__(self) -> None:
        super().__init__()
        self.left = CALLS

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.left -= 1
        if not self.left:
            raise Endless
        return func(*args, **(kwargs or {}))


@st.composite
def stated(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(INITIALISERS)))
    numbers = st.one_of(st.sampled_from(EDGES), st.floats(-10, 10), st.floats(allow_nan=False, allow_infinity=False))
    arguments = {}
    for key, kinds in INITIALISERS[name].items():
        if draw(st.booleans()):
            value = st.sampled_from(WORDS[key]) if key in WORDS else numbers.filter(lambda n, k=kinds: isinstance(n, k))
            arguments[key] = draw(value)
    return name, arguments


def drawn(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether torch takes it, ends, and gives numbers."""
    tensor = torch.empty(shape)
    try:
        with warnings.catch_warnings(), Counted():
            warnings.simplefilter("ignore")
            getattr(nn.init, f"{name}_")(tensor, **arguments)
    except Exception:
        return False
    return bool(tensor.isfinite().all())


SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=6).map(tuple)


@given(stated(), SHAPES)
@example(("normal", {"std": -1}), (2,))
@example(("trunc_normal", {"std": 0}), (2,))
@example(("sparse", {}), (2, 2))
@example(("kaiming_normal", {}), (4,))
@example(("dirac", {"groups": 3}), (4, 4, 3, 3))
@example(("eye", {}), (4, 4, 3))
@example(("uniform", {"a": 3, "b": 1}), (2, 2))
@example(("uniform", {"a": -3e38, "b": 3e38}), (2, 2))
@example(("constant", {"val": 2**63}), (2,))
@example(("orthogonal", {"gain": 10**30}), (2, 2))
@example(("xavier_uniform", {"gain": 3e38}), (1, 1))
@example(("trunc_normal", {"a": 5.0, "b": 1e30}), (4, 4))
@example(("trunc_normal", {"a": -1e30, "b": -5.0}), (4, 4))
@example(("trunc_normal", {"mean": 3.0, "std": 1e-300}), (4, 4))
@example(("trunc_normal", {"mean": 1e8 + 4, "std": 1e-3, "a": 1e8 + 4.0001, "b": 2e8}), (4, 4))
def test_what_is_accepted_is_drawn_and_what_is_refused_torch_does_not_take(
    stated: tuple[str, dict[str, Any]], shape: tuple[int, ...]
) -> None:
    name, arguments = stated
    try:
        made = initialiser({name: arguments})
    except ProblemError:
        assert senseless(name, arguments) or not drawn(name, arguments, shape)
        return
    assert drawn(name, dict(made.arguments), shape) == (unfit(made, shape) is None)


def senseless(name: str, arguments: dict[str, Any]) -> bool:
    """What torch may take and a spec may not say: numbers at the end of float32 or beyond it, spreads below 0, ends
    that leave no room; and what only luck draws."""
    numbers = {key: value for key, value in arguments.items() if not isinstance(value, str)}
    return (
        any(abs(value) > 3e37 for value in numbers.values())
        or any(numbers.get(key, 1) < 0 for key in ("std", "gain", "sparsity"))
        or numbers.get("groups", 1) < 1
        or (name == "trunc_normal" and unlikely(**{"mean": 0, "std": 1, "a": -2, "b": 2, **numbers}))
    )


def unlikely(mean: float, std: float, a: float, b: float) -> bool:
    """A normal distribution cut off at ends that leave no room, or next to nothing of it; or too narrow a one."""
    if a >= b or std < max(1e-37, abs(mean) * 1e-5):
        return True
    inside = torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor([(a - mean) / std, (b - mean) / std]).double())
    return float(inside[1] - inside[0]) < 0.31 and (b - a > std or abs(a - mean) > 5 * std)


@given(st.floats(-3, 3), st.floats(0.01, 3), st.floats(-3, 3), st.floats(0.01, 6))
def test_what_people_draw_is_accepted(mean: float, std: float, a: float, width: float) -> None:
    """A truncated normal distribution with a tenth of it or more between its ends."""
    law = torch.distributions.Normal(mean, std)
    if float(law.cdf(torch.tensor(a + width)) - law.cdf(torch.tensor(a))) > 0.1 and width < 6 * std:
        assert initialiser({"trunc_normal": {"mean": mean, "std": std, "a": a, "b": a + width}})


@pytest.mark.parametrize(
    ("init", "stated"),
    [
        ({"trunc_normal": {"a": 5.0, "b": 1e30}}, "of numbers from 5.0 to 1e+30, one in"),
        ({"trunc_normal": {"std": 1e-300}}, "float32 tells nothing apart below"),
        ({"trunc_normal": {"mean": -20.0, "std": 1.0}}, "`a: -2.0` is more than 10 times 1.0 above the mean, -20.0"),
        ({"uniform": {"a": -3e38, "b": 3e38}}, "`b - a` of `uniform` is beyond what float32 holds"),
        ({"normal": {"mean": 1e38, "std": 3e37}}, "10 times 3e+37 around a mean of 1e+38"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_arithmetic_wherever_it_stands(init: Any, stated: str) -> None:
    fc = {"id": "fc", "op": "Linear", "out_features": 2}
    net = {"spec": 1, "name": "n", "input": [2], "layers": [fc], "init": [{"match": "fc", "weight": init}]}
    with pytest.raises(speczoo.SpecError, match="bad-value") as refused:
        speczoo.graph(net)
    assert stated in str(refused.value)
    parameter = {"id": "p", "op": "Parameter", "shape": [2], "init": init}
    merged = {"op": "add", "from": ["input", "p"], "broadcast": True}
    with pytest.raises(speczoo.SpecError, match="bad-value") as refused:
        speczoo.graph({"spec": 1, "name": "n", "input": [2], "layers": [parameter, merged]})
    assert stated in str(refused.value)


@pytest.mark.parametrize("match", ["p", "Parameter", "**", "fc"])
def test_a_rule_for_a_parameter_without_a_name_is_refused(match: str) -> None:
    layers = [
        {"id": "fc", "op": "Linear", "out_features": 2},
        {"id": "p", "op": "Parameter", "shape": [2]},
        {"id": "sum", "op": "add", "from": ["fc", "p"], "broadcast": True},
    ]
    net = {"spec": 1, "name": "n", "input": [2], "layers": layers, "init": [{"match": match, "": 1}]}
    with pytest.raises(speczoo.SpecError, match=r"unknown-argument.*names a parameter"):
        speczoo.check(net)


#: Layers whose classes are kin, or whose modules hold others of these classes; of images, and of tokens.
IMAGES: list[dict[str, Any]] = [
    {"op": "LayerNorm2d"},
    {"op": "Conv2d", "out_channels": 4, "kernel_size": 1},
    {"op": "Conv2d", "out_channels": 4, "kernel_size": 1, "bias": False},
]
TOKENS: list[dict[str, Any]] = [
    {"op": "LayerNorm"},
    {"op": "LayerNorm", "bias": False},
    {"op": "Linear", "out_features": 4},
    {"op": "Linear", "out_features": 4, "bias": False},
    {"op": "MultiheadAttention", "num_heads": 1},
    {"op": "TransformerEncoderLayer", "nhead": 1, "dim_feedforward": 2},
]
RULED = ("LayerNorm2d", "Conv2d", "LayerNorm", "Linear")


@st.composite
def ruled(draw: st.DrawFn) -> dict[str, Any]:
    """A network with rules by op and by path, the constants of which are all different."""
    entries = [
        *draw(st.lists(st.sampled_from(IMAGES), min_size=1, max_size=3)),
        {"op": "Flatten", "start_dim": 2},
        *draw(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=6)),
    ]
    layers = [{"id": f"e{i}", **entry} for i, entry in enumerate(entries)]
    there = [layer for layer in layers if layer["op"] in RULED]
    matches = st.sampled_from([name for layer in there for name in (layer["op"], layer["id"])])
    constants = iter(range(100, 200))
    rules = []
    for match in draw(st.lists(matches, min_size=1, max_size=4, unique=True)):
        biased = any(match in (layer["op"], layer["id"]) and layer.get("bias", True) for layer in there)
        also = {"bias": next(constants)} if biased and draw(st.booleans()) else {}
        rules.append({"match": match, "weight": next(constants), **also})
    return {"spec": 1, "name": "ruled", "input": [4, 2, 2], "layers": layers, "init": rules}


@given(ruled())
def test_a_rule_meets_what_it_names_and_nothing_else(spec: dict[str, Any]) -> None:
    """Neither a class that derives from the one it names, nor a module inside another layer, nor what has no bias."""
    wanted: dict[str, float] = {}
    for rule in spec["init"]:
        for layer in spec["layers"]:
            if rule["match"] in (layer["op"], layer["id"]):
                wanted |= {f"{layer['id']}.{name}": value for name, value in rule.items() if name != "match"}
    for key, parameter in speczoo.build(spec).named_parameters():
        values = {*parameter.flatten().tolist()}
        assert values == {wanted[key]} if key in wanted else max(values) < 100


def test_a_copied_spec_has_the_rules_that_it_says() -> None:
    """Not those of the spec that it was copied from, which were computed."""
    made = speczoo.graph(
        {
            "spec": 1,
            "name": "net",
            "input": [4],
            "layers": [{"op": "Linear", "out_features": 2}],
            "init": [{"match": "Linear", "weight": 1}],
        }
    )
    assert [rule.match for rule in rules(made)] == ["Linear"]
    spec = made.spec.model_copy(update={"init": []})
    copied = replace(made, unit=LoadedSpec(spec, made.unit.document))
    assert rules(copied) == ()
    assert spec.read_by_init == frozenset()
