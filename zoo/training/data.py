"""Reading what a recipe names as its data. torchvision does, so that files, layouts and checksums are its own."""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speczoo import tensors
from speczoo.limits import LimitExceeded, current
from speczoo.torchvision import torchvision
from speczoo.training import recipe as r
from speczoo.training import recipe_transforms
from speczoo.training.dataset import Dataset, LabelledImages
from speczoo.training.errors import DataError, TrainingError, one_line
from speczoo.training.images import SUFFIXES, read_images
from speczoo.training.memory import must_fit
from speczoo.training.shapes import STORED, after
from speczoo.training.synthetic_digits import compose
from speczoo.training.transforms import prepare

TOGETHER = 250  # images that are measured at a time, at least
BYTES = 5  # of a number in a batch: as it is stored, and as a float
DRAWN = 25  # bytes that a pixel of a canvas takes while it is drawn: image, label, and noise in floats


def root_of(data: Any, given: str | Path | None = None) -> Path:
    """Return where the data is: what was given, else $ZOO_DATA, else the recipe's `root`.

    $ZOO_DATA holds torchvision's data sets; a folder of one's own is where its recipe says.
    """
    shared = None if isinstance(data, r.Folder) else os.environ.get("ZOO_DATA")
    return Path(given or shared or data.root).expanduser()


def load(recipe: r.Recipe, root: str | Path | None = None, *, download: bool = False) -> Dataset:
    """Read, check, prepare and measure a recipe's data.

    Raises DataError for what is missing, broken or empty, TrainingError for what the recipe cannot do with it.
    """
    data = recipe.data
    where = root_of(data, root)
    if isinstance(data, r.Folder):
        dataset = _folder(data, where, recipe.transforms.prepare)
    elif isinstance(data, r.Canvas):
        count, pixels = data.train + data.valid, data.size**2
        must_fit(DRAWN * count * pixels, f"{count:,} canvases of {data.size} x {data.size}", "see `train` under `data`")
        source = _named("MNIST", where, download)
        if source.shape != STORED["MNIST"]:
            raise DataError(f"MNIST in {where} has images of {' x '.join(map(str, source.shape))}, not 1 x 28 x 28")
        dataset = compose(data, source, recipe.seed)
    else:
        dataset = _torchvision(data, where, recipe.seed, download)
    dataset = _limited(dataset, data)
    _check(dataset, where)
    if not isinstance(data, r.Folder):
        for split in _splits(dataset).values():
            _must_fit(len(split), dataset.shape, recipe.transforms.prepare)
        splits = {name: prepare(split.images, recipe.transforms.prepare) for name, split in _splits(dataset).items()}
        dataset = replace(dataset, **{k: replace(getattr(dataset, k), images=v) for k, v in splits.items()})
    image_size(recipe, dataset)
    return _with_statistics(dataset, recipe.transforms.normalize)


def _splits(dataset: Dataset) -> dict[str, LabelledImages]:
    found = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    return {name: split for name, split in found.items() if split is not None}


def _named(name: str, root: Path, download: bool) -> Dataset:
    """Return one of torchvision's data sets, whole."""
    datasets = torchvision().datasets
    cls = getattr(datasets, name)
    _check_files(name, root)
    splits, classes = [], None
    for train in (True, False):
        which = {"split": "train" if train else "test"} if name in ("SVHN", "STL10") else {"train": train}
        try:
            found = cls(root, **which, download=download)
        except Exception as error:  # readers of broken files raise whatever happens to them
            raise DataError(*_why(name, root, error)) from error
        classes = classes or tuple(getattr(found, "classes", None) or map(str, range(10)))
        splits.append(_tensors(found, name, root))
    assert classes is not None
    return Dataset(splits[0], splits[1], tuple(_class_name(c) for c in classes))


def _check_files(name: str, root: Path) -> None:
    """Raise DataError or TrainingError for files that torchvision reads whole, whatever they are.

    Those of MNIST and its like: of the others it knows the checksums.
    """
    raw, old = (sorted((root / name / folder).glob("*")) for folder in ("raw", "processed"))
    if name not in ("MNIST", "FashionMNIST", "KMNIST"):
        return
    for path in old:
        try:
            tensors.read(path)
        except (tensors.TensorsError, LimitExceeded, OSError) as error:
            raise DataError(f"{name} in {path} is broken or incomplete: {error}", "remove it") from error
    files = [path for path in raw if path.suffix != ".gz"]
    if odd := [path for path in files if not path.is_file()]:
        raise DataError(f"{odd[0]} is no file")
    size = sum(path.stat().st_size for path in files)
    must_fit(2 * size, f"the {len(files)} files in {root / name / 'raw'}", f"they are no {name}")  # and a copy


def _why(name: str, root: Path, error: Exception) -> tuple[str, str]:
    if not root.is_dir():
        return f"no data folder {root}", f"--data DIR says where {name} is; `zoo data RECIPE --download` fetches it"
    expected = {"CIFAR10": "cifar-10-batches-py", "CIFAR100": "cifar-100-python"}.get(name, f"{name}/raw")
    place = root / expected
    if place.is_dir():
        return (
            f"{name} in {place} is broken or incomplete: {one_line(error)}",
            "fetch it anew: `zoo data RECIPE --download`",
        )
    return f"no {name} in {root}: it would be {place}", "--data DIR says where; `zoo data RECIPE --download` fetches it"


def _class_name(text: str) -> str:
    """Return `0 - zero`, as torchvision calls a digit, is `0`."""
    return text.partition(" - ")[0]


def _tensors(found: Any, name: str, root: Path) -> LabelledImages:
    images, labels = found.data, getattr(found, "targets", None)
    labels = found.labels if labels is None else labels
    images = torch.as_tensor(np.asarray(images))
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[-1] == 3:
        images = images.permute(0, 3, 1, 2)
    split = LabelledImages(images.contiguous(), torch.as_tensor(np.asarray(labels)).long())
    if len(split.images) != len(split.labels):
        raise DataError(f"{name} in {root} has {len(split.images)} images and {len(split.labels)} labels")
    return split


def _torchvision(data: r.Torchvision, root: Path, seed: int, download: bool) -> Dataset:
    dataset = _named(data.dataset, root, download)
    if data.classes is not None:
        unknown = [name for name in data.classes if name not in dataset.classes]
        if unknown:
            raise DataError(f"{data.dataset} has no class {unknown[0]!r}", f"it has: {', '.join(dataset.classes)}")
        chosen = [dataset.classes.index(name) for name in data.classes]
        dataset = replace(
            dataset,
            train=_only(dataset.train, chosen),
            valid=_only(dataset.valid, chosen),
            classes=tuple(data.classes),
        )
    if data.valid is not None:
        train, valid = _divide(dataset.train, data.valid, seed)
        dataset = replace(dataset, train=train, valid=valid)
    return dataset


def _only(split: LabelledImages, classes: Sequence[int]) -> LabelledImages:
    """Return the images of these classes, in their order, labelled 0, 1, ... by their place in `classes`."""
    number = torch.full((max(int(split.labels.max()), *classes) + 1,), -1)
    number[torch.tensor(classes)] = torch.arange(len(classes))
    labels = number[split.labels]
    kept = (labels >= 0).nonzero().squeeze(1)
    return LabelledImages(split.images[kept], labels[kept])


def _divide(split: LabelledImages, share: float, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Return two parts, drawn, the second with this share of the images and of each class: at least one of each in
    both, but for classes that have no more than one, which the first keeps.
    """
    drawn = split.take(torch.randperm(len(split), generator=torch.Generator().manual_seed(seed)))
    places, sizes = _places(drawn.labels)
    spare = places + 1 < sizes
    count = min(max(round(len(split) * share), int((spare & (places == 0)).sum())), int(spare.sum()))
    held = torch.zeros(len(split), dtype=torch.bool)
    held[(places / sizes + ~spare).argsort(stable=True)[:count]] = True
    return drawn.take((~held).nonzero().squeeze(1)), drawn.take(held.nonzero().squeeze(1))


def _first(split: LabelledImages, count: int) -> LabelledImages:
    """Return the first so many images; where those lack a class, the first of each class, each by its share, and one of
    each while there is room.
    """
    labels = split.labels
    if count >= len(split) or labels.ndim > 1 or set(labels[:count].tolist()) == set(labels.tolist()):
        return split.take(torch.arange(min(count, len(split))))
    places, sizes = _places(labels)
    return split.take((places / sizes).argsort(stable=True)[:count].sort().values)


def _places(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many images of its class come before each image, and how many that class has."""
    sizes = torch.bincount(labels)
    order = labels.argsort(stable=True)
    places = torch.empty_like(labels)
    places[order] = torch.arange(len(labels)) - (sizes.cumsum(0) - sizes)[labels[order]]
    return places, sizes[labels]


def _limited(dataset: Dataset, data: Any) -> Dataset:
    train, valid = getattr(data, "limit_train", None), getattr(data, "limit_valid", None)
    return replace(
        dataset,
        train=_first(dataset.train, train) if train else dataset.train,
        valid=_first(dataset.valid, valid) if valid else dataset.valid,
    )


def _folder(data: r.Folder, root: Path, steps: Sequence[Any]) -> Dataset:
    labelled = {"train": root / data.train}
    if isinstance(data.valid, str):
        labelled["valid"] = root / data.valid
    found = {name: _classes(name, place, root) for name, place in labelled.items()}
    for name, place in labelled.items():
        _report_skipped(name, place)
    classes = tuple(sorted({each for split in found.values() for each in split}))
    _every_class(found, classes, labelled)
    paths = {name: [path for each in classes for path in split[each]] for name, split in found.items()}
    if data.test is not None:
        paths["test"] = _images(_existing("test", root / data.test, root))
    for name, files in paths.items():
        if not files:
            raise DataError(f"the {name} split is empty: no images in {root / str(getattr(data, name))}")
    everything = read_images([path for files in paths.values() for path in files], data.mode, steps)
    parts = torch.split(everything, [len(files) for files in paths.values()])
    splits = {}
    for (name, files), images in zip(paths.items(), parts, strict=True):
        sizes = [len(found[name][each]) for each in classes] if name in found else []
        labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes, dtype=torch.long))
        splits[name] = LabelledImages(
            images, labels if sizes else torch.full((len(files),), -100), tuple(map(str, files))
        )
    if not isinstance(data.valid, str):
        splits["train"], splits["valid"] = _divide(splits["train"], data.valid, 0)
    return Dataset(splits["train"], splits["valid"], classes, test=splits.get("test"))


def _existing(name: str, place: Path, root: Path) -> Path:
    if not place.is_dir():
        what = "images" if name == "test" else "a folder of images for every class"
        help = _instead(name, root) or f"it holds {what}; --data DIR says what it lies in"
        raise DataError(f"no {name} folder {place}", help)
    return place


#: What people call the folders of splits.
CALLED = {
    "train": ("train", "training", "trainset"),
    "valid": ("valid", "val", "validation", "dev", "eval", "test", "testing"),
    "test": ("test", "testing"),
}


def _instead(name: str, root: Path) -> str:
    """Return the line of a recipe that names what is there; nothing where that is not clear."""
    folders = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    called = [folder for each in CALLED[name] for folder in folders if folder.lower() == each]
    if called:
        return f"there is {called[0]}/: say `{name}: {called[0]}` under `data`"
    others = {each for names in CALLED.values() for each in names}
    if name == "train" and len(inner := [below for each in folders for below in _trains(root / each)]) == 1:
        return f"there is {inner[0].relative_to(root)}/: --data {inner[0].parent} says what it lies in"
    if name == "train" and any(_images(root / folder) for folder in folders if folder.lower() not in others):
        return 'its folders are classes, without a split: say `train: "."` and `valid: 0.2` under `data`'
    if name == "valid" and folders:
        return "without one, a share of the training set validates: say `valid: 0.2` under `data`"
    return ""


def _trains(place: Path) -> list[Path]:
    """Return the folders of a training set in a folder."""
    return [below for below in sorted(place.iterdir()) if below.is_dir() and below.name.lower() in CALLED["train"]]


def _classes(name: str, place: Path, root: Path) -> dict[str, list[Path]]:
    """Return a split's images by their class, which is the folder's name."""
    folders = [
        path for path in _existing(name, place, root).iterdir() if path.is_dir() and not path.name.startswith(".")
    ]
    if not folders:
        raise DataError(f"no class folders in {place}", f"one folder per class, as {place.name}/cat/1.png")
    return {folder.name: _images(folder) for folder in folders}


def _images(folder: Path) -> list[Path]:
    """Return the image files in a folder and below, sorted."""
    return sorted(path for path in _shown(folder) if path.suffix.lower() in SUFFIXES)


def _shown(folder: Path) -> Iterator[Path]:
    """Yield all that is in a folder and below, without what programs hide there (`.ipynb_checkpoints`)."""
    paths = folder.rglob("*")
    return (path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _report_skipped(name: str, place: Path) -> None:
    """Say which files of a split are not read."""
    skipped = sorted(p for p in _shown(place) if p.suffix.lower() not in SUFFIXES and p.is_file())
    if skipped:
        kinds = Counter(path.suffix.lower() or "no suffix" for path in skipped)
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
        words = f"{len(skipped):,} file{'s' * (len(skipped) > 1)} of the {name} split not read ({counts})"
        logging.getLogger("zoo").warning("%s, as %s: images are %s", words, skipped[0], ", ".join(SUFFIXES))


def _every_class(found: dict[str, dict[str, list[Path]]], classes: Sequence[str], places: dict[str, Path]) -> None:
    """Raise DataError naming every class that a split has no images of; a split without any image is reported later."""
    missing = [
        f"no images of the class `{each}` in {places[name] / each}"
        for name, split in found.items()
        if any(split.values())
        for each in classes
        if not split.get(each)
    ]
    if missing:
        raise DataError("; ".join(missing), "add some, or remove the class from every split")


def _must_fit(count: int, shape: Sequence[int], steps: Sequence[Any] = ()) -> None:
    """Raise TrainingError where so many images, or what a step makes of them, cannot be held."""
    channels, height, width = shape
    sizes = [(channels, height, width)]
    for step in steps:
        sizes.append(after(sizes[-1], step))
    largest = max(sizes, key=math.prod)
    size = " x ".join(map(str, largest))
    must_fit(count * math.prod(largest), f"{count:,} images of {size}", "see `prepare` under `transforms`")


def _check(dataset: Dataset, where: Path) -> None:
    for name, split in _splits(dataset).items():
        if not len(split):
            raise DataError(f"the {name} split is empty: no images in {where}")
        if name != "test" and int(split.labels.max()) >= len(dataset.classes):
            worst = int(split.labels.max())
            raise DataError(f"the {name} split has a label {worst}, but there are {len(dataset.classes)} classes")


def _with_statistics(dataset: Dataset, normalize: Any) -> Dataset:
    channels = dataset.shape[0]
    if isinstance(normalize, recipe_transforms.Statistics):
        if not len(normalize.mean) == len(normalize.std) == channels:
            raise DataError(f"normalize has {len(normalize.mean)} means and the images have {channels} channels")
        return replace(dataset, mean=tuple(normalize.mean), std=tuple(normalize.std))
    mean, std = measure(dataset.train.images)
    return replace(dataset, mean=mean, std=std)


def measure(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of uint8 images, on the scale 0..1, exact: from a histogram."""
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = np.zeros(256, dtype=np.int64)
        for part in torch.split(images[:, channel], 100):  # counting takes eight bytes a pixel
            counts += np.bincount(part.numpy().ravel(), minlength=256)
        flat = torch.from_numpy(counts).double()
        share = flat / flat.sum()
        mean = float(share @ values)
        means.append(mean)
        stds.append(max(float(share @ (values - mean) ** 2) ** 0.5, 1e-6))
    return tuple(means), tuple(stds)


def image_size(recipe: r.Recipe, dataset: Dataset) -> tuple[int, int, int]:
    """Return channels, height and width of what flows into the network.

    Raises TrainingError where a crop is too large for its images, or a batch of them for this machine.
    """
    shape = dataset.shape
    splits = _splits(dataset).values()
    count = min(max(recipe.batch_size, TOGETHER), max(map(len, splits)))
    for index, step in enumerate(recipe.transforms.augment):
        try:
            shape = after(shape, step)
        except ValueError as error:
            raise TrainingError(f"`transforms.augment.{index}`: {error}") from error
        _, height, width = shape
        try:
            current().hold("pixels", height * width, "an image, under `augment`, gets", f"pixels, {width} x {height}")
        except LimitExceeded as error:
            raise TrainingError(error.message, error.help) from error
        batch = f"{count:,} images of {' x '.join(map(str, shape))}, a batch,"
        must_fit(BYTES * count * math.prod(shape), batch, "see `augment` under `transforms`, or a smaller `batch_size`")
    return shape
