"""Reading images that somebody else may have made: sizes out of headers first, pixels when all of them are known."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from speczoo import git_lfs
from speczoo.limits import DataLimits, LimitExceeded, current
from speczoo.training.errors import DataError, one_line
from speczoo.training.memory import must_fit
from speczoo.training.shapes import ImageShape, after
from speczoo.training.transforms import prepare

#: What is read. Pillow knows more formats, and some of those are programs for others to run.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
WIDEST = 8  # bytes of a pixel in a file
THREADS = 4  # at most; together they decode no more pixels than one image may have, and larger ones come one by one
STRIP = 1 << 20  # pixels that are converted at a time
TILE = (322, 323)  # the tags of TIFF that say how large its tiles are, which are decoded whole


def read_images(paths: Iterable[Path], mode: str, steps: Sequence[Any] = ()) -> Tensor:
    """Decode and prepares images, uint8 [n, channels, height, width].

    Raises DataError naming all that are broken, or one that is too large; TrainingError where memory holds not all.
    """
    paths = list(paths)
    limits = current()
    out, shapes = None, set[tuple[int, int]]()
    with _pillow(), ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        heads = list(pool.map(partial(_head, mode=mode, steps=steps, limits=limits), paths))
        broken = {index: head for index, head in enumerate(heads) if isinstance(head, _Broken)}
        sizes = {index: head for index, head in enumerate(heads) if not isinstance(head, _Broken)}
        _must_fit([shape for _, shape in sizes.values()])
        small = [index for index, (pixels, _) in sizes.items() if pixels <= limits.pixels // THREADS]
        large = [index for index, (pixels, _) in sizes.items() if pixels > limits.pixels // THREADS]
        read = partial(_read, mode=mode, steps=steps)
        images = chain(pool.map(read, [paths[index] for index in small]), (read(paths[index]) for index in large))
        for index, image in zip([*small, *large], images, strict=True):
            if isinstance(image, _Broken):
                broken[index] = image
                continue
            shapes.add((image.shape[1], image.shape[2]))
            if out is None:
                out = torch.empty(len(paths), *image.shape, dtype=torch.uint8)
            if len(shapes) == 1:
                out[index] = image
    _refuse([broken[index] for index in sorted(broken)], shapes)
    return out if out is not None else torch.empty(0, 1 if mode == "L" else 3, 1, 1, dtype=torch.uint8)


class _Broken(NamedTuple):
    """An image that cannot be read, and why."""

    path: Path
    why: str

    @classmethod
    def of(cls, path: Path, error: Exception) -> Self:
        """Return the image, with what its reader says of it, or what stands in its place."""
        with suppress(OSError), path.open("rb") as file:
            if git_lfs.is_pointer(file):
                return cls(path, git_lfs.MESSAGE)
        return cls(path, one_line(error))


def _refuse(broken: list[_Broken], shapes: set[tuple[int, int]]) -> None:
    if broken:
        pointers = [each for each in broken if each.why == git_lfs.MESSAGE]
        others = [each for each in broken if each.why != git_lfs.MESSAGE]
        unreadable = "; ".join(_listed(some, most) for some, most in ((pointers, 1), (others, 5)) if some)
        helps = ([git_lfs.HELP] if pointers else []) + (["remove or replace these files"] if others else [])
        raise DataError(f"cannot read {unreadable}", "; ".join(helps))
    if len(shapes) > 1:
        (h, w), (h2, w2) = sorted(shapes)[:2]
        raise DataError(
            f"images differ in size: {h} x {w} and {h2} x {w2}", "add {op: Resize, size: [64, 64]} under prepare"
        )


def _listed(broken: list[_Broken], most: int) -> str:
    """Return what is wrong with the first images, and with how many more."""
    more = f" (and {len(broken) - most:,} more)" if len(broken) > most else ""
    return "; ".join(f"{path}: {why}" for path, why in broken[:most]) + more


def _must_fit(shapes: list[ImageShape]) -> None:
    if shapes:
        size = " x ".join(map(str, max(shapes, key=math.prod)))
        words = (
            f"{len(shapes):,} images of {size}" if len(set(shapes)) == 1 else f"{len(shapes):,} images of up to {size}"
        )
        must_fit(sum(map(math.prod, shapes)), words, "see `prepare` under `transforms`")


@contextmanager
def _pillow() -> Iterator[None]:
    """Set Pillow's own bound, which warns first, aside for `pixels`."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _head(path: Path, mode: str, steps: Sequence[Any], limits: DataLimits) -> tuple[int, ImageShape] | _Broken:
    """Return an image's pixels and the shape that `steps` make of it; what is wrong with it, where it is unknown.

    The camera may have been held upright: then height and width are the other way round, and their product is not.
    """
    from PIL import Image

    try:
        if not path.is_file():
            return _Broken(path, "it is no file")
        limits.hold("pixels", path.stat().st_size // WIDEST, f"{path} has the bytes of", "pixels")
        with Image.open(path, formats=FORMATS) as image:
            size, tile = image.size, _tile(image)
        _hold(limits, *size, f"{path} has")
        _hold(limits, *tile, f"{path} has, in each tile,")
        shape: ImageShape = (1 if mode == "L" else 3, size[1], size[0])
        for step in steps:
            shape = after(shape, step)
            _hold(limits, shape[2], shape[1], f"{path}, under `prepare`, gets")
    except LimitExceeded as error:
        raise DataError(error.message, error.help) from error
    except Exception as error:  # headers of broken files raise whatever happens to them
        return _Broken.of(path, error)
    return math.prod(size), shape


def _hold(limits: DataLimits, width: int, height: int, what: str) -> None:
    if width < 1 or height < 1:
        raise ValueError("it has no pixels")
    limits.hold("side", max(width, height), what, "pixels along a side")
    limits.hold("pixels", width * height, what, f"pixels, {width} x {height}")


def _tile(image: Any) -> tuple[int, int]:
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    return tuple(int(tags.get(tag, 1)) for tag in TILE)  # type: ignore[return-value]


def _read(path: Path, mode: str, steps: Sequence[Any]) -> Tensor | _Broken:
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return prepare(_decoded(image, mode)[None], steps)[0]
    except Exception as error:  # decoders of broken files raise whatever happens to them
        return _Broken.of(path, error)


def _decoded(image: Any, mode: str) -> Tensor:
    """Decode an image as it is seen: upright, on white where it is transparent, and with 8 bits a channel; [channels,
    height, width].

    What a pixel takes on the way from the one form to the other, it takes in a few rows at a time.
    """
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    width, height = image.size
    pixels = np.empty((height, width, *(() if mode == "L" else (3,))), dtype=np.uint8)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        strip.format = image.format
        pixels[top : top + rows] = np.asarray(_visible(strip, mode))
    tensor = torch.from_numpy(pixels)
    return tensor[None] if mode == "L" else tensor.permute(2, 0, 1)


def _visible(image: Any, mode: str) -> Any:
    from PIL import Image

    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if image.mode in ("I", "F") and not sixteen:
        kind = "floats" if image.mode == "F" else "integers"
        raise ValueError(f"its pixels are 32-bit {kind}, and nobody can say which is white: save it with 8 or 16 bits")
    if sixteen:
        image = Image.fromarray(((np.asarray(image).astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)
