"""Names for the emitted code: classes, attributes, variables."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Container
from functools import lru_cache

#: How these names are written by those who gave them.
SPELLINGS = {
    "alexnet": "AlexNet", "cifar": "CIFAR", "cnn": "CNN", "convnext": "ConvNeXt", "densenet": "DenseNet", "efficientnet": "EfficientNet",
    "googlenet": "GoogLeNet", "lenet": "LeNet", "mlp": "MLP", "mnasnet": "MNASNet", "mnist": "MNIST", "mobilenet": "MobileNet", "regnet": "RegNet",
    "resnet": "ResNet", "resnext": "ResNeXt", "shufflenet": "ShuffleNet", "squeezenet": "SqueezeNet", "unet": "UNet", "vgg": "VGG", "vit": "ViT",
    "bn": "BN", "preact": "PreAct",
}  # fmt: skip

TAKEN = frozenset({"self", "nn", "F", "torch", "math", "Tensor", "NamedTuple", "OrderedDict", "layers", "m", "name"})
BUILTINS = frozenset(dir(builtins)) - {"_"}  # which an interactive session sets to what it showed last


def camel(name: str) -> str:
    """Return the name of a class: `resnet34_cifar2` -> `ResNet34CIFAR2`; a name that has capitals keeps them."""
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return name
    out = ""
    for part in re.split(r"[^A-Za-z0-9]+", name):
        word = re.match(r"([A-Za-z]*)(.*)", part)
        assert word is not None
        head, tail = word.groups()
        new = SPELLINGS.get(head.lower(), head[:1].upper() + head[1:]) + tail
        out += "_" + new if out[-1:].isdigit() and new[:1].isdigit() else new
    return out if out[:1].isalpha() else "Net" + out


def snake(name: str) -> str:
    """Return the name of a value: `BasicBlock` -> `basic_block`; what is spelt in capitals and small letters, as `ReLU`, is one word."""
    if re.fullmatch(r"[A-Z][a-z]?[A-Z]+[0-9a-z]?", name):
        return name.lower()
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def variable(name: str, taken: Container[str] = ()) -> str:
    """Return a Python name like this one that hides nothing, of what is `taken` neither; no two underscores begin it,
    which mean something else inside a class.
    """
    name = re.sub(r"^__+", "_", re.sub(r"\W", "_", name, flags=re.ASCII))
    if not name or name[0].isdigit():
        name = "_" + name
    while keyword.iskeyword(name) or name in TAKEN or name in BUILTINS or name in taken:
        name += "_"
    return name


def field(name: str) -> str:
    """Return a name that a NamedTuple takes: this very one, unless it is a path, a number or begins with an
    underscore.
    """
    bare = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_")
    if not bare[:1].isalpha():
        return f"output_{bare}".rstrip("_")
    return bare + "_" * keyword.iskeyword(bare)


def foreign(target: str) -> bool:
    """Return whether a dotted name of a class lies outside torch: its module is imported for it."""
    return "." in target and not target.startswith(("nn.", "torch.", "F."))


def called(target: str) -> str:
    """Return what emitted code calls a class by, whose dotted name this is."""
    return target.rpartition(".")[2] if foreign(target) else target


@lru_cache(maxsize=1_024)
def defined_by(text: str) -> tuple[str, ...]:
    """Return the names of the classes and functions that a text of Python defines at its top."""
    return tuple(n.name for n in ast.parse(text).body if isinstance(n, ast.ClassDef | ast.FunctionDef))


def names_read(expression: str) -> set[str]:
    """Return the names that an expression of Python reads."""
    return {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}


class FreeNames:
    """Hands out names that are not taken yet: `Block`, `Block2`, ..."""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self.taken = set(taken)
        self.last: dict[str, int] = {}  # the number that each wanted name was last handed out with

    def new(self, wanted: str, besides: Container[str] = ()) -> str:
        name, n = wanted, self.last.get(wanted, 1)
        while name in self.taken or name in besides:
            n += 1
            name = f"{wanted}{'_' if wanted[-1:].isdigit() else ''}{n}"
        self.taken.add(name)
        self.last[wanted] = n
        return name
