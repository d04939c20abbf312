"""The command as a whole: help, exit codes, what is imported when, colour, aliases."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

import speczoo.__main__ as front
from speczoo.commands import ALIASES, SECTIONS, module_of
from speczoo.console import coloured
from speczoo.specs.diagnostics import Diagnostic
from speczoo.specs.errors import SpecError
from tests.commands.zoo_command import ROOT, data, fresh, on_a_terminal, zoo

COMMANDS = [name for commands in SECTIONS.values() for name in commands]
HELPERS = {"__init__", "common", "diff_report", "exports", "layout", "summary_formats"}
HELPERS |= {"shell_completion", "training_options", "watching", "weights_options"}

RUN = """
import sys
import termios
from speczoo.__main__ import cli
for line in sys.argv[1:]:
    try:
        cli(line.split(), prog_name="zoo")
    except SystemExit as end:
        if end.code: sys.exit(f"{line}: {end.code}")
"""
HEAVY = "print('HEAVY', *sorted({'torch', 'networkx', 'pydantic', 'rich'} & set(sys.modules)), file=sys.stderr)"


def test_help_names_every_command_and_every_command_is_there() -> None:
    files = {path.stem for path in (ROOT / "zoo" / "commands").glob("*.py")} - HELPERS
    assert set(map(module_of, COMMANDS)) == files
    shown = zoo("--help").stdout
    for name in COMMANDS:
        assert f"  {name} " in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json_and_says_what_it_does(name: str) -> None:
    command = front.cli.get_command(click.Context(front.cli), name)
    assert command is not None
    assert "--json" in {option for param in command.params for option in param.opts}
    assert command.help
    assert "--debug" in zoo(name, "--help").stdout


def test_help_imports_nothing_heavy() -> None:
    done = fresh(RUN + HEAVY, "--help", "completion bash")
    assert done.stderr == "HEAVY\n"


LOOKING = ["list", "list --where year>2015 --sort macs", "show resnet34", "summary resnet34", "source resnet34"]
LOOKING += ["compare alexnet vgg16", "check resnet34", "explain cycle", "completion zsh"]


def test_looking_never_imports_torch() -> None:
    done = fresh(RUN + HEAVY, *LOOKING)
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stderr
    assert "pydantic" in done.stderr  # it has looked


def test_list_does_without_the_compiler() -> None:
    assert "networkx" not in fresh(RUN + HEAVY, "list").stderr


def test_python_m_zoo() -> None:
    done = subprocess.run([sys.executable, "-m", "speczoo", "list", "lenet5"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0
    assert "61,706" in done.stdout


def test_without_torch_the_line_that_installs_it() -> None:
    done = fresh("import sys; sys.modules['torch'] = None\n" + RUN, "build lenet5")
    assert done.stderr.startswith("error: this needs torch, which is not installed: pip install 'speczoo[torch]'")
    assert done.stderr.endswith("build lenet5: 2\n")


def test_distribution_and_extras_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == front.DISTRIBUTION
    assert set(front.EXTRAS.values()) <= set(project["optional-dependencies"])


# -- exit codes ---------------------------------------------------------------------------------------------------

BROKEN = "spec: 1\nname: broken\ninput: [3, 8, 8]\nlayers:\n  - {op: Conv2d, out_channels: 4}\n"


@pytest.mark.parametrize("name", ["summary", "source", "compare", "build", "check"])
def test_a_wrong_spec_is_1_with_its_line(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "broken.yaml"
    spec.write_text(BROKEN)
    result = zoo(name, spec, code=1)
    assert "missing-argument" in result.output
    assert "broken.yaml:5:" in result.output
    reported = data(name, spec, code=1)
    assert reported["ok"] is False
    assert [(f["file"], d["line"]) for f in reported["files"] for d in f["diagnostics"]] == [(str(spec), 5)]


WRONG = [
    ("summary",),
    ("summary", "no_such_network"),
    ("summary", "no_such_file.yaml"),
    ("summary", "no_such_*"),
    ("sumary", "resnet18"),
    ("summary", "lenet5", "--input", "3x-1"),
    ("summary", "lenet5", "--input", "a=1x2", "--input", "3x4"),
    ("summary", "lenet5", "--set", "num_classes"),
    ("summary", "lenet5", "--set", "num_classes=no"),
    ("summary", "lenet5", "--set", "num_classes=1\nx: 2"),
    ("summary", "lenet5", "--set", "num_classes=1", "--set", "num_classes=2"),
    ("list", "--where", "params <"),
    ("list", "--where", "parms < 3"),
    ("list", "--where", "params"),
    ("list", "--where", "name < 3"),
    ("list", "--where", "1) or (1"),
    ("list", "--sort", "beauty"),
    ("build", "lenet5", "-o", "weights.exe"),
    ("build", "lenet5", "vgg11", "-o", "both.pt"),
    ("build", "lenet5", "-o", "no/such/folder/x.py"),
    ("build", "lenet5", "--weights", "no_such_file.pt"),
    ("source", "lenet5", "-o", "no/such/folder/x.py"),
    ("new", "../x"),
    ("new", "a b"),
    ("new", "x", "--set", "depth=3"),
    ("completion", "csh"),
    ("--no-such-option",),
]


@pytest.mark.parametrize("args", WRONG)
def test_wrong_usage_is_2_and_says_why(args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = zoo(*args, code=2)
    assert result.stdout == ""
    assert result.stderr.strip()
    assert list(tmp_path.iterdir()) == []


def test_near_misses_are_named() -> None:
    assert "`summary`" in zoo("sumary", "x", code=2).stderr
    assert "`resnet34`" in zoo("summary", "resnet3_4", code=2).stderr
    assert "`params`" in zoo("list", "--where", "parms < 3", code=2).stderr
    assert "`num_classes`" in zoo("summary", "lenet5", "--set", "num_clases=3", code=1).stderr


def test_all_that_is_wrong_is_reported_and_what_is_right_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BROKEN)
    (tmp_path / "b.yaml").write_text(BROKEN.replace("out_channels: 4", "out_chanels: 4"))
    result = zoo("summary", tmp_path / "a.yaml", "lenet5", tmp_path / "b.yaml", code=1)
    assert "61,706" in result.stdout
    assert "a.yaml:5" in result.stderr
    assert "b.yaml:5" in result.stderr


def _fails(error: Exception) -> click.Command:
    def command() -> None:
        raise error

    return click.Command("summary", callback=command)


def test_a_bug_is_3_and_asks_to_be_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speczoo.commands.summary.command", _fails(KeyError("\x1b[31mred")))
    result = zoo("summary", code=3)
    assert result.stdout == ""
    assert "KeyError" in result.stderr
    assert "report" in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.\n0x1"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ],
    ids=["python", "cpu", "cuda"],
)
def test_memory_that_is_not_there_is_no_bug(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speczoo.commands.summary.command", _fails(error))
    result = zoo("summary", code=2)
    assert result.stdout == ""
    assert result.stderr.startswith("error: this takes more memory than there is")
    assert result.stderr.count("\n") == 1


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    monkeypatch.setattr("speczoo.commands.summary.command", _fails(KeyError("x")))
    for args in (["--debug", "summary"], ["summary", "--debug"]):
        result = CliRunner().invoke(front.cli, args)
        assert (result.exit_code, "Traceback" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    ("diagnostic", "code"),
    [
        (Diagnostic("unreadable", "no", file="x.yaml"), 2),
        (Diagnostic("unknown-reference", "no network `x`"), 2),
        (Diagnostic("unknown-param", "no", file="x.yaml"), 1),
    ],
)
def test_exit_code_of_what_is_reported(monkeypatch: pytest.MonkeyPatch, diagnostic: Diagnostic, code: int) -> None:
    monkeypatch.setattr("speczoo.commands.summary.command", _fails(SpecError([diagnostic])))
    zoo("summary", code=code)


# -- pipes and terminals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["list resnet*", "show lenet5"])
def test_colour_is_for_terminals_that_want_it(command: str) -> None:
    shown = on_a_terminal(*command.split())
    assert "\x1b[" in shown
    plain = on_a_terminal(*command.split(), NO_COLOR="1")
    assert "\x1b" not in plain
    assert plain.split() == zoo(*command.split()).stdout.split()


def test_pipes_are_plain_and_whole() -> None:
    done = fresh(RUN, "list", "summary densenet121", "show resnet34", "compare vgg16 vgg19")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "features.denseblock4.denselayer16.conv1" in done.stdout
    assert "…" not in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


TABLES = ["list", "summary densenet121", "compare vgg16 resnet152 alexnet", "recipes", "explain"]


@pytest.mark.parametrize("command", TABLES)
def test_a_table_fits_the_terminal(command: str) -> None:
    """On a wide one it is what a pipe gets, in colours; a narrow one has the same rows, and all figures of them."""
    piped = zoo(*command.split()).stdout.splitlines()
    wide = on_a_terminal(*command.split(), columns=200)
    assert "\x1b[1m" in wide
    assert [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", wide).splitlines()] == piped
    narrow = on_a_terminal(*command.split(), columns=80, NO_COLOR="1")
    assert "\x1b" not in narrow
    assert max(map(len, narrow.splitlines())) <= 80
    assert set(re.findall(r"[\d,]{3,}", narrow)) >= set(re.findall(r"[\d,]{6,}", "\n".join(piped)))


def test_a_narrow_terminal_keeps_the_ends_of_names_and_whole_sentences() -> None:
    shown = on_a_terminal("summary", "densenet121", columns=80, NO_COLOR="1")
    assert "denselayer16.conv1 " in shown
    assert "…" in shown
    assert "Trainable" not in shown
    folded = on_a_terminal("explain", columns=60, NO_COLOR="1")
    assert "nothing takes the output of this entry (a warning)" in " ".join(folded.split())


def test_nothing_draws_in_a_pipe() -> None:
    done = fresh(RUN + HEAVY, "list", "summary lenet5", "compare lenet5", "recipes", "explain")
    assert done.returncode == 0, done.stderr
    assert "rich" not in done.stderr.rpartition("HEAVY")[2]


def test_no_stream_of_ours_is_coloured_under_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())


@pytest.mark.parametrize("command", ["show *", "check {wrong}", "check --json {wrong}", "summary --json {wrong}"])
def test_a_reader_that_has_read_enough_is_no_trouble_and_no_success(command: str, tmp_path: Path) -> None:
    """The exit code is a shell's for SIGPIPE, or where the spec is wrong that of a wrong spec; never 0."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(BROKEN, encoding="utf-8")
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "speczoo", *command.format(wrong=wrong).split()]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(writer)
    assert done.returncode in ([1, 141] if "wrong" in command else [141]), done.stderr
    assert not any(word in done.stderr for word in ("Traceback", "Exception", "pipe"))


# -- aliases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_commands_under_other_names_run_and_say_their_own(alias: str, name: str) -> None:
    reported, own = zoo(alias, "--help"), zoo(name, "--help")
    assert reported.stdout == own.stdout
    assert f"`zoo {name}`" in reported.stderr
    assert alias not in {command for commands in SECTIONS.values() for command in commands}


def test_version_and_help_are_commands_too() -> None:
    assert zoo("version").stdout == zoo("--version").stdout
    assert zoo("help").stdout == zoo("--help").stdout
    assert zoo("help", "check").stdout == zoo("check", "--help").stdout
    assert "there is no command" in zoo("help", "nothing", code=2).stderr


# -- plugins ----------------------------------------------------------------------------------------------------------

LAYER = """
from dataclasses import dataclass
import beside_{n}
from speczoo.compiler.layer import Layer, Shape


class Same{n}(Layer):
    \"\"\"Gives what it takes.\"\"\"

    def infer(self, x: Shape) -> Shape:
        return x
"""


def test_a_module_beside_the_spec_is_a_plugin(tmp_path: Path) -> None:
    """With what lies beside it, from wherever it is called; its folder is looked at last."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mine_7.py").write_text(LAYER.format(n=7))
    (tmp_path / "nets" / "beside_7.py").write_text("")
    (tmp_path / "nets" / "json.py").write_text("raise SystemError\n")
    spec = "spec: 1\nname: t\ninput: [3]\nlayers: [{op: Same7}]\n"
    (tmp_path / "nets" / "net.yaml").write_text(spec)
    code = "import sys; from speczoo.__main__ import main; sys.argv = ['zoo', *sys.argv[1:]]; main()"
    for asked, exit_code in (("net.yaml", 0), ("net.yaml:x", 1)):
        words = ("--plugin", "mine_7", "check", str(tmp_path / "nets" / asked))
        reported = fresh(code, *words)
        assert (reported.returncode, "unknown-op" in reported.stdout) == (exit_code, False), (
            reported.stdout + reported.stderr
        )
        assert "Traceback" not in reported.stderr
    assert "unknown-op" in fresh(code, "check", str(tmp_path / "nets" / "net.yaml")).stdout


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("no_such_module", None, "there is no such module"),
        ("not a name", None, "takes the name of a module"),
        ("", None, "takes the name of a module"),
        (".x", None, "takes the name of a module"),
        ("nets/mine.py", None, "as mine"),
        ("os.nothing", None, "ModuleNotFoundError"),
        ("wrong_syntax", "def", "SyntaxError"),
        ("wrong_import", "import no_such_module_at_all", "No module named"),
        ("wrong_value", "1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_reported(
    name: str, content: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    if content is not None:
        (tmp_path / f"{name}.py").write_text(content)
    reported = zoo("--plugin", name, "check", "lenet5", code=2)
    assert words in reported.stderr
    assert "bug" not in reported.stderr
