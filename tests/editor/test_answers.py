"""Every request gets one answer, whatever it asks: a result or an error, and nothing ends the session."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp
from pygls.io_ import run_async

from speczoo.editor.server import offered, server
from tests.editor.texts import NET

URI = "file:///nowhere/net.yaml"
#: What editors ask, but what runs a program, and what ends the session.
ASKED = sorted({*offered()["requests"]} - {lsp.EXIT, lsp.SHUTDOWN, lsp.INITIALIZE} - {
    method for method in offered()["requests"] if "/did" in method or method.startswith(("$/", "notebook"))
})  # fmt: skip

ODD = st.one_of(
    st.integers(-5, 60),
    st.sampled_from([-(2**31), 2**31 - 1, 2**31, 2**40, 1.5, 1e300, True, None, "3", "", [], {}, [1], {"a": 1}]),
)
PLACES = st.one_of(st.fixed_dictionaries({"line": ODD, "character": ODD}), ODD)
PARAMETERS = st.fixed_dictionaries(
    {"textDocument": st.one_of(st.just({"uri": URI}), st.just({"uri": "file:///other"}), ODD)},
    optional={
        "position": PLACES,
        "range": st.one_of(st.fixed_dictionaries({"start": PLACES, "end": PLACES}), ODD),
        "newName": st.one_of(st.text(max_size=5), ODD),
        "context": st.one_of(st.just({"diagnostics": [], "includeDeclaration": True}), ODD),
        "options": st.one_of(st.just({"tabSize": 2, "insertSpaces": True}), ODD),
        "uri": st.one_of(st.just(URI), ODD),
        "label": ODD,
        "data": ODD,
        "command": st.sampled_from(["speczoo.view", "speczoo.source", "none", 5]),
        "arguments": st.one_of(st.just([URI, None]), st.lists(ODD, max_size=3), ODD),
    },
)
REQUESTS = st.tuples(st.one_of(st.sampled_from(ASKED), st.text(max_size=8), ODD), st.one_of(PARAMETERS, ODD))


class Wire:
    """What a client has sent, and what it gets."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.lines = [line for body in bodies for line in (b"Content-Length: %d\r\n" % len(body), b"\r\n", body)]
        self.got: list[Any] = []

    async def readline(self) -> bytes:
        return self.lines.pop(0) if self.lines else await self._idle()

    async def _idle(self) -> bytes:
        """Wait for the answers that take a while, and end."""
        while self.waiting():
            await asyncio.sleep(0)
        return b""

    async def readexactly(self, count: int) -> bytes:
        body = self.lines.pop(0)
        assert len(body) == count
        return body

    def write(self, data: bytes) -> None:
        self.got.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    def close(self) -> None:
        pass

    def waiting(self) -> bool:
        raise NotImplementedError


def session(messages: list[Any]) -> list[Any]:
    """What a client gets that sends these messages after it has opened a text."""
    start = {"processId": None, "rootUri": None, "capabilities": {}}
    text = {"uri": URI, "languageId": "yaml", "version": 1, "text": NET}
    first = [
        {"jsonrpc": "2.0", "id": "start", "method": lsp.INITIALIZE, "params": start},
        {"jsonrpc": "2.0", "method": lsp.TEXT_DOCUMENT_DID_OPEN, "params": {"textDocument": text}},
    ]
    bodies = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in (*first, *messages)]
    made, wire = server(), Wire(bodies)
    wire.waiting = lambda: any(not f.done() for f in made.protocol._request_futures.values())  # type: ignore[method-assign]
    made.protocol.set_writer(wire)
    asyncio.run(run_async(Event(), wire, made.protocol, error_handler=made.report_server_error))
    made.worker.shutdown()
    return [each for each in wire.got if "method" not in each]


def numbered(requests: list[tuple[Any, Any]]) -> Iterator[dict[str, Any]]:
    for id, (method, params) in enumerate(requests):
        yield {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


@given(st.lists(REQUESTS, min_size=5, max_size=12))
def test_every_request_has_one_answer(requests: list[tuple[Any, Any]]) -> None:
    got = session([*numbered(requests)])
    assert Counter(each["id"] for each in got) == Counter([*range(len(requests)), "start"])
    for each in got:
        assert ("result" in each) != ("error" in each)
        assert "error" not in each or each["error"]["message"]


@pytest.mark.parametrize(
    ("message", "id", "code"),
    [
        (b"{nonsense", None, -32700),
        (b"\xff\xfe", None, -32700),
        ([], None, -32600),
        (5, None, -32600),
        ({"id": 7, "method": lsp.TEXT_DOCUMENT_HOVER}, 7, -32600),
        ({"jsonrpc": "2.0", "id": 7, "method": "nothing"}, 7, -32601),
        ({"jsonrpc": "2.0", "id": None, "method": lsp.TEXT_DOCUMENT_HOVER, "params": {}}, None, -32602),
        ({"jsonrpc": "2.0", "id": [], "method": lsp.TEXT_DOCUMENT_HOVER, "params": {}}, None, -32602),
        ({"jsonrpc": "2.0", "id": 7, "method": "speczoo/preview"}, 7, -32602),
        ({"jsonrpc": "2.0", "id": 7, "method": lsp.INITIALIZED, "params": {}}, 7, -32600),
    ],
)
def test_what_is_no_request_is_answered_so(message: Any, id: int | None, code: int) -> None:
    _, *got = session([message])
    assert [(each["id"], each["error"]["code"]) for each in got] == [(id, code)]


def test_a_request_that_cannot_be_read_is_answered_with_the_reason() -> None:
    where = {"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}}
    _, got = session([*numbered([(lsp.TEXT_DOCUMENT_HOVER, where)])])
    assert "Position.line" in got["error"]["message"]
    assert "-1" in got["error"]["message"]


def test_nothing_is_answered_before_the_start_and_after_the_end() -> None:
    where = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
    hover = {"jsonrpc": "2.0", "id": 1, "method": lsp.TEXT_DOCUMENT_HOVER, "params": where}
    made = server()
    got: list[Any] = []
    made.protocol._send_data = got.append  # type: ignore[method-assign]
    made.protocol.handle_message(made.protocol.structure_message(dict(hover)))
    assert [(each["id"], each["error"].code) for each in got] == [(1, -32002)]
    end = {"jsonrpc": "2.0", "id": 2, "method": lsp.SHUTDOWN}
    *_, last = session([end, hover])
    assert (last["id"], last["error"]["code"]) == (1, -32600)
