"""Strings of a stranger: what is generated from them holds no code of theirs; what is printed, no control character."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from click import Context
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo.__main__ import cli
from speczoo.checking import graph_into
from speczoo.compiler.emit.safety import verify
from speczoo.specs import render
from speczoo.specs.diagnostics import Report
from tests.commands.zoo_command import zoo as command

NASTY = [
    '"""; import os; os.system("id") #', "'''", '"', "'", "\\", "\\\\", '\\"', '\\"""',
    '""" + __import__("os").system("id") + """', "{__import__('os')}", "{0}", "{self}", "{inputs}", "%s", "${x}",
    "[/red]", "[bold red]x[/]", "[link=http://x]y[/link]", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m",
    "\u202etxt.exe", "\u2028import os\u2029", "\x85import os", "\x0bimport os", "\x0cimport os", "\x1cimport os",
    "a\nimport os\nos.system('id')", "a\r\nimport os", "\r", "\x00", "\x7f", "\ufeff", "\u200b",
    "# type: ignore\nimport os", "x" * 900, "`rm -rf`", "$(id)", "$$(id)", "<script>alert(1)</script>",
    "::error::x", "%0A::error::x", "\\N{BULLET}", "\\x41", "\\u0041", "f'{1}'", "\\\n", "ends with \\", 'ends with "',
    'ends with """', '""""', '\\""""', "é", "🦊", "\ud7ff",
]  # fmt: skip
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=60),
    st.lists(st.sampled_from(NASTY), max_size=3).map(lambda parts: "".join(parts)[:900]),
    st.text(alphabet='"\\\na', max_size=8),  # what ends a docstring, in every order
)


def plain(text: str) -> bool:
    """Whether a terminal only shows it."""
    return all(character.isprintable() or character == "\n" for character in text)


def spec(text: str, name: str = "net") -> dict[str, Any]:
    """A network that has the text wherever a text may be."""
    literal = text.replace("$", "$$")
    return {
        "spec": 1,
        "name": name,
        "title": text,
        "reference": [text, text],
        "source": text,
        "year": 2000,
        "published": {"top1": text, text: 1},
        "input": [3, 8, 8],
        "params": {"word": {"type": "str", "default": literal, "doc": text}, "mode": "zeros"},
        "blocks": {
            "Block": {
                "doc": text,
                "params": {"note": {"default": literal, "doc": text}, "width": 2},
                "layers": [
                    {"op": "Conv2d", "out_channels": "$width", "kernel_size": 1, "padding_mode": "$mode"},
                    {"op": "ReLU", "when": "$(note != word + 'x')"},
                ],
            }
        },
        "layers": [{"op": "Block", "note": literal, "width": 4}, {"op": "Block", "note": "other"}, {"op": "Flatten"}],
        "variants": {"small": {"title": text, "source": text, "reference": text}},
    }


def shape_of(source: str) -> list[str]:
    """The kinds of nodes of a program, its texts taken for nothing."""
    return [type(node).__name__ for node in ast.walk(ast.parse(source))]


@given(TEXT)
def test_generated_code_is_the_same_whatever_the_texts_say(text: str) -> None:
    """Texts end up in docstrings alone: the tree of the code does not change with them, but for docstrings there."""
    source = speczoo.source(spec(text))
    verify(source)
    assert plain(source)
    code = without_docstrings(source)
    assert code == without_docstrings(speczoo.source(spec("harmless")))


def without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@given(TEXT)
def test_a_text_as_an_argument_is_a_literal_or_refused(text: str) -> None:
    """Where torch takes a word, a stranger's is none of its words."""
    for op, argument in (("Conv2d", "padding_mode"), ("Upsample", "mode"), ("GELU", "approximate")):
        given = {"Conv2d": {"out_channels": 1, "kernel_size": 1}, "Upsample": {"scale_factor": 2}}.get(op, {})
        entry = {"op": op, **given, argument: text.replace("$", "$$")}
        with pytest.raises(speczoo.SpecError) as caught:
            speczoo.check({"spec": 1, "name": "t", "input": [3, 8, 8], "layers": [entry]})
        assert plain(str(caught.value))


@given(
    TEXT,
    st.sampled_from(["id", "op", "from", "share", "taps", "when", "match", "freeze", "use", "name", "key", "block"]),
)
def test_a_text_as_a_name_is_refused_in_plain_words(text: str, where: str) -> None:
    data = spec("x")
    layer = {"op": "ReLU"}
    data["layers"].append(layer)
    match where:
        case "match":
            data["init"] = [{"match": text, text: 1}]
        case "freeze" | "use":
            data[where] = [text] if where == "freeze" else {text: text, "Other": text}
            layer["op"] = "Other"
        case "name":
            data["name"] = text
        case "block":
            data["blocks"][text] = {"layers": [{"op": text}]}
            layer["op"] = text
        case "key":
            layer[text] = text  # type: ignore[assignment]
        case "taps":
            data["layers"].append({"layers": [layer], "taps": [text]})
        case _:
            layer[where] = text
    report = Report()
    if graph_into(report, data) is not None and report.ok:
        verify(speczoo.source(data))
        assert plain(speczoo.source(data))
    assert plain(render.text(report))


@pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text)[:30])
def test_commands_print_plainly(text: str, tmp_path: Path) -> None:
    if "\ud7ff" < text < "\ue000":
        return
    path = tmp_path / "net.json"
    path.write_text(json.dumps(spec(text)), encoding="utf-8")
    for arguments in (["check"], ["summary"], ["show"], ["list"], ["source"], ["draw"], ["sizes"], ["sweep"]):
        target = f"{path}:small" if arguments[0] in ("summary", "source", "show", "draw") else str(path)
        result = command(*arguments, target) if arguments[0] in known() else None
        assert result is None or plain(result.output), (arguments, result.output)
    assert json.loads(command("list", str(path), "--json").stdout)[0]["title"] == text


def known() -> set[str]:
    return set(cli.list_commands(Context(cli)))


@pytest.mark.parametrize(
    "name", ["\x1b[31mred.yaml", "[red]x[red].yaml", "a\nb.yaml", "\u202ex.yaml", "'\"`$(id)`.yaml"]
)
def test_names_of_files_are_printed_plainly(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(spec("x") | {"layers": [{"op": "Nothing"}]}), encoding="utf-8")
    for form in ("text", "concise", "json", "github", "sarif"):
        assert plain(command("check", path, "--format", form, code=1).output), form
    assert plain(command("summary", path, code=1).output)


def test_words_in_a_title_import_nothing() -> None:
    plain = spec("harmless")
    stated = {**plain, "title": "torch.compile F.relu Tensor OrderedDict(NamedTuple) (NamedTuple)"}
    text, other = speczoo.source(plain), speczoo.source(stated)
    imports = [line for line in other.splitlines() if line.startswith(("import ", "from "))]
    assert imports == [line for line in text.splitlines() if line.startswith(("import ", "from "))]


def test_an_expression_of_any_length_is_written() -> None:
    """A sum of thousands nests deeper than Python's parser goes."""
    layers = [{"op": "add", "from": ["input"] * 9_000}]
    assert "x + x" in speczoo.source({"spec": 1, "name": "net", "input": [3], "layers": layers})
