"""What else reads files of strangers, beside text -> source: changed files are refused in words, or serve."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speczoo.specs import edit
from tests.fuzz import targets
from tests.fuzz.targets import TARGETS

torch = pytest.importorskip("torch")
each = pytest.mark.parametrize("name", TARGETS)


@pytest.mark.filterwarnings("ignore")  # torch's, of pickles that are none
@each
@given(seed=st.integers(0, 2**32), times=st.integers(1, 3))
def test_a_changed_file_is_refused_or_serves(name: str, seed: int, times: int) -> None:
    random, chosen = Random(seed), TARGETS[name]
    data = random.choice(chosen.seeds())
    for _ in range(times):
        data = chosen.changed(data, random)
    chosen.check(data)


@each
def test_what_it_starts_from_gets_to_the_end(name: str) -> None:
    """Otherwise nothing but the first refusal would be fuzzed."""
    chosen = TARGETS[name]
    assert any(right for _, right in map(chosen.check, chosen.seeds()[:20]))


def stray(*words: object) -> tuple[int, str]:
    Path("../stray").touch()
    return 0, ""


@pytest.mark.parametrize(
    ("name", "where", "what", "bug"),
    [
        ("fmt", targets, "formatted", lambda source, order: source.text + "\n"),
        ("fmt", targets, "formatted", lambda source, order: targets.INNER),
        ("fix", edit, "mended", lambda source, found: "{"),
        ("fix", edit, "mended", lambda source, found: source.text[1:]),
        ("written", targets, "zoo", stray),
        ("written", targets, "zoo", lambda *words: (0, targets.OUTSIDE)),
    ],
)
def test_a_bug_would_be_found(name: str, where: Any, what: str, bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, what, bug)
    with pytest.raises(AssertionError):
        TARGETS[name].check(TARGETS[name].seeds()[0])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("change", ["meta", "sparse", "complex", "quantized"])
def test_weights_are_plain_tensors_of_real_numbers(change: str, tmp_path: Path) -> None:
    import speczoo
    from speczoo.training.errors import RunError
    from speczoo.training.run import Run
    from speczoo.weights import WeightsError

    shutil.copytree(targets.KEPT / "run", tmp_path / "run")
    for kept in (targets.KEPT / "built" / "tiny.pt", tmp_path / "run" / "model.pt"):
        state = torch.load(kept, weights_only=True)
        state["3.bias"] = {
            "meta": lambda bias: bias.to("meta"),
            "sparse": lambda bias: bias.to_sparse(),
            "complex": lambda bias: bias.to(torch.complex64),
            "quantized": lambda bias: torch.quantize_per_tensor(bias, 0.1, 0, torch.qint8),
        }[change](state["3.bias"])
        torch.save(state, tmp_path / kept.name)
        if kept.name == "tiny.pt":  # the run's is another network's
            reported = r"`3\.bias` is a.* tensor|of complex numbers where real ones are wanted: 3\.bias"
            with pytest.raises(WeightsError, match=f"{reported}|cannot be read"):
                speczoo.build(targets.KEPT / "built" / "tiny.yaml", tmp_path / kept.name)
            with pytest.raises(WeightsError, match=reported):
                speczoo.build(targets.KEPT / "built" / "tiny.yaml", state)
    (tmp_path / "model.pt").replace(tmp_path / "run" / "model.pt")
    with pytest.raises(RunError, match=r"cannot read|`3\.bias` is a tensor of torch\.complex64"):
        Run.open(tmp_path / "run").model()
