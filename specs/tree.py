"""Events into plain data, with a mark for every value and a word for everything that is wrong, without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeAlias

from speczoo.specs.events import Event
from speczoo.specs.expression import INTERPOLATION
from speczoo.specs.foreign_values import SEVERAL, as_list, marked, several
from speczoo.specs.limits import Limits
from speczoo.specs.problem import Loc, Mark, Problem
from speczoo.specs.scalars import ImplicitWord, Scalar, is_text, resolve
from speczoo.specs.source import Source
from speczoo.specs.unreadable import Unreadable
from speczoo.specs.wording import printable
from speczoo.specs.yaml_masking import TUPLE, MaskedText, Torn

#: Where a value stands: (start, end) of a scalar; (start, end, extents) of a list; (start, end, {key: (start, end,
#: extent)}) of a mapping.
NodeExtent: TypeAlias = tuple[Any, ...]


class _Stop(Exception):
    """So many mistakes that reading on helps nobody."""


#: A key and its value that are one word for want of `: `.
_JOINED = re.compile(r"([^:=\uff1a]+)([:=\uff1a])(.*)", re.DOTALL)
#: A value that means the same wherever it stands.
_PLAIN = re.compile(r"-?[\w$][\w$.()*/+ -]*")
#: What follows a value that has no key.
_ALONE = re.compile(r"\s*[,}]")
#: Keys whose values are words, whatever they look like.
_WORDS = frozenset({"published", "reference"})


class _Frame:
    """A mapping or list being read. `key` is the mapping's key that waits for its value: text, start, end."""

    __slots__ = ("anchor", "end", "flow", "height", "is_key", "is_map", "key", "marks", "start", "value", "weight")

    def __init__(self, is_map: bool, start: int, end: int, flow: bool, anchor: str | None, is_key: bool) -> None:
        self.is_map, self.start, self.end, self.flow = is_map, start, end, flow
        self.anchor, self.is_key = anchor, is_key
        self.value: Any = {} if is_map else []
        self.marks: Any = {} if is_map else []
        self.key: tuple[str | None, int, int] | None = None
        self.weight = self.height = 1


class _Anchored:
    """What an anchor names: nothing yet, while it is open."""

    __slots__ = ("height", "mark", "open", "value", "weight")

    def __init__(
        self, value: Any = None, mark: NodeExtent = (0, 0), weight: int = 1, height: int = 0, open: bool = False
    ):
        self.value, self.mark, self.weight, self.height, self.open = value, mark, weight, height, open


class TreeBuilder:
    """`build` fills `root`, `mark`, `placeholders`, `guesses` and `problems`."""

    def __init__(self, source: Source, limits: Limits, masked: MaskedText | None = None) -> None:
        self.source, self.limits, self.masked = source, limits, masked
        self.root: Any = None
        self.mark: NodeExtent = (0, 0)
        self.placeholders: set[Loc] = set()
        self.guesses: set[Loc] = set()
        self.problems: list[Problem] = []
        self._stack = [_Frame(False, 0, 0, False, None, False)]  # the first holds the root
        self._anchors: dict[str, _Anchored] = {}
        self._aliases = self._aliased = 0
        self._tagged = False  # whether a tag stands before what comes next

    def build(self, events: Iterator[Event]) -> bool:
        """Return whether there is a mapping to go on with. Raises what the events raise, and Unreadable and Torn."""
        stack, depth, values, count = self._stack, self.limits.depth + 1, self.limits.values, 0
        scalar = self._scalar
        try:
            for kind, start, end, text, bare, anchor in events:
                if kind == "end":
                    self._close(end)
                    continue
                count += 1
                if count > values:
                    raise Unreadable("limit-exceeded", f"more than {values:,} values", start, end)
                if kind == "scalar":
                    scalar(start, end, text, bare, anchor)
                elif kind == "alias":
                    self._alias(text, start, end)
                elif kind == "tag":
                    self._tag(start, end)
                else:
                    self._open(kind == "map", start, end, bare, anchor)
                    if len(stack) > depth:
                        raise Unreadable("limit-exceeded", f"nested more than {depth - 1} deep", start, end)
        except _Stop:
            return False
        self.root, self.mark = stack[0].value[0], stack[0].marks[0]
        if type(self.root) is not dict:
            shape = "a list" if type(self.root) is list else "a single value"
            message = f"a spec is a mapping of keys to values; this is {shape}"
            start, help = self.mark[0], "it starts with a line such as `spec: 1`"
            raise Unreadable(
                "yaml-syntax", "the file is empty" if self.root is None else message, start, start + 1, help
            )
        return True

    # events

    def _scalar(self, start: int, end: int, text: str, bare: bool, anchor: str | None) -> None:
        frame = self._stack[-1]
        mark = (start, end)
        torn = bare and frame.flow and "$(" in text and self._torn(text, start, end)
        if bare and frame.flow and text[:1] == "(":
            self._whole_tuple(start)
        read = text
        if self.masked is not None and self.masked.unmasking:
            text = self.masked.unmask(text)
        value: Any = text
        if len(text) > self.limits.string:
            message = f"a text of {len(text):,} characters; the limit is {self.limits.string:,}"
            self._add("limit-exceeded", message, start, start + 1)
            self._placeholder()
        weight = 1 + len(text) // 64
        if frame.is_map and frame.key is None:
            self._key(frame, text, start, end, bare and not torn)
        else:
            if torn or self._tagged:
                self._placeholder()
            elif bare:
                if not text and frame.flow and frame.key and _JOINED.match(frame.key[0] or ""):
                    text, mark = self._missing_colon(frame)
                    read = text
                value = self._resolved(text, *mark) if text == read else self._intended(text, *mark)
            self._put(value, mark, weight, 0)
        self._tagged = False
        if anchor is not None:
            self._anchors[anchor] = _Anchored(value, mark, weight)

    def _key(self, frame: _Frame, text: str, start: int, end: int, bare: bool) -> None:
        name: str | None = text
        is_value = bare and not is_text(text)
        if bare and text == "<<":
            instead = "write the keys out, or say them once under `defaults:` or in a block"
            self._add("unsafe-yaml", "a merge key; YAML 1.2 has none", start, end, help=(instead,))
            self._placeholder()
            name = None
        elif bare and frame.flow and text[:1] in "-0123456789" and self._several(frame, start, end):
            name = None
        elif is_value:
            word = text if len(text) <= 40 else text[:37] + "..."
            help = (f'write `"{word}"`',) if text else ()
            message = f"a key is a text; `{word}` is none until it stands in quotes" if text else "a key is missing"
            if text and frame.flow and _ALONE.match(self.source.text, end):
                message, help = f"`{word}` has no name", (f"arguments are given by name: `NAME: {word}`",)
                self._placeholder()
            self._add("bad-value", message, start, end, help=help)
        if name is not None and name in frame.marks:
            before = frame.marks[name]
            marks = [Mark((), "first written here", extent=before[:2])]
            self._add("duplicate-key", f"`{name}` is written twice", start, end, text="and again here", marks=marks)
            if not isinstance(frame.value.get(name), (dict, list)):
                self._placeholder(name)
            name = None
        elif name is not None and is_value:
            frame.marks[name] = (start, end, (start, end))
            name = None
        frame.key = (name, start, end)
        frame.end = end

    def _open(self, is_map: bool, start: int, end: int, flow: bool, anchor: str | None) -> None:
        if self._tagged and len(self._stack) > 1:
            self._placeholder()
        self._tagged = False
        is_key = self._stack[-1].is_map and self._stack[-1].key is None
        if is_key:
            braces = flow and is_map and self.source.text[start - 1 : start] == "{"
            if (
                braces
                and self.masked
                and not self.masked.knows_marked
                and INTERPOLATION.match(self.source.text, start - 1)
            ):
                raise Torn
            help = ("an expression is written `$name` or `$(...)`",) if braces else ()
            self._add("bad-value", "a key is a text, not a list or mapping", start, end, help=help)
            self._placeholder()
        if anchor is not None:
            self._anchors[anchor] = _Anchored(open=True)
        self._stack.append(_Frame(is_map, start, end, flow, anchor, is_key))

    def _close(self, end: int) -> None:
        frame = self._stack.pop()
        if not frame.flow or end < frame.end:  # libyaml ends a block where the next thing starts
            end = frame.end
        mark = (frame.start, end, frame.marks)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchored(frame.value, mark, frame.weight, frame.height)
        if frame.is_key:
            self._stack[-1].key = (None, frame.start, end)
        else:
            self._put(frame.value, mark, frame.weight, frame.height)

    def _alias(self, name: str, start: int, end: int) -> None:
        self._aliases += 1
        target = self._anchors.get(name)
        frame = self._stack[-1]
        if target is None:
            help = (f'write `"*{name}"` for the text',) if len(name) <= 40 else ()
            self._add("yaml-syntax", f"no anchor `&{name}` comes before this", start, end, help=help)
        elif target.open:
            self._add("unsafe-yaml", f"`*{name}` stands inside what it repeats", start, end)
        else:
            self._aliased += target.weight
            if self._aliases > self.limits.aliases or self._aliased > self.limits.alias_values:
                raise Unreadable(
                    "unsafe-yaml", "aliases repeat too much", start, end, "use `for:`, `defaults:` or a block"
                )
            if len(self._stack) - 1 + target.height > self.limits.depth:
                raise Unreadable("limit-exceeded", f"nested more than {self.limits.depth} deep", start, end)
        if frame.is_map and frame.key is None:
            self._add("bad-value", "a key is a text, not an alias", start, end)
            frame.key = (None, start, end)
        elif target is None or target.open:
            self._placeholder()
            self._put(None, (start, end), 1, 0)
        else:
            self._put(target.value, (start, end, *target.mark[2:]), target.weight, target.height)

    def _tag(self, start: int, end: int) -> None:
        tag = self.source.text[start:end]
        word = tag if len(tag) <= 60 else tag[:57] + "..."
        self._add("unsafe-yaml", f"a tag, `{word}`; specs have none", start, end, help=("remove it",))
        self._tagged = True

    # parts

    def _put(self, value: Any, mark: NodeExtent, weight: int, height: int) -> None:
        frame = self._stack[-1]
        frame.weight += weight
        frame.end = mark[1]
        if height >= frame.height:
            frame.height = height + 1
        if not frame.is_map:
            frame.value.append(value)
            frame.marks.append(mark)
        elif frame.key is not None:
            key, start, end = frame.key
            frame.key = None
            if key is not None:
                frame.value[key] = value
                frame.marks[key] = (start, end, mark)

    def _resolved(self, text: str, start: int, end: int) -> Scalar:
        try:
            return resolve(text, self.limits)
        except ImplicitWord as refused:
            problem = refused.problem
            self._add(problem.code, problem.message, start, end, help=problem.help, replacement=problem.replacement)
            self._placeholder()
            return refused.guess

    def _intended(self, text: str, start: int, end: int) -> Any:
        """Return what was intended by a scalar that YAML would tear, and add the problem."""
        if INTERPOLATION.search(text) is None and (text[:1] != "(" or self._holds_words()):
            return self._resolved(text, start, end)
        reading = as_list(text) if text[:1] == "(" else marked(text)
        if reading is None:
            help = ("`$name` reads a parameter of this spec, `$(...)` computes",)
            self._add("bad-expression", f"there is no `{printable(text)}` here", start, end, help=help)
            self._placeholder()
            return text
        code = "bad-value" if text[:1] == "(" else "bad-expression"
        message = f"`{printable(text)}` is written `{reading.text}` here"
        self._add(code, message, start, end, replacement=reading.text)
        self._placeholder()
        if (path := self._next()) is not None:
            self.guesses.add(path)
        return reading.value

    def _whole_tuple(self, start: int) -> None:
        """Raise Torn at a tuple that was not hidden."""
        if self.masked is None or self.masked.knows_marked or self._holds_words():
            return
        found = TUPLE.match(self.source.text, start)
        if found and "," in found[0] and as_list(found[0]) is not None:
            raise Torn

    def _holds_words(self) -> bool:
        """Return whether words stand here, of which no tuple is one."""
        return not _WORDS.isdisjoint(self._path() or ())

    def _torn(self, text: str, start: int, end: int) -> bool:
        """Return whether an unquoted text in flow style holds an expression that needs quotes; if so, that is a
        problem.
        """
        masked = self.masked
        opening = text.replace("$$", "  ").find("$(")
        if masked is None or opening < 0:
            return False
        whole = masked.unmask(text)
        closed = masked.expressions.get(start + opening, False)
        unbalanced = whole.count("(", opening) > whole.count(")", opening)
        if unbalanced and not masked.knows_marked:
            raise Torn
        if not any(char in ",[]{}" for char in whole) if closed else not unbalanced:
            return False
        if closed:
            quoted = "'" + whole.replace("'", "''") + "'" if '"' in whole or "\\" in whole else f'"{whole}"'
            message = "unbalanced `$(`: in flow style a comma or bracket ends a value; put quotes around it"
            self._add("bad-expression", message, start, end, help=(f"write `{quoted}`",), replacement=quoted)
        else:
            help = ("in flow style an expression with a comma or bracket needs quotes around it",)
            self._add("bad-expression", "unbalanced `$(`: its `)` is missing", start, end, help=help)
        return True

    def _missing_colon(self, frame: _Frame) -> tuple[str, NodeExtent]:
        """Go on with `{a:1}` and `{a=1}` as with `{a: 1}`, and add the problem."""
        assert frame.key
        key, start, end = frame.key
        joined = _JOINED.match(key or "")
        if key is None or joined is None or self.source.text[start:end] != key:
            return "", (end, end)
        name, sign, value = map(str.strip, joined.groups())
        spaced, plain = f"{name}: {value}", _PLAIN.fullmatch(value)
        help = (f"write `{spaced if plain else 'key: value'}`",)
        message = "a space is missing after the colon" if sign == ":" else f"a colon belongs here, not `{sign}`"
        self._add("yaml-syntax", message, start, end, help=help, replacement=spaced if plain else None)
        frame.key = (None if name in frame.value else name, start, start + len(name))
        if not plain:
            self._placeholder()
        return value, (end - len(value), end)

    def _several(self, frame: _Frame, start: int, end: int) -> bool:
        """Return whether a key is one of several numbers behind a key, as 797 and 672 are in `{params: 21,797,672}`:
        adds the problem, and goes on with what was intended.
        """
        if not frame.value:
            return False
        last = next(reversed(frame.value))
        first = frame.marks[last][2][0]
        numbers = SEVERAL.match(self.source.text, first)
        found = several(numbers[0], count=last in ("params", "trainable_params", "macs")) if numbers else None
        if numbers is None or found is None or end > numbers.end():
            return False
        if self.source.text.count(",", first, start) == 1:
            help, reading = found
            message = f"`{numbers[0]}` is several values: a comma ends one in flow style"
            replacement = reading.text if reading.certain else None
            self._add("bad-value", message, first, numbers.end(), help=(help,), replacement=replacement)
            self._placeholder(last)
            frame.value[last] = reading.value
        return True

    def _path(self) -> Loc | None:
        """Return the path of the innermost open value; None where it is no part of the data."""
        path: list[str | int] = []
        for outer, inner in pairwise(self._stack):
            step = (outer.key[0] if outer.key else None) if outer.is_map else len(outer.value)
            if step is None or inner.is_key:
                return None
            path.append(step)
        return tuple(path[1:])

    def _next(self) -> Loc | None:
        """Return the path of the value that comes next; where a key comes next, of the mapping that is open; None where
        it is no part of the data.
        """
        frame, path = self._stack[-1], self._path()
        if path is None or (frame.is_map and frame.key is None):
            return path
        step = frame.key[0] if frame.key else len(frame.value)
        return (*path, step) if step is not None else None

    def _placeholder(self, key: str | None = None) -> None:
        """Put a placeholder for what is not the value that comes next, or that of a key before; or, where a key comes
        next, the mapping that is open.
        """
        path = self._next() if key is None else self._path()
        if path is not None:
            self.placeholders.add(path if key is None else (*path, key))

    def _add(self, code: str, message: str, start: int, end: int, **more: Any) -> None:
        """Add a problem with the text from `start` to `end`. Raises _Stop where so much is wrong that it is enough."""
        self.problems.append(Problem(code, message, extent=(start, end), **more))
        if len(self.problems) >= self.limits.mistakes:
            raise _Stop
