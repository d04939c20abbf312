"""Every code that a diagnostic can have: a word, its severity, its meaning in one line, and its long explanation.

The explanations are texts of their own, `specs/explanations/CODE.md`: what the mistake is, why it is one, a spec that
makes it and the same spec mended. The tests run both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

EXPLANATIONS = Path(__file__).resolve().parent / "explanations"


@dataclass(frozen=True)
class Code:
    """A kind of mistake."""

    name: str
    meaning: str
    severity: Literal["error", "warning"] = "error"

    @cached_property
    def explanation(self) -> str:
        """Markdown: the meaning at length, a bad example and its mended form."""
        return (EXPLANATIONS / f"{self.name}.md").read_text(encoding="utf-8")

    @property
    def bad(self) -> str:
        """A spec that makes this mistake, and no other."""
        return self._example("bad")

    @property
    def good(self) -> str:
        """The same spec, mended."""
        return self._example("good")

    def _example(self, which: str) -> str:
        found = re.search(rf"^```(?:yaml|json) {which}\n(.*?)^```$", self.explanation, re.MULTILINE | re.DOTALL)
        assert found, f"{self.name} has no {which} example"
        return found[1]


_MEANINGS = {
    "unreadable": "the file cannot be read as UTF-8 text",
    "yaml-syntax": "the text is not YAML, or not one mapping",
    "duplicate-key": "a mapping says one key twice",
    "unsafe-yaml": "a tag, a merge key, or an alias that repeats too much or itself",
    "limit-exceeded": "something is larger than a spec may be",
    "unknown-key": "the language has no such key at this place",
    "unknown-op": "no layer, function, block or used spec has this name",
    "unknown-argument": "the op takes no such argument",
    "missing-argument": "something that must be written is not",
    "bad-value": "a value is not what stands at this place",
    "unknown-param": "no parameter or loop variable has this name here",
    "unknown-reference": "nothing that can be named here has this name",
    "forward-reference": "an entry takes what comes after it",
    "cycle": "something contains or needs itself",
    "duplicate-id": "two entries of one list have the same id",
    "bad-expression": "an expression cannot be read or has no value",
    "missing-id": "an entry with weights stands in a list that is no chain and has no id",
    "shape-mismatch": "the shapes that meet here do not fit together",
    "empty-output": "a size falls below 1",
    "indivisible": "a size is not a multiple of what must divide it",
    "assertion-failed": "what the spec states is not what comes out",
    "unsafe-inplace": "an in-place op writes over a value that another entry reads",
    "unused-layer": "nothing takes the output of this entry",
    "unused-rule": "no layer is what this rule names",
    "unused-ignore": "a comment ignores what is not there to ignore",
    "negative-number": "a negative number is added, which elsewhere names an entry before",
}
WARNINGS = ("unused-layer", "unused-rule", "unused-ignore", "negative-number")

CODES: dict[str, Code] = {
    name: Code(name, meaning, "warning" if name in WARNINGS else "error") for name, meaning in _MEANINGS.items()
}
