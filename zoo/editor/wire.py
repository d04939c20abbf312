"""What the core says, as values of the Language Server Protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lsprotocol import types as lsp

from speczoo.editor import fixes, hover, lenses, offers, positions, signature, symbols
from speczoo.editor.desk import Sheet
from speczoo.editor.hints import Hint
from speczoo.editor.positions import Encoding, Position, Range
from speczoo.specs import machine_formats
from speczoo.specs.diagnostics import Diagnostic, Span
from speczoo.specs.source import Source

_STOP = re.compile(r"\$(?:\d+|\{\d+(?::((?:[^}\\]|\\.)*))?\})")
_ESCAPED = re.compile(r"\\(.)")


class Wire:
    """Turns what is reported of one text into values of the protocol, with places in the encoding of the client."""

    def __init__(self, source: Source, uri: str, encoding: Encoding) -> None:
        self.source, self.uri, self.encoding = source, uri, encoding

    # -- places ---------------------------------------------------------------------------------------------------

    def offset(self, at: lsp.Position) -> int:
        return positions.offset(self.source, Position(at.line, at.character), self.encoding)

    def position(self, at: int) -> lsp.Position:
        return lsp.Position(*positions.position(self.source, at, self.encoding))

    def range(self, at: Range) -> lsp.Range:
        return lsp.Range(self.position(at.start), self.position(at.end))

    def span(self, span: Span) -> lsp.Range:
        return self.range(positions.extent(self.source, span))

    def location(self, at: Range) -> lsp.Location:
        return lsp.Location(self.uri, self.range(at))

    # -- what is wrong --------------------------------------------------------------------------------------------

    def diagnostic(self, found: Diagnostic) -> lsp.Diagnostic:
        """Return a diagnostic; `data` is what `zoo check --json` says of it."""
        start = self.span(found.span) if found.span is not None else self.range(Range(0, 0))
        related = [
            lsp.DiagnosticRelatedInformation(lsp.Location(self.uri, self.span(label.span)), label.text)
            for label in found.labels
            if label.text and label.file in (None, self.source.name)
        ]
        here = lsp.Location(self.uri, start)
        related += [lsp.DiagnosticRelatedInformation(here, note) for note in found.notes]
        related += [lsp.DiagnosticRelatedInformation(here, f"help: {line}") for line in found.help]
        wrong = found.severity == "error"
        return lsp.Diagnostic(
            range=start,
            message=found.message,
            severity=lsp.DiagnosticSeverity.Error if wrong else lsp.DiagnosticSeverity.Warning,
            code=found.code,
            source="zoo",
            tags=[lsp.DiagnosticTag.Unnecessary] if found.code.startswith("unused-") else None,
            related_information=related or None,
            data=machine_formats.as_data(found),
        )

    def fix(self, fix: fixes.Repair) -> lsp.CodeAction:
        edits = [lsp.TextEdit(self.range(at), text) for at, text in fix.edits]
        return lsp.CodeAction(
            title=fix.title,
            kind=lsp.CodeActionKind.QuickFix if fix.mends is not None else lsp.CodeActionKind.SourceFixAll,
            diagnostics=[self.diagnostic(fix.mends)] if fix.mends is not None else None,
            is_preferred=fix.mends is not None or None,
            edit=lsp.WorkspaceEdit(changes={self.uri: edits}),
        )

    # -- what is shown --------------------------------------------------------------------------------------------

    def hint(self, hint: Hint) -> lsp.InlayHint:
        at = self.source.index(hint.line, 1) + hint.column
        more = lsp.MarkupContent(lsp.MarkupKind.PlainText, hint.more) if hint.more else None
        return lsp.InlayHint(self.position(at), hint.text, lsp.InlayHintKind.Type, tooltip=more, padding_left=True)

    def hover(self, found: hover.Hover) -> lsp.Hover:
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text), self.range(found.at))

    def signature(self, found: signature.Signature) -> lsp.SignatureHelp:
        def units(at: int) -> int:
            return positions.units(found.label[:at], self.encoding)

        parameters = [
            lsp.ParameterInformation((units(start), units(end)), _markdown(doc)) for start, end, doc in found.parameters
        ]
        active = found.active if found.active is not None else len(parameters)  # none, and not the first
        one = lsp.SignatureInformation(found.label, _markdown(found.doc), parameters, active)
        return lsp.SignatureHelp([one], 0, active)

    def lens(self, lens: lenses.Lens) -> lsp.CodeLens:
        start = lsp.Position(lens.line - 1, 0)
        name = f"speczoo.{lens.action}" if lens.action else ""
        command = lsp.Command(lens.title, name, arguments=[self.uri, lens.variant])
        return lsp.CodeLens(lsp.Range(start, start), command)

    def symbol(self, part: symbols.Outlined) -> lsp.DocumentSymbol:
        inside = [self.symbol(each) for each in part.inside]
        whole = Range(min(part.whole.start, part.at.start), max(part.whole.end, part.at.end))
        return lsp.DocumentSymbol(
            part.name or "?", _SYMBOLS[part.sort], self.range(whole), self.range(part.at), part.detail, children=inside
        )

    # -- what is typed --------------------------------------------------------------------------------------------

    def completions(self, offer: offers.Offer, *, snippets: bool) -> lsp.CompletionList:
        at = self.range(offer.replaces)
        items = [self._item(item, at, i, snippets) for i, item in enumerate(offer.items)]
        return lsp.CompletionList(is_incomplete=False, items=items)

    def _item(self, item: offers.OfferedItem, at: lsp.Range, number: int, snippets: bool) -> lsp.CompletionItem:
        kept = item.snippet and snippets
        text = item.insert if kept or not item.snippet else without_stops(item.insert)
        return lsp.CompletionItem(
            label=item.label,
            kind=_KINDS[item.sort],
            detail=item.detail or None,
            documentation=_markdown(item.doc) if item.doc else None,
            sort_text=f"{item.rank}{number:05}",
            filter_text=item.label,
            text_edit=lsp.TextEdit(at, text),
            insert_text_format=lsp.InsertTextFormat.Snippet if kept else lsp.InsertTextFormat.PlainText,
            insert_text_mode=lsp.InsertTextMode.AsIs if "\n" in text else None,
            data={"op": item.label} if item.sort in ("op", "block", "entry") else None,
        )


def without_stops(snippet: str) -> str:
    """Return what a snippet writes, for editors that have none: what stands at its stops stays."""
    return _ESCAPED.sub(r"\1", _STOP.sub(lambda stop: stop[1] or "", snippet))


def _markdown(text: str) -> lsp.MarkupContent:
    return lsp.MarkupContent(lsp.MarkupKind.Markdown, text)


_KINDS: dict[offers.Sort, lsp.CompletionItemKind] = {
    "op": lsp.CompletionItemKind.Class,
    "block": lsp.CompletionItemKind.Struct,
    "key": lsp.CompletionItemKind.Keyword,
    "argument": lsp.CompletionItemKind.Property,
    "value": lsp.CompletionItemKind.Value,
    "id": lsp.CompletionItemKind.Reference,
    "name": lsp.CompletionItemKind.Variable,
    "function": lsp.CompletionItemKind.Function,
    "entry": lsp.CompletionItemKind.Snippet,
    "file": lsp.CompletionItemKind.File,
}
_SYMBOLS: dict[symbols.SymbolSort, lsp.SymbolKind] = {
    "network": lsp.SymbolKind.Module,
    "section": lsp.SymbolKind.Namespace,
    "block": lsp.SymbolKind.Class,
    "entry": lsp.SymbolKind.Field,
    "param": lsp.SymbolKind.Variable,
    "variant": lsp.SymbolKind.EnumMember,
    "input": lsp.SymbolKind.Interface,
}


def published(sheet: Sheet, uri: str, encoding: Encoding) -> Iterator[tuple[str, list[lsp.Diagnostic]]]:
    """Yield what is wrong with a text and with the files that it uses, by their addresses."""
    own = sheet.analysis.source
    here = Wire(own, uri, encoding)
    yield uri, [here.diagnostic(d) for d in sheet.analysis.diagnostics if d.file in (None, own.name)]
    others: dict[str, list[Diagnostic]] = {}
    for diagnostic in sheet.analysis.diagnostics:
        if diagnostic.file not in (None, own.name):
            others.setdefault(str(diagnostic.file), []).append(diagnostic)
    for file, found in others.items():
        yield from _of_file(file, found, encoding)


def _of_file(file: str, found: Iterable[Diagnostic], encoding: Encoding) -> Iterator[tuple[str, list[lsp.Diagnostic]]]:
    source = read(Path(file))
    if source is not None:
        uri = Path(file).absolute().as_uri()
        wire = Wire(source, uri, encoding)
        yield uri, [wire.diagnostic(diagnostic) for diagnostic in found]


def read(path: Path) -> Source | None:
    """Return the text of a file that a spec uses; None where it cannot be read."""
    from speczoo.specs.diagnostics import Report

    return Source.read(path, Report())
