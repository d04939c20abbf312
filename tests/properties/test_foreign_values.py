"""Values as Python, Hydra, Jinja and others write them, at every argument of every layer: one problem says what to
write, and where that is certain the fix writes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.checking import check_into
from speczoo.compiler.compile import compile
from speczoo.compiler.layer import Layer
from speczoo.specs import edit
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.foreign_values import as_list
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.reserved_names import bad_input
from speczoo.specs.source import Source

VALUES: tuple[Any, ...] = (2, 0.5, [2, 2], [2], [2, 2, 2], [2, 2, 2, 2], [2] * 6, True, "same", "nearest", "zeros")
#: What an op needs that its fields do not say.
NEEDED = {op: {"scale_factor": 2, "mode": "bilinear"} for op in ("Upsample", "interpolate")}
TOGETHER = 40  # entries of one spec


class Argument(NamedTuple):
    """An argument of a layer, what others it needs, and a value that it takes."""

    op: str
    name: str
    needed: dict[str, Any]
    value: Any

    def takes(self, value: Any) -> bool:
        return takes(Layer.registry[self.op], {**self.needed, self.name: value}, self.name)

    def flow(self, text: str) -> str:
        needed = "".join(f"{name}: {written(value)}, " for name, value in self.needed.items())
        return f"  - {{id: ID, op: {self.op}, {needed}{self.inputs(', ')}{self.name}: {text}}}\n"

    def block(self, text: str) -> str:
        needed = "".join(f"    {name}: {written(value)}\n" for name, value in self.needed.items())
        return f"  - id: ID\n    op: {self.op}\n{needed}    {self.inputs(chr(10) + '    ')}{self.name}: {text}\n"

    def inputs(self, end: str) -> str:
        arity = int(Layer.registry[self.op].arity[0])
        return f"from: {written(['input'] * arity)}{end}" if arity else ""


def takes(layer: type[Layer], arguments: dict[str, Any], name: str) -> bool:
    try:
        layer.model_validate(arguments)
    except ValidationError as error:
        return all(detail["loc"][:1] != (name,) for detail in error.errors(include_url=False))
    return True


def arguments() -> Iterator[Argument]:
    """Every argument of every layer with every value that it takes; a `shape` is a key of entries, too."""
    for op, layer in Layer.registry.items():
        for name in [field for field in layer.model_fields if field != "shape"]:
            required = [field for field, info in layer.model_fields.items() if info.is_required() and field != name]
            needed = {field: next(v for v in VALUES if takes(layer, {field: v}, field)) for field in required}
            needed |= NEEDED.get(op, {}) if name not in ("size", "scale_factor") else {}
            for value in VALUES:
                if takes(layer, {**needed, name: value}, name):
                    yield Argument(op, name, {k: v for k, v in needed.items() if k != name}, value)


ALL = list(arguments())
FIRST = list({(each.op, each.name): each for each in reversed(ALL)}.values())
LISTS = [each for each in ALL if isinstance(each.value, list) and len(each.value) > 1]


def written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown(source: Source) -> list[Diagnostic]:
    """The errors of a text."""
    report = Report()
    document = parse(source, report)
    spec = load(document, report) if document else None
    if document and spec:
        compile(LoadedSpec(spec, document), report, explain=False)
    return report.errors


class Pair(NamedTuple):
    """A wrong spec and the right one, an entry for each argument, and what is reported of each entry."""

    arguments: tuple[Argument, ...]
    right: dict[int, list[Diagnostic]]
    wrong: dict[int, list[Diagnostic]]
    mended: dict[int, list[Diagnostic]]

    def problems(self) -> Iterator[tuple[Argument, Diagnostic, bool]]:
        """The one problem of each entry; whether it is right but for it. What has a fix is mended by it."""
        for number, argument in enumerate(self.arguments):
            before = {(each.code, each.message) for each in self.right[number]}
            new = [each for each in self.wrong[number] if (each.code, each.message) not in before]
            assert len(new) == 1, (argument, new)
            if new[0].fix and not before:
                assert not [each for each in self.mended[number] if each.code != "missing-argument"], argument
            yield argument, new[0], not before


def by_entry(source: Source, reported: list[Diagnostic] | None = None) -> dict[int, list[Diagnostic]]:
    """What is reported, by the number of the entry that it is reported of."""
    first = [number for number, line in enumerate(source.text.split("\n"), 1) if line.startswith("  - ")]
    found: dict[int, list[Diagnostic]] = defaultdict(list)
    for each in shown(source) if reported is None else reported:
        assert each.span is not None, each
        found[sum(line <= each.span.line for line in first) - 1].append(each)
    return found


def pairs(
    chosen: Iterable[Argument],
    style: Callable[[Argument, str], str],
    wrong: Callable[[Argument], str],
    right: Callable[[Argument], str] = lambda each: written(each.value),
    param: Any = None,
) -> Iterator[Pair]:
    """Specs in which every argument is written wrongly, some together."""
    head = f"spec: 1\nname: t\ninput: [4, 16, 16]\nparams: {{x: {written(param)}, unused: 1}}\nlayers:\n"
    left = list(chosen)
    for some in (tuple(left[i : i + TOGETHER]) for i in range(0, len(left), TOGETHER)):
        bad, good = (
            Source("t.yaml", head + "".join(style(a, form(a)).replace("ID", f"e{i}") for i, a in enumerate(some)))
            for form in (wrong, right)
        )
        reported = shown(bad)
        mended = Source("t.yaml", edit.mended(bad, reported))
        yield Pair(some, by_entry(good), by_entry(bad, reported), by_entry(mended))


STYLES = pytest.mark.parametrize("style", [Argument.flow, Argument.block], ids=["flow", "block"])


@STYLES
@pytest.mark.parametrize("form", ["({})", "( {}, )", "'({})'", '"[{}]"'])
def test_a_tuple_is_a_list(style: Callable[[Argument, str], str], form: str) -> None:
    for pair in pairs(LISTS, style, lambda each: form.format(", ".join(map(str, each.value)))):
        for argument, problem, alone in pair.problems():
            assert written(argument.value) in " ".join((problem.message, *problem.help))
            assert problem.fix or not alone


@pytest.mark.parametrize(("style", "form"), [(Argument.flow, ","), (Argument.flow, ", "), (Argument.block, ", ")])
def test_several_values_are_one_problem(style: Callable[[Argument, str], str], form: str) -> None:
    for pair in pairs(LISTS, style, lambda each: form.join(map(str, each.value))):
        for argument, problem, _ in pair.problems():
            assert written(argument.value) in " ".join(problem.help)


@STYLES
@pytest.mark.parametrize("word", ["None", "nil", '"null"', "null"])
def test_nothing_is_left_out_or_null(style: Callable[[Argument, str], str], word: str) -> None:
    chosen = [each for each in FIRST if word != "null" or not each.takes(None)]
    for pair in pairs(chosen, style, lambda each: word):
        for argument, problem, _ in pair.problems():
            stated = " ".join(problem.help)
            assert "must be written" in stated or "leave" in stated or (argument.takes(None) and "null" in stated)
            assert not problem.fix or argument.takes(None)


MARKS = ["${x}", "{{ x }}", "%(x)s", '"${x}"', "{x}"]
MARKS_ALIKE = ["{{x}}", '"{{x}}"', "'%(x)s'"]


@STYLES
@pytest.mark.parametrize("mark", [*MARKS, *(pytest.param(mark, marks=pytest.mark.alike) for mark in MARKS_ALIKE)])
@pytest.mark.parametrize("value", [2, 0.5, True, [2, 2]], ids=str)
def test_a_name_has_a_dollar(style: Callable[[Argument, str], str], mark: str, value: Any) -> None:
    chosen = [each for each in ALL if type(each.value) is type(value) and each.value == value]
    chosen = [each for each in chosen if not each.takes("x") and each.name != "init"]  # which is a mapping, or a number
    for pair in pairs(chosen, style, lambda each: mark, lambda each: "$x", value):
        for _, problem, alone in pair.problems():
            assert "$x" in " ".join((problem.message, *problem.help))
            assert problem.fix or not alone


@STYLES
@pytest.mark.parametrize("mark", ["${y}", "{{ y }}", "%(y)s", '"{{y}}"'])
def test_no_name_is_made_up(style: Callable[[Argument, str], str], mark: str) -> None:
    """What would name nothing is not written by a fix."""
    chosen = [each for each in FIRST if not each.takes("x")]
    for pair in pairs(chosen, style, lambda each: mark):
        assert not any(problem.fix for _, problem, _ in pair.problems())


@pytest.mark.parametrize(
    ("text", "intended"),
    [
        ("(3, 3)", [3, 3]),
        ("(3,)", [3]),
        ("(3)", 3),
        ("( 3 ,-1 )", [3, -1]),
        ("((1, 1), (2, 2))", [[1, 1], [2, 2]]),
        ("(None, 7)", [None, 7]),
        ("(0.5, 1)", [0.5, 1]),
        ("(a, b)", ["a", "b"]),
        ("[3, 3]", [3, 3]),
        ("3, 3", [3, 3]),
    ],
)
def test_what_a_tuple_means(text: str, intended: Any) -> None:
    reading = as_list(text)
    assert reading is not None
    assert reading.value == intended


@pytest.mark.parametrize(
    "text", ["(3, 3", "3, 3)", "()", "(3 3)", "He et al. (2015, 2016)", "(,)", "((((((1,),),),),),)"]
)
def test_what_is_no_tuple(text: str) -> None:
    assert as_list(text) is None


NAMES = ["left", "right", "image", "x", "class", "self", "F", "forward"]  # some of which are taken


@given(
    st.dictionaries(st.sampled_from(NAMES), st.lists(st.integers(1, 64), min_size=1), min_size=1),
    st.sampled_from(["input", "inputs"]),
)
def test_shapes_under_names_are_several_inputs(shapes: dict[str, list[int]], key: str) -> None:
    def found(line: str) -> list[Diagnostic]:
        report = Report()
        layers = f"layers: [{{op: concat, from: {[*shapes]}}}]" if len(shapes) > 1 else "layers: [{op: ReLU}]"
        check_into(report, f"spec: 1\nname: net\n{line}\n{layers}\n")
        return [d for d in report if d.span is not None and d.span.line == 3]

    (wrong,) = found(f"{key}: {{{', '.join(f'{name}: {shape}' for name, shape in shapes.items())}}}")
    sayable = max(map(len, shapes.values())) <= 6 and not any(map(bad_input, shapes))
    assert bool(wrong.help) == sayable
    assert not sayable or not found(wrong.help[0].removeprefix("write `").removesuffix("`"))
