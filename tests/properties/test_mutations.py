"""The zoo's specs, changed at random: what comes of it is a network that torch builds, or diagnostics, and soon."""

from __future__ import annotations

import json
import math
import random
import warnings
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speczoo.compiler.graph import Graph
from tests.fuzz import corpus
from tests.fuzz.mutations import mutated, read, seeds, small_seeds, text
from tests.fuzz.refactorings import refactored
from tests.fuzz.target import checked
from tests.reference_interpreter import applied, by_call, holds
from tests.steps import counted

CRASHES = sorted((Path(__file__).parents[1] / "fuzz" / "crashes").glob("*"))
CALLS = 5_000_000  # of functions, for one text: a network of the zoo takes 200,000
MANY = settings(max_examples=max(20, 2 * settings().max_examples - 20))
SMALL = settings(max_examples=10 * settings().max_examples)


@MANY
@given(st.sampled_from(sorted(seeds())), st.integers(0, 2**32), st.integers(1, 4))
def test_a_changed_spec_is_refused_or_runs(name: str, seed: int, times: int) -> None:
    refused_or_runs(seeds()[name], seed, times)


@SMALL
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_a_changed_small_spec_is_refused_or_runs(seed: int, times: int) -> None:
    refused_or_runs(random.Random(seed).choice(small_seeds()), seed, times)


@MANY
@given(st.integers(0, 2**32))
def test_what_is_written_for_a_right_spec_is_the_network(seed: int) -> None:
    """Blocks, loops, conditions, parameters, shared modules and rules, one after the other laid over a few layers."""
    source = random.Random(seed)
    data = right_seed(source)
    for _ in range(10):
        made = refactored(data, source, 1)
        _, graph = checked(text(made, source))
        if graph is not None and small(graph):
            data = made
            runs_as_predicted(graph)
            computes_what_its_entries_do(graph)


def right_seed(source: random.Random) -> dict[str, Any]:
    """A small network of the corpus or of the error cases: most of what is there is none."""
    while True:
        data = source.choice(written_seeds())
        if small_network(json.dumps(data)):
            return data


@lru_cache(maxsize=1)
def written_seeds() -> list[dict[str, Any]]:
    return [*filter(None, map(read, map(str.encode, corpus.texts()))), *small_seeds()]


@cache
def small_network(text: str) -> bool:
    graph = checked(text)[1]
    return graph is not None and small(graph)


def small(graph: Graph) -> bool:
    sizes = [math.prod(row.output) for row in graph.rows]
    sizes += [math.prod(value.shape) for _, value in graph.settings.inputs]
    return graph.params < 10**5 and graph.macs < 10**7 and max(sizes) < 10**5


def computes_what_its_entries_do(graph: Graph) -> None:
    """Training or not, the module gives what its layers give, applied one by one."""
    model = holds(graph)
    kinds = {"float32": torch.randn, "int64": torch.zeros, "bool": torch.zeros}
    x = [kinds[v.dtype](2, *v.shape).to(getattr(torch, v.dtype)) for _, v in graph.settings.inputs]
    for training in (True, False):
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.train(training)
            torch.default_generator.manual_seed(5)  # the seeds of devices keep a stack of calls each
            out = model(*(value.clone() for value in x))
            torch.default_generator.manual_seed(5)
            expected = applied(graph.root, model, [value.clone() for value in x], by_call)
        ports = zip(expected, graph.root.outputs, strict=True)
        left = [value for value, port in ports if training or not port.training_only]
        found = [value for value in (out if isinstance(out, tuple) else [out]) if value is not None]
        assert all(torch.equal(a, b) or (a != a).any() for a, b in zip(found, left, strict=True))


def refused_or_runs(data: dict[str, Any], seed: int, times: int) -> None:
    source = random.Random(seed)
    written = text(mutated(data, source, times), source)
    (past, graph), calls = counted(lambda: checked(written))
    assert calls < CALLS
    assert past
    if graph is not None and graph.params < 10**8:
        runs_as_predicted(graph)


def runs_as_predicted(graph: Graph) -> None:
    """Built on the meta device, its modules, its state_dict and what it gives are what was predicted."""
    model = holds(graph, device="meta").eval()
    made = [
        torch.empty(2, *value.shape, device="meta", dtype=getattr(torch, value.dtype))
        for _, value in graph.settings.inputs
    ]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out: Any = model(*made)
    outputs = [out] if isinstance(out, torch.Tensor) else [value for value in out if value is not None]
    predicted = [
        (2, *value.shape) if value.batched else value.shape
        for port, value in zip(graph.root.outputs, graph.root.values, strict=True)
        if value is not None and not port.training_only
    ]
    assert [tuple(value.shape) for value in outputs] == predicted


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_what_fuzzing_found_stays_mended(path: Path) -> None:
    (_, graph), calls = counted(lambda: checked(path.read_bytes().decode("utf-8", "replace")))
    assert calls < CALLS
    if graph is not None and graph.params < 10**8:
        runs_as_predicted(graph)
    if graph is not None and small(graph):
        computes_what_its_entries_do(graph)


@pytest.mark.alike
def test_the_corpus_is_refused_or_runs() -> None:
    whole = 0
    for written in corpus.texts():
        _, graph = checked(written)
        if graph is not None and graph.params < 10**8:
            whole += 1
            runs_as_predicted(graph)
    assert whole > 10
