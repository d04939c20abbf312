"""build, source and new: what is written is whole, stands where it was asked for, and is the same network again."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import speczoo as face
from speczoo import api, catalogue, specialize
from speczoo.commands.new import TEMPLATE
from speczoo.compiler.emit.schema import schema
from speczoo.compiler.graph import Graph
from speczoo.specs import files
from speczoo.specs.spec import Spec
from speczoo.verify import fits, verify_module
from tests.commands.zoo_command import data, zoo
from tests.families import cases


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


# -- build --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist_densenet", "linear_classifier"])
def test_build_holds_the_module_to_its_prediction(name: str) -> None:
    built = data("build", name)
    assert built["ok"] is True
    count = sum(p.numel() for p in face.build(name).parameters())
    assert {"what": "parameters", "predicted": f"{count:,}", "built": f"{count:,}", "ok": True} in built["findings"]
    assert f"{count:,}" in zoo("build", name).stdout


SEVERAL = """\
spec: 1
name: several
inputs: [{id: words, shape: [7], dtype: int64}, {id: rest, shape: [7, 3]}]
layers:
  - {id: embed, op: Embedding, from: words, num_embeddings: 11, embedding_dim: 4}
  - {id: fc, op: Linear, from: embed, out_features: 3}
  - {id: sum, op: add, from: [fc, rest]}
  - {id: aux, op: Linear, from: embed, out_features: 2}
outputs: [{id: main, from: sum}, {id: aux, from: aux, training_only: true}]
"""


def test_build_runs_networks_with_several_inputs_and_outputs() -> None:
    Path("several.yaml").write_text(SEVERAL)
    built = data("build", "several.yaml")
    assert [(f["what"], f["built"]) for f in built["findings"][:2]] == [
        ("output main", "2x7x3"),
        ("output aux", "2x7x2"),
    ]
    assert built["ok"] is True


@pytest.mark.parametrize("spoil", ["output", "parameters", "state_dict"])
def test_a_module_that_is_not_as_predicted_is_found_out(spoil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = api.graph("linear_classifier")
    module = face.build("linear_classifier")
    linear = next(m for m in module.modules() if isinstance(m, nn.Linear))
    if spoil == "output":
        linear.register_forward_hook(lambda *args: args[-1][:, :-1])
    elif spoil == "parameters":
        module.register_parameter("more", nn.Parameter(torch.zeros(3)))
    else:
        module.register_buffer("more", torch.zeros(3))
    made = verify_module(graph, module)
    assert not made.ok
    assert spoil in {finding.what for finding in made.findings if not finding.ok}
    monkeypatch.setattr("speczoo.compiler.emit.module.build", lambda *args, **kwargs: module)
    assert "bug of zoo" in zoo("build", "linear_classifier", code=3).stderr
    assert data("build", "linear_classifier", code=3)["ok"] is False


LARGE = [
    ([300_000, 8], {"op": "MultiheadAttention", "num_heads": 8, "add_zero_attn": True}),
    ([1, 3000, 3000], {"op": "MaxPool2d", "kernel_size": 2999, "padding": 1499, "stride": 1}),
    ([1, 3000, 3000], {"op": "LPPool2d", "norm_type": 2.0, "kernel_size": 1500, "stride": 1}),
    ([3, 8, 8], {"op": "LocalResponseNorm", "size": 10**9}),
    ([3, 8, 8], {"op": "Conv2d", "out_channels": 1, "kernel_size": 1, "padding": 10**5, "stride": 2 * 10**5,
                 "padding_mode": "replicate"}),
    ([3, 8, 8], {"op": "Upsample", "size": 400_000}),
    ([3, 400_000, 400_000], {"op": "AdaptiveAvgPool2d", "output_size": 1}),
    ([64], [{"id": f"l{i}", "op": "Linear", "out_features": 2**20, "from": "input"} for i in range(500)]),
]  # fmt: skip


@pytest.mark.parametrize(("input", "layers"), LARGE, ids=str)
def test_what_is_too_large_to_run_is_held_to_its_shapes(input: list[int], layers: Any) -> None:
    """On the device `meta`: a few layers of a stranger's file ask for terabytes, or for days."""
    several = isinstance(layers, list)
    spec = {"spec": 1, "name": "t", "input": input, "layers": layers if several else [layers]}
    if several:
        spec["layers"] = [*layers, {"id": "sum", "op": "add", "from": [layer["id"] for layer in layers]}]
    graph = api.graph(spec)
    assert not fits(graph)
    made = verify_module(graph, face.build(spec, device="meta"))
    assert made.ok
    assert made.seconds is None


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_are_written_and_read_again(suffix: str) -> None:
    out = f"weights{suffix}"
    assert data("build", "mnist_resnet", "--seed", 7, "-o", out)["written"] == [out]
    assert names(Path()) == {out}
    expected = face.build("mnist_resnet", seed=7).state_dict()
    read = face.build("mnist_resnet", out).state_dict()
    assert list(read) == list(expected)
    assert all(torch.equal(read[key], expected[key]) for key in expected)
    reported = zoo("build", "mnist_resnet", "--weights", out)
    assert f"{len(expected)} of {len(expected)} tensors from {out}" in reported.stderr


def test_weights_of_other_names() -> None:
    state = face.build("lenet5", seed=1).state_dict()
    torch.save({f"module.{key.replace('fc1', 'dense')}": value for key, value in state.items()}, "w.pt")
    reported = zoo("build", "lenet5", "--weights", "w.pt", code=2)
    assert "fc1" in reported.stderr
    reported = zoo("build", "lenet5", "--weights", "w.pt", "--rename", "module=", "--rename", "dense=fc1")
    assert "10 of 10 tensors from w.pt" in reported.stderr
    for wrong in ("dense", "=x"):
        zoo("build", "lenet5", "--weights", "w.pt", "--rename", wrong, code=2)
    zoo("build", "lenet5", "--rename", "a=b", code=2)


def test_weights_that_do_not_fit_are_refused() -> None:
    zoo("build", "cifar_resnet20", "-o", "w.pt")
    result = zoo("build", "lenet5", "--weights", "w.pt", code=2)
    assert result.stdout == ""
    assert "conv_pool1.0.weight" in result.stderr


def test_a_folder_gets_spec_source_and_weights() -> None:
    zoo("build", "resnet18", "--set", "num_classes=3", "--set", "depths=[1,1,1,1]", "--seed", 1, "-o", "out")
    assert names(Path("out")) == {"resnet18.yaml", "resnet18.py", "resnet18.safetensors"}
    zoo("check", "out/resnet18.yaml")
    built = face.build("out/resnet18.yaml", "out/resnet18.safetensors").eval()
    expected = face.build("resnet18", num_classes=3, depths=[1, 1, 1, 1], seed=1).eval()
    image = torch.randn(2, 3, 64, 64)
    assert torch.equal(built(image), expected(image))
    assert Path("out/resnet18.py").read_text() == face.source("resnet18", num_classes=3, depths=[1, 1, 1, 1])


def test_several_networks_get_a_folder_each() -> None:
    zoo("build", "lenet5", "mnist_cnn", "-o", "out")
    assert {path.split("/")[0] for path in names(Path("out"))} == {"lenet5", "mnist_cnn"}


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("mine")
    (tmp_path / "link.py").symlink_to(outside)
    assert "symbolic link" in zoo("source", "lenet5", "-o", tmp_path / "link.py", code=2).stderr
    assert outside.read_text() == "mine"
    assert (tmp_path / "link.py").is_symlink()


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "x.bin"
    target.write_bytes(b"old")

    def half() -> None:
        with files.replacing(target, over=True) as file:
            file.write(b"half of the n")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert names(tmp_path) == {"x.bin"}
    assert target.read_bytes() == b"old"
    files.write(target, b"new", over=True)
    assert (names(tmp_path), target.read_bytes()) == ({"x.bin"}, b"new")
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask


# -- source -------------------------------------------------------------------------------------------------------


def test_source_is_that_of_the_python_face() -> None:
    text = face.source("lenet5", num_classes=2)
    assert zoo("source", "lenet5", "--set", "num_classes=2").stdout == text
    assert data("source", "lenet5", "--set", "num_classes=2")["source"] == text
    zoo("build", "lenet5", "--set", "num_classes=2", "-o", "lenet5.py")
    assert Path("lenet5.py").read_text() == text


def test_sources_of_several() -> None:
    ast.parse(zoo("source", "lenet5", "mnist_cnn").stdout)
    zoo("source", "lenet5", "mnist_cnn", "-o", "all.py", code=2)
    zoo("source", "lenet5", "mnist_cnn", "-o", "folder")
    assert names(Path("folder")) == {"lenet5.py", "mnist_cnn.py"}


# -- a network as a spec of its own -------------------------------------------------------------------------------

FAMILIES = {entries[-1][0]: path for path in catalogue.files() if (entries := catalogue.entries(path))}


def reread(text: str) -> Spec:
    return catalogue.found(text)[0].spec


def same(one: Graph, other: Graph) -> bool:
    return (one.state, one.macs, one.root.values) == (other.state, other.macs, other.root.values)


@pytest.mark.parametrize("name", cases(FAMILIES))
def test_a_variant_alone_is_the_same_network(name: str) -> None:
    graph = api.graph(name)
    spec = reread(specialize.text(graph, "alone"))
    assert spec.name == "alone"
    assert not spec.variants
    assert same(api.graph(spec), graph)
    assert spec.published == (graph.spec.variants[name].published if graph.spec.variants else graph.spec.published)


def test_comments_are_kept() -> None:
    text = (catalogue.NETWORKS / "resnet.yaml").read_text()
    kept = text.partition("variants:")[0]
    alone = specialize.text(api.graph("resnet50"), "alone")
    for line in kept.splitlines():
        if "#" in line and "BasicBlock, doc" not in line and "$schema" not in line:
            assert line in alone
    lines = len(kept.splitlines()) - 1  # where an editor finds the schema, from that folder
    assert len(alone.splitlines()) == lines + 4  # `published`, `notes`, `weights`, `expect`


def test_parameters_and_input_from_outside_are_its_defaults() -> None:
    graph = api.graph("regnet_y_400mf", input=[3, 64, 64], num_classes=5)
    spec = reread(specialize.text(graph, "alone", {"num_classes": 5}))
    assert (spec.input, spec.params["num_classes"].default, spec.published, spec.weights) == (
        [3, 64, 64],
        5,
        None,
        graph.spec.variants["regnet_y_400mf"].weights,
    )
    assert same(api.graph(spec), graph)


def test_a_json_family_stays_json(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(
        json.dumps({**json.loads(json.dumps(catalogue.own(catalogue.NETWORKS / "lenet.yaml").document.data))})
    )
    zoo("new", "mine", "--from", f"{path}:lenet5_c5")
    assert "variants" not in json.loads(Path("mine.json").read_text())
    assert data("summary", "mine.json")["params"] == 61706


def test_used_files_come_along() -> None:
    Path("parts").mkdir()
    Path("parts/part.yaml").write_text(
        "spec: 1\nname: part\ninput: [3, 8, 8]\nuse: {Leaf: ./leaf.yaml}\nlayers: [{op: Leaf}]\n"
    )
    Path("parts/leaf.yaml").write_text("spec: 1\nname: leaf\ninput: [3, 8, 8]\nlayers: [{op: ReLU}]\n")
    Path("net.yaml").write_text(
        "spec: 1\nname: net\ninput: [3, 8, 8]\nuse: {Part: ./parts/part.yaml}\nlayers: [{op: Part}]\n"
    )
    zoo("build", "net.yaml", "-o", "out")
    assert {"net.yaml", "parts/part.yaml", "parts/leaf.yaml"} < names(Path("out"))
    zoo("check", "out/net.yaml")


def test_the_specs_that_one_copies_first_are_laid_out() -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    specs = dict(re.findall(r"^```yaml (\S+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    specs.pop("wrong.yaml")
    for name, text in specs.items():
        Path(name).write_text(text, encoding="utf-8")
    zoo("fmt", "--check", *specs)


# -- new ----------------------------------------------------------------------------------------------------------


def test_a_new_spec_is_good_and_commented() -> None:
    zoo("new", "mine")
    text = Path("mine.yaml").read_text()
    assert text.partition("\n")[2] == TEMPLATE.format(name="mine")
    assert text.count("#") > 10
    zoo("check", "mine.yaml")
    zoo("fmt", "--check", "mine.yaml")
    assert data("build", "mine.yaml")["ok"] is True
    uncommented = text.replace("# variants:", "variants:").replace("#   small", "  small")
    Path("more.yaml").write_text(uncommented)
    zoo("check", "more.yaml:small")


@pytest.mark.parametrize("origin", ["resnet18", "vit_b_32", "efficientnet_b0", "unet_resnet34"])
def test_a_new_spec_from_a_network(origin: str) -> None:
    made = data("new", "mine", "--from", origin)
    assert made == {"name": "mine", "file": "mine.yaml", "files": ["mine.yaml"]}
    zoo("check", "mine.yaml")
    assert same(api.graph("mine.yaml"), api.graph(origin))
    assert reread(Path("mine.yaml").read_text()).weights == weights_of(origin)


def weights_of(name: str) -> Any:
    spec = api.graph(name).spec
    return (spec.variants[name].weights if name in spec.variants else None) or spec.weights


@pytest.mark.parametrize(
    ("origin", "set", "kept"),
    [("resnet50", {"num_classes": 3}, True), ("resnet50", {"depths": [1, 1, 1, 1]}, False)],
    ids=["another head", "other layers"],
)
def test_weights_stay_as_long_as_they_fit(origin: str, set: dict[str, Any], kept: bool) -> None:
    zoo("new", "mine", "--from", origin, *(word for item in set.items() for word in ("--set", f"{item[0]}={item[1]}")))
    assert (reread(Path("mine.yaml").read_text()).weights == weights_of(origin)) == kept


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=repr)
def test_a_variant_alone_ends_its_lines_as_its_family(end: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes((catalogue.NETWORKS / "lenet.yaml").read_bytes().replace(b"\n", end.encode()))
    zoo("new", "mine", "--from", f"{path}:lenet5_c5")
    written = Path("mine.yaml").read_bytes()
    assert written.count(end.encode()) == written.count(b"\n") > 5
    assert written.count(b"$schema") == 1


@pytest.mark.parametrize("name", ["x.txt", "x.json", "net.onnx"])
def test_a_new_spec_is_no_other_kind_of_file(name: str, here: Path) -> None:
    assert f"zoo new {name.partition('.')[0]}" in zoo("new", name, code=2).stderr
    assert not list(here.iterdir())
    zoo("new", "net_v1.5")
    assert names(here) == {"net_v1.5.yaml"}


def test_new_never_overwrites(tmp_path: Path) -> None:
    zoo("new", "mine")
    before = Path("mine.yaml").read_text()
    zoo("new", "mine.yaml", code=2)
    zoo("new", "mine", "--from", "resnet18", code=2)
    assert Path("mine.yaml").read_text() == before
    Path("dangling.yaml").symlink_to(tmp_path / "nothing.yaml")
    zoo("new", "dangling", code=2)
    assert not (tmp_path / "nothing.yaml").exists()


def modeline(path: Path) -> Path:
    """The schema that a spec names, from where it stands."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return path.parent / first.removeprefix("# yaml-language-server: $schema=")


@pytest.mark.parametrize("origin", [(), ("--from", "lenet5"), ("--from", "resnet18")])
def test_a_new_spec_names_a_schema_that_is_there(origin: tuple[str, ...], here: Path) -> None:
    zoo("new", "mine", *origin)
    assert json.loads(modeline(here / "mine.yaml").read_text(encoding="utf-8")) == schema()
    (here / "nets").mkdir()
    zoo("schema", "-o", "zoo.schema.json")
    os.chdir(here / "nets")
    zoo("new", "mine", *origin)
    assert modeline(here / "nets" / "mine.yaml").resolve() == (here / "zoo.schema.json").resolve()


@pytest.mark.parametrize(
    "words",
    [
        ("build", "NET"),
        ("source", "NET"),
        ("export", "NET"),
        ("draw", "NET"),
        ("import", "torch.nn:ReLU", "--input", "4"),
    ],
    ids=lambda words: words[0],
)
def test_a_file_of_another_kind_is_not_written_even_by_force(words: tuple[str, ...], here: Path) -> None:
    """A spec is no place for code, nor a program for a spec: not the command's own input either."""
    net = here / "net.txt"
    net.write_text(SEVERAL)
    words = tuple("lenet5" if word == "NET" else word for word in words)
    result = zoo(*words, "-o", "net.txt", "--force", code=2)
    assert "net.txt" in result.stderr or "'.txt'" in result.stderr
    assert net.read_text() == SEVERAL
    assert names(here) == {"net.txt"}
