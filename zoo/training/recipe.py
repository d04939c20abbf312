"""What a recipe may say: strict models, checked without torch.

A recipe names a network, its data, how images are prepared and augmented, the optimizer with its schedule, and the
result that it expects. Words are PyTorch's own (`AdamW`, `OneCycleLR`, `RandomCrop`), with PyTorch's defaults. What
people write instead stands beside each key, as in the grammar of specs.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic import field_validator as field_check
from pydantic import model_validator as validator

from speczoo.specs.keys import Holds, Instead
from speczoo.training.recipe_grammar import Fraction, Strict, T, Two, rising
from speczoo.training.recipe_transforms import Transforms

LONGEST = 100  # characters of a name
MANY = 10**9  # images, epochs or batches: what is counted in a recipe
LARGEST = 1e6  # of what an optimizer multiplies by: float32 has to hold products of them


def _plain(name: str) -> str:
    if len(name) > LONGEST or not re.fullmatch(r"\w[\w.+ -]*", name):
        raise ValueError(
            f"a run's folder is called so: letters, digits, spaces and `_ - . +`, a letter or digit first, "
            f"at most {LONGEST} characters"
        )
    return name


def _unique(values: T) -> T:
    known = set[str]()
    for value in values:
        if value in known:
            raise ValueError(f"`{value}` is there twice")
        known.add(value)
    return values


Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0, le=MANY)]
Digits = Annotated[int, Field(gt=0, le=100)]
Share = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=LARGEST)]
Penalty = Annotated[float, Field(ge=0, le=LARGEST)]
Metric = Literal["accuracy", "top5", "iou"]
LR = Instead("learning_rate")
WD = Instead("wd", "l2")
Root = Annotated[str, Instead("path", "dir", "folder"), Field(description="Where it is, without `--data`.")]
Limit = Annotated[Count | None, Field(description="Only so many of the first images.")]
WHICH = Field(description="Which optimizer of torch.")
GOES = Field(description="Which schedule of torch.")
WARMUP = Field(default=0.0, description="Epochs in which it rises to `lr` first.")
VALID = Instead("val", "validation")


class Network(Strict):
    """A catalogue name or a path of a spec, with parameters (`{num_classes: 2}`) and the shape of one input.

    The name alone says the same as `{name: NAME}`.
    """

    name: Annotated[str, Holds("a name, or a path from this file: `nets/mine.yaml`")] = Field(
        description="Which network of the zoo, or the file of one, a variant behind a colon."
    )
    params: Annotated[
        dict[str, Any], Holds("a mapping: `{num_classes: 2}`"), Instead("parameters", "args", "kwargs")
    ] = Field(default={}, description="What its parameters are set to.")
    input: Annotated[list[PositiveInt] | None, Holds("a list of sizes without the batch axis: `[3, 64, 64]`")] = Field(
        default=None, description="The shape of what it is built for, where that is not the shape of the images."
    )

    @validator(mode="before")
    @classmethod
    def _by_name(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data


class Torchvision(Strict):
    """A data set of torchvision, in torchvision's own layout below `root`."""

    dataset: Literal["MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "SVHN", "STL10"] = Field(
        description="Its name there."
    )
    root: Root = "data"
    classes: Annotated[
        Annotated[list[str], Field(min_length=2), AfterValidator(_unique)] | None, Holds("a list of names")
    ] = Field(default=None, description="Only these, numbered in this order.")
    valid: Annotated[Share | None, VALID] = Field(
        default=None, description="This share of the training set, in place of the test set."
    )
    limit_train: Limit = None
    limit_valid: Limit = None


class Folder(Strict):
    """Images in folders: `root/train/CLASS/*.png`, `root/valid/CLASS/*.png`, and unlabelled `root/test/*.png`."""

    dataset: Literal["folder"] = Field(description="Images of your own.")
    root: Root = "data"
    train: str = Field(default="train", description="The folder of a class's folders to train on.")
    valid: Annotated[str | Share, VALID] = Field(
        default="valid", description="The folder to measure on, or a share of the training set."
    )
    test: str | None = Field(default=None, description="A folder of images without labels, to predict.")
    mode: Annotated[Literal["L", "RGB"], Instead("channels", "color", "colour")] = Field(
        default="RGB", description="Grey, or in colours."
    )
    limit_train: Limit = None
    limit_valid: Limit = None

    @field_check("train", "valid", "test")
    @classmethod
    def _below_root(cls, name: Any) -> Any:
        """Refuse what leads out of the root: whoever gives `--data` means that folder and no other.

        What is named is held, and links in the folder are not: they are its owner's, whose large splits may lie on
        other disks, and not of the recipe's text.
        """
        for path in (PurePosixPath(name), PureWindowsPath(name)) if isinstance(name, str) else ():
            if path.anchor or ".." in path.parts:
                raise ValueError(
                    f"`{name}` is no folder below `root`, as `train` is: put it there, or let `root`, or --data, "
                    f"name a folder that all of them are in"
                )
        return name


class Canvas(Strict):
    """MNIST digits thrown on a noisy canvas; the label is a class per pixel: 0 background, then the digits' classes."""

    dataset: Literal["digits_on_canvas"] = Field(description="Digits thrown on a canvas.")
    root: Root = "data"
    size: Annotated[int, Field(ge=32, le=1024)] = Field(default=64, description="Pixels of a side.")
    digits: Annotated[list[Digits], Two, AfterValidator(rising), Holds("two whole numbers: `[1, 3]`")] = Field(
        default=[1, 3], description="How many, from and to."
    )
    noise: NonNegativeFloat = Field(default=0.15, description="Standard deviation, in units of the full range.")
    labels: Literal["digit", "class"] = Field(
        default="class", description="Two classes, or one for each of the ten digits and the background."
    )
    train: Count = Field(default=6000, description="Images to train on.")
    valid: Annotated[Count, VALID] = Field(default=1000, description="Images to measure on.")


class SGD(Strict):
    """Steps down the gradient, as `torch.optim.SGD` takes them."""

    op: Literal["SGD"] = WHICH
    lr: Annotated[Rate, LR] = Field(description="The learning rate: what gradients are multiplied by.")
    momentum: NonNegativeFloat = Field(default=0.0, description="How much of the step before goes on.")
    nesterov: bool = Field(default=False, description="Whether the gradient is looked at where the momentum leads.")
    weight_decay: Annotated[Penalty, WD] = Field(default=0.0, description="What is taken of the weights in each step.")

    @validator(mode="after")
    def _nesterov_has_momentum(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov looks ahead along a momentum, and there is none: momentum: 0.9")
        return self


class Adam(Strict):
    """Steps by averages of gradients and of their squares, as `torch.optim.Adam` and `AdamW` take them."""

    op: Literal["Adam", "AdamW"] = WHICH
    lr: Annotated[Rate, LR] = Field(default=1e-3, description="The learning rate: about as far as a weight goes.")
    betas: Annotated[list[Decay], Two, Holds("two decays: `[0.9, 0.999]`")] = Field(
        default=[0.9, 0.999], description="How slowly the averages of gradients and of squares change."
    )
    eps: Annotated[Rate, Instead("epsilon")] = Field(default=1e-8, description="What keeps divisions from zero.")
    weight_decay: Annotated[Penalty | None, WD] = Field(
        default=None,
        description="What is taken of the weights in each step: torch's 0 for `Adam` and 0.01 for `AdamW` without it.",
    )


class OneCycle(Strict):
    """Up to the optimizer's `lr` and down to nearly nothing, once, over all epochs; momentum goes the other way."""

    op: Literal["OneCycleLR"] = GOES
    pct_start: Share = Field(default=0.3, description="The share of the steps that it rises in.")
    div_factor: PositiveFloat = Field(default=25.0, description="It begins with `lr` divided by this.")
    final_div_factor: PositiveFloat = Field(default=1e4, description="It ends with where it began divided by this.")
    base_momentum: Decay = Field(default=0.85, description="The least momentum, or `betas[0]`: at the top.")
    max_momentum: Decay = Field(default=0.95, description="The most: at the beginning and the end.")


class MultiStep(Strict):
    """Times `gamma` after each of these epochs; a linear start over `warmup` epochs."""

    op: Literal["MultiStepLR"] = GOES
    milestones: Annotated[list[PositiveFloat], Holds("a list of epochs: `[82, 123]`"), Instead("steps", "epochs")] = (
        Field(description="After which it changes.")
    )
    gamma: PositiveFloat = Field(default=0.1, description="What it is multiplied by.")
    warmup: NonNegativeFloat = WARMUP


class Cosine(Strict):
    """Half a cosine from `lr` to `eta_min` over all epochs; a linear start over `warmup` epochs."""

    op: Literal["CosineAnnealingLR"] = GOES
    eta_min: Penalty = Field(default=0.0, description="The learning rate at the end.")
    warmup: NonNegativeFloat = WARMUP


Data = Annotated[Torchvision | Folder | Canvas, Field(discriminator="dataset")]
Optimizer = Annotated[SGD | Adam, Field(discriminator="op")]
Schedule = Annotated[OneCycle | MultiStep | Cosine, Field(discriminator="op")]


class ExpectedMetrics(Strict):
    """The result to meet: what the source printed, or for a tuned recipe what it reached here."""

    accuracy: Fraction | None = Field(default=None, description="The share of images, or pixels, that are right.")
    top5: Fraction | None = Field(default=None, description="The share whose class is among the first five.")
    iou: Fraction | None = Field(default=None, description="Intersection over union, the mean of the classes.")

    def figures(self) -> dict[str, float]:
        return self.model_dump(exclude_none=True)


class Recipe(Strict):
    """How a network is trained, on what, and what comes out."""

    recipe: Annotated[Literal[1], Holds("the version of recipes: `recipe: 1`"), Instead("version")] = Field(
        description="By which rules the rest is read."
    )
    name: Annotated[str, AfterValidator(_plain), Holds("a name: letters, digits, spaces and `_ - . +`")] = Field(
        description="What a run's folder is called."
    )
    title: Annotated[str, Instead("description")] = Field(default="", description="What is trained, in a line.")
    source: Annotated[str, Instead("reference", "paper", "url")] = Field(default="", description="Where it is from.")
    network: Annotated[
        Network,
        Holds("a name, a path, or a mapping: `{name: resnet34, params: {num_classes: 2}, input: [3, 64, 64]}`"),
        Instead("model", "net", "architecture", "arch", "spec"),
    ] = Field(description="What is trained.")
    data: Annotated[Data, Holds("a data set: `{dataset: MNIST}`"), Instead("dataset", "datamodule")] = Field(
        description="On what."
    )
    transforms: Annotated[
        Transforms,
        Holds("a mapping: `{augment: [{op: RandomCrop, size: 28, padding: 3}]}`"),
        Instead("transform", "augmentation", "augmentations", "preprocessing"),
    ] = Field(default=Transforms(), description="What is done to the images.")
    optimizer: Annotated[
        Optimizer, Holds("one of `SGD`, `Adam`, `AdamW` with torch's arguments: `{op: SGD, lr: 0.1}`"), Instead("optim")
    ] = Field(description="What takes the steps.")
    schedule: Annotated[
        Schedule | None,
        Holds("one of `OneCycleLR`, `MultiStepLR`, `CosineAnnealingLR` with its arguments: `{op: OneCycleLR}`"),
        Instead("scheduler", "lr_scheduler"),
    ] = Field(
        default=None,
        description="How the learning rate goes, `milestones` and `warmup` in epochs; without it, it stays.",
    )
    batch_size: Annotated[Count, Instead("bs", "batch")] = Field(description="Images in a batch.")
    drop_last: bool = Field(default=False, description="Whether a last batch that is not full is left out.")
    epochs: Annotated[Count, Instead("max_epochs", "num_epochs", "n_epochs")] = Field(
        description="How often the data is gone through."
    )
    label_smoothing: Decay = Field(default=0.0, description="The share of a label that goes to all classes alike.")
    aux_weight: NonNegativeFloat = Field(
        default=0.3, description="The weight in the loss of outputs that exist in training only."
    )
    ema: Annotated[Share | None, Holds("a decay between 0 and 1, such as `0.999`"), Instead("ema_decay")] = Field(
        default=None, description="Weights are averaged so, and the averages are what is evaluated."
    )
    accumulate: Annotated[Count, Instead("accumulate_grad_batches", "gradient_accumulation_steps")] = Field(
        default=1, description="Batches a step."
    )
    gradient_clip: Annotated[
        PositiveFloat | None, Instead("gradient_clip_val", "clip_grad", "clip_grad_norm", "max_grad_norm")
    ] = Field(default=None, description="The largest norm of the gradients.")
    seed: Annotated[int, Field(ge=0, lt=2**63), Instead("random_seed", "random_state")] = Field(
        default=0, description="What all that is drawn at random follows from."
    )
    precision: Annotated[Literal["32-true", "bf16-mixed", "16-mixed"], Instead("dtype")] = Field(
        default="32-true", description="What is computed in, in Lightning's words."
    )
    metrics: Annotated[
        list[Metric],
        Field(min_length=1),
        AfterValidator(_unique),
        Holds("a list of `accuracy`, `top5`, `iou`"),
        Instead("metric"),
    ] = Field(default=["accuracy"], description="What is measured after each epoch.")
    expect: Annotated[
        ExpectedMetrics, Holds("a mapping of metrics to values: `{accuracy: 0.9864}`"), Instead("expected")
    ] = Field(default=ExpectedMetrics(), description="What it reaches.")
    published: Annotated[dict[str, float], Holds("a mapping of names to figures: `{accuracy: 98.64}`")] = Field(
        default={}, description="Figures as printed in the source, for people to compare with."
    )

    @validator(mode="after")
    def _pixels_stay_in_place(self) -> Recipe:
        if self.data.dataset == "digits_on_canvas" and (self.transforms.augment or self.transforms.prepare):
            raise ValueError("digits_on_canvas labels pixels: transforms would move the image and not its labels")
        return self
