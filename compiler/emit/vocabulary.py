"""The names that emitted code reads of torch and of values: those that the registered layers and initialisers say, and
the few that every network may have.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import NamedTuple

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.initialisers import INITIALISERS
from speczoo.compiler.layer import Layer
from speczoo.compiler.program import CONTAINERS
from speczoo.specs.expression.printing import MATH

#: What is read of any value, beside what layers say.
ATTRIBUTES = {"append", "startswith", "endswith", "requires_grad_"}
#: And of torch.
DOTTED = {"Tensor", "NamedTuple", "OrderedDict", "nn.Sequential", *CONTAINERS, *(f"math.{name}" for name in MATH)}


class Vocabulary(NamedTuple):
    """The dotted names of torch's that may be read, and the attributes of values."""

    dotted: frozenset[str]
    attributes: frozenset[str]


def vocabulary() -> Vocabulary:
    """Return what all the layers and initialisers that are registered can write."""
    reading = [_reads(layer) for layer in Layer.registry.values()]
    initialisers = (f"nn.init.{name}_" for name in INITIALISERS)
    return Vocabulary(
        frozenset(DOTTED).union(initialisers, *(words.dotted for words in reading)),
        frozenset(ATTRIBUTES).union(*(words.attributes for words in reading)),
    )


@lru_cache(maxsize=1_024)
def _reads(layer: type[Layer]) -> Vocabulary:
    """Return what one layer's code reads: its class, what it says that its expression reads, and what its definitions
    do.
    """
    words = {*layer.reads, *([layer.torch or f"nn.{layer.op}"] if layer.op[0].isupper() else [])}
    for text in layer.support:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                root, path = dotted_name(node)
                imported = isinstance(root, ast.Name) and root.id in ("torch", "nn", "F")
                words.add(path if imported else node.attr)
    dotted = {word for word in words if "." in word}
    return Vocabulary(frozenset(dotted), frozenset(words - dotted))


def dotted_name(node: ast.Attribute) -> tuple[ast.expr, str]:
    """Return where a chain of attributes begins, and all of it as a dotted name."""
    path = [node.attr]
    root = node.value
    while isinstance(root, ast.Attribute):
        path.append(root.attr)
        root = root.value
    return root, ".".join([*([root.id] if isinstance(root, ast.Name) else []), *reversed(path)])
