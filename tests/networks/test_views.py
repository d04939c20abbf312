"""Predicted costs of networks of views: of axes that change places, parts, copies and products of these, byte by
byte what torch holds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.networks.test_costs import assert_exact

MAP = (4, 6, 6)  # channels first, or features last


class Networks:
    """A list of layers that grows, with the shapes of what they give."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw, self.layers, self.shapes = draw, list[dict[str, Any]](), {"input": MAP}

    def put(self, layer: dict[str, Any], shape: tuple[int, ...], *of: str) -> str:
        name = f"x{len(self.layers)}"
        self.layers.append({"id": name, **layer, **({"from": list(of)} if of else {})})
        self.shapes[name] = shape
        return name

    def any(self) -> str:
        return self.draw(st.sampled_from([*self.shapes][-3:]))

    def permuted(self, x: str) -> str:
        order = self.draw(st.permutations(range(len(self.shapes[x]))))
        return self.put(
            {"op": "permute", "dims": [0, *(i + 1 for i in order)]}, tuple(self.shapes[x][i] for i in order), x
        )

    def reshaped(self, x: str) -> str:
        whole = math.prod(self.shapes[x])
        first = self.draw(st.sampled_from([n for n in range(1, whole + 1) if whole % n == 0]))
        second = self.draw(st.sampled_from([n for n in range(1, whole // first + 1) if whole // first % n == 0]))
        shape = (first, second, whole // first // second)
        return self.put({"op": "reshape", "shape": list(shape)}, shape, x)

    def part(self, x: str) -> str:
        at = self.draw(st.integers(0, len(self.shapes[x]) - 1))
        step, size = self.draw(st.integers(1, 2)), self.shapes[x][at]
        shape = list(self.shapes[x])
        shape[at] = -(-size // step)
        return self.put({"op": "slice", "dim": at + 1, "step": step}, tuple(shape), x)

    def single(self, x: str) -> str:
        name = self.draw(st.sampled_from(["ReLU", "GELU", "Sigmoid", "LayerNorm", "Softmax", "Dropout", "exp", "roll"]))
        options = {"Softmax": {"dim": -1}, "Dropout": {"p": self.draw(st.sampled_from([0.0, 0.5]))}}
        options["roll"] = {"shifts": 1, "dims": 1}
        return self.put({"op": name, **options.get(name, {})}, self.shapes[x], x)

    def linear(self, x: str) -> str:
        features = self.draw(st.integers(1, 8))
        bias = self.draw(st.booleans())
        return self.put({"op": "Linear", "out_features": features, "bias": bias}, (*self.shapes[x][:-1], features), x)

    def itself(self, x: str) -> str:
        """Each of its rows with each: a product with itself, turned."""
        *lead, rows, columns = self.shapes[x]
        turned = self.put({"op": "transpose", "dim0": -2, "dim1": -1}, (*lead, columns, rows), x)
        return self.put({"op": "matmul"}, (*lead, rows, rows), x, turned)

    def joined(self, x: str) -> str:
        other = self.single(x)
        if self.draw(st.booleans()):
            return self.put({"op": "add"}, self.shapes[x], x, other)
        shape = self.shapes[x]
        return self.put({"op": "concat"}, (2 * shape[0], *shape[1:]), x, other)

    def attended(self, x: str) -> str:
        """Attention in heads whose axes stand where torchvision's, timm's or Hugging Face's networks have them."""
        if len(self.shapes[x]) != 3:
            return self.linear(x)
        tokens, heads, width = self.shapes[x]
        projected = [self.linear_to(x, width) for _ in "qkv"]
        turned = [
            self.put({"op": "transpose", "dim0": 1, "dim1": 2}, (heads, tokens, width), name) for name in projected
        ]
        layer = {"op": "scaled_dot_product_attention", "dropout_p": self.draw(st.sampled_from([0.0, 0.25]))}
        out = self.put(layer, (heads, tokens, width), *turned)
        back = self.put({"op": "transpose", "dim0": 1, "dim1": 2}, (tokens, heads, width), out)
        return self.put({"op": "reshape", "shape": [tokens, 1, heads * width]}, (tokens, 1, heads * width), back)

    def linear_to(self, x: str, features: int) -> str:
        return self.put({"op": "Linear", "out_features": features}, (*self.shapes[x][:-1], features), x)


STEPS = [
    Networks.permuted, Networks.reshaped, Networks.part, Networks.single, Networks.linear, Networks.itself,
    Networks.joined, Networks.attended,
]  # fmt: skip


@st.composite
def networks_of_views(draw: DrawFn) -> dict[str, Any]:
    """A network of views, of what copies them, and of what keeps them."""
    made = Networks(draw)
    made.linear("input")
    for _ in range(draw(st.integers(1, 7))):
        draw(st.sampled_from(STEPS))(made, made.any())
    used = {name for layer in made.layers for name in layer.get("from", [])}
    ends = [layer["id"] for layer in made.layers if layer["id"] not in used]
    return {
        "spec": 1,
        "name": "views",
        "input": list(MAP),
        "layers": made.layers,
        "outputs": [{"id": f"end{i}", "from": name} for i, name in enumerate(ends)],
    }


@pytest.mark.filterwarnings("ignore")
@given(networks_of_views(), st.integers(1, 3))
def test_memory_of_views(spec: dict[str, Any], batch: int) -> None:
    assert_exact(spec, batch)
