"""Functions as small modules, for where a list is an nn.Sequential."""

from __future__ import annotations

from compiler.layer import Call


def wrapper(name: str, call: Call) -> str:
    """The text of a module class that applies a function; its arguments are the function's."""
    expression = call.apply.format("x", inputs="x", **{a: f"self.{a}" for a in call.args})
    lines = [f"class {name}(nn.Module):"]
    if call.args:
        lines += [f"    def __init__(self, {', '.join(call.args)}) -> None:", "        super().__init__()"]
        lines += [f"        self.{a} = {a}" for a in call.args]
        lines.append("")
    lines += ["    def forward(self, x: Tensor) -> Tensor:", f"        return {expression}"]
    return "\n".join(lines)
