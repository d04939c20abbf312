"""The zoo's specs, changed at random: what comes of it is a network that torch builds, or diagnostics, and soon."""

from __future__ import annotations

import random
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.emit import module
from compiler.graph import Graph
from tests.fuzz import corpus
from tests.fuzz.mutations import mutated, seeds, small_seeds, text
from tests.fuzz.target import checked

CRASHES = sorted((Path(__file__).parents[1] / "fuzz" / "crashes").glob("*"))
MANY = settings(max_examples=5 * settings().max_examples)
SMALL = settings(max_examples=50 * settings().max_examples)


@MANY
@given(st.sampled_from(sorted(seeds())), st.integers(0, 2**32), st.integers(1, 4))
def test_a_changed_spec_is_refused_or_runs(name: str, seed: int, times: int) -> None:
    refused_or_runs(seeds()[name], seed, times)


@SMALL
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_a_changed_small_spec_is_refused_or_runs(seed: int, times: int) -> None:
    refused_or_runs(random.Random(seed).choice(small_seeds()), seed, times)


def refused_or_runs(data: dict[str, Any], seed: int, times: int) -> None:
    source = random.Random(seed)
    written = text(mutated(data, source, times), source)
    start = time.process_time()
    past, graph = checked(written)
    assert time.process_time() - start < 5
    assert past
    if graph is not None and graph.params < 10**8:
        runs_as_predicted(graph)


def runs_as_predicted(graph: Graph) -> None:
    """Built on the meta device, its state_dict and what it gives are what was predicted."""
    model = module.build(graph, device="meta").eval()
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == graph.state
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
    start = time.process_time()
    _, graph = checked(path.read_bytes().decode("utf-8", "replace"))
    assert time.process_time() - start < 5
    if graph is not None and graph.params < 10**8:
        runs_as_predicted(graph)


def test_the_corpus_is_refused_or_runs() -> None:
    whole = 0
    for written in corpus.texts():
        _, graph = checked(written)
        if graph is not None and graph.params < 10**8:
            whole += 1
            runs_as_predicted(graph)
    assert whole > 10
