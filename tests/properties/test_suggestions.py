"""Did you mean: what is asked is the nearest name there is, and what is certain is the same word."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.layer import Layer
from speczoo.compiler.synonyms import ARGUMENTS, OPS
from speczoo.specs.entry import STRUCTURE
from speczoo.specs.suggestions import certain, distance, nearest, spelling

OPS_HERE = list(Layer.registry)
FIELDS = [field for layer in Layer.registry.values() for field in layer.model_fields]
VOCABULARY = sorted({*OPS_HERE, *STRUCTURE, *FIELDS})
#: What tells two words apart though they are alike otherwise: how they begin.
OPPOSITES = [
    ("", "un"), ("", "de"), ("", "non"), ("", "no"), ("", "no_"), ("", "not_"), ("", "anti"), ("", "dis"), ("", "a"),
    ("", "log"), ("", "bi"), ("", "p"), ("in", "ex"), ("in", "un"), ("en", "de"), ("re", "de"), ("pre", "post"),
    ("up", "down"), ("up", "un"), ("min_", "max_"), ("left_", "right_"), ("first_", "last_"), ("in_", "out_"),
    ("low", "high"), ("start_", "end_"), ("on_", "off_"), ("with_", "without_"), ("inner_", "outer_"),
    ("row_", "col_"), ("x_", "y_"), ("q_", "k_"), ("train_", "test_"),
]  # fmt: skip
STEMS = ["pool", "stack", "bias", "width", "coder", "flatten", "scale", "channels", "norm", "sampling", "fold"]

letters = st.text("abcd_", min_size=1, max_size=8)
known_words = st.lists(letters, min_size=1, max_size=6)


def reference(a: str, b: str) -> int:
    """The optimal string alignment distance as its recurrence is written down, in a table."""
    table: dict[tuple[int, int], int] = {}
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            ways = [i + j] if not i or not j else [table[i - 1, j] + 1, table[i, j - 1] + 1]
            if i and j:
                ways.append(table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 2 : i] == b[j - 1] + b[j - 2]:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(a), len(b)]


@st.composite
def mistyped(draw: st.DrawFn) -> str:
    """A word of the language with one or two slips of a finger."""
    word = draw(st.sampled_from(VOCABULARY))
    for _ in range(draw(st.integers(1, 2))):
        at, letter = draw(st.integers(0, max(0, len(word) - 2))), draw(st.sampled_from("aeinrst_2"))
        left, right = word[:at], word[at:]
        swapped = left + right[1:2] + right[:1] + right[2:]
        word = draw(st.sampled_from([swapped, left + right[1:], left + letter + right, left + letter + right[1:]]))
    assume(word)
    return word


@given(letters, letters)
def test_distance_is_that_of_damerau_and_levenshtein(a: str, b: str) -> None:
    assert distance(a, b) == reference(a, b)


@given(letters, known_words)
def test_what_is_asked_is_nearest(name: str, known: list[str]) -> None:
    suggested = nearest(name, known)
    if suggested is None:
        assert all(spelling(word) != spelling(name) for word in known if spelling(word))
        return
    least = min(reference(spelling(name), spelling(word)) for word in known if spelling(word))
    assert reference(spelling(name), spelling(suggested)) == least


@given(mistyped())
def test_one_or_two_slips_are_found(name: str) -> None:
    """In a word that is long enough to be told from others."""
    least = min(reference(spelling(name), spelling(word)) for word in VOCABULARY)
    assume(least <= len(spelling(name)) // 3)
    suggested = nearest(name, VOCABULARY)
    assert suggested is not None
    assert reference(spelling(name), spelling(suggested)) == least


@given(letters, known_words)
def test_a_known_name_is_itself(name: str, others: list[str]) -> None:
    known = [other for other in others if spelling(other) != spelling(name)]
    assert certain(name, [*known, name]) == name


@given(mistyped())
def test_what_an_author_chose_is_never_guessed(name: str) -> None:
    """An id or a parameter is taken from another case, separators, or two letters that changed places; no less."""
    intended = certain(name, VOCABULARY, chosen=True)
    if intended is not None:
        assert reference(spelling(name), spelling(intended)) <= 1
        assert sorted(spelling(name)) == sorted(spelling(intended))
        assert re.findall("[0-9]+", name) == re.findall("[0-9]+", intended)


@given(st.sampled_from(OPPOSITES), st.sampled_from([*STEMS, *VOCABULARY]), st.booleans(), st.booleans())
def test_an_opposite_is_never_certain(pair: tuple[str, str], stem: str, capital: bool, chosen: bool) -> None:
    here, there = (f"{part}{stem.capitalize() if capital else stem}" for part in pair)
    assert certain(here, [there], chosen=chosen) is None
    assert certain(there, [here], chosen=chosen) is None


@given(mistyped())
def test_certain_is_one_slip_and_one_word(name: str) -> None:
    intended = certain(name, VOCABULARY)
    if intended is None or spelling(intended) == spelling(name):
        return
    here, there = spelling(name), spelling(intended)
    assert reference(here, there) == 1
    assert sorted(here) == sorted(there) or here[0] == there[0]
    assert [word for word in VOCABULARY if certain(name, [word])] == [intended]


def test_no_name_of_the_language_is_another() -> None:
    """What exists is never taken for something else that exists."""
    for names in (OPS_HERE, FIELDS):
        for name in dict.fromkeys(names):
            assert certain(name, [other for other in names if other != name]) is None, name


def test_a_synonym_means_one_thing() -> None:
    here = {spelling(name) for name in OPS_HERE}
    assert not here & OPS.keys()
    assert set(OPS.values()) <= set(OPS_HERE)
    assert ARGUMENTS.keys() <= set(VOCABULARY)
    for layer in Layer.registry.values():
        words = [word for field in layer.model_fields for word in ARGUMENTS.get(field, "").split()]
        assert len(words) == len(set(words)), layer
