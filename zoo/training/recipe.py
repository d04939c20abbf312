"""What a recipe may say: strict models, checked without torch.

A recipe names a network, its data, how images are prepared and augmented, the optimizer with its schedule, and the
result that it expects. Words are PyTorch's own (`AdamW`, `OneCycleLR`, `RandomCrop`), with PyTorch's defaults.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic import model_validator as validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Size = PositiveInt | Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
Metric = Literal["accuracy", "top5", "iou"]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Network(Strict):
    """A catalogue name or a path of a spec, with parameters (`{num_classes: 2}`) and the shape of one input."""

    name: str
    params: dict[str, Any] = {}
    input: list[PositiveInt] | None = None


class Torchvision(Strict):
    """A data set of torchvision, in torchvision's own layout below `root`. `classes` keeps only those, renumbered."""

    dataset: Literal["MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "SVHN", "STL10"]
    root: str = "data"
    classes: Annotated[list[str], Field(min_length=2)] | None = None
    valid: Annotated[float, Field(gt=0, lt=1)] | None = None  # this share of the training set, in place of the test set
    limit_train: PositiveInt | None = None
    limit_valid: PositiveInt | None = None


class Folder(Strict):
    """Images in folders: `root/train/CLASS/*.png`, `root/valid/CLASS/*.png`, and unlabelled `root/test/*.png`."""

    dataset: Literal["folder"]
    root: str = "data"
    train: str = "train"
    valid: str | Annotated[float, Field(gt=0, lt=1)] = "valid"  # a folder, or a share of the training set
    test: str | None = None
    mode: Literal["L", "RGB"] = "RGB"
    limit_train: PositiveInt | None = None
    limit_valid: PositiveInt | None = None


class Canvas(Strict):
    """MNIST digits thrown on a noisy canvas; the label is a class per pixel: 0 background, then the digits' classes."""

    dataset: Literal["digits_on_canvas"]
    root: str = "data"
    size: Annotated[int, Field(ge=32, le=1024)] = 64
    digits: Annotated[list[PositiveInt], Field(min_length=2, max_length=2)] = [1, 3]  # how many, from and to
    noise: NonNegativeFloat = 0.15  # standard deviation, in units of the full range
    labels: Literal["digit", "class"] = "class"  # two classes, or one for each of the ten digits and the background
    train: PositiveInt = 6000
    valid: PositiveInt = 1000


class Resize(Strict):
    op: Literal["Resize"]
    size: Size


class CenterCrop(Strict):
    op: Literal["CenterCrop"]
    size: Size


class Pad(Strict):
    op: Literal["Pad"]
    padding: NonNegativeInt


class Grayscale(Strict):
    op: Literal["Grayscale"]


class RandomCrop(Strict):
    op: Literal["RandomCrop"]
    size: Size
    padding: NonNegativeInt = 0


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
    translate: Pair | None = None
    scale: Pair | None = None
    shear: NonNegativeFloat = 0.0


class RandomErasing(Strict):
    op: Literal["RandomErasing"]
    p: Fraction = 0.5
    scale: Pair = [0.02, 0.33]
    ratio: Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)] = [0.3, 3.3]


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
    lr: NonNegativeFloat
    momentum: NonNegativeFloat = 0.0
    nesterov: bool = False
    weight_decay: NonNegativeFloat = 0.0


class Adam(Strict):
    op: Literal["Adam", "AdamW"]
    lr: NonNegativeFloat = 1e-3
    betas: Pair = [0.9, 0.999]
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat | None = None  # torch's default: 0 for Adam, 0.01 for AdamW


class OneCycle(Strict):
    """Up to the optimizer's `lr` and down to nearly nothing, once, over all epochs; momentum goes the other way."""

    op: Literal["OneCycleLR"]
    pct_start: Annotated[float, Field(gt=0, lt=1)] = 0.3
    div_factor: PositiveFloat = 25.0
    final_div_factor: PositiveFloat = 1e4
    base_momentum: Fraction = 0.85
    max_momentum: Fraction = 0.95


class MultiStep(Strict):
    """Times `gamma` after each of these epochs; a linear start over `warmup` epochs."""

    op: Literal["MultiStepLR"]
    milestones: list[PositiveFloat]
    gamma: PositiveFloat = 0.1
    warmup: NonNegativeFloat = 0.0


class Cosine(Strict):
    """Half a cosine from `lr` to `eta_min` over all epochs; a linear start over `warmup` epochs."""

    op: Literal["CosineAnnealingLR"]
    eta_min: NonNegativeFloat = 0.0
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
    name: str
    title: str = ""
    source: str = ""
    network: Network
    data: Data
    transforms: Transforms = Transforms()
    optimizer: Optimizer
    schedule: Schedule | None = None
    batch_size: PositiveInt
    epochs: PositiveInt
    drop_last: bool = False
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    aux_weight: NonNegativeFloat = 0.3  # of outputs that exist in training only
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None  # decay of averaged weights, which are what is evaluated
    accumulate: PositiveInt = 1
    gradient_clip: PositiveFloat | None = None
    seed: NonNegativeInt = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    metrics: list[Metric] = ["accuracy"]
    expect: Expect = Expect()
    published: dict[str, float] = {}  # the figures as printed in the source, for people to compare with

    @validator(mode="before")
    @classmethod
    def _network_by_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("network"), str):
            return {**data, "network": {"name": data["network"]}}
        return data

    @validator(mode="after")
    def _pixels_stay_in_place(self) -> Recipe:
        if self.data.dataset == "digits_on_canvas" and (self.transforms.augment or self.transforms.prepare):
            raise ValueError("digits_on_canvas labels pixels: transforms would move the image and not its labels")
        return self
