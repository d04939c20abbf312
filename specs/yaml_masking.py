"""What lets one torn value be reported once: the same text with some characters hidden from YAML.

Torn are an expression, a name as Hydra, Jinja or Python mark it, and a tuple of Python's, in flow style.
"""

from __future__ import annotations

import re
from itertools import islice

#: A tuple of numbers and names, as long as its tuples inside hold no more.
TUPLE = re.compile(r"\((?:[^()\[\]{}'\"#:\r\n]|\([^()\[\]{}'\"#:\r\n]{0,200}\)){0,400}\)")
_MARKS = re.compile(
    r"(?P<expression>(?<!\$)(?:\$\$)*\$\()"
    r"|\$\{[^{}\r\n]{1,200}\}|\{\{[^{}\r\n]{1,200}\}\}|%\([A-Za-z_]\w{0,99}\)|(?<=[\[\s,])" + TUPLE.pattern
)
_NEXT = re.compile(r"(?<!\s)\s*(?:,\s*[A-Za-z_][\w-]*\s*:\s|[}\]\r\n]|\Z)")
_COLON = re.compile(r"(?<![\"'\]}\s,\[{:]):(?=[^\s,\[\]{}])")
_TAG = re.compile(r"(?<![^\s,\[{])![^\s,\[\]{}:]*:[^\s,\[\]{}]*")
_PARENTHESIS = re.compile(r"[()\r\n]")
_SPECIAL = ",[]{}:%"
_REACH = 2_000  # characters of one expression that are looked at
_BUDGET = 250_000  # characters of all of them


class Torn(Exception):
    """An unquoted value that YAML has torn at a comma or bracket."""


class MaskedText:
    """A text in which characters that YAML would stop at are replaced, one for one, by unused ones.

    Places stay what they were, `unmask` gives back what was written, and masking what needs none does no harm.
    """

    def __init__(self, text: str) -> None:
        self.text = self.original = text
        self.expressions: dict[int, bool] = {}  # where one starts: whether it is closed
        self.unmasking: dict[int, str] = {}
        self._hiding: dict[int, str] = {}
        self._kept = ""  # stands for the colons of tags while others are hidden
        self._done: set[str] = set()

    def hide_colons(self) -> bool:
        """Hide every colon that no space follows. False when that was done, or cannot be."""
        if not self._begin("colons"):
            return False
        # a function called for every colon of a megabyte would take most of the time that reading it may take
        kept = self._kept
        text = _TAG.sub(lambda tag: tag[0].replace(":", kept), self.text) if "!" in self.text else self.text
        self.text = _COLON.sub(self._hiding[ord(":")], text).replace(kept, ":")
        return True

    def hide_marked(self) -> bool:
        """Hide what stands in every `$(...)`, `${...}`, `{{...}}`, `%(...)` and tuple. False when that was done, or
        cannot be, or there is none.
        """
        if not _MARKS.search(self.original) or not self._begin("marked"):
            return False
        pieces, done, budget = [], 0, _BUDGET
        for match in _MARKS.finditer(self.original):
            start, end = match.span()
            if match["expression"]:
                start = end - 2
            if start < done:
                continue
            if budget < 0:
                break
            if match["expression"]:
                end, closed = self._extent(start)
                budget -= end - start if closed else _REACH
                self.expressions[start] = closed
            pieces += [self.text[done:start], self.text[start:end].translate(self._hiding)]
            done = end
        self.text = "".join((*pieces, self.text[done:]))
        return True

    @property
    def knows_marked(self) -> bool:
        return "marked" in self._done

    def unmask(self, text: str) -> str:
        return text.translate(self.unmasking) if self.unmasking else text

    def _begin(self, what: str) -> bool:
        if what in self._done:
            return False
        self._done.add(what)
        if not self._hiding:
            used = set(self.original)
            unused = (char for char in map(chr, range(0xF0000, 0xFFFFE)) if char not in used)
            *spare, kept = [*islice(unused, len(_SPECIAL) + 1)] or [""]
            if len(spare) == len(_SPECIAL):
                self._kept = kept
                self._hiding = {ord(char): new for char, new in zip(_SPECIAL, spare, strict=True)}
                self.unmasking = {ord(new): char for char, new in zip(_SPECIAL, spare, strict=True)}
        return bool(self._hiding)

    def _extent(self, start: int) -> tuple[int, bool]:
        stop = min(start + _REACH, len(self.original))
        depth = 0
        for match in _PARENTHESIS.finditer(self.original, start, stop):
            char = match[0]
            if char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
                if not depth:
                    return match.end(), True
            else:
                stop = match.start()
                break
        after = _NEXT.search(self.original, start, stop)
        return (after.start() if after else stop), False
