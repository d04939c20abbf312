"""Other words for the names of expressions mean what the names meant, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.importing.entries import ImportedEntry
from speczoo.importing.reading import earlier, mentions, read_by, reword
from speczoo.specs.expression import ExpressionError, evaluate, substituted, substituted_in
from tests.properties.test_expression import SCOPE, anything

#: New names for all that the expressions read: those of others, and of functions and truths but for a letter.
RENAMED = {"a": "b", "b": "c", "c": "a", "xs": "max_", "input": "xs"}


def outcome(text: str, scope: dict[str, Any]) -> Any:
    try:
        return evaluate(text, scope)
    except ExpressionError as error:
        return error.problem.code


@given(anything)
def test_renamed_names_mean_what_they_intended(expression: str) -> None:
    scope = {RENAMED[name]: value for name, value in SCOPE.items()}
    wanted = outcome(f"$({expression})", dict(SCOPE))
    assert outcome(substituted(f"$({expression})", RENAMED), scope) == wanted
    assert outcome(f"$({substituted_in(expression, RENAMED)})", scope) == wanted


@given(anything, anything)
def test_an_expression_in_the_place_of_a_name_means_what_it_gives(expression: str, inner: str) -> None:
    word = outcome(f"$({inner})", dict(SCOPE))
    if type(word) in (int, float):
        scope = {**SCOPE, "a": word}
        assert outcome(substituted(f"$({expression})", {"a": f"({inner})"}), dict(SCOPE)) == outcome(
            f"$({expression})", scope
        )


@pytest.mark.parametrize(
    ("text", "words", "wanted"),
    [
        ("stage$i", {"i": "n"}, "stage$n"),
        ("stage$i.0", {"i": "(n - 1)"}, "stage$(n - 1).0"),
        ("stage$i", {"i": "(n - 1) * (n + 1)"}, "stage$((n - 1) * (n + 1))"),
        ("stage$i", {"i": "3"}, "stage$(3)"),
        ("$(i == 'i')", {"i": "j"}, "$(j == 'i')"),
        ("$(max(max, 1))", {"max": "most"}, "$(max(most, 1))"),
        ("$$i $i", {"i": "j"}, "$$i $j"),
        ("$(input.channels // input.width)", {"input.channels": "in_channels"}, "$(in_channels // input.width)"),
        ("$(input.channels)", {"input": "x"}, "$(x.channels)"),
        ("$in_channels", {"in_channels": "input.channels"}, "$(input.channels)"),
        ("$(ii + i)", {"i": "j"}, "$(ii + j)"),
    ],
)
def test_words_are_put_where_names_stand(text: str, words: dict[str, str], wanted: str) -> None:
    assert substituted(text, words) == wanted


@given(st.integers(0, 9), st.sampled_from(["==", "!=", "<", ">", "<=", ">="]), st.integers(0, 12))
def test_turns_from_0_are_compared_as_they_were_from_1(number: int, sign: str, turn: int) -> None:
    text = f"$(1 if i {sign} {number} and j {sign} {number} else 0)"
    there, here = ({"i": turn - from_, "j": turn} for from_ in (0, 1))
    assert evaluate(earlier(text, "i"), here) == evaluate(text, there)


def test_what_an_entry_reads_is_no_matter_of_its_words() -> None:
    entry = ImportedEntry("Resize", {"mode": "width", "size": "$(n if mode == 'depth' else input.height)"}, name="b$i")
    assert read_by(entry) == {"n", "mode", "input", "i"}
    assert mentions(entry.args, "depth")
    assert mentions(entry.args, "width")
    assert not mentions(entry.args, "mode")
    reword(entry, {"depth": "k", "n": "m", "width": "w", "i": "j"})
    assert entry.args == {"mode": "width", "size": "$(m if mode == 'depth' else input.height)"}
    assert entry.name == "b$j"
