"""Weights from elsewhere: all of them fit, or the report says what did not and why that was asked for."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import speczoo
from speczoo import catalogue
from speczoo.rename import renamed
from speczoo.torchvision import published_weights, torchvision
from speczoo.weights import LoadReport, WeightsError, build_with
from tests.networks.shared import SHARED

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    torch.manual_seed(0)
    return torchvision().models.squeezenet1_1().eval()


@pytest.fixture(scope="module")
def state(theirs: nn.Module) -> State:
    return theirs.state_dict()


def report(model: nn.Module) -> LoadReport:
    found = model.load_report
    assert isinstance(found, LoadReport)
    return found


def published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, member: Any, state: State, *, digest: str | None = None
) -> Path:
    """A member of torchvision's enums whose address is a file of ours, and an empty cache."""
    origin = tmp_path / "origin"
    origin.mkdir()
    torch.save(state, origin / "file.pth")
    digest = digest or hashlib.sha256((origin / "file.pth").read_bytes()).hexdigest()[:8]
    target = (origin / "file.pth").rename(origin / f"net-{digest}.pth")
    monkeypatch.setattr(member.value, "url", target.as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub" / "checkpoints" / target.name


# -- forms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["mapping", "file.pt", "file.pth", "file.safetensors", "path", "nested.ckpt"])
def test_every_form_gives_the_same_outputs(form: str, theirs: nn.Module, state: State, tmp_path: Path) -> None:
    given: Any = state
    if form != "mapping":
        given = tmp_path / ("file.pt" if form == "path" else form)
        if form.endswith(".safetensors"):
            from safetensors.torch import save_file

            save_file(state, given)
        else:
            torch.save({"state_dict": state, "epoch": 3} if form.startswith("nested") else state, given)
        given = given if form == "path" else str(given)
    model = speczoo.build("squeezenet1_1", given).eval()
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(model(x), theirs(x))
    assert set(report(model).loaded) == set(state)
    assert report(model).complete
    assert not report(model).unexpected


SMALL: dict[str, Any] = {"spec": 1, "name": "t", "input": [3], "layers": [{"op": "Linear", "out_features": 2}]}


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_an_index_brings_its_shards_together(ending: str, tmp_path: Path) -> None:
    """Of files beside it, and of none elsewhere; what one of them lacks is reported."""
    from safetensors.torch import save_file

    state = dict(speczoo.build(SMALL, seed=0).state_dict())
    save: Any = save_file if ending == "safetensors" else torch.save
    places = {key: f"model-{i}.{ending}" for i, key in enumerate(state)}
    for key, place in places.items():
        save({key: state[key]}, tmp_path / place)
    index = tmp_path / f"model.{ending}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 32}, "weight_map": places}))
    model = speczoo.build(SMALL, index)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert report(model).source == str(index)
    (tmp_path / "below").mkdir()
    wrong: dict[str, Any] = {
        "has not all": dict.fromkeys(places, places["0.weight"]),
        "leads out": {key: f"../{place}" for key, place in places.items()},
        "no index": list(places),
        "no file of tensors": dict.fromkeys(places, "itself.index.json"),
    }
    for i, (why, map_) in enumerate(wrong.items()):
        other = (tmp_path / "below" if i == 1 else tmp_path) / "itself.index.json"
        other.write_text(json.dumps({"weight_map": map_}))
        with pytest.raises(WeightsError, match=why):
            speczoo.build(SMALL, other)


@given(st.text(min_size=1), st.sets(st.sampled_from(["epoch", "optimizer", "hyper_parameters", "param_groups"])))
def test_the_one_state_dict_of_a_checkpoint_is_found(key: str, beside: set[str]) -> None:
    """Under whatever key it is kept, which the report names where that is not a usual one."""
    others: dict[str, Any] = {
        "epoch": 3,
        "optimizer": {"state": {}},
        "hyper_parameters": {"lr": 0.1},
        "param_groups": [],
    }
    state = speczoo.build(SMALL, seed=0).state_dict()
    model = speczoo.build(SMALL, {**{other: others[other] for other in beside}, key: state})
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    usual = key in ("state_dict", "model", "model_state_dict")
    assert report(model).source == ("a state_dict" if usual else f"`{key[:100]}` of a state_dict")


@pytest.mark.parametrize("usual", ["state_dict", "model", "model_state_dict", None])
def test_of_several_state_dicts_the_usual_one_is_named_or_none_is_taken(usual: str | None) -> None:
    state = speczoo.build(SMALL, seed=0).state_dict()
    given = {"ema": {key: value * 0 for key, value in state.items()}, usual or "student": state}
    if usual is None:
        with pytest.raises(WeightsError, match="several state_dicts: `ema`, `student`"):
            speczoo.build(SMALL, given)
        return
    model = speczoo.build(SMALL, given)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert report(model).source == f"`{usual}` of a state_dict"


def test_the_caller_s_tensors_stay_the_caller_s(state: State) -> None:
    model = speczoo.build("squeezenet1_1", state)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert all(value.any() for key, value in state.items() if key.endswith("weight"))


def test_device_dtype_and_training_mode(state: State) -> None:
    half = speczoo.build("squeezenet1_1", state, dtype=torch.float16)
    assert {p.dtype for p in half.parameters()} == {torch.float16}
    assert half.training
    assert all(p.requires_grad and p.is_leaf for p in half.parameters())
    whole = speczoo.build("squeezenet1_1", {k: v.half() for k, v in state.items()})
    assert {p.dtype for p in whole.parameters()} == {torch.float32}
    with torch.device("meta"):
        assert {p.device.type for p in speczoo.build("squeezenet1_1", state, num_classes=3).parameters()} == {"meta"}
    assert {p.device.type for p in speczoo.build("squeezenet1_1", state, device="meta").parameters()} == {"meta"}


def test_frozen_stays_frozen() -> None:
    layers = [{"id": "a", "op": "Linear", "out_features": 3}, {"id": "b", "op": "Linear", "out_features": 2}]
    spec = {"spec": 1, "name": "frozen", "input": [4], "layers": layers, "freeze": ["a.*"]}
    model = speczoo.build(spec, speczoo.build(spec).state_dict())
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["b.weight", "b.bias"]


def test_batch_norm_of_before_the_counter(tmp_path: Path) -> None:
    state = {k: v for k, v in speczoo.build("mnist_cnn").state_dict().items() if not k.endswith("num_batches_tracked")}
    model = speczoo.build("mnist_cnn", state)
    assert all(m.num_batches_tracked == 0 for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert report(model).complete


# -- torchvision's published weights --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["DEFAULT", "IMAGENET1K_V1", "SqueezeNet1_1_Weights.IMAGENET1K_V1", "member"])
def test_published_weights(
    name: str, theirs: nn.Module, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = torchvision().models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    cached = published(monkeypatch, tmp_path, member, state)
    model = speczoo.build("squeezenet1_1", member if name == "member" else name).eval()
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(model(x), theirs(x))
    assert cached.is_file()
    reported = report(model)
    assert reported.source == "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    assert len(reported.categories) == 1000
    assert reported.categories[1] == "goldfish"
    assert reported.transforms()(torch.zeros(3, 300, 400, dtype=torch.uint8)).shape == (3, 224, 224)
    (tmp_path / "origin" / cached.name).unlink()
    speczoo.build("squeezenet1_1", "DEFAULT")  # from the cache


def test_what_was_fetched_is_held_against_its_hash(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = published(
        monkeypatch, tmp_path, torchvision().models.SqueezeNet1_1_Weights.DEFAULT, state, digest="0badc0de"
    )
    with pytest.raises(WeightsError, match="hash"):
        speczoo.build("squeezenet1_1", "DEFAULT")
    assert not cached.exists()


def test_offline_says_what_was_wanted_and_where_to_put_it(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = published(monkeypatch, tmp_path, torchvision().models.SqueezeNet1_1_Weights.DEFAULT, state)
    origin = tmp_path / "origin" / cached.name
    elsewhere = origin.rename(tmp_path / "elsewhere.pth")
    with pytest.raises(WeightsError) as caught:
        speczoo.build("squeezenet1_1", "DEFAULT")
    stated = str(caught.value)
    assert "SqueezeNet1_1_Weights.IMAGENET1K_V1" in stated
    assert origin.as_uri() in stated
    assert str(cached) in stated
    elsewhere.rename(cached)
    speczoo.build("squeezenet1_1", "DEFAULT")


@pytest.mark.parametrize("name", ["googlenet", pytest.param("inception_v3", marks=pytest.mark.slow)])
def test_what_torchvision_changes_when_it_loads(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = torchvision().models
    member = models.get_model_weights(name).DEFAULT
    published(monkeypatch, tmp_path, member, getattr(models, name)(init_weights=False).state_dict())
    theirs = getattr(models, name)(weights="DEFAULT")
    ours = speczoo.build(name, "DEFAULT")
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(ours.rescaled(x), theirs._transform_input(x))
    assert not torch.allclose(ours.rescaled(x), x, atol=0.1)
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    assert all(torch.equal(value, state[key]) for key, value in ours.state_dict().items())
    dropped = {"aux1", "aux2"} if name == "googlenet" else set()
    assert {key.partition(".")[0] for key in report(ours).unexpected} == dropped
    kept = speczoo.build(name, "DEFAULT", aux_logits=True, transform_input=False)
    assert not report(kept).unexpected
    assert not hasattr(kept, "rescaled")


@pytest.mark.parametrize("name", speczoo.list_models("densenet*"))
def test_densenet_s_old_keys(name: str) -> None:
    keys = list(speczoo.graph(name).state)
    old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", key): key for key in keys if "denselayer" in key}
    assert len(set(old) - set(keys)) == len(old)
    entry = speczoo.graph(name).spec.variants[name].weights
    assert entry is not None
    assert all(new == key for new, key in renamed(old, entry.rename).items())
    assert list(renamed(dict.fromkeys(keys), entry.rename)) == keys


def test_every_spec_s_weights_are_those_of_its_name() -> None:
    models = torchvision().models
    uncounted = {"googlenet": 13004888 - 6624904}  # heads that torchvision does not count
    visited = set()
    for name, (path, variant) in catalogue.index().items():
        spec = catalogue.own(path).spec
        stated = spec.variants[variant] if variant else spec
        entry = stated.weights or spec.weights
        if entry is None:
            continue
        visited.add(name)
        enum = published_weights(entry.source.removeprefix("torchvision:"))
        assert enum is models.get_model_weights(name)
        graph = speczoo.graph(name) if name in uncounted else speczoo.graph(name, **entry.params)
        assert graph.params - uncounted.get(name, 0) in {member.meta["num_params"] for member in enum}, name
        assert set(entry.params) <= set(spec.params)
    assert set(SHARED) <= visited


# -- a head of one's own --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["squeezenet1_1", "mnist_cnn"])
def test_another_number_of_classes_loads_all_but_the_head(name: str) -> None:
    state = speczoo.build(name, seed=1).state_dict()
    model = speczoo.build(name, state, num_classes=3, seed=2)
    reported = report(model)
    fresh = speczoo.build(name, num_classes=3, seed=2).state_dict()
    differ = {key for key, value in fresh.items() if value.shape != state[key].shape}
    assert differ
    assert set(reported.missing) == differ
    assert set(reported.loaded) == set(state) - differ
    for key, value in model.state_dict().items():
        assert value.device.type == "cpu"
        if key in differ:
            assert value.isfinite().all()
            if key.endswith(("running_mean", "running_var", "bias")):
                assert torch.equal(value, fresh[key]) or key.endswith("bias")
        else:
            assert torch.equal(value, state[key])
    again = speczoo.build(name, state, num_classes=3, seed=2).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in model.state_dict().items())
    spread = model.state_dict()[next(k for k in reported.missing if k.endswith("weight"))].std()
    assert (
        0.5 < spread / fresh[next(k for k in reported.missing if k.endswith("weight"))].std() < 2 or name == "mnist_cnn"
    )


def test_what_was_not_loaded_is_reported(state: State, caplog: pytest.LogCaptureFixture) -> None:
    speczoo.build("squeezenet1_1", state)
    assert not caplog.records
    speczoo.build("squeezenet1_1", state, num_classes=3)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "classifier.1.weight" in record.getMessage()


def test_the_seed_leaves_torch_s_generator_alone(state: State) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    speczoo.build("squeezenet1_1", state, num_classes=3, seed=2)
    assert torch.equal(before, torch.get_rng_state())


def test_without_a_head_and_with_taps(state: State) -> None:
    pooled = speczoo.build("squeezenet1_1", state, num_classes=0)
    assert set(report(pooled).unexpected) == {"classifier.1.weight", "classifier.1.bias"}
    tapped = speczoo.build("squeezenet1_1", state, taps=["features.3"])
    assert not report(tapped).missing
    assert "features.12.expand3x3.weight" in report(tapped).unexpected
    assert torch.equal(tapped.state_dict()["features.0.weight"], state["features.0.weight"])


def test_nothing_is_initialised_that_is_loaded(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[int] = []

    def counted(real: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def initialiser(*args: Any, **kwargs: Any) -> Tensor:
            tensor = args[0] if args else kwargs["tensor"]
            touched.append(0 if tensor.is_meta else tensor.numel())
            return real(*args, **kwargs)

        return initialiser

    for name in ("normal_", "uniform_", "kaiming_uniform_", "kaiming_normal_", "constant_", "zeros_", "trunc_normal_"):
        monkeypatch.setattr(nn.init, name, counted(getattr(nn.init, name)))
    speczoo.build("squeezenet1_1", state)
    assert touched
    assert sum(touched) == 0
    speczoo.build("squeezenet1_1", state, num_classes=7)
    assert 0 < max(touched) <= 7 * 512


# -- what does not fit ------------------------------------------------------------------------------------------------


def misfits(state: State) -> dict[str, tuple[State, dict[str, Any], str]]:
    first = next(iter(state))
    return {
        "missing": ({k: v for k, v in state.items() if k != first}, {}, f"missing: {first}"),
        "missing beside a changed head": (
            {k: v for k, v in state.items() if k != first},
            {"num_classes": 3},
            f"missing: {first}",
        ),
        "left over": ({**state, "extra.weight": state[first]}, {}, "no place in the network: extra.weight"),
        "left over without a head": ({**state, "extra.weight": state[first]}, {"num_classes": 0}, "extra.weight"),
        "another shape": ({**state, first: state[first][:5]}, {}, "another shape: " + first),
        "another input": (state, {"in_channels": 1}, "64 x 3 x 3 x 3 for 64 x 1 x 3 x 3"),
        "prefixed": ({f"backbone.{k}": v for k, v in state.items()}, {}, "every key starts with `backbone.`"),
        "whole numbers": ({**state, first: state[first].char()}, {}, f"so that a scale is missing: {first}"),
        "complex": (
            {**state, first: state[first].cfloat()},
            {},
            f"of complex numbers where real ones are wanted: {first}",
        ),
        "sparse": ({**state, first: state[first].to_sparse()}, {}, f"`{first}` is a sparse tensor"),
        "without values": (
            {**state, first: state[first].to("meta")},
            {},
            f"`{first}` is a tensor of the device `meta`",
        ),
        "empty": ({}, {}, "empty"),
    }


@pytest.mark.parametrize("case", list(misfits({"a": torch.zeros(1)})))
def test_what_does_not_fit_is_refused(case: str, state: State) -> None:
    given, params, words = misfits(state)[case]
    with pytest.raises(WeightsError) as caught:
        speczoo.build("squeezenet1_1", given, **params)
    assert words in str(caught.value)


#: DataParallel's, torch.compile's, Lightning's and those of modules of one's own.
WRAPPERS = ["module.", "_orig_mod.", "model.", "net."]


@given(st.lists(st.sampled_from(WRAPPERS), max_size=4), st.booleans())
def test_what_wrappers_put_before_every_name_is_taken_off(state: State, prefixes: list[str], nested: bool) -> None:
    """In whatever order, also in a checkpoint of Lightning: the weights are those without, and the report says so."""
    prefix = "".join(prefixes)
    given: Any = {prefix + key: value for key, value in state.items()}
    model = speczoo.build("squeezenet1_1", {"state_dict": given, "epoch": 3} if nested else given)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert report(model).prefix == report(model).to_json()["prefix"] == prefix
    assert prefix in str(report(model))
    assert report(model).complete


@pytest.mark.parametrize("prefix", WRAPPERS)
def test_a_name_of_the_network_s_own_is_no_prefix(prefix: str) -> None:
    spec = {"spec": 1, "name": "t", "input": [3], "layers": [{"id": prefix[:-1], "layers": [{"id": "fc", "op": "Linear",
            "out_features": 2}]}]}  # fmt: skip
    inner = speczoo.build(spec, seed=0).state_dict()
    for before in ("", "module.", prefix, "model.net."):
        model = speczoo.build(spec, {before + key: value for key, value in inner.items()})
        assert report(model).prefix == before
        assert all(torch.equal(value, inner[key]) for key, value in model.state_dict().items())


@given(st.data())
def test_other_names_are_given_back(state: State, data: st.DataObject) -> None:
    """Of keys and of modules, at any depth; a name that nothing has, or that two would get, is refused."""
    key = data.draw(st.sampled_from(list(state)))
    parts = key.split(".")
    old = ".".join(parts[: data.draw(st.integers(1, len(parts)))])
    given = {re.sub(rf"^{re.escape(old)}(?=\.|$)", "elsewhere.x", k): v for k, v in state.items()}
    model = build_with(speczoo.graph("squeezenet1_1"), given, rename={"elsewhere.x": old})
    assert all(torch.equal(value, state[k]) for k, value in model.state_dict().items())
    with pytest.raises(WeightsError, match="no key nothing"):
        build_with(speczoo.graph("squeezenet1_1"), given, rename={"nothing": old})
    whole = {f"encoder.{k}": v for k, v in state.items()}
    assert build_with(speczoo.graph("squeezenet1_1"), whole, rename={"encoder": ""})
    with pytest.raises(WeightsError, match="more than one key"):
        build_with(speczoo.graph("squeezenet1_1"), state, rename={"**.*": "**"})


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors", "weights.bin"])
def test_a_pointer_of_git_lfs_is_reported(name: str, tmp_path: Path) -> None:
    oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
    (tmp_path / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n")
    with pytest.raises(WeightsError, match="pointer of Git LFS") as caught:
        speczoo.build("squeezenet1_1", tmp_path / name)
    assert "git lfs pull" in str(caught.value)


def test_counts_are_of_what_came(tmp_path: Path) -> None:
    """Counters of batch norm that no file had are neither loaded nor missing."""
    new = speczoo.build("resnet18", seed=0).state_dict()
    old = {key: value for key, value in new.items() if not key.endswith("num_batches_tracked")}
    for weights in (new, old):
        found = report(model := speczoo.build("resnet18", weights, num_classes=5))
        assert set(found.loaded) | {"fc.weight", "fc.bias"} == set(weights)
        assert found.missing == ("fc.weight", "fc.bias")
        assert str(found).startswith(f"{len(weights) - 2} of {len(new)} tensors from")
        assert not any(value.is_meta for value in model.state_dict().values())


def test_pickles_that_hold_more_than_tensors_are_not_read(theirs: nn.Module, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"a": torch.zeros(1), "b": Trap()}, tmp_path / "trap.pt")
    torch.save(theirs, tmp_path / "module.pt")
    for name in ("trap.pt", "module.pt"):
        with pytest.raises(WeightsError, match="state_dict"):
            speczoo.build("squeezenet1_1", tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["broken.pt", "broken.safetensors", "broken.pth"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01 no weights", b"PK\x03\x04 no archive"])
def test_broken_files(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        speczoo.build("squeezenet1_1", str(tmp_path / name))


def test_other_wrong_words(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file"):
        speczoo.build("squeezenet1_1", "nowhere.pt")
    with pytest.raises(WeightsError, match="did you mean `IMAGENET1K_V1`"):
        speczoo.build("squeezenet1_1", "IMAGENET_V1")
    with pytest.raises(WeightsError, match="nobody published weights for mnist_cnn"):
        speczoo.build("mnist_cnn", "DEFAULT")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="holds list"):
        speczoo.build("squeezenet1_1", tmp_path / "list.pt")


# -- the report goes where the model goes -----------------------------------------------------------------------------


def test_the_report_survives_copies_and_another_process(state: State, tmp_path: Path) -> None:
    model = build_with(speczoo.graph("squeezenet1_1", num_classes=2), state)
    assert copy.deepcopy(model).load_report == model.load_report
    assert pickle.loads(pickle.dumps(model)).load_report == model.load_report
    torch.save(model, tmp_path / "model.pt")
    code = f"import torch; print(torch.load({str(tmp_path / 'model.pt')!r}, weights_only=False).load_report)"
    reported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert reported.strip() == str(model.load_report)
    assert "classifier.1.weight" in reported
