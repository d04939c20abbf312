"""The server, asked by a client over its standard input and output, as an editor does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from speczoo.specs import machine_formats
from tests.editor.texts import NET, found

WHOLE = lsp.Range(lsp.Position(0, 0), lsp.Position(10_000, 0))


class Editor:
    """A client with one open text."""

    def __init__(self, path: Path) -> None:
        self.client, self.uri, self.version = LanguageClient("editor", "1"), path.as_uri(), 0
        self.document = lsp.TextDocumentIdentifier(self.uri)
        self.diagnostics: dict[str, list[lsp.PublishDiagnosticsParams]] = {}
        self.messages: list[str] = []
        self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: self._published(params))
        self.client.feature(lsp.WINDOW_SHOW_MESSAGE)(lambda params: self.messages.append(params.message))
        self.client.feature(lsp.WINDOW_LOG_MESSAGE)(lambda params: self.messages.append(params.message))
        self.client.feature(lsp.WORKSPACE_INLAY_HINT_REFRESH)(lambda params: None)
        self.client.feature(lsp.WORKSPACE_CODE_LENS_REFRESH)(lambda params: None)

    def _published(self, params: lsp.PublishDiagnosticsParams) -> None:
        self.diagnostics.setdefault(params.uri, []).append(params)

    async def start(self, capabilities: lsp.ClientCapabilities | None = None) -> lsp.InitializeResult:
        await self.client.start_io(sys.executable, "-m", "speczoo", "lsp", "--stdio")
        params = lsp.InitializeParams(capabilities=capabilities or lsp.ClientCapabilities(), process_id=os.getpid())
        result = await self.client.initialize_async(params)
        self.client.initialized(lsp.InitializedParams())
        return result

    def open(self, text: str) -> None:
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(self.uri, "yaml", self.version, text))
        )

    def change(self, text: str) -> None:
        self.version += 1
        identifier = lsp.VersionedTextDocumentIdentifier(version=self.version, uri=self.uri)
        change = [lsp.TextDocumentContentChangeWholeDocument(text)]
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, change))

    async def hints(self) -> list[str]:
        got = await self.client.text_document_inlay_hint_async(lsp.InlayHintParams(self.document, WHOLE))
        return [str(hint.label) for hint in got or ()]

    async def wrong(self, codes: list[str]) -> list[lsp.Diagnostic]:
        """What is wrong with the text as it is now, once it is told to be wrong in these ways."""
        while True:
            for each in self.diagnostics.get(self.uri, ())[-1:]:
                if each.version == self.version and [d.code for d in each.diagnostics] == codes:
                    return list(each.diagnostics)
            await asyncio.sleep(0)

    async def stop(self) -> int | None:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        server = self.client._server
        assert server is not None
        return await server.wait()


def session(tmp_path: Path, run: Callable[[Editor], Awaitable[None]]) -> None:
    """Run what a person does, from the start of the server to its end."""

    async def whole() -> None:
        editor = Editor(tmp_path / "net.yaml")
        await run(editor)
        assert await editor.stop() == 0

    asyncio.run(whole())


def test_a_session(tmp_path: Path) -> None:
    """One types, looks, renames, mends and formats: with characters beyond 16 bits before what one speaks of."""
    text = NET.replace("small: {params", 'small: {title: "\U0001f600", params').replace(
        "cut, op: chunk", "cut,  op: chunk"
    )

    async def run(editor: Editor) -> None:
        result = await editor.start()
        provided = result.capabilities
        assert provided.position_encoding == "utf-16"
        assert provided.inlay_hint_provider
        assert provided.completion_provider
        editor.open(text)
        assert "16x16x16, 32x8x8" in await editor.hints()
        assert await editor.wrong([]) == []
        # half-typed: what is not touched stays, and what is wrong is reported as `zoo check --json` reports it
        broken = text.replace("  - {id: cut,", "  - {op: Conv2d, \n  - {id: cut,")
        editor.change(broken)
        assert "10" in await editor.hints()
        wrong = text.replace("widths: [8, 8]", "widhts: [8, 8]").replace(
            "padding: 1}\n  - {for", "pading: 1}\n  - {for"
        )
        editor.change(wrong)
        expected = found(wrong, Path(editor.uri.removeprefix("file://"))).diagnostics
        got = await editor.wrong([d.code for d in expected])
        assert [d.data for d in got] == [machine_formats.as_data(d) for d in expected]
        words = []
        for each in got:
            line = wrong.split("\n")[each.range.start.line].encode("utf-16-le")
            words.append(line[2 * each.range.start.character : 2 * each.range.end.character].decode("utf-16-le"))
        assert sorted(words) == ["pading", "widhts"]
        first = next(d for d in got if d.code == "unknown-argument")
        context = lsp.CodeActionContext(diagnostics=[first])
        actions = await editor.client.text_document_code_action_async(
            lsp.CodeActionParams(editor.document, first.range, context)
        )
        assert actions
        (fix, *_) = actions
        assert isinstance(fix, lsp.CodeAction)
        assert fix.title == "Write `padding` in place of `pading`"
        # in the good text again
        editor.change(text)
        await editor.hints()
        at = lsp.Position(next(i for i, line in enumerate(text.split("\n")) if "id: sum" in line), 10)
        where = {"text_document": editor.document, "position": at}
        renamed = await editor.client.text_document_rename_async(lsp.RenameParams(**where, new_name="total"))
        assert renamed is not None
        assert renamed.changes is not None
        assert len(renamed.changes[editor.uri]) == 1
        assert any("state_dict" in message for message in editor.messages)
        with pytest.raises(JsonRpcException, match="keyword"):
            await editor.client.text_document_rename_async(lsp.RenameParams(**where, new_name="lambda"))
        hover = await editor.client.text_document_hover_async(lsp.HoverParams(**where))
        assert hover is not None
        assert "16x8x8" in hover.contents.value  # type: ignore[union-attr]
        offered = await editor.client.text_document_completion_async(lsp.CompletionParams(**where))
        assert offered is not None
        assert await editor.client.text_document_definition_async(lsp.DefinitionParams(**where))
        both = lsp.ReferenceContext(include_declaration=True)
        assert await editor.client.text_document_references_async(lsp.ReferenceParams(**where, context=both))
        assert await editor.client.text_document_signature_help_async(lsp.SignatureHelpParams(**where))
        symbols = await editor.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(editor.document))
        assert len(symbols or ()) == 8
        assert await editor.client.text_document_folding_range_async(lsp.FoldingRangeParams(editor.document))
        lenses = await editor.client.text_document_code_lens_async(lsp.CodeLensParams(editor.document))
        assert [lens.command.title for lens in lenses or () if lens.command][1:4] == ["run", "draw", "source"]
        options = lsp.FormattingOptions(tab_size=2, insert_spaces=True)
        edits = await editor.client.text_document_formatting_async(
            lsp.DocumentFormattingParams(editor.document, options)
        )
        assert edits
        assert not [message for message in editor.messages if "bug" in message]

    session(tmp_path, run)


def test_pictures_code_and_views(tmp_path: Path) -> None:
    async def run(editor: Editor) -> None:
        await editor.start()
        editor.open(NET)

        async def call(command: str, *arguments: Any) -> Any:
            params = lsp.ExecuteCommandParams(f"speczoo.{command}", [editor.uri, *arguments])
            return await editor.client.workspace_execute_command_async(params)

        async def preview() -> Any:
            return await editor.client.protocol.send_request_async("speczoo/preview", {"uri": editor.uri})

        before = await editor.hints()
        await call("view", "small")
        assert await editor.hints() != before
        await call("view", None)
        assert await editor.hints() == before
        assert "class Net(nn.Module):" in await call("source", None)
        shown = await preview()
        assert "<svg" in shown.svg
        assert shown.wrong == ""
        page = Path(await call("draw", None))
        assert "1024" in page.read_text(encoding="utf-8")
        editor.change(NET.replace("chunks: 2", "chunks: 2, dim: 1").replace("out_features: 10", "out_features: 77"))
        await editor.hints()
        while "77" not in page.read_text(encoding="utf-8"):
            await asyncio.sleep(0)
        editor.change(NET.replace("out_features: 10", "out_features: ten"))
        shown = await preview()
        assert "77" in shown.svg  # the last that was right
        assert "out_features" in shown.wrong
        assert not [message for message in editor.messages if "bug" in message]

    session(tmp_path, run)


def test_it_is_not_stopped_by_what_makes_no_sense(tmp_path: Path) -> None:
    async def run(editor: Editor) -> None:
        await editor.start(lsp.ClientCapabilities(general=lsp.GeneralClientCapabilities(position_encodings=["utf-32"])))
        with pytest.raises(JsonRpcException, match="not open"):
            await editor.client.text_document_hover_async(lsp.HoverParams(editor.document, lsp.Position(0, 0)))
        with pytest.raises(JsonRpcException):
            await editor.client.protocol.send_request_async("speczoo/preview", {})
        editor.open("\ud800")
        for text in ("", "{", "\x00", "a: " * 50_000, "- " * 3_000, "*a", "[" * 3_000):
            editor.change(text)
            for position in (lsp.Position(0, 0), lsp.Position(0, 10**9), lsp.Position(10**9, 3)):
                where = {"text_document": editor.document, "position": position}
                await editor.client.text_document_hover_async(lsp.HoverParams(**where))
                await editor.client.text_document_completion_async(lsp.CompletionParams(**where))
        assert await editor.hints() == []
        assert editor.uri not in editor.diagnostics  # no word of YAML that is no spec
        editor.change("spec: 1\nname: [")
        assert await editor.wrong(["yaml-syntax"])
        editor.change(NET)
        assert await editor.hints()
        assert not [message for message in editor.messages if "bug" in message]

    session(tmp_path, run)


def test_it_ends_where_its_input_ends() -> None:
    done = subprocess.run([sys.executable, "-m", "speczoo", "lsp"], input=b"", capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")
