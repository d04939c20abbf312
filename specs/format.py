"""Texts in the project's style: keys in one order, a layer a line with its columns aligned, comments where they were.

The text is taken apart by the places of its values and put together again, so that scalars keep their spelling and
every comment stays beside what it speaks of. What cannot be put better is left as it is; the Spec never changes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from speczoo.specs.diagnostics import Report
from speczoo.specs.document import Document, parse
from speczoo.specs.entry import Entry
from speczoo.specs.key_order import ArgumentsOf, KeyOrder
from speczoo.specs.keys import Model, keys
from speczoo.specs.line_breaking import Fragment, break_lines
from speczoo.specs.load import load
from speczoo.specs.problem import Loc
from speczoo.specs.source import Source, line_end
from speczoo.specs.spec import Spec
from speczoo.specs.tree import NodeExtent

WIDTH = 120
BROKEN = 45  # an entry of more characters may go on in the next line
APART = 12  # ids whose lengths differ by more are not aligned


class Verbatim(Exception):
    """This part cannot be put together again and stays as it is."""


@dataclass
class TextPiece:
    """A key with its value, or an item of a list: the lines above it, its own, and the comment behind it."""

    lead: list[str]
    lines: list[str]
    tail: str = ""
    key: str = ""
    columns: tuple[str, str] | None = None  # of a one-line entry: its id, and what follows


def formatted(source: Source, arguments: ArgumentsOf = lambda op: (), root: Model | None = None) -> str | None:
    """Return the text in the project's style. None where it is no spec: `parse` and `load` say why. `root` is the model
    of another language that it may be in.
    """
    root = root or Spec
    before = _read(source, root)
    if before is None:
        return None
    text = source.text.replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip().startswith("{"):
        out = (
            json.dumps(KeyOrder(before[0].data, arguments, root).applied(before[0].data), indent=2, ensure_ascii=False)
            + "\n"
        )
    else:
        try:
            document = parse(Source(source.name, text), Report())
            assert document is not None
            out = _Formatter(text, document, KeyOrder(document.data, arguments, root)).document()
        except Verbatim:
            out = _tidy(text.split("\n"))
    after = _read(Source(source.name, out), root)
    kept = after is not None and after[1] == before[1] and _comments(out) == _comments(text)
    return out.replace("\n", line_end(source.text)) if kept else source.text


def _read(source: Source, root: Model) -> tuple[Document, BaseModel] | None:
    """Return what a text says, as data and as what it means."""
    report = Report()
    document = parse(source, report)
    if document is None or not report.ok:
        return None
    if root is not Spec:
        try:
            return document, root.model_validate(document.data)
        except ValidationError:
            return None
    spec = load(document, report)
    return (document, spec) if spec and report.ok else None


def _comments(text: str) -> Counter[str]:
    return Counter(found.rstrip() for found in re.findall(r"(?:^|(?<=\s))#.*$", text, re.MULTILINE))


def _tidy(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


@dataclass
class _Formatter:
    text: str
    whole: Document
    order: KeyOrder

    def document(self) -> str:
        mark, data = self.whole.mark, self.whole.data
        if self.text.startswith(("%", "---")):
            raise Verbatim
        first = next(iter(mark[2].values()))[0]
        head = [line.strip() for line in self.text[:first].split("\n")[:-1]]
        pieces = self.pieces((), mark, data, 0)
        before = [piece.key for piece in pieces]
        order = list(keys(self.order.root))
        pieces.sort(key=lambda piece: order.index(piece.key))
        together = order[: order.index("params")] if "params" in order else order  # the head
        for piece, key in zip(pieces, before, strict=True):
            if piece.key != key and piece.key in together:
                piece.lead = [line for line in piece.lead if line]
        tail, end = self.gap(mark[1], len(self.text), last=True)
        if tail:
            max(pieces, key=lambda piece: mark[2][piece.key][0]).tail = tail
        lines = [*head, *(line for piece in pieces for line in self.laid(piece)), *end]
        return _tidy(_single_blank(lines))

    # -- gaps: what stands between values ---------------------------------------------------------------------

    def gap(self, start: int, end: int, *, last: bool = False) -> tuple[str, list[str]]:
        """Return the comment at the end of the first line, and the comments and blank lines under it."""
        first, *rest = self.text[start:end].split("\n")
        lines = rest if last else rest[:-1]
        hash_ = first.find("#")
        lead = [line.strip() for line in lines]
        if "&" in first.partition("#")[0]:
            raise Verbatim  # an anchor
        if any(line and not line.startswith("#") for line in lead):
            lead = [line if line.startswith("#") else "" for line in lead]
        while last and lead and not lead[-1]:
            lead.pop()
        return (first[hash_:].rstrip() if hash_ >= 0 else ""), lead

    @staticmethod
    def laid(piece: TextPiece, indent: int = 0) -> list[str]:
        lead = [" " * indent + line if line else "" for line in piece.lead]
        *body, final = piece.lines
        return [*lead, *body, final + (f" {piece.tail}" if piece.tail else "")]

    # -- blocks -----------------------------------------------------------------------------------------------

    def pieces(self, at: Loc, mark: NodeExtent, data: dict[str, Any], indent: int) -> list[TextPiece]:
        """Return the keys of a block mapping."""
        out: list[TextPiece] = []
        end = mark[0]
        for key, (start, stop, value) in mark[2].items():
            tail, lead = self.gap(end, start) if out else ("", [])
            if out:
                out[-1].tail = tail
            out.append(TextPiece(lead, self.pair((*at, key), start, stop, value, data[key], indent), key=key))
            end = value[1] if value[1] > stop else self.text.index(":", stop) + 1
        return out

    def ordered(self, at: Loc, mark: NodeExtent, data: dict[str, Any], indent: int) -> list[TextPiece]:
        """Return the keys of a block mapping in the order of its model.

        They stay as they are where a comment stands above one of them, which may speak of what follows, or behind the
        last, with which it would not go along.
        """
        pieces = self.pieces(at, mark, data, indent)
        if any(piece.lead for piece in pieces) or "#" in self.text[mark[1] :].partition("\n")[0]:
            return pieces
        places = {key: place for place, key in enumerate(self.order.of(at, data))}
        return sorted(pieces, key=lambda piece: places[piece.key])

    def pair(self, at: Loc, start: int, stop: int, value: NodeExtent, data: Any, indent: int) -> list[str]:
        pad, name = " " * indent, self.text[start:stop]
        colon = self.text.index(":", stop) + 1
        if value[1] <= colon:
            return [f"{pad}{name}:"]
        if len(value) == 2 or (
            self.text[value[0]] in "{[*" and not self.unfolds(at, value, data, len(f"{pad}{name}: "))
        ):
            between = self.text[colon : value[0]]
            if "#" in between:
                raise Verbatim
            lines = self.inline(at, f"{pad}{name}: ", value, data, indent)
            if len(lines) > 1 and "\n" in between:
                return [f"{pad}{name}:", *self.inline(at, " " * (indent + 2), value, data, indent + 2)]
            return lines
        tail, lead = self.gap(colon, value[0])
        lines = [f"{pad}{name}:" + (f" {tail}" if tail else "")]
        lines += [" " * (indent + 2) + line if line else "" for line in lead]
        return lines + self.block(at, value, data, indent + 2)

    def block(self, at: Loc, value: NodeExtent, data: Any, indent: int) -> list[str]:
        """Return the lines of a list or mapping, an item or key a line."""
        if isinstance(data, list):
            return self.items(at, value, data, indent)
        return [line for piece in self.ordered(at, value, data, indent) for line in self.laid(piece, indent)]

    def unfolds(self, at: Loc, value: NodeExtent, data: Any, start: int) -> bool:
        """Return whether what stands in brackets over several lines, too much for one that has `start` characters, gets
        a line for each item or key: keys that change their places break its lines anyway. Entries are filled instead;
        with a comment it stays.
        """
        raw = self.anchor(value) + self.text[value[0] : value[1]]
        if raw[0] not in "{[" or "\n" not in raw or "#" in raw + self.text[value[1] :].partition("\n")[0]:
            return False
        if self.order.has_entries(at, data):
            return False
        try:
            fits = len(self.flow(at, value, data)) <= WIDTH - start
        except Verbatim:
            fits = False
        return not fits and not self.order.holds(at, data)

    def inline(self, at: Loc, lead: str, value: NodeExtent, data: Any, indent: int) -> list[str]:
        """Return a scalar or a flow collection behind its key: on one line where it fits, else entries filled in lines
        and all else as it was, moved along.
        """
        raw = self.anchor(value) + self.text[value[0] : value[1]].rstrip()
        if len(value) > 2:
            try:
                line = lead + self.flow(at, value, data)
                if len(line) > WIDTH and self.order.has_entries(at, data):
                    outer = indent - 2 if lead.endswith("- ") else indent
                    return break_lines(self.parts(at, value, data, 0, WIDTH - outer), lead, outer, WIDTH)
                if "\n" not in raw or len(line) <= WIDTH:
                    return [line]
            except Verbatim:
                pass
        first, *rest = raw.split("\n")
        line = self.text[self.text.rfind("\n", 0, value[0]) + 1 : value[0]]
        by = indent - len(re.match(r" *(?:- +)*", line)[0])  # type: ignore[index]
        return [lead + first, *(_moved(each, by) for each in rest)]

    def items(self, at: Loc, mark: NodeExtent, data: list[Any], indent: int) -> list[str]:
        pad = " " * indent
        out: list[TextPiece] = []
        end = mark[0]
        for i, (value, item) in enumerate(zip(mark[2], data, strict=True)):
            tail, lead = self.gap(end, value[0]) if out else ("", [])
            if out:
                out[-1].tail = tail
            out.append(self.item((*at, i), value, item, indent, lead))
            end = value[1]
        _align(out, pad)
        return [line for piece in out for line in self.laid(piece, indent)]

    def item(self, at: Loc, value: NodeExtent, data: Any, indent: int, lead: list[str]) -> TextPiece:
        pad = " " * indent
        flow = self.text[value[0]] in "{[*"
        entries = isinstance(data, dict) and self.order.model(at) is Entry
        if entries:
            columns = self.entry(at, value, data, indent, flow=flow)
            if columns is not None:
                return TextPiece(lead, [f"{pad}- {{{''.join(columns)}}}"], columns=columns)
        if len(value) == 2 or (flow and not self.unfolds(at, value, data, len(f"{pad}- "))):
            return TextPiece(lead, self.inline(at, f"{pad}- ", value, data, indent + 2))
        lines = self.block(at, value, data, indent + 2)
        return TextPiece(lead, [f"{pad}- {lines[0].lstrip()}", *lines[1:]])

    # -- entries ----------------------------------------------------------------------------------------------

    def entry(
        self, at: Loc, value: NodeExtent, data: dict[str, Any], indent: int, *, flow: bool
    ) -> tuple[str, str] | None:
        """Return an entry on one line, in two columns; None where it is better on several."""
        raw = self.text[value[0] : value[1]]
        if not flow and (any(key in data for key in Entry.LISTS) or re.search(r"\s#", raw)):
            return None
        try:
            parts = [
                f"{self.key(value, key)}: {self.flow((*at, key), value[2][key][2], data[key])}"
                for key in self.order.of(at, data)
            ]
        except Verbatim:
            return None
        text = ", ".join(parts)
        if indent + 4 + len(text) > WIDTH and ("\n" in raw or not flow or any(key in data for key in Entry.LISTS)):
            return None
        if parts[0].startswith("id: ") and len(parts) > 1:
            return parts[0] + ", ", ", ".join(parts[1:])
        return "", text

    def key(self, mark: NodeExtent, key: str) -> str:
        start, stop, _ = mark[2][key]
        return self.text[start:stop]

    def flow(self, at: Loc, mark: NodeExtent, data: Any) -> str:
        """Return a value in flow style on one line. Raises Verbatim where a comment or a line break is in the way."""
        raw = self.text[mark[0] : mark[1]]
        anchor = self.anchor(mark)
        if anchor and len(mark) == 2:
            raise Verbatim
        if len(mark) == 2 or raw[0] == "*":
            if "\n" in raw:
                raise Verbatim
            if not raw:
                return "null"
            if raw[0] not in "\"'" and (any(c in raw for c in ",[]{}") or raw[0] in "|>"):
                if '"' in raw or "\\" in raw or raw[0] in "|>":
                    raise Verbatim
                return f'"{raw}"'
            return raw
        if "#" in raw and "\n" in raw:
            raise Verbatim
        if isinstance(data, list):
            items = (self.flow((*at, i), m, d) for i, (m, d) in enumerate(zip(mark[2], data, strict=True)))
            return f"{anchor}[{', '.join(items)}]"
        pairs = (f"{self.key(mark, k)}: {self.flow((*at, k), mark[2][k][2], data[k])}" for k in self.order.of(at, data))
        return f"{anchor}{{{', '.join(pairs)}}}"

    def parts(self, at: Loc, mark: NodeExtent, data: Any, depth: int, width: int) -> list[Fragment]:
        """Return a flow collection in parts between which lines may be broken: entries, and behind the second key those
        that are long.
        """
        if not self.order.has_entries(at, data):
            text = self.flow(at, mark, data)
            if not isinstance(data, dict) or len(text) <= BROKEN:
                return [Fragment(text, depth)]
        if isinstance(data, list):
            inside = [
                self.parts((*at, i), each, item, depth + 1, width)
                for i, (each, item) in enumerate(zip(mark[2], data, strict=True))
            ]
            inside[0][0] = inside[0][0]._replace(joined=True)
            return [Fragment(f"{self.anchor(mark)}[", depth), *_separated(inside, "]")]
        order = self.order.of(at, data)
        pairs = [self.keyed((*at, key), mark, mark[2][key][2], data[key], depth, width) for key in order]
        pairs[0][0] = Fragment(f"{self.anchor(mark)}{{{pairs[0][0].text}", depth)
        holding = next((n for n, each in enumerate(order) if self.order.has_entries((*at, each), data[each])), 1)
        return _together(_separated(pairs, "}"), holding + 1, width)

    def keyed(self, at: Loc, mark: NodeExtent, value: NodeExtent, data: Any, depth: int, width: int) -> list[Fragment]:
        """Return a key of a flow mapping with its value in parts."""
        first, *rest = self.parts(at, value, data, depth, width)
        return [Fragment(f"{self.key(mark, str(at[-1]))}: {first.text}", depth + 1), *rest]

    def anchor(self, mark: NodeExtent) -> str:
        """Return `&name ` where an anchor stands before a value."""
        found = re.search(r"&[^\s,\[\]{}]+\s+$", self.text[max(0, mark[0] - 120) : mark[0]])
        return found[0].strip() + " " if found else ""


def _separated(groups: list[list[Fragment]], end: str) -> list[Fragment]:
    """Return the parts of several values with commas between them, and what closes them."""
    return [
        part.closed(end if group is groups[-1] else ",") if part is group[-1] else part
        for group in groups
        for part in group
    ]


def _together(parts: list[Fragment], count: int, width: int) -> list[Fragment]:
    """Return parts with the first ones in as few as fit the width."""
    out = parts[:1]
    for number, part in enumerate(parts[1:], 1):
        both = f"{out[-1].text} {part.text}"
        if number < count and len(both) + 2 * part.depth <= width:
            out[-1] = out[-1]._replace(text=both)
        else:
            out.append(part)
    return out


def _moved(line: str, by: int) -> str:
    if not line.strip():
        return ""
    spaces = len(line) - len(line.lstrip(" "))
    return " " * max(1, spaces + by) + line.lstrip(" ")


def _align(pieces: list[TextPiece], pad: str) -> None:
    """Pad the ids of entries that stand directly under each other to one width."""
    run: list[TextPiece] = []
    for piece in [*pieces, TextPiece([], [])]:
        if piece.columns and piece.columns[0] and (not run or not piece.lead):
            run.append(piece)
            continue
        _pad(run, pad)
        run = [piece] if piece.columns and piece.columns[0] else []


def _pad(run: list[TextPiece], pad: str) -> None:
    widths = [len(piece.columns[0]) for piece in run if piece.columns]
    if len(widths) < 2 or max(widths) - min(widths) > APART:
        return
    for piece in run:
        assert piece.columns
        first, rest = piece.columns
        piece.lines = [f"{pad}- {{{first:<{max(widths)}}{rest}}}"]


def _single_blank(lines: list[str]) -> list[str]:
    """Return blank lines one at a time."""
    return [line for i, line in enumerate(lines) if line.strip() or (i and lines[i - 1].strip())]
