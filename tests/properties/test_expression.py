"""The expression language against Python itself and torchvision's rounding of channels."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.specs.expression import (
    DEPTH,
    INTEGER,
    TURNS,
    ExpressionError,
    Template,
    evaluate,
    make_divisible,
    parse,
    range_of,
    to_python,
)
from speczoo.torchvision import torchvision
from tests.steps import lines

NAMES = {"a": 3, "b": 64, "c": -7, "input.channels": 256}
SCOPE: Mapping[str, Any] = {"a": 3, "b": 64, "c": -7, "xs": [3, 64, 1], "input": {"channels": 256}}


class Box:
    channels = 256


PYTHON = {"a": 3, "b": 64, "c": -7, "xs": [3, 64, 1], "input": Box, "true": True, "false": False}
EMITTED = {**PYTHON, "xs": (3, 64, 1), "math": math}  # in emitted code lists are tuples
BUILTINS = {f.__name__: f for f in (min, max, abs, round, len, sum, int, float)}
HERE = {name: getattr(math, name) for name in ("ceil", "floor", "sqrt", "exp", "log", "sin", "cos")}


Texts: TypeAlias = st.SearchStrategy[str]


def value(expression: str, scope: Mapping[str, Any] = SCOPE) -> Any:
    return evaluate(f"$({expression})", scope)


ATOMS: Texts = st.one_of(
    st.integers(0, 200).map(str),
    st.floats(0, 1e6, allow_nan=False).map(lambda x: repr(round(x, 3))),
    st.sampled_from(sorted(NAMES)),
)
NUMBERS = [  # n: a number, c: a condition, i: a small int; spelt so that a part without parentheses fits its place
    *("n + n", "n - n", "n * n", "n / n", "n // n", "n % n", "n ** i", "-n", "(n)", "(n if c else n)"),
    *("abs(n)", "int(n)", "float(n)", "round(n)", "ceil(n)", "floor(n)", "min(n, n)", "max(n, n)"),
    *("sqrt(abs(n))", "exp(-abs(n))", "log(1 + abs(n))", "sin(n)", "cos(n)"),
    *("[n, n][i]", "[n, n, n][-1]", "sum([n, n, n][:i])", "len([n, n, n][i:])"),
    *("sum(l)", "len(l + l)", "(l + l)[i]", "sum(l * 2)", "l[-1]"),
]
LISTS = ["xs", "xs", "[n]", "[n, n, n]", "(l + l)", "(l + [n])", "l[i:]", "(l * 2)"]
CONDITIONS = [
    *("(n == n)", "(n != n)", "(n < n)", "(n <= n)", "(n > n)", "(n >= n)", "(n < n <= n)", "(n == n != n)"),
    *(
        "(n in [n, n])",
        "(n not in [n])",
        "(n in l)",
        "(l == l)",
        "(l != l + [n])",
        "(not c)",
        "(c and c)",
        "(c or c and not c)",
        "((c or c) and c)",
    ),
]
OUTERMOST = [
    "n",
    "n",
    "n if c else n",
    "n if c else n if c else n",
    "not c",
    "c and not c or c",
    "n < n < n",
    "n in [n]",
]


@st.composite
def texts_of(draw: st.DrawFn, patterns: list[str], depth: int = 2) -> str:
    """One of the patterns, its letters replaced by what they stand for."""

    def part(letter: str) -> str:
        if letter == "i":
            return str(draw(st.integers(-3, 5)))
        if letter == "n" and (depth == 0 or draw(st.integers(0, 2)) == 0):
            return draw(ATOMS)
        if letter == "l" and depth == 0:
            return draw(st.sampled_from(["xs", "[1, 64]"]))
        kinds = {"n": NUMBERS, "l": LISTS, "c": CONDITIONS}
        return draw(texts_of(kinds[letter], max(depth - 1, 0)))

    return re.sub(r"\b[ncil]\b", lambda match: part(match[0]), draw(st.sampled_from(patterns)))


anything = texts_of(OUTERMOST)


def tuples(found: Any) -> Any:
    return tuple(map(tuples, found)) if isinstance(found, list) else found


def python_value(expression: str, names: Mapping[str, Any] = PYTHON) -> Any:
    """What Python says, or the exception it raises. The expressions are generated above."""
    try:
        return eval(expression, {"__builtins__": {}, **HERE, **BUILTINS}, dict(names))
    except (ArithmeticError, ValueError, LookupError) as error:
        return error


def limited(error: ExpressionError) -> bool:
    return error.problem.code == "limit-exceeded"


def refused_rightly(expression: str, error: ExpressionError) -> bool:
    """Whether a bound was hit, or Python fails there as well, or has a value that is complex or infinite on its way.

    Beyond a bound Python is not asked: it would compute for ever.
    """
    if limited(error) or "not a real number" in str(error) or "too large for a float" in str(error):
        return True
    return isinstance(python_value(expression), Exception)


@given(anything)
def test_values_are_those_of_python(expression: str) -> None:
    try:
        found = value(expression)
    except ExpressionError as error:
        assert refused_rightly(expression, error)  # noqa: PT017
        return
    expected = python_value(expression)
    assert type(found) is type(expected)
    assert found == expected


@given(anything)
def test_python_source_has_the_same_value(expression: str) -> None:
    try:
        found = value(expression)
    except ExpressionError:
        return
    text = to_python(parse(expression), str)
    if text is None:
        assert any(part in expression for part in ("ceil(", "floor(", "*"))  # unknown to Python, or too large
        return
    assert python_value(text, EMITTED) == tuples(found)


@given(anything, st.sets(st.sampled_from(sorted(NAMES))))
def test_what_is_known_is_computed(expression: str, known: set[str]) -> None:
    try:
        found = value(expression)
    except ExpressionError:
        return
    names = {name: f"{number}" if name in known else name for name, number in NAMES.items()} | {"xs": "xs"}
    text = to_python(parse(expression), names.get)
    if text is not None:
        assert python_value(text, EMITTED) == tuples(found)
        assert not any(name in text for name in known - {"a", "b", "c"})
    if known == set(NAMES) and "xs" not in expression:
        assert text == repr(found)


@pytest.mark.parametrize(
    ("expression", "names", "text"),
    [
        ("channels * width // 64 * groups", {"width": "64", "groups": "1"}, "channels"),
        ("(channels + 0) * 1 // 1", {}, "channels"),
        ("channels * 3 // 2", {}, "channels * 3 // 2"),
        ("a - (b - c) - (a - b)", {}, "a - (b - c) - (a - b)"),
        ("(a * b) + (c // 2)", {}, "a * b + c // 2"),
        ("(-a) ** 2", {}, "(-a) ** 2"),
        ("-(a ** 2)", {}, "-a ** 2"),
        ("a * 2", {"a": "b + 1"}, "(b + 1) * 2"),
        ("a * 2", {"a": "self.sizes[0]"}, "self.sizes[0] * 2"),
        ("2 if n > 1 and i == 1 else 1", {"n": "2"}, "2 if i == 1 else 1"),
        ("2 if n > 1 and i == 1 else 1", {"n": "1"}, "1"),
        ("stride != 1 or input.channels != channels", {"stride": "1", "input.channels": "x"}, "x != channels"),
        ("ceil(a / 2)", {"a": "7"}, "4"),
        ("ceil(a / 2)", {}, None),
        ("make_divisible(a, 8)", {}, None),
        ("act != null", {}, "act is not None"),
        ("a in [1, true]", {}, None),
        ("max(a, b // 4)", {}, "max(a, b // 4)"),
        ("sizes[1:a + 1]", {}, "sizes[1:a + 1]"),
        ("a in sizes + [4]", {}, "a in sizes + (4,)"),
        ("sizes == [a, 4]", {}, "sizes == (a, 4)"),
    ],
)
def test_python_source(expression: str, names: dict[str, str], text: str | None) -> None:
    assert to_python(parse(expression), lambda name: names.get(name, name)) == text


def test_names_that_are_no_ints_keep_what_floors_them() -> None:
    assert to_python(parse("x // 1"), str, is_int=lambda name: False) == "x // 1"
    assert to_python(parse("x * 3 // 3"), str, is_int=lambda name: False) == "x * 3 // 3"
    assert to_python(parse("x"), {}.get) is None


SIGNS = [
    "$(",
    ")",
    "(",
    "[",
    "]",
    "$",
    "$$",
    "..",
    "'",
    '"',
    ".",
    ",",
    ":",
    "**",
    "//",
    "-",
    "==",
    "<",
    " ",
    "\n",
    "\x00",
]
WORDS = ["a", "input", "xs", "1", "2.5", "9" * 30, "not", "in", "if", "else", "and", "min", "(1)", "true", "é"]
pieces = st.sampled_from(SIGNS + WORDS)
texts = st.text(max_size=60) | st.lists(pieces, max_size=40).flatmap(
    lambda some: st.sampled_from(["".join(some), " ".join(some)])
)


@given(texts)
def test_any_text_has_a_value_or_an_expression_error_that_lies_within_it(text: str) -> None:
    scope: dict[str, Any] = {"a": 3, "xs": [1, [2.5, "x"]], "input": {"channels": 8}}
    for string in (text, f"$({text})", f"{text}..{text}"):
        for work in (evaluate, range_of):
            try:
                work(string, scope)
            except ExpressionError as error:
                assert 0 <= (error.problem.part or (0, 0))[0] <= (error.problem.part or (0, 0))[1] <= len(string)  # noqa: PT017
                assert str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "expression",
    [
        *("(" * 900, "[" * 900, "-" * 900, "not " * 200, "1" + "+1" * 400, "2" + "**2" * 300, "x" + "[0]" * 300),
        *(
            "1 if 1 < 2 else " * 60 + "1",
            "abs(" * 150 + "1" + ")" * 150,
            "1" * 999,
            "9**9**9",
            "2**100",
            "(-2)**-(-100)",
        ),
        *("[0] * 10000000000", "[[0] * 1000] * 1000", "'ab' * 600", "10 * [[1] * 9000]", "1 < " * 300, "1 " * 2000),
        *("9223372036854775807 + 2", "-9223372036854775808 - 1", "2**32 * 2**32", "round(1e300)", "1e999"),
    ],
)
def test_bombs_are_refused_at_once(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        lines(lambda: value(expression, {"x": []}), 50_000)
    opened = expression.endswith(("(", "["))
    assert limited(caught.value) or opened or expression.startswith(("1 <", "-" * 9, "not not"))


#: Some values of each kind, none of which equals one of another kind.
VALUES: dict[str, list[Any]] = {
    "number": [3, -2, 100, 0.5, 2.5],
    "text": ["", "ab", "b"],
    "list": [[], [3], [5, "b"]],
    "bool": [True],
    "null": [None],
}


def takes(operator: str, left: str, right: str) -> bool:
    """Whether an operator takes these kinds, of which `*` takes others too: `test_repeated`."""
    if operator in ("==", "!="):
        return True
    if operator in ("in", "not in"):
        return right == "list" or left == right == "text"
    alike = {"+": ("text", "list"), "<": ("text",), "<=": ("text",), ">": ("text",), ">=": ("text",)}
    return left == right and (left == "number" or left in alike.get(operator, ()))


@pytest.mark.parametrize("operator", [*"+-*/%<>", "//", "**", "<=", ">=", "==", "!=", "in", "not in"])
def test_an_operator_takes_its_kinds_and_gives_what_python_gives(operator: str) -> None:
    """What Python computes is refused for its kinds, or whole numbers that are too large, alone."""
    pairs = [(kind, value) for kind, values in VALUES.items() for value in values]
    for (left, x), (right, y) in product(pairs, repeat=2):
        if operator == "*" and left != right:
            continue
        expected = python_value(f"x {operator} y", {"x": x, "y": y}) if takes(operator, left, right) else None
        try:
            assert value(f"x {operator} y", {"x": x, "y": y}) == expected
            assert takes(operator, left, right)
        except ExpressionError as error:
            known = not isinstance(expected, Exception | complex)
            large = limited(error) and isinstance(expected, int) and abs(expected) > INTEGER
            assert not (takes(operator, left, right) and known) or large


@pytest.mark.parametrize("items", ["ab", [3, 5]])
def test_repeated(items: Any) -> None:
    assert value("x * y", {"x": items, "y": 2}) == value("y * x", {"x": items, "y": 2}) == items * 2
    for other in (1.5, "b", [3], True, None):
        with pytest.raises(ExpressionError, match="does not take"):
            value("x * y", {"x": items, "y": other})


@given(st.integers(2, 60))
def test_depth_is_bounded_where_it_says(terms: int) -> None:
    expression = " + ".join(["1"] * terms)
    if terms <= DEPTH:
        assert value(expression) == terms
    else:
        with pytest.raises(ExpressionError, match="deep"):
            value(expression)


@given(st.integers(-INTEGER, INTEGER), st.integers(-INTEGER, INTEGER), st.sampled_from("+-*"))
def test_ints_are_exact_within_their_bound_and_refused_beyond(a: int, b: int, operator: str) -> None:
    exact = {"+": a + b, "-": a - b, "*": a * b}[operator]
    try:
        assert value(f"x {operator} y", {"x": a, "y": b}) == exact
        assert abs(exact) <= INTEGER
    except ExpressionError as error:
        assert limited(error)  # noqa: PT017
        assert abs(exact) > INTEGER


@given(st.fractions(-1000, 1000, max_denominator=8))
def test_round_goes_to_the_nearest_int_and_halves_to_the_even_one(x: Fraction) -> None:
    found = value("round(x)", {"x": float(x)})
    assert abs(found - x) <= Fraction(1, 2)
    if abs(found - x) == Fraction(1, 2):
        assert found % 2 == 0


@pytest.fixture(scope="module")
def theirs() -> Any:
    torchvision()
    return importlib.import_module("torchvision.models._utils")._make_divisible


@given(
    st.integers(1, 5000) | st.floats(0.1, 5000),
    st.integers(1, 64),
    st.none() | st.integers(1, 200),
)
def test_make_divisible_is_torchvisions(theirs: Any, x: float, divisor: int, least: int | None) -> None:
    assert value("make_divisible(x, d, m)", {"x": x, "d": divisor, "m": least}) == theirs(x, divisor, least)
    found = make_divisible(x, divisor)
    assert found == theirs(x, divisor)
    assert found % divisor == 0
    assert found >= 0.9 * x


KINDS: list[Any] = [None, True, False, 0, 1, 1.0, "1", "", [], [1], [True], ["1"]]


@given(st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_equality_never_mixes_kinds(x: Any, y: Any) -> None:
    scope = {"x": x, "y": y}
    same_kind = type(x) is type(y) or {type(x), type(y)} == {int, float}
    same_items = type(x) is not list or [type(i) for i in x] == [type(i) for i in y] if same_kind else False
    expected = same_kind and same_items and x == y
    assert value("x == y", scope) is expected
    assert value("x != y", scope) is not expected
    assert value("x in [y]", scope) is expected


@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.sampled_from(["+", "-", "*", "/", "<", "and", "%"]))
def test_bools_are_no_numbers_and_numbers_no_bools(x: Any, y: Any, operator: str) -> None:
    scope = {"x": x, "y": y}
    if operator == "and":
        wrong = type(x) is not bool or (x and type(y) is not bool)
    else:
        wrong = isinstance(x, bool) or isinstance(y, bool) or x is None or y is None
    if wrong:
        with pytest.raises(ExpressionError):
            value(f"x {operator} y", scope)


@given(st.text(st.characters(exclude_characters="$"), max_size=40))
def test_a_string_without_a_dollar_is_itself(text: str) -> None:
    assert evaluate(text, {}) == text
    assert Template.of(text).expression is None
    assert not Template.of(text).names


@given(st.lists(st.sampled_from(["layer", "-", "$$", ".", "$a", "$(b)", "$(a + b)", "$(')')"]), max_size=8))
def test_a_template_of_many_parts_is_their_texts_in_order(parts: list[str]) -> None:
    values = {"$$": "$", "$a": 3, "$(b)": 64, "$(a + b)": 67, "$(')')": ")"}
    found = evaluate("/".join(parts), SCOPE)
    if len(parts) == 1:
        assert found == values.get(parts[0], parts[0])
    else:
        assert found == "/".join(str(values.get(part, part)) for part in parts)


def test_a_template_knows_the_names_it_reads() -> None:
    names = Template.of("block$n-$(max(input.channels, b[c]) if true else len)").names
    assert names == {"n", "input.channels", "b", "c", "len"}
    assert evaluate("block$n-$i", {"n": 2, "i": 0}) == "block2-0"


def test_whole_values_keep_their_type_and_pieces_are_numbers_or_strings() -> None:
    scope = {"xs": [1, 2], "flag": True, "nothing": None, "x": 0.5}
    assert evaluate({"a": ["$xs", "$flag", 7], "$x": "$nothing"}, scope) == {"a": [[1, 2], True, 7], "$x": None}
    assert evaluate("p$x", scope) == "p0.5"
    for name in ("xs", "flag", "nothing"):
        with pytest.raises(ExpressionError, match="piece of a string"):
            evaluate(f"p${name}", scope)


@given(st.integers(-50, 50), st.integers(-50, 50))
def test_ranges_have_both_ends_in_them(low: int, high: int) -> None:
    scope = {"low": low, "high": high}
    expected = [x for x in range(-50, 51) if low <= x <= high]
    for text in (f"{low}..{high}", "$low..$high", f"$(low)..{high}", f"{low}..$(1 * high)"):
        found = range_of(text, scope)
        assert found is not None
        assert list(found) == expected


def test_ranges_are_bounded_and_run_over_ints() -> None:
    assert range_of(f"1..{TURNS}", {}) == range(1, TURNS + 1)
    for text in (f"0..{TURNS}", "1..1000000000", "1.." + "9" * 40):
        with pytest.raises(ExpressionError) as caught:
            range_of(text, {})
        assert limited(caught.value)
    for end in (2.5, True, "3", None):
        with pytest.raises(ExpressionError, match="int"):
            range_of("1..$x", {"x": end})
    for other in ("a..b", "1..2.5", "1 to 3", "../x", 7, [1, 2], "1..2..3"):
        assert range_of(other, {}) is None


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a$(b + )", ")", "not the end"),
        ("$(max(1, 2)", "$(max(1, 2)", "never closed"),
        ("costs 5$", "$", r"write `\$\$`"),
        ("x$(1 // 0)", "1 // 0", "division by zero"),
        ("x$(1 + chanels)", "chanels", "`chanels`"),
        ("$(1 + input.chanels)", "input.chanels", "it has `channels`"),
        ("$(a + input)", "input", r"\$\(input.channels\)"),
        ("$(maks(1))", "maks", "no function"),
        ("$(a = 1)", "=", "`==` compares"),
        ("$(a && b)", "&", "`and`"),
        ("$(min(a, key=b))", "=", "by position"),
        ("$(1 if a else 2)", "a", "true or false"),
        ("$([1, 2][5])", "[1, 2][5]", "out of range"),
        ("$((0 - 8) ** 0.5)", "(0 - 8) ** 0.5", "real"),
        ("$()", "", "empty"),
    ],
)
def test_an_error_names_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        evaluate(["fine", {"key": text}], SCOPE)
    error = caught.value
    assert text[(error.problem.part or (0, 0))[0] : (error.problem.part or (0, 0))[1]] in (place, "")
    assert error.problem.loc == (1, "key")
    if "chanels" in text:
        assert error.unknown == "chanels"
        assert {"channels", "input"} & set(error.names)
