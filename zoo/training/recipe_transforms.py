"""What becomes of an image on its way into the network: how it is prepared, and augmented anew in each epoch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat

from speczoo.specs.keys import Holds, Instead
from speczoo.training.recipe_grammar import Fraction, Strict, Two, rising

SIDE = 8192  # pixels
Side = Annotated[int, Field(gt=0, le=SIDE)]
Padding = Annotated[int, Field(ge=0, le=SIDE)]
ImageSize = Side | Annotated[list[Side], Two]
Range = Annotated[list[PositiveFloat], Two, AfterValidator(rising)]
Cut = Annotated[ImageSize, Holds("an integer, or `[height, width]`"), Field(description="Pixels that are left.")]
Chance = Annotated[Fraction, Instead("prob", "probability"), Field(description="The share of images it is done to.")]
OP = Field(description="What is done, by its name.")


class Resize(Strict):
    """The image at another size."""

    op: Literal["Resize"] = OP
    size: Annotated[ImageSize, Holds("an integer, of the shorter side, or `[height, width]`")] = Field(
        description="Pixels."
    )


class CenterCrop(Strict):
    """The middle of the image."""

    op: Literal["CenterCrop"] = OP
    size: Cut


class Pad(Strict):
    """Black around the image."""

    op: Literal["Pad"] = OP
    padding: Padding = Field(description="Pixels at each side.")


class Grayscale(Strict):
    """The image without its colours, in one channel."""

    op: Literal["Grayscale"] = OP


class RandomCrop(Strict):
    """A part of the image, at a place that is drawn for each."""

    op: Literal["RandomCrop"] = OP
    size: Cut
    padding: Padding = Field(default=0, description="Pixels of black that are put at each side before.")


class RandomHorizontalFlip(Strict):
    """Left and right exchanged, of so many images."""

    op: Literal["RandomHorizontalFlip"] = OP
    p: Chance = 0.5


class RandomVerticalFlip(Strict):
    """Above and below exchanged, of so many images."""

    op: Literal["RandomVerticalFlip"] = OP
    p: Chance = 0.5


class RandomAffine(Strict):
    """The image turned, shifted, scaled and sheared, each by as much as is drawn for it."""

    op: Literal["RandomAffine"] = OP
    degrees: NonNegativeFloat = Field(default=0.0, description="The most that it is turned by, either way.")
    translate: Annotated[Annotated[list[Fraction], Two] | None, Holds("two shares: `[0.1, 0.1]`")] = Field(
        default=None, description="The most that it is shifted by, as shares of width and height."
    )
    scale: Annotated[Range | None, Holds("two numbers: `[0.9, 1.1]`")] = Field(
        default=None, description="The least and the most that it is scaled by."
    )
    shear: Annotated[float, Field(ge=0, lt=90)] = Field(default=0.0, description="The most degrees, either way.")


class RandomErasing(Strict):
    """A rectangle of so many images blotted out."""

    op: Literal["RandomErasing"] = OP
    p: Chance = 0.5
    scale: Annotated[list[Fraction], Two, AfterValidator(rising), Holds("two shares: `[0.02, 0.33]`")] = Field(
        default=[0.02, 0.33], description="The least and the most of the image that it covers."
    )
    ratio: Annotated[Range, Holds("two numbers: `[0.3, 3.3]`")] = Field(
        default=[0.3, 3.3], description="Its height by its width, the least and the most."
    )


Prepare = Annotated[Resize | CenterCrop | Pad | Grayscale, Field(discriminator="op")]
Augment = Annotated[
    RandomCrop | RandomHorizontalFlip | RandomVerticalFlip | RandomAffine | RandomErasing, Field(discriminator="op")
]


class Statistics(Strict):
    """Per channel, of images scaled to 0..1."""

    mean: Annotated[list[float], Holds("a list of numbers, one a channel: `[0.5]`")] = Field(
        description="What is taken away."
    )
    std: Annotated[list[PositiveFloat], Holds("a list of numbers, one a channel: `[0.5]`")] = Field(
        description="What is divided by."
    )


class Transforms(Strict):
    """`prepare` every image once, `augment` training images anew each epoch, `normalize` all by statistics."""

    prepare: Annotated[
        list[Prepare],
        Holds("a list of `Resize`, `CenterCrop`, `Pad`, `Grayscale`"),
        Instead("preprocess", "preprocessing"),
    ] = Field(default=[], description="Once per image.")
    augment: Annotated[
        list[Augment],
        Holds("a list of `RandomCrop`, `RandomHorizontalFlip`, `RandomVerticalFlip`, `RandomAffine`, `RandomErasing`"),
        Instead("augmentation", "augmentations"),
    ] = Field(default=[], description="Training images anew in each epoch.")
    normalize: Annotated[
        Literal["measured"] | Statistics,
        Holds("`measured`, or statistics for pixels in 0..1: `{mean: [0.5], std: [0.5]}`"),
        Instead("normalise", "normalization"),
    ] = Field(default="measured", description="All images, as measured on the training set or by these.")
