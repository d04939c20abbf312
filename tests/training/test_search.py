"""Searches: what is proposed fits, what does not is never built, one goes on where it ended, the best is a variant."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import speczoo
from speczoo.exploration.distributions import Choice, Distribution, Real, Whole, declared, read
from speczoo.exploration.space import SpaceError
from speczoo.exploration.study import Proposal, Study, decoded, optuna_distribution, setting_of
from speczoo.exploration.task import Task, drawn_from
from speczoo.specs.parameter import Param
from speczoo.training import recipe_loader
from speczoo.training.errors import OptionError
from tests.commands.zoo_command import data, zoo
from tests.training.toys import digits

NET = """\
spec: 1
name: small
input: [1, 28, 28]
params:
  width: {type: int, default: 4, min: 1, max: 12}
  act: {type: op, default: ReLU, choices: [ReLU, GELU]}
  depths: [1]
layers:
  - {op: Conv2d, out_channels: $width, kernel_size: 5, stride: 3} # keeps its comment
  - {op: $act}
  - {for: {i: '1..$(depths[0])'}, op: Conv2d, out_channels: $width, kernel_size: 1}
  - {op: Flatten}
  - {op: Linear, out_features: 10}
"""
RECIPE = """\
recipe: 1
name: tiny
network: small.yaml
data: {dataset: MNIST}
optimizer: {op: SGD, lr: 0.01}
batch_size: 16
epochs: 2
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(NET, encoding="utf-8")
    (tmp_path / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    digits(tmp_path / "data", 48, 32)
    return tmp_path


def task(home: Path, where: str | None = None, **given: str) -> Task:
    recipe = str(home / "tiny.yaml")
    searched, fixed = drawn_from(recipe_loader.load(recipe), given)
    params = frozenset({"width", "act", "depths"})
    shape = (1, 28, 28)
    return Task(recipe, params, searched, fixed, "accuracy", shape, where, home / "data", "cpu")


# -- distributions ----------------------------------------------------------------------------------------------------


def test_what_a_spec_declares_is_what_is_drawn_from() -> None:
    forms: list[tuple[Any, Distribution | None]] = [
        ({"type": "int", "min": 2, "max": 9}, Whole(2, 9)),
        ({"type": "float", "min": 0.5, "max": 1}, Real(0.5, 1.0)),
        ({"default": "a", "choices": ["a", "b"]}, Choice(("a", "b"))),
        (True, Choice((False, True))),
        (3, None),
        ({"type": "int", "min": 2}, None),
        ("str", None),
    ]
    for form, wanted in forms:
        assert declared(Param.model_validate(form)) == wanted


def test_what_is_written_is_what_is_drawn_from() -> None:
    assert read("p", "2..9") == Whole(2, 9)
    assert read("p", "16..64:16") == Whole(16, 64, 16)
    assert read("p", "1e-4..1e-1") == Real(1e-4, 1e-1)
    assert read("p", "8,16,32") == Choice((8, 16, 32))
    assert read("p", "8..64*2") == Choice((8, 16, 32, 64))
    assert read("p", "[1..2,3]") == Choice(([1, 3], [2, 3]))
    assert read("p", "5") == Choice((5,))
    for text in ("2..", "", "[1..99,1..99]", "0.5..0.1"):
        with pytest.raises(SpaceError):
            read("p", text)
    assert [Real(*ends).log for ends in ((1e-4, 1e-1), (0.1, 0.5), (0, 1))] == [True, False, False]


DISTRIBUTIONS: st.SearchStrategy[Distribution] = st.one_of(
    st.tuples(st.integers(-9, 9), st.integers(0, 9)).map(lambda pair: Whole(pair[0], sum(pair))),
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(lambda pair: Real(pair[0], sum(pair))),
    st.lists(
        st.one_of(st.booleans(), st.integers(), st.text(), st.none(), st.lists(st.integers(), max_size=3)),
        min_size=1,
        max_size=5,
    ).map(lambda values: Choice(tuple(values))),
)


@given(DISTRIBUTIONS, st.integers(0, 99))
@settings(max_examples=50)
def test_optuna_draws_values_of_the_distribution(own: Distribution, seed: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    (value,) = decoded({"p": own}, study.ask({"p": optuna_distribution(own)}).params).values()
    match own:
        case Whole():
            assert value in range(own.low, own.high + 1)
        case Real():
            assert own.low <= value <= own.high
        case Choice():
            assert any(value == each and type(value) is type(each) for each in own.values)


def test_without_values_what_is_declared_is_searched(home: Path) -> None:
    assert dict(task(home).distributions) == {"width": Whole(1, 12), "act": Choice(("ReLU", "GELU"))}
    narrowed = task(home, width="3", epochs="1")
    assert dict(narrowed.distributions) == {"act": Choice(("ReLU", "GELU"))}
    assert dict(narrowed.fixed) == {"width": 3, "epochs": 1}


# -- proposals --------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_never_trained_and_nothing_is_tried_twice(home: Path) -> None:
    one = task(home, where="params < 6000")
    study = Study(one, home / "s.jsonl", seed=0)
    found = []
    while (proposal := study.propose()) is not None:
        found.append(proposal.setting)
        study.record(proposal, proposal.setting["width"] / 100)
    fitting = [
        {"width": width, "act": act}
        for width in range(1, 13)
        for act in ("ReLU", "GELU")
        if speczoo.summary(home / "small.yaml", width=width, act=act).params < 6000
    ]
    assert 0 < len(fitting) < 24
    key = json.dumps
    assert sorted(map(key, found)) == sorted(map(key, fitting))
    assert study.best is not None
    assert setting_of(study.best)["width"] == max(setting["width"] for setting in fitting)
    assert {reason.partition(":")[0] for reason in study.refused} == {"beyond the budget"}
    assert sum(study.refused.values()) == 24 - len(fitting)


def test_a_setting_that_is_no_network_is_refused_with_its_reason(home: Path) -> None:
    study = Study(task(home, depths="[0],[1],[-1]", act="ReLU,Nothing"), home / "s.jsonl", seed=0)
    found = []
    while (proposal := study.propose()) is not None:
        found.append(proposal.setting)
    assert all(setting["act"] == "ReLU" for setting in found)
    assert len(found) == 3
    assert any("Nothing" in reason for reason in study.refused)


def test_a_study_goes_on_and_is_not_mixed_with_another(home: Path) -> None:
    storage = home / "s.jsonl"
    study = Study(task(home), storage, seed=0)
    proposal = study.propose()
    assert proposal is not None
    study.record(proposal, 0.5)
    assert study.propose() is not None  # left open, as by a process that is killed
    with pytest.raises(OptionError, match="--resume"):
        Study(task(home), storage, seed=0).propose()
    with pytest.raises(OptionError, match="other values"):
        Study(task(home, where="params < 3"), storage, seed=0, resume=True)
    again = Study(task(home), storage, seed=0, resume=True)
    assert (len(again.trained), again.failures.total(), again.done) == (1, 0, 1)


@given(st.lists(st.sampled_from([0.5, math.nan, math.inf, "failed", "pruned", "stopped"]), max_size=8))
@settings(max_examples=20)
def test_every_trial_is_done_but_those_that_were_stopped(tmp_path_factory: Any, ends: list[Any]) -> None:
    """Whatever comes out of trainings, a search comes nearer to its end; only what was stopped is tried again."""
    whole = Task("r.yaml", frozenset(), {"optimizer.lr": Real(1e-3, 1.0)}, {}, "accuracy")
    study = Study(whole, tmp_path_factory.mktemp("s") / "s.jsonl", seed=0)
    for end in ends:
        proposal = Proposal(study.study.ask(study.distributions), {})
        match end:
            case "failed":
                study.fail(proposal, "it fails")
            case "stopped":
                study.abandon(proposal)
            case "pruned":
                study.record(proposal, 0.1, pruned=True)
            case value:
                study.record(proposal, value)
    assert study.done == len(ends) - ends.count("stopped")
    assert len(study.trained) == ends.count(0.5) + ends.count("pruned")
    assert study.failures["it fails"] == ends.count("failed")


# -- the command ------------------------------------------------------------------------------------------------------


def test_a_search_trains_what_fits_and_writes_the_best(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    original = speczoo.api.build
    monkeypatch.setattr(speczoo.api, "build", lambda *a, **k: built.append(k["width"]) or original(*a, **k))
    words = ("search", home / "tiny.yaml", "--data", home / "data", "-o", home / "out", "--accelerator", "cpu")
    words = (*words, "--where", "params < 6000", "--set", "epochs=1", "--set", "width=1..12", "--no-prune")
    found = data(*words, "--trials", "3")
    assert len(found["trials"]) == 3
    assert sorted(built) == sorted(row["setting"]["width"] for row in found["trials"])
    assert found["best"]["accuracy"] == max(row["accuracy"] for row in found["trials"])
    assert found["best"]["params"] < 6000
    spec = Path(found["spec"])
    assert "# keeps its comment" in spec.read_text(encoding="utf-8")
    assert speczoo.check(spec) == ()
    assert speczoo.summary(f"{spec}:found").params == found["best"]["params"]
    assert (home / "out" / f"{found['best']['number']:04d}" / "model.pt").exists()
    assert "--resume" in zoo(*words, "--trials", "4", code=2).stderr
    more = data(*words, "--trials", "5", "--resume")
    assert len(more["trials"]) == 5
    assert {json.dumps(row["setting"]) for row in found["trials"]} < {json.dumps(r["setting"]) for r in more["trials"]}


def test_trials_begin_with_weights(home: Path) -> None:
    """Each with all of them; one under whose setting they do not fit has failed."""
    model = speczoo.build(home / "small.yaml", width=4, seed=7)
    state = model.state_dict()
    torch.save({f"body.{key}": value for key, value in state.items()}, home / "old.pt")
    words = ("search", home / "tiny.yaml", "--data", home / "data", "-o", home / "out", "--accelerator", "cpu")
    words = (*words, "--set", "epochs=1", "--set", "optimizer.lr=1e-30", "--no-prune")
    weights = ("--weights", home / "old.pt", "--rename", "body=")
    found = data(*words, *weights, "--set", "width=4,5", "--trials", "2")
    assert ([row["setting"]["width"] for row in found["trials"]], found["failed"]) == ([4], 1)
    assert "does not fit" in next(iter(found["failures"]))
    trained = torch.load(home / "out" / f"{found['best']['number']:04d}" / "model.pt", weights_only=True)
    assert all(torch.equal(trained[key], value) for key, value in state.items())
    other = zoo(*words, "--set", "width=4,5", "--trials", "3", "--resume", code=2)
    assert "of other values or weights" in other.stderr


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["--set", "width"], "KEY=VALUES"),
        (["--set", "width=2.."], "no end"),
        (["--set", "widht=2..5"], "widht"),
        (["--set", "optimizer.lrr=1e-3..1e-1"], "lrr"),
        (["--where", "parms < 3"], "params"),
        (["--where", "params"], "true or false"),
        (["--where", "1/0 < params"], "division by zero"),
        (["--metric", "precision"], "accuracy"),
        (["--resume"], "no search"),
    ],
)
def test_what_makes_no_sense_is_reported(home: Path, words: list[str], reported: str) -> None:
    result = zoo("search", home / "tiny.yaml", "--data", home / "data", "-o", home / "out", *words, code=_code(words))
    assert reported in result.stderr
    assert not (home / "out").exists()


@pytest.mark.parametrize("address", ["nope://x", "x", "sqlite:////nowhere/at/all.db", "mysql://host/x"])
def test_a_database_that_is_none_is_reported(home: Path, address: str) -> None:
    words = ("search", home / "tiny.yaml", "--data", home / "data", "-o", home / "out", "--storage", address)
    reported = zoo(*words, code=2).stderr
    assert "no study can be kept in" in reported
    assert "bug" not in reported


def _code(words: list[str]) -> int:
    return 1 if any("lrr" in word or "widht" in word for word in words) else 2


def test_nothing_fits(home: Path) -> None:
    words = ("search", home / "tiny.yaml", "--data", home / "data", "-o", home / "out", "--where", "params < 1")
    found = data(*words, "--trials", "2")
    assert (found["trials"], found["best"], found["spec"]) == ([], None, None)
    assert found["refused"] > 0


def test_a_search_ends_where_every_training_fails(home: Path) -> None:
    """Rates without end to draw from, all of them too high: so many trials are tried, and the reason is reported."""
    words = ("search", home / "tiny.yaml", "--data", home / "data", "-o", home / "out", "--accelerator", "cpu")
    words = (*words, "--set", "optimizer.lr=1e5..9e5", "--set", "width=4", "--trials", "3")
    reported = zoo(*words, code=1)
    assert "3 failed" in reported.stdout
    assert reported.stdout.count("1 x the loss is not a number") == 3
    found = json.loads(zoo(*words, "--resume", "--json", code=1).stdout)
    assert (found["trials"], found["failed"], found["best"], found["spec"]) == ([], 3, None, None)
    assert sum(found["failures"].values()) == 3


def test_real_digits_under_a_budget(mnist: Path, home: Path) -> None:
    words = ("search", home / "tiny.yaml", "--data", mnist, "-o", home / "out", "--accelerator", "cpu")
    words = (*words, "--set", "epochs=2", "--set", "data.limit_train=1000", "--set", "data.limit_valid=500")
    words = (*words, "--set", "width=1..12", "--set", "optimizer.lr=1e-3..3e-1", "--where", "params < 6000")
    found = data(*words, "--trials", "8")
    assert len(found["trials"]) == 8
    whole = [row for row in found["trials"] if not row["pruned"]]
    assert found["best"]["accuracy"] == max(row["accuracy"] for row in whole)
    assert found["best"]["accuracy"] > 0.6
    assert all(speczoo.summary(home / "small.yaml", width=r["setting"]["width"]).params < 6000 for r in found["trials"])
    assert all(math.isfinite(row["accuracy"]) for row in found["trials"])


@pytest.mark.slow
def test_a_cluster_of_two_machines(home: Path) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        words = ("search", home / "tiny.yaml", "--data", home / "data", "-o", home / "out", "--accelerator", "cpu")
        words = (*words, "--on", "ray", "--address", cluster.address, "--where", "params < 6000")
        found = data(*words, "--trials", "2", "--set", "epochs=1")
        assert len(found["trials"]) == 2
        for row in found["trials"]:
            summary = speczoo.summary(home / "small.yaml", **row["setting"])
            assert summary.params < 6000
        assert speczoo.summary(f"{found['spec']}:found").params == found["best"]["params"]
        more = data(*words, "--trials", "3", "--set", "epochs=1", "--resume")
        assert len(more["trials"]) == 3
        assert len(ray.nodes()) == 2
    finally:
        ray.shutdown()
        cluster.shutdown()
