"""The verdict is torch's: on networks drawn at random, broken and whole, a spec is accepted exactly when torch can
run it on the CPU with a batch of 2, and its predicted shapes are torch's.

Torch's side is an interpreter of its own, below: it knows nothing of the compiler, runs each step with plain torch.nn
on real tensors, and reads each layer's input side off the tensor that arrives. Where the language is stricter on
purpose it says so (`Stricter`), and then the spec must be refused although torch would run it:

- a layer over 1, 2 or 3 axes given another number of them, where torch takes the batch for channels
- add, sub and mul of unequal shapes, which torch broadcasts
- an axis that would be empty
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

import speczoo
from speczoo.checking import graph_into
from speczoo.specs.diagnostics import Report

NETWORKS = 600
BATCH = 2

torch.set_num_threads(1)


class Fails(Exception):
    """Torch cannot run it."""


class Stricter(Exception):
    """Torch can, and the language refuses it on purpose."""


@dataclass
class Step:
    """An entry and what torch does for it. `sources` are ids; none stands for the entry before."""

    id: str
    op: str
    arguments: dict[str, Any]
    sources: list[str] = field(default_factory=list)
    inside: Plan | None = None  # of a group or block
    loop: list[int] = field(default_factory=list)  # the values of `v`, one for each turn


@dataclass
class Plan:
    steps: list[Step]
    block: str = ""  # its name, with the parameter `c`; a group where it has none


# -- torch's side -------------------------------------------------------------------------------------------------


def module(op: str, a: dict[str, Any], x: Tensor) -> Callable[[Tensor], Tensor]:
    """The layer for this very tensor."""
    c = x.shape[1] if x.dim() > 1 else 0
    kwargs = dict(a)
    match op:
        case "Conv1d" | "Conv2d" | "Conv3d" | "ConvTranspose1d" | "ConvTranspose2d":
            return getattr(nn, op)(c, kwargs.pop("out_channels"), **kwargs)  # type: ignore[no-any-return]
        case "Linear":
            return nn.Linear(x.shape[-1], **kwargs)
        case "BatchNorm1d" | "BatchNorm2d" | "InstanceNorm1d" | "InstanceNorm2d":
            return getattr(nn, op)(c, **kwargs)  # type: ignore[no-any-return]
        case "GroupNorm":
            return nn.GroupNorm(kwargs["num_groups"], c)
        case "LayerNorm":
            return nn.LayerNorm(x.shape[-1])
        case "permute":
            return lambda y: y.permute(*kwargs["dims"])
        case "reshape":
            return lambda y: y.reshape(y.shape[0], *kwargs["shape"])
        case "mean":
            return lambda y: y.mean(**kwargs)
        case "transpose":
            return lambda y: y.transpose(kwargs["dim0"], kwargs["dim1"])
        case "select":
            return lambda y: y.select(kwargs["dim"], kwargs["index"])
        case "subsample":
            return lambda y: y[:, :, :: kwargs["stride"], :: kwargs["stride"]]
        case "pad_channels":
            return lambda y: torch.cat([y, y.new_zeros(y.shape[0], kwargs["to"] - y.shape[1], *y.shape[2:])], 1)
    return getattr(nn, op)(**kwargs)  # type: ignore[no-any-return]


RANKS = {"1d": (2,), "2d": (3,), "3d": (4,)}
RANKS_OF = {"BatchNorm1d": (1, 2), "PixelShuffle": (3,), "subsample": (3,)}


def apply(step: Step, values: list[Tensor], arguments: dict[str, Any]) -> Tensor:
    """One layer or merge. Raises Fails and Stricter."""
    op = step.op
    ranks = RANKS_OF.get(op) or RANKS.get(op[-2:])
    stricter = ranks is not None and values[0].dim() - 1 not in ranks
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if op in ("add", "sub", "mul"):
                stricter = len({v.shape for v in values}) > 1
                made = values[0]
                for value in values[1:]:
                    made = made + value if op == "add" else made - value if op == "sub" else made * value
            elif op == "concat":
                made = torch.cat(values, **({"dim": 1} | arguments))
            elif op == "matmul":
                made = values[0] @ values[1]
                stricter = values[0].shape[:-2] != values[1].shape[:-2]
            else:
                made = module(op, arguments, values[0])(values[0])
                stricter |= op == "GroupNorm" and values[0][0].numel() == arguments["num_groups"]
    except Exception as error:
        raise Fails(f"{step.id}: {error}") from error
    if made.dim() == 0 or made.shape[0] != BATCH:
        raise Stricter("the batch is gone") if stricter else Fails("the batch is gone")
    if 0 in made.shape:
        raise Stricter("an axis is empty")
    if stricter:
        raise Stricter(f"{op} of {[tuple(v.shape) for v in values]}")
    return made


def run(plan: Plan, x: Tensor, names: dict[str, Any]) -> Tensor:
    """The last step's output."""
    known = {"input": x}
    last = x
    for step in plan.steps:
        for turn, value in enumerate(step.loop or [0]):
            here = {**names, "v": value} if step.loop else names
            given = {k: here[v[1:]] if isinstance(v, str) and v[:1] == "$" else v for k, v in step.arguments.items()}
            values = [known[s] for s in step.sources] or [last]
            if step.inside is not None:
                last = run(step.inside, values[0], {**names, "c": given["c"]} if step.inside.block else here)
            else:
                last = apply(step, values, given)
            known[f"{step.id}_{turn}" if step.loop else step.id] = last
    return last


# -- the spec's side ----------------------------------------------------------------------------------------------


def entry(step: Step) -> dict[str, Any]:
    made: dict[str, Any] = {"id": f"{step.id}_$t" if step.loop else step.id}
    if step.loop:
        made["for"] = {"t": f"0..{len(step.loop) - 1}", "v": step.loop}
    if step.inside is not None and not step.inside.block:
        made["layers"] = [entry(s) for s in step.inside.steps]
    else:
        made |= {"op": step.inside.block if step.inside else step.op, **step.arguments}
    if step.sources:
        made["from"] = step.sources if len(step.sources) > 1 else step.sources[0]
    return made


def spec(plan: Plan, shape: list[int]) -> dict[str, Any]:
    blocks: dict[str, Any] = {}

    def collect(inner: Plan) -> None:
        for step in inner.steps:
            if step.inside is not None:
                collect(step.inside)
                if step.inside.block:
                    blocks[step.inside.block] = {
                        "params": {"c": "int"},
                        "layers": [entry(s) for s in step.inside.steps],
                    }

    collect(plan)
    made: dict[str, Any] = {"spec": 1, "name": "drawn", "input": shape, "blocks": blocks}
    return {**made, "layers": [entry(s) for s in plan.steps]}


# -- what is drawn ------------------------------------------------------------------------------------------------


class Draw:
    """Networks of a random number. Small sizes, so that what does not fit is common, and what fits too."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.count = 0

    def network(self) -> tuple[Plan, list[int]]:
        rank = self.r.choice([3, 3, 3, 3, 2, 1, 4])
        shape = [self.r.choice([1, 2, 3, 4, 6, 8]), *(self.r.randint(1, 12) for _ in range(rank - 1))]
        return self.plan(self.r.randint(1, 7), rank, 2), shape

    def plan(self, steps: int, rank: int, depth: int, block: str = "") -> Plan:
        made: list[Step] = []
        known = ["input"]
        for _ in range(steps):
            step = self.step(rank, depth, known, bool(block))
            made.append(step)
            known.append(f"{step.id}_{len(step.loop) - 1}" if step.loop else step.id)
        return Plan(made, block)

    def step(self, rank: int, depth: int, known: list[str], params: bool) -> Step:
        r = self.r
        self.count += 1
        name = f"s{self.count}"
        kind = r.random()
        if kind < 0.12 and depth:
            block = f"B{self.count}" if r.random() < 0.6 else ""
            inside = self.plan(r.randint(1, 3), rank, depth - 1, block)
            arguments = {"c": self.size()} if block else {}
            return Step(name, "", arguments, [r.choice(known)] if r.random() < 0.3 else [], inside)
        if kind < 0.3:
            op = r.choice(["add", "add", "mul", "sub", "concat", "concat", "matmul"])
            count = 2 if op in ("sub", "matmul") else r.choice([2, 2, 3])
            arguments = {"dim": r.choice([1, 1, 2, 3, -1])} if op == "concat" and r.random() < 0.4 else {}
            return Step(name, op, arguments, [r.choice(known[-4:]) for _ in range(count)])
        op, arguments = self.layer(rank)
        loop: list[int] = []
        for key in ("out_channels", "out_features"):
            if key in arguments and params and r.random() < 0.5:
                arguments[key] = "$c"
            elif key in arguments and r.random() < 0.15:
                arguments[key], loop = "$v", [self.size() for _ in range(r.randint(1, 3))]
        return Step(name, op, arguments, [r.choice(known)] if r.random() < 0.2 and not loop else [], loop=loop)

    def size(self) -> int:
        return self.r.choice([1, 2, 3, 4, 6, 8])

    def some(self, **options: Callable[[], Any]) -> dict[str, Any]:
        return {name: make() for name, make in options.items() if self.r.random() < 0.4}

    def pair(self, low: int, high: int) -> int | list[int]:
        one = self.r.randint(low, high)
        return one if self.r.random() < 0.8 else [one, self.r.randint(low, high)]

    def layer(self, rank: int) -> tuple[str, dict[str, Any]]:
        r = self.r
        n = rank - 1 if r.random() < 0.93 else r.randint(1, 3)
        d = min(3, max(1, n))
        window: dict[str, Callable[[], Any]] = {
            "stride": lambda: r.randint(1, 3), "padding": lambda: r.randint(0, 2), "dilation": lambda: r.randint(1, 2),
        }  # fmt: skip
        kernel = {"kernel_size": self.pair(1, 4) if d == 2 else r.randint(1, 4)}
        choices: dict[str, Callable[[], dict[str, Any]]] = {
            f"Conv{d}d": lambda: {"out_channels": self.size(), **kernel, **self.some(
                **window, groups=lambda: r.choice([1, 2, 3, 4]), bias=lambda: False)},
            f"MaxPool{d}d": lambda: {**kernel, **self.some(**window, ceil_mode=lambda: True)},
            f"AvgPool{d}d": lambda: {**kernel, **self.some(
                stride=window["stride"], padding=window["padding"], ceil_mode=lambda: True)},
            f"AdaptiveAvgPool{d}d": lambda: {"output_size": r.randint(1, 4)},
            "ReLU": dict, "GELU": dict, "Sigmoid": dict, "Dropout": dict, "Identity": dict,
            "Linear": lambda: {"out_features": self.size()},
            "LayerNorm": dict,
            "Flatten": lambda: self.some(start_dim=lambda: r.randint(1, 3), end_dim=lambda: r.choice([-1, 2, 3])),
            "GroupNorm": lambda: {"num_groups": r.choice([1, 2, 3, 4])},
            "Upsample": lambda: {"scale_factor": r.choice([2, 3, 0.5])},
            "Softmax": lambda: {"dim": r.choice([1, 2, -1])},
            "permute": lambda: {"dims": [0, *r.sample(range(1, rank + 1), rank)]},
            "transpose": lambda: {"dim0": r.randint(1, rank), "dim1": r.randint(1, 4)},
            "mean": lambda: {"dim": r.choice([1, 2, -1, [2, 3]]), **self.some(keepdim=lambda: True)},
            "select": lambda: {"dim": r.randint(1, rank), "index": r.choice([0, 1, -1, 5])},
            "reshape": lambda: {"shape": r.choice([[-1], [2, -1], [-1, 3], [4, 4], [-1, 2, 2]])},
        }  # fmt: skip
        if d < 3:
            choices[f"ConvTranspose{d}d"] = lambda: {"out_channels": self.size(), **kernel, **self.some(
                **window, output_padding=lambda: r.randint(0, 2))}  # fmt: skip
            choices[f"BatchNorm{d}d"] = dict
            choices[f"InstanceNorm{d}d"] = dict
            choices[f"ZeroPad{d}d"] = lambda: {"padding": r.choice([1, 2, -1, -2, [1, 0] * d])}
            choices[f"ReflectionPad{d}d"] = lambda: {"padding": r.randint(0, 3)}
        if d == 2:
            choices["PixelShuffle"] = lambda: {"upscale_factor": 2}
            choices["subsample"] = lambda: {"stride": r.randint(1, 3)}
            choices["pad_channels"] = lambda: {"to": r.choice([4, 8])}
        weights = [
            6 if "Conv" in op else 2 if "Pool" in op or op in ("ReLU", "Linear", "Flatten") else 1 for op in choices
        ]
        op = r.choices(list(choices), weights)[0]
        return op, choices[op]()


# -- the verdict --------------------------------------------------------------------------------------------------


def judged(plan: Plan, shape: list[int]) -> tuple[str, Tensor | None, str]:
    """What torch says, what comes out, and why nothing does."""
    try:
        return "runs", run(plan, torch.randn(BATCH, *shape), {}), ""
    except (Fails, Stricter) as error:
        return type(error).__name__, None, str(error)


def test_the_verdict_and_the_shapes_are_torchs() -> None:
    verdicts: Counter[str] = Counter()
    torch.manual_seed(0)
    for seed in range(NETWORKS):
        plan, shape = Draw(seed).network()
        data = spec(plan, shape)
        report = Report()
        graph = graph_into(report, data)
        stated = [(d.code, d.message) for d in report.errors]
        verdict, got, why = judged(plan, shape)
        verdicts[verdict] += 1
        if got is None:
            assert graph is None, f"{seed}: accepted, but torch: {why}\n{data}"
            assert not {"limit-exceeded", "bad-expression", "unknown-op"} & {code for code, _ in stated}, stated
            continue
        assert graph is not None, f"{seed}: torch gives {tuple(got.shape)}, refused: {stated}\n{data}"
        assert speczoo.summary(data).outputs == {"output": tuple(got.shape[1:])}, (seed, data)
    assert sum(verdicts.values()) >= 500
    assert min(verdicts["runs"], verdicts["Fails"]) > NETWORKS // 5, verdicts
    assert verdicts["Stricter"] > 5, verdicts
