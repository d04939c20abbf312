"""`zoo check`, `explain`, `fmt` and `schema`: formats, exit codes, fixes, and what a clean run does without."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo import console
from speczoo.argument_order import argument_order as arguments
from speczoo.catalogue import NETWORKS
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.format import formatted
from speczoo.specs.load import load
from speczoo.specs.source import Source
from speczoo.training.recipe_loader import HOME
from tests.commands.zoo_command import ROOT, data, fresh, zoo

HEAD = "spec: 1\nname: t\ninput: [3, 8, 8]\nlayers:\n"
GOOD = HEAD + "  - {op: ReLU}\n"
WRONG = HEAD + "  # why\n  - {op:   Relu}   # here\n"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(WRONG, encoding="utf-8")
    return path


def test_good_is_0_and_a_line() -> None:
    assert zoo("check", "lenet5").stdout == "lenet5: good  1x32x32 -> 10  61,706 parameters\n"


def test_good_says_what_the_network_is(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(GOOD)
    assert zoo("check", path).stdout == f"{path}: good  3x8x8 -> 3x8x8  0 parameters\n"
    several = "inputs: [{id: a, shape: [3]}, {id: b, shape: [3]}]\nlayers: [{op: add, from: [a, b]}]\n"
    path.write_text("spec: 1\nname: t\n" + several + "outputs: [{id: x, from: a}, {id: y, from: b}]\n")
    assert zoo("check", path).stdout.endswith("net.yaml: 1 warning  a=3, b=3 -> x=3, y=3  0 parameters\n")
    family = "params: {width: 1}\nvariants: {small: {}, large: {params: {width: 9}}}\n"
    path.write_text(HEAD + "  - {op: Conv2d, out_channels: $width, kernel_size: 1}\n" + family)
    assert zoo("check", path).stdout == f"{path}: good  2 networks  4 to 36 parameters\n"
    assert zoo("check", f"{path}:small").stdout == f"{path}:small: good  3x8x8 -> 1x8x8  4 parameters\n"
    assert zoo("check", path, "lenet5").stdout == "2 networks and files: good\n"


def test_what_is_fixed_is_good_and_says_what_it_is(wrong: Path) -> None:
    assert zoo("check", wrong, "--fix").stdout == f"{wrong}: good  3x8x8 -> 3x8x8  0 parameters\n"


def test_wrong_is_1_and_shows_where(wrong: Path) -> None:
    out = zoo("check", wrong, code=1).stdout
    assert f"--> {wrong}:6:12" in out
    assert "did you mean `ReLU`?" in out
    assert out.endswith(f"{wrong}: 1 error\n")


def test_a_warning_is_0(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "  - {id: a, op: ReLU}\n  - {op: ReLU, from: input}\n")
    assert "warning[unused-layer]" in zoo("check", path).stdout
    assert data("check", path)["ok"] is True


def test_unreadable_is_2(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_bytes("name: é".encode("latin-1"))
    for target in (tmp_path / "net.yaml", tmp_path / "none.yaml", "no_such_network", tmp_path):
        zoo("check", target if target != tmp_path else f"{tmp_path}/", code=2)


def test_json_names_every_file(wrong: Path) -> None:
    got = data("check", wrong, "lenet5", code=1)
    assert [(f["file"], f["ok"], [d["code"] for d in f["diagnostics"]]) for f in got["files"]] == [
        (str(wrong), False, ["unknown-op"]),
        ("lenet5", True, []),
    ]
    assert got["ok"] is False


def test_what_a_used_spec_does_wrong_stands_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(WRONG)
    outer = tmp_path / "outer.yaml"
    outer.write_text("spec: 1\nname: o\ninput: [3, 8, 8]\nuse: {Inner: ./inner.yaml}\nlayers:\n  - {op: Inner}\n")
    files = {Path(f["file"]).name: f for f in data("check", outer, code=1)["files"]}
    assert files["outer.yaml"]["ok"] is False
    assert [d["code"] for d in files["inner.yaml"]["diagnostics"]] == ["unknown-op"]
    assert files["inner.yaml"]["diagnostics"][0]["line"] == 6


def test_other_formats(wrong: Path) -> None:
    assert zoo("check", wrong, "--format", "concise", code=1).stdout.startswith(f"{wrong}:6:12: error[unknown-op] ")
    assert zoo("check", wrong, "--format", "github", code=1).stdout.startswith(f"::error file={wrong},line=6,")
    assert json.loads(zoo("check", wrong, "--format", "sarif", code=1).stdout)["version"] == "2.1.0"
    assert zoo("check", "lenet5", "--format", "github").stdout == ""


def test_globs_and_variants(tmp_path: Path) -> None:
    shutil.copy(NETWORKS / "lenet.yaml", tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text(WRONG)
    got = data("check", f"{tmp_path}/*.yaml", code=1)
    assert [Path(f["file"]).name for f in got["files"]] == ["a.yaml", "b.yaml"]
    assert data("check", f"{tmp_path}/a.yaml:lenet5")["ok"] is True
    assert "lenet7" in zoo("check", f"{tmp_path}/a.yaml:lenet7", code=1).stdout


def test_set_input_and_limit() -> None:
    zoo("check", "lenet5", "--input", "1x32x32")
    assert "empty-output" in zoo("check", "lenet5", "--input", "1x4x4", code=1).stdout
    assert "num_classes" in zoo("check", "resnet18", "--set", "num_clases=2", code=1).stdout
    assert "limit-exceeded" in zoo("check", "resnet18", "--limit", "params=1000", code=1).stdout
    for usage in (("--limit", "colour=3"), ("--limit", "nodes=many"), ("--set", "x"), ("--input", "a,b")):
        zoo("check", "lenet5", *usage, code=2)


def test_diff_shows_and_changes_nothing(wrong: Path) -> None:
    out = zoo("check", wrong, "--diff").stdout
    assert "-  - {op:   Relu}   # here\n+  - {op:   ReLU}   # here\n" in out
    assert wrong.read_text(encoding="utf-8") == WRONG


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no `patch` here")
def test_a_shown_diff_applies(wrong: Path) -> None:
    subprocess.run(["patch", "-p1", "-d", "/"], input=zoo("check", wrong, "--diff").stdout, text=True, check=True)
    assert wrong.read_text(encoding="utf-8") == WRONG.replace("Relu", "ReLU")


@pytest.mark.parametrize("command", [["check", "--diff"], ["fmt", "--diff"]])
def test_a_diff_names_a_file_harmlessly(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31mb.yaml"
    path.write_text(GOOD.replace("ReLU", "Relu" if "check" in command else "ReLU, inplace:   true"))
    out = zoo(*command, path).stdout
    assert "b.yaml" in out
    assert out.replace("\n", "").isprintable()


def test_a_terminal_obeys_nothing_that_a_spec_says(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "title: left\u202eright\n# \u2066\x85\n"
    monkeypatch.setattr(sys, "stdout", pipe := io.StringIO())
    console.data(text)
    assert pipe.getvalue() == text
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    console.data(text)
    assert screen.getvalue().replace("\n", "").isprintable()
    assert screen.getvalue().count("\n") == 2


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_comments_are_compared_in_linear_time() -> None:
    """As long as a text may be: what looked at each blank once for each would take an hour."""
    text = GOOD + "#" + " " * 1_000_000 + "x\n"
    assert formatted(Source("t.yaml", text), arguments(Source("t.yaml", text))) == text


def test_fix_keeps_all_but_the_mistake(wrong: Path) -> None:
    wrong.chmod(0o600)
    assert "1 fixed" in zoo("check", wrong, "--fix").stderr
    assert wrong.read_text(encoding="utf-8") == WRONG.replace("Relu", "ReLU")
    assert wrong.stat().st_mode & 0o777 == 0o600


def test_fix_leaves_what_it_cannot_mend(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "  - {op: Relu}\n  - {op: Conv2d, out_channels: 3}\n")
    assert "missing-argument" in zoo("check", path, "--fix", code=1).stdout
    assert "{op: ReLU}" in path.read_text()


def test_a_clean_run_loads_no_rendering() -> None:
    code = "import sys; from speczoo.__main__ import cli\ntry: cli(['check', 'lenet5'])\nexcept SystemExit: pass\n"
    late = (
        "speczoo.specs.render",
        "speczoo.specs.schema_errors",
        "torch",
        "speczoo.compiler.explain.input_size_search",
    )
    heavy = f"print(sorted({set(late)} & set(sys.modules)))"
    assert fresh(code + heavy).stdout == "lenet5: good  1x32x32 -> 10  61,706 parameters\n[]\n"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
def test_colour_on_a_terminal_and_none_under_no_color(wrong: Path) -> None:
    import pty

    def visited(**env: str) -> bytes:
        out = b""

        def read(fd: int) -> bytes:
            nonlocal out
            piece = os.read(fd, 4096)
            out += piece
            return b""

        before = {key: os.environ.get(key) for key in ("NO_COLOR", "TERM")}
        os.environ.pop("NO_COLOR", None)
        os.environ.update({"TERM": "xterm", "PYTHONPATH": str(ROOT), **env})
        try:
            pty.spawn([sys.executable, "-m", "speczoo", "check", str(wrong)], read)
        finally:
            for key, value in before.items():
                os.environ.pop(key, None) if value is None else os.environ.update({key: value})
        return out

    assert b"\x1b[1;31merror" in visited()
    assert b"\x1b" not in visited(NO_COLOR="1")


# -- fmt ------------------------------------------------------------------------------------------------------------

MESSY = """\
# a header
layers:   # the network
    -   id: conv1     # first
        out_channels: $(max(1, 2))
        op: Conv2d
        kernel_size:  [ 3,3 ]
    # about the norm
    - {op: BatchNorm2d,   id: bn}
    - {  id: activation, inplace: true, op: ReLU}


name: t     # its name
spec: 1
input:
  - 3
  - 8
  - 8
# the end
"""


def test_fmt_puts_a_spec_in_order(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(MESSY)
    zoo("fmt", "--check", path, code=1)
    assert path.read_text() == MESSY
    zoo("fmt", path)
    lines = path.read_text().splitlines()
    assert [line.partition(":")[0] for line in lines if line[:1].isalpha()] == ["spec", "name", "input", "layers"]
    assert lines[0] == "# a header"
    assert "  - {id: bn,         op: BatchNorm2d}" in lines
    assert "  - {id: activation, op: ReLU, inplace: true}" in lines
    zoo("fmt", "--check", path)
    zoo("check", path)


def test_what_comes_with_the_zoo_is_in_its_own_style() -> None:
    zoo("fmt", "--check", NETWORKS, HOME)


def spec_of(text: str) -> object:
    report = Report()
    document = parse(Source.of(text), report)
    assert document is not None
    spec = load(document, report)
    assert report.ok
    return spec


@pytest.mark.parametrize("path", sorted(NETWORKS.rglob("*.yaml")), ids=lambda p: p.stem)
def test_fmt_is_idempotent_and_keeps_spec_and_comments(path: Path) -> None:
    source = Source.read(path, Report())
    assert source is not None
    once = formatted(source, arguments(source))
    assert once is not None
    assert formatted(Source(source.name, once), arguments(source)) == once
    assert spec_of(once) == spec_of(source.text)
    assert sorted(part for part in once.split("#")[1:]).__len__() == len(source.text.split("#")[1:])


@given(st.data())
def test_fmt_of_any_layout(data: st.DataObject) -> None:
    """Spaces, blank lines and comments put anywhere between the lines of a spec change nothing but themselves."""
    path = data.draw(st.sampled_from(sorted(NETWORKS.glob("*.yaml"))))
    source = Source.read(path, Report())
    assert source is not None
    lines = source.text.split("\n")
    top = [i for i, line in enumerate(lines) if line[:1].isalpha()]
    for n, at in enumerate(data.draw(st.lists(st.sampled_from(top), max_size=4, unique=True))):
        lines[at] = data.draw(st.sampled_from([f"# note {n}\n", "\n\n\n", f"\n# note {n}\n\n"])) + lines[at]
    changed = Source("net.yaml", "\n".join(lines))
    once = formatted(changed, arguments(changed))
    assert once is not None
    assert spec_of(once) == spec_of(changed.text)
    assert formatted(Source("net.yaml", once), arguments(changed)) == once
    assert once.count("# note") == changed.text.count("# note")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("name", ["resnet", "lenet", "unet"])
def test_fmt_keeps_the_ends_of_lines(name: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    text = (NETWORKS / f"{name}.yaml").read_text().replace(": ", ":  ")
    path.write_bytes(text.replace("\n", end).encode())
    assert zoo("check", path, "--set", "none=1", code=1)
    zoo("fmt", path)
    written = path.read_bytes()
    assert written.count(end.encode()) == len(written.decode().splitlines()) > 10
    assert b"\r" in written or end == "\n"
    path.write_text(text)
    zoo("fmt", path)
    assert written == path.read_bytes().replace(b"\n", end.encode())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_fmt_of_stdin_keeps_the_ends_of_lines(end: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    text = (NETWORKS / "lenet.yaml").read_text().replace(": ", ":  ")
    path.write_text(text)
    zoo("fmt", path)
    command = [sys.executable, "-m", "speczoo", "fmt", "-"]
    out = subprocess.run(command, input=text.replace("\n", end).encode(), capture_output=True).stdout
    assert out == path.read_bytes().replace(b"\n", end.encode())


def test_fmt_of_json(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text('{"spec":1,"name":"t","input":[3,8,8],"layers":[{"op":"ReLU"}]}')
    before = json.loads(path.read_text())
    zoo("fmt", path)
    assert json.loads(path.read_text()) == before


def test_fmt_refuses_what_is_no_spec(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("layers: [")
    assert "yaml-syntax" in zoo("fmt", path, code=1).stderr
    assert path.read_text() == "layers: ["
    zoo("fmt", tmp_path / "none.yaml", code=2)


# -- schema ---------------------------------------------------------------------------------------------------------


def test_schema(tmp_path: Path) -> None:
    printed = json.loads(zoo("schema").stdout)
    jsonschema.Draft7Validator.check_schema(printed)
    zoo("schema", "-o", tmp_path / "zoo.schema.json")
    assert json.loads((tmp_path / "zoo.schema.json").read_text()) == printed


# -- the documents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["editors.md", "ci.md"])
def test_commands_of_the_documents_exist(page: str, wrong: Path) -> None:
    """Every `zoo` line of a fenced block is a command with options that there are."""
    text = (ROOT / "specs" / page).read_text(encoding="utf-8")
    lines = re.findall(r"^(?:\$| +- run:) zoo (.*?)(?: (?:\|\||>).*)?$", text, re.MULTILINE)
    assert lines
    for line in lines:
        words = [str(wrong) if "yaml" in word else word for word in shlex.split(line)]
        if "-o" in words:
            words[-1] = str(wrong.with_suffix(".json"))
        zoo(*words, code=1 if words[0] in ("check", "fmt") else 0)


def test_the_line_of_the_documents_is_in_every_spec_of_the_zoo() -> None:
    for path in NETWORKS.rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").split("\n")[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
        assert match, path
        assert (path.parent / match[1]).resolve() == ROOT / "zoo" / "schema.json"


@pytest.mark.parametrize("path", sorted(NETWORKS.rglob("*.yaml")), ids=lambda p: p.stem)
def test_the_zoo_is_in_its_own_style(path: Path) -> None:
    zoo("fmt", "--check", path)
