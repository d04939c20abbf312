"""How long one waits for the shapes beside the lines after an edit: `python -m tests.benchmarks.bench_editor`.

Every file of the zoo is typed in as people do: an entry written letter by letter into the list of layers, a number
changed in the first entry, a line of words. After each keystroke the client asks for the hints, and waits for them.
"within" is the core alone, in processor time; "asked" is what the client waits for, by the clock, over the server's
standard input and output, on whatever else the machine does.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from speczoo import catalogue
from speczoo.editor.analysis import source_of
from speczoo.editor.desk import Sheet

ENTRY = "  - {op: Conv2d, out_channels: 8, kernel_size: 1}\n"


def typed(text: str, at: int, words: str) -> Iterator[str]:
    """The texts while words are typed at a place."""
    yield from (text[:at] + words[:end] + text[at:] for end in range(1, len(words) + 1))


def keystrokes(text: str) -> list[str]:
    """The texts that one goes through."""
    layers = text.index("\nlayers:\n") + len("\nlayers:\n")
    end = text.find("\n\n", layers)
    last = end + 1 if end >= 0 else len(text)
    number = re.compile(r": (\d+)").search(text, layers)
    out = list(typed(text, last, ENTRY))
    if number is not None:
        out += [
            text[: number.start(1)] + digits + text[number.end(1) :]
            for digits in ("", "1", "12", "128", "12", number[1])
        ]
    return [*out, *typed(text, 0, "# a word or two\n"), text]


def within(path: Path, texts: list[str]) -> list[float]:
    """Seconds of processor time from each edit to its hints, in the core."""
    out = []
    sheet = Sheet(source_of(path.read_text(encoding="utf-8"), path, ""), 0)
    for analysis in sheet.steps():
        sheet.take(analysis)
    for version, text in enumerate(texts, 1):
        start = time.process_time()
        sheet.edit(source_of(text, path, ""), version)
        sheet.take(next(sheet.steps()))
        sheet.hints()
        out.append(time.process_time() - start)
    return out


async def asked(client: LanguageClient, path: Path, texts: list[str]) -> list[float]:
    """Seconds by the clock from each edit until the client has its hints."""
    uri, out = path.as_uri(), []
    document = lsp.TextDocumentIdentifier(uri)
    whole = lsp.Range(lsp.Position(0, 0), lsp.Position(100_000, 0))
    item = lsp.TextDocumentItem(uri, "yaml", 0, path.read_text(encoding="utf-8"))
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
    await client.text_document_inlay_hint_async(lsp.InlayHintParams(document, whole))
    for version, text in enumerate(texts, 1):
        start = time.perf_counter()
        identifier = lsp.VersionedTextDocumentIdentifier(version=version, uri=uri)
        change = [lsp.TextDocumentContentChangeWholeDocument(text)]
        client.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, change))
        await client.text_document_inlay_hint_async(lsp.InlayHintParams(document, whole))
        out.append(time.perf_counter() - start)
    client.text_document_did_close(lsp.DidCloseTextDocumentParams(document))
    return out


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def shown(times: list[float]) -> str:
    return f"{1e3 * median(times):6.1f} {1e3 * quantiles(times, n=20)[-1]:6.1f} {1e3 * max(times):6.1f}"


async def main(names: list[str]) -> None:
    gc.freeze()
    gc.disable()  # as the server does
    client = LanguageClient("bench", "1")
    client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: None)
    await client.start_io(sys.executable, "-m", "speczoo", "lsp")
    await client.initialize_async(lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), process_id=os.getpid()))
    client.initialized(lsp.InitializedParams())
    await asyncio.sleep(3)
    server = client._server.pid  # type: ignore[union-attr]
    print(
        f"{'milliseconds':24} {'within: median, p95, most':>26}  {'asked: median, p95, most':>26}  server's processor"
    )
    every: list[tuple[list[float], list[float]]] = []
    for path in catalogue.files():
        if names and path.stem not in names:
            continue
        texts = keystrokes(path.read_text(encoding="utf-8"))
        inside = within(path, texts)
        before = processor(server)
        outside = await asked(client, path, texts)
        mean = (processor(server) - before) / len(texts)
        every.append((inside, outside))
        print(f"{path.stem:24} {shown(inside):>26}  {shown(outside):>26}  {1e3 * mean:6.1f}", flush=True)
    worst = max(quantiles(inside, n=20)[-1] for inside, _ in every), max(quantiles(o, n=20)[-1] for _, o in every)
    print(f"worst p95: {1e3 * worst[0]:.1f} within, {1e3 * worst[1]:.1f} asked")
    together = [[*chain(*column)] for column in zip(*every, strict=True)]
    print(f"{'all':24} {shown(together[0]):>26}  {shown(together[1]):>26}")
    await client.shutdown_async(None)
    client.exit(None)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
