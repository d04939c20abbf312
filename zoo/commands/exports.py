"""What `zoo export` and `zoo build -o` share: a built network in a file that carries its spec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from speczoo.commands.common import AskedNetwork, Refused, refuse_taken

if TYPE_CHECKING:
    from speczoo.compiler.graph import Graph
    from speczoo.exporting import Exported


def written(
    network: AskedNetwork, graph: Graph, module: Any, target: Path, *, opset: int | None = None, force: bool = False
) -> Exported:
    """Write a module in the format of its file's ending, and return what there is to say of it. Raises Refused."""
    from speczoo.exporting import NotExported, write

    if target.suffix.lower() != ".safetensors":  # which is written again where it is the same
        refuse_taken([target], force)
    try:
        return write(graph, module, target, network.params, opset=opset, over=force)
    except NotExported as error:
        raise Refused(f"{graph.name} is not in {target.name}: {error}", "nothing was written") from error
