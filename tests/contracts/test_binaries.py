"""Weights, images, data and runs of a stranger: what they cost is known before it is paid, and a person may pay."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import speczoo
from speczoo import limits, tensors
from speczoo.limits import LimitExceeded
from speczoo.torchvision import torchvision
from speczoo.training import memory, recipe_loader
from speczoo.training.data import load
from speczoo.training.errors import DataError, RunError, TrainingError
from speczoo.training.evaluate import predict
from speczoo.training.files import read_tensors
from speczoo.training.images import read_images
from speczoo.training.run import Run
from tests.hostile import doors, exported_files, picture_files, tensor_files
from tests.hostile.files import HostileFile, hostile_files

torchvision()
FILES = hostile_files(tensor_files, picture_files, exported_files)
MIB = 200  # what an attack may take, above what the doors themselves take


@pytest.fixture(scope="module")
def child() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.hostile.doors"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as made:
        yield made
        assert made.stdin
        made.stdin.close()


def asked(child: subprocess.Popen[str], door: str, path: Path) -> dict[str, Any]:
    assert child.stdin
    assert child.stdout
    child.stdin.write(f"{door} {path}\n")
    child.stdin.flush()
    found: dict[str, Any] = json.loads(child.stdout.readline())
    return found


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_hostile_file_is_reported_and_takes_little(
    file: HostileFile, child: subprocess.Popen[str], tmp_path: Path
) -> None:
    found = asked(child, file.door, file(tmp_path))
    assert file.says in found["reported"]
    assert found["taken"] < MIB


def test_memory_that_is_taken_would_be_noticed(child: subprocess.Popen[str], tmp_path: Path) -> None:
    """A picture below the limit is decoded, once for each of its eight names: eight take what one takes."""
    picture = picture_files.png(tmp_path / "0.png", 5_000, 5_000)
    one = asked(child, "folder", tmp_path)["taken"]
    for number in range(1, 8):
        (tmp_path / f"{number}.png").symlink_to(picture)
    eight = asked(child, "folder", tmp_path)
    assert not eight["reported"]
    assert 25e6 / 2**20 < one < MIB
    assert eight["taken"] < one + 50


# -- limits that a person raises and lowers -----------------------------------------------------------------------


def safetensors(folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file({"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}, folder / "x.safetensors")
    return folder / "x.safetensors"


def saved(folder: Path, **options: Any) -> Path:
    torch.save({"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}, folder / "x.pt", **options)
    return folder / "x.pt"


def old(folder: Path) -> Path:
    return saved(folder, _use_new_zipfile_serialization=False)


def deflated(folder: Path) -> Path:
    where = tensor_files.storage("0", 1000)
    weight, bias = tensor_files.tensor(where, (2, 3), (3, 1)), tensor_files.tensor(where, (2,), (1,))
    pickle = tensor_files.mapping(("a.weight", weight), ("a.bias", bias))
    return tensor_files.archive(folder / "x.pt", pickle, {"0": bytes(4000)}, deflated=True)


def picture(folder: Path) -> Path:
    return picture_files.png(folder / "x.png", 30, 20)


def run(folder: Path) -> Path:
    torch.save(speczoo.build("mnist_cnn").state_dict(), folder / "model.pt")
    return picture_files.run(folder)


LIMITED: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "header of safetensors": ("header", safetensors, "weights"),
    "header of an archive": ("header", saved, "weights"),
    "header of a sequence": ("header", old, "weights"),
    "objects": ("objects", saved, "weights"),
    "objects of a sequence": ("objects", old, "weights"),
    "tensors of safetensors": ("tensors", safetensors, "weights"),
    "tensors": ("tensors", saved, "weights"),
    "tensors of a sequence": ("tensors", old, "weights"),
    "pixels": ("pixels", picture, "images"),
    "side": ("side", picture, "images"),
    "data": ("data", picture, "images"),
    "data of a checkpoint": ("data", saved, "checkpoint"),
    "json": ("json", run, "run"),
}


@pytest.mark.parametrize("case", LIMITED)
def test_every_limit_is_felt_and_raised(case: str, tmp_path: Path) -> None:
    """What is refused says by which limit, and is read once that limit is as high as it said."""
    name, make, door = LIMITED[case]
    path = make(tmp_path)
    assert not doors.reported(door, path)
    low, tries = {name: 1}, 0
    while stated := _reported_below(low, door, path):
        assert f"--limit {name}=" in stated
        assert f"more than {low[name]:,}" in stated
        raised = int(stated.rpartition(f"--limit {name}=")[2].split()[0])
        assert raised > low[name]
        low[name], tries = raised, tries + 1
    assert 0 < tries < 1000
    if case != "header of a sequence":  # whose pickles' length is known once all are read
        assert _reported_below({name: low[name] - 1}, door, path)


def _reported_below(low: dict[str, int], door: str, path: Path) -> str:
    with limits.using(**low):
        return doors.reported(door, path)


def test_what_is_deflated_may_be_four_times_its_file_or_what_the_limit_says(tmp_path: Path) -> None:
    path = deflated(tmp_path)
    assert not doors.reported("weights", path)
    size = path.stat().st_size
    assert 4 * size < 4000
    with limits.using(unpacked=1), pytest.raises(speczoo.WeightsError, match=f"take 4,000 bytes and the file {size}: "):
        speczoo.build(doors.WANTED, path)
    with limits.using(unpacked=4000):
        speczoo.build(doors.WANTED, path)


def test_the_page_says_what_the_limits_are() -> None:
    source, page = (
        Path(speczoo.__file__).with_name(name).read_text(encoding="utf-8") for name in ("limits.py", "README.md")
    )
    rows = re.findall(r"^    (\w+): int = [^#\n]+?  # (.+)$", source, re.MULTILINE)
    assert [name for name, _ in rows] == list(limits.NAMES)
    shown = page.partition("<!-- files:begin -->")[2].partition("<!-- files:end -->")[0]
    expected = [f"| `{name}` | {getattr(limits.DEFAULT, name):,} | {words} |" for name, words in rows]
    assert shown.strip().splitlines()[2:] == expected


def test_limits_are_those_of_the_block_that_raises_them(tmp_path: Path) -> None:
    before = limits.current()
    with limits.using(pixels=7), limits.using(side=3):
        assert (limits.current().pixels, limits.current().side) == (7, 3)
    assert limits.current() == before
    with pytest.raises(TypeError), limits.using(colour=3):
        pass


@pytest.mark.parametrize(
    "options",
    [["--limit", "pixels=599"], ["--limit", "colour=3"], ["--limit", "pixels=-1"], ["--limit", "pixels=1e9"]],
)
def test_the_command_line_lowers_and_raises(options: list[str], tmp_path: Path) -> None:
    from click.testing import CliRunner

    from speczoo.__main__ import cli

    folder, image = run(tmp_path), picture(tmp_path)
    good = CliRunner().invoke(cli, ["predict", str(folder), str(image), "--limit", "pixels=784"])
    assert (good.exit_code, str(image) in good.stdout) == (0, True)
    shown = CliRunner().invoke(cli, ["predict", str(folder), str(image), *options])
    assert shown.exit_code == 2
    assert options[1].partition("=")[0] in shown.stderr


def test_memory_is_that_of_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, bound = memory.total(), tmp_path / "memory.max"
    assert free
    for text, there in (("max\n", free), ("1000000\n", 10**6), (str(2**80), free)):
        bound.write_text(text)
        monkeypatch.setattr(memory, "CONTAINERS", (bound, tmp_path / "nowhere"))
        assert memory.total() == min(there, free)
    monkeypatch.setattr(memory, "total", lambda: 10**9)
    with pytest.raises(TrainingError, match="this machine has 1 GB, and half of it is for data"):
        memory.must_fit(6 * 10**8, "they", "fewer")
    with limits.using(data=6 * 10**8):
        memory.must_fit(6 * 10**8, "they", "fewer")


# -- images ------------------------------------------------------------------------------------------------------------


def test_pictures_are_decoded_a_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And come out as if at once."""
    generator = torch.Generator().manual_seed(0)
    paths = []
    for mode, channels in (("L", 0), ("RGB", 3), ("RGBA", 4), ("LA", 2)):
        shape = (13, 17, channels) if channels else (13, 17)
        pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).numpy()
        paths.append(tmp_path / f"{mode}.png")
        Image.fromarray(pixels, mode).save(paths[-1])
    paths += [tmp_path / "P.gif", tmp_path / "one.png"]
    Image.open(paths[1]).quantize(9).save(paths[-2])
    Image.open(paths[0]).convert("1").save(paths[-1])
    for mode in ("L", "RGB"):
        whole = read_images(paths, mode)
        with monkeypatch.context() as patch:
            patch.setattr("speczoo.training.images.STRIP", 40)
            assert torch.equal(read_images(paths, mode), whole)


class Pooled(torch.nn.Sequential):
    """Takes images of any size."""

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        torch.manual_seed(0)
        super().__init__(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(4 * channels, classes))


def pooled(folder: Path, model: Pooled, **facts: Any) -> Path:
    torch.save(model.state_dict(), folder / "model.pt")
    return picture_files.run(folder, **facts)


def test_images_are_predicted_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And as if at once."""
    model = Pooled()
    folder, paths = pooled(tmp_path, model), []
    for number in range(5):
        paths.append(tmp_path / f"{number}.png")
        Image.new("L", (28, 28), 50 * number).save(paths[-1])
    whole = predict(folder, paths, model)
    assert [p.image for p in whole] == [str(path) for path in paths]
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    for name, most, expected in (("BATCH", 2, [2, 2, 1]), ("ELEMENTS", 3 * 28 * 28, [3, 2]), ("ELEMENTS", 1, [1] * 5)):
        sizes.clear()
        with monkeypatch.context() as patch:
            patch.setattr(f"speczoo.training.evaluate.{name}", most)
            found = predict(folder, paths, model)
        assert sizes == expected
        assert [p.label for p in found] == [p.label for p in whole]
        for ours, theirs in zip(found, whole, strict=True):
            assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-6)


LIES: dict[str, tuple[Pooled, dict[str, Any], str]] = {
    "channels": (Pooled(2), {"input": [2, 28, 28], "mean": [0.5] * 2, "std": [0.5] * 2}, "images of 2 channels"),
    "classes": (Pooled(), {"classes": ["one"]}, "names 1 classes, and its network tells 10 apart"),
    "a large input": (Pooled(), {"input": [1, 10**9, 10**9]}, "gets 67,108,864 pixels"),
    "many pixels": (Pooled(), {"input": [1, 10**4, 10**4]}, "gets 67,108,864 pixels"),
    "another input": (Pooled(3), {}, "does not take images of 28 x 28"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_run_that_is_not_what_it_says(case: str, tmp_path: Path) -> None:
    model, facts, words = LIES[case]
    folder = pooled(tmp_path, model, **facts)
    with pytest.raises(TrainingError, match=words):
        predict(folder, [picture(tmp_path)], model)


def test_canvases_are_counted_before_they_are_drawn(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"1,000,\d+,\d+ canvases of 64 x 64 take"):
        load(recipe_loader.load("unet_digits", {"data.train": 10**9}), tmp_path)


def test_pillow_has_its_own_bound_again(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(DataError, match="no file"):
        read_images([tmp_path / "nowhere.png"], "L")
    assert before == Image.MAX_IMAGE_PIXELS


# -- tensors that are no plain ones ---------------------------------------------------------------------------------


class Own(torch.Tensor):
    pass


def _quantized() -> torch.Tensor:
    return torch.quantize_per_tensor(torch.zeros(2, 3), 0.1, 0, torch.qint8)


def _nested() -> torch.Tensor:
    return torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])


ODD: dict[str, tuple[Callable[[], torch.Tensor], str]] = {
    "sparse": (lambda: torch.eye(3).to_sparse(), "a sparse tensor"),
    "sparse rows": (lambda: torch.eye(3).to_sparse_csr(), "a sparse tensor"),
    "sparse parameter": (lambda: torch.nn.Parameter(torch.eye(3).to_sparse()), "a sparse tensor"),
    "quantized": (_quantized, "a quantized tensor"),
    "nested": (_nested, "a nested tensor"),
    "meta": (lambda: torch.empty(2, 3, device="meta"), "a tensor of the device `meta`, which has no values"),
    "of a class": (lambda: torch.zeros(2, 3).as_subclass(Own), "a tensor of a class of its own"),
    "conjugated": (lambda: torch.zeros(2, 3, dtype=torch.complex64).conj(), "a tensor yet to be conjugated"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["archive", "sequence"])
@pytest.mark.parametrize("kind", ODD)
def test_tensors_without_plain_values_are_named(kind: str, form: str, tmp_path: Path) -> None:
    make, words = ODD[kind]
    state = {"a.bias": torch.zeros(2), "a.weight": make()}
    torch.save(state, tmp_path / "x.pt", _use_new_zipfile_serialization=form == "archive")
    for _ in range(2):
        with pytest.raises(speczoo.WeightsError, match=f"`a.weight` is {words}"):
            speczoo.build(doors.WANTED, tmp_path / "x.pt")
        with pytest.raises(RunError, match=f"`a.weight` is {words}"):
            read_tensors(tmp_path / "x.pt")
        torch.save({"epoch": 3, "state_dict": state}, tmp_path / "x.pt")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [kind for kind in ODD if kind not in ("of a class", "conjugated")])
def test_they_are_named_in_a_state_dict_too(kind: str) -> None:
    make, words = ODD[kind]
    with pytest.raises(speczoo.WeightsError, match=f"`a.weight` is {words}"):
        speczoo.build(doors.WANTED, {"a.bias": torch.zeros(2), "a.weight": make()})


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_numbers_of_another_kind_are_no_weights(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {"a.weight": torch.ones(2, 3, dtype=dtype), "a.bias": torch.zeros(2)}
    torch.save(state, tmp_path / "x.pt")
    for given in (state, tmp_path / "x.pt"):
        with pytest.raises(speczoo.WeightsError, match=r"of (whole|complex) numbers where.*: a\.weight"):
            speczoo.build(doors.WANTED, given)
    folder = run(tmp_path)
    weights = speczoo.build("mnist_cnn").state_dict()
    key = next(iter(weights))
    torch.save({**weights, key: weights[key].to(dtype)}, folder / "model.pt")
    with pytest.raises(RunError, match=f"`{key}` is a tensor of (complex numbers, )?{dtype}"):
        Run.open(folder).model()


def test_a_name_is_shown_in_part(tmp_path: Path) -> None:
    torch.save({"n" * 10**6: torch.eye(3).to_sparse()}, tmp_path / "x.pt")
    with pytest.raises(speczoo.WeightsError) as caught:
        speczoo.build(doors.WANTED, tmp_path / "x.pt")
    torch.save({"n" * 10**6: torch.zeros(3)}, tmp_path / "x.pt")
    with pytest.raises(speczoo.WeightsError) as misfit:
        speczoo.build(doors.WANTED, tmp_path / "x.pt")
    assert max(len(str(caught.value)), len(str(misfit.value))) < 1000


def test_errors_are_of_few_kinds(tmp_path: Path) -> None:
    """As Python sees them, a limit and a file that is not read are wrong values."""
    assert issubclass(LimitExceeded, ValueError)
    assert issubclass(tensors.TensorsError, ValueError)
    with pytest.raises(OSError, match="nowhere"):
        tensors.read(tmp_path / "nowhere")
