"""The order of the arguments of an op, in which `zoo fmt` writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from speczoo.specs.diagnostics import Report
from speczoo.specs.source import Source


def argument_order(source: Source) -> Callable[[str], Sequence[str]]:
    """Return the order of an op's arguments: a layer's fields, a block's parameters."""
    import speczoo.compiler.layers  # noqa: F401  (fills the registry)
    from speczoo.compiler.layer import Layer
    from speczoo.specs.document import parse

    document = parse(source, Report())
    blocks = document.data.get("blocks") if document else None

    def order(op: str) -> Sequence[str]:
        if op in Layer.registry:
            return list(dict.fromkeys([*Layer.registry[op].model_fields, *Layer.registry[op].references]))
        block = blocks.get(op) if isinstance(blocks, dict) else None
        params = block.get("params") if isinstance(block, dict) else None
        return list(params) if isinstance(params, dict) else ()

    return order
