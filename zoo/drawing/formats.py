"""The formats of pictures, which `zoo draw --help` names without what draws."""

from __future__ import annotations

#: Endings of files, and what they hold.
FORMATS = {
    "svg": "svg",
    "html": "html",
    "png": "png",
    "pdf": "pdf",
    "mmd": "mermaid",
    "dot": "dot",
    "gv": "dot",
    "tex": "tikz",
}
#: Those that are text.
TEXTS = tuple(form for form in dict.fromkeys(FORMATS.values()) if form not in ("png", "pdf"))
