"""Torch's own attention in functions of its weights: over axes in the batch, and where its weights are read."""

from __future__ import annotations

import inspect
import math
from typing import Any

from speczoo.compiler.layer import FLOAT32_MAX
from speczoo.importing import attending
from speczoo.importing.building import Builder
from speczoo.importing.entries import Feed, ImportedEntry
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.refusals import Unsayable
from speczoo.importing.traced import TracedValue


def attention(at: Builder, call: RecordedCall, weights: dict[str, RunValue], *, read: bool) -> list[TracedValue]:
    """Return what a MultiheadAttention gives, and who looked at whom where that is `read`. `weights` are those that it
    has itself, by their names there. Raises Unsayable.
    """
    module: Any = call.module
    given = inspect.signature(type(module).forward).bind(None, *call.args, **call.kwargs).arguments
    values = [at.traced(given[name]) for name in ("query", "key", "value")]
    folded = [each.shape[: each.folded] for each in values]
    if len({*folded}) > 1 or any(each.batch != values[0].batch for each in values):
        raise Unsayable("`MultiheadAttention` looks from one part of the batch at another")
    if module.bias_k is not None or module.add_zero_attn or call.path in at.modules:
        raise Unsayable("`MultiheadAttention` adds a key to those that flow in, or is called otherwise before")
    made = _Heads(at, module, len(values[0].shape))
    q, k, v = made.projected([each.source for each in values], weights)
    masks = {name: given[name] for name in ("attn_mask", "key_padding_mask") if given.get(name) is not None}
    if masks and (values[0].folded or given.get("is_causal")):
        raise Unsayable("`MultiheadAttention` has a mask, and other axes are in its batch")
    if read or masks:
        looks = made.looks(q, k, [(name, at.traced(mask)) for name, mask in masks.items()])
        attended = Feed(at.add("matmul", [looks, v]))
    else:
        arguments = {"is_causal": bool(given.get("is_causal")), "dropout_p": module.dropout}
        attended = attending.over_axes(at, (q, k, v), values[0].shapes, module.num_heads, arguments)
    out = at.outcome(call.outputs[0], made.joined(attended, at.relative(f"{call.path}.out_proj")), values[0])
    if not read:
        return [out]
    if given.get("average_attn_weights", True):
        looks = Feed(at.add("mean", [looks], {"dim": made.axes - 1}))
    first = TracedValue(looks, values[0].shapes, 0, values[0].folded)  # whose batch is first, as weights have it
    return [out, at.outcome(call.outputs[1], looks, first)]


class _Heads:
    """The parts of an attention over tokens x features behind other axes: `axes` in all."""

    def __init__(self, at: Builder, module: Any, axes: int) -> None:
        self.at, self.module, self.axes = at, module, axes

    def projected(self, values: list[Feed], weights: dict[str, RunValue]) -> tuple[Feed, ...]:
        """Return queries, keys and values, of each head by itself."""
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        together = "in_proj_weight" in weights
        whole = {name: self._parameter(weights[name]) for name in weights if not name.startswith("bias_")}
        alike = together and len({*values}) == 1
        if alike:
            made = [self._linear(values[0], whole["in_proj_weight"], whole.get("in_proj_bias"))]
            parts = self._parts(made[0], self.axes)
        else:
            matrices = self._parts(whole["in_proj_weight"], 1) if together else [whole[name] for name in names]
            biases = self._parts(whole["in_proj_bias"], 1) if "in_proj_bias" in whole else [None] * 3
            parts = [self._linear(*each) for each in zip(values, matrices, biases, strict=True)]
        return tuple(map(self._by_head, parts))

    def _parameter(self, value: RunValue) -> Feed:
        """Return a weight, which starts as torch starts it: by Glorot's bound, a bias at 0."""
        shape = value.tensor.shape
        bound = math.sqrt(6 / sum(shape))
        start = {"uniform": {"a": -bound, "b": bound}} if len(shape) > 1 else None
        return self.at.parameter(value, start).source

    def _parts(self, whole: Feed, dim: int) -> list[Feed]:
        cut = self.at.add("chunk", [whole], {"chunks": 3, "dim": dim}, ports=3)
        return [Feed(cut, port) for port in range(3)]

    def _linear(self, x: Feed, weight: Feed, bias: Feed | None) -> Feed:
        made = Feed(self.at.add("einsum", [x, weight], {"equation": "...i,oi->...o"}))
        return made if bias is None else Feed(self.at.add("add", [made, bias], {"broadcast": True}))

    def _by_head(self, x: Feed) -> Feed:
        heads = [self.module.num_heads, self.module.head_dim]
        cut = Feed(self.at.add("Unflatten", [x], {"dim": self.axes, "unflattened_size": heads}))
        return Feed(self.at.add("transpose", [cut], {"dim0": self.axes - 1, "dim1": self.axes}))

    def looks(self, q: Feed, k: Feed, masks: list[tuple[str, TracedValue]]) -> Feed:
        """Return how much each query looks at each key, in each head. Raises Unsayable."""
        scaled = Feed(self.at.add("mul", [q, 1 / math.sqrt(self.module.head_dim)]))
        turned = Feed(self.at.add("transpose", [k], {"dim0": -2, "dim1": -1}))
        scores = Feed(self.at.add("matmul", [scaled, turned]))
        for name, mask in masks:
            scores = self._masked(scores, name, mask)
        looks = Feed(self.at.add("Softmax", [scores], {"dim": -1}))
        return Feed(self.at.add("Dropout", [looks], {"p": self.module.dropout})) if self.module.dropout else looks

    def _masked(self, scores: Feed, name: str, mask: TracedValue) -> Feed:
        """Return scores with a mask, of the tokens that are looked at or of who looks at whom. Raises Unsayable."""
        source = mask.source
        if name == "key_padding_mask":
            source = Feed(self.at.add("unsqueeze", [source], {"dim": 1}))
            source = Feed(self.at.add("unsqueeze", [source], {"dim": 1}))
        elif mask.batch is not None and not mask.leading:
            raise Unsayable("`MultiheadAttention` has a mask for each head of each sample")
        if mask.dtype == "bool":
            least = {"value": -FLOAT32_MAX, "broadcast": True}
            return Feed(self.at.add("masked_fill", [scores, source], least))
        return Feed(self.at.add("add", [scores, source], {"broadcast": True}))

    def joined(self, x: Feed, name: str) -> Feed:
        """Return all heads together, projected."""
        turned = Feed(self.at.add("transpose", [x], {"dim0": self.axes - 1, "dim1": self.axes}))
        flat = Feed(self.at.add("Flatten", [turned], {"start_dim": self.axes}))
        arguments = {"out_features": self.module.embed_dim, "bias": self.module.out_proj.bias is not None}
        first = self.at.modules.get(name)
        if first is not None:
            return Feed(self.at.append(ImportedEntry("", {}, [flat], share=first, module=True)))
        made = self.at.add("Linear", [flat], arguments, name=name, named=True, module=True)
        self.at.modules[name] = made
        return Feed(made)
