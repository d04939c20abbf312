"""Layers from Python: a class is an op as soon as it exists. A spec names ops, and never a place to import from."""

from __future__ import annotations

import pickle
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import speczoo
from speczoo.compiler.emit.bindings import UnsafeSource
from speczoo.compiler.emit.safety import verify
from speczoo.compiler.layer import Call, Layer, Shape, ShapeError, Value
from tests.commands.zoo_command import zoo as command


@pytest.fixture
def scaling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Layer]]:
    """A module of somebody's, and the layer type that speaks for it; the module is gone afterwards."""
    (tmp_path / "somebodys_scaling.py").write_text(
        textwrap.dedent(
            """
            import torch
            from torch import nn


            class Scaling(nn.Module):
                def __init__(self, features, power=1):
                    super().__init__()
                    self.factor = nn.Parameter(torch.full((features,), 2.0))
                    self.power = power

                def forward(self, x):
                    return x * self.factor**self.power
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Scaling(Layer):
        """Each feature times a number that is learned."""

        features: int | None = None
        power: int = 1

        torch = "somebodys_scaling.Scaling"
        derives = ("features",)
        ranks = (1, 2)

        def derived(self, x: Shape) -> dict[str, Any]:
            return {"features": x[-1]}

        def infer(self, x: Shape) -> Shape:
            if self.power > 3:
                raise ShapeError("bad-value", "a power of at most 3", argument="power")
            return x

        def weights(self, x: Shape) -> dict[str, Shape]:
            return {"factor": (x[-1],)}

        def macs(self, out: Shape, x: Shape) -> int:
            return out[-1]

    yield Scaling
    sys.modules.pop("somebodys_scaling", None)


def spec(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"spec": 1, "name": "custom", "input": [5], "layers": list(entries)}


def test_it_is_checked_counted_printed_and_built(scaling: type[Layer]) -> None:
    data = spec({"op": "Linear", "out_features": 3}, {"op": "Scaling", "power": 2}, {"id": "last", "op": "Scaling"})
    assert speczoo.check(data) == ()
    summary = speczoo.summary(data)
    assert (summary.params, summary.macs) == (5 * 3 + 3 + 3 + 3, 5 * 3 + 3 + 3)
    source = speczoo.source(data)
    assert "from somebodys_scaling import Scaling" in source or "import somebodys_scaling" in source
    module = speczoo.build(data)
    assert {k: tuple(v.shape) for k, v in module.state_dict().items()} == speczoo.graph(data).state
    x = torch.randn(2, 5)
    first = next(child for child in module.children() if isinstance(child, nn.Linear))
    assert torch.allclose(module(x), first(x) * 8)


def test_an_argument_is_no_name_that_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it is called like what emitted text imports."""
    monkeypatch.setattr(Layer, "registry", dict(Layer.registry))

    class Odd(Layer):
        """Whatever somebody calls their arguments."""

        math: int = 0
        F: int = 0
        OrderedDict: str = ""
        parametrizations: int = 0

        torch = "somebodys.Odd"

    source = speczoo.source(spec({"op": "Odd", "math": 1, "F": 2, "OrderedDict": "F.relu", "parametrizations": 3}))
    lines = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    assert lines == ["from torch import nn", "from somebodys import Odd"]


def test_init_rules_speak_of_it(scaling: type[Layer]) -> None:
    data = spec({"op": "Scaling"}, {"op": "Linear", "out_features": 2}) | {"init": [{"match": "Scaling", "factor": 3}]}
    assert speczoo.build(data).state_dict()["0.factor"].tolist() == [3.0] * 5


def test_a_function_says_what_it_reads_of_torch() -> None:
    class Erf(Layer, op="erf"):
        """The error function."""

        reads = ("torch.special.erf",)

        def call(self, *x: Value) -> Call:
            return Call(None, apply="torch.special.erf({0})")

    x = torch.randn(2, 5)
    assert torch.equal(speczoo.build(spec({"op": "erf"}))(x), torch.special.erf(x))
    assert pickle.loads(pickle.dumps(speczoo.build(spec({"op": "erf"}))))
    del Layer.registry["erf"]
    with pytest.raises(UnsafeSource):
        verify("import torch\n\n\ndef f(x):\n    return torch.special.erf(x)\n")


@pytest.mark.parametrize(
    ("entry", "code", "says"),
    [
        ({"op": "Scaling", "powr": 2}, "unknown-argument", "`power`"),
        ({"op": "Scaling", "power": "2"}, "bad-value", "an integer"),
        ({"op": "Scaling", "power": 4}, "bad-value", "at most 3"),
        ({"op": "Scaling", "features": 7}, "assertion-failed", "5"),
        ({"op": "Scalin"}, "unknown-op", "`Scaling`"),
    ],
)
def test_its_mistakes_are_reported_like_any_other(
    scaling: type[Layer], entry: dict[str, Any], code: str, says: str
) -> None:
    with pytest.raises(speczoo.SpecError) as caught:
        speczoo.check(spec(entry))
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert says in str(caught.value)


PLACES = [
    "somebodys_scaling.Scaling", "somebodys_scaling:Scaling", "os.system", "builtins.eval", "torch.nn.Linear", "os",
    "nn.Linear", "torch.hub.load", "__main__.x", "Layer", "BaseModel", "Windowed", "Spatial", "lambda: 0", "eval",
    "exec",
    "__import__('os')", "speczoo.build", "sys.modules", "../somebodys_scaling", "somebodys_scaling.py", "!Scaling", "",
    "file:///etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("slope", [0.25, 0.5])
def test_a_form_has_all_its_arguments(slope: float) -> None:
    """Those that are defaults, too: a template has a place for each."""

    class Slope(Layer):
        """A rectifier whose slope is written twice."""

        slope: float = 0.25

        def call(self, x: Value) -> Call:
            form = "nn.Sequential(nn.LeakyReLU({slope}), nn.LeakyReLU({slope}))"
            return Call("nn.Sequential", {"slope": self.slope}, {"slope": 0.25}, construct=form)

    data = spec({"op": "Slope", "slope": slope}, {"op": "Linear", "out_features": 2})
    assert f"nn.Sequential(nn.LeakyReLU({slope}), nn.LeakyReLU({slope}))" in speczoo.source(data)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", ["op", "param", "expression", "block", "use", "init", "weights"])
def test_a_spec_names_no_place_to_import_from(scaling: type[Layer], place: str, how: str) -> None:
    before = set(sys.modules)
    data = spec({"op": "ReLU"})
    match how:
        case "op":
            data["layers"] = [{"op": place}]
        case "param":
            data |= {"params": {"which": {"type": "op", "default": place}}, "layers": [{"op": "$which"}]}
        case "expression":
            data |= {"params": {"a": place}, "layers": [{"op": "$(a + '')"}]}
        case "block":
            data |= {"blocks": {place: {"layers": [{"op": place}]}}, "layers": [{"op": place}]}
        case "use":
            data |= {"use": {"Other": place}, "layers": [{"op": "Other"}]}
        case "init":
            data["init"] = [{"match": "**", "weight": place}]
        case "weights":
            data["weights"] = place
    with pytest.raises(speczoo.SpecError):
        speczoo.check(data)
    assert "somebodys_scaling" not in sys.modules
    assert not {name for name in set(sys.modules) - before if not name.startswith("speczoo.")}


def test_an_unknown_key_of_the_hydra_kind_is_no_door(scaling: type[Layer]) -> None:
    for key in ("_target_", "class_name", "module", "import", "__class__", "safe_mode", "allow_custom", "trust"):
        with pytest.raises(speczoo.SpecError):
            speczoo.check(spec({"op": "Scaling", key: "somebodys_scaling.Scaling"}))
        with pytest.raises(speczoo.SpecError):
            speczoo.check(spec({"op": "ReLU"}) | {key: "somebodys_scaling"})


def test_a_plug_in_is_imported_only_where_the_person_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugged_layers.py").write_text(
        "from speczoo.compiler.layer import Layer\n\n\nclass Plugged(Layer):\n    torch = 'nn.Identity'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text("spec: 1\nname: net\ninput: [3]\nlayers:\n  - {op: Plugged}\n")
    try:
        assert "unknown-op" in command("check", path, code=1).output
        command("--plugin", "plugged_layers", "check", path)
    finally:
        sys.modules.pop("plugged_layers", None)
