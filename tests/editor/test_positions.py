"""Places as editors count them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.editor import positions
from speczoo.editor.positions import Encoding, Position
from speczoo.specs.source import Source

LINES = st.text(st.sampled_from([*"ab\t é\u2028\x0c\x85漢\U0001f600\n\r"]), max_size=40)
WIDTH: dict[Encoding, tuple[str, int]] = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@pytest.mark.parametrize("encoding", WIDTH)
@given(text=LINES)
def test_a_place_is_found_again(encoding: Encoding, text: str) -> None:
    source = Source("x", text)
    name, width = WIDTH[encoding]
    for at in range(len(text) + 1):
        line, character = positions.position(source, at, encoding)
        before = text[:at].replace("\r\n", " \n").replace("\r", "\n")
        if text[at - 1 : at + 1] == "\r\n":  # between the two is no place of a line
            continue
        assert line == before.count("\n")
        assert character * width == len(before.rpartition("\n")[2].encode(name))
        assert positions.offset(source, Position(line, character), encoding) == at


@given(text=LINES, line=st.integers(0, 50), character=st.integers(0, 90))
def test_a_place_beyond_a_line_is_its_end(text: str, line: int, character: int) -> None:
    source = Source("x", text)
    at = positions.offset(source, Position(line, character))
    assert 0 <= at <= len(text)
    there = positions.position(source, at)
    assert there.line <= line or line >= len(source.lines)
    assert there.character <= character or line >= len(source.lines)
