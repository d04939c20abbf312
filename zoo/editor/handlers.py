"""What a language server answers: each request of the protocol as a question to the core."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from speczoo.compiler.layer import Layer
from speczoo.editor import fixes, lenses, symbols
from speczoo.editor.completion import complete
from speczoo.editor.desk import Sheet
from speczoo.editor.hover import hover
from speczoo.editor.navigation import definition
from speczoo.editor.op_texts import of_op
from speczoo.editor.ops import layer
from speczoo.editor.positions import Range
from speczoo.editor.rename import RenameRefused, renamable, rename
from speczoo.editor.session import Server
from speczoo.editor.signature import signature
from speczoo.editor.wire import Wire, read
from speczoo.specs import files

# -- texts --------------------------------------------------------------------------------------------------------


def texts(server: Server) -> None:
    """Register what happens to texts: opened, changed, saved, closed."""

    @server.feature(lsp.INITIALIZED)
    async def initialized(params: lsp.InitializedParams) -> None:
        for name in Layer.registry:  # what is asked first shall not wait for all of these
            await server.work(lambda name=name: layer(name))  # type: ignore[misc]

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: lsp.DidOpenTextDocumentParams) -> None:
        server.open(params.text_document.uri, params.text_document.text, params.text_document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: lsp.DidChangeTextDocumentParams) -> None:
        if params.content_changes:
            server.open(params.text_document.uri, params.content_changes[-1].text, params.text_document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: lsp.DidSaveTextDocumentParams) -> None:
        for uri, sheet in server.sheets.items():
            if uri != params.text_document.uri and sheet.known.asks_others:
                server.check(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        server.close(params.text_document.uri)

    @server.feature(lsp.SHUTDOWN)
    def shutdown(params: None) -> None:
        server.worker.shutdown(wait=False, cancel_futures=True)
        if server.folder is not None:
            server.folder.cleanup()


# -- what is read beside a text -----------------------------------------------------------------------------------


def reading(server: Server) -> None:
    """Register what is read beside a text: hints, hovers, the outline, lenses."""

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hints(params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        sheet = await server.until_found(params.text_document.uri)
        wire = server.wire(params.text_document.uri, sheet.source)
        first, last = params.range.start.line + 1, params.range.end.line + 1
        return [wire.hint(hint) for hint in sheet.hints() if first <= hint.line <= last]

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovering(params: lsp.HoverParams) -> lsp.Hover | None:
        sheet, wire, at = server.at(params)
        known = sheet.analysis if sheet.analysis.known else sheet.known
        found = hover(sheet.names, sheet.source, at, known, sheet.analysis.diagnostics_of(sheet.source))
        return wire.hover(found) if found is not None else None

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def document_symbols(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        sheet = server.sheet(params.text_document.uri)
        wire = server.wire(params.text_document.uri, sheet.source)
        return [wire.symbol(part) for part in symbols.outline(sheet.names.root)]

    @server.feature(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    def folding(params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
        sheet = server.sheet(params.text_document.uri)
        return [
            lsp.FoldingRange(fold.first - 1, fold.last - 1, kind=lsp.FoldingRangeKind.Comment if fold.comment else None)
            for fold in symbols.folds(sheet.names.root, sheet.source)
        ]

    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS)
    async def code_lenses(params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        sheet = await server.until_found(params.text_document.uri)
        analysis = sheet.analysis
        wire = server.wire(params.text_document.uri, analysis.source)
        return [wire.lens(lens) for lens in lenses.lenses(analysis)] if analysis.source is sheet.source else []


# -- what is typed ------------------------------------------------------------------------------------------------


def typing(server: Server) -> None:
    """Register what helps while one types."""

    triggers = [" ", ",", ":", "{", "[", "$", "(", ".", "-"]
    options = lsp.CompletionOptions(trigger_characters=triggers, resolve_provider=True)

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)
    def completions(params: lsp.CompletionParams) -> lsp.CompletionList:
        sheet, wire, at = server.at(params)
        return wire.completions(complete(sheet.source.text, at, sheet.known), snippets=_snippets(server))

    @server.feature(lsp.COMPLETION_ITEM_RESOLVE)
    def resolve(item: lsp.CompletionItem) -> lsp.CompletionItem:
        name = item.data.get("op") if isinstance(item.data, dict) else None
        if name in Layer.registry:
            item.documentation = lsp.MarkupContent(lsp.MarkupKind.Markdown, of_op(layer(name)))
        return item

    @server.feature(lsp.TEXT_DOCUMENT_SIGNATURE_HELP, lsp.SignatureHelpOptions(trigger_characters=["{", ",", "(", ":"]))
    def signatures(params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        sheet, wire, at = server.at(params)
        found = signature(sheet.source.text, at, sheet.known)
        return wire.signature(found) if found is not None else None


def _snippets(server: Server) -> bool:
    text = server.client_capabilities.text_document
    item = text.completion.completion_item if text is not None and text.completion is not None else None
    return item is not None and bool(item.snippet_support)


# -- what is written ----------------------------------------------------------------------------------------------


def writing(server: Server) -> None:
    """Register what leads elsewhere, and what changes a text."""

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definitions(params: lsp.DefinitionParams) -> list[lsp.Location]:
        sheet, wire, at = server.at(params)
        found = []
        for place in definition(sheet.names, at, sheet.known):
            if place.path is None:
                found.append(wire.location(place.at))
            elif (source := read(place.path)) is not None:
                found.append(server.wire(place.path.absolute().as_uri(), source).location(place.at))
        return found

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def references(params: lsp.ReferenceParams) -> list[lsp.Location]:
        sheet, wire, at = server.at(params)
        found = sheet.names.at(at)
        places = sheet.names.of(found.symbol) if found is not None else []
        return [wire.location(p.at) for p in places if params.context.include_declaration or not p.given]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def highlights(params: lsp.DocumentHighlightParams) -> list[lsp.DocumentHighlight]:
        sheet, wire, at = server.at(params)
        found = sheet.names.at(at)
        write, look = lsp.DocumentHighlightKind.Write, lsp.DocumentHighlightKind.Read
        places = sheet.names.of(found.symbol) if found is not None else []
        return [lsp.DocumentHighlight(wire.range(p.at), write if p.given else look) for p in places]

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare_rename(params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        sheet, wire, at = server.at(params)
        found = renamable(sheet.names, at)
        return lsp.PrepareRenamePlaceholder(wire.range(found.at), found.symbol.name) if found is not None else None

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def renaming(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        sheet, wire, at = server.at(params)
        try:
            found = rename(sheet.names, sheet.source.text, at, params.new_name)
        except RenameRefused as refused:
            raise JsonRpcInvalidParams(str(refused)) from None
        return _renamed(server, wire, sheet, found.edits, found.warning)

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]),
    )
    async def code_actions(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        sheet = await server.until_found(params.text_document.uri)
        if sheet.analysis.source is not sheet.source:
            return []
        wire = server.wire(params.text_document.uri, sheet.source)
        found = fixes.fixes(sheet.analysis, wire.offset(params.range.start), wire.offset(params.range.end))
        return [wire.fix(fix) for fix in found]

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    async def formatting(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        sheet = server.sheet(params.text_document.uri)
        source = sheet.source
        changed = await server.work(sheet.formatted)
        if changed is None or sheet.source is not source:
            return []
        at, text = changed
        return [lsp.TextEdit(server.wire(params.text_document.uri, source).range(at), text)]


def _renamed(
    server: Server, wire: Wire, sheet: Sheet, edits: tuple[tuple[Range, str], ...], warning: str
) -> lsp.WorkspaceEdit:
    """Return a renaming as an edit, which asks first where it changes more than the text and the client can ask."""
    workspace = server.client_capabilities.workspace
    can = workspace.workspace_edit if workspace is not None else None
    changes = [(wire.range(at), text) for at, text in edits]
    if can is None or not can.document_changes or can.change_annotation_support is None or not warning:
        if warning:
            server.say(warning, wrong=True)
        return lsp.WorkspaceEdit(changes={wire.uri: [lsp.TextEdit(at, text) for at, text in changes]})
    document = lsp.OptionalVersionedTextDocumentIdentifier(wire.uri, sheet.version)
    edited = lsp.TextDocumentEdit(document, [lsp.AnnotatedTextEdit("keys", at, text) for at, text in changes])
    return lsp.WorkspaceEdit(
        document_changes=[edited],
        change_annotations={"keys": lsp.ChangeAnnotation("Rename", needs_confirmation=False, description=warning)},
    )


# -- what is shown elsewhere --------------------------------------------------------------------------------------


def showing(server: Server) -> None:
    """Register the request for a picture, which is no part of the protocol: `{uri}` gives a `Preview`."""

    @server.feature("speczoo/preview")
    async def show_preview(params: Any) -> dict[str, Any]:
        shown = await server.picture(str(getattr(params, "uri", "a request without `uri`")))
        return shown._asdict()


def commands(server: Server) -> None:
    """Register the commands of the lenses."""

    @server.command("speczoo.view")
    async def view(uri: str, variant: str | None = None) -> None:
        server.sheet(uri).view = variant
        server.check(uri)
        await server.until_found(uri)
        server.workspace_inlay_hint_refresh(None)
        server.workspace_code_lens_refresh(None)

    @server.command("speczoo.draw")
    async def draw(uri: str, variant: str | None = None) -> str:
        if variant is not None and variant != server.sheet(uri).view:
            server.sheet(uri).view = variant
            server.check(uri)
        server.watched[uri] = server.place(f"picture-{len(server.watched)}.html")
        await server._redraw(uri)
        server.show(server.watched[uri], external=True)
        return str(server.watched[uri])

    @server.command("speczoo.source")
    async def source(uri: str, variant: str | None = None) -> str:
        from speczoo.compiler.emit.python import source as emitted

        sheet = await server.until_found(uri)
        graph = sheet.analysis.graph
        if graph is None:
            server.say("this is no network yet", wrong=True)
            return ""
        text = await server.work(lambda: emitted(graph))
        path = server.place(f"{graph.name}.py")
        files.write(path, text.encode(), over=True)
        server.show(path, external=False)
        return text

    @server.command("speczoo.run")
    async def run(uri: str, variant: str | None = None) -> str:
        command = [sys.executable, "-m", "speczoo", "build", server.target(uri, variant)]
        pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=both
        )
        out, _ = await process.communicate()
        text = out.decode("utf-8", "replace").strip()
        server.say(text, wrong=process.returncode != 0)
        return text
