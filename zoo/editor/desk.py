"""An open text: what it says, what was found of it, and what is shown beside it while it is typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from speczoo.argument_order import argument_order
from speczoo.editor import hints, reader
from speczoo.editor.analysis import Analysis, analyses
from speczoo.editor.hints import Hint
from speczoo.editor.names import TextNames
from speczoo.editor.positions import Range
from speczoo.editor.tree import Mapping, TextNode
from speczoo.specs.format import formatted
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.source import Source
from speczoo.training.recipe_loader import language_of

#: One of these stands in every spec and every recipe, however much of it is typed yet.
_OURS = ("spec", "recipe", "layers", "blocks")


def speaks_of_networks(root: TextNode) -> bool:
    """Return whether a text is a spec or a recipe by its keys."""
    return isinstance(root, Mapping) and any(root.pair(key) is not None for key in _OURS)


class Sheet:
    """A text that is open, and changes.

    `analysis` is what was found last, of this text or one before it; `known` the last of a text that could be read.
    `ours` says whether it is, or was, a spec or a recipe by its keys: of other YAML nothing is reported.
    What is shown stays until something better is known: `hints` of a text that was right stand beside the lines that
    are the same still.
    """

    def __init__(self, source: Source, version: int | None, limits: Limits = DEFAULT) -> None:
        self.source, self.version, self.limits = source, version, limits
        self.view: str | None = None
        self.ours = speaks_of_networks(self.names.root)
        self.analysis = self.known = Analysis(source, complete=False)
        self._before: Analysis | None = None  # the last that was complete
        self._hints: tuple[Hint, ...] = ()
        self._hinted = source

    def edit(self, source: Source, version: int | None) -> None:
        """Take a new text."""
        self.source, self.version = source, version
        self.__dict__.pop("names", None)
        self.ours = self.ours or speaks_of_networks(self.names.root)

    @cached_property
    def names(self) -> TextNames:
        """The names of the text as it is now."""
        return TextNames(reader.read(self.source.text))

    def steps(self) -> Iterator[Analysis]:
        """Yield what is found of the text as it is now; `take` keeps it."""
        return analyses(self.source, self.view, self._before, self.limits)

    def take(self, analysis: Analysis) -> None:
        """Keep what was found of the text as it is now."""
        first = analysis.entries is not self.analysis.entries
        self.analysis = analysis
        if analysis.known:
            self.known = analysis
        if analysis.complete:
            self._before = analysis
        if first:
            self._hints = hints.kept(self._hints, self._hinted, analysis)
            self._hinted = analysis.source

    def hints(self) -> tuple[Hint, ...]:
        """Return what stands beside the lines of the text as it is now."""
        if self._hinted is self.source:
            return self._hints
        moved = hints.moved_lines(self._hinted, self.source)
        return tuple(replace(hint, line=moved[hint.line]) for hint in self._hints if hint.line in moved)

    def formatted(self) -> tuple[Range, str] | None:
        """Return what `zoo fmt` changes, in one stretch; None where that is nothing, or the text is no spec."""
        root = language_of(self.source)
        text, new = self.source.text, formatted(self.source, argument_order(self.source), root)
        if new is None or new == text:
            return None
        start = next((i for i, (a, b) in enumerate(zip(text, new, strict=False)) if a != b), min(len(text), len(new)))
        most = min(len(text), len(new)) - start
        last = next((i for i in range(most) if text[-1 - i] != new[-1 - i]), most)
        return Range(start, len(text) - last), new[start : len(new) - last]
