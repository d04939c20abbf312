"""What `zoo check` looks at and for how long: folders, process substitution, files that change; and comments that
ignore a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speczoo
from speczoo import catalogue
from speczoo.commands import watching
from speczoo.specs.codes import WARNINGS
from speczoo.specs.errors import SpecError
from tests.commands.zoo_command import data, zoo

GOOD = "spec: 1\nname: t\ninput: [3]\nlayers: [{op: ReLU}]\n"
UNUSED = """\
spec: 1
name: t
input: [3]
layers:
  - {id: a, op: ReLU}
  - {id: b, op: ReLU, from: input}
"""


# -- folders --------------------------------------------------------------------------------------------------------


def test_specs_and_recipes_of_a_folder_are_checked_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "nets" / "deep").mkdir(parents=True)
    (tmp_path / "nets" / ".hidden").mkdir()
    for name in ("nets/a.yaml", "nets/deep/b.json", "nets/.hidden/c.yaml"):
        (tmp_path / name).write_text(
            GOOD if name.endswith("yaml") else '{"spec": 1, "name": "t", "input": [3], "layers": []}'
        )
    (tmp_path / "nets" / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "nets" / "notes.txt").write_text(GOOD)
    found = {each["file"]: each["ok"] for each in data("check", tmp_path / "nets", code=1)["files"]}
    assert found == {str(tmp_path / "nets/a.yaml"): True, str(tmp_path / "nets/deep/b.json"): False}


def test_folders_are_looked_through_however_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that go deeper than Python calls; those that a link leads to are not gone into."""
    monkeypatch.chdir(tmp_path)
    deepest = sys.getrecursionlimit() + 200
    for _ in range(deepest):
        os.mkdir("d")
        os.chdir("d")
    Path("a.yaml").write_text(GOOD)
    os.symlink(tmp_path, "up")
    os.chdir(tmp_path)
    assert catalogue.below(Path()) == ["d/" * deepest + "a.yaml"]
    for _ in range(deepest):  # what removes the folder afterwards calls itself, too
        os.chdir("d")
    os.remove("a.yaml")
    os.remove("up")
    for _ in range(deepest):
        os.chdir("..")
        os.rmdir("d")


def test_a_folder_without_specs_is_reported(tmp_path: Path) -> None:
    assert "there is no spec in the folder" in zoo("check", tmp_path, code=2).stdout
    with pytest.raises(SpecError, match="there is no spec in the folder"):
        speczoo.graph(tmp_path)


def test_a_folder_hides_no_network_of_the_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet5").mkdir()
    assert catalogue.expand(["lenet5"]) == ["lenet5"]


def test_what_a_command_prints_is_taken_for_a_file(tmp_path: Path) -> None:
    run = f'"{sys.executable}" -m speczoo'
    line = f"{run} check <(cat t.yaml; sleep 0.2) && {run} check <(echo 'spec: 1')"
    (tmp_path / "t.yaml").write_text(GOOD)
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert "good  3 -> 3" in done.stdout
    assert "`name`, `layers` and `input` are missing" in done.stdout
    assert done.returncode == 1


# -- warnings that are ignored --------------------------------------------------------------------------------------


def test_strict_lets_warnings_count(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(UNUSED)
    assert zoo("check", path).stdout == zoo("check", path, "--strict", code=1).stdout
    path.write_text(GOOD)
    zoo("check", path, "--strict")


def test_a_comment_ignores_a_warning_of_its_line(tmp_path: Path) -> None:
    text = UNUSED.replace("op: ReLU}\n", "op: ReLU} # zoo: ignore[unused-layer] it is read by hooks\n", 1)
    assert [d.code for d in speczoo.check(UNUSED)] == ["unused-layer"]
    assert speczoo.check(text) == ()
    assert [
        d.code for d in speczoo.check(text.replace("ignore[unused-layer]", "ignore[unused-rule, unused-layer]"))
    ] == ["unused-ignore"]


def test_what_is_ignored_is_reported_again_when_it_is_asked_for_again() -> None:
    text = GOOD.replace("layers: [{op: ReLU}]", "layers:\n  - {op: ReLU} # zoo: ignore[unused-layer]")
    assert [[d.code for d in speczoo.check(text)] for _ in range(3)] == [["unused-ignore"]] * 3


def test_comments_of_a_spec_in_use_are_heeded(tmp_path: Path) -> None:
    part = UNUSED.replace("op: ReLU}\n", "op: ReLU} # zoo: ignore[unused-layer]\n", 1)
    (tmp_path / "part.yaml").write_text(part)
    (tmp_path / "t.yaml").write_text("spec: 1\nname: w\ninput: [3]\nuse: {P: part.yaml}\nlayers: [{op: P}]\n")
    assert speczoo.check(tmp_path / "t.yaml") == ()
    (tmp_path / "part.yaml").write_text(UNUSED)
    assert [d.code for d in speczoo.check(tmp_path / "t.yaml")] == ["unused-layer"]


def test_an_error_is_never_ignored() -> None:
    text = "spec: 1\nname: t\ninput: [3]\nlayers:\n  - {op: Relu} # zoo: ignore[unknown-op]\n"
    with pytest.raises(SpecError) as caught:
        speczoo.check(text)
    assert [d.code for d in caught.value.diagnostics] == ["unknown-op"]


@given(st.sampled_from(['"{}"', "'{}'", "|\n  {}", ">\n  {}"]), st.sampled_from(WARNINGS))
def test_what_reads_like_a_comment_inside_a_text_is_none(quotes: str, code: str) -> None:
    notes = quotes.format(f"see # zoo: ignore[{code}]")
    assert speczoo.check(f"{GOOD}title: {notes}\n") == ()


# -- watching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["written", "removed", "made", "in the folder"])
def test_a_change_ends_the_waiting(change: str, tmp_path: Path) -> None:
    path, missing = tmp_path / "t.yaml", tmp_path / "deep" / "new.yaml"
    (tmp_path / "deep").mkdir()
    path.write_text(GOOD)
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            os.utime(tmp_path / "deep", ns=(0, 0))  # so that the folder's own time differs, however coarse clocks are
            {
                "written": lambda: path.write_text(GOOD + "# more\n"),
                "removed": path.unlink,
                "made": lambda: missing.write_text(GOOD),
                "in the folder": lambda: (tmp_path / "deep" / "other.yaml").write_text(GOOD),
            }[change]()

    watched = {"made": [missing], "in the folder": [tmp_path / "deep"]}.get(change, [path])
    assert watching.changed(watching.stamps(watched), sleep) == watched
    assert len(looks) == 3


def test_watching_checks_again_until_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(GOOD)
    rounds = iter([lambda: path.write_text(UNUSED), lambda: path.write_text(GOOD)])

    def changed(before: watching.Stamps) -> list[Path]:
        step = next(rounds, None)
        if step is None:
            raise KeyboardInterrupt
        step()
        return [path]

    monkeypatch.setattr(watching, "changed", changed)
    done = zoo("check", "--watch", path, code=130)
    assert [line.split(":")[1].split("  ")[0].strip() for line in done.stdout.splitlines() if "3 -> 3" in line] == [
        "good", "1 warning", "good",
    ]  # fmt: skip
    assert done.stderr.count("changed") == 2


def test_specs_that_are_used_are_watched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part.yaml").write_text(GOOD)
    (tmp_path / "t.yaml").write_text("spec: 1\nname: w\ninput: [3]\nuse: {P: part.yaml}\nlayers: [{op: P}]\n")
    visited: list[set[str]] = []

    def changed(before: watching.Stamps) -> list[Path]:
        visited.append({path.name for path in before})
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "changed", changed)
    zoo("check", "--watch", tmp_path / "t.yaml", code=130)
    assert visited == [{"t.yaml", "part.yaml"}]


def test_files_that_come_to_a_glob_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[set[Path]] = []

    def changed(before: watching.Stamps) -> list[Path]:
        visited.append({*before})
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "changed", changed)
    zoo("check", "--watch", tmp_path / "t*.yaml", code=130)
    assert tmp_path in visited[0]
    done = zoo("check", "--watch", tmp_path / "t.yaml", code=130)
    assert f"{tmp_path / 't.yaml'}: not there yet" in done.stderr
    assert len(visited) == 2


@pytest.mark.parametrize("name", ["nothing", "lenet5", "resnet*"])
def test_where_there_is_nothing_to_watch_it_does_not_wait(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "changed", lambda before: pytest.fail(f"it waits for {before}"))
    assert "there is nothing to watch" in zoo("check", "--watch", name, code=2).stderr


@pytest.mark.parametrize("words", [("fmt",), ("check", "--fix")])
def test_what_a_command_prints_is_not_written_into(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as pipe:
        pipe.write(GOOD)
        pipe.flush()
        stated = zoo(*words, f"/dev/fd/{reading}", code=2).stderr
    assert "what a command prints" in stated
    assert "--diff" in stated


@pytest.mark.parametrize("words", [("-", "--watch"), ("lenet5", "--watch", "--json"), ("-", "--fix")])
def test_what_cannot_be_watched_is_refused(words: tuple[str, ...]) -> None:
    assert "--watch" in zoo("check", *words, code=2).stderr or "--fix" in words
