"""What a recipe may say: strict models, checked without torch.

A recipe names a network, its data, how images are prepared and augmented, the optimizer with its schedule, and the
result that it expects. Words are PyTorch's own (`AdamW`, `OneCycleLR`, `RandomCrop`), with PyTorch's defaults.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic import field_validator as field_check
from pydantic import model_validator as validator

T = TypeVar("T", bound=Sequence[Any])
LONGEST = 100  # characters of a name
SIDE = 8192  # pixels
MANY = 10**9  # images, epochs or batches: what is counted in a recipe
LARGEST = 1e6  # of what an optimizer multiplies by: float32 has to hold products of them


def _plain(name: str) -> str:
    if len(name) > LONGEST or not re.fullmatch(r"\w[\w.+ -]*", name):
        raise ValueError(
            f"a run's folder is called so: letters, digits, spaces and `_ - . +`, a letter or digit first, "
            f"at most {LONGEST} characters"
        )
    return name


def _rising(ends: T) -> T:
    if ends[0] > ends[1]:
        raise ValueError(f"it goes from the smaller to the larger, not from {ends[0]} to {ends[1]}")
    return ends


def _unique(values: T) -> T:
    seen = set[str]()
    for value in values:
        if value in seen:
            raise ValueError(f"`{value}` is there twice")
        seen.add(value)
    return values


Two = Field(min_length=2, max_length=2)
Fraction = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0, le=MANY)]
Digits = Annotated[int, Field(gt=0, le=100)]
Share = Annotated[float, Field(gt=0, lt=1)]
Side = Annotated[int, Field(gt=0, le=SIDE)]
Padding = Annotated[int, Field(ge=0, le=SIDE)]
Size = Side | Annotated[list[Side], Two]
Rate = Annotated[float, Field(gt=0, le=LARGEST)]
Penalty = Annotated[float, Field(ge=0, le=LARGEST)]
Range = Annotated[list[PositiveFloat], Two, AfterValidator(_rising)]
Metric = Literal["accuracy", "top5", "iou"]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Network(Strict):
    """A catalogue name or a path of a spec, with parameters (`{num_classes: 2}`) and the shape of one input.

    The name alone says the same as `{name: NAME}`.
    """

    name: str
    params: dict[str, Any] = {}
    input: list[PositiveInt] | None = None

    @validator(mode="before")
    @classmethod
    def _by_name(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data


class Torchvision(Strict):
    """A data set of torchvision, in torchvision's own layout below `root`. `classes` keeps only those, renumbered."""

    dataset: Literal["MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "SVHN", "STL10"]
    root: str = "data"
    classes: Annotated[list[str], Field(min_length=2), AfterValidator(_unique)] | None = None
    valid: Share | None = None  # this share of the training set, in place of the test set
    limit_train: Count | None = None
    limit_valid: Count | None = None


class Folder(Strict):
    """Images in folders: `root/train/CLASS/*.png`, `root/valid/CLASS/*.png`, and unlabelled `root/test/*.png`."""

    dataset: Literal["folder"]
    root: str = "data"
    train: str = "train"
    valid: str | Share = "valid"  # a folder, or a share of the training set
    test: str | None = None
    mode: Literal["L", "RGB"] = "RGB"
    limit_train: Count | None = None
    limit_valid: Count | None = None

    @field_check("train", "valid", "test")
    @classmethod
    def _below_root(cls, name: Any) -> Any:
        """Whoever gives `--data` means that folder and no other. What is named is held, and links in the folder are
        not: they are its owner's, whose large splits may lie on other disks, and not of the recipe's text."""
        for path in (PurePosixPath(name), PureWindowsPath(name)) if isinstance(name, str) else ():
            if path.anchor or ".." in path.parts:
                raise ValueError(
                    f"`{name}` is no folder below `root`, as `train` is: put it there, or let `root`, or --data, "
                    f"name a folder that all of them are in"
                )
        return name


class Canvas(Strict):
    """MNIST digits thrown on a noisy canvas; the label is a class per pixel: 0 background, then the digits' classes."""

    dataset: Literal["digits_on_canvas"]
    root: str = "data"
    size: Annotated[int, Field(ge=32, le=1024)] = 64
    digits: Annotated[list[Digits], Two, AfterValidator(_rising)] = [1, 3]  # how many, from and to
    noise: NonNegativeFloat = 0.15  # standard deviation, in units of the full range
    labels: Literal["digit", "class"] = "class"  # two classes, or one for each of the ten digits and the background
    train: Count = 6000
    valid: Count = 1000


class Resize(Strict):
    op: Literal["Resize"]
    size: Size


class CenterCrop(Strict):
    op: Literal["CenterCrop"]
    size: Size


class Pad(Strict):
    op: Literal["Pad"]
    padding: Padding


class Grayscale(Strict):
    op: Literal["Grayscale"]


class RandomCrop(Strict):
    op: Literal["RandomCrop"]
    size: Size
    padding: Padding = 0


class RandomHorizontalFlip(Strict):
    op: Literal["RandomHorizontalFlip"]
    p: Fraction = 0.5


class RandomVerticalFlip(Strict):
    op: Literal["RandomVerticalFlip"]
    p: Fraction = 0.5


class RandomAffine(Strict):
    """Degrees, then translation as a share of the size, scale and shear in degrees: each drawn per image."""

    op: Literal["RandomAffine"]
    degrees: NonNegativeFloat = 0.0
    translate: Annotated[list[Fraction], Two] | None = None
    scale: Range | None = None
    shear: Annotated[float, Field(ge=0, lt=90)] = 0.0


class RandomErasing(Strict):
    op: Literal["RandomErasing"]
    p: Fraction = 0.5
    scale: Annotated[list[Fraction], Two, AfterValidator(_rising)] = [0.02, 0.33]
    ratio: Range = [0.3, 3.3]


Prepare = Annotated[Resize | CenterCrop | Pad | Grayscale, Field(discriminator="op")]
Augment = Annotated[
    RandomCrop | RandomHorizontalFlip | RandomVerticalFlip | RandomAffine | RandomErasing, Field(discriminator="op")
]


class Statistics(Strict):
    """Per channel, of images scaled to 0..1."""

    mean: list[float]
    std: list[PositiveFloat]


class Transforms(Strict):
    """`prepare` every image once, `augment` training images anew each epoch, `normalize` all by statistics."""

    prepare: list[Prepare] = []
    augment: list[Augment] = []
    normalize: Literal["measured"] | Statistics = "measured"


class SGD(Strict):
    op: Literal["SGD"]
    lr: Rate
    momentum: NonNegativeFloat = 0.0
    nesterov: bool = False
    weight_decay: Penalty = 0.0

    @validator(mode="after")
    def _nesterov_has_momentum(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov looks ahead along a momentum, and there is none: momentum: 0.9")
        return self


class Adam(Strict):
    op: Literal["Adam", "AdamW"]
    lr: Rate = 1e-3
    betas: Annotated[list[Decay], Two] = [0.9, 0.999]
    eps: Rate = 1e-8
    weight_decay: Penalty | None = None  # torch's default: 0 for Adam, 0.01 for AdamW


class OneCycle(Strict):
    """Up to the optimizer's `lr` and down to nearly nothing, once, over all epochs; momentum goes the other way."""

    op: Literal["OneCycleLR"]
    pct_start: Share = 0.3
    div_factor: PositiveFloat = 25.0
    final_div_factor: PositiveFloat = 1e4
    base_momentum: Decay = 0.85
    max_momentum: Decay = 0.95


class MultiStep(Strict):
    """Times `gamma` after each of these epochs; a linear start over `warmup` epochs."""

    op: Literal["MultiStepLR"]
    milestones: list[PositiveFloat]
    gamma: PositiveFloat = 0.1
    warmup: NonNegativeFloat = 0.0


class Cosine(Strict):
    """Half a cosine from `lr` to `eta_min` over all epochs; a linear start over `warmup` epochs."""

    op: Literal["CosineAnnealingLR"]
    eta_min: Penalty = 0.0
    warmup: NonNegativeFloat = 0.0


Data = Annotated[Torchvision | Folder | Canvas, Field(discriminator="dataset")]
Optimizer = Annotated[SGD | Adam, Field(discriminator="op")]
Schedule = Annotated[OneCycle | MultiStep | Cosine, Field(discriminator="op")]


class Expect(Strict):
    """The result to meet: what the source printed, or for a tuned recipe what it reached here."""

    accuracy: Fraction | None = None
    top5: Fraction | None = None
    iou: Fraction | None = None

    def figures(self) -> dict[str, float]:
        return self.model_dump(exclude_none=True)


class Recipe(Strict):
    """How a network is trained, on what, and what comes out."""

    recipe: Literal[1]
    name: Annotated[str, AfterValidator(_plain)]
    title: str = ""
    source: str = ""
    network: Network
    data: Data
    transforms: Transforms = Transforms()
    optimizer: Optimizer
    schedule: Schedule | None = None
    batch_size: Count
    epochs: Count
    drop_last: bool = False
    label_smoothing: Decay = 0.0
    aux_weight: NonNegativeFloat = 0.3  # of outputs that exist in training only
    ema: Share | None = None  # decay of averaged weights, which are what is evaluated
    accumulate: Count = 1
    gradient_clip: PositiveFloat | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    metrics: Annotated[list[Metric], Field(min_length=1), AfterValidator(_unique)] = ["accuracy"]
    expect: Expect = Expect()
    published: dict[str, float] = {}  # the figures as printed in the source, for people to compare with

    @validator(mode="after")
    def _pixels_stay_in_place(self) -> Recipe:
        if self.data.dataset == "digits_on_canvas" and (self.transforms.augment or self.transforms.prepare):
            raise ValueError("digits_on_canvas labels pixels: transforms would move the image and not its labels")
        return self
