"""The open texts of a language server, and the thread that checks them.

A text is checked with the variant in view at once, with the others while nobody types. What is asked meanwhile is
answered from what was found last; hints alone wait for what is found of the very text that they stand beside.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import FeatureRequestError, JsonRpcInvalidParams, JsonRpcParseError
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

import speczoo
from speczoo.editor.analysis import Analysis, source_of
from speczoo.editor.answers import Answers
from speczoo.editor.desk import Sheet
from speczoo.editor.preview import Preview, preview, watched
from speczoo.editor.wire import Wire, published
from speczoo.specs import files
from speczoo.specs.limits import Limits
from speczoo.specs.source import Source

T = TypeVar("T")
OTHERS = 0.15  # seconds without an edit before the variants that are not in view are checked
IDLE = 3.0  # seconds without an edit before memory is tidied


@dataclass
class Checking:
    """How far the check of a text is: whether anything is `found` of it as it is now, and whether it has `changed`
    since its check began.
    """

    task: asyncio.Task[None] | None = None
    tidy: asyncio.Task[None] | None = None
    found: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


async def _tidy() -> None:
    """Search for cycles of objects when nobody types for a while: it stops everything for as long as it takes."""
    await asyncio.sleep(IDLE)
    gc.collect()


class Server(LanguageServer):
    """The open texts, and the thread that checks them."""

    protocol: Answers

    def __init__(self, limits: Limits) -> None:
        super().__init__(
            name="speczoo",
            version=speczoo.__version__,
            text_document_sync_kind=lsp.TextDocumentSyncKind.Full,
            protocol_cls=Answers,
        )
        self.limits = limits
        self.sheets: dict[str, Sheet] = {}
        self.states: dict[str, Checking] = {}
        self.worker = ThreadPoolExecutor(1, "check")
        self.elsewhere: dict[str, set[str]] = {}  # files that something is wrong with, by the text that uses them
        self.drawn: dict[str, Analysis] = {}  # the last networks of texts, for their pictures
        self.watched: dict[str, Path] = {}  # pages that show a text's picture, by its address
        self.folder: tempfile.TemporaryDirectory[str] | None = None

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what is wrong with a message, and answer one that is no JSON: a person has asked for neither."""
        if isinstance(error, ValueError | RecursionError):  # of `json.loads`
            self.protocol.refuse(None, JsonRpcParseError(f"this is no JSON: {error}"))
        if source is not FeatureRequestError:  # whose asker has the answer
            self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Warning, str(error)))

    def wire(self, uri: str, source: Source) -> Wire:
        return Wire(source, uri, self.workspace.position_encoding or "utf-16")  # type: ignore[arg-type]

    def sheet(self, uri: str) -> Sheet:
        """Return an open text. Raises JsonRpcInvalidParams."""
        if uri not in self.sheets:
            raise JsonRpcInvalidParams(f"{uri} is not open")
        return self.sheets[uri]

    def at(self, params: Any) -> tuple[Sheet, Wire, int]:
        """Return an open text and a place in it."""
        sheet = self.sheet(params.text_document.uri)
        wire = self.wire(params.text_document.uri, sheet.source)
        return sheet, wire, wire.offset(params.position)

    async def work(self, call: Callable[[], T]) -> T:
        """Return what a call gives that takes a while, and shares nothing with the protocol."""
        return await asyncio.get_running_loop().run_in_executor(self.worker, call)

    # -- texts ----------------------------------------------------------------------------------------------------

    def open(self, uri: str, text: str, version: int | None) -> None:
        """Take a text as it is now, and begin to check it."""
        where = to_fs_path(uri)
        source = source_of(text, Path(where) if where else None, uri)
        if uri in self.sheets:
            self.sheets[uri].edit(source, version)
        else:
            self.sheets[uri] = Sheet(source, version, self.limits)
        self.check(uri)

    def check(self, uri: str) -> None:
        """Check a text as it is now; one that is being checked is given up for it."""
        state = self.states.setdefault(uri, Checking())
        state.found.clear()
        state.changed.set()
        if state.tidy is not None:
            state.tidy.cancel()
        if state.task is None or state.task.done():
            state.task = asyncio.ensure_future(self._check(uri, state))

    async def _check(self, uri: str, state: Checking) -> None:
        """Check a text until all is found of it as it is."""
        while state.changed.is_set() and (sheet := self.sheets.get(uri)) is not None:
            state.changed.clear()
            try:
                await self._go_through(uri, sheet, state)
            except Exception as error:  # a bug of ours, which shall not end the session
                message = f"a bug of zoo: {type(error).__name__}: {error}"
                self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, message))
            if not state.changed.is_set():
                state.found.set()
        state.tidy = asyncio.ensure_future(_tidy())

    async def _go_through(self, uri: str, sheet: Sheet, state: Checking) -> None:
        """Take what is found of a text step by step, until it changes."""
        steps = sheet.steps()
        while (analysis := await self.work(lambda: next(steps, None))) is not None and not state.changed.is_set():
            first = not state.found.is_set()
            self._take(uri, sheet, analysis, first=first)
            state.found.set()
            if first and not analysis.complete:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(state.changed.wait(), OTHERS)
            if state.changed.is_set():
                break

    def _take(self, uri: str, sheet: Sheet, analysis: Analysis, *, first: bool) -> None:
        sheet.take(analysis)
        if analysis.graph is not None:
            self.drawn[uri] = analysis
        wrong = any(diagnostic.severity == "error" for diagnostic in analysis.diagnostics)
        if sheet.ours and (analysis.complete or (first and wrong)):
            self._publish(uri, sheet)
        if first and uri in self.watched:
            asyncio.ensure_future(self._redraw(uri))  # noqa: RUF006

    def _publish(self, uri: str, sheet: Sheet) -> None:
        """Say what is wrong with a text, and with the files that it uses, where these are not open themselves."""
        encoding = self.workspace.position_encoding or "utf-16"
        shown = dict(published(sheet, uri, encoding))  # type: ignore[arg-type]
        before = self.elsewhere.pop(uri, set())
        self.elsewhere[uri] = {address for address in shown if address != uri and address not in self.sheets}
        for address in before - shown.keys() - self.sheets.keys():
            shown[address] = []
        for address, found in shown.items():
            if address == uri or address not in self.sheets:
                version = sheet.version if address == uri else None
                self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(address, found, version))

    async def until_found(self, uri: str) -> Sheet:
        """Return an open text when something is found of it as it is now."""
        self.sheet(uri)
        await self.states[uri].found.wait()
        return self.sheet(uri)

    def close(self, uri: str) -> None:
        """Let go of a text, and say no more of it."""
        for table in (self.sheets, self.drawn, self.watched):
            table.pop(uri, None)
        if (state := self.states.pop(uri, None)) is not None:
            state.found.set()
        for address in {uri, *self.elsewhere.pop(uri, set())} - self.sheets.keys():
            self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(address, []))

    # -- pictures and code ----------------------------------------------------------------------------------------

    async def picture(self, uri: str) -> Preview:
        """Return the picture of a text as it is now."""
        sheet = await self.until_found(uri)
        last, analysis = self.drawn.get(uri), sheet.analysis
        return await self.work(lambda: preview(last.graph if last is not None else None, analysis))

    async def _redraw(self, uri: str) -> None:
        shown = await self.picture(uri)
        if uri in self.watched:
            files.write(self.watched[uri], watched(shown).encode("utf-8", "replace"), over=True)

    def place(self, name: str) -> Path:
        """Return where a file that is shown lies: in a folder of this session alone."""
        if self.folder is None:
            self.folder = files.scratch()
        return Path(self.folder.name) / name

    def show(self, path: Path, *, external: bool) -> None:
        """Ask the client to show a file; say where it lies, where the client cannot."""
        window = self.client_capabilities.window
        if window is not None and window.show_document is not None and window.show_document.support:
            self.window_show_document(lsp.ShowDocumentParams(path.as_uri(), external, take_focus=not external))
        else:
            self.say(f"{path}")

    def say(self, text: str, *, wrong: bool = False) -> None:
        kind = lsp.MessageType.Warning if wrong else lsp.MessageType.Info
        self.window_show_message(lsp.ShowMessageParams(kind, text))

    def target(self, uri: str, variant: str | None) -> str:
        """Return what commands call a text that is a file."""
        path = str(self.sheet(uri).source.path or "")
        return f"{path}:{variant}" if variant else path
