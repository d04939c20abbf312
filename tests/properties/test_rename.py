"""Renamed keys are what a regular expression of the pattern would make of them, in steps that nobody can drive up."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speczoo.rename import Pattern, renamed
from speczoo.specs.limits import Limits
from tests.steps import lines

KEYS = st.text("ab.", max_size=10)
STATED = st.lists(st.one_of(st.sampled_from(["*", "**"]), st.text("ab.", max_size=3)), max_size=7).map("".join)


def by_regex(pattern: str, key: str) -> list[str] | None:
    parts = re.split(r"(\*\*|\*)", pattern)
    regex = "".join({"**": "(.*)", "*": r"([^.]*)"}.get(part, re.escape(part)) for part in parts)
    found = re.fullmatch(regex, key)
    return list(found.groups()) if found else None


@given(STATED, KEYS)
@example("*a**", "aaa")
@example("**a*.b", "a.a.ab.b")
@example("a*a", "a")
@example("***", "a.b")
def test_a_pattern_reads_as_its_regular_expression_would(pattern: str, key: str) -> None:
    assert Pattern.of(pattern).found_in(key) == by_regex(pattern, key)


@given(
    STATED.filter(lambda stated: "*" in stated), st.lists(st.text("ab.", max_size=6), min_size=8, max_size=8), st.data()
)
def test_what_a_star_stood_for_stands_in_its_place(pattern: str, texts: list[str], data: st.DataObject) -> None:
    stars = re.findall(r"\*\*|\*", pattern)
    key = re.sub(r"\*\*|\*", lambda _: texts.pop().replace(".", ""), pattern)
    kept = stars[: data.draw(st.integers(0, len(stars)))]
    found = by_regex(pattern, key)
    assert found is not None
    assert renamed({key: 1}, {pattern: "<" + "-".join(kept) + ">"}) == {"<" + "-".join(found[: len(kept)]) + ">": 1}


def steps(pattern: str, key: str) -> int:
    return lines(lambda: Pattern.of(pattern).found_in(key))


@given(st.sampled_from(["**", "*", "*a", "**a", "*.", "a*", "*a**b"]), st.sampled_from(["a", "ab", "a.", "ba."]))
def test_twice_the_stars_or_the_key_are_twice_the_steps(stars: str, part: str) -> None:
    once = steps(f"{stars * 40}!", part * 40 + "!")
    assert steps(f"{stars * 80}!", part * 40 + "!") < 2.5 * once
    assert steps(f"{stars * 40}!", part * 80 + "!") < 2.5 * once


def test_what_would_take_too_long_or_make_no_sense_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="too many for 50 keys"):
        renamed({f"a{i}": 1 for i in range(50)}, {"**" * 4_001: "x"})
    many, few = {f"a{i}": i for i in range(50)}, Limits(matches=300_000)
    assert renamed(many, {"**" * 4_001: "x**"}, few) == {f"x{key}": i for key, i in many.items()}
    with pytest.raises(ValueError, match="more than one key the name `x`"):
        renamed(many, {"**": "x"})
    with pytest.raises(ValueError, match="more stars"):
        renamed({}, {"a.*": "*.*"})
