"""`pytest --zoo`: specs are collected when asked for, and they alone; mistakes are shown as `zoo check` shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

GOOD = """
spec: 1
name: good
input: [3, 9, 9]
params: {width: {type: int, default: 2, min: 1, max: 3}}
layers:
  - {op: Conv2d, out_channels: $width, kernel_size: 3}
"""
BAD = """
spec: 1
name: bad
input: [6, 9, 9]
params:
  groups: {type: int, default: 1, min: 1, max: 4}
layers:
  - {op: Conv2d, out_channels: 6, kernel_size: 3, groups: $groups}
"""
LAYER = """
from speczoo.compiler.layer import Layer, Shape


class Odd(Layer):
    torch = "nn.Identity"
    views = True
"""


@pytest.fixture
def nets(pytester: pytest.Pytester) -> Path:
    """A folder of files, two of them specs."""
    folder = pytester.mkdir("nets")
    (folder / "good.yaml").write_text(GOOD, encoding="utf-8")
    (folder / "good.json").write_text('{\n  "spec": 1, "name": "j", "input": [3], "layers": [{"op": "ReLU"}]\n}\n')
    (folder / "deployment.yaml").write_text("kind: Deployment\nspec:\n  replicas: 3\n", encoding="utf-8")
    (folder / "recipe.yaml").write_text("recipe: 1\nnetwork: good\n", encoding="utf-8")
    (folder / "notes.txt").write_text("spec: 1\n", encoding="utf-8")
    return folder


def test_specs_are_collected_where_asked_for(pytester: pytest.Pytester, nets: Path) -> None:
    result = pytester.inline_run("--zoo", "nets")
    names = {report.nodeid for report in result.getreports("pytest_runtest_logreport") if report.when == "call"}
    assert names == {
        *(f"nets/good.yaml::{name}" for name in ("check", "sizes", "params.width")),
        *(f"nets/good.json::{name}" for name in ("check", "sizes")),
    }
    result.assertoutcome(passed=5)


def test_without_asking_nothing_is_collected(pytester: pytest.Pytester, nets: Path) -> None:
    pytester.inline_run("nets").assertoutcome()


def test_what_is_wrong_is_shown_at_its_line_and_nothing_of_the_machinery(pytester: pytest.Pytester, nets: Path) -> None:
    (nets / "good.yaml").write_text(BAD, encoding="utf-8")
    result = pytester.runpytest_inprocess("--zoo", "nets/good.yaml")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ nets/good.yaml params.groups _*",
            "error[[]indivisible[]]: `groups: 4` does not divide*",
            "  --> nets/good.yaml:8:*",
            "*   6 |   groups: {type: int, default: 1, min: 1, max: 4}",
            "*     |   ------ 4 is in its range: 1 to 4",
            "   = met with --set groups=4",
            "FAILED nets/good.yaml::params.groups - error[[]indivisible[]]*",
        ]
    )
    assert "hypothesis" not in result.stdout.str().partition("FAILURES")[2].lower()


@pytest.mark.parametrize(
    ("text", "code", "tests"),
    [
        ("spec: 1\nname: [\n", "yaml-syntax", 1),
        ("spec: 7\nname: net\ninput: [3]\nlayers: [{op: ReLU}]\n", "bad-value", 1),
        ("spec: 1\nname: net\ninput: [3]\nlayers:\n  - {op: Relu}\n", "unknown-op", 1),
        ("spec: 1\nname: net\ninput: [3]\nlayers: [{op: ReLU}]\nexpect: {params: 3}\n", "assertion-failed", 2),
    ],
)
def test_a_wrong_spec_is_one_failure(pytester: pytest.Pytester, nets: Path, text: str, code: str, tests: int) -> None:
    (nets / "good.yaml").write_text(text, encoding="utf-8")
    result = pytester.runpytest_inprocess("--zoo", "nets/good.yaml")
    result.assert_outcomes(failed=1, passed=tests - 1)
    result.stdout.fnmatch_lines([f"error[[]{code}[]]: *", "  --> nets/good.yaml:*"])


def test_layers_of_ones_own_come_from_conftest(pytester: pytest.Pytester, nets: Path) -> None:
    (nets / "good.yaml").write_text("spec: 1\nname: net\ninput: [3]\nlayers: [{op: Odd}]\n", encoding="utf-8")
    (nets / "conftest.py").write_text(LAYER, encoding="utf-8")
    pytester.runpytest_inprocess("--zoo", "nets/good.yaml").assert_outcomes(passed=2)


COUNTING = """
import sys, pytest


class Loaded:
    def pytest_collection_finish(self):  # later Hypothesis imports itself, whoever runs
        sys.stderr.write("LOADED " + " ".join(m for m in sys.modules if m.partition(".")[0] in {names}))


pytest.main(["--collect-only", "-q", *sys.argv[1:]], plugins=[Loaded()])
"""


def test_it_imports_nothing_heavy_where_it_is_not_asked_for(nets: Path) -> None:
    names = {"torch", "hypothesis", "pydantic", "pydantic_core", "ruamel", "networkx", "numpy", "speczoo"}
    code = COUNTING.format(names=names)
    done = subprocess.run([sys.executable, "-c", code, str(nets)], capture_output=True, text=True, cwd=nets)
    loaded = set(done.stderr.rpartition("LOADED")[2].split())
    own = {"speczoo", "speczoo.testing", "speczoo.testing.pytest_plugin", "speczoo.specs", "speczoo.specs.errors",
           "speczoo.specs.diagnostics"}  # fmt: skip
    assert loaded == own


@pytest.mark.parametrize("name", ["hypothesis", "torch"])
def test_that_something_is_not_installed_is_reported_in_a_line(nets: Path, name: str) -> None:
    without = f"""
import sys
from importlib.abc import MetaPathFinder
import pytest


class Without(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            raise ModuleNotFoundError(name, name=name)


import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == {name!r} else real(name, package)
sys.meta_path.insert(0, Without())
import speczoo.testing
try:
    speczoo.testing.check_layer
except ModuleNotFoundError as error:
    print(error)
pytest.main(["-p", "no:hypothesispytest", "--zoo", "."])
"""
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, cwd=nets)
    needs = f"needs {name}, which is not installed: pip install 'speczoo[testing]'"
    assert f"this {needs}" in done.stdout
    assert f"ERROR: --zoo {needs}" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_names_of_speczoo_testing_are_there() -> None:
    import speczoo.testing

    assert all(getattr(speczoo.testing, name) is not None for name in speczoo.testing.__all__)
    assert dir(speczoo.testing) == sorted(speczoo.testing.__all__)
    with pytest.raises(AttributeError, match=r"module 'speczoo\.testing' has no attribute 'nothing'"):
        getattr(speczoo.testing, "nothing")  # noqa: B009
