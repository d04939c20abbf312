"""A live nn.Module: the emitted text, executed.

Texts are interned by content, so that a second build is cheap and deepcopy, spawned processes and torch.compile see
one class. The text is known to tracebacks and `inspect`. A pickled module carries its text and names its class in it;
unpickling checks the text like any other before it runs.
"""

from __future__ import annotations

import ast
import copyreg
import hashlib
import linecache
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from speczoo.compiler.cached import once
from speczoo.compiler.emit.python import render
from speczoo.compiler.emit.safety import verify
from speczoo.compiler.folded_html import FoldedLine, folded
from speczoo.compiler.graph import Graph
from speczoo.compiler.lower import lower

_loaded: dict[str, types.ModuleType] = {}
_loading = threading.RLock()  # equal texts are one class in all threads


class Seeded(TorchFunctionMode):
    """Inside, random numbers are those of a seed, the same as `torch.manual_seed` gives: drawn from generators of its
    own, so that it changes nothing for other threads, nor they for it."""

    DRAWING = frozenset(
        [
            "uniform_",
            "normal_",
            "trunc_normal_",
            "xavier_uniform_",
            "xavier_normal_",
            "kaiming_uniform_",
            "kaiming_normal_",
            "orthogonal_",
            "sparse_",
            "bernoulli_",
            "exponential_",
            "geometric_",
            "log_normal_",
            "cauchy_",
            "random_",
            "rand",
            "randn",
            "randint",
            "randperm",
            "normal",
            "bernoulli",
            "multinomial",
            "poisson",
        ]
    )

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.generators: dict[torch.device, torch.Generator] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func.__name__ in self.DRAWING and kwargs.get("generator") is None:
            first = args[0] if args else kwargs.get("tensor")
            here = first.device if isinstance(first, Tensor) else kwargs.get("device") or torch.get_default_device()
            if (device := torch.device(here)).type != "meta":
                kwargs["generator"] = self._generator(device)
        return func(*args, **kwargs)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self.generators:
            self.generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self.generators[device]


def build(graph: Graph, *, device: Any = None, dtype: Any = None, seed: int | None = None) -> nn.Module:
    """Return a module with fresh weights, on `device`, in `dtype`. The same `seed` gives the same weights and leaves
    torch's own generator as it was.
    """
    cls = class_of(graph)
    with nullcontext() if seed is None else Seeded(seed):
        return _made(cls, device, dtype)


@once
def class_of(graph: Graph) -> type[nn.Module]:
    """Return the network's class. Equal texts give the same class; a graph keeps its own."""
    program = lower(graph)
    cls = getattr(load(render(program), custom=tuple(program.imports)), program.entry)
    assert isinstance(cls, type)
    return cls


def _made(cls: type[nn.Module], device: Any, dtype: Any) -> nn.Module:
    if device is None:
        module = cls()
    else:
        with torch.device(device):
            module = cls()
    return module.to(dtype=dtype) if dtype is not None else module


def load(text: str, custom: tuple[str, ...] = ()) -> types.ModuleType:
    """Return the Python module of an emitted text. Raises UnsafeSource for any text that an emitter would not write.

    `custom` are the import lines of registered layers that live outside torch.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    with _loading:
        if digest not in _loaded:
            _loaded[digest] = _executed(text, digest, custom)
        return _loaded[digest]


def _executed(text: str, digest: str, custom: tuple[str, ...]) -> types.ModuleType:
    tree = verify(text, custom)
    name = f"zoo_network_{digest[:16]}"
    filename = f"<{name}>"
    module = types.ModuleType(name, ast.get_docstring(tree))
    module.__file__ = filename
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    sys.modules[name] = module
    code = compile(tree, filename, "exec", dont_inherit=True)  # its annotations are types, not texts
    exec(code, module.__dict__)  # the text is our emitter's own, and `verify` has read it
    for value in list(vars(module).values()):
        if isinstance(value, type) and value.__module__ == name:
            _pickled_by_text(value, text, custom)
    return module


def _pickled_by_text(cls: type, text: str, custom: tuple[str, ...]) -> None:
    if issubclass(cls, nn.Module):
        cls._repr_html_ = _shown  # type: ignore[attr-defined]

        def reduce(instance: Any) -> tuple[Any, ...]:
            return _blank, (text, cls.__name__, custom), instance.__getstate__()
    else:

        def reduce(instance: Any) -> tuple[Any, ...]:
            return _filled, (text, cls.__name__, custom, tuple(instance))

    copyreg.pickle(cls, reduce)


def _shown(module: nn.Module) -> str:
    """Return a module as a notebook shows it: its modules as lines that unfold."""
    count = sum(parameter.numel() for parameter in module.parameters())
    return folded(f"{type(module).__name__}: {count:,} parameters", _folds(module))


def _folds(module: nn.Module) -> Iterator[FoldedLine]:
    for name, child in module.named_children():
        line = type(child).__name__ if next(child.children(), None) is not None else repr(child)
        yield FoldedLine(f"{name}: {line}", _folds(child))


def _blank(text: str, name: str, custom: tuple[str, ...]) -> nn.Module:
    """Return a module without its state, for pickle and copy to fill."""
    cls = getattr(load(text, custom), name)
    module: nn.Module = cls.__new__(cls)
    return module


def _filled(text: str, name: str, custom: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return getattr(load(text, custom), name)(*values)
