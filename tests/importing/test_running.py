"""Models whose own code fails while it runs, and what it prints: reported at its line, and never a part of the spec."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from speczoo.importing import ImportRefused, ModelFailed, from_module
from tests.commands.zoo_command import zoo


class Failing(nn.Module):
    def __init__(self, act: Callable[[nn.Module, Tensor], Any]) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(4, 4), act

    def forward(self, x: Tensor) -> Any:
        return self.act(self, self.linear(x))


class Alone(Failing):
    """Which takes no single sample: the runs that record it have several."""

    def forward(self, x: Tensor) -> Any:
        if len(x) == 1:
            raise ValueError("too few")
        return self.linear(x)


def again(module: nn.Module, x: Tensor) -> Any:
    return module(x)


@pytest.mark.parametrize(
    ("act", "stated"),
    [
        (lambda m, x: 1 // 0, "Failing, given 2x4, raises ZeroDivisionError"),
        (lambda m, x: sys.exit("bye"), "Failing, given 2x4, ends the program: SystemExit: bye"),
        (lambda m, x: x.view(3, 5), "Failing, given 2x4, raises RuntimeError: shape '[3, 5]' is invalid"),
        (again, "Failing, given 2x4, calls itself without end"),
    ],
)
def test_what_a_forward_raises_is_reported_at_its_line(act: Callable[[nn.Module, Tensor], Any], stated: str) -> None:
    with pytest.raises(ModelFailed) as caught:
        from_module(Failing(act), (4,))
    where, _, text = str(caught.value).partition(": ")
    assert text.startswith(stated)
    assert where == f"{__file__}:{act.__code__.co_firstlineno}" or act is again  # which ends wherever it is too deep
    assert caught.value.__cause__ is not None


def test_what_a_proof_raises_is_reported_too() -> None:
    with pytest.raises(ModelFailed, match="Alone, given 1x4, raises ValueError: too few"):
        from_module(Alone(again), (4,))


def test_shapes_that_a_model_does_not_take_are_reported() -> None:
    with pytest.raises(ModelFailed, match="Sequential, given 2x5, raises RuntimeError: mat1 and mat2"):
        from_module(nn.Sequential(nn.Linear(4, 4)), (5,))


@pytest.mark.parametrize("shape", [(4, 8), (3, 8, 8)])
def test_shapes_that_a_norm_does_not_take_are_reported(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelFailed, match=r"raises (ValueError|RuntimeError)"):
        from_module(nn.Sequential(nn.BatchNorm2d(4)), shape)


def test_a_request_to_stop_is_none_of_it() -> None:
    def stop(module: nn.Module, x: Tensor) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from_module(Failing(stop), (4,))


@pytest.mark.parametrize(
    ("model", "stated"),
    [
        (nn.Linear(3, 4), "a layer by itself: keys of a layer begin with an id, which `weight`, `bias` do not"),
        (Failing(lambda m, x: None), "its forward: no tensor comes out"),
    ],
)
def test_what_is_no_list_of_entries_is_reported(model: nn.Module, stated: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        from_module(model, (3,) if isinstance(model, nn.Linear) else (4,))
    assert stated in str(caught.value)


def test_a_model_that_does_nothing_is_one_layer() -> None:
    class Nothing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    assert from_module(Nothing(), (4,)).graph.params == 0


def test_what_code_prints_is_no_part_of_the_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("printing_net.py").write_text(
        "from torch import nn\nprint('imported')\n"
        "class Twice(nn.Module):\n    def forward(self, x):\n        print('run'); return x * 2\n"
    )
    done = zoo("import", "printing_net:Twice", "--input", "2")
    assert done.stdout.startswith("spec: 1\n")
    assert "imported\nrun\n" in done.stderr
