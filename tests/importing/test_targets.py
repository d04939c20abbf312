"""Models by their names: code that goes wrong, or ends as a script does, is reported with what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from speczoo.importing.targets import Target, TargetError, model_of


@pytest.mark.parametrize(
    ("name", "code", "stated"),
    [
        ("unclosed", "x = (\n", "SyntaxError"),
        ("failing", "1 / 0\n", "ZeroDivisionError"),
        ("ending", "import sys\nsys.exit(0)\n", "SystemExit: 0"),
        ("making", "def Net():\n    raise ValueError('too wide')\n", "ValueError: too wide"),
        ("leaving", "def Net():\n    raise SystemExit(0)\n", "SystemExit: 0"),
        ("asking", "def Net(width):\n    pass\n", "missing 1 required positional argument: 'width'"),
        ("missing", "import no_such_module_at_all\n", "No module named"),
        ("empty", "", "has no 'Net'"),
    ],
)
def test_what_code_raises_is_reported(
    name: str, code: str, stated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"targets_{name}.py").write_text(code)
    with pytest.raises(TargetError, match=stated) as caught:
        model_of(Target(f"targets_{name}", "Net"), {})
    assert f"targets_{name}" in str(caught.value)


def test_what_is_asked_to_stop_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("targets_stopped.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        model_of(Target("targets_stopped", "Net"), {})
