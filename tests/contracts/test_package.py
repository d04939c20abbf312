"""One name to import, `speczoo`: whatever files and packages lie beside a script, and all that belongs to it."""

from __future__ import annotations

import keyword
import subprocess
import sys
import tomllib
from pathlib import Path, PurePath

import pytest

import speczoo

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETTINGS["package-dir"]
SCRIPT = """
import specs, compiler, zoo
import speczoo, speczoo.specs.codes
assert specs.mine and compiler.mine and zoo.mine
print(speczoo.summary("lenet5").params, speczoo.specs.codes.CODES["cycle"] != "")
"""


def folder(package: str) -> Path:
    """Where a package lies: below the nearest package that has a folder of its own."""
    parts = package.split(".")
    for count in range(len(parts), 0, -1):
        if (top := ".".join(parts[:count])) in FOLDERS:
            return ROOT.joinpath(FOLDERS[top], *parts[count:])
    raise AssertionError(package)


def test_every_folder_with_modules_is_a_package() -> None:
    reported = {folder(package) for package in SETTINGS["packages"]}
    assert reported == {path.parent for top in FOLDERS.values() for path in (ROOT / top).rglob("*.py")}
    assert {package.partition(".")[0] for package in SETTINGS["packages"]} == {"speczoo"}


def test_every_module_can_be_imported_by_its_name() -> None:
    parts = {
        part
        for top in FOLDERS.values()
        for path in (ROOT / top).rglob("*.py")
        for part in (path.parent.name, path.stem)
    }
    assert [part for part in parts if not part.isidentifier() or keyword.iskeyword(part)] == []


#: What is packaged by itself, and left out of the wheel.
APART = ROOT / "zoo" / "editor" / "vscode"


def test_every_other_file_goes_with_them() -> None:
    patterns = [PurePath(pattern).name for pattern in SETTINGS["package-data"]["*"]]
    for top in FOLDERS.values():
        for path in (ROOT / top).rglob("*"):
            apart = APART in path.parents or path.parent.name == "__pycache__"
            if path.is_file() and path.suffix != ".py" and not apart:
                assert any(path.match(pattern) for pattern in patterns), path


def test_the_extension_for_vs_code_is_left_out() -> None:
    assert SETTINGS["exclude-package-data"] == {"*": [f"{APART.name}/**", f"**/{APART.name}/**"]}
    assert (APART / "package.json").is_file()


@pytest.mark.parametrize("kind", ["modules", "packages"])
def test_a_script_may_lie_beside_files_of_any_name(kind: str, tmp_path: Path) -> None:
    for name in ("specs", "compiler", "zoo"):
        path = tmp_path / f"{name}.py" if kind == "modules" else tmp_path / name / "__init__.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine = True\n", encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    for command in ([sys.executable, "script.py"], [sys.executable, "-c", SCRIPT]):
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.stdout == "61706 True\n", done.stderr
    done = subprocess.run([sys.executable, "-m", "speczoo", "list", "lenet5"], capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert speczoo.__version__ == project["version"]
    with pytest.raises(AttributeError, match="module 'speczoo' has no attribute 'nothing'"):
        getattr(speczoo, "nothing")  # noqa: B009
