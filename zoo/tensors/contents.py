"""What a file of torch.save holds, held to the limits and to the bytes that are there; its tensors, made last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from speczoo.limits import DataLimits, LimitExceeded, raising
from speczoo.tensors.descriptions import (
    DEPTH,
    LONGEST,
    SHOWN,
    STATE_DICT,
    GlobalName,
    Odd,
    StoredBytes,
    TensorsError,
    View,
)
from speczoo.tensors.storages import Bytes

GROWTH = 4  # times a file's bytes that its tensors may take: tensors share storages, and archives are deflated


class Described:
    """What a file of torch.save says that it holds: no tensor is made before `load`."""

    def __init__(self, value: Any, storages: Bytes, limits: DataLimits) -> None:
        self._storages, self._limits = storages, limits
        self._tensors = 0
        self.bytes = 0  # of all tensors, each with memory of its own
        self._value = self._anew(value, self._checked)
        most, takes = max(limits.unpacked, GROWTH * storages.size), max(self.bytes, storages.inflated)
        if takes > most:
            words = f"its tensors take {_number(takes)} bytes and the file {storages.size:,}: {most:,} are read at most"
            raise LimitExceeded(words, raising("unpacked", takes) if takes < LONGEST else STATE_DICT)

    def load(self, made: Callable[[Tensor], Tensor]) -> Any:
        """Return numbers, texts, lists, mappings, and what `made` makes of each tensor, which is a view of the file."""

        def tensor(view: View, _: str) -> Tensor:
            storage = self._storages.storage(view.piece.key)[view.piece.start : view.piece.start + view.piece.size]
            found = torch.empty(0, dtype=view.dtype, device="cpu")
            return made(found.set_(storage, view.offset, view.shape, view.strides))

        return self._anew(self._value, tensor)

    def _anew(self, value: Any, leaf: Callable[[View, str], Any]) -> Any:
        """Return all of it again with nothing in it twice: what holds itself, or the same thing over and over, is
        refused.
        """
        left = self._limits.objects

        def anew(value: Any, name: str, depth: int) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                self._limits.hold("objects", self._limits.objects + 1, "it holds", "objects")
            if depth > DEPTH:
                raise TensorsError(f"it has more than {DEPTH} lists and mappings inside each other")
            if isinstance(value, View):
                return leaf(value, name)
            if isinstance(value, list | tuple):
                return type(value)(anew(each, name, depth + 1) for each in value)
            if isinstance(value, dict):
                made = type(value)()
                for key, each in value.items():
                    made[plain(key, name)] = anew(each, str(key), depth + 1)
                if isinstance(made, OrderedDict):
                    made.__dict__.update({key: anew(each, name, depth + 1) for key, each in vars(value).items()})
                return made
            return plain(value, name)

        return anew(value, "", 0)

    def _checked(self, view: View, name: str) -> View:
        piece = view.piece
        there = self._storages.length(piece.key)
        if piece.start + piece.size > there or view.end > piece.size:
            raise TensorsError(f"it is damaged: `{name[:SHOWN]}` takes more bytes than the {there:,} that are there")
        self._tensors += 1
        self._limits.hold("tensors", self._tensors, "it has", "tensors")
        self.bytes += view.bytes
        return view


def plain(value: Any, name: str) -> Any:
    """Return numbers, texts and types of numbers. Raises TensorsError for everything else."""
    if isinstance(value, GlobalName) and value.dtype is not None:
        return value.dtype
    if isinstance(value, GlobalName | StoredBytes):
        value = Odd("a name" if isinstance(value, GlobalName) else "a storage")
    if isinstance(value, Odd):
        more = "" if value.help != STATE_DICT else "it holds more than tensors: "
        raise TensorsError(f"{more}{f'`{name[:SHOWN]}`' if name else 'it'} is {value.kind[:SHOWN]}", value.help)
    return value


def _number(count: int) -> str:
    return f"{count:,}" if count < LONGEST else "more than 2**48"
