"""The extension for VS Code: its manifest, and that it is built and packaged."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from speczoo.__main__ import cli
from speczoo.editor.server import offered

FOLDER = Path(__file__).parents[2] / "zoo" / "editor" / "vscode"
MANIFEST = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
CODE = (FOLDER / "src" / "extension.ts").read_text(encoding="utf-8")


def test_the_manifest_names_what_the_code_has() -> None:
    commands = {command["command"] for command in MANIFEST["contributes"]["commands"]}
    assert commands == set(re.findall(r'registerCommand\("([\w.]+)"', CODE))
    assert {item["command"] for items in MANIFEST["contributes"]["menus"].values() for item in items} <= commands
    settings = MANIFEST["contributes"]["configuration"]["properties"]
    assert {f"speczoo.{name}" for name in re.findall(r'getConfiguration\("speczoo"\)\.get<[^>]+>\("(\w+)"', CODE)} == {
        *settings
    }
    assert set(MANIFEST["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]) == {*settings}
    assert cli.get_command(None, settings["speczoo.command"]["default"][1]) is not None  # type: ignore[arg-type]
    assert MANIFEST["main"] == "./dist/extension.js"
    assert f"{MANIFEST['scripts']['build'].partition('--outfile=')[2].split()[0]}" == "dist/extension.js"


def test_it_asks_for_what_the_server_answers() -> None:
    answers = offered()
    asked = set(re.findall(r'name === "([\w.]+)"', CODE))
    assert asked <= set(answers["commands"])
    assert not {command["command"] for command in MANIFEST["contributes"]["commands"]} & set(answers["commands"])
    assert set(re.findall(r'sendRequest<\w+>\("([\w/]+)"', CODE)) <= set(answers["requests"])


def test_the_lock_has_the_versions_of_the_manifest_and_no_address() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    for name, version in MANIFEST["devDependencies"].items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package for path, package in lock["packages"].items() if path)
    assert not any("resolved" in package for package in lock["packages"].values())


@pytest.mark.slow
def test_it_is_built_and_packaged(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path / "zoo" / "editor" / "vscode"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "*.vsix"))
    shutil.copy(FOLDER.parents[2] / "LICENSE", tmp_path)
    installed = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
    if installed.returncode != 0:
        pytest.skip(f"its packages cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
    done = subprocess.run([npm, "run", "package"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(folder / "speczoo.vsix") as package:
        names = {name.removeprefix("extension/").lower() for name in package.namelist()}
    assert {"package.json", "readme.md", "license.txt", "dist/extension.js"} <= names
    assert not any("node_modules" in name or name.endswith(".ts") for name in names)
