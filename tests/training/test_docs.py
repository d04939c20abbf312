"""Every Python example of zoo/training/README.md runs; every YAML example is a recipe."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.source import Source
from speczoo.training import recipe_loader

PAGE = Path(__file__).parents[2] / "zoo" / "training" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
YAML = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(PYTHON) >= 3
    assert YAML


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_runs(
    code: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = re.search(r"# needs: (\w+)", code)
    if needs and importlib.util.find_spec(needs[1]) is None:
        pytest.skip(f"needs {needs[1]}")
    if "speczoo.train(" in code:
        monkeypatch.setenv("ZOO_DATA", str(request.getfixturevalue("mnist")))
    exec(compile(code, str(PAGE), "exec"), {"RUNS": tmp_path, "__name__": "example"})


@pytest.mark.parametrize("text", YAML, ids=range(len(YAML)))
def test_yaml_is_a_recipe(text: str) -> None:
    report = Report()
    document = parse(Source.of(text), report)
    assert report.ok
    assert document is not None
    assert recipe_loader.load(document.data).name
