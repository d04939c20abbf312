"""Values in YAML's flow style, on one line: `[2, 2, 2, 2]`, `{type: op, default: Bottleneck}`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from speczoo.specs.scalars import ImplicitWord, resolve

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*", re.ASCII)
#: Expressions, with names around them, and ranges.
_EXPRESSION = re.compile(r"[\w.$][^,\[\]{}:#\"'&*!|>%@`\n]*[\w)]|[\w.$]|\$\([^,\[\]{}:#\"'\n]*\)", re.ASCII)


def bare(text: str) -> bool:
    """Return whether a text needs no quotes in YAML: words that no reader takes for anything else."""
    if not _PLAIN.fullmatch(text):
        return False
    try:
        return bool(resolve(text) == text)
    except ImplicitWord:
        return False


def bare_or_computed(text: str) -> bool:
    """Return whether a text needs no quotes, expressions and ranges besides words."""
    return bool(("$" in text or ".." in text) and _EXPRESSION.fullmatch(text)) or bare(text)


def flow(value: Any, bare: Callable[[str], bool] = bare) -> str:
    """Return a value on one line, texts that are `bare` without quotes; what is no plain data as its own text."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item, bare)}" for key, item in value.items()) + "}"
    if type(value) in (list, tuple):
        return "[" + ", ".join(flow(item, bare) for item in value) + "]"
    if isinstance(value, float):
        return _number(value)
    if value is None or isinstance(value, int):
        return json.dumps(value)
    text = str(value)
    return text if bare(text) else json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """Return a number with a point, which readers of YAML 1.1 want of one with an exponent, too."""
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent)}" if e else mantissa
