"""Layers of a person's own modules: what these hold is read off the module itself, made without numbers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import nn

from speczoo.compiler.layer import Layer, Shape


class ModuleLayer(Layer, abstract=True):
    """A layer whose module is a class of one's own, `torch = "package.module.Class"`: a subclass says its arguments
    and its shapes.
    """

    def module(self) -> nn.Module:
        """Return its module on the device meta."""
        package, _, name = self.torch.rpartition(".")
        given = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        with torch.device("meta"):
            made: nn.Module = getattr(import_module(package), name)(**given)
        return made

    def weights(self, *x: Shape) -> dict[str, Shape]:
        return {name: tuple(each.shape) for name, each in self.module().named_parameters()}

    def buffers(self, *x: Shape) -> dict[str, Shape]:
        made = self.module()
        kept = made.state_dict()
        return {name: tuple(each.shape) for name, each in made.named_buffers() if name in kept}

    def unsaved(self, *x: Shape) -> dict[str, Shape]:
        made = self.module()
        kept = made.state_dict()
        return {name: tuple(each.shape) for name, each in made.named_buffers() if name not in kept}

    def buffer_dtype(self, name: str) -> str:
        found: Any = dict(self.module().named_buffers())[name]
        return str(found.dtype).removeprefix("torch.")
