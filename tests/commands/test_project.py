"""`[tool.speczoo]` in pyproject.toml: what is looked at, how strictly, and what counts for those who trust it alone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.project import Project, ProjectError, find
from speczoo.specs.limits import DEFAULT, Limits
from tests.commands.zoo_command import fresh, zoo

GOOD = "spec: 1\nname: t\ninput: [3]\nlayers: [{op: ReLU}]\n"
UNUSED = "spec: 1\nname: t\ninput: [3]\nlayers: [{id: a, op: ReLU}, {op: ReLU, from: input}]\n"
RUN = "import sys; from speczoo.__main__ import main; sys.argv = ['zoo', *sys.argv[1:]]; main()"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZOO_TRUST", raising=False)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "good.yaml").write_text(GOOD)
    return tmp_path


def says(folder: Path, table: str) -> None:
    (folder / "pyproject.toml").write_text(f"[project]\nname = 'x'\n\n[tool.speczoo]\n{table}\n")


def test_what_it_names_is_looked_at_from_any_folder_inside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(here, 'paths = ["nets"]')
    assert "nets/good.yaml: good" in zoo("check").stdout
    monkeypatch.chdir(here / "nets")
    assert "good.yaml: good" in zoo("check").stdout
    zoo("fmt", "--check")


def test_without_it_something_has_to_be_named(here: Path) -> None:
    assert "[tool.speczoo]" in zoo("check", code=2).stderr
    (here / "pyproject.toml").write_text("[tool.other]\nspeczoo = 3\n")
    assert "[tool.speczoo]" in zoo("fmt", code=2).stderr


def test_warnings_count_where_it_is_strict(here: Path) -> None:
    (here / "t.yaml").write_text(UNUSED)
    zoo("check", "t.yaml")
    says(here, "strict = true")
    zoo("check", "t.yaml", code=1)


def test_it_lowers_limits_for_everybody_and_raises_them_for_who_trusts_it(here: Path) -> None:
    says(here, "limits = {nodes = 1}")
    assert "limit-exceeded" in zoo("check", "lenet5", code=1).stdout
    assert "good" in zoo("check", "lenet5", "--limit", "nodes=1000").stdout
    says(here, f"limits = {{nodes = {DEFAULT.nodes + 1}}}")
    assert "--trust" in zoo("check", "lenet5", code=2).stderr
    zoo("--trust", "check", "lenet5")


LAYER = """
from speczoo.compiler.layer import Layer


class SameOfProject(Layer):
    \"\"\"Gives what it takes.\"\"\"
"""


def test_its_plugins_run_for_who_trusts_it_alone(here: Path) -> None:
    (here / "mine_of_project.py").write_text(LAYER)
    (here / "nets" / "t.yaml").write_text(GOOD.replace("ReLU", "SameOfProject"))
    says(here, 'plugins = ["mine_of_project"]')
    asked = ("check", str(here / "nets" / "t.yaml"))
    assert "unknown-op" in fresh(RUN, *asked).stdout
    assert "good" in fresh(RUN, "--trust", *asked).stdout
    assert "good" in fresh(RUN, *asked, ZOO_TRUST="1").stdout


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('path = ["nets"]', "did you mean `paths`"),
        ('paths = "nets"', "a list of texts"),
        ('paths = ["../other"]', "inside the folder"),
        ('paths = ["/etc"]', "inside the folder"),
        ('strict = "yes"', "true or false"),
        ("limits = {nodes = -1}", "whole numbers by name"),
        ("limits = {node = 1}", "whole numbers by name"),
        ("limits = {nodes = true}", "whole numbers by name"),
        ("plugins = [3]", "a list of texts"),
    ],
)
def test_what_is_wrong_with_it_is_reported(table: str, words: str, here: Path) -> None:
    says(here, table)
    reported = zoo("check", "nets", code=2).stderr
    assert words in reported
    assert "pyproject.toml" in reported


def test_the_nearest_table_counts(here: Path) -> None:
    says(here, "strict = true")
    says(here / "nets", 'paths = ["."]')
    assert find(here / "nets") == Project(here / "nets", paths=(".",))
    (here / "nets" / "pyproject.toml").write_text("[project]\nname = 'y'\n")
    assert find(here / "nets") == Project(here, strict=True)


@given(text=st.one_of(st.text(), st.just("[" * 10_000), st.just("tool.speczoo = 3"), st.just("tool = {speczoo = [1]}")))
def test_no_file_of_a_stranger_breaks_it(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "pyproject.toml").write_text(f"{text}\n# tool speczoo", encoding="utf-8")
    with suppress(ProjectError):
        assert find(folder).folder in (Path(), folder)


def test_every_limit_has_its_name_there(here: Path) -> None:
    for each in fields(Limits):
        says(here, f"limits = {{{each.name} = {getattr(DEFAULT, each.name)}}}")
        assert find(here).over(DEFAULT) == DEFAULT
