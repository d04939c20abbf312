"""Torch's own attention with its masks: who looks at whom, and which tokens are padding, as references of its layer."""

from __future__ import annotations

import inspect
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from speczoo.importing.building import Builder
from speczoo.importing.constants import buffer_of
from speczoo.importing.entries import Feed
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue


class Attends(NamedTuple):
    """What the forward of a module calls its values and masks, and what the layer calls these; what says that each
    token looks back alone, and which of the masks that is.
    """

    values: tuple[str, ...]
    masks: dict[str, str]
    causal: str
    causal_mask: str


MODULES = {
    "MultiheadAttention": Attends(
        ("query", "key", "value"),
        {"attn_mask": "mask", "key_padding_mask": "key_padding_mask"},
        "is_causal",
        "attn_mask",
    ),
    "TransformerEncoderLayer": Attends(
        ("src",),
        {name: name for name in ("src_mask", "src_key_padding_mask")},
        "is_causal",
        "src_mask",
    ),
    "TransformerDecoderLayer": Attends(
        ("tgt", "memory"),
        {name: name for name in ("tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask")},
        "tgt_is_causal",
        "tgt_mask",
    ),
}


def attending(at: Builder, call: RecordedCall, op: str) -> tuple[list[TracedValue], dict[str, Any], dict[str, Feed]]:
    """Return the values that an attention takes, once where all are the same, arguments that its call says, and its
    masks by the layer's names. Raises Unsayable.
    """
    module: Any = call.module
    names = MODULES[op]
    given = inspect.signature(type(module).forward).bind(None, *call.args, **call.kwargs).arguments
    values = [at.traced(given[name]) for name in names.values]
    first = getattr(module, "self_attn", module).batch_first
    if any(each.batch != (0 if first else 1) or each.folded for each in values):
        raise Unsayable(f"`{op}` takes a batch of tokens x features, and other axes are in it here")
    if given.get("memory_is_causal"):
        raise Unsayable(f"`{op}` looks back among its own tokens alone")
    looks_back = bool(given.get(names.causal))
    masks = {
        name: _mask(at, given[key], numbers=name == "mask")
        for key, name in names.masks.items()
        if given.get(key) is not None and not (looks_back and key == names.causal_mask)
    }
    alike = op == "MultiheadAttention" and len({each.source for each in values}) == 1
    return values[:1] if alike else values, {names.causal: True} if looks_back else {}, masks


def _mask(at: Builder, value: RunValue, *, numbers: bool) -> Feed:
    """Return a mask, as truths where no `numbers` are taken. Raises Unsayable."""
    known = at.known.get(value)
    constant = known.source in at.free if known is not None else not value.parameter
    if not numbers and constant and value.tensor.is_floating_point():
        return _constant_truths(at, at.buffers.get(value.key, value.tensor))
    x = at.traced(value)
    entry = x.source.entry
    if x.batch and x.source not in at.free:
        raise Unsayable("the batch of its mask is not first")
    if x.dtype != "bool" and not numbers:
        if entry is None or entry.op != "masked_fill" or not _is_least(entry.args.get("value")):
            raise Unsayable("its mask is made of numbers, and the layer's of truths")
        masked = entry.inputs[1]
        assert isinstance(masked, Feed)
        return masked
    return x.source


def _constant_truths(at: Builder, mask: Tensor) -> Feed:
    """Return a constant that is true where numbers are least. Raises Unsayable where these are others than 0."""
    least = mask == -math.inf
    if not mask.is_meta and not bool((least | (mask == 0)).all()):
        raise Unsayable("its mask is made of numbers, and the layer's of truths")
    return at.unnamed(buffer_of(least))


def _is_least(number: Any) -> bool:
    return isinstance(number, float) and number <= torch.finfo(torch.float32).min
