"""What all pages of the site share: the frame around them, and how they look, in light and dark, wide and narrow."""

from __future__ import annotations

from html import escape

from speczoo.drawing.text import FONT
from speczoo.specs.escaping import safe

STYLE = f"""
:root{{color-scheme:light dark}}
body{{font:15px/1.5 {FONT};max-width:72rem;margin:0 auto;padding:0 1rem 3rem;background:light-dark(#fff,#16181d);
color:light-dark(#1a1a1a,#eceef2)}}
a{{color:light-dark(#2057a6,#8ab8f5)}}
nav{{display:flex;gap:1.2em;padding:1em 0;border-bottom:1px solid light-dark(#d8dce2,#3a404b)}}
h1{{margin-bottom:.2em;overflow-wrap:anywhere}}
.faint{{color:light-dark(#5c6470,#a3abb8)}}
img{{max-width:100%;height:auto}}
.wide{{overflow-x:auto}}
pre{{overflow-x:auto;padding:1em;border-radius:6px;font-size:13px;background:light-dark(#f5f6f8,#1f2229)}}
table{{border-collapse:collapse;font-variant-numeric:tabular-nums}}
dl{{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1.5em}} dd{{margin:0;overflow-wrap:anywhere}}
summary{{cursor:pointer;margin:.6em 0}}
.controls{{display:flex;flex-wrap:wrap;gap:.8em;align-items:center;margin:1em 0}}
.controls input,.controls select{{font:inherit;padding:.3em .6em}}
.cards{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1rem;padding:0;list-style:none}}
.cards li{{border:1px solid light-dark(#d8dce2,#3a404b);border-radius:8px;padding:.8rem;overflow-wrap:anywhere}}
.cards li[hidden]{{display:none}}
.cards img{{display:block;height:7rem;width:100%;object-fit:contain;object-position:left}}
.cards p{{margin:.3em 0 0}}
"""


def page(title: str, body: str, *, root: str = "", documents: bool = False, script: str = "") -> str:
    """Return a page; `root` is the way from it to the first one, `documents` whether there are such pages."""
    there = f'<a href="{root}docs/index.html">documentation</a>' if documents else ""
    scripted = f"<script>{script}</script>\n" if script else ""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{text(title)}</title>
<style>{STYLE}</style>
<nav><a href="{root}index.html">catalogue</a>{there}</nav>
<main>
{body}
</main>
{scripted}</html>
"""


def text(value: object) -> str:
    """Return what somebody wrote as text of a page."""
    return escape(safe(str(value)))


def lines(value: str) -> str:
    """Return a text of several lines as that of a page."""
    return "\n".join(map(text, value.splitlines()))
