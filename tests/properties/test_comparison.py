"""A diff that is shown says what it would do: applied to the old text it gives the new one. And it ends soon."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speczoo.specs import edit
from tests.steps import lines

LINES = st.lists(
    st.sampled_from(["a", "b", "c", "", " ", "-a", "+a", "@@ -1 +1 @@", "\\ x", "é\x0b\x0c\u2028"]), max_size=30
)
ENDS = st.sampled_from(["", "\n"])


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """Two texts, the second an edited first."""
    old = draw(LINES)
    new = list(old)
    for at in draw(st.lists(st.integers(0, 30), max_size=6)):
        new[at : at + draw(st.integers(0, 3))] = draw(st.lists(st.sampled_from("axyz"), max_size=3))
    return "\n".join(old) + draw(ENDS), "\n".join(new) + draw(ENDS)


def applied(diff: str, old: str) -> str:
    """The old text with a unified diff applied, strictly: every line that it names must stand where it says."""
    before, out, at = re.findall(r".*\n|.+", old), [], 0
    body = re.findall(r".*\n|.+", diff)[2:]
    for i, line in enumerate(body):
        if head := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@\n", line):
            start = int(head[1]) - (head[2] != "0")
            assert at <= start
            out += before[at:start]
            at = start
            continue
        if line.startswith("\\"):
            continue
        bare = body[i + 1 : i + 2] == ["\\ No newline at end of file\n"]
        text = line[1:-1] if bare else line[1:]
        if line[0] in " -":
            assert before[at] == text
            at += 1
        if line[0] in " +":
            out.append(text)
    return "".join([*out, *before[at:]])


@given(texts())
@example(("", ""))
@example(("a", "a\n"))
@example(("", "a"))
@example(("a\n", ""))
def test_the_diff_applied_gives_the_new_text(both: tuple[str, str]) -> None:
    old, new = both
    diff = edit.difference("net.yaml", old, new)
    assert (not diff) == (old == new)
    assert diff == "" or applied(diff, old) == new


@given(texts())
def test_a_small_diff_is_no_longer_than_difflibs(both: tuple[str, str]) -> None:
    old, new = both
    diff = edit.difference("net.yaml", old, new)
    other = difflib.unified_diff(old.split("\n"), new.split("\n"))
    changed = [sum(line[:1] in "+-" for line in found) for found in (diff.split("\n"), other)]
    assert changed[0] <= 2 * changed[1] + 2


@given(st.sets(st.integers(0, 299), min_size=1, max_size=6))
@example({100, 107})
@example({100, 108})
@example({3, 296})
def test_changes_of_a_long_text_are_shown_as_difflib_shows_them(changed: set[int]) -> None:
    """Each by itself, with three lines around it, where its neighbours are farther away than that."""
    old = [f"{i}\n" for i in range(300)]
    new = [f"{i}x\n" if i in changed else line for i, line in enumerate(old)]
    diff = edit.difference("net.yaml", "".join(old), "".join(new))
    assert diff.split("\n")[2:] == "".join([*difflib.unified_diff(old, new)][2:]).split("\n")


LONG: dict[str, Callable[[int], tuple[str, str]]] = {
    "blanks at the ends of other lines": lambda i: (f"# c{i}{' ' * (i % 2)}\n", f"# c{i}\n"),
    "blanks at the ends of like lines": lambda i: (f"# c{' ' * (i % 2)}\n", "# c\n"),
    "all other": lambda i: (f"a{i}\n", f"b{i}\n"),
    "all like": lambda i: ("a\n", "b\n" if i % 3 else "a\n"),
    "few kinds": lambda i: (f"a{i * i % 7}\n", f"a{i * i % 5}\n"),
    "turned round": lambda i: (f"a{i}\n", f"a{-i}\n"),
    "in pairs": lambda i: (f"a{i // 2}\n", f"a{i // 2}{' ' * (i % 3)}\n"),
}


@pytest.mark.parametrize("kind", LONG)
def test_twice_the_text_is_twice_the_steps(kind: str) -> None:
    def steps(length: int) -> int:
        both = [LONG[kind](i) for i in range(length)]
        old, new = ("".join(side) for side in zip(*both, strict=True))
        diff = ""

        def difference() -> None:
            nonlocal diff
            diff = edit.difference("net.yaml", old, new)

        count = lines(difference)
        assert applied(diff, old) == new
        return count

    few, more = steps(2_000), steps(16_000)
    assert more < 10 * max(few, 20_000)


def test_patch_reads_it(tmp_path: Path) -> None:
    old = "".join(f"{i}\n" for i in range(40)) + "end"
    new = old.replace("\n7\n", "\n").replace("\n20\n", "\n20\nx\n").removesuffix("end") + "END\n"
    (tmp_path / "net.yaml").write_text(old)
    (tmp_path / "d.diff").write_text(edit.difference("net.yaml", old, new))
    try:
        subprocess.run(["git", "apply", "d.diff"], cwd=tmp_path, check=True)
    except FileNotFoundError:
        pytest.skip("there is no git here")
    assert (tmp_path / "net.yaml").read_text() == new
