"""The language server: what the core finds, in the Language Server Protocol, over standard input and output.

Texts are sent whole, so that no two need to agree on what a line is.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import Any

from speczoo.editor import handlers
from speczoo.editor.session import Server
from speczoo.specs.limits import DEFAULT, Limits


def server(limits: Limits = DEFAULT) -> Server:
    """Return a server that answers everything, of texts within limits."""
    made = Server(limits)
    for register in (
        handlers.texts,
        handlers.reading,
        handlers.typing,
        handlers.writing,
        handlers.showing,
        handlers.commands,
    ):
        register(made)
    return made


def offered() -> dict[str, Any]:
    """Return what the server answers: the requests and notifications of the protocol, and its own commands."""
    made = server()
    manager = made.protocol.fm
    return {
        "name": made.name,
        "version": made.version,
        "requests": sorted({*manager.features, *manager.builtin_features}),
        "commands": sorted(manager.commands),
    }


def serve(port: int | None = None, limits: Limits = DEFAULT) -> None:
    """Serve an editor over standard input and output, or at a port of this machine, until it goes."""
    made = server(limits)
    sys.setswitchinterval(0.001)  # an answer waits for the thread that checks, which is busy, so long at most
    gc.freeze()
    gc.disable()
    if port is not None:
        made.start_tcp("127.0.0.1", port)
        return
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")  # which is closed when the editor goes
    with contextlib.redirect_stdout(sys.stderr):  # nothing but the protocol goes there
        made.start_io(sys.stdin.buffer, out)
