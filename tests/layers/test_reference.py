"""The reference of each op: every argument is described, every example is a spec that is right and shows the op."""

from __future__ import annotations

import pytest

import speczoo
from speczoo.argument_order import argument_order
from speczoo.compiler.layer import Layer
from speczoo.compiler.reference import reference
from speczoo.compiler.reference.descriptions import DESCRIPTIONS
from speczoo.compiler.reference.examples import EXAMPLES
from speczoo.specs.format import formatted
from speczoo.specs.source import Source

OPS = sorted(op for op, layer in Layer.registry.items() if layer.__module__.startswith("speczoo."))


def test_every_argument_of_every_op_is_described_and_nothing_else() -> None:
    arguments = {(op, argument.name): argument for op in OPS for argument in reference(op).arguments}
    assert [where for where, argument in arguments.items() if not argument.description] == []
    assert [where for where, argument in arguments.items() if not argument.takes] == []
    known = {name for _, name in arguments} | {f"{op}.{name}" for op, name in arguments}
    assert DESCRIPTIONS.keys() <= known


def test_every_op_has_an_example_and_nothing_else_has() -> None:
    assert set(EXAMPLES) == set(OPS)


@pytest.mark.parametrize("op", OPS)
def test_the_example_is_right_and_as_it_is_formatted_and_holds_the_op(op: str) -> None:
    example = reference(op).example
    assert example, "compiler/reference/examples.py has none"
    assert op in {node.op for _, node, _ in speczoo.graph(example).walk()}
    source = Source("example.yaml", example)
    assert formatted(source, argument_order(source)) == example


def test_arguments_are_the_fields_and_references_of_the_layer() -> None:
    for op in OPS:
        layer = Layer.registry[op]
        stated = {argument.name: argument for argument in reference(op).arguments}
        assert list(stated) == [
            *layer.model_fields,
            *(name for name in layer.references if name not in layer.model_fields),
        ]
        assert {name for name, argument in stated.items() if argument.reference} == set(layer.references)
        assert {name for name, argument in stated.items() if argument.derived} == set(layer.derives)
        assert {name for name, argument in stated.items() if argument.required} == {
            name for name, field in layer.model_fields.items() if field.is_required()
        }
