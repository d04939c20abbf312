"""Scaled dot-product attention: as it is, over heads that more axes are joined into, or written out with its mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speczoo.compiler.layer import Shape
from speczoo.importing.building import Builder
from speczoo.importing.entries import Feed
from speczoo.importing.recording import RecordedCall, Recording
from speczoo.importing.refusals import Unsayable
from speczoo.importing.reshaping import sizes
from speczoo.importing.traced import TracedValue

NAMES = ["query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa"]
OP = "scaled_dot_product_attention"


def attention(at: Builder, call: RecordedCall) -> list[TracedValue]:
    """Return scaled dot-product attention, its mask named. Raises Unsayable."""
    given = dict(zip(NAMES, call.args, strict=False)) | dict(call.kwargs)
    q, k, v = (at.traced(given.pop(name)) for name in NAMES[:3])
    mask = given.pop("attn_mask", None)
    arguments = {name: each for name, each in given.items() if each is not None}
    heads = [each.shape[-3] if len(each.shape) > 2 else 1 for each in (q, k)]
    if heads[0] != heads[1] and heads[0] % heads[1] == 0:
        arguments["enable_gqa"] = True  # torch stretches one head of keys over those of queries by itself
    if all(each.plain and len(each.shape) < 4 for each in (q, k, v)):
        more = {"references": {"mask": at.traced(mask).source}} if mask is not None else {}
        return at.apply(call, OP, [q, k, v], arguments, **more)
    count = len(q.shape) - 2
    if any(each.batch or each.folded != q.folded or each.shape[:count] != q.shape[:count] for each in (q, k, v)):
        raise Unsayable("its batch is not first, or holds other axes")
    if mask is not None:
        made = _written_out(at, q, k, v, at.traced(mask), arguments)
    else:
        joined = sizes([*zip(*(shape[:count] for shape in q.shapes), strict=True)])
        made = _joined(at, [each.source for each in (q, k, v)], joined, arguments)
    return [at.outcome(call.outputs[0], made, q)]


def over_axes(
    at: Builder, values: Sequence[Feed], shapes: Sequence[Shape], heads: int, arguments: dict[str, Any]
) -> Feed:
    """Return attention of tokens in heads, behind other axes; `shapes` are those of the tokens before they were cut
    into heads, in all runs.
    """
    before = [*zip(*(shape[:-2] for shape in shapes), strict=True)]
    if not before:
        return Feed(at.add(OP, values, arguments))
    return _joined(at, values, sizes([*before, (heads,) * len(shapes)]), arguments)


def _joined(at: Builder, values: Sequence[Feed], axes: list[int], arguments: dict[str, Any]) -> Feed:
    """Return attention over axes that are one meanwhile."""
    flat = [Feed(at.add("Flatten", [each], {"end_dim": len(axes)})) for each in values]
    attended = Feed(at.add(OP, flat, arguments))
    return Feed(at.add("Unflatten", [attended], {"dim": 1, "unflattened_size": axes}))


def dropping(evaluated: Recording, trained: Recording) -> None:
    """Give the attentions of a run in evaluation the dropout that they have in training, where these are the same."""
    ours, theirs = ([call for _, call in run.root.walk() if call.name == OP] for run in (evaluated, trained))
    if [call.path for call in ours] != [call.path for call in theirs]:
        return
    for call, other in zip(ours, theirs, strict=True):
        p = (dict(zip(NAMES, other.args, strict=False)) | dict(other.kwargs)).get("dropout_p", 0.0)
        given = dict(zip(NAMES, call.args, strict=False)) | dict(call.kwargs)
        call.args, call.kwargs = (), given | ({"dropout_p": p} if p else {})


def _written_out(
    at: Builder, q: TracedValue, k: TracedValue, v: TracedValue, mask: TracedValue, arguments: dict[str, Any]
) -> Feed:
    """Return attention as products with a softmax between them, over as many axes as there are."""
    if mask.dtype == "bool" or arguments.get("is_causal") or arguments.get("dropout_p"):
        raise Unsayable("its mask meets axes that are in the batch")
    scale = arguments.get("scale", q.shape[-1] ** -0.5)
    turned = Feed(at.add("transpose", [k.source], {"dim0": -2, "dim1": -1}))
    scores = Feed(at.add("matmul", [q.source, turned]))
    scaled = Feed(at.add("mul", [scores, scale]))
    masked = Feed(at.add("add", [scaled, mask.source], {"broadcast": True}))
    return Feed(at.add("matmul", [Feed(at.add("Softmax", [masked], {"dim": -1})), v.source]))
