"""Recurrent layers and attention of torch's own in programs, which write out what these compute: the modules again."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

RNN = "torch.nn.modules.rnn."
ATTENTION = "torch.nn.modules.activation.MultiheadAttention"
#: What multiplies queries and keys, and so has them for its arguments, at these places.
SCORES = {"scaled_dot_product_attention": (0, 1), "bmm": (0, 1), "baddbmm": (1, 2)}


@dataclass(frozen=True)
class ResultPlace:
    """Where a value stands in what a module gives."""

    path: tuple[int, ...]

    def of(self, result: Any) -> Any:
        """Return the value that stands here."""
        for place in self.path:
            result = result[place]
        return result


@dataclass(frozen=True)
class RebuiltModule:
    """A module, and how the program's call of it is one of its own: `takes` are its arguments, with nodes for what
    flowed into the program's, `gives` what this gave, with its places among the module's values or nodes of `sizes`.
    With `looks_back` it takes a mask by which each token looks back alone.
    """

    module: nn.Module
    takes: dict[str, Any]
    gives: Any
    sizes: Sequence[fx.Node] = ()
    looks_back: bool = False


def rebuilt(module: Any) -> RebuiltModule | None:
    """Return the module of torch's that a module of a program was; None where that is none of these, or computes
    something else beside.
    """
    kind = str(getattr(module, "_ty", ""))
    if kind == ATTENTION:
        return _attention(module)
    make = MAKERS.get(kind.removeprefix(RNN)) if kind.startswith(RNN) else None
    return make(module) if make is not None else None


# -- recurrent layers --------------------------------------------------------------------------------------------------


def _recurrent(module: Any) -> RebuiltModule | None:
    """Return a layer that goes over tokens, from the one call of its function."""
    name = str(module._ty).removeprefix(RNN)
    call = _only(module, lambda node: _name(node) in ("lstm", "gru", "rnn_tanh", "rnn_relu"))
    if call is None or not isinstance(call.args[0], fx.Node) or call.args[0].op != "placeholder":
        return None
    x, states, weights, bias, layers, dropout, _, both_ways, batch_first = call.args
    assert isinstance(weights, list | tuple)
    hidden = module.weight_hh_l0.shape[1]
    projected = module.weight_hr_l0.shape[0] if hasattr(module, "weight_hr_l0") else 0
    hidden = module.weight_hh_l0.shape[0] // 4 if projected else hidden
    more: dict[str, Any] = {"proj_size": projected} if projected else {}
    more |= {"nonlinearity": _name(call)[4:]} if name == "RNN" else {}
    made = getattr(nn, name)(
        module.weight_ih_l0.shape[1],
        hidden,
        layers,
        bias=bias,
        dropout=dropout,
        bidirectional=both_ways,
        batch_first=batch_first,
        **more,
    )
    given = _states(states, single=name != "LSTM")
    results = (
        (ResultPlace((0,)), ResultPlace((1, 0)), ResultPlace((1, 1)))
        if name == "LSTM"
        else (ResultPlace((0,)), ResultPlace((1,)))
    )
    return _called(module, call, made, {"input": x} | ({"hx": given} if given else {}), results)


def _states(states: Any, *, single: bool) -> Any:
    """Return the states that a call begins with; None where these are zeros that the layer begins with anyway."""
    listed = [states] if single else [*states]
    if all(_name(node) == "zeros" for node in listed):
        return None
    return listed[0] if single else listed


def _cell(module: Any) -> RebuiltModule | None:
    """Return one step of a recurrent layer."""
    name = str(module._ty).removeprefix(RNN)
    call = _only(module, lambda node: _name(node) in ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"))
    if call is None:
        return None
    more = {"nonlinearity": _name(call)[4:8]} if name == "RNNCell" else {}
    size, hidden = module.weight_ih.shape[1], module.weight_hh.shape[1]
    made = getattr(nn, name)(size, hidden, bias=hasattr(module, "bias_ih"), **more)
    results = (ResultPlace((0,)), ResultPlace((1,))) if name == "LSTMCell" else (ResultPlace(()),)
    return _called(module, call, made, {"input": call.args[0], "hx": call.args[1]}, results)


def _called(
    module: Any, call: fx.Node, made: nn.Module, takes: dict[str, Any], results: Sequence[ResultPlace]
) -> RebuiltModule | None:
    """Return a module whose program calls one function and gives nothing but results of it, which are there."""
    taken: dict[Any, Any] = {node: node.args[1] for node in call.users if node.target is operator.getitem}
    parts: dict[fx.Node, Any] = {node: results[place] for node, place in taken.items()}
    parts |= {call: results[0]} if len(results) == 1 else {}
    flat = [*_nodes(takes)]
    if any(node.op != "placeholder" for node in flat) or not all(node in parts for node in _given(module)):
        return None
    gives: Any = fx.map_arg(_result(module), lambda node: parts[node])
    return RebuiltModule(made, takes, gives)


MAKERS: dict[str, Callable[[Any], RebuiltModule | None]] = {
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    **dict.fromkeys(("LSTMCell", "GRUCell", "RNNCell"), _cell),
}

# -- attention ---------------------------------------------------------------------------------------------------------


def _attention(module: Any) -> RebuiltModule | None:
    """Return attention in heads, from the product of its queries and keys, and what these are made of."""
    calls = [node for node in module.graph.nodes if _name(node) in SCORES]
    projections = [node for node in module.graph.nodes if _name(node) == "linear"]
    learned = {weight for node in projections for weight in node.args[1:]}
    flowing = {node for node in module.graph.nodes if node.op == "placeholder" and _is_tensor(node)} - learned
    if not calls or not projections or _target(projections[-1].args[1]) != "out_proj.weight":
        return None
    first, last = calls[0], projections[-1]
    fused = _name(first) == "scaled_dot_product_attention"
    query, key = (first.args[place] for place in SCORES[_name(first)])
    made_of = [_before(each) & flowing for each in (query, key, first.args[2] if fused else calls[-1].args[1])]
    results = _results(module, last)
    if not all(len(each) == 1 for each in made_of) or results is None:
        return None
    takes: dict[str, Any] = dict(zip(("query", "key", "value"), (each.pop() for each in made_of), strict=True))
    batch_first = any(_name(node) == "transpose" and node.args[0] in flowing for node in module.graph.nodes)
    masks = _masks(flowing - {*takes.values()}, takes["query"], batch_first=batch_first)
    if masks is None:
        return None
    causal = bool((dict(zip(("is_causal",), first.args[5:6], strict=False)) | first.kwargs).get("is_causal"))
    made = nn.MultiheadAttention(
        module.out_proj.weight.shape[0],
        int(last.meta["val"].shape[-1]) // int(query.meta["val"].shape[-1]),
        bias=len(projections[0].args) > 2,
        add_bias_kv=hasattr(module, "bias_k"),
        kdim=module.k_proj_weight.shape[1] if hasattr(module, "k_proj_weight") else None,
        vdim=module.v_proj_weight.shape[1] if hasattr(module, "v_proj_weight") else None,
        batch_first=batch_first,
    )
    more = {"need_weights": not fused} | ({"is_causal": True} if causal else {})
    return RebuiltModule(made, {**takes, **masks, **more}, *results, looks_back=causal)


def _masks(others: set[fx.Node], query: fx.Node, *, batch_first: bool) -> dict[str, Any] | None:
    """Return masks by the names of their arguments; None where it is not known which these are."""
    samples, tokens = query.meta["val"].shape[:2] if batch_first else query.meta["val"].shape[1::-1]
    fixed = isinstance(samples, int)
    found: dict[str, Any] = {}
    for node in others:
        first, rank = node.meta["val"].shape[0], node.meta["val"].dim()
        if rank == 2 and fixed and samples == tokens:
            return None
        padding = rank == 2 and (first == samples if fixed else not isinstance(first, int))
        found["key_padding_mask" if padding else "attn_mask"] = node
    return found if len(found) == len(others) else None


def _results(module: Any, last: fx.Node) -> tuple[Any, Sequence[fx.Node]] | None:
    """Return which of a module's values its program gives, and the steps of those that are no tensors; None where it
    gives others.
    """
    sizes = [node for node in module.graph.nodes if node.op == "call_function" and not _is_tensor(node)]
    gives: dict[fx.Node, Any] = {}
    for node in _given(module):
        if not _is_tensor(node):
            gives[node] = node
        elif last in _before(node):
            gives[node] = ResultPlace((0,))
        else:
            return None
    return fx.map_arg(_result(module), lambda node: gives[node]), sizes


# -- graphs ------------------------------------------------------------------------------------------------------------


def _name(node: Any) -> str:
    """Return what torch calls the function of a node; nothing of another node."""
    schema = getattr(getattr(node, "target", None), "_schema", None)
    return schema.name.partition("::")[2] if schema is not None and node.op == "call_function" else ""


def _target(node: Any) -> str:
    return str(node.target) if isinstance(node, fx.Node) and node.op == "get_attr" else ""


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _only(module: Any, wanted: Callable[[fx.Node], bool]) -> fx.Node | None:
    found = [node for node in module.graph.nodes if wanted(node)]
    return found[0] if len(found) == 1 else None


def _before(node: fx.Node) -> set[fx.Node]:
    """Return a node, and all that it is made of."""
    found, left = set[fx.Node](), [node]
    while left:
        if (each := left.pop()) not in found:
            found.add(each)
            left += each.all_input_nodes
    return found


def _result(module: Any) -> Any:
    return next(node.args[0] for node in module.graph.nodes if node.op == "output")


def _given(module: Any) -> Iterator[fx.Node]:
    """Yield the nodes that a module gives."""
    return _nodes(_result(module))


def _nodes(thing: Any) -> Iterator[fx.Node]:
    found: list[fx.Node] = []
    fx.map_arg(thing, found.append)
    return iter(found)
