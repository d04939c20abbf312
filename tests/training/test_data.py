"""Data by name and by folder; and what is wrong with it, reported so that one can mend it."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from speczoo import limits
from speczoo.specs.errors import SpecError
from speczoo.torchvision import torchvision
from speczoo.training import data, memory, recipe_loader
from speczoo.training.advice import dataset_notes
from speczoo.training.data import load, read_images, root_of
from speczoo.training.dataset import Dataset, LabelledImages
from speczoo.training.errors import DataError, TrainingError
from speczoo.training.recipe_transforms import Resize
from tests.training.toys import digits, idx, recipe


def folder(root: Path, **changes: object) -> Dataset:
    return load(recipe_loader.load(recipe(root, data={"dataset": "folder", "root": str(root), "mode": "L", **changes})))


def test_folders(corners: Path) -> None:
    dataset = folder(corners, test="test")
    assert dataset.classes == ("ne", "nw", "se", "sw")
    assert (len(dataset.train), len(dataset.valid), len(dataset.test or ())) == (120, 40, 3)
    assert torch.bincount(dataset.train.labels).tolist() == [30] * 4
    assert dataset.shape == (1, 12, 12)
    for image, label in zip(dataset.train.images, dataset.train.labels, strict=True):
        quarters = torch.stack([image[0, :6, 6:], image[0, :6, :6], image[0, 6:, 6:], image[0, 6:, :6]]).float()
        assert int(quarters.mean((1, 2)).argmax()) == int(label)


def test_a_share_of_the_training_set_validates(corners: Path) -> None:
    dataset = folder(corners, valid=0.25)
    assert (len(dataset.train), len(dataset.valid)) == (90, 30)
    assert not set(dataset.train.names) & set(dataset.valid.names)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6), st.floats(0.05, 0.95), st.integers(0, 99), st.integers(1, 60)
)
def test_every_class_is_in_every_part(sizes: list[int], share: float, seed: int, count: int) -> None:
    """Of a class with two images or more; and of the first so many there is one of each while there is room."""
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    split = LabelledImages(torch.arange(len(labels))[:, None, None, None].to(torch.uint8), labels)
    train, valid = data._divide(split, share, seed)
    assert sorted([*train.images.ravel().tolist(), *valid.images.ravel().tolist()]) == list(range(len(labels)))
    for each, size in enumerate(sizes):
        parts = int((train.labels == each).sum()), int((valid.labels == each).sum())
        assert min(parts) >= 1 or size == 1
        assert parts[0] >= 1
    wanted, twice = round(share * len(split)), sum(size > 1 for size in sizes)
    assert len(valid) == min(max(wanted, twice), len(split) - len(sizes))
    first = data._first(split, count)
    assert len(first) == min(count, len(split))
    assert len(first.labels.unique()) == min(len(sizes), count)
    assert first.images.ravel().tolist() == sorted(first.images.ravel().tolist())


def test_a_class_that_a_part_lacks_is_named(corners: Path) -> None:
    lacking = list(dataset_notes(folder(corners, limit_train=3, limit_valid=2)))
    assert [words.partition(" has ")[0] for words in lacking] == ["the train split", "the valid split"]
    assert "`sw`" in lacking[0]
    assert list(dataset_notes(folder(corners, limit_train=4))) == []


def test_files_that_are_not_read_are_counted_and_named(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.jfif", "b.heic", "c", "d.heic", ".hidden"):
        (copy / "train" / "se" / name).write_text("x")
    assert len(folder(copy).train) == 120
    (stated,) = caplog.messages
    assert stated.startswith("4 files of the train split not read (2 .heic, ")
    assert "1 .jfif" in stated
    assert "1 no suffix" in stated
    assert "a.jfif" in stated


@pytest.mark.parametrize("name", ["val", "Valid", "validation", "Test"])
def test_another_name_of_a_split_gets_its_line(name: str, copy: Path) -> None:
    (copy / "valid").rename(copy / name)
    if name == "Test":
        shutil.rmtree(copy / "test")
    with pytest.raises(DataError, match=f"say `valid: {name}` under `data`"):
        folder(copy)
    assert len(folder(copy, valid=name).valid) == 40
    (copy / "train").rename(copy / "Train")
    with pytest.raises(DataError, match="say `train: Train` under `data`"):
        folder(copy)


def test_a_data_set_inside_its_folder_gets_its_line(copy: Path) -> None:
    (outer := copy.parent / "outer").mkdir()
    copy.rename(outer / "digits")
    with pytest.raises(DataError, match=r"there is digits/train/: --data .*outer/digits says"):
        folder(outer)
    assert len(folder(outer / "digits").valid) == 40


def test_classes_without_a_split_get_their_line(copy: Path) -> None:
    with pytest.raises(DataError, match=r'say `train: "."` and `valid: 0.2` under `data`'):
        folder(copy / "train")
    assert len(folder(copy / "train", train=".", valid=0.2).valid) == 24
    shutil.rmtree(copy / "valid")
    shutil.rmtree(copy / "test")
    with pytest.raises(DataError, match=r"say `valid: 0.2` under `data`"):
        folder(copy)


@pytest.fixture
def copy(corners: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corners, tmp_path / "copy"))


def test_a_corrupt_image_is_named(copy: Path) -> None:
    broken = copy / "train" / "se" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (copy / "valid" / "sw" / "note.png").write_text("no image")
    (copy / "test" / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot read .*train/se/3\.png.*valid/sw/note\.png.*test/1\.png"):
        folder(copy, test="test")


def test_pointers_of_git_lfs_are_reported(copy: Path) -> None:
    """All of them as one mistake, and what is wrong with other images too."""
    oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
    for path in sorted((copy / "train").rglob("*.png")):
        path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n")
    count = len([*(copy / "train").rglob("*.png")])
    with pytest.raises(DataError, match=rf"png: it is a pointer of Git LFS.*\(and {count - 1} more\)") as caught:
        folder(copy)
    assert caught.value.help == "fetch that: git lfs pull"
    assert caught.value.message.count("pointer of") == 1
    (copy / "valid" / "sw" / "note.png").write_text("no image")
    with pytest.raises(DataError, match=r"pointer of Git LFS.*valid/sw/note\.png") as caught:
        folder(copy)
    assert caught.value.help == "fetch that: git lfs pull; remove or replace these files"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no train folder"):
        folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no data folder .*nowhere") as caught:
        load(recipe_loader.load("mnist_cnn"), tmp_path / "nowhere")
    assert "--data" in caught.value.help
    with pytest.raises(DataError, match="no MNIST in"):
        load(recipe_loader.load("mnist_cnn"), tmp_path)


def test_an_empty_split_is_reported(copy: Path) -> None:
    for image in (copy / "valid").rglob("*.png"):
        image.unlink()
    with pytest.raises(DataError, match="the valid split is empty"):
        folder(copy)


def test_a_class_that_only_validation_has_is_reported(copy: Path) -> None:
    (copy / "valid" / "north").mkdir()
    with pytest.raises(DataError, match="`north`"):
        folder(copy)


def test_a_class_without_images_is_reported(copy: Path) -> None:
    shutil.rmtree(copy / "valid" / "sw")
    (copy / "train" / "up").mkdir()
    with pytest.raises(DataError) as caught:
        folder(copy)
    for name, each in (("valid", "sw"), ("train", "up"), ("valid", "up")):
        assert f"no images of the class `{each}` in {copy / name / each}" in str(caught.value)


def test_what_programs_hide_is_no_data(copy: Path) -> None:
    hidden = copy / "train" / ".ipynb_checkpoints"
    hidden.mkdir()
    shutil.copy(copy / "test" / "0.png", hidden / "0.png")
    (copy / "train" / "ne" / "._0.png").write_text("not an image")
    shutil.copytree(hidden, copy / "test" / hidden.name)
    dataset = folder(copy, test="test")
    assert len(dataset.classes) == 4
    assert (len(dataset.train), len(dataset.test or ())) == (120, 3)


def test_a_test_folder_is_there_and_has_images(copy: Path) -> None:
    with pytest.raises(DataError, match=rf"no test folder {copy / 'nowhere'}"):
        folder(copy, test="nowhere")
    (copy / "empty").mkdir()
    with pytest.raises(DataError, match=rf"the test split is empty: no images in {copy / 'empty'}"):
        folder(copy, test="empty")


def test_images_of_ones_own_are_where_the_recipe_says(
    corners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    assert len(folder(corners).train) == 120
    assert root_of(recipe_loader.load("mnist_cnn").data) == tmp_path


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    values = np.array([[0, 1000, 32768, 65535]], dtype=np.uint16)
    for name in ("a.png", "a.tif", "a.pgm"):
        Image.fromarray(values).save(tmp_path / name)
        assert read_images([tmp_path / name], "L")[0, 0, 0].tolist() == [0, 4, 128, 255], name
        assert read_images([tmp_path / name], "RGB")[0, :, 0, 2].tolist() == [128] * 3, name


def test_pixels_without_a_range_are_refused(tmp_path: Path) -> None:
    for kind, stated in ((np.float32, "floats"), (np.int32, "integers")):
        Image.fromarray(np.full((4, 4), 0.5).astype(kind)).save(tmp_path / "a.tif")
        with pytest.raises(DataError, match=f"32-bit {stated}"):
            read_images([tmp_path / "a.tif"], "L")


def test_images_are_read_as_they_are_shown(tmp_path: Path) -> None:
    """Turned as the camera says; white where they are transparent, whatever colour hides there."""
    pixels = np.zeros((2, 3, 3), dtype=np.uint8)
    pixels[0, 0] = 255
    camera = Image.Exif()
    camera[0x0112] = 6  # the top of the picture is at the right
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=camera)
    turned = read_images([tmp_path / "a.png"], "RGB")[0, 0]
    assert turned.tolist() == [[0, 255], [0, 0], [0, 0]]
    for mode, colour in (("RGBA", (200, 10, 10, 0)), ("LA", (10, 0))):
        Image.new(mode, (2, 2), colour).save(tmp_path / "b.png")
        assert read_images([tmp_path / "b.png"], "RGB").unique().tolist() == [255]
    Image.new("RGBA", (2, 2), (200, 10, 10, 255)).save(tmp_path / "c.png")
    assert read_images([tmp_path / "c.png"], "RGB")[0, :, 0, 0].tolist() == [200, 10, 10]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_images_come_in_their_order(sides: list[int]) -> None:
    """However large each is: large ones are decoded one by one, when the others are done."""
    steps = [Resize(op="Resize", size=[2, 2])]
    with TemporaryDirectory() as name, limits.using(pixels=144):  # of which a thread has 36
        paths = [Path(name) / f"{i}.png" for i in range(len(sides))]
        for grey, (side, path) in enumerate(zip(sides, paths, strict=True)):
            Image.new("L", (side, side), grey).save(path)
        assert read_images(paths, "L", steps)[:, 0, 0, 0].tolist() == [*range(len(sides))]


def test_a_crop_larger_than_the_images_is_reported(corners: Path) -> None:
    steps = {"augment": [{"op": "RandomCrop", "size": 120, "padding": 1}]}
    with pytest.raises(TrainingError, match=r"augment.0`: 120 x 120 cannot be cropped from images of 12 x 12 padded"):
        load(recipe_loader.load(recipe(corners, transforms=steps)))


def test_a_crop_is_held_to_what_prepare_is(corners: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its window may be larger than the images, by all that they are padded with."""
    steps = {"augment": [{"op": "RandomCrop", "size": 8192, "padding": 8192}]}
    with pytest.raises(TrainingError, match=r"gets 67,108,864 pixels, 8192 x 8192, more than 50,000,000"):
        load(recipe_loader.load(recipe(corners, transforms=steps)))
    steps["augment"][0]["size"] = 4096
    monkeypatch.setattr(memory, "total", lambda: 2_000_000_000)
    with pytest.raises(TrainingError, match="120 images of 1 x 4096 x 4096, a batch, take 10 GB"):
        load(recipe_loader.load(recipe(corners, transforms=steps, batch_size=1)))


@pytest.mark.parametrize("key", ["train", "valid", "test"])
@pytest.mark.parametrize("place", ["..", "../private", "train/../../private", "/", "{root}/train", "..\\private", "C:"])
def test_a_split_lies_in_the_data_folder(key: str, place: str, copy: Path) -> None:
    """What the text of a recipe says is a stranger's; `--data` would not hold it otherwise."""
    shutil.copytree(copy, copy.parent / "private")
    with pytest.raises(SpecError, match=rf"`data\.{key}`.* below `root`.*--data") as caught:
        folder(copy, **{key: place.format(root=copy)})
    assert len(caught.value.diagnostics) == 1


def test_a_link_in_the_data_folder_is_its_owners(copy: Path) -> None:
    """Large splits lie on other disks, and whoever put a link there may read them."""
    for name in ("train", "test"):
        (copy / name).rename(copy.parent / f"disk-{name}")
        (copy / name).symlink_to(copy.parent / f"disk-{name}")
    ne = copy / "valid" / "ne"
    ne.rename(copy.parent / "ne")
    ne.symlink_to(copy.parent / "ne")
    dataset = folder(copy, test="./test")
    assert (len(dataset.train), len(dataset.valid), len(dataset.test or ())) == (120, 40, 3)


def test_what_no_memory_holds_is_reported_beforehand(little_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total", lambda: 2_000_000_000)
    large = {"transforms.prepare": [{"op": "Resize", "size": 8192}, {"op": "CenterCrop", "size": 28}]}
    with pytest.raises(TrainingError, match="40 images of 1 x 8192 x 8192 take 3 GB; this machine has 2 GB") as caught:
        load(recipe_loader.load("mnist_cnn", large), little_mnist)
    assert caught.value.exit_code == 1


def test_sizes_that_differ_are_reported_and_resized_when_asked(copy: Path) -> None:
    Image.new("L", (20, 16)).save(copy / "train" / "ne" / "0.png")
    with pytest.raises(DataError, match="differ in size: 12 x 12 and 16 x 20"):
        folder(copy)
    prepared = {"prepare": [{"op": "Resize", "size": [12, 12]}]}
    assert load(recipe_loader.load(recipe(copy, transforms=prepared))).shape == (1, 12, 12)


@pytest.fixture
def little_mnist(tmp_path: Path) -> Path:
    digits(tmp_path, 40, 20)
    return tmp_path


def test_torchvisions_own_layout(little_mnist: Path) -> None:
    dataset = load(recipe_loader.load("mnist_cnn"), little_mnist)
    assert dataset.classes == tuple("0123456789")
    assert dataset.train.images[7].unique().tolist() == [7]
    chosen = {"data.classes": ["3", "1"], "data.limit_train": 5}
    few = load(recipe_loader.load("mnist_cnn", chosen), little_mnist)
    assert few.classes == ("3", "1")
    assert few.train.labels.tolist() == [1, 0, 1, 0, 1]
    assert few.train.images[:, 0, 0, 0].tolist() == [1, 3, 11, 13, 21]
    with pytest.raises(DataError, match="no class 'cat'"):
        load(recipe_loader.load("mnist_cnn", {"data.classes": ["cat", "1"]}), little_mnist)


def test_a_wrong_count_of_labels_is_reported(little_mnist: Path) -> None:
    idx(little_mnist / "MNIST" / "raw" / "train-labels-idx1-ubyte", torch.zeros(39, dtype=torch.long))
    with pytest.raises(DataError, match="40 images and 39 labels"):
        load(recipe_loader.load("mnist_cnn"), little_mnist)


def test_a_truncated_file_is_reported(little_mnist: Path) -> None:
    path = little_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="broken or incomplete"):
        load(recipe_loader.load("mnist_cnn"), little_mnist)


def test_statistics_given_must_fit_the_channels(little_mnist: Path) -> None:
    wrong = {"transforms.normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    with pytest.raises(DataError, match="3 means and the images have 1 channels"):
        load(recipe_loader.load("mnist_cnn", wrong), little_mnist)


def test_images_are_torchvisions(mnist: Path) -> None:
    """Resized and normalised images are what torchvision's transforms give, one by one, for one part in 255."""
    from torchvision.transforms import v2

    reference = torchvision().datasets.MNIST(mnist, train=False, transform=v2.Compose(
        [v2.Resize(32), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.1307], [0.3081])]
    ))  # fmt: skip
    from speczoo.training.engine import loaders

    chosen = recipe_loader.load("lenet5", {"data.limit_train": 10, "data.limit_valid": 100})
    x, y = next(iter(loaders(chosen, load(chosen, mnist))[1]))
    for i in range(100):
        image, label = reference[i]
        assert (x[i] - image).abs().max() <= 1.01 / 255 / 0.3081
        assert int(y[i]) == label


def test_a_canvas_is_made_of_digits(mnist: Path) -> None:
    small = {"data.train": 20, "data.valid": 10, "data.noise": 0.0}
    first, again = (load(recipe_loader.load("unet_digits_classes", small), mnist) for _ in range(2))
    assert torch.equal(first.train.images, again.train.images)
    assert len(first.classes) == 11
    assert first.train.labels.shape == (20, 64, 64)
    ink = first.train.images[:, 0] >= 128
    assert bool(ink[first.train.labels > 0].all()), "a pixel of a digit is bright"
    counts = [len(labels.unique()) - 1 for labels in first.train.labels]
    assert min(counts) >= 1
    assert max(counts) <= 3
