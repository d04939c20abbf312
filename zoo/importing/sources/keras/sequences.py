"""Layers of Keras over sequences: recurrent ones, wrappers of layers, and attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speczoo.importing.sources.entries import Tensor
from speczoo.importing.sources.given import GivenArguments
from speczoo.importing.sources.keras.config import KerasLayer
from speczoo.importing.sources.keras.site import MAPPED, Site, maps, says_nothing
from speczoo.specs.wording import printable

RECURRENT = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}
#: Layers that do the same to each token by themselves, over the last axis.
_EACH = frozenset({"Dense", "Activation", "Dropout", "ReLU", "LeakyReLU", "ELU", "LayerNormalization"})


@maps("LSTM", "GRU", "SimpleRNN")
def recurrent(site: Site) -> Tensor:
    x = site.place.plain(site.one())
    out = _recurrent(site, site.layer.kind, site.given, x, both=False)
    if site.given.flag("return_sequences", False):
        return out
    return site.add("select", out, {"dim": 1, "index": -1}, "last")


@maps("Bidirectional")
def bidirectional(site: Site) -> Tensor:
    """Return both directions one behind the other: of the last token that each of them reads, where one is wanted."""
    site.given.only("merge_mode", ["concat"], "has no counterpart here: both directions are put together")
    inner = _inner(site, "layer")
    kind = inner.kind
    if kind not in RECURRENT:
        raise site.given.refusal("layer", f"`{printable(kind)}` has no counterpart here: LSTM, GRU or SimpleRNN has")
    backward = site.given.raw("backward_layer")
    if backward is not None and _core(backward) != _core(site.given.raw("layer")):
        raise site.given.refusal("backward_layer", "a backward layer of its own has no counterpart here")
    x = site.place.plain(site.one())
    out = _recurrent(site, kind, inner.given, x, both=True)
    units = out.shape[-1] // 2
    sequences = inner.given.flag("return_sequences", False)
    _unread(site, inner.given)
    if sequences:
        return out
    last = site.add("select", out, {"dim": 1, "index": -1}, "last")
    first = site.add("select", out, {"dim": 1, "index": 0}, "first")
    ahead = site.add("slice", last, {"dim": 1, "stop": units}, "forward")
    back = site.add("slice", first, {"dim": 1, "start": units}, "backward")
    return site.add("concat", [ahead, back], suffix="both")


@maps("TimeDistributed")
def time_distributed(site: Site) -> Tensor | tuple[Tensor, ...]:
    """Return what the layer inside gives: it works on each token by itself anyway."""
    inner = _inner(site, "layer")
    if inner.kind not in _EACH:
        raise site.given.refusal("layer", f"`{printable(inner.kind)}` for each token has no counterpart here")
    made = MAPPED[inner.kind](replace(site, layer=inner))
    _unread(site, inner.given)
    return made


def _inner(site: Site, key: str) -> KerasLayer:
    """Return the layer that a wrapper holds, under the wrapper's name."""
    data = site.given.raw(key)
    kind = data.get("class_name") if isinstance(data, dict) else None
    config = data.get("config") if isinstance(data, dict) else None
    if not isinstance(kind, str) or not isinstance(config, dict):
        raise site.given.refusal(key, f"`{key}` is a layer, with `class_name` and `config`")
    given = GivenArguments(f"{site.given.what}: {printable(kind)}", config, (*site.given.place(key), "config"))
    return replace(site.layer, kind=kind, given=given)


def _core(layer: Any) -> Any:
    """Return what a recurrent layer says, but for its name and its direction."""
    config = layer.get("config") if isinstance(layer, dict) else None
    left_out = ("name", "go_backwards", "seed")
    return {k: v for k, v in config.items() if k not in left_out} if isinstance(config, dict) else None


def _unread(site: Site, given: GivenArguments) -> None:
    for problem in given.unread(says_nothing):
        site.place.shared.report(problem)


def _recurrent(site: Site, kind: str, given: GivenArguments, x: Tensor, *, both: bool) -> Tensor:
    """Return the states of all tokens. Keras has one bias where torch has two: the other is 0, and not trained."""
    if kind != "SimpleRNN":
        given.only("activation", ["tanh"], "has no counterpart here: it is tanh")
        given.only("recurrent_activation", ["sigmoid"], "has no counterpart here: it is a sigmoid")
    for key in ("return_state", "go_backwards", "stateful", "time_major"):
        given.only(key, [False], "has no counterpart here")
    for key in ("dropout", "recurrent_dropout"):
        given.only(key, [0, 0.0], "has no counterpart here")
    for key in ("unroll", "zero_output_for_mask", "use_cudnn", "unit_forget_bias", "cell"):
        given.raw(key)
    bias = given.flag("use_bias", True)
    arguments: dict[str, Any] = {"hidden_size": given.whole("units"), "bias": bias}
    if kind == "SimpleRNN":
        arguments["nonlinearity"] = given.word("activation", "tanh", ("tanh", "relu"))
    if kind == "GRU":
        given.only("reset_after", [True], "has no counterpart here: torch resets after its product")
    if both:
        arguments["bidirectional"] = True
    out = site.weighted(RECURRENT[kind], x, arguments)
    if bias and kind != "GRU":
        names = ["bias_hh_l0", *(["bias_hh_l0_reverse"] if both else [])]
        site.freeze(*names)
        site.start(dict.fromkeys(names, 0))
    return out


@maps("MultiHeadAttention", takes=("value", "key", "use_causal_mask"))
def attention(site: Site) -> Tensor:
    """Return attention whose heads are as wide as its features have room for, as torch's are."""
    given = site.given
    tensors = [each for each in site.takes if isinstance(each, Tensor)]
    for name in ("value", "key"):
        more = site.named.get(name)
        tensors += more if isinstance(more, list) else []
    if not 2 <= len(tensors) <= 3 or not all(len(each.shape) == 2 for each in tensors):
        raise site.refusal("query, value and perhaps key flow into it, of tokens x features each")
    query, value, *rest = (site.place.plain(each) for each in tensors)
    key = rest[0] if rest else value
    heads, width = given.whole("num_heads"), given.whole("key_dim")
    if heads * width != query.shape[-1]:
        message = f"{heads} heads of {width} are not the {query.shape[-1]} features that flow in, as torch has it"
        raise given.refusal("key_dim", message)
    given.only("value_dim", [width], "has no counterpart here: it is `key_dim`")
    given.only("output_shape", [], "has no counterpart here")
    given.only("attention_axes", [[1], [-2]], "has no counterpart here")
    for name in ("use_gate", "flash_attention"):
        given.only(name, [False], "has no counterpart here")
    given.only("sliding_window", [], "has no counterpart here")
    for name in ("query_shape", "key_shape", "value_shape"):
        given.raw(name)
    arguments: dict[str, Any] = {
        "num_heads": heads,
        "dropout": given.number("dropout", 0.0),
        "bias": given.flag("use_bias", True),
    }
    if site.named.get("use_causal_mask") is True:
        arguments["is_causal"] = True
    sources: Sequence[Tensor] = [query] if query == key == value else [query, key, value]
    return site.weighted("MultiheadAttention", sources, arguments)
