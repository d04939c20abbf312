"""What is drawn of functions of several values: see `speczoo.testing.cases`."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from speczoo.compiler.layer import Layer, Value
from speczoo.testing.cases import Drawn, dims, family, shape, shape_of, size, some


@family("add", "mul", "sub", "div")
def arithmetic(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = shape(draw, 0, 1, 2, 3)
    others = draw(st.integers(1, 2 if layer.arity[1] > 2 else 1))
    inputs = [Value(x)]
    broadcast = draw(st.booleans())
    for _ in range(others):
        kind = draw(st.sampled_from(["same", "same", "squeezed", "number", "parameter", "short", "other"]))
        if kind == "number":
            inputs.append(Value((), batched=False))
        elif kind == "other":
            inputs.append(Value(shape(draw, len(x))))
        elif kind == "short":
            fewer = x[draw(st.integers(0, len(x))) :]
            inputs.append(Value(tuple(draw(st.sampled_from([1, n])) for n in fewer), batched=False))
        else:
            other = tuple(draw(st.sampled_from([1, n])) for n in x) if kind == "squeezed" else x
            inputs.append(Value(other, batched=kind != "parameter"))
    arguments = {"broadcast": True} if broadcast else {}
    if layer.op == "add" and draw(st.booleans()):
        arguments["inplace"] = True
    return arguments, tuple(draw(st.permutations(inputs)))


@family("concat", "stack")
def joined(draw: DrawFn, layer: type[Layer]) -> Drawn:
    x = draw(st.one_of(shape_of(3).map(tuple), st.tuples(size(), size(), size())))
    at = draw(st.integers(0, max(0, len(x) - 1)))
    inputs = [Value(x, batched=draw(st.integers(0, 3)) > 0)]
    for _ in range(draw(st.integers(0, 2))):
        changed = list(x)
        if bool(changed) and draw(st.booleans()):
            changed[at] = draw(size())
        inputs.append(Value(tuple(changed), batched=draw(st.booleans())))
    arguments = {"dim": at + 1} if draw(st.booleans()) else some(draw, dim=dims())
    return arguments, tuple(draw(st.permutations(inputs)))
