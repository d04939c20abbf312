"""What older versions wrote is read by this one, and means what it meant."""

from __future__ import annotations

import json
import pickle
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from speczoo.training import recipe_loader
from tests.commands.zoo_command import data
from tests.compatibility import meaning

VERSIONS = sorted(path for path in Path(__file__).parent.iterdir() if (path / "meant.json").is_file())
SPECS = [path for version in VERSIONS for path in sorted((version / "specs").iterdir())]
version = pytest.mark.parametrize("folder", VERSIONS, ids=lambda path: path.name)


def kept(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_the_first_version_is_kept_whole() -> None:
    first = VERSIONS[0]
    assert first.name == "0.1.0"
    assert kept(first, "meant.json").keys() == {path.name for path in SPECS if path.parents[1] == first}
    assert all(kept(folder, "meant.json") for folder in VERSIONS)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_a_spec_means_what_it_intended(path: Path) -> None:
    wanted = kept(path.parents[1], "meant.json")[path.name]
    found = meaning.meanings(path)
    assert found is not None
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("path", SPECS, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_formatting_keeps_what_it_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    written = meaning.fmt(text)
    assert written is not None
    assert meaning.spec_of(written) == meaning.spec_of(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_classes: 2", "num_classes: 3"),
        ("kernel_size: 2, stride: 2}", "kernel_size: 2, stride: 2, bias: false}"),
        ("{id: conv2,", "{id: second,"),
        ("[3, 256, 256]", "[3, 128, 128]"),
    ],
)
def test_another_meaning_is_found(old: str, new: str, tmp_path: Path) -> None:
    wanted = kept(VERSIONS[0], "meant.json")["unet.yaml"]
    text = (VERSIONS[0] / "specs" / "unet.yaml").read_text(encoding="utf-8").split("\nexpect:")[0]
    for content, same in ((text, True), (text.replace(old, new), False)):
        (tmp_path / "unet.yaml").write_text(content + "\n", encoding="utf-8")
        assert (meaning.meanings(tmp_path / "unet.yaml") == wanted) == same


@version
@pytest.mark.parametrize(("name", "code"), [("check", 0), ("wrong", 1), ("summary", 0)])
def test_json_has_the_keys_that_it_had(folder: Path, name: str, code: int, tmp_path: Path) -> None:
    reported = kept(folder, "told.json")[name]
    (tmp_path / "net.yaml").write_text(reported["text"], encoding="utf-8")
    found = data("summary" if name == "summary" else "check", tmp_path / "net.yaml", code=code)
    assert meaning.lacks(reported["shape"], meaning.shape_of(found)) == []


def test_a_key_that_is_gone_or_of_another_type_is_found() -> None:
    old = {"ok": "bool", "files": [{"file": "str"}]}
    assert meaning.lacks(old, {**old, "new": "str"}) == []
    assert meaning.lacks(old, {"files": [{"file": "str"}]}) == [".ok"]
    assert meaning.lacks(old, {"ok": "bool", "files": [{"file": "number"}]}) == [".files[].file: str became number"]


@version
def test_a_recipe_means_what_it_intended(folder: Path) -> None:
    found = recipe_loader.load(folder / "recipe.yaml", with_network=True)
    assert meaning.stated(kept(folder, "recipe.json"), found.model_dump(mode="json"))
    other = recipe_loader.load(folder / "recipe.yaml", ["epochs=5"])
    assert not meaning.stated(kept(folder, "recipe.json"), other.model_dump(mode="json"))


class Renamed(pickle.Unpickler):
    """As the changelog has it, for pickles that were written before the packages were called `speczoo`."""

    def find_class(self, module: str, name: str) -> Any:
        top, dot, rest = module.partition(".")
        new = {"zoo": "speczoo", "compiler": "speczoo.compiler", "specs": "speczoo.specs"}.get(top, top)
        return super().find_class(new + dot + rest, name)


@version
@pytest.mark.parametrize("weights", ["tiny.safetensors", "tiny.pt", None], ids=str)
def test_what_was_built_gives_the_outputs_that_it_gave(folder: Path, weights: str | None) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    import speczoo

    built = folder / "built"
    wanted = load_file(built / "output.safetensors")
    if weights is None:
        with (built / "tiny.pickle").open("rb") as file:
            module = Renamed(file).load()
    else:
        module = speczoo.build(built / "tiny.yaml", built / weights)
    with torch.inference_mode():
        torch.testing.assert_close(module.eval()(wanted["x"]), wanted["y"], rtol=1e-4, atol=1e-5)


@version
def test_source_that_was_written_takes_the_weights_and_gives_the_outputs(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    names: dict[str, Any] = {"__name__": "tiny"}
    exec(compile((folder / "built" / "tiny.py").read_text(encoding="utf-8"), "tiny.py", "exec"), names)
    module = names["Tiny"]()
    module.load_state_dict(load_file(folder / "built" / "tiny.safetensors"), strict=True)
    wanted = load_file(folder / "built" / "output.safetensors")
    with torch.inference_mode():
        torch.testing.assert_close(module.eval()(wanted["x"]), wanted["y"], rtol=1e-4, atol=1e-5)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A version's run and its images, where they may be written to."""
    if not (find_spec("torchvision") and find_spec("lightning")):
        pytest.skip("needs the extra `train`")
    from speczoo.torchvision import torchvision

    torchvision()  # before Lightning
    for name in ("run", "images"):
        shutil.copytree(folder / name, tmp_path / name)
    return tmp_path


@version
def test_a_run_takes_the_images_that_it_took(folder: Path, copied: Path) -> None:
    from speczoo.training.evaluate import evaluate, predict
    from speczoo.training.run import Run

    wanted = kept(folder, "said.json")
    opened = Run.open(copied / "run")
    found = predict(opened, [copied / "images" / "valid" / name / "0.png" for name in opened.classes])
    for prediction, stated in zip(found, wanted["predicted"], strict=True):
        assert dict(zip(prediction.classes, prediction.probabilities, strict=True)) == pytest.approx(stated, abs=1e-4)
    measured = evaluate(opened.model(), opened.dataset(copied / "images"), opened.recipe).results
    assert {name: measured[name] for name in wanted["measured"]} == pytest.approx(wanted["measured"], abs=1e-4)


@version
def test_a_run_goes_on_to_the_end_that_it_would_have_had(folder: Path, copied: Path) -> None:
    from speczoo.training.engine import train
    from speczoo.training.run import Run

    wanted, before = kept(folder, "said.json")["history"], Run.open(copied / "run").history
    assert 0 < len(before) < len(wanted)
    train(resume=copied / "run", data=copied / "images", accelerator="cpu", report=False, quiet=True)
    after = Run.open(copied / "run").history
    assert after[: len(before)] == before
    for found, stated in zip(after, wanted, strict=True):
        assert {**found, "seconds": 0} == pytest.approx({**stated, "seconds": 0}, abs=0.02)
