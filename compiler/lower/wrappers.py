"""Functions as small modules, for where a list is an nn.Sequential."""

from __future__ import annotations

from speczoo.compiler.layer import Call
from speczoo.specs.reserved_names import MODULE_NAMES


def wrapper(name: str, call: Call) -> str:
    """Return the text of a module class that applies a function; its arguments are the function's."""
    kept = {a: f"self.{a}_" if a in MODULE_NAMES else f"self.{a}" for a in call.args}
    expression = call.apply.format("x", inputs="x", **kept)
    lines = [f"class {name}(nn.Module):"]
    if call.args:
        lines += [f"    def __init__(self, {', '.join(call.args)}) -> None:", "        super().__init__()"]
        lines += [f"        {attribute} = {a}" for a, attribute in kept.items()]
        lines.append("")
    lines += ["    def forward(self, x: Tensor) -> Tensor:", f"        return {expression}"]
    return "\n".join(lines)
