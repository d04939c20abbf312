"""Networks in the formats of other libraries, known by the shape of their data and answered as a whole."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from speczoo.specs.problem import Loc, Problem

_SECTION = re.compile(r"^\[(\w+)\][ \t]*(?:[#;].*)?\r?$", re.MULTILINE)
_OPTION = re.compile(r"^\w+[ \t]*=", re.MULTILINE)
_MESSAGE = re.compile(r"^layers?[ \t]*\{", re.MULTILINE)  # of protobuf as text
_OF_CAFFE = re.compile(r"^[ \t]*type[ \t]*:", re.MULTILINE)
_POINTER = re.compile(r"version https://git-lfs\.github\.com/spec/")
_DARKNET = frozenset({"net", "network", "convolutional", "connected", "maxpool", "shortcut", "route", "yolo", "region"})

#: What says by two keys together what it is: those, its format, and that in words.
_BY_KEYS = (
    (("model_type", "architectures"), "transformers", "the configuration of a model of Hugging Face Transformers"),
    (("model_type", "transformers_version"), "transformers", "the configuration of a model of Transformers"),
    (("architecture", "pretrained_cfg"), "timm", "the configuration of a model of timm"),
    (("graph", "opsetImport"), "onnx", "a network of ONNX as JSON"),
    (("graph", "irVersion"), "onnx", "a network of ONNX as JSON"),
    (("nodes", "arg_nodes"), "mxnet", "a network of MXNet, a list of nodes"),
    (("modelTopology", "weightsManifest"), "tensorflow.js", "a model of TensorFlow.js"),
    (("apiVersion", "kind"), "kubernetes", "a configuration of Kubernetes"),
    (("on", "jobs"), "github", "a workflow of GitHub"),
    (("channels", "dependencies"), "conda", "an environment of conda"),
)


class Format(NamedTuple):
    """A format of another library: its name, in words what is written in it, and the place that shows it.

    `read` says whether `zoo import` reads it.
    """

    name: str
    what: str
    loc: Loc
    read: bool = False


def format_of(data: dict[str, Any]) -> Format | None:
    """Return the format of data that is a network of Ultralytics (`backbone` and `head`, lists of `[from, number,
    module, args]`), a model as Keras writes it (`class_name` and `config`), a configuration of Hydra (`_target_`), of
    Lightning or OpenMMLab (`model` with a `class_path` or a `type`), of Docker Compose (`services`), or what two keys
    say; None for all else, and for what says `spec`.
    """
    if "spec" in data:
        return None
    if _is_rows(data.get("backbone")) and _is_rows(data.get("head")):
        rows = "a model of Ultralytics, its rows `[from, number, module, args]`"
        return Format("ultralytics", rows, ("backbone",), read=True)
    if isinstance(data.get("class_name"), str) and _has_layers(data.get("config")):
        return Format("keras", "the configuration of a Keras model", ("class_name",), read=True)
    if isinstance(data.get("_target_"), str):
        return Format("hydra", "a configuration of Hydra", ("_target_",))
    model = data.get("model")
    if isinstance(model, dict) and isinstance(model.get("class_path"), str) and "layers" not in data:
        return Format("lightning", "a configuration of Lightning", ("model",))
    if isinstance(model, dict) and isinstance(model.get("type"), str) and "layers" not in data:
        return Format("openmmlab", "a configuration of OpenMMLab", ("model",))
    if _is_keras_list(data.get("layers")):
        return Format("keras", "the configuration of a Keras model", ("layers", 0, "class_name"), read=True)
    if _is_services(data.get("services")):
        return Format("compose", "a configuration of Docker Compose", ("services",))
    found = (Format(name, what, keys[:1]) for keys, name, what in _BY_KEYS if data.keys() >= {*keys})
    return next(found, None) if "layers" not in data else None


def foreign_data(data: dict[str, Any]) -> Problem | None:
    """Return the problem with data in the format of another library; None for all else."""
    found = format_of(data)
    return None if found is None else _answered(found.what, found.loc, read=found.read)


def foreign_text(text: str) -> Problem | None:
    """Return the problem with a text that is a network of Darknet, in sections such as `[convolutional]` with lines
    such as `filters=32`, one of Caffe, in messages such as `layer {`, or what Git LFS has in a file's place; None for
    all else.
    """
    if (pointer := _POINTER.match(text)) is not None:
        help = ("fetch the file itself: git lfs pull",)
        return Problem("yaml-syntax", "this is a pointer of Git LFS, and no spec", help=help, extent=pointer.span())
    if (message := _MESSAGE.search(text)) is not None and _OF_CAFFE.search(text):
        return _answered("a network of Caffe, as prototxt", (), "yaml-syntax", extent=message.span())
    found = next((match for match in _SECTION.finditer(text) if match[1] in _DARKNET), None)
    if found is None or not _OPTION.search(text):
        return None
    return _answered("a network of Darknet, in sections", (), "yaml-syntax", extent=(found.start(), found.end(1) + 1))


def _answered(
    what: str, loc: Loc, code: str = "unknown-key", extent: tuple[int, int] | None = None, *, read: bool = False
) -> Problem:
    way = (
        "`zoo import FILE` makes a spec of it"
        if read
        else "nothing here reads that format: `zoo new NAME` starts a spec"
    )
    help = (f"{way}; specs/README.md is the language",)
    return Problem(code, f"this is {what}, and no spec", loc, key=True, help=help, extent=extent)


def _is_rows(value: Any) -> bool:
    """Return whether these are rows of Ultralytics: where each takes its input from, how often, and the name of
    what.
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, list) and len(row) >= 3 and isinstance(row[2], str) for row in value)
    )


def _is_services(services: Any) -> bool:
    """Return whether these are containers by their names, each of an image, or of what one is built from."""
    return (
        isinstance(services, dict)
        and bool(services)
        and all(isinstance(each, dict) and not each.keys().isdisjoint({"image", "build"}) for each in services.values())
    )


def _has_layers(config: Any) -> bool:
    """Return whether this is what Keras keeps of a model; Sequential was a list of its layers before Keras 2.2.3."""
    return _is_keras_list(config.get("layers") if isinstance(config, dict) else config)


def _is_keras_list(layers: Any) -> bool:
    return (
        isinstance(layers, list)
        and bool(layers)
        and all(isinstance(each, dict) and {"class_name", "config"} <= each.keys() for each in layers)
    )
