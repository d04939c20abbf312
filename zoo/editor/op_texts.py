"""What there is to say of an op and of what it takes, as Markdown."""

from __future__ import annotations

from typing import Any

from speczoo.editor.ops import Op, Taken, written


def argument_text(argument: Taken, op: str) -> str:
    """Return what an argument of an op does and takes."""
    return "\n\n".join(filter(None, (f"**{argument.name}** of {op}", argument.doc, argument.line)))


def of_op(op: Op | None) -> str:
    """Return what an op is and takes."""
    if op is None:
        return ""
    parts = [f"**{op.name}**", op.description or op.summary, argument_list(op, {}) if op.arguments else ""]
    return "\n\n".join(filter(None, parts))


def argument_list(op: Op, given: dict[str, Any]) -> str:
    """Return the arguments of an op as a list, those that are given first."""
    rows = sorted(op.arguments, key=lambda each: (each.name not in given, not each.required, each.derived))
    return "\n".join(
        f"- `{each.name}`{_value(each, given)}: {' '.join(each.doc.split())}".rstrip(": ") for each in rows
    )


def _value(argument: Taken, given: dict[str, Any]) -> str:
    if argument.name in given:
        return f" = `{written(given[argument.name])}`"
    return " (required)" if argument.required else " (derived)" if argument.derived else f" (`{argument.default}`)"
