"""The protocol with an answer to every request: one that cannot be read, or comes too early or late, gets its error."""

from __future__ import annotations

from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.protocol import LanguageServerProtocol


class Answers(LanguageServerProtocol):
    """What pygls speaks, which passes over a request in silence where it cannot be taken for one of the protocol."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Return a message as a value of the protocol; a request that is none is answered. Raises JsonRpcException."""
        kind = self.get_message_type(str(data.get("method")))
        if kind is None:
            data.setdefault("params", None)
        try:
            if "id" in data and kind is not None and not hasattr(kind, "id"):
                raise JsonRpcInvalidRequest(f"{data['method']} is a notification, which has no id")
            return super().structure_message(data)
        except JsonRpcException as error:
            explained = _with_reason(error, data)
            if "id" in data and "method" in data:
                self.refuse(data["id"], explained)
            raise explained from error

    def handle_message(self, message: Any) -> None:
        """Handle a message; what is no request of this protocol, or comes when none is taken any more, is refused."""
        plain = message if isinstance(message, dict) else {}
        id, method = plain.get("id", getattr(message, "id", None)), getattr(message, "method", lsp.INITIALIZE)
        if not hasattr(message, "jsonrpc") or message.jsonrpc != self.VERSION:
            self.refuse(id, JsonRpcInvalidRequest('this is no message of JSON-RPC: {"jsonrpc": "2.0", ...}'))
        elif self._shutdown and id is not None and hasattr(message, "method"):
            self.refuse(id, JsonRpcInvalidRequest("the server has shut down"))
        elif self._workspace is None and id is not None and method != lsp.INITIALIZE:
            code = lsp.ErrorCodes.ServerNotInitialized.value
            self.refuse(id, JsonRpcException("the first request is `initialize`", code=code))
        else:
            super().handle_message(message)

    def refuse(self, id: Any, error: JsonRpcException) -> None:
        """Answer a request by an error; one whose id is none by null, as JSON-RPC has it."""
        known = id if isinstance(id, int | str) and not isinstance(id, bool) else None
        self._send_data({"jsonrpc": self.VERSION, "id": known, "error": error.to_response_error()})


def _with_reason(error: JsonRpcException, data: dict[str, Any]) -> JsonRpcException:
    """Return an error about parameters in words: the innermost of the reasons why they could not be read."""
    reason: BaseException | None = error.__cause__
    while isinstance(reason, BaseExceptionGroup) and reason.exceptions:
        reason = reason.exceptions[0]
    if not isinstance(error, JsonRpcInvalidParams) or reason is None:
        return error
    return JsonRpcInvalidParams(f"the parameters of {data.get('method')} cannot be read: {reason}")
