"""What is wrong with a spec is reported in its own file, whether it is checked itself or used by another."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from speczoo import catalogue
from speczoo.checking import check_into
from speczoo.specs.diagnostics import Diagnostic, Report
from tests.error_cases import CASES, name, reported


def usable(path: Path) -> bool:
    """Whether an entry can use it: one input of plain sizes, nothing to choose, no word on the whole network."""
    if path.parent.name == "unused-ignore":
        return False  # what ignores nothing in one use may ignore something in another
    unit = catalogue.read(path, Report())
    if unit is None:
        return True
    spec = unit.spec
    return (
        isinstance(spec.input, list)
        and bool(spec.input)
        and all(type(size) is int and 1 <= size < 2**31 for size in spec.input)
        and not any(placeholder[:1] in (("input",), ("params",), ("name",)) for placeholder in spec.placeholders)
        and not (spec.variants or spec.freeze or spec.expect or any(p.required for p in spec.params.values()))
        and not any(set(rule.model_extra or {}) - {"weight", "bias"} for rule in spec.init)
    )


def lines(found: list[Diagnostic], file: str) -> Counter[tuple[str, int]]:
    return Counter((d.code, d.span.line if d.span else 0) for d in found if d.file and Path(d.file).name == file)


@pytest.mark.parametrize("path", [path for path in CASES if usable(path)], ids=name)
def test_a_used_spec_tells_what_it_tells_alone(path: Path, tmp_path: Path) -> None:
    alone = reported(path)
    if "limit-exceeded" in {d.code for d in alone} or "./" in path.read_text(encoding="utf-8"):
        pytest.skip("asks what only a root is asked, or uses files of its own folder")
    unit = catalogue.read(path, Report())
    input = unit.spec.input if unit is not None else [3, 32, 32]
    shutil.copy(path, tmp_path / "used.yaml")
    asker = tmp_path / "asker.yaml"
    asker.write_text(f"spec: 1\nname: asker\ninput: {input}\nuse: {{Part: ./used.yaml}}\nlayers: [{{op: Part}}]\n")
    report = Report()
    check_into(report, asker)
    assert lines(report.diagnostics, "used.yaml") == lines(alone, path.name)
    assert report.ok == (not any(d.severity == "error" for d in alone))
