"""Every code is explained, and what its explanation shows is so: the bad example earns the code and no other, the
mended one earns nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import speczoo
from speczoo.specs.codes import CODES, EXPLANATIONS

ROOT = Path(__file__).parents[2]


def said(path: Path) -> list[str]:
    try:
        return [d.code for d in speczoo.check(path)]
    except speczoo.SpecError as error:
        return [d.code for d in error.diagnostics]


@pytest.mark.parametrize("name", CODES)
def test_examples_run(name: str, tmp_path: Path) -> None:
    code = CODES[name]
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    bad.write_bytes(code.bad.encode("latin-1" if name == "unreadable" else "utf-8"))
    good.write_text(code.good, encoding="utf-8")
    assert set(said(bad)) == {name}
    assert said(good) == []


@pytest.mark.parametrize("name", CODES)
def test_explanation_is_headed_by_its_code(name: str) -> None:
    assert CODES[name].explanation.startswith(f"# {name}\n")


def test_no_explanation_without_a_code() -> None:
    assert {path.stem for path in EXPLANATIONS.glob("*.md")} == set(CODES)


def test_every_code_in_use_is_explained() -> None:
    """The first argument of what tells a mistake, wherever one is told."""
    told = re.compile(
        r"""(?:Diagnostic|ShapeError|Problem|told|tell|stop|_tell|wrong)\(\s*["']([a-z]+(?:-[a-z]+)+)["']"""
    )
    used = {
        m
        for room in ("specs", "compiler", "zoo")
        for p in (ROOT / room).rglob("*.py")
        for m in told.findall(p.read_text(encoding="utf-8"))
    }
    assert len(used) > 15
    assert used <= set(CODES)
