"""What is printed is harmless: whatever a stranger's files hold, and whichever command prints of it, a terminal is told
to do nothing but what we tell it, and who reads a log of it is given no command."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
import subprocess
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from speczoo import console
from speczoo.commands import SECTIONS
from speczoo.specs.escaping import inert, safe, shows
from speczoo.table import Column, Table
from speczoo.training.errors import TrainingError
from tests.commands.zoo_command import everything
from tests.hostile import terminal
from tests.hostile.terminal import BETWEEN, MANNERS, Step, steps
from tests.hostile.terminal_files import BLINKING, NAME, TEXT, WRITTEN, prepare

ROOT = Path(__file__).parents[2]
OURS = r"\x1b\[(?!5;41m)[0-9;]*m|\r\x1b\[K"
BARS = r"|\r|\x1b\[A"
ALIKE = ("plain", "pipe")  # go the same way as a terminal with colours, and as files that take ASCII alone
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"


def obeyed(text: str, *, ours: str = OURS) -> list[str]:
    """What a terminal would act on, but for what is ours."""
    left = re.sub(ours, "", text).replace("\n", "")
    return [c for c in left if not c.isprintable() or c in INVISIBLE or "VARIATION SELECTOR" in unicodedata.name(c, "")]


def commands(text: str) -> list[str]:
    """The lines that a builder's log would take for commands: GitHub, Azure and TeamCity."""
    lines = re.split("[\r\n]", re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text))
    return [line for line in lines if line.lstrip().startswith("::") or re.search(r"##\w*\[", line)]


def printed(text: str, step: Step) -> None:
    """Holds what a command printed to the promise."""
    assert not obeyed(text, ours=OURS + BARS if step.bars else OURS), (step.words, text)
    if "github" in step.words:
        assert all(re.match("::(error|warning) (file|title)=|Usage|Try|$|Error", line) for line in text.split("\n")), (
            text
        )
        text = re.sub("^::(error|warning) ", "", text, flags=re.M)
    assert not commands(text), (step.words, commands(text))
    assert "a bug of zoo" not in text, (step.words, text)


# -- all commands -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """For every manner and step what was exited with and printed: `out` and `err`, or `screen`."""
    pty = pytest.importorskip("pty", reason="no terminals here")
    termios = pytest.importorskip("termios")
    tty = pytest.importorskip("tty")
    home = tmp_path_factory.mktemp("stranger")
    leader, follower = pty.openpty()
    tty.setraw(follower)
    termios.tcsetwinsize(follower, (40, 100))
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "ZOO_DATA")}
    environment |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
    manners = [manner for manner in MANNERS if manner not in ALIKE or settings.get_current_profile_name() != "fast"]
    words = [sys.executable, "-m", terminal.__name__, str(home), *manners]
    child = subprocess.Popen(words, stdout=follower, stderr=follower, env=environment, cwd=ROOT)
    os.close(follower)
    screens = everything(leader).decode("utf-8").split(BETWEEN)
    assert child.wait() == 0, screens[-1]
    found: dict[str, list[dict[str, Any]]] = json.loads((home / "results.json").read_text(encoding="utf-8"))
    shown = [result for manner in manners for result in found[manner] if "out" not in result]
    assert len(shown) + 1 == len(screens), "a break of ours stands in what was printed"
    for result, screen in zip(shown, screens, strict=False):
        result["screen"] = screen
    return found


@pytest.mark.parametrize("manner", ["colour", pytest.param("plain", marks=pytest.mark.alike)])
def test_a_terminal_obeys_nothing_of_a_stranger(manner: str, run: dict[str, list[dict[str, Any]]]) -> None:
    for step, result in zip(steps(manner), run[manner], strict=True):
        printed(result["screen"], step)
        assert manner == "colour" or "\x1b[" not in re.sub(OURS.partition("|")[2] + BARS, "", result["screen"])


@pytest.mark.parametrize("manner", [pytest.param("pipe", marks=pytest.mark.alike), "ascii"])
def test_a_log_obeys_nothing_of_a_stranger(manner: str, run: dict[str, list[dict[str, Any]]]) -> None:
    for step, result in zip(steps(manner), run[manner], strict=True):
        for text in [result["err"]] if step.data else [result["out"], result["err"]]:
            printed(text, step)
            assert "\x1b" not in text
            assert text.isascii() or manner == "pipe", (step.words, text)
        if "--json" in step.words and result["out"]:
            json.loads(result["out"])


def test_every_command_meets_a_strangers_text(run: dict[str, list[dict[str, Any]]]) -> None:
    """The properties above are of something: each command showed what the stranger wrote, and none broke down."""
    for manner in ("colour", "ascii"):
        pairs = list(zip(steps(manner), run[manner], strict=True))
        met = {step.words[0] for step, result in pairs if "mallory" in json.dumps(result)}
        known = {name for commands in SECTIONS.values() for name in commands}
        assert known - met == (set() if terminal.TRAINS else {"build", "import", *SECTIONS["Train"]} - {"recipes"})
        assert {result["code"] for step, result in pairs} <= {0, 1, 2}


def test_data_in_a_pipe_is_exactly_itself(run: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    """What a terminal is spared of, a file gets: the bytes of the spec, of the recipe, of the difference."""
    prepare(tmp_path)
    for manner in run.keys() & {"pipe", "ascii"}:
        out = {step.words: result["out"] for step, result in zip(steps(manner), run[manner], strict=True)}
        for path in ("net.json", "net.yaml"):
            assert out["show", path].endswith((tmp_path / path).read_text(encoding="utf-8").rstrip("\n") + "\n")
        assert out["recipes", "recipe.yaml"] == (tmp_path / "recipe.yaml").read_text(encoding="utf-8")
        difference = out["check", f"{NAME}.yaml", "--diff"].split("\n")
        assert f"-  - {{op: Relu}} # {WRITTEN}" in difference
        assert f"+  - {{op: ReLU}} # {WRITTEN}" in difference


# -- the door -----------------------------------------------------------------------------------------------------

PIECES = st.one_of(
    st.text(max_size=20),
    st.characters(categories=["Cc", "Cf", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Cs"]),
    st.sampled_from([TEXT, "::error::x", " ::error::x", "\u3000::", ":", "#", "##[", "##vso[", BLINKING, "\n", "\r"]),
)
ANY = st.lists(PIECES, max_size=6).map("".join)


class Screen(io.TextIOWrapper):
    """A stream that takes what it is given in an encoding of its own."""

    def __init__(self, terminal: bool, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def shown(self) -> str:
        self.flush()
        written: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return written.decode(self.encoding)


@given(st.lists(ANY, min_size=1, max_size=4), st.booleans(), st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252"]))
def test_each_text_stays_on_its_line(texts: list[str], terminal: bool, encoding: str) -> None:
    screen = Screen(terminal, encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        patch.setenv("TERM", "xterm")
        patch.delenv("NO_COLOR", raising=False)
        console.say(*texts, [console.Styled(text, console.BOLD) for text in texts])
        patch.setenv("COLUMNS", "10000")
        console.say(Table([Column(text, [text, "x"], left=bool(i)) for i, text in enumerate(texts)]))
    shown = screen.shown()
    assert shown.count("\n") == len(texts) + 1 + 4
    assert not obeyed(shown)
    assert not commands(shown)
    assert ("\x1b" in shown) == terminal


@given(st.lists(ANY, min_size=1, max_size=4).map("\n".join), st.sampled_from(["", "yaml", "json", "python"]))
def test_data_is_exact_in_a_pipe_and_harmless_on_a_terminal(text: str, language: str) -> None:
    for on_terminal in (False, True):
        screen = Screen(on_terminal, "utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", screen)
            patch.setenv("TERM", "xterm")
            patch.delenv("NO_COLOR", raising=False)
            console.data(text, language)
        if on_terminal:
            assert not obeyed(screen.shown())
            assert not commands(screen.shown())
        else:
            whole = re.search("[\ud800-\udc7f\udd00-\udfff]", text) is None
            expected = text.encode("utf-8", "surrogateescape" if whole else "backslashreplace")
            assert screen.buffer.getvalue() == expected  # type: ignore[attr-defined]


@given(ANY, st.integers(20, 200))
def test_progress_is_one_line_that_fits(text: str, columns: int) -> None:
    screen = Screen(True, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", str(columns))
        console.progress(text)
    shown = screen.shown()
    assert shown.startswith(console.CLEAR)
    assert not obeyed(shown)
    assert "\n" not in shown
    assert cell_len(shown.removeprefix(console.CLEAR)) < columns


@given(ANY)
def test_what_others_say_is_harmless_too(text: str) -> None:
    """Python's warnings, logs of other packages, tracebacks."""
    screen = Screen(True, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        with console.listening():
            warnings.simplefilter("always")  # whatever the tests are run with
            warnings.warn(text, stacklevel=1)
            logging.getLogger("another.package").warning("%s", text)
            try:
                raise ValueError(text)
            except ValueError:
                console.failure()
    shown = screen.shown()
    assert shown.count("UserWarning") == shown.count("another.package: ") == 1
    assert not obeyed(shown)
    assert not commands(shown)


@given(ANY)
def test_errors_are_harmless_in_whatever_log_they_end_up(text: str) -> None:
    """From Python nothing of ours prints them: their own words are safe."""
    weights = pytest.importorskip("speczoo.weights")
    report = weights.LoadReport(text, (text,), (text,), (text,))
    for reported in (weights.WeightsError(text, f"missing: {text}"), report, TrainingError(f"no {text}", text)):
        shown = str(reported)
        assert shown.count("\n") == len(reported.lines) - 1
        assert not obeyed(shown)
        assert not commands(f"Error: {shown}")


def test_every_kind_of_character_that_does_not_show_is_escaped() -> None:
    for number in range(0x110000):
        character = chr(number)
        kind = unicodedata.category(character)
        unnoticed = kind[0] == "C" or kind in ("Zl", "Zp") or character in INVISIBLE
        if unnoticed or (kind == "Mn" and "VARIATION SELECTOR" in unicodedata.name(character)):
            assert not shows(character), hex(number)
    assert safe("é漢字 ×\u0301") == "é漢字 ×\u0301"


@given(ANY)
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    assert safe(safe(text)) == safe(text)
    assert inert(inert(safe(text))) == inert(safe(text))


def test_columns_of_a_table_are_columns_of_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", screen := Screen(False, "utf-8"))
    console.say(Table([Column("name", ["漢字", "e\u0301e\u0301", "plain"], left=True), Column("n", ["1", "1", "1"])]))
    rows = screen.shown().splitlines()[2:]
    assert {cell_len(row) for row in rows} == {len("plain  1")}


# -- the only one -------------------------------------------------------------------------------------------------

WRITERS = {"print", "echo", "secho", "echo_via_pager", "print_exc", "print_exception", "pprint"}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}


def prints(tree: ast.AST) -> Iterator[int]:
    """The lines of calls that print: by their names, or by writing to a stream of the process."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id in WRITERS:
            yield node.lineno
        elif isinstance(function, ast.Attribute):
            owner = ast.unparse(function.value)
            stream = owner.rpartition(".")[2] in STREAMS or owner.endswith("tqdm") or owner.endswith("Tqdm")
            if function.attr in WRITERS or (function.attr in ("write", "writelines") and stream):
                yield node.lineno


@pytest.mark.parametrize("package", ["specs", "compiler", "zoo"])
def test_there_is_one_door(package: str) -> None:
    door = ROOT / "zoo" / "console.py"
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in (ROOT / package).rglob("*.py")
        if path != door
        for line in prints(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
    assert list(prints(ast.parse(door.read_text(encoding="utf-8"))))


def test_a_second_door_is_noticed() -> None:
    for line in ("print(1)", "click.echo('x')", "sys.stderr.write('x')", "Console().print(x)", "Tqdm.write('x')"):
        assert list(prints(ast.parse(line))) == [1], line
    assert not list(prints(ast.parse("file.write('x'); report.add(print_of)")))
