"""Data by name and by folder; and what is wrong with it, said so that one can mend it."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
import torch

from tests.training.toys import recipe
from zoo.torchvision import torchvision
from zoo.training import cookbook
from zoo.training.data import load
from zoo.training.dataset import Dataset
from zoo.training.errors import DataError


def folder(root: Path, **changes: object) -> Dataset:
    return load(cookbook.load(recipe(root, data={"dataset": "folder", "root": str(root), "mode": "L", **changes})))


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


@pytest.fixture
def copy(corners: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corners, tmp_path / "copy"))


def test_a_corrupt_image_is_named(copy: Path) -> None:
    broken = copy / "train" / "se" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (copy / "valid" / "sw" / "note.png").write_text("no image")
    with pytest.raises(DataError, match=r"cannot read .*train/se/3\.png"):
        folder(copy)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no train folder"):
        folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no data folder .*nowhere") as caught:
        load(cookbook.load("mnist_cnn"), tmp_path / "nowhere")
    assert "--data" in caught.value.help
    with pytest.raises(DataError, match="no MNIST in"):
        load(cookbook.load("mnist_cnn"), tmp_path)


def test_an_empty_split_is_told(copy: Path) -> None:
    for image in (copy / "valid").rglob("*.png"):
        image.unlink()
    with pytest.raises(DataError, match="the valid split is empty"):
        folder(copy)


def test_a_class_that_only_validation_has_is_told(copy: Path) -> None:
    (copy / "valid" / "north").mkdir()
    with pytest.raises(DataError, match="`north`"):
        folder(copy)


def test_sizes_that_differ_are_told_and_resized_when_asked(copy: Path) -> None:
    from PIL import Image

    Image.new("L", (20, 16)).save(copy / "train" / "ne" / "0.png")
    with pytest.raises(DataError, match="differ in size: 12 x 12 and 16 x 20"):
        folder(copy)
    prepared = {"prepare": [{"op": "Resize", "size": [12, 12]}]}
    assert load(cookbook.load(recipe(copy, transforms=prepared))).shape == (1, 12, 12)


def idx(path: Path, array: torch.Tensor) -> None:
    path.write_bytes(
        struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + bytes(array.flatten().tolist())
    )


@pytest.fixture
def little_mnist(tmp_path: Path) -> Path:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in (("train", 40), ("t10k", 20)):
        images = torch.arange(count)[:, None, None].expand(count, 28, 28)
        idx(raw / f"{name}-images-idx3-ubyte", images)
        idx(raw / f"{name}-labels-idx1-ubyte", torch.arange(count) % 10)
    return tmp_path


def test_torchvisions_own_layout(little_mnist: Path) -> None:
    dataset = load(cookbook.load("mnist_cnn"), little_mnist)
    assert dataset.classes == tuple("0123456789")
    assert dataset.train.images[7].unique().tolist() == [7]
    chosen = {"data.classes": ["3", "1"], "data.limit_train": 5}
    few = load(cookbook.load("mnist_cnn", chosen), little_mnist)
    assert few.classes == ("3", "1")
    assert few.train.labels.tolist() == [1, 0, 1, 0, 1]
    assert few.train.images[:, 0, 0, 0].tolist() == [1, 3, 11, 13, 21]
    with pytest.raises(DataError, match="no class 'cat'"):
        load(cookbook.load("mnist_cnn", {"data.classes": ["cat", "1"]}), little_mnist)


def test_a_wrong_count_of_labels_is_told(little_mnist: Path) -> None:
    idx(little_mnist / "MNIST" / "raw" / "train-labels-idx1-ubyte", torch.zeros(39, dtype=torch.long))
    with pytest.raises(DataError, match="40 images and 39 labels"):
        load(cookbook.load("mnist_cnn"), little_mnist)


def test_a_truncated_file_is_told(little_mnist: Path) -> None:
    path = little_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="broken or incomplete"):
        load(cookbook.load("mnist_cnn"), little_mnist)


def test_statistics_given_must_fit_the_channels(little_mnist: Path) -> None:
    wrong = {"transforms.normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    with pytest.raises(DataError, match="3 means and the images have 1 channels"):
        load(cookbook.load("mnist_cnn", wrong), little_mnist)


def test_images_are_torchvisions(mnist: Path) -> None:
    """Resized and normalised images are what torchvision's transforms give, one by one, for one part in 255."""
    from torchvision.transforms import v2

    reference = torchvision().datasets.MNIST(mnist, train=False, transform=v2.Compose(
        [v2.Resize(32), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.1307], [0.3081])]
    ))  # fmt: skip
    from zoo.training.engine import loaders

    chosen = cookbook.load("lenet5", {"data.limit_train": 10, "data.limit_valid": 50})
    x, y = next(iter(loaders(chosen, load(chosen, mnist))[1]))
    for i in range(50):
        image, label = reference[i]
        assert (x[i] - image).abs().max() <= 1.01 / 255 / 0.3081
        assert int(y[i]) == label


def test_a_canvas_is_made_of_digits(mnist: Path) -> None:
    small = {"data.train": 20, "data.valid": 10, "data.noise": 0.0}
    first, again = (load(cookbook.load("unet_digits_classes", small), mnist) for _ in range(2))
    assert torch.equal(first.train.images, again.train.images)
    assert len(first.classes) == 11
    assert first.train.labels.shape == (20, 64, 64)
    ink = first.train.images[:, 0] >= 128
    assert bool(ink[first.train.labels > 0].all()), "a pixel of a digit is bright"
    counts = [len(labels.unique()) - 1 for labels in first.train.labels]
    assert min(counts) >= 1
    assert max(counts) <= 3
