"""Recipes at random, out of the schema of what a recipe may say, and a little data for them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from PIL import Image

from speczoo.training.recipe import Recipe
from tests.training.toys import digits

SCHEMA = Recipe.model_json_schema()
CLASSES = ("$_$", "_b", "c d")
POOL = [{"op": "AdaptiveAvgPool2d", "output_size": 1}, {"op": "Flatten"}]
CONV = {"op": "Conv2d", "out_channels": 3, "kernel_size": 3, "padding": 1}
HEAD = {"op": "Linear", "out_features": "$num_classes"}
#: One that takes images of one size, one that takes any, two that need more than one, and one that labels pixels.
NETWORKS: dict[str, list[dict[str, Any]]] = {
    "flat": [{"op": "Flatten"}, HEAD],
    "pooled": [CONV, {"op": "ReLU"}, *POOL, HEAD],
    "normed": [CONV, {"op": "BatchNorm2d"}, *POOL, {"op": "Dropout"}, HEAD],
    "narrow": [{"op": "Flatten"}, {"op": "Linear", "out_features": 2}, {"op": "BatchNorm1d"}, HEAD],
    "pixels": [{"op": "Conv2d", "out_channels": "$num_classes", "kernel_size": 1}],
}
FLOATS = (0.0, 1e-320, 1e-8, 0.1, 0.2, 0.25, 0.5, 0.9, 1 - 2**-53, 1.0, 1.5, 2.0, 10.0, 1e4, 1e38, 1e300)
INTEGERS = (*range(-1, 13), 10**6, 10**9, 2**62, 10**30)
#: What is drawn in place of what the schema allows: to be quick, or because it has to be there.
CHOSEN: dict[str, st.SearchStrategy[Any]] = {
    "recipe": st.just(1),
    "name": st.sampled_from(["a", "_b", "c d+e"]),
    "epochs": st.integers(1, 2),
    "size": st.one_of(st.integers(1, 10), st.lists(st.integers(1, 10), min_size=2, max_size=2)),
    "padding": st.integers(0, 4),
    "root": st.just("."),
    "dataset": st.sampled_from(["folder", "folder", "folder", "MNIST", "digits_on_canvas"]),
    "train": st.just("train"),
    "valid": st.one_of(st.just("valid"), st.floats(0.2, 0.8)),
    "test": st.sampled_from([None, "test"]),
    "classes": st.one_of(st.none(), st.permutations("0123").map(lambda names: list(names[:2]))),
    "mean": st.lists(st.floats(-1, 1), min_size=1, max_size=3),
    "std": st.lists(st.floats(0.1, 1), min_size=1, max_size=3),
    "metrics": st.sampled_from([["accuracy"], ["iou", "top5"]]),
    "published": st.just({}),
}
#: Where a data set has words of its own for it.
ELSEWHERE: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Canvas": {"size": st.integers(32, 40), "digits": st.just([1, 2])},
    "Torchvision": {"valid": st.one_of(st.none(), st.floats(0.2, 0.8))},
}


def value(part: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a part of the schema allows, the ends of its ranges more often than the rest."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return mapping(SCHEMA["$defs"][name], CHOSEN | ELSEWHERE.get(name, {}))
    if "const" in part:
        return st.just(part["const"])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    for union in ("anyOf", "oneOf"):
        if union in part:
            return st.one_of([value(option) for option in part[union]])
    match part.get("type"):
        case "object":
            return mapping(part, CHOSEN)
        case "array":
            return st.lists(value(part["items"]), min_size=part.get("minItems", 0), max_size=part.get("maxItems", 3))
        case "string":
            return st.sampled_from(["", "$_$", "a"])
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    numbers = INTEGERS if part["type"] == "integer" else FLOATS
    return st.sampled_from([number for number in numbers if within(number, part)])


def within(number: float, part: dict[str, Any]) -> bool:
    least, above = part.get("minimum", -math.inf), part.get("exclusiveMinimum", -math.inf)
    most, below = part.get("maximum", math.inf), part.get("exclusiveMaximum", math.inf)
    return bool(least <= number <= most and above < number < below)


def mapping(part: dict[str, Any], chosen: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """What it requires, and of the rest any."""
    fields = {
        name: chosen[name] if name in chosen else value(field) for name, field in part.get("properties", {}).items()
    }
    wanted = set(part.get("required", ()))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in wanted},
        optional={name: field for name, field in fields.items() if name not in wanted},
    )


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """A recipe as `zoo check` may accept it or not; its network and its data are those of `write`, below it."""
    found: dict[str, Any] = draw(mapping(SCHEMA, CHOSEN))
    kind = draw(CHOSEN["dataset"])
    union = SCHEMA["properties"]["data"]["discriminator"]["mapping"]
    found["data"] = data = {**draw(value({"$ref": union[kind]})), "dataset": kind}
    if kind == "digits_on_canvas":
        data |= {"train": draw(st.integers(1, 5)), "valid": draw(st.integers(1, 3))}
        name, classes = "pixels", 2 if data.get("labels") == "digit" else 11
        found.pop("transforms", None)
    else:
        name = draw(st.sampled_from(sorted(NETWORKS.keys() - {"pixels"})))
        classes = len(CLASSES) if kind == "folder" else len(data.get("classes") or range(10))
    found["network"] = {"name": f"{name}.json", "params": {"num_classes": classes}}
    return found


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    """How many images of a class a folder has, and of which size."""
    sizes = st.integers(1, 9)
    return {"count": draw(st.integers(1, 3)), "height": draw(sizes), "width": draw(sizes)}


def write(root: Path, drawn: dict[str, int]) -> None:
    """All the networks, a folder of images, and a little MNIST."""
    for name, layers in NETWORKS.items():
        spec = {"spec": 1, "name": name, "input": [3, 8, 8], "params": {"num_classes": 3}, "layers": layers}
        (root / f"{name}.json").write_text(json.dumps(spec))
    generator = torch.Generator().manual_seed(0)
    for folder in ("train/$_$", "train/_b", "train/c d", "valid/$_$", "valid/_b", "valid/c d", "test"):
        (root / folder).mkdir(parents=True)
        for i in range(drawn["count"]):
            pixels = torch.randint(0, 256, (drawn["height"], drawn["width"], 3), generator=generator)
            Image.fromarray(pixels.to(torch.uint8).numpy()).save(root / folder / f"{i}.png")
    digits(root, 12, 6)
