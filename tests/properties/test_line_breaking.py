"""Lists in brackets over several lines say what they said on one, in no more lines than the simplest way takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speczoo.specs.line_breaking import Fragment, break_lines

PARTS = st.lists(
    st.builds(Fragment, st.integers(1, 60).map("x".__mul__), st.integers(0, 4), st.booleans()), min_size=1, max_size=30
)


def greedy(parts: list[Fragment], lead: str, indent: int, width: int) -> int:
    """Return how many lines there are where each takes what fits."""
    lines, length = 1, len(lead) + len(parts[0].text)
    for part in parts[1:]:
        length += len(part.text) + (not part.joined)
        if length > width:
            lines, length = lines + 1, indent + 2 * part.depth + len(part.text)
    return lines


@given(PARTS, st.integers(0, 8), st.integers(80, 120))
def test_lines_say_what_the_parts_do(parts: list[Fragment], indent: int, width: int) -> None:
    lead = " " * indent + "layers: "
    lines = break_lines(parts, lead, indent, width)
    assert "".join("".join(lines).split()) == "".join([*lead.split(), *(part.text for part in parts)])
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= greedy(parts, lead, indent, width)
    starts = [len(line) - len(line.lstrip()) for line in lines]
    assert {*starts[1:]} <= {indent + 2 * part.depth for part in parts}
