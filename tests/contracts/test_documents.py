"""The documents say what is so: every example runs, every link leads somewhere."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo import checking
from speczoo.__main__ import cli
from speczoo.commands import SECTIONS
from speczoo.specs import entry, spec
from speczoo.specs.diagnostics import Report
from speczoo.specs.expression import FUNCTIONS

ROOT = Path(__file__).parents[2]
FRONT = ROOT / "README.md"
LANGUAGE = ROOT / "specs/README.md"
PACKAGES = ["", "specs", "compiler", "zoo", "tests"]
PACKAGES += [
    f"zoo/{package}" for package in ("drawing", "editor", "exploration", "exporting", "importing", "importing/sources")
]
PACKAGES += [f"zoo/{package}" for package in ("editor/vscode", "training", "testing")]
DOCUMENTS = sorted({path for package in PACKAGES for path in (ROOT / package).glob("*.md")})


class Block(NamedTuple):
    """A fenced block: the words behind its fence, its text, where it stands."""

    kind: str
    word: str
    text: str
    line: int


def blocks(path: Path, *kinds: str) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    made = [Block(m[1], m[2] or "", m[3], text.count("\n", 0, m.start()) + 1) for m in found]
    return [b for b in made if b.kind in kinds]


def each(path: Path, *kinds: str) -> pytest.MarkDecorator:
    found = blocks(path, *kinds)
    return pytest.mark.parametrize("block", found, ids=[f"line{b.line}" for b in found])


# -- the language's reference -------------------------------------------------------------------------------------


def completed(text: str) -> str:
    """An example as a whole spec, as the reference's first page says."""
    if text.startswith("- "):
        text = "layers:\n" + text
    parts = {
        "spec": "spec: 1\n",
        "name": "name: example\n",
        "input": "input: [3, 32, 32]\n",
        "layers": "layers: [{op: Identity}]\n",
    }
    if re.match(r'\{"spec"', text):
        return text
    return "".join(part for key, part in parts.items() if not re.search(rf"^{key}s?:", text, re.MULTILINE)) + text


def codes_of(text: str, folder: Path, suffix: str = ".yaml") -> list[str]:
    path = folder / f"example{suffix}"
    path.write_text(text, encoding="utf-8")
    report = Report()
    graphs = checking.check_into(report, path)
    assert graphs or report.errors
    return [d.code for d in report]


EXAMPLES = [block for block in blocks(LANGUAGE, "yaml", "json") if "." not in block.word]  # a name is a file's


@pytest.mark.parametrize("block", EXAMPLES, ids=[f"line{block.line}" for block in EXAMPLES])
def test_every_example_of_the_language_is_what_it_says(block: Block, tmp_path: Path) -> None:
    found = codes_of(completed(block.text), tmp_path, f".{block.kind}")
    assert set(found) == ({block.word} if block.word else set()), found


def test_an_example_that_is_wrong_would_be_found(tmp_path: Path) -> None:
    assert codes_of(completed("- {op: Linear}\n"), tmp_path) == ["missing-argument"]


def test_the_hook_lets_good_specs_pass_and_no_others(tmp_path: Path) -> None:
    (hook,) = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
    program, *arguments = shlex.split(hook["entry"])
    (config,) = [block.text for block in blocks(LANGUAGE, "yaml") if block.word == ".pre-commit-config.yaml"]
    assert f"id: {hook['id']}," in config
    assert program == "zoo"
    for text, code in (("- {op: ReLU}\n", 0), ("- {op: Relu}\n", 1)):
        (tmp_path / "net.yaml").write_text(completed(text), encoding="utf-8")
        assert CliRunner().invoke(cli, [*arguments, str(tmp_path / "net.yaml")]).exit_code == code


def test_the_workflow_checks_specs() -> None:
    (text,) = [block.text for block in blocks(LANGUAGE, "yaml") if block.word.startswith(".github")]
    steps = YAML(typ="safe").load(text)["jobs"]["specs"]["steps"]
    program, name, *arguments = shlex.split(steps[-1]["run"])
    command = cli.get_command(click.Context(cli), name)
    assert program == "zoo"
    assert command is not None
    command.make_parser(click.Context(command)).parse_args(arguments)


@pytest.mark.parametrize("package", ["specs", "compiler", "zoo"])
def test_every_file_of_a_package_is_on_its_page(package: str) -> None:
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / package).glob("[!_]*.py") if f"`{path.name}`" not in text] == []


def test_every_key_of_the_grammar_is_in_the_reference() -> None:
    text = LANGUAGE.read_text(encoding="utf-8")
    models = [model for model in vars(spec).values() if isinstance(model, type) and issubclass(model, spec.Grammar)]
    assert entry.Entry in models
    for model in models:
        for name, field in model.model_fields.items():
            if not field.exclude:
                key = field.alias or name
                assert re.search(rf"[`{{ ,]{key}[`:(]", text), f"{model.__name__}.{key}"


def test_every_function_of_expressions_is_in_the_reference() -> None:
    text = LANGUAGE.read_text(encoding="utf-8")
    assert all(f"`{name}(" in text for name in FUNCTIONS)


# -- the front page -----------------------------------------------------------------------------------------------

UNCERTAIN = re.compile(r"\d+(?:\.\d+)? ?(?:ms|s|seconds)\b")  # times


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it is shown to print; `...` stands for whatever comes."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def agrees(shown: str, printed: str) -> bool:
    pattern = r"\s+".join(
        re.escape(word).replace(r"\.\.\.", ".*?") for word in UNCERTAIN.sub("...", " ".join(shown.split())).split(" ")
    )
    return re.fullmatch(pattern, " ".join(printed.split()), re.DOTALL) is not None


WITH_PYTHON = [
    FRONT,
    ROOT / "zoo/documents.md",
    *(ROOT / f"zoo/{package}/README.md" for package in ("drawing", "exploration", "exporting", "importing")),
]
PAGES = [*WITH_PYTHON, ROOT / "zoo/README.md", ROOT / "zoo/importing/sources/README.md"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages show: blocks whose fence names one."""
    for block in (block for page in PAGES for block in blocks(page, "yaml", "json", "python")):
        if block.word:
            (tmp_path / block.word).write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


SHOWN = [pytest.param(b, id=f"{path.stem}-line{b.line}") for path in PAGES for b in blocks(path, "console")]


@pytest.mark.parametrize("block", SHOWN)
def test_the_commands_of_a_page_print_what_it_shows(block: Block, desk: Path) -> None:
    for command, shown in commands(block):
        program, *arguments = shlex.split(command, comments=True)
        if program != "zoo":
            continue
        printed = CliRunner().invoke(cli, arguments, prog_name="zoo").output
        assert agrees(shown, printed), f"$ {command}\n{printed}"


def test_a_command_that_prints_something_else_would_be_found() -> None:
    assert agrees("a ... c\n  took 0.31 s", "a b c took 7 s")
    assert not agrees("a b", "a c")


@each(FRONT, "pycon")
def test_the_front_pages_sessions_are_so(block: Block, desk: Path) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, {}, "README.md", str(FRONT), block.line)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=failed.append)
    assert test.examples
    assert not failed, "".join(failed)


@pytest.mark.parametrize(
    "path",
    [*WITH_PYTHON, ROOT / "compiler/README.md"],
    ids=["front", "documents", "drawing", "sweeps", "exports", "importing", "compiler"],
)
def test_a_pages_python_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = blocks(path, "python")
    for block in found:
        if block.word:
            (tmp_path / block.word).write_text(block.text, encoding="utf-8")
    text = "\n".join(block.text for block in found if not block.word)
    assert found
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    page = ModuleType("page")  # where pydantic looks for the types of a layer's fields
    monkeypatch.setitem(sys.modules, page.__name__, page)
    exec(compile(text, str(path), "exec"), vars(page))


def shown_commands(path: Path) -> list[str]:
    """The commands of shell blocks that are shown and not run."""
    text = "".join(block.text for block in blocks(path, "sh"))
    return re.findall(r"^(?:[^#\n]*&& )?zoo ([^#\n]+)", text, re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_that_are_only_shown_have_those_options(path: Path) -> None:
    for line in shown_commands(path):
        name, *arguments = shlex.split(line)
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, name
        command.make_parser(click.Context(command)).parse_args(arguments)


# -- the zoo's page -----------------------------------------------------------------------------------------------


def keys_in(value: object) -> set[str]:
    """The keys of JSON data that are the same for every network: those of mappings by id left out."""
    if isinstance(value, list):
        return {key for item in value for key in keys_in(item)}
    if not isinstance(value, dict):
        return set()
    return set(value) | {
        key for name, item in value.items() if name not in ("inputs", "outputs") for key in keys_in(item)
    }


@pytest.mark.parametrize("command", ["summary linear_classifier", "check wrong.yaml", "list 'linear*'"])
def test_json_has_the_keys_that_the_zoos_page_promises(command: str, desk: Path) -> None:
    name, *arguments = shlex.split(command)
    page = (ROOT / "zoo/README.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `zoo {name}[^`]*` \| (.+) \|$", page.partition("## As JSON")[2], re.MULTILINE)
    printed = CliRunner().invoke(cli, [name, *arguments, "--json"]).stdout
    assert keys_in(json.loads(printed)) == set(re.findall(r'"(\w+)"', row))


# -- all of them --------------------------------------------------------------------------------------------------


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """GitHub's anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_commands_that_documents_name_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {command for commands in SECTIONS.values() for command in commands}
    shown = {block.word for block in blocks(path, "python", "yaml")}
    for command in re.findall(r"(?:`|^\$ )zoo ([a-z][a-z-]*)", text, re.MULTILINE):
        assert command in known, f"zoo {command}"
    for name in re.findall(r"`([\w./-]+(?:\.py|\.md|/))`", prose(path)):
        assert name in shown or (path.parent / name).exists() or (ROOT / name).exists(), name


def test_every_command_is_in_a_document() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    for command in (name for commands in SECTIONS.values() for name in commands):
        assert f"zoo {command}" in text, command
